"""`/admin/clienti/<id>`: one customer, with what can be done for them."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import lists, views
from pecapp.ui import address, text
from pecapp.ui.components import admin_acts, data, feedback, status
from pecapp.ui.pages import service
from pecapp.ui.pages.admin import frame, listing
from pecapp.ui.states.admin import details as states

ROUTE = "/admin/clienti/[cliente]"
TITLE_KEY = "adm.customer"
ON_LOAD = states.CustomerPage.load
State: Any = states.CustomerPage
"""Its vars are variables of the page here; a type checker sees the values they will have."""
CUSTOMER = State.customer
LIST = "/admin/clienti"


def page() -> rx.Component:
    """Who they are, what they have, what happened."""
    return frame.page(
        feedback.loaded(
            State.asked == address.part("cliente"),
            rx.cond(CUSTOMER.id > 0, _customer(), rx.el.p(text.t("adm.customer.missing"))),
            lines=10,
        ),
        here=LIST,
        title=rx.cond(CUSTOMER.name != "", CUSTOMER.name, text.t(TITLE_KEY)),
        above=service.back(text.t("adm.customers"), LIST),
    )


def _customer() -> rx.Component:
    return rx.el.div(
        rx.el.div(_identity(), _notes(), class_name="pair"),
        listing.shelf("adm.methods", CUSTOMER.methods, _method_columns(), all_of_them=_all("metodi")),
        listing.shelf("adm.services", CUSTOMER.services, _service_columns(), all_of_them=_all("servizi")),
        listing.shelf("adm.orders", CUSTOMER.orders, _order_columns(), all_of_them=_all("ordini")),
        listing.shelf("adm.mails", CUSTOMER.mails, mail_columns()),
        listing.chain(text.t("adm.timeline"), CUSTOMER.timeline, lead=text.t("adm.timeline.newest")),
        class_name="parts",
    )


def _all(name: str) -> rx.Var[str]:
    """A list that holds this customer's rows only."""
    return rx.Var.create(f"/admin/{name}?{lists.CUSTOMER}=") + CUSTOMER.id.to_string()


def _identity() -> rx.Component:
    confirmed = rx.cond(CUSTOMER.confirmed, text.t("adm.email.confirmed"), text.t("adm.email.unconfirmed"))
    return rx.el.section(
        data.facts(
            (text.t("adm.col.email"), listing.two(CUSTOMER.email, confirmed)),
            (text.t("adm.why.login"), CUSTOMER.login),
            (text.t("adm.col.kind"), _given(CUSTOMER.kind, text.choose("holder.kind", CUSTOMER.kind))),
            (text.t("adm.why.tax_code"), _given(CUSTOMER.tax_code, CUSTOMER.tax_code)),
            (text.t("adm.why.vat_number"), _given(CUSTOMER.vat_number, CUSTOMER.vat_number)),
            (text.t("adm.why.phone"), _given(CUSTOMER.phone, CUSTOMER.phone)),
            (text.t("adm.col.address"), _given(CUSTOMER.address, CUSTOMER.address)),
            (text.t("adm.col.created"), CUSTOMER.created),
        ),
        class_name="card",
    )


def _given(value: text.Live, shown: text.Live) -> rx.Component:
    return rx.cond(value != "", rx.el.span(shown), rx.el.span("–"))


def _notes() -> rx.Component:
    def draw(note: views.NoteView) -> rx.Component:
        return rx.el.li(rx.el.p(note.text), rx.el.p(note.by, " · ", note.at, class_name="hint"))

    return rx.el.section(
        rx.el.h2(text.t("adm.notes"), class_name="shelf__title"),
        rx.cond(
            CUSTOMER.notes.length() > 0,
            rx.el.ul(rx.foreach(CUSTOMER.notes, draw), class_name="stack"),
            rx.el.p(text.t("adm.notes.none"), class_name="hint"),
        ),
        frame.may(staff.Right.ASSIST, admin_acts.note_form(CUSTOMER.id.to_string())),
        class_name="stack",
    )


def _method_columns() -> list[data.Column]:
    gone = ("removed", "revoked")

    def remove(row: views.MethodRow) -> rx.Component:
        act = frame.may(staff.Right.ASSIST, admin_acts.button("remove_method", row.id, row.title))
        return rx.cond(rx.Var.create(list(gone)).contains(row.status), rx.fragment(), act)

    return [
        listing.column("method", lambda row: listing.two(row.title, row.expires)),
        listing.column("status", lambda row: status.badge("adm.method", row.status)),
        listing.column("ceiling", lambda row: row.ceiling, numeric=True),
        listing.column("used", lambda row: row.used),
        listing.column("created", listing.moment),
        listing.column("acts", remove),
    ]


def _service_columns() -> list[data.Column]:
    def switch_off(row: views.ServiceRow) -> rx.Component:
        act = frame.may(staff.Right.ASSIST, admin_acts.button("switch_off", row.id, row.label))
        return rx.cond(rx.Var.create(["active", "incomplete"]).contains(row.renewal), act, rx.fragment())

    return listing.service_columns(listing.column("acts", switch_off))


def _order_columns() -> list[data.Column]:
    return [
        listing.column("order", lambda row: listing.order(row.number)),
        listing.column("what", lambda row: row.title),
        listing.column("status", lambda row: status.badge("order.status", row.status)),
        listing.column("created", listing.moment),
        listing.column("gross", lambda row: row.gross, numeric=True),
    ]


def mail_columns() -> list[data.Column]:
    """Mails, each with the way to send it again."""

    def again(row: views.MailRow) -> rx.Component:
        act = frame.may(staff.Right.ASSIST, admin_acts.button("resend", row.id, row.subject))
        return rx.cond(row.status == "waiting", rx.fragment(), act)

    return [
        listing.column("mail", lambda row: listing.two(row.subject, row.to_address)),
        listing.column("status", lambda row: status.badge("adm.mail", row.status)),
        listing.column("when", lambda row: rx.el.time(row.at, date_time=row.iso)),
        listing.column("acts", again),
    ]
