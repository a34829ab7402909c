"""`/area-clienti/servizi/<number>`: «Gestisci», one service with its renewal and its orders."""

from typing import Any, cast

import reflex as rx

from pecapp.services import views
from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, cancelling, data, dialogs, feedback, icons, renewals, status
from pecapp.ui.states import service as states

ROUTE = f"{states.ADDRESS}/[servizio]"
TITLE_KEY = "svc.title"
ON_LOAD = states.ServicePage.load
State: Any = states.ServicePage
"""Its vars are variables of the page here; a type checker sees the values they will have."""
SERVICE = State.service
HERE = f"{states.ADDRESS}/{SERVICE.id}"
LOOKS: tuple[buttons.Look, buttons.Look] = ("primary", "secondary")


def page() -> rx.Component:
    """One service; who asks for another's, or for none, reads the same calm words."""
    return layout.page(
        feedback.loaded(
            State.asked == address.part("servizio"), rx.cond(SERVICE.id != 0, _service(), missing()), lines=6
        ),
        here="/area-clienti",
    )


def missing() -> rx.Component:
    """There is no such service among the customer's."""
    return rx.el.div(
        rx.el.h1(text.t("svc.missing.title"), class_name="title"),
        rx.el.p(text.t("svc.missing.text"), class_name="lead"),
        buttons.bar(buttons.link_button(text.t("svc.to_area"), href="/area-clienti", look="primary")),
        class_name="stack",
    )


def back(label: text.Words, href: text.Words) -> rx.Component:
    """The way to the page above this one."""
    return rx.el.p(buttons.link(icons.icon("arrow_left", 16), " ", label, href=href), class_name="overline back")


def _service() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            back(text.t("area.title"), "/area-clienti"),
            rx.el.h1(SERVICE.label, class_name="title"),
            rx.el.p(SERVICE.name, class_name="hint"),
            class_name="page-head",
        ),
        rx.el.div(_saving(), role="status", aria_live="polite"),
        rx.el.div(_facts(), _renewal(), class_name="service__columns"),
        _orders(),
        _disable_dialog(),
        _cancel_dialog(),
        class_name="order",
    )


def _saving() -> rx.Component:
    """How the way to the bank or to PayPal ended, or that its end is still awaited."""
    saving = State.saving
    return rx.cond(
        saving.id != "",
        feedback.callout_by(saving.tone, saving.headline, rx.el.p(saving.explanation)),
        rx.fragment(),
    )


def _facts() -> rx.Component:
    label = rx.match(
        SERVICE.renew_label,
        ("renew_now", text.t("svc.renew_now")),
        ("reactivate", text.t("svc.reactivate")),
        text.t("svc.renew"),
    )
    first, second = (
        buttons.link_button(cast("rx.Var[str]", label), href=f"{HERE}/rinnova", icon="rotate_cw", look=look)
        for look in LOOKS
    )
    renew = rx.cond(SERVICE.renew_first, first, second)
    return rx.el.section(
        rx.el.h2(text.t("svc.details"), class_name="card__title"),
        rx.el.p(status.badge("service.status", SERVICE.status), role="status"),
        rx.cond(SERVICE.expires != "", data.facts((text.t("area.expires"), SERVICE.expires)), rx.fragment()),
        rx.cond(SERVICE.end.text != "", rx.el.p(SERVICE.end.text), rx.fragment()),
        rx.cond(SERVICE.can_renew, rx.el.div(renew, class_name="actions"), rx.fragment()),
        rx.cond(SERVICE.end.buy_url != "", _buy_again(), rx.fragment()),
        rx.cond(SERVICE.withdraw != "", _withdraw(), rx.fragment()),
        class_name="card stack",
    )


def _buy_again() -> rx.Component:
    return buttons.bar(
        buttons.link_button(text.t("svc.buy_again"), href=SERVICE.end.buy_url, icon="shopping_bag", look="primary")
    )


