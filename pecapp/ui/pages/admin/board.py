"""`/admin`: what is happening now."""

from collections.abc import Callable
from typing import Any

import reflex as rx

from pecapp.services.admin import board as services
from pecapp.ui import text
from pecapp.ui.components import admin_acts, buttons, data, feedback, icons
from pecapp.ui.pages.admin import batch, frame, payments
from pecapp.ui.states.admin import board as states

ROUTE = "/admin"
TITLE_KEY = "staff.board.title"
ON_LOAD = states.Board.load
State: Any = states.Board
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """What wants somebody first, then the figures, then how the last days went."""
    board = State.board
    return frame.page(
        feedback.loaded(
            State.ready,
            _held(board),
            _alerts(board),
            rx.el.div(
                _figures("staff.board.payments", board.now),
                _figures("staff.board.renewals", board.due),
                _figures("staff.board.events", board.events),
                _figures("staff.board.mails", board.mails),
                class_name="board",
                aria_live="polite",
            ),
            _latest(board),
            _failures(board),
            _days(board),
            rx.el.p(text.t("staff.board.at", at=board.at), class_name="hint"),
            lines=8,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("staff.board.lead"),
    )


def _held(board: Any) -> rx.Component:
    """That debits do not go out because somebody of the staff wants it so, for as long as that is so."""
    to_debits = buttons.link(text.t("staff.board.brake_link"), href=batch.ROUTE)
    brake = feedback.callout(
        text.t("staff.batch.brake"),
        rx.el.p(text.t("staff.batch.braked", by=board.brake.by, at=board.brake.at, why=board.brake.why)),
        rx.el.p(to_debits),
        tone="warning",
        live=True,
    )
    single = feedback.callout(
        text.t("staff.board.held", count=board.held),
        rx.el.p(text.t("staff.board.held_text")),
        rx.el.p(to_debits),
        tone="warning",
        live=True,
    )
    return rx.fragment(
        rx.cond(board.brake.by != "", brake, rx.fragment()), rx.cond(board.held != "", single, rx.fragment())
    )


def _figures(key: str, figures: rx.Var[list[services.Figure]]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t(key), class_name="card__title"),
        rx.el.dl(rx.foreach(figures, _figure), class_name="figures"),
        class_name="card board__card",
    )


def _figure(figure: services.Figure) -> rx.Component:
    """A number that leads to its rows; one that wants somebody has a sign beside it, not a colour alone."""
    number = rx.fragment(
        rx.cond(figure.tone != "neutral", icons.icon("triangle_alert", 18), rx.fragment()),
        rx.el.span(figure.value),
    )
    return rx.el.div(
        rx.el.dt(text.choose("staff.board", figure.key)),
        rx.el.dd(
            rx.cond(
                figure.url != "",
                buttons.link(number, href=figure.url, class_name="link figures__value"),
                rx.el.span(number, class_name="figures__value"),
            ),
            rx.cond(figure.note != "", rx.el.span(figure.note, class_name="hint"), rx.fragment()),
        ),
        class_name="figures__one figures__one--" + figure.tone,
    )


def _alerts(board: Any) -> rx.Component:
    empty = feedback.empty("circle_check", text.t("staff.board.no_alerts"), text.t("staff.board.no_alerts_text"))
    nothing = (board.alerts.length() == 0) & ((board.brake.by != "") | (board.held != ""))
    section = rx.el.section(
        rx.el.h2(text.t("staff.board.alerts"), class_name="shelf__title"),
        rx.cond(board.alerts.length() > 0, rx.el.ul(rx.foreach(board.alerts, _alert), class_name="alerts"), empty),
        rx.cond(board.more_alerts, rx.el.p(text.t("staff.board.more_alerts"), class_name="hint"), rx.fragment()),
        class_name="shelf",
    )
    return rx.cond(nothing, rx.fragment(), section)


