"""`/admin/clienti`: the customers."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons
from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Customers
"""Its vars are variables of the page here; a type checker sees the values they will have."""
LOOK = listing.Look(
    "clienti",
    "adm.customers",
    "",
    [
        listing.column(
            "name", lambda row: listing.two(buttons.link(row.name, href=f"/admin/clienti/{row.id}"), row.login)
        ),
        listing.column("email", lambda row: row.email),
        listing.column(
            "confirmed",
            lambda row: rx.cond(row.confirmed, rx.el.span(text.t("adm.csv.yes")), rx.el.span(text.t("adm.csv.no"))),
        ),
        listing.column(
            "kind",
            lambda row: rx.cond(row.kind != "", rx.el.span(text.choose("holder.kind", row.kind)), rx.fragment()),
        ),
        listing.column("created", listing.moment),
    ],
    "users",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Customers.load


def page() -> rx.Component:
    """The newest first."""
    return listing.page(LOOK, State)
