"""`/prossimi-addebiti`: every debit of the coming twelve months, and what can be decided about the next ones."""

from typing import Any

import reflex as rx

from pecapp.services import renewal_views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, dialogs, feedback, forms, means, renewals, status
from pecapp.ui.pages import service
from pecapp.ui.states import forecast as states

ROUTE = "/prossimi-addebiti"
TITLE_KEY = "forecast.title"
ON_LOAD = states.Forecast.load
State: Any = states.Forecast
"""Its vars are variables of the page here; a type checker sees the values they will have."""
ADDRESS = "indirizzo-calendario"


def page() -> rx.Component:
    """The total, the year at a glance, the debits by month, and the calendar that follows them."""
    return layout.page(
        feedback.loaded(
            State.ready,
            rx.cond(State.view.by_hand.length() > 0, _by_hand(), rx.fragment()),
            rx.cond(State.view.months.length() > 0, _forecast(), rx.cond(State.view.later != "", _later(), _empty())),
            _calendar(),
            lines=6,
        ),
        _skip_dialog(),
        rx.fragment(_method_dialog(), key=State.answers.to_string()),  # a new one is closed
        _replace_dialog(),
        _revoke_dialog(),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("forecast.lead"),
        above=service.back(text.t("area.back"), "/area-clienti"),
    )


def _empty() -> rx.Component:
    return _nothing(text.t("forecast.empty"), text.t("forecast.empty_text"))


def _later() -> rx.Component:
    """Renewals are on, but none is debited within the year."""
    return _nothing(text.t("forecast.later_title"), State.view.later)


def _nothing(title: text.Words, words: text.Words) -> rx.Component:
    return feedback.empty(
        "calendar_check",
        title,
        words,
        buttons.link_button(text.t("forecast.to_services"), href="/area-clienti", look="primary"),
    )


def _by_hand() -> rx.Component:
    """What no debit is coming for any more, before what is coming: only its owner can do something about it."""
    return rx.el.section(
        rx.el.h2(text.t("debit.status.by_hand"), class_name="shelf__title"),
        rx.el.p(text.t("forecast.by_hand")),
        rx.el.ul(rx.foreach(State.view.by_hand, _to_pay), class_name="stack"),
        class_name="shelf",
    )


def _to_pay(one: renewal_views.ByHandView) -> rx.Component:
    trouble = one.trouble
    return rx.el.li(
        rx.el.div(
            rx.el.h3(one.service, class_name="card__title"),
            rx.el.p(rx.el.span(text.t("forecast.amount"), class_name="sr-only"), one.amount, class_name="price"),
            class_name="cluster cluster--apart",
        ),
        rx.el.div(
            status.badge("debit.status", trouble.status),
            rx.el.p(trouble.why),
            rx.el.p(text.t("svc.ends", expires=one.expires)),
            class_name="charge__light",
        ),
        buttons.bar(renewals.ways_out(trouble, one.service_id, one.service)),
        key=one.service_id,
        class_name="card charge",
    )


def _forecast() -> rx.Component:
    return rx.fragment(
        rx.el.section(
            rx.el.h2(text.t("forecast.total"), class_name="overline"),
            data.amount(State.view.total, text.t("forecast.total_note", until=State.view.until)),
            rx.el.p(text.t("forecast.estimate"), class_name="hint"),
            rx.el.div(rx.foreach(State.view.year, _bar), class_name="year", aria_hidden="true"),
            class_name="stack",
        ),
        rx.el.div(rx.foreach(State.view.months, _month), class_name="stack stack--wide"),
    )


def _bar(month: renewal_views.BarView) -> rx.Component:
    """A month of the year at a glance; the list below says the same in words."""
    return rx.el.span(
        rx.el.span(rx.el.span(class_name="year__bar", style={"height": f"{month.share}%"}), class_name="year__column"),
        rx.el.span(month.short, class_name="year__name"),
        class_name="year__month",
    )


