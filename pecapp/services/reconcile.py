"""Asking the gateway for what nobody told us: lost webhooks, closed tabs, crashes between two steps."""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlmodel import col, select

from pecapp import clock, db, errors, settings, tables
from pecapp.domain import payments as rules
from pecapp.services import alerts, payments, settlement

log = logging.getLogger(__name__)

CONCURRENCY = 10
HELD_PATIENCE = timedelta(days=7)
"""How long a payment that the gateway keeps for review is nothing unusual."""
LATER = timedelta(hours=1)
"""Between two askings for an attempt that the staff already knows of."""


async def sweep(limit: int = 100) -> int:
    """Ask for every attempt that is due, each with growing delays. Safe to repeat and on several processes."""
    due = await db.run(_claim, limit)
    turn = asyncio.Semaphore(CONCURRENCY)

    async def one(attempt: tables.PaymentAttempt) -> None:
        async with turn:
            await _ask(attempt)

    await asyncio.gather(*map(one, due))
    return len(due)


async def _ask(attempt: tables.PaymentAttempt) -> None:
    never_started = attempt.status == rules.Status.CREATED and attempt.method_id is None
    try:
        if never_started or (_over(attempt) and attempt.status == rules.Status.REDIRECTED):
            await payments.close(attempt, overdue=True)
        else:
            await payments.check(attempt)
    except (errors.Unavailable, errors.NotFound):  # busy, or not configured any more: others must not wait for it
        log.warning("gateway %s did not answer for attempt %s", attempt.gateway, attempt.id)
    if attempt.checks >= len(settings.load().reconcile_delays):
        await db.run(_tell_if_stuck, attempt.id)


def _tell_if_stuck(attempt_id: str) -> None:
    """The staff has to know of an attempt that nobody could bring to its end in all this time."""
    with db.transaction() as s:
        attempt = s.get_one(tables.PaymentAttempt, attempt_id)
        if attempt.held and (attempt.unknown_since_at or attempt.created_at) + HELD_PATIENCE > clock.now():
            return
        if attempt.status == rules.Status.UNKNOWN or (attempt.status in rules.OPEN and _over(attempt)):
            alerts.tell_staff(s, "outcome_unknown", attempt_id, order_id=attempt.order_id)


def _over(attempt: tables.PaymentAttempt) -> bool:
    return attempt.expires_at + settlement.EXPIRY_MARGIN <= clock.now()


def _claim(limit: int) -> list[tables.PaymentAttempt]:
    """Take the due attempts by moving their next turn: another process, or a crash, finds them at that turn."""
    at = clock.now()
    attempt = tables.PaymentAttempt
    with db.transaction() as s:
        rows = s.exec(
            db.unclaimed(
                select(attempt)
                .where(col(attempt.next_check_at) <= at)
                .order_by(col(attempt.next_check_at))
                .limit(limit)
            )
        ).all()
        for row in rows:
            row.checks += 1
            row.next_check_at = _next_turn(row)
            s.add(row)
    return list(rows)


def _next_turn(attempt: tables.PaymentAttempt) -> datetime | None:
    """When to ask again; None once a paid attempt has been asked often enough for the card that paid."""
    delays = settings.load().reconcile_delays
    since = attempt.unknown_since_at or attempt.created_at
    planned = rules.next_check(attempt.checks, since, delays)
    if planned is not None and planned > clock.now():
        return planned
    if attempt.status == rules.Status.REDIRECTED:
        return max(attempt.expires_at + settlement.EXPIRY_MARGIN, clock.now() + timedelta(seconds=delays[0]))
    if attempt.status == rules.Status.SUCCEEDED and planned is None:
        return None
    return clock.now() + (LATER if planned is None else timedelta(seconds=delays[0]))
