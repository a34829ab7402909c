"""`/rinnovi`: every renewal of the customer, each with the way to «Perché questo addebito?»."""

from typing import Any

import reflex as rx

from pecapp.services import history_views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, feedback, status
from pecapp.ui.pages import service
from pecapp.ui.states import renewals as states

ROUTE = "/rinnovi"
TITLE_KEY = "history.title"
ON_LOAD = states.Renewals.load
State: Any = states.Renewals
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The renewals, newest first."""
    return layout.page(
        feedback.loaded(State.ready, _renewals(), lines=6),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("history.lead"),
        above=service.back(text.t("area.back"), "/area-clienti"),
    )


def way(automatic: text.Live) -> rx.Component:
    """Whether a renewal was made by itself or by the customer."""
    return rx.cond(automatic, rx.el.span(text.t("history.automatic")), rx.el.span(text.t("history.by_hand")))


def _renewals() -> rx.Component:
    columns = [
        data.Column(text.t("history.service"), _service),
        data.Column(text.t("history.day"), lambda row: rx.el.time(row.on, date_time=row.iso)),
        data.Column(text.t("history.method"), _means),
        data.Column(text.t("history.outcome"), _outcome),
        data.Column(text.t("history.amount"), lambda row: row.amount, numeric=True),
        data.Column(text.t("history.reason"), _ask),
    ]
    empty = feedback.empty(
        "repeat",
        text.t("history.empty"),
        text.t("history.empty_text"),
        buttons.link_button(text.t("forecast.to_services"), href="/area-clienti", look="primary"),
    )
    more = buttons.bar(buttons.button(text.t("history.more"), on_click=State.older))
    return rx.el.div(
        data.table(text.t("history.caption"), columns, State.rows, empty=empty),
        rx.cond(State.more, more, rx.fragment()),
        class_name="stack renewals",
    )


def _service(row: history_views.RenewalRowView) -> rx.Component:
    return rx.fragment(
        rx.el.strong(row.service, class_name="renewals__service"),
        rx.el.span(way(row.automatic), class_name="line__detail"),
    )


def _means(row: history_views.RenewalRowView) -> rx.Component:
    return rx.cond(row.means != "", rx.el.span(row.means), rx.el.span(text.t("history.no_method"), class_name="hint"))


def _outcome(row: history_views.RenewalRowView) -> rx.Component:
    return rx.fragment(
        status.badge("order.status", row.status),
        rx.cond(row.why != "", rx.el.span(row.why, class_name="line__detail"), rx.fragment()),
    )


def _ask(row: history_views.RenewalRowView) -> rx.Component:
    return buttons.link(
        text.t("history.ask"),
        href=f"{ROUTE}/{row.number}",
        aria_label=text.t("history.ask_for", service=row.service, on=row.on),
    )