def _month(month: renewal_views.MonthView) -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h2(month.name, class_name="month__title"),
            rx.el.p(month.amount, class_name="hint"),
            class_name="month__head",
        ),
        rx.el.ul(rx.foreach(month.charges, _charge), class_name="stack"),
        class_name="stack",
    )


def _charge(charge: renewal_views.ChargeView) -> rx.Component:
    this_time = rx.el.span(text.t("forecast.this_time"), class_name="line__detail")
    return rx.el.li(
        rx.el.div(
            rx.el.div(
                rx.el.p(rx.el.time(charge.on, date_time=charge.iso), class_name="overline"),
                rx.el.h3(charge.service, class_name="card__title"),
            ),
            rx.el.p(
                rx.el.span(text.t("forecast.amount"), class_name="sr-only"),
                rx.cond(charge.skipped, rx.el.s(charge.amount), rx.el.span(charge.amount)),
                class_name="price",
            ),
            class_name="cluster cluster--apart",
        ),
        rx.el.div(
            status.badge("charge.light", charge.light),
            rx.el.p(charge.why),
            rx.cond(
                charge.fix_url != "",
                rx.el.p(buttons.link(charge.fix_label, href=charge.fix_url)),
                rx.fragment(),
            ),
            class_name="charge__light",
        ),
        data.facts((text.t("forecast.means"), rx.fragment(charge.means, rx.cond(charge.other_method, this_time)))),
        rx.cond(charge.ceiling != "", data.facts((text.t("forecast.ceiling"), charge.ceiling)), rx.fragment()),
        rx.cond(charge.first, _acts(charge), rx.fragment()),
        class_name="card charge",
    )


def _acts(charge: renewal_views.ChargeView) -> rx.Component:
    """What can be done about the next debit of a service."""
    decided = charge.skipped | charge.other_method
    decide = rx.fragment(
        _asking("skip", "skip_forward", charge, states.SKIP_DIALOG),
        rx.cond(
            charge.can_change_method,
            _asking("use", "wallet", charge, states.METHOD_DIALOG),
            rx.fragment(),
        ),
    )
    undo = buttons.button(
        text.t("forecast.keep"),
        icon="undo_2",
        small=True,
        aria_label=text.t("forecast.keep_for", service=charge.service),
        on_click=State.keep(charge.service_id),
    )
    here = f"/area-clienti/servizi/{charge.service_id}"
    pay = buttons.link_button(
        text.t("svc.again.pay", number=charge.pay_order), href=f"/ordini/{charge.pay_order}", small=True
    )
    return buttons.bar(
        rx.cond(charge.changeable, rx.cond(decided, undo, decide), rx.fragment()),
        rx.cond(charge.pay_order != "", pay, _leading("renew", f"{here}/rinnova", charge)),
        _leading("manage", here, charge),
    )


def _asking(act: str, icon: str, charge: renewal_views.ChargeView, dialog: str) -> rx.Component:
    """A button that opens a question about a debit."""
    return buttons.button(
        text.t(f"forecast.{act}"),
        icon=icon,
        small=True,
        aria_label=text.t(f"forecast.{act}_for", service=charge.service),
        on_click=State.choose(charge.service_id),
        **dialogs.opens(dialog),
    )


def _leading(act: str, href: text.Words, charge: renewal_views.ChargeView) -> rx.Component:
    """A link to something else that can be done about the service."""
    return buttons.link_button(
        text.t(f"forecast.{act}"),
        href=href,
        look="quiet",
        small=True,
        aria_label=text.t(f"forecast.{act}_for", service=charge.service),
    )


def _skip_dialog() -> rx.Component:
    chosen = State.chosen
    return dialogs.dialog(
        states.SKIP_DIALOG,
        text.t("forecast.skip_title"),
        rx.el.p(text.t("forecast.skip_text", service=chosen.service, on=chosen.on, amount=chosen.amount)),
        rx.el.ul(
            rx.el.li(text.t("forecast.skip_ends", expires=chosen.expires)),
            rx.el.li(text.t("forecast.skip_stays")),
            rx.el.li(text.t("forecast.skip_undo")),
            class_name="consequences",
        ),
        actions=[
            buttons.button(
                text.t("forecast.skip_confirm"),
                look="danger",
                on_click=State.skip,
                **dialogs.closes(states.SKIP_DIALOG),
            ),
            buttons.button(text.t("forecast.skip_keep"), **dialogs.closes(states.SKIP_DIALOG)),
        ],
    )


