"""`/admin/servizi`: the services that customers have."""

from typing import Any

import reflex as rx

from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Services
"""Its vars are variables of the page here; a type checker sees the values they will have."""
LOOK = listing.Look(
    "servizi",
    "adm.services",
    "service.status",
    listing.service_columns(listing.column("customer", listing.customer)),
    "mail",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Services.load


def page() -> rx.Component:
    """The newest first."""
    return listing.page(LOOK, State)
