"""The gateways' notifications: stored once, durably, before they are answered; settled at once where they can be.

A notification that cannot be proved complete in itself (all of PayPal's) is a hint: its object is read back.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, or_, select, update
from sqlmodel import Session, col

from pecapp import clock, db, errors, tables
from pecapp.domain import payments as rules
from pecapp.gateways import base, registry
from pecapp.services import alerts, disputes, failpoint, live, methods, payments, refunds, savings, settlement

log = logging.getLogger(__name__)

NotAuthentic = base.NotAuthentic
WAITING, DONE, UNMATCHED, IGNORED, QUARANTINED = "waiting", "done", "unmatched", "ignored", "quarantined"
SIGNED, LISTED = "signed", "listed"
"""How an event proved to be authentic."""
LEASE = timedelta(seconds=30)
"""How long an event belongs to whoever took it up."""
UNMATCHED_ALERT = timedelta(minutes=10)
UNMATCHED_GIVE_UP = timedelta(days=3)

_HEADERS = (
    "content-type",
    "user-agent",
    "stripe-signature",
    "paypal-transmission-id",
    "paypal-transmission-time",
    "paypal-transmission-sig",
    "paypal-cert-url",
    "paypal-auth-algo",
)
"""What is kept of a delivery's headers, so that its proof can be looked at; nothing that would open anything."""
_LONGEST_HEADER = 1_000
_NAMES = ("attempt_id", "method_ref", "saving_id", "refund_ref", "dispute_ref")
"""Where an event says what it speaks of."""

EVENT = db.table(tables.InboxEvent)
ATTEMPT = db.table(tables.PaymentAttempt)

_FINISHED = select(ATTEMPT.c.status).where(ATTEMPT.c.id == bindparam("key"))
_DONE = (
    update(EVENT)
    .where(EVENT.c.gateway == bindparam("source"), EVENT.c.event_id == bindparam("key"))
    .values(status=DONE, handled_at=bindparam("at"), next_try_at=None)
)


async def receive(gateway_name: str, raw: bytes, headers: Mapping[str, str]) -> None:
    """Take in a notification; when this returns it is stored, and settled if it states a final success.

    Raises NotAuthentic (nothing is stored) or Unavailable (nothing is stored, the gateway repeats it).
    Safe to repeat, safe out of order: a second delivery changes nothing, nor does a second event in one transmission.
    """
    try:
        event = await registry.get(gateway_name).read_event(raw, headers, clock.machine())
    except base.Unverifiable as problem:
        log.warning("notification for %s cannot be verified now: %s", gateway_name, problem)
        raise errors.Unavailable from problem
    body, kept = raw.decode(), _kept(headers)
    await db.shared(lambda s: _store(s, gateway_name, event, body, kept))
    failpoint.reach("event_stored")