def _withdraw() -> rx.Component:
    """In sight for as long as the right lasts (art. 54-bis), or as one may leave because of a late notice (6.8)."""
    way = f"/recesso?ordine={SERVICE.withdraw}"
    free = feedback.callout(
        None,
        rx.el.p(text.t("svc.free_exit", until=SERVICE.free_exit)),
        buttons.bar(buttons.link_button(text.t("svc.free_exit_button"), href=way, icon="undo_2")),
    )
    plain = buttons.bar(buttons.link_button(text.t("footer.withdraw"), href=way, icon="undo_2"))
    return rx.cond(SERVICE.free_exit != "", free, plain)


# --- automatic renewal ------------------------------------------------------------------------------------------------


def _renewal() -> rx.Component:
    offered = rx.fragment(
        rx.el.div(
            rx.el.p(renewals.state(SERVICE.renewal)),
            rx.cond(SERVICE.renewal_note != "", rx.el.p(SERVICE.renewal_note, class_name="hint")),
            role="status",
            aria_live="polite",
            class_name="cluster",
        ),
        rx.cond(SERVICE.renewal == "active", _next_debit(), rx.fragment()),
        rx.cond(SERVICE.can_enable | SERVICE.can_disable, _switch(), rx.fragment()),
    )
    return rx.el.section(
        rx.el.h2(text.t("area.renewal"), class_name="card__title"),
        rx.cond(SERVICE.renewable, offered, rx.el.p(text.t("svc.renewal_none"))),
        class_name="card stack",
    )


def _next_debit() -> rx.Component:
    """What will be debited when, on what, and what stands in the way of it."""
    update = rx.cond(
        SERVICE.method_id != 0, f"/metodi-di-pagamento/nuovo?sostituisce={SERVICE.method_id}", "/metodi-di-pagamento"
    )
    debit = data.facts(
        (text.t("svc.debit_on"), SERVICE.debit_on),
        (text.t("svc.amount"), text.t("svc.with_vat", amount=SERVICE.amount)),
    )
    ceiling = data.facts((text.t("ceiling.title"), SERVICE.ceiling))
    return rx.fragment(
        rx.cond(SERVICE.trouble.why != "", _trouble(), rx.fragment()),
        rx.cond(
            SERVICE.warnings.length() > 0,
            feedback.callout(
                None,
                rx.el.ul(rx.foreach(SERVICE.warnings, rx.el.li)),
                rx.el.p(buttons.link(text.t("svc.update"), href=update)),
                tone="warning",
                live=True,
            ),
            rx.fragment(),
        ),
        rx.cond(
            SERVICE.exception != "",
            feedback.callout(
                None,
                rx.el.p(SERVICE.exception),
                rx.el.p(buttons.link(text.t("svc.see_forecast"), href="/prossimi-addebiti")),
                live=True,
            ),
            rx.fragment(),
        ),
        rx.cond(SERVICE.debit_on != "", debit, rx.el.p(text.t("svc.ends", expires=SERVICE.expires))),
        data.facts(
            (text.t("svc.method"), rx.cond(SERVICE.method != "", SERVICE.method, text.t("svc.no_method"))),
            (text.t("svc.frequency"), SERVICE.frequency),
        ),
        rx.cond(SERVICE.ceiling != "", ceiling, rx.fragment()),
        rx.el.p(buttons.link(text.t("svc.forecast"), href="/prossimi-addebiti")),
    )


def _trouble() -> rx.Component:
    """Why the debit came to nothing, whether it is tried again, and what its owner can do (6.7.5)."""
    trouble = SERVICE.trouble
    out = buttons.bar(renewals.ways_out(trouble, SERVICE.id, SERVICE.label))
    return feedback.callout(
        None,
        rx.el.p(trouble.why),
        rx.cond(trouble.following != "", rx.el.p(trouble.following), rx.fragment()),
        rx.cond(trouble.order_number != "", out, rx.fragment()),  # to renew by hand stands beside the expiry
        tone="warning",
        live=True,
    )


