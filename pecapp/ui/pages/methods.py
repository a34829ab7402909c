"""`/metodi-di-pagamento`: the cards and accounts that the customer has let us keep."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, data, dialogs, feedback, forms, means, status
from pecapp.ui.pages import service
from pecapp.ui.states import methods as states

ROUTE = "/metodi-di-pagamento"
TITLE_KEY = "method.title"
ON_LOAD = states.Methods.load
NEW = f"{ROUTE}/nuovo"
State: Any = states.Methods
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """How the last registration ended, what wants attention, and each method with the renewals on it."""
    listed = rx.fragment(
        rx.el.ul(rx.foreach(State.rows, _method), class_name="grid"),
        buttons.bar(
            buttons.link_button(text.t("method.add"), href=NEW, look="primary", icon="plus"),
            buttons.link_button(text.t("method.coming"), href="/prossimi-addebiti", icon="calendar_clock"),
        ),
    )
    return layout.page(
        feedback.loaded(
            State.ready,
            _outcome(),
            _switched_off(),
            rx.foreach(State.outdated, _update),
            rx.cond(State.rows.length() > 0, listed, _empty()),
            lines=6,
        ),
        _replace_dialog(),
        rx.fragment(_remove_dialog(), key=State.answers.to_string()),  # a new one is closed
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("method.lead"),
        above=service.back(text.t("area.back"), "/area-clienti"),
    )


def _replacing(method_id: text.Live) -> str:
    return f"{NEW}?sostituisce={method_id}"


def _empty() -> rx.Component:
    return feedback.empty(
        "wallet",
        text.t("method.empty"),
        text.t("method.empty_text"),
        buttons.link_button(text.t("method.add"), href=NEW, look="primary", icon="plus"),
    )


def _outcome() -> rx.Component:
    """How a registration stands, said aloud when it moves; that of another address is not shown here."""
    saving = State.saving
    renewals = rx.el.p(buttons.link(text.t("method.check"), href="/area-clienti"))
    return rx.el.div(
        rx.cond(
            (saving.id != "") & (saving.id == address.asked("salvataggio")),
            feedback.callout_by(
                saving.tone,
                saving.headline,
                rx.el.p(saving.explanation),
                rx.cond(saving.tone == "success", renewals, rx.fragment()),
            ),
        ),
        role="status",
        aria_live="polite",
    )


def _switched_off() -> rx.Component:
    """What the removal meant: which renewals are off now, and the way to have them on again."""
    said = feedback.callout(
        text.t("method.off"),
        rx.el.ul(rx.foreach(State.switched_off, rx.el.li), class_name="consequences"),
        rx.el.p(text.t("method.off_again")),
        rx.el.p(buttons.link(text.t("method.check"), href="/area-clienti")),
        rx.cond(State.rows.length() > 0, rx.el.p(buttons.link(text.t("method.add"), href=NEW)), rx.fragment()),
        tone="warning",
    )
    return rx.el.div(
        rx.cond(State.switched_off.length() > 0, said, rx.fragment()),
        id=states.SWITCHED_OFF,
        tab_index=-1,
        role="status",
        aria_live="polite",
    )


def _update(method: views.MethodView) -> rx.Component:
    """«Aggiorna i tuoi dati»: a method that may not be able to pay the renewals on it."""
    words = [(state, text.t(f"method.update.{state}", means=method.title)) for state in ("expiring", "expired")]
    why: Any = rx.match(method.state, *words, text.t("method.update.revoked", means=method.title))
    return feedback.callout(
        text.t("method.update"),
        rx.el.p(why),
        rx.el.p(buttons.link(text.t("method.replace_which", means=method.title), href=_replacing(method.id))),
        tone="warning",
    )


def _method(method: views.MethodView) -> rx.Component:
    services: Any = method.services
    return rx.el.li(
        rx.el.h2(means.picture(method.kind, 20), rx.el.span(method.title), class_name="card__title means__title"),
        rx.el.p(status.badge("method.status", method.state)),
        _fact("method.expires", method.expires),
        _fact("method.ceiling", method.ceiling),
        rx.el.div(
            rx.el.p(text.t("method.renews"), class_name="hint"),
            rx.cond(
                services.length() > 0,
                rx.el.ul(rx.foreach(services, rx.el.li)),
                rx.el.p(text.t("method.renews_none")),
            ),
        ),
        buttons.bar(
            _asking("replace", method, states.REPLACE_DIALOG),
            _asking("remove", method, states.REMOVE_DIALOG, look="danger", icon="trash_2"),
        ),
        key=method.id,
        class_name="card plan method",
    )


def _fact(key: str, value: str) -> rx.Component:
    return rx.cond(value != "", data.facts((text.t(key), value)), rx.fragment())


def _asking(act: str, method: views.MethodView, dialog: str, **looks: Any) -> rx.Component:
    """A button that opens a question about a method."""
    return buttons.button(
        text.t(f"method.{act}"),
        aria_label=text.t(f"method.{act}_which", means=method.title),
        on_click=State.choose(method.id),
        **dialogs.opens(dialog),
        **{"icon": "replace", **looks},
    )


def _replace_dialog() -> rx.Component:
    chosen = State.chosen
    moves = rx.fragment(
        rx.el.p(text.t("method.replace_moves")),
        rx.el.ul(rx.foreach(chosen.services, rx.el.li), class_name="consequences"),
    )
    return dialogs.dialog(
        states.REPLACE_DIALOG,
        text.t("method.replace_title"),
        rx.cond(chosen.services.length() > 0, moves, rx.el.p(text.t("method.replace_none", means=chosen.title))),
        rx.el.p(text.t("method.replace_until", means=chosen.title), class_name="hint"),
        actions=[
            buttons.link_button(
                text.t("method.replace"), href=_replacing(chosen.id), look="primary", icon_after="arrow_right"
            ),
            buttons.button(text.t("method.replace_keep"), **dialogs.closes(states.REPLACE_DIALOG)),
        ],
    )


def _remove_dialog() -> rx.Component:
    """What removal means; where renewals hang on the method, first the ways that keep them."""
    chosen = State.chosen
    replace = rx.el.p(buttons.link(text.t("method.keep_renewals"), href=_replacing(chosen.id)))
    off = rx.fragment(
        rx.cond(State.others.length() > 0, _instead(), rx.fragment()),
        rx.el.p(text.t("method.remove_off")),
        rx.el.ul(rx.foreach(chosen.services, rx.el.li), class_name="consequences"),
        rx.cond(State.others.length() > 0, rx.fragment(), replace),
    )
    return dialogs.dialog(
        states.REMOVE_DIALOG,
        text.t("method.remove_title"),
        rx.el.p(text.t("method.remove_text", means=chosen.title)),
        rx.cond(chosen.services.length() > 0, off, rx.fragment()),
        rx.el.p(text.t("method.remove_past"), class_name="hint"),
        actions=[
            buttons.button(
                text.t("method.remove_confirm"),
                look="danger",
                icon="trash_2",
                on_click=State.remove(chosen.id),
                **dialogs.closes(states.REMOVE_DIALOG),
            ),
            buttons.button(text.t("method.remove_keep"), **dialogs.closes(states.REMOVE_DIALOG)),
        ],
    )


def _instead() -> rx.Component:
    """The renewals stay on, on another method; none is marked by us."""
    chosen = State.chosen
    return forms.form(
        rx.el.input(type="hidden", name="method", value=chosen.id),
        forms.radio_cards(
            "instead",
            text.t("method.instead"),
            State.others,
            each=_option,
            errors=State.errors,
            hint=text.t("method.instead_hint"),
        ),
        buttons.bar(buttons.submit(text.t("method.instead_confirm"), look="secondary")),
        rx.el.p(buttons.link(text.t("method.instead_new"), href=_replacing(chosen.id))),
        on_submit=State.move,
        key=chosen.id,
        class_name="form instead",
    )


def _option(method: views.MethodView) -> forms.Option:
    ceiling = text.t("method.up_to", ceiling=method.ceiling)
    allowed = rx.cond(method.ceiling != "", ceiling, text.t("method.no_ceiling"))
    value: Any = method.id
    return forms.Option(value.to_string(), method.title, allowed, icon=means.picture(method.kind))
