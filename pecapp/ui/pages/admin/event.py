"""`/admin/notifiche/<number>`: one notification, how we know that it is authentic, and what came of it."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import webhooks
from pecapp.ui import address, text
from pecapp.ui.components import buttons, data, dialogs, feedback, status
from pecapp.ui.pages import charge
from pecapp.ui.pages.admin import events, frame, listing
from pecapp.ui.states.admin import events as states

ROUTE = f"{events.ROUTE}/[notifica]"
TITLE_KEY = "admin.event.one.title"
ON_LOAD = states.OneEvent.load
State: Any = states.OneEvent
Replaying: Any = states.Replaying
"""Their vars are variables of the page here; a type checker sees the values they will have."""
EVENT = State.event


def page() -> rx.Component:
    """The notification of the address."""
    return frame.page(
        feedback.loaded(
            State.asked == address.part("notifica"), rx.cond(EVENT.row.id > 0, _event(), _missing()), lines=8
        ),
        here=events.ROUTE,
        title=text.t(TITLE_KEY),
        above=buttons.link(text.t("admin.event.one.back"), href=events.ROUTE),
    )


def _missing() -> rx.Component:
    return feedback.empty("webhook_off", text.t("admin.event.one.missing"), text.t("admin.event.one.missing_text"))


def _event() -> rx.Component:
    row = EVENT.row
    odd = feedback.callout(text.t("admin.event.one.odd"), rx.el.p(EVENT.oddity), tone="warning")
    return rx.el.div(
        rx.el.div(
            rx.el.p(rx.el.strong(row.type), " ", row.event_id),
            rx.el.div(status.badge("event.status", row.status), role="status"),
            data.facts(
                (text.t("admin.event.gateway"), listing.gateway(row)),
                (text.t("admin.event.received"), rx.el.time(row.received, date_time=row.iso)),
                (text.t("admin.event.tries"), row.tries),
            ),
            rx.cond(EVENT.oddity != "", odd, rx.fragment()),
            frame.may(staff.Right.REPLAY, rx.cond(EVENT.can_replay, _replay(), rx.fragment())),
            class_name="card stack",
        ),
        _shelf("admin.event.one.led", _led_to()),
        _shelf("admin.event.one.proof", charge.facts(EVENT.proof)),
        _shelf("admin.event.one.headers", _headers()),
        _shelf("admin.event.one.body", rx.el.pre(EVENT.body, tab_index=0, class_name="raw")),
        class_name="stack",
    )


def _shelf(title: str, content: rx.Component) -> rx.Component:
    return rx.el.section(rx.el.h2(text.t(title), class_name="shelf__title"), content, class_name="stack")


def _headers() -> rx.Component:
    none = rx.el.p(text.t("admin.event.one.headers.none"), class_name="hint")
    return rx.cond(EVENT.headers != "", rx.el.pre(EVENT.headers, tab_index=0, class_name="raw"), none)


def _led_to() -> rx.Component:
    def draw(one: webhooks.LedTo) -> rx.Component:
        paid = (one.kind == "payment") & (EVENT.row.order != "")
        known = rx.cond(paid, buttons.link(one.name, href=f"/admin/ordini/{EVENT.row.order}"), rx.el.span(one.name))
        name = rx.cond(one.href != "", buttons.link(one.name, href=one.href), known)
        kind, stands = text.choose("admin.event.led", one.kind), text.choose("admin.event.state", one.status)
        return rx.el.li(kind, " ", name, ": ", stands)

    nothing = rx.el.p(text.t("admin.event.one.led.none"), class_name="hint")
    return rx.cond(EVENT.led_to.length() > 0, rx.el.ul(rx.foreach(EVENT.led_to, draw), class_name="stack"), nothing)


def _replay() -> rx.Component:
    ask = buttons.button(
        text.t("admin.event.replay"), icon="rotate_ccw", on_click=Replaying.ask, **dialogs.opens(events.REPLAY)
    )
    return rx.fragment(buttons.bar(ask), events.replay_question(Replaying.replay_one))