def _alert(alert: services.Alert) -> rx.Component:
    order = buttons.link(text.t("staff.subject.order", name=alert.order), href=f"/admin/ordini/{alert.order}")
    return rx.el.li(
        icons.icon("triangle_alert", 20),
        rx.el.div(
            rx.el.p(rx.el.strong(alert.what)),
            rx.el.p(alert.at, " ", rx.cond(alert.order != "", order, rx.fragment()), class_name="hint"),
            rx.cond(alert.detail != "", rx.el.p(alert.detail, class_name="hint"), rx.fragment()),
            class_name="alerts__what",
        ),
        admin_acts.button("resolve", alert.alert_id, alert.what),
        class_name="alerts__one card",
    )


def _latest(board: Any) -> rx.Component:
    """The last tries to pay, which change as they go on."""
    title = text.t("staff.board.latest")
    empty = rx.el.p(text.t("staff.board.no_latest"))
    return rx.el.section(
        rx.el.h2(title, class_name="shelf__title"),
        data.table(title, payments.LOOK.columns, board.latest, empty=empty),
        rx.el.p(buttons.link(text.t("staff.board.all_payments"), href=payments.ROUTE)),
        class_name="shelf",
    )


def _failures(board: Any) -> rx.Component:
    columns = [
        data.Column(text.t("staff.board.reason"), lambda row: text.choose("adm.reason", row.reason)),
        data.Column(text.t("staff.board.count"), lambda row: buttons.link(row.count, href=row.url), numeric=True),
    ]
    return rx.el.section(
        rx.el.h2(text.t("staff.board.failures"), class_name="shelf__title"),
        data.table(
            text.t("staff.board.failures"), columns, board.failures, empty=rx.el.p(text.t("staff.board.no_failures"))
        ),
        class_name="shelf",
    )


def _days(board: Any) -> rx.Component:
    columns = [
        data.Column(text.t("staff.board.day"), lambda row: row.day),
        data.Column(text.t("staff.board.paid"), lambda row: _ended(row, row.paid, "succeeded"), numeric=True),
        data.Column(text.t("staff.board.taken"), lambda row: _ended(row, row.taken, "succeeded"), numeric=True),
        data.Column(text.t("staff.board.declined"), lambda row: _ended(row, row.declined, "declined"), numeric=True),
        data.Column(text.t("staff.board.refunded"), _refunded, numeric=True),
    ]
    return rx.el.section(
        rx.el.h2(text.t("staff.board.days"), class_name="shelf__title"),
        rx.el.div(
            _chart(board, "takings", board.takings, lambda day: (day.height, day.taken)),
            _chart(board, "refusals", board.refusals, lambda day: (day.declined_height, day.declined)),
            class_name="board",
        ),
        rx.el.details(
            rx.el.summary(text.t("staff.board.days_table")),
            data.table(text.t("staff.board.days"), columns, board.days, empty=rx.fragment()),
        ),
        class_name="shelf",
    )


def _chart(board: Any, name: str, scale: Any, bar: Callable[[services.Day], tuple[str, str]]) -> rx.Component:
    """Bars, a day each, of a height and a value; below them the first and the last day, and the highest one's value."""

    def draw(day: services.Day) -> rx.Component:
        height, value = bar(day)
        return rx.el.span(
            class_name=f"bars__one bars__one--{name}", style={"height": height}, title=f"{day.day}: {value}"
        )

    best = text.t(f"staff.board.{name}.best", amount=scale.most, day=scale.best)
    return rx.el.figure(
        rx.el.figcaption(text.t(f"staff.board.{name}"), class_name="overline"),
        rx.el.div(
            rx.foreach(board.days, draw), class_name="bars", role="img", aria_label=text.t(f"staff.board.{name}.chart")
        ),
        rx.el.div(
            rx.el.span(scale.first),
            rx.el.span(rx.cond(scale.best != "", best, text.t(f"staff.board.{name}.none"))),
            rx.el.span(scale.last),
            class_name="cluster cluster--apart hint",
        ),
        class_name="stack",
    )


def _ended(day: services.Day, number: str, status: str) -> rx.Component:
    """A number of a day, leading to the payments that ended so on it."""
    return buttons.link(number, href=f"/admin/pagamenti?stato={status}&ordina=ended&dal={day.iso}&al={day.iso}")


def _refunded(day: services.Day) -> rx.Component:
    """What went back on a day, leading to the refunds in its books."""
    return buttons.link(day.refunded, href=f"/admin/quadratura?giorno={day.iso}")