async def take_over(gateway_name: str, raw: bytes) -> bool:
    """Take in a notification out of the gateway's own list; whether it was missing here. It only ever is a hint.

    Raises NotAuthentic for one that is not for us. Safe to repeat.
    """
    event = registry.get(gateway_name).read_listed(raw)
    body = raw.decode()
    return await db.shared(lambda s: _store(s, gateway_name, event, body, {}, LISTED))


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that are stored, under their names in lower case; of one that was sent twice, that which was read."""
    return {name: value[:_LONGEST_HEADER] for name in _HEADERS if (value := headers.get(name))}


def _store(
    s: Session, gateway_name: str, event: base.Event, body: str, headers: dict[str, str], proof: str = SIGNED
) -> bool:
    """Store an event and begin with what it asks for; whether it is new."""
    at = clock.now()
    values = {
        "gateway": gateway_name,
        "event_id": event.event_id,
        "type": event.type,
        "transmission_id": event.transmission_id or None,
        "method_ref": event.method_ref,
        "saving_id": event.saving_id,
        "refund_ref": event.refund_ref,
        "dispute_ref": event.dispute_ref,
        "proof": proof,
        "attempt_id": event.attempt_id,
        "gateway_ref": event.gateway_ref,
        "body": body,
        "headers": headers,
        "status": _first_status(event),
        "oddity": event.oddity,
        "received_at": at,
        "handled_at": None,
        "tries": 0,
        "next_try_at": at,
    }
    if not db.insert_once(s, tables.InboxEvent, values):
        return False
    if event.taken_back:
        alerts.tell_staff(s, "payment_taken_back", event.event_id, gateway=gateway_name, payment=event.gateway_ref)
    if event.oddity:
        alerts.tell_staff(s, "event_quarantined", event.event_id, oddity=event.oddity, type=event.type)
    elif _to_be_followed(event) and _settled_by(s, event):
        db.core(s).execute(_DONE, {"source": gateway_name, "key": event.event_id, "at": at})
    elif _to_be_followed(event):
        live.publish(s, live.WORK_INBOX)
    live.publish(s, live.ADMINS)
    return True


def again(s: Session, event: tables.InboxEvent) -> bool:
    """Have a locked event followed once more, from the beginning; False for one that names nothing to look at.

    Safe to repeat: what it speaks of is read back from the gateway, so that one that was settled stays as it is.
    """
    if not can_be_followed(event):
        return False
    event.status, event.next_try_at, event.handled_at = WAITING, clock.now(), None
    s.add(event)
    live.publish(s, live.WORK_INBOX, live.ADMINS)
    return True


def can_be_followed(event: tables.InboxEvent) -> bool:
    """Whether a stored event says where to look."""
    return event.status != IGNORED or any(getattr(event, name) for name in _NAMES)


def _first_status(event: base.Event) -> str:
    if event.oddity:
        return QUARANTINED
    return WAITING if _to_be_followed(event) else IGNORED


def _to_be_followed(event: base.Event) -> bool:
    """Whether it speaks of an attempt, a saving, a kept method, a refund or a dispute; nothing acts on any other."""
    return event.relevant and (event.by_ref or any(getattr(event, name) for name in _NAMES))


def _settled_by(s: Session, event: base.Event) -> bool:
    """Whether nothing more is needed: the event settles the attempt by itself, or the attempt succeeded before it.

    What it says of a refund or a dispute is read back in any case.
    """
    if event.refund_ref or event.dispute_ref:
        return False
    if event.outcome is not None:
        return settlement.settle(s, event.outcome) is not None
    return db.core(s).execute(_FINISHED, {"key": event.attempt_id}).scalar_one_or_none() == rules.Status.SUCCEEDED


async def drain(limit: int = 200) -> int:
    """Read back from the gateway what the waiting events hint at. Safe to repeat and on several processes.

    Many events of one attempt cost one reading. An event whose attempt is not here is kept as unmatched and tried
    again with growing delays; the staff is told after ten minutes.
    """
    events = await db.run(_claim, limit)
    hints: dict[_Hint, list[int]] = {}
    for event in events:
        hint = _Hint.of(event)
        hints.setdefault(hint, []).append(event.id or 0)
    await asyncio.gather(*(_follow(hint, ids) for hint, ids in hints.items()))
    return len(events)


class _Hint(NamedTuple):
    """What an event says has to be looked at: an attempt, by its name or the gateway's, a saving, a kept method,
    a refund or a dispute."""

    gateway: str
    attempt_id: str
    gateway_ref: str
    method_ref: str
    saving_id: str
    refund_ref: str
    dispute_ref: str

    @classmethod
    def of(cls, event: tables.InboxEvent) -> "_Hint":
        return cls(*(getattr(event, name) for name in cls._fields))


async def _follow(hint: _Hint, ids: list[int]) -> None:
    try:
        followed = await _look(hint)
    except errors.NotFound:
        await db.run(_put_off, ids, UNMATCHED)
        return
    if followed:
        failpoint.reach("hint_followed")
        await db.run(_finish, ids)
    else:
        await db.run(_put_off, ids, WAITING)


async def _look(hint: _Hint) -> bool:
    """Ask the gateway for what the hint names; False when it gave no answer. Raises NotFound."""
    if hint.dispute_ref:
        return await disputes.check(hint.gateway, hint.dispute_ref)
    if hint.refund_ref:
        return await refunds.check(hint.gateway, hint.refund_ref)
    if hint.saving_id:
        return await savings.check(hint.saving_id)
    attempt = await db.run(_find, hint)
    if attempt is not None:
        return await payments.check(attempt, hinted=True, method_ref=hint.method_ref, named=hint.gateway_ref)
    if hint.method_ref:
        return await methods.check(hint.gateway, hint.method_ref)
    raise errors.NotFound


def _find(hint: _Hint) -> tables.PaymentAttempt | None:
    with db.reading() as s:
        if hint.attempt_id:
            return s.get(tables.PaymentAttempt, hint.attempt_id)
        attempt = tables.PaymentAttempt
        named: ColumnElement[bool] = or_(
            col(attempt.gateway_ref) == hint.gateway_ref, col(attempt.payment_ref) == hint.gateway_ref
        )
        return s.scalars(select(attempt).where(col(attempt.gateway) == hint.gateway, named)).first()


def _claim(limit: int) -> list[tables.InboxEvent]:
    at = clock.now()
    event = tables.InboxEvent
    with db.transaction() as s:
        query = (
            select(event)
            .where(col(event.status).in_([WAITING, UNMATCHED]), col(event.next_try_at) <= at)
            .order_by(col(event.next_try_at))
            .limit(limit)
        )
        rows = s.scalars(db.unclaimed(query)).all()
        for row in rows:
            row.tries += 1
            row.next_try_at = at + LEASE
            s.add(row)
    return list(rows)


def _finish(ids: list[int]) -> None:
    with db.transaction() as s:
        s.execute(
            update(EVENT).where(EVENT.c.id.in_(ids)).values(status=DONE, handled_at=clock.now(), next_try_at=None)
        )


def _put_off(ids: list[int], status: str) -> None:
    """Nothing could be done for these events now: they are tried again ever more rarely, and a person is told."""
    at = clock.now()
    least = timedelta(seconds=5) if status == UNMATCHED else LEASE
    with db.transaction() as s:
        for row in s.scalars(select(tables.InboxEvent).where(col(tables.InboxEvent.id).in_(ids))):
            age = at - row.received_at
            row.status = status
            row.next_try_at = at + max(least, age) if age < UNMATCHED_GIVE_UP else None
            s.add(row)
            if age >= UNMATCHED_ALERT:
                kind = "event_unmatched" if status == UNMATCHED else "event_unanswered"
                alerts.tell_staff(s, kind, row.event_id, type=row.type)
