"""`/admin/metodi`: the methods that customers have let us keep, masked."""

from typing import Any

import reflex as rx

from pecapp.ui.components import status
from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Methods
"""Its vars are variables of the page here; a type checker sees the values they will have."""
LOOK = listing.Look(
    "metodi",
    "adm.methods",
    "adm.method",
    [
        listing.column("method", lambda row: listing.two(row.title, listing.gateway(row))),
        listing.column("customer", listing.customer),
        listing.column("status", lambda row: status.badge("adm.method", row.status)),
        listing.column("ends", lambda row: row.expires),
        listing.column("ceiling", lambda row: row.ceiling, numeric=True),
        listing.column("used", lambda row: row.used),
        listing.column("created", listing.moment),
    ],
    "wallet",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Methods.load


def page() -> rx.Component:
    """The newest first."""
    return listing.page(LOOK, State)
