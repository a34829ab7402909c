"""`/admin/pagamenti`: every try to pay."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Payments
"""Its vars are variables of the page here; a type checker sees the values they will have."""
LOOK = listing.Look(
    "pagamenti",
    "adm.payments",
    "attempt.status",
    [
        listing.column("order", lambda row: listing.order(row.order_number)),
        listing.column("customer", listing.customer),
        listing.column("means", lambda row: listing.two(row.means, row.reference)),
        listing.column("channel", lambda row: text.choose("adm.channel", row.channel)),
        listing.column("status", listing.attempt_status),
        listing.column("created", listing.moment),
        listing.column("amount", lambda row: row.amount, numeric=True),
    ],
    "landmark",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Payments.load


def page() -> rx.Component:
    """The newest first."""
    return listing.page(LOOK, State)
