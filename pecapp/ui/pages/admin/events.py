"""`/admin/notifiche`: what the gateways have told us, once more, and what never came."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import lists, webhooks
from pecapp.ui import text
from pecapp.ui.components import asking, buttons, data, dialogs, feedback, forms, status
from pecapp.ui.pages.admin import frame, listing
from pecapp.ui.states.admin import events as states

ROUTE = states.ROUTE
TITLE_KEY = "admin.event.title"
ON_LOAD = states.Events.load
State: Any = states.Events
Comparing: Any = states.Comparing
Replaying: Any = states.Replaying
"""Their vars are variables of the page here; a type checker sees the values they will have."""
REPLAY, FETCH = "ripeti", "recupera"


def page() -> rx.Component:
    """Filters, the list, and the comparison with the gateway's own."""
    return frame.page(
        feedback.loaded(
            State.ready,
            rx.fragment(_filters(), key=State.asked.to_string()),
            _replay(),
            data.table(text.t("admin.event.caption"), _columns(), State.rows, empty=_empty()),
            rx.cond(State.partial, rx.el.p(text.t("admin.event.partial"), class_name="hint"), rx.fragment()),
            asking.pager(State.newer, State.older, text.t("admin.event.pages")),
            _compare(),
            lines=10,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("admin.event.lead"),
    )


def _filters() -> rx.Component:
    return listing.filters(
        State,
        ROUTE,
        forms.select_field(
            "stato",
            text.t("admin.event.status"),
            [(value, text.t(f"event.status.{value}")) for value in webhooks.STATES],
            **_chosen("stato"),
        ),
        forms.select_field("gateway", text.t("admin.event.gateway"), _gateways(), **_chosen("gateway")),
        forms.select_field("tipo", text.t("admin.event.type"), State.types, **_chosen("tipo")),
        *(
            forms.text_field(name, text.t(f"adm.{name}"), type="date", required=False, default_value=State.asked[name])
            for name in (lists.SINCE, lists.UNTIL)
        ),
        forms.text_field(
            states.SAID,
            text.t("admin.event.said"),
            hint=text.t("admin.event.said.hint"),
            required=False,
            type="search",
            auto_complete="off",
            default_value=State.asked[states.SAID],
        ),
    )


def _chosen(name: str) -> dict[str, Any]:
    return {"required": False, "prompt": text.t("admin.event.any"), "default_value": State.asked[name]}


def _gateways() -> list[tuple[str, text.Words]]:
    return [(value, text.t(f"history.gateway.{value}")) for value in webhooks.GATEWAYS]


def _empty() -> rx.Component:
    return feedback.empty("webhook", text.t("admin.event.empty"), text.t("admin.event.empty_text"))


def _columns() -> list[data.Column]:
    return [
        data.Column(text.t("admin.event.choose"), _tick),
        data.Column(text.t("admin.event.received"), lambda row: rx.el.time(row.received, date_time=row.iso)),
        data.Column(text.t("admin.event.gateway"), listing.gateway),
        data.Column(text.t("admin.event.type"), _type),
        data.Column(text.t("admin.event.status"), _status),
        data.Column(
            text.t("admin.event.order"), lambda row: rx.cond(row.order != "", listing.order(row.order), rx.fragment())
        ),
        data.Column(text.t("admin.event.tries"), lambda row: row.tries, numeric=True),
    ]


def _tick(row: webhooks.EventRow) -> rx.Component:
    return rx.el.input(
        type="checkbox",
        checked=State.chosen.contains(row.id),
        on_change=lambda ticked: State.choose(row.id, ticked),
        aria_label=text.t("admin.event.choose_one", name=row.event_id),
        class_name="tick__input",
    )


def _type(row: webhooks.EventRow) -> rx.Component:
    return rx.el.div(
        buttons.link(row.type, href=f"{ROUTE}/{row.id}"),
        rx.el.span(row.event_id, class_name="line__detail"),
        class_name="named",
    )


def _status(row: webhooks.EventRow) -> rx.Component:
    fetched = rx.el.span(text.t("admin.event.fetched"), class_name="line__detail")
    return rx.el.div(
        status.badge("event.status", row.status), rx.cond(row.listed, fetched, rx.fragment()), class_name="named"
    )


def _replay() -> rx.Component:
    """Everything on the page, and the act on what is ticked."""
    count = State.chosen.length()
    whole = forms.checkbox(
        "all",
        text.t("admin.event.choose_all"),
        checked=(count > 0) & (count == State.rows.length()),
        on_change=State.choose_all,
    )
    act = buttons.button(
        text.t("admin.event.replay_many", count=count),
        icon="rotate_ccw",
        on_click=Replaying.ask,
        disabled=count == 0,
        **dialogs.opens(REPLAY),
    )
    question = replay_question(Replaying.replay_chosen)
    acts = rx.fragment(rx.el.div(whole, act, class_name="filters__acts"), question)
    return frame.may(staff.Right.REPLAY, rx.cond(State.rows.length() > 0, acts, rx.fragment()))


def replay_question(confirm: Any) -> rx.Component:
    """Asks for the reason before notifications are handled once more by `confirm`."""
    return asking.dialog(
        REPLAY,
        text.t("admin.event.replay.ask"),
        rx.el.p(text.t("admin.event.replay.means")),
        state=Replaying,
        confirm=confirm,
        act=text.t("admin.event.replay"),
        why="replay_why",
    )


def _compare() -> rx.Component:
    days = [(value, text.t(f"admin.event.compare.days.{value}")) for value in states.DAYS]
    return rx.el.section(
        rx.el.h2(text.t("admin.event.compare"), class_name="shelf__title"),
        rx.el.p(text.t("admin.event.compare.lead"), class_name="hint"),
        forms.form(
            rx.el.div(
                forms.select_field("compare_gateway", text.t("admin.event.gateway"), _gateways()),
                forms.select_field("days", text.t("admin.event.compare.days"), days, default_value=states.DAYS[1]),
                class_name="filters__fields",
            ),
            buttons.bar(buttons.submit(text.t("admin.event.compare.button"), look="secondary", icon="refresh_cw")),
            on_submit=Comparing.compare,
            class_name="form filters",
            aria_label=text.t("admin.event.compare"),
        ),
        rx.el.div(_compared(), aria_live="polite"),
        class_name="shelf",
    )


def _compared() -> rx.Component:
    found = Comparing.found
    nothing = feedback.callout(
        text.t("admin.event.compare.none"),
        rx.el.p(text.t("admin.event.compare.none_text", since=found.since, until=found.until, known=found.known)),
        tone="success",
    )
    away = feedback.callout(text.t("admin.away"), rx.el.p(Comparing.problem), tone="problem", live=True)
    return rx.cond(
        Comparing.problem != "",
        away,
        rx.cond(found.gateway == "", rx.fragment(), rx.cond(found.missing.length() > 0, _missing(found), nothing)),
    )


def _missing(found: Any) -> rx.Component:
    columns = [
        data.Column(text.t("admin.event.received"), lambda row: rx.el.time(row.created, date_time=row.iso)),
        data.Column(text.t("admin.event.type"), lambda row: listing.two(row.type, row.event_id)),
    ]
    fetch = buttons.button(
        text.t("admin.event.fetch"),
        look="primary",
        icon="download",
        on_click=Replaying.ask,
        **dialogs.opens(FETCH),
    )
    question = asking.dialog(
        FETCH,
        text.t("admin.event.fetch.ask"),
        rx.el.p(text.t("admin.event.fetch.means")),
        state=Replaying,
        confirm=Replaying.fetch,
        act=text.t("admin.event.fetch"),
        why="fetch_why",
    )
    title = text.t("admin.event.compare.some", since=found.since, until=found.until)
    return rx.el.div(
        rx.el.h3(title),
        data.table(title, columns, found.missing, empty=rx.fragment()),
        frame.may(staff.Right.REPLAY, buttons.bar(fetch), question),
        class_name="stack",
    )
