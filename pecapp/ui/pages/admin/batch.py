"""`/admin/addebiti`: the rehearsal of a day's debits, and the emergency brake."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import batch as services
from pecapp.ui import text
from pecapp.ui.components import admin_acts, buttons, data, feedback, icons, status
from pecapp.ui.pages.admin import frame
from pecapp.ui.states.admin import batch as states

ROUTE = states.ROUTE
TITLE_KEY = "staff.batch.title"
ON_LOAD = states.Batch.load
State: Any = states.Batch
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The brake, the day, the figures, and the debits that somebody should look at first."""
    return frame.page(
        feedback.loaded(State.ready, _brake(), _day(), _figures(), _list(), lines=8),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("staff.batch.lead"),
    )


def _brake() -> rx.Component:
    on = feedback.callout(
        text.t("staff.batch.brake"),
        rx.el.p(text.t("staff.batch.braked", by=State.brake.by, at=State.brake.at, why=State.brake.why)),
        frame.may(
            staff.Right.RELEASE,
            admin_acts.button("release_all", "all", text.t("staff.batch.title"), look="primary", small=False),
        ),
        tone="warning",
        live=True,
    )
    off = frame.may(
        staff.Right.HOLD,
        buttons.bar(
            admin_acts.button(
                "hold_all", "all", text.t("staff.batch.title"), look="danger", small=False, icon="octagon_pause"
            )
        ),
    )
    return rx.cond(State.brake.by != "", on, off)


def _day() -> rx.Component:
    return rx.el.div(
        rx.el.label(text.t("staff.batch.day"), html_for=states.DAY, class_name="field__label"),
        rx.el.div(
            rx.el.select(
                rx.foreach(State.days, lambda day: rx.el.option(day[1], value=day[0])),
                id=states.DAY,
                value=State.day,
                on_change=State.choose,
                class_name="input input--select",
            ),
            icons.icon("chevron_down"),
            class_name="select",
        ),
        class_name="field desk__short",
    )


def _figures() -> rx.Component:
    said = rx.cond(
        State.checking,
        text.t("staff.batch.progress", done=State.done),
        text.t("staff.batch.done", done=State.done),
    )
    return rx.el.section(
        data.facts(
            (text.t("staff.batch.total"), rx.el.strong(State.total)),
            (text.t("staff.batch.light.covered"), State.covered),
            (text.t("staff.batch.light.at_risk"), State.at_risk),
            (text.t("staff.batch.light.uncovered"), State.uncovered),
            (text.t("staff.batch.light.held"), _stopped()),
            (text.t("staff.batch.different"), State.different),
        ),
        rx.el.p(said, class_name="hint", role="status"),
        class_name="card",
    )


def _stopped() -> rx.Component:
    """How many are held, and what would be taken of them; they are in no other figure."""
    amount = rx.cond(State.held > 0, rx.el.span(" · ", State.held_total), rx.fragment())
    return rx.el.span(State.held, amount)


def _list() -> rx.Component:
    columns = [
        data.Column(text.t("staff.batch.service"), _service),
        data.Column(text.t("staff.batch.customer"), _customer),
        data.Column(text.t("staff.batch.means_of"), lambda row: row.means),
        data.Column(text.t("staff.batch.cover"), _cover),
        data.Column(text.t("staff.batch.amount"), _amount, numeric=True),
        data.Column(text.t("staff.batch.acts"), _acts),
    ]
    empty = feedback.empty("calendar_check", text.t("staff.batch.empty"), text.t("staff.batch.empty_text"))
    return rx.el.section(
        rx.el.h2(text.t("staff.batch.list"), class_name="shelf__title"),
        rx.cond(
            State.checking & (State.done == 0),
            feedback.skeleton(4),
            data.table(text.t("staff.batch.list"), columns, State.debits, empty=empty),
        ),
        rx.cond(
            State.done > State.debits.length(),
            rx.el.p(text.t("staff.batch.more", shown=State.debits.length()), class_name="hint"),
            rx.fragment(),
        ),
        class_name="shelf",
    )


def _service(debit: services.Debit) -> rx.Component:
    return rx.el.div(
        rx.el.span(debit.service),
        rx.el.span(text.t("staff.batch.expires", on=debit.expires), class_name="line__detail"),
        class_name="named",
    )


def _customer(debit: services.Debit) -> rx.Component:
    return buttons.link(debit.customer, href=f"/admin/clienti/{debit.account_id}")


def _cover(debit: services.Debit) -> rx.Component:
    held = status.tag(text.t("staff.batch.held"), icon="circle_pause", tone="warning")
    return rx.el.div(
        rx.cond(debit.stopped, held, status.badge("charge.light", debit.light)),
        rx.cond(debit.why != "", rx.el.span(debit.why, class_name="line__detail"), rx.fragment()),
        class_name="named",
    )


def _amount(debit: services.Debit) -> rx.Component:
    last = rx.el.span(text.t("staff.batch.before", amount=debit.before), class_name="line__detail")
    return rx.el.div(rx.el.span(debit.amount), rx.cond(debit.before != "", last, rx.fragment()), class_name="named")


def _acts(debit: services.Debit) -> rx.Component:
    held = frame.may(staff.Right.RELEASE, admin_acts.button("release", debit.key, debit.service))
    free = frame.may(staff.Right.HOLD, admin_acts.button("hold", debit.key, debit.service))
    return rx.el.div(rx.cond(debit.held, held, free), class_name="cluster")
