"""`/admin/cerca?q=`: what was found, by what it is, each with the reason why it matched."""

from typing import Any

import reflex as rx

from pecapp.services.admin import views
from pecapp.ui import text
from pecapp.ui.components import buttons, feedback
from pecapp.ui.pages.admin import frame
from pecapp.ui.states.admin import search as states

ROUTE = frame.SEARCH
TITLE_KEY = "adm.search"
ON_LOAD = states.Search.load
State: Any = states.Search
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The groups that have something, in the order in which one asks for them."""
    groups = ("customers", "orders", "payments", "methods", "services")
    nothing = feedback.empty("search", text.t("adm.search.nothing"), text.t("adm.search.nothing_text"))
    return frame.page(
        feedback.loaded(
            State.ready,
            rx.el.p(text.t("adm.search.for", typed=State.typed), role="status"),
            rx.cond(State.nothing, nothing, rx.el.div(*map(_group, groups), class_name="parts")),
            lines=8,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
    )


def _group(name: str) -> rx.Component:
    hits = getattr(State.found, name)
    shown = rx.el.section(
        rx.el.h2(text.t(f"adm.{name}"), class_name="shelf__title"),
        rx.el.ul(rx.foreach(hits, _hit), class_name="hits"),
        class_name="stack",
    )
    return rx.cond(hits.length() > 0, shown, rx.fragment())


def _hit(hit: views.HitView) -> rx.Component:
    return rx.el.li(
        buttons.link(rx.el.strong(hit.title), href=hit.href),
        rx.el.p(hit.detail),
        rx.el.p(hit.why, class_name="hint"),
        class_name="hits__one",
    )