def _method_dialog() -> rx.Component:
    chosen = State.chosen
    return dialogs.dialog(
        states.METHOD_DIALOG,
        text.t("forecast.use_title"),
        rx.el.p(text.t("forecast.use_text", service=chosen.service, on=chosen.on, amount=chosen.amount)),
        rx.el.div(
            forms.radio_cards(
                states.METHODS,
                text.t("forecast.use_legend"),
                chosen.others,
                each=means.option,
                errors=State.errors,
                on_change=State.pick,
            ),
            key=State.asked.to_string(),  # each time the dialog opens, none is marked
        ),
        actions=[
            buttons.button(text.t("forecast.use_confirm"), look="primary", on_click=State.use),
            buttons.button(text.t("forecast.use_keep"), **dialogs.closes(states.METHOD_DIALOG)),
        ],
    )


def _calendar() -> rx.Component:
    """The secret address: made, shown once, revoked."""
    feed, address = State.view.feed, State.address
    create = buttons.button(text.t("feed.create"), icon="calendar_plus", on_click=State.make_feed)
    replace = buttons.button(text.t("feed.renew"), icon="calendar_plus", **dialogs.opens(states.REPLACE_DIALOG))
    return rx.el.section(
        rx.el.h2(text.t("feed.title"), id=states.CALENDAR, tab_index=-1, class_name="shelf__title"),
        rx.el.p(text.t("feed.text")),
        rx.el.p(text.t("feed.secret"), class_name="hint"),
        rx.cond(address != "", _address(), rx.cond(feed, rx.el.p(text.t("feed.since", since=State.view.feed_since)))),
        rx.el.p(
            rx.cond(State.copied, text.t("feed.copied"), rx.cond(address != "", text.t("feed.once"), "")),
            role="status",
        ),
        buttons.bar(
            rx.cond(address != "", rx.fragment(), rx.cond(feed, replace, create)),
            rx.cond(
                feed,
                buttons.button(
                    text.t("feed.revoke"),
                    look="danger",
                    icon="ban",
                    aria_label=text.t("feed.revoke_label"),
                    **dialogs.opens(states.REVOKE_DIALOG),
                ),
                rx.fragment(),
            ),
        ),
        class_name="shelf feed",
    )


def _address() -> rx.Component:
    copy = [rx.set_clipboard(State.address), State.note_copy]
    return rx.el.div(
        forms.text_field(
            ADDRESS, text.t("feed.address"), value=State.address, read_only=True, required=False, auto_focus=True
        ),
        buttons.button(text.t("feed.copy"), icon="copy", on_click=copy),
        class_name="feed__address",
    )


def _replace_dialog() -> rx.Component:
    return dialogs.dialog(
        states.REPLACE_DIALOG,
        text.t("feed.replace_title"),
        rx.el.p(text.t("feed.replace_text")),
        actions=[
            buttons.button(
                text.t("feed.renew"),
                look="danger",
                on_click=State.make_feed,
                **dialogs.closes(states.REPLACE_DIALOG),
            ),
            buttons.button(text.t("feed.revoke_keep"), **dialogs.closes(states.REPLACE_DIALOG)),
        ],
    )


def _revoke_dialog() -> rx.Component:
    return dialogs.dialog(
        states.REVOKE_DIALOG,
        text.t("feed.revoke_title"),
        rx.el.p(text.t("feed.revoke_text")),
        actions=[
            buttons.button(
                text.t("feed.revoke_confirm"),
                look="danger",
                on_click=State.revoke_feed,
                **dialogs.closes(states.REVOKE_DIALOG),
            ),
            buttons.button(text.t("feed.revoke_keep"), **dialogs.closes(states.REVOKE_DIALOG)),
        ],
    )
