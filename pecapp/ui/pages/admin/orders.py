"""`/admin/ordini`: the orders."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import status
from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Orders
"""Its vars are variables of the page here; a type checker sees the values they will have."""
LOOK = listing.Look(
    "ordini",
    "adm.orders",
    "order.status",
    [
        listing.column("order", lambda row: listing.order(row.number)),
        listing.column("customer", listing.customer),
        listing.column("what", lambda row: listing.two(row.title, text.choose("adm.kind", row.kind))),
        listing.column("status", lambda row: status.badge("order.status", row.status)),
        listing.column("gateway", listing.gateway),
        listing.column("created", listing.moment),
        listing.column("gross", lambda row: row.gross, numeric=True),
    ],
    "receipt",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Orders.load


def page() -> rx.Component:
    """The newest first."""
    return listing.page(LOOK, State)
