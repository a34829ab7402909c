"""`/admin/ordini/<number>`: one order with its whole chain, and what can be done with it."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.ui import address, text
from pecapp.ui.components import admin_acts, buttons, data, feedback, status
from pecapp.ui.pages import service
from pecapp.ui.pages.admin import customer, frame, listing
from pecapp.ui.states.admin import details as states

ROUTE = "/admin/ordini/[numero]"
TITLE_KEY = "adm.order"
ON_LOAD = states.OrderPage.load
State: Any = states.OrderPage
"""Its vars are variables of the page here; a type checker sees the values they will have."""
ORDER = State.order
LIST = "/admin/ordini"


def page() -> rx.Component:
    """How it stands, and everything that led to it."""
    return frame.page(
        feedback.loaded(
            State.asked == address.part("numero"),
            rx.cond(ORDER.number != "", _order(), rx.el.p(text.t("adm.order.missing"))),
            lines=10,
        ),
        admin_acts.refund_dialog(),
        here=LIST,
        title=text.t("adm.order.title", number=address.part("numero")),
        above=service.back(text.t("adm.orders"), LIST),
    )


def _order() -> rx.Component:
    return rx.el.div(
        rx.cond(
            ORDER.review != "",
            feedback.callout(
                text.t("adm.order.review"), rx.el.p(text.choose("adm.review", ORDER.review)), tone="warning"
            ),
            rx.fragment(),
        ),
        rx.el.div(_facts(), _acts(), class_name="pair"),
        listing.shelf("adm.payments", ORDER.attempts, _attempt_columns()),
        listing.shelf("adm.services", ORDER.services, listing.service_columns()),
        listing.shelf("adm.mails", ORDER.mails, customer.mail_columns()),
        listing.chain(text.t("adm.timeline"), ORDER.timeline, lead=text.t("adm.timeline.oldest")),
        class_name="parts",
    )


def _facts() -> rx.Component:
    receipt = rx.cond(
        ORDER.receipt_href != "",
        buttons.document_link(ORDER.receipt, href=ORDER.receipt_href, target="_blank"),
        rx.el.span("–"),
    )
    return rx.el.section(
        rx.el.div(
            status.badge("order.status", ORDER.status), rx.el.p(ORDER.gross, class_name="amount__figure"), role="status"
        ),
        data.facts(
            (text.t("adm.col.customer"), listing.two(_owner(), ORDER.email)),
            (text.t("adm.col.what"), listing.two(ORDER.title, text.choose("adm.kind", ORDER.kind))),
            (text.t("adm.col.created"), ORDER.created),
            (text.t("adm.col.gateway"), _paid_through()),
            (text.t("adm.why.receipt"), receipt),
            (text.t("adm.refunded"), rx.cond(ORDER.refunded != "", rx.el.span(ORDER.refunded), rx.el.span("–"))),
        ),
        data.lines(
            rx.foreach(ORDER.lines, lambda row: data.line(row.name, row.value)),
            data.line(text.t("adm.vat"), ORDER.vat),
            data.line(text.t("adm.col.gross"), ORDER.gross, strong=True),
        ),
        class_name="card stack",
    )


def _paid_through() -> rx.Component:
    return rx.cond(ORDER.gateway != "", rx.el.span(text.choose("history.gateway", ORDER.gateway)), rx.el.span("–"))


def _owner() -> rx.Component:
    return buttons.link(ORDER.customer, href=f"/admin/clienti/{ORDER.account_id}")


def _acts() -> rx.Component:
    cancel = frame.may(staff.Right.ASSIST, admin_acts.button("cancel_order", ORDER.number, ORDER.number, small=False))
    return buttons.bar(
        frame.may(
            staff.Right.REFUND,
            rx.cond(ORDER.refundable, admin_acts.refund_button(ORDER.number), rx.fragment()),
        ),
        rx.cond(ORDER.status == "awaiting_payment", cancel, rx.fragment()),
    )


def _attempt_columns() -> list[data.Column]:
    return [
        listing.column("try", lambda row: row.number),
        listing.column("means", lambda row: listing.two(row.means, row.reference)),
        listing.column("channel", lambda row: text.choose("adm.channel", row.channel)),
        listing.column("status", listing.attempt_status),
        listing.column("created", listing.moment),
        listing.column("amount", lambda row: row.amount, numeric=True),
    ]
