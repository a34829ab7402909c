"""`/admin/registro`: what the staff did, and why."""

from typing import Any

import reflex as rx

from pecapp.services.admin import register as services
from pecapp.ui import text
from pecapp.ui.components import buttons, data, feedback
from pecapp.ui.pages.admin import frame
from pecapp.ui.states.admin import people as states

ROUTE = "/admin/registro"
TITLE_KEY = "staff.acts.title"
ON_LOAD = states.Register.load
State: Any = states.Register
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """Newest first."""
    columns = [
        data.Column(text.t("staff.acts.at"), lambda row: row.at),
        data.Column(text.t("staff.acts.by"), _by),
        data.Column(text.t("staff.acts.act"), lambda row: row.act),
        data.Column(text.t("staff.acts.subject"), _subject),
        data.Column(text.t("staff.acts.changed"), lambda row: row.changed),
        data.Column(text.t("staff.why"), lambda row: row.why),
    ]
    empty = feedback.empty("scroll_text", text.t("staff.acts.empty"), text.t("staff.acts.empty_text"))
    older = buttons.bar(buttons.button(text.t("staff.acts.older"), on_click=State.older))
    return frame.page(
        feedback.loaded(
            State.ready,
            data.table(text.t(TITLE_KEY), columns, State.acts, empty=empty),
            rx.cond(State.more, older, rx.fragment()),
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("staff.acts.lead"),
    )


def _by(act: services.Act) -> rx.Component:
    return rx.el.div(
        rx.el.span(act.by),
        rx.el.span(text.choose("staff.role", act.role), class_name="line__detail"),
        class_name="named",
    )


def _subject(act: services.Act) -> rx.Component:
    return rx.cond(act.url != "", buttons.link(act.subject, href=act.url), rx.el.span(act.subject))
