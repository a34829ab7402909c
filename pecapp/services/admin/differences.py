"""What the staff does about a difference between our books and a gateway's: ask, take into our books, look into."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any

from sqlmodel import Session

from pecapp import clock, db, errors, tables
from pecapp.domain import staff
from pecapp.gateways import registry
from pecapp.services import access, audit, payments, refunds, throttle
from pecapp.services.admin.ledger import PAYMENT, REFUND

_LONGEST = 255

_State = Callable[[Session], dict[str, Any]]
"""How what the gateway is asked about stands in our books."""


async def ask_again(actor: access.Actor, gateway: str, kind: str, own_id: str, why: object) -> bool:
    """Ask the gateway once more for a payment or refund of ours, and settle what it says; whether it has answered.

    Written down twice, before the gateway is asked and after: where the second is missing, it was broken off.
    Safe to repeat. Raises Forbidden, Invalid without a reason, NotFound for what was not made here, TooMany.
    """
    by_id = access.staff(actor, staff.Right.REFUND)
    said = audit.reason(why)
    attempt, ref = await db.run(_wanted, gateway, kind, own_id)
    await asyncio.to_thread(throttle.spend, throttle.GATEWAY_ASKED, str(by_id))

    def state(s: Session) -> dict[str, Any]:
        return {"status": s.get_one(tables.PaymentAttempt if kind == PAYMENT else tables.Refund, own_id).status}

    async def ask() -> bool:
        return await (payments.check(attempt, hinted=True) if kind == PAYMENT else refunds.check(gateway, ref))

    return await _written_twice(actor, ("ledger_ask_begun", "ledger_asked"), f"{kind}:{own_id}", state, said, ask)


async def adopt(actor: access.Actor, gateway: str, ref: str, why: object) -> bool:
    """Take a refund into our books that was made at the gateway itself; whether the gateway has answered.

    `ref` is the gateway's name for it: what the gateway tells of it counts, as when its notification comes. Written
    down twice, as `ask_again` is. Safe to repeat. Raises Forbidden, Invalid without a reason, NotFound for what cannot
    be the name of a refund, TooMany.
    """
    by_id = access.staff(actor, staff.Right.REFUND)
    said = audit.reason(why)
    _named(gateway, ref)
    await asyncio.to_thread(throttle.spend, throttle.GATEWAY_ASKED, str(by_id))

    def state(s: Session) -> dict[str, Any]:
        row = refunds.booked(s, gateway, ref)
        return {"status": row.status, "refunded_cents": row.amount_cents} if row else {}

    async def ask() -> bool:
        return await refunds.check(gateway, ref)

    return await _written_twice(actor, ("refund_adopt_begun", "refund_adopted"), f"{REFUND}:{ref}", state, said, ask)


def _wanted(gateway: str, kind: str, own_id: str) -> tuple[tables.PaymentAttempt, str]:
    """The payment, and the gateway's name of the refund. Raises NotFound."""
    with db.reading() as s:
        refund = s.get(tables.Refund, own_id) if kind == REFUND else None
        attempt_id = refund.attempt_id if refund else own_id if kind == PAYMENT else ""
        attempt = s.get(tables.PaymentAttempt, attempt_id)
    ref = refund.gateway_ref or "" if refund else ""
    if attempt is None or attempt.gateway != gateway or (kind == REFUND and not ref):
        raise errors.NotFound
    return attempt, ref


def _named(gateway: str, name: str) -> None:
    """Raise NotFound for what is no gateway of ours, or no name of something there."""
    if gateway not in registry.gateways() or not 0 < len(name) <= _LONGEST:
        raise errors.NotFound


async def _written_twice(
    actor: access.Actor,
    acts: tuple[str, str],
    subject: str,
    state: _State,
    why: str,
    ask: Callable[[], Awaitable[bool]],
) -> bool:
    """Write down that the gateway is about to be asked, ask it, write down what came of it."""
    begun, done = acts

    def note(act: str, before: dict[str, Any] | None) -> dict[str, Any]:
        with db.transaction() as s:
            after = state(s)
            was = after if before is None else before
            audit.record(s, actor, act, subject, before=was, after=after, why=why)
        return after

    before = await db.run(note, begun, None)
    answered = await ask()
    await db.run(note, done, before)
    return answered


def verify(
    actor: access.Actor,
    gateway: str,
    kind: str,
    name: str,
    amounts: tuple[int, int],
    on: date,
    why: object,
) -> None:
    """Note that a difference was looked into and is in order: no money moves, and other `amounts` are another one.

    `name` is the gateway's for the movement, or ours for what the gateway does not have; `amounts` are ours and theirs
    in cents. Safe to repeat. Raises Forbidden, Invalid without a reason, NotFound for what cannot be a difference.
    """
    by_id = access.staff(actor, staff.Right.REFUND)
    said = audit.reason(why)
    ours, theirs = amounts
    _named(gateway, name)
    if kind not in {PAYMENT, REFUND} or min(amounts) < 0 or max(amounts) == 0:
        raise errors.NotFound
    values = {
        "gateway": gateway,
        "kind": kind,
        "ref": name,
        "ours_cents": ours,
        "theirs_cents": theirs,
        "moved_on": on,
        "why": said,
        "by_id": by_id,
        "at": clock.now(),
    }
    with db.transaction() as s:
        if db.insert_once(s, tables.LedgerCheck, values):
            before, after = {"ours_cents": ours, "theirs_cents": theirs, "checked": False}, {"checked": True}
            audit.record(s, actor, "difference_checked", f"{kind}:{name}", before=before, after=after, why=said)
