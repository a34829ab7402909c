"""`/admin/posta`: the mails to customers that wait, that could not be delivered, and that left."""

from typing import Any

import reflex as rx

from pecapp.services.admin import views
from pecapp.ui.components import buttons
from pecapp.ui.pages.admin import customer, listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Mails
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def _to(row: views.MailRow) -> rx.Component:
    known = buttons.link(row.to_address, href=f"/admin/clienti/{row.account_id}")
    return rx.cond(row.account_id > 0, known, rx.el.span(row.to_address))


LOOK = listing.Look(
    "posta",
    "adm.mails",
    "adm.mail",
    [
        listing.column("mail", lambda row: row.subject),
        listing.column("to", _to),
        listing.column("order", lambda row: rx.cond(row.order != "", listing.order(row.order), rx.fragment())),
        listing.column("tries", lambda row: row.tries, numeric=True),
        *customer.mail_columns()[1:],
    ],
    "mail",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Mails.load


def page() -> rx.Component:
    """All of them, newest first, unless some are asked for."""
    return listing.page(LOOK, State)
