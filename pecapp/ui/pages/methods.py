"""`/metodi-di-pagamento`: the cards and accounts that the customer has let us keep."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, dialogs, feedback, icons, status
from pecapp.ui.states import methods as states

ROUTE = "/metodi-di-pagamento"
TITLE_KEY = "method.title"
ON_LOAD = states.Methods.load
State: Any = states.Methods
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """Each method with its state, the renewals on it, and its removal."""
    empty = feedback.empty(
        "wallet",
        text.t("method.empty"),
        text.t("method.empty_text"),
        buttons.link_button(text.t("method.unpaid"), href="/ordini", look="primary"),
    )
    return layout.page(
        feedback.loaded(
            State.ready,
            rx.cond(State.rows.length() > 0, rx.el.ul(rx.foreach(State.rows, _method), class_name="grid"), empty),
            lines=6,
        ),
        _remove_dialog(),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("method.lead"),
    )


def _method(method: views.MethodView) -> rx.Component:
    kind = rx.cond(method.kind == "paypal", icons.icon("wallet"), icons.icon("credit_card"))
    services: Any = method.services
    return rx.el.li(
        rx.el.h2(kind, rx.el.span(method.title), class_name="card__title means__title"),
        rx.el.p(status.badge("method.status", method.state)),
        rx.cond(method.expires != "", data.facts((text.t("method.expires"), method.expires)), rx.fragment()),
        rx.el.p(text.t("method.renews"), class_name="hint"),
        rx.cond(
            services.length() > 0,
            rx.el.ul(rx.foreach(services, rx.el.li)),
            rx.el.p(text.t("method.renews_none")),
        ),
        buttons.bar(
            buttons.button(
                text.t("method.remove"),
                look="danger",
                icon="trash_2",
                aria_label=text.t("method.remove_which", means=method.title),
                on_click=State.choose(method.id),
                **dialogs.opens(states.REMOVE_DIALOG),
            )
        ),
        class_name="card plan",
    )


def _remove_dialog() -> rx.Component:
    chosen = State.chosen
    off = rx.fragment(
        rx.el.p(text.t("method.remove_off")),
        rx.el.ul(rx.foreach(chosen.services, rx.el.li), class_name="consequences"),
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
                on_click=State.remove,
                **dialogs.closes(states.REMOVE_DIALOG),
            ),
            buttons.button(text.t("method.remove_keep"), **dialogs.closes(states.REMOVE_DIALOG)),
        ],
    )
