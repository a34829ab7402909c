"""`/admin/registro`: what the staff did, and why."""

from typing import Any

import reflex as rx

from pecapp.services.admin import register as services
from pecapp.ui import text
from pecapp.ui.components import buttons
from pecapp.ui.pages.admin import listing
from pecapp.ui.states.admin import lists as states

State: Any = states.Register
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def _by(act: services.Act) -> rx.Component:
    return listing.two(act.by, text.choose("staff.role", act.role))


def _subject(act: services.Act) -> rx.Component:
    return rx.cond(act.url != "", buttons.link(act.subject, href=act.url), rx.el.span(act.subject))


LOOK = listing.Look(
    "registro",
    "adm.register",
    "",
    [
        listing.column("at", lambda row: rx.el.time(row.at, date_time=row.iso)),
        listing.column("by", _by),
        listing.column("act", lambda row: row.act),
        listing.column("about", _subject),
        listing.column("changed", lambda row: row.changed),
        listing.column("reason", lambda row: row.why),
    ],
    "scroll_text",
)
ROUTE = LOOK.route
TITLE_KEY = LOOK.title
ON_LOAD = states.Register.load


def page() -> rx.Component:
    """Newest first, unless it is asked otherwise."""
    return listing.page(LOOK, State)
