"""`/admin/quadratura`: our books and the gateways', a day side by side."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import ledger as services
from pecapp.ui import text
from pecapp.ui.components import asking, buttons, data, dialogs, feedback, forms, status
from pecapp.ui.pages.admin import frame, listing
from pecapp.ui.states.admin import ledger as states

ROUTE = states.ROUTE
TITLE_KEY = "admin.ledger.title"
ON_LOAD = states.Books.load
State: Any = states.Books
Settling: Any = states.Settling
"""Their vars are variables of the page here; a type checker sees the values they will have."""
DAY = State.day
DIALOG = "differenza"


def page() -> rx.Component:
    """The day, the totals, the differences."""
    return frame.page(
        feedback.loaded(
            State.ready,
            rx.cond(State.problem != "", _problem(), rx.fragment()),
            rx.fragment(_days(), key=DAY.iso),
            rx.cond(DAY.iso != "", rx.fragment(_totals(), _differences()), rx.fragment()),
            lines=8,
        ),
        frame.may(staff.Right.REFUND, _question()),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("admin.ledger.lead"),
    )


def _problem() -> rx.Component:
    again = buttons.link_button(text.t("admin.retry"), href=ROUTE)
    return feedback.callout(text.t("admin.away"), rx.el.p(State.problem), buttons.bar(again), tone="problem", live=True)


def _days() -> rx.Component:
    """The day that is shown, and the way to any other."""
    before = buttons.link_button(
        text.t("admin.ledger.previous"), href=f"{ROUTE}?{states.DAY}={DAY.previous}", icon="arrow_left"
    )
    after = buttons.link_button(
        text.t("admin.ledger.following"), href=f"{ROUTE}?{states.DAY}={DAY.following}", icon_after="arrow_right"
    )
    return rx.el.div(
        rx.cond(DAY.iso != "", rx.el.h2(DAY.day, class_name="shelf__title"), rx.fragment()),
        forms.form(
            rx.el.div(
                forms.text_field(states.DAY, text.t("admin.ledger.day"), type="date", default_value=DAY.iso),
                class_name="filters__fields",
            ),
            rx.el.div(
                buttons.submit(text.t("admin.ledger.show"), look="secondary"),
                rx.cond(DAY.previous != "", before, rx.fragment()),
                rx.cond(DAY.following != "", after, rx.fragment()),
                class_name="filters__acts",
            ),
            on_submit=State.show,
            class_name="form filters",
            aria_label=text.t("admin.ledger.day"),
        ),
        class_name="stack",
    )


def _totals() -> rx.Component:
    columns = [
        data.Column(text.t("admin.event.gateway"), listing.gateway),
        data.Column(text.t("admin.ledger.ours_in"), lambda row: row.ours_in, numeric=True),
        data.Column(text.t("admin.ledger.theirs_in"), lambda row: row.theirs_in, numeric=True),
        data.Column(text.t("admin.ledger.ours_back"), lambda row: row.ours_back, numeric=True),
        data.Column(text.t("admin.ledger.theirs_back"), lambda row: row.theirs_back, numeric=True),
        data.Column(text.t("admin.ledger.count"), lambda row: row.count, numeric=True),
        data.Column(text.t("admin.ledger.result"), _result),
    ]
    title = text.t("admin.ledger.totals")
    return rx.el.section(
        rx.el.h2(title, class_name="shelf__title"),
        data.table(title, columns, DAY.sides, empty=rx.fragment()),
        class_name="stack",
    )


def _result(side: services.Side) -> rx.Component:
    word = rx.cond(side.away, "away", rx.cond(side.equal, "equal", "differs"))
    late = rx.el.span(text.t("admin.ledger.until", at=side.complete_until), class_name="line__detail")
    return rx.el.div(
        status.badge("books.side", word),
        rx.cond(side.complete_until != "", late, rx.fragment()),
        class_name="named",
    )


def _differences() -> rx.Component:
    title = text.t("admin.ledger.differences")
    columns = [
        data.Column(text.t("admin.ledger.what"), _what),
        data.Column(text.t("admin.event.gateway"), lambda row: listing.gateway(row[1])),
        data.Column(text.t("admin.ledger.order"), _order),
        data.Column(text.t("admin.ledger.ours"), lambda row: row[1].ours, numeric=True),
        data.Column(text.t("admin.ledger.theirs"), lambda row: row[1].theirs, numeric=True),
        data.Column(text.t("admin.ledger.acts"), _acts),
    ]
    empty = feedback.empty("scale", text.t("admin.ledger.none"), text.t("admin.ledger.none_text"))
    return rx.el.section(
        rx.el.h2(title, class_name="shelf__title"),
        data.table(title, columns, State.numbered, empty=empty),
        rx.cond(DAY.more > 0, rx.el.p(text.t("admin.ledger.more", count=DAY.more), class_name="hint"), rx.fragment()),
        class_name="stack",
    )


def _what(row: Any) -> rx.Component:
    one = row[1]
    return rx.el.div(
        status.badge("difference.what", one.what),
        rx.el.span(text.choose("admin.ledger.kind", one.kind)),
        rx.el.span(rx.cond(one.ref != "", one.ref, one.own_id), class_name="line__detail"),
        class_name="named",
    )


def _order(row: Any) -> rx.Component:
    return rx.cond(row[1].order != "", listing.order(row[1].order), rx.fragment())


def _acts(row: Any) -> rx.Component:
    place, one = row[0], row[1]
    name = rx.cond(one.ref != "", one.ref, one.own_id)

    def act(kind: str) -> rx.Component:
        return buttons.button(
            text.t(f"admin.ledger.{kind}"),
            small=True,
            on_click=Settling.ask(kind, place),
            aria_description=name,
            **dialogs.opens(DIALOG),
        )

    refund = buttons.link_button(
        text.t("admin.ledger.refund"), href=f"/admin/ordini/{one.order}", small=True, aria_description=name
    )
    can_give_back = (one.kind == services.PAYMENT) & (one.order != "") & (one.what != "only_here")
    acts = rx.el.div(
        rx.cond(one.can_ask, act(states.ASK), rx.fragment()),
        rx.cond(one.can_adopt, act(states.ADOPT), rx.fragment()),
        rx.cond(can_give_back, refund, rx.fragment()),
        act(states.VERIFY),
        class_name="filters__acts",
    )
    checked = rx.el.span(text.t("admin.ledger.checked", why=one.checked))
    return rx.cond(one.checked != "", checked, frame.may(staff.Right.REFUND, acts))


def _question() -> rx.Component:
    def say(part: str = "") -> Any:
        words = {kind: text.t(f"admin.ledger.{kind}{part}") for kind in (states.ASK, states.ADOPT, states.VERIFY)}
        return rx.match(Settling.kind, *words.items(), words[states.ASK])

    return asking.dialog(
        DIALOG,
        say(".title"),
        rx.el.p(rx.el.strong(Settling.name)),
        rx.el.p(say(".means")),
        state=Settling,
        confirm=Settling.confirm,
        act=say(),
        why="settle_why",
    )
