"""Statuses: icon, word and colour, the same everywhere; and the path of a payment while it is watched."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, cast

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import icons

Tone = Literal["neutral", "progress", "success", "warning", "problem"]

LOOKS: Mapping[str, Mapping[str, tuple[str, Tone]]] = MappingProxyType(
    {
        "order.status": {
            "awaiting_payment": ("hourglass", "warning"),
            "verifying": ("shield_ellipsis", "progress"),
            "paid": ("circle_check", "success"),
            "cancelled": ("ban", "neutral"),
            "expired": ("calendar_x", "neutral"),
            "refunded": ("undo_2", "neutral"),
        },
        "attempt.status": {
            "created": ("circle_dashed", "progress"),
            "redirected": ("arrow_up_right", "progress"),
            "unknown": ("shield_ellipsis", "progress"),
            "succeeded": ("circle_check", "success"),
            "declined": ("circle_x", "problem"),
            "cancelled": ("ban", "neutral"),
            "expired": ("calendar_x", "neutral"),
        },
        "service.status": {
            "pending": ("hourglass", "warning"),
            "activating": ("circle_dashed", "progress"),
            "active": ("circle_check", "success"),
            "activation_failed": ("circle_alert", "problem"),
            "expired": ("calendar_x", "problem"),
            "cancelled": ("ban", "neutral"),
        },
        "renewal.status": {
            "on": ("repeat", "success"),
            "never": ("circle_off", "neutral"),
            "off": ("circle_off", "neutral"),
        },
        "method.status": {
            "valid": ("circle_check", "success"),
            "expiring": ("hourglass", "warning"),
            "expired": ("calendar_x", "problem"),
            "revoked": ("ban", "problem"),
        },
        "debit.status": {
            "refused": ("circle_x", "problem"),
            "by_hand": ("hand", "warning"),
        },
        "adm.method": {
            "valid": ("circle_check", "success"),
            "expired": ("calendar_x", "problem"),
            "revoked": ("ban", "problem"),
            "removed": ("circle_off", "neutral"),
        },
        "adm.mail": {
            "waiting": ("hourglass", "progress"),
            "sent": ("circle_check", "success"),
            "failed": ("circle_x", "problem"),
        },
        "event.status": {
            "waiting": ("hourglass", "progress"),
            "done": ("circle_check", "success"),
            "unmatched": ("search_x", "warning"),
            "quarantined": ("shield_alert", "problem"),
            "ignored": ("circle_off", "neutral"),
        },
        "dispute.status": {
            "to_answer": ("message_square_warning", "problem"),
            "in_review": ("hourglass", "progress"),
            "won": ("circle_check", "success"),
            "lost": ("circle_x", "neutral"),
        },
        "difference.what": {
            "only_here": ("house", "warning"),
            "only_there": ("landmark", "warning"),
            "amount": ("equal_not", "warning"),
        },
        "books.side": {
            "equal": ("circle_check", "success"),
            "differs": ("equal_not", "warning"),
            "away": ("unplug", "problem"),
        },
        "offer.status": {
            "coming": ("hourglass", "progress"),
            "now": ("circle_check", "success"),
            "past": ("calendar_x", "neutral"),
        },
        "charge.light": {
            "covered": ("circle_check", "success"),
            "at_risk": ("triangle_alert", "warning"),
            "uncovered": ("circle_x", "problem"),
            "skipped": ("skip_forward", "neutral"),
        },
    }
)
"""Icon and tone of each status, by the group of locale keys that holds its words. The words are `<group>.<status>`."""

_PATH = ("awaiting_payment", "verifying", "paid")


def tag(label: text.Words, *, icon: str, tone: Tone) -> rx.Component:
    """A short word with an icon, for what has no status of its own («Simulatore», «Consigliato»)."""
    return rx.el.span(icons.icon(icon, 16), rx.el.span(label), class_name=f"badge badge--{tone}")


def badge(group: str, status: text.Live) -> rx.Component:
    """The badge of a status: `badge("order.status", State.order.status)`. An unknown status shows nothing."""
    looks = LOOKS[group]
    drawn = {value: tag(text.t(f"{group}.{value}"), icon=icon, tone=tone) for value, (icon, tone) in looks.items()}
    if isinstance(status, str):
        return drawn[status]
    return cast("rx.Component", rx.match(status, *drawn.items(), rx.fragment()))


def order_head(number: text.Live, headline: text.Live, status: text.Live) -> tuple[rx.Component, rx.Component]:
    """What an order that is watched begins with: its number, how it stands in words, said aloud too, and its path."""
    return (
        rx.el.div(
            rx.el.p(text.t("ord.number", number=number), class_name="overline"),
            rx.el.h1(headline, class_name="title"),
            rx.el.div(rx.el.p(headline), role="status", aria_live="polite", class_name="sr-only"),
            class_name="page-head",
        ),
        _payment_path(status),
    )


def _payment_path(status: text.Live) -> rx.Component:
    """«In attesa pagamento», «Pagamento in verifica», «Pagato»: how far the payment is, said aloud when it moves.

    An order that left the path (cancelled, expired, refunded) shows its badge.
    """
    at: text.Live = rx.Var.create({value: number for number, value in enumerate(_PATH)})[status].to(int)
    steps = [_step(value, number, at) for number, value in enumerate(_PATH)]
    path = rx.el.ol(*steps, class_name="path", aria_label=text.t("order.path"))
    return rx.el.div(
        rx.cond(at >= 0, path, badge("order.status", status)),
        rx.el.p(text.choose("order.status", status), role="status", class_name="sr-only"),
    )


def _step(value: str, number: int, at: text.Live) -> rx.Component:
    base = "path__step"
    icon, tone = LOOKS["order.status"][value]
    now = f"{base} {base}--now {base}--{tone}"
    last = number == len(_PATH) - 1
    done = (at >= number) if last else (at > number)
    return rx.el.li(
        rx.el.span(
            rx.cond(done, icons.icon("check", 18), icons.icon(icon, 18)),
            class_name="path__mark",
        ),
        rx.el.span(text.t(f"order.status.{value}"), class_name="path__name"),
        rx.cond(done, rx.el.span(text.t("order.path.done"), class_name="sr-only")),
        class_name=rx.cond(done, f"{base} {base}--done", rx.cond(at == number, now, base)),
        aria_current=rx.cond(at == number, "step", "false"),
    )