def _switch() -> rx.Component:
    disable = buttons.button(
        text.t("svc.disable"),
        aria_label=text.t("svc.disable_for", service=SERVICE.label),
        **dialogs.opens(states.DISABLE_DIALOG),
    )
    change = buttons.link_button(
        text.t("svc.change"), href=f"{HERE}/rinnovo", aria_label=text.t("svc.change_for", service=SERVICE.label)
    )
    first, second = (
        buttons.link_button(text.t("svc.enable"), href=f"{HERE}/rinnovo", icon="repeat", look=look) for look in LOOKS
    )
    # one primary on the page: to pay or to renew what is open or about to end comes before
    enable = rx.cond(SERVICE.renew_first | (State.unpaid.length() > 0), second, first)
    return buttons.bar(
        rx.cond(SERVICE.can_enable, enable, rx.fragment()),
        rx.cond(SERVICE.can_disable, disable, rx.fragment()),
        rx.cond(SERVICE.renewal == "active", change, rx.fragment()),
    )


def _disable_dialog() -> rx.Component:
    """Both answers stand out alike, and nothing is asked before them."""
    return dialogs.dialog(
        states.DISABLE_DIALOG,
        text.t("svc.disable_title"),
        rx.el.p(text.t("svc.disable_text", service=SERVICE.label)),
        rx.el.ul(
            rx.el.li(text.t("svc.disable_until", expires=SERVICE.expires)),
            rx.el.li(text.t("svc.disable_method")),
            class_name="consequences",
        ),
        actions=[
            buttons.button(text.t("svc.disable"), on_click=State.disable, **dialogs.closes(states.DISABLE_DIALOG)),
            buttons.button(text.t("svc.disable_keep"), **dialogs.closes(states.DISABLE_DIALOG)),
        ],
    )


# --- orders -----------------------------------------------------------------------------------------------------------


def _orders() -> rx.Component:
    columns = [
        data.Column(text.t("ords.number"), _order),
        data.Column(text.t("ords.day"), lambda row: row.created),
        data.Column(text.t("ords.state"), lambda row: status.badge("order.status", row.status)),
        data.Column(text.t("ords.gross"), lambda row: row.gross, numeric=True),
    ]
    return rx.el.section(
        rx.el.h2(text.t("svc.orders"), class_name="shelf__title"),
        rx.cond(
            State.unpaid.length() > 0, rx.el.ul(rx.foreach(State.unpaid, _to_pay), class_name="due"), rx.fragment()
        ),
        data.table(text.t("svc.orders"), columns, SERVICE.orders, empty=rx.fragment()),
        class_name="shelf",
    )


def _order(row: views.OrderRowView) -> rx.Component:
    """An order's number; under that of a renewal, the way to what led to it."""
    why = buttons.link(
        text.t("history.ask"),
        href=f"/rinnovi/{row.number}",
        aria_label=text.t("history.ask_for", service=row.number, on=row.created),
    )
    return rx.fragment(
        buttons.link(row.number, href=f"/ordini/{row.number}"),
        rx.cond(row.number != SERVICE.order_number, rx.el.p(why), rx.fragment()),
    )


def _to_pay(row: views.OrderRowView) -> rx.Component:
    """An order that waits for its payment: paying it, or giving it up."""
    about = f"da-pagare-{row.number}"
    return rx.el.li(
        rx.el.div(
            rx.el.p(rx.el.strong(row.title)),
            rx.el.p(text.t("ords.row", number=row.number, day=row.created), id=about, class_name="hint"),
            class_name="due__what",
        ),
        rx.el.p(row.gross, class_name="due__gross"),
        buttons.link_button(text.t("ords.pay"), href=f"/ordini/{row.number}", look="primary", aria_describedby=about),
        buttons.button(
            text.t("ord.cancel"),
            look="danger",
            aria_describedby=about,
            on_click=State.choose(row.number),
            **dialogs.opens(states.CANCEL_DIALOG),
        ),
        class_name="due__row card",
    )


def _cancel_dialog() -> rx.Component:
    """The orders that wait here all renew the service: what it was bought with is paid."""
    return cancelling.dialog(
        states.CANCEL_DIALOG,
        number=State.chosen.number,
        gross=State.chosen.gross,
        expires=SERVICE.expires,
        renews=True,
        asks_about_renewal=SERVICE.renewal == "active",
        cancel=State.cancel,
        cancel_and_disable=State.cancel_and_disable,
    )
