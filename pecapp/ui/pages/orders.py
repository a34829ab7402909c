"""`/ordini`: what is to be paid, then everything that was ordered."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, feedback, status
from pecapp.ui.states import order as states

ROUTE = "/ordini"
TITLE_KEY = "ords.title"
ON_LOAD = states.Orders.load
State: Any = states.Orders
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """«Ordini da pagare» first, then the history."""
    return layout.page(
        feedback.loaded(
            State.ready,
            rx.cond(State.unpaid.length() > 0, unpaid(State.unpaid), rx.fragment()),
            _history(),
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
    )


def unpaid(rows: rx.Var[list[views.OrderRowView]]) -> rx.Component:
    """«Ordini da pagare»: each with its amount and «Paga»."""
    return rx.el.section(
        rx.el.h2(text.t("ords.unpaid"), class_name="shelf__title"),
        rx.el.ul(rx.foreach(rows, _to_pay), class_name="due"),
        class_name="shelf",
    )


def _to_pay(row: views.OrderRowView) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.p(rx.el.strong(row.title)),
            rx.cond(row.subject != "", rx.el.p(row.subject, class_name="due__subject"), rx.fragment()),
            rx.el.p(
                text.t("ords.row", number=row.number, day=row.created), id=f"da-pagare-{row.number}", class_name="hint"
            ),
            class_name="due__what",
        ),
        rx.el.p(row.gross, class_name="due__gross"),
        buttons.link_button(
            text.t("ords.pay"),
            href=f"/ordini/{row.number}",
            look="primary",
            aria_describedby=f"da-pagare-{row.number}",
        ),
        class_name="due__row card",
    )


def _what(row: views.OrderRowView) -> rx.Component:
    """The product, and which of the customer's services it is."""
    return rx.el.div(
        rx.el.span(row.title),
        rx.cond(row.subject != "", rx.el.span(row.subject, class_name="line__detail due__subject"), rx.fragment()),
        class_name="named",
    )


def _history() -> rx.Component:
    columns = [
        data.Column(text.t("ords.number"), lambda row: buttons.link(row.number, href=f"/ordini/{row.number}")),
        data.Column(text.t("ords.what"), _what),
        data.Column(text.t("ords.day"), lambda row: row.created),
        data.Column(text.t("ords.state"), lambda row: status.badge("order.status", row.status)),
        data.Column(text.t("ords.gross"), lambda row: row.gross, numeric=True),
    ]
    empty = feedback.empty(
        "receipt",
        text.t("ords.empty"),
        text.t("ords.empty_text"),
        buttons.link_button(text.t("ords.browse"), href="/servizi", look="primary"),
    )
    return rx.el.section(
        rx.el.h2(text.t("ords.all"), class_name="shelf__title"),
        data.table(text.t("ords.all"), columns, State.rows, empty=empty),
        rx.cond(State.more, buttons.bar(buttons.button(text.t("ords.more"), on_click=State.older)), rx.fragment()),
        class_name="shelf",
    )
