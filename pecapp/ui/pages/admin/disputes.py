"""`/admin/contestazioni`: payments that customers contest."""

from typing import Any

import reflex as rx

from pecapp.domain import disputes as rules
from pecapp.services.admin import contests
from pecapp.ui import text
from pecapp.ui.components import asking, data, feedback, forms, status
from pecapp.ui.pages.admin import frame, listing
from pecapp.ui.states.admin import disputes as states

ROUTE = states.ROUTE
TITLE_KEY = "admin.dispute.title"
ON_LOAD = states.Disputes.load
State: Any = states.Disputes
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The newest first."""
    columns = [
        data.Column(text.t("admin.dispute.opened"), lambda row: rx.el.time(row.opened, date_time=row.iso)),
        data.Column(text.t("admin.dispute.order"), lambda row: listing.order(row.order)),
        data.Column(text.t("admin.event.gateway"), _gateway),
        data.Column(text.t("admin.dispute.amount"), lambda row: row.amount, numeric=True),
        data.Column(text.t("admin.dispute.reason"), lambda row: row.reason),
        data.Column(text.t("admin.dispute.status"), _status),
        data.Column(text.t("admin.dispute.due"), _due),
    ]
    empty = feedback.empty("handshake", text.t("admin.dispute.empty"), text.t("admin.dispute.empty_text"))
    return frame.page(
        feedback.loaded(
            State.ready,
            rx.fragment(_filter(), key=State.status),
            data.table(text.t("admin.dispute.caption"), columns, State.rows, empty=empty),
            rx.el.p(text.t("admin.dispute.where"), class_name="hint"),
            asking.pager(State.newer, State.older, text.t("admin.dispute.pages")),
            lines=8,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("admin.dispute.lead"),
    )


def _filter() -> rx.Component:
    options = [(value.value, text.t(f"dispute.status.{value}")) for value in rules.Status]
    status_field = forms.select_field(
        states.STATUS,
        text.t("admin.dispute.status"),
        options,
        optional=True,
        prompt=text.t("admin.event.any"),
        default_value=State.status,
    )
    return listing.filters(State, ROUTE, status_field)


def _gateway(row: contests.DisputeRow) -> rx.Component:
    return rx.el.div(
        rx.el.span(listing.gateway(row)), rx.el.span(row.ref, class_name="line__detail"), class_name="named"
    )


def _status(row: contests.DisputeRow) -> rx.Component:
    return rx.el.div(
        status.badge("dispute.status", row.status),
        rx.cond(
            row.decided != "",
            rx.el.span(text.t("admin.dispute.decided", at=row.decided), class_name="line__detail"),
            rx.fragment(),
        ),
        class_name="named",
    )


def _due(row: contests.DisputeRow) -> rx.Component:
    late = status.tag(text.t("admin.dispute.late"), icon="triangle_alert", tone="problem")
    return rx.el.div(rx.el.span(row.respond_by), rx.cond(row.late, late, rx.fragment()), class_name="named")
