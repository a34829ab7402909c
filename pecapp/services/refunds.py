"""Money that goes back: the row first, then the gateway, then what it says, for as long as it may still say more.

What somebody gives back at the gateway itself is taken into the same books, as soon as the gateway tells of it.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any, NamedTuple
from uuid import uuid4

from sqlmodel import Session, col, func, select, update

from pecapp import clock, db, errors, tables
from pecapp.domain import calendar, disputes, orders
from pecapp.domain import refunds as rules
from pecapp.gateways import base, registry
from pecapp.services import alerts, failpoint, lifecycle, live, outbox

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""How long a refund belongs to whoever took it up."""
LAST_TRY = 10
ASKED_AFTER = timedelta(hours=1)
ASKED_AT_MOST_EVERY = timedelta(days=1)
"""A refund that the gateway has not ended is asked for after the time that it has taken so far, between these two."""
PATIENCE = timedelta(days=10)
"""How long a refund may be on its way before a person has to look."""


def request(
    s: Session,
    attempt: tables.PaymentAttempt,
    amount_cents: int,
    reason: str,
    at: datetime,
    *,
    waits: bool = False,
    line_ids: Sequence[int] = (),
) -> tables.Refund | None:
    """Have `amount_cents` of what a locked attempt took given back, in the caller's transaction.

    Never more than is left of it, and once per `reason`: None when nothing is left or it was asked for before. Sent
    after the commit. `line_ids` are the lines of the order that it is for, if it is for some. Raises Conflict
    (`PAGAMENTO_CONTESTATO`) while the payer contests the payment with their bank, who would get it back twice; with
    `waits` the refund is kept until that is decided.
    """
    if not waits and is_contested(s, attempt.id):
        raise errors.Conflict("PAGAMENTO_CONTESTATO")
    known = select(tables.Refund.id).where(tables.Refund.attempt_id == attempt.id, tables.Refund.reason == reason)
    if s.exec(known).first() is not None:
        return None
    amount = min(amount_cents, left(s, attempt))
    if amount <= 0:
        return None
    refund_id = uuid4().hex
    refund = tables.Refund(
        id=refund_id,
        order_id=attempt.order_id,
        attempt_id=attempt.id,
        amount_cents=amount,
        currency=attempt.currency,
        reason=reason,
        idempotency_key=f"refund:{refund_id}",
        created_at=at,
        next_try_at=at,
        line_ids=sorted(set(line_ids)),
    )
    s.add(refund)
    live.publish(s, live.order(attempt.order_id), live.WORK_PAYMENTS)
    return refund


def left(s: Session, attempt: tables.PaymentAttempt) -> int:
    """What of a payment can still be given back, in cents: what went back by a lost dispute cannot.

    0 also where more went back than there was: one that waits here was made at the gateway itself meanwhile.
    """
    refund = tables.Refund
    given = select(func.sum(refund.amount_cents)).where(
        refund.attempt_id == attempt.id, col(refund.status).in_(rules.GIVEN)
    )
    return max(0, attempt.amount_cents - (s.exec(given).one() or 0) - _lost(s, attempt.id))


def booked(s: Session, gateway: str, refund_ref: str) -> tables.Refund | None:
    """The refund in our books that the gateway calls so; None when it is not there, or its name was never learnt."""
    refund, attempt = tables.Refund, tables.PaymentAttempt
    named = select(refund).join(attempt, col(attempt.id) == col(refund.attempt_id))
    return s.exec(named.where(refund.gateway_ref == refund_ref, attempt.gateway == gateway)).first()


def close(s: Session, order: tables.Order, attempt: tables.PaymentAttempt) -> orders.Status:
    """Make a locked order «Rimborsato» once nothing is left of the attempt that paid it; gives how it stands."""
    if left(s, attempt):
        return orders.Status(order.status)
    return lifecycle.advance(s, order.id or 0, order.status, orders.Signal.REFUNDED)


def lines_given(s: Session, attempt_id: str) -> set[int]:
    """The lines of the order that were given back already; what failed at the gateway has given nothing back."""
    refund = tables.Refund
    known = select(refund.line_ids).where(refund.attempt_id == attempt_id, col(refund.status).in_(rules.GIVEN))
    return {line_id for line_ids in s.exec(known) for line_id in line_ids or ()}


def is_contested(s: Session, attempt_id: str) -> bool:
    """Whether somebody else is deciding at this moment if the payment goes back."""
    return s.exec(_contested(attempt_id).limit(1)).first() is not None


def _contested(attempt_id: Any) -> Any:
    dispute = tables.Dispute
    return select(dispute.id).where(dispute.attempt_id == attempt_id, col(dispute.status).in_(disputes.OPEN))


def _lost(s: Session, attempt_id: str) -> int:
    """What of the payment went back to the payer by a dispute, in cents."""
    dispute = tables.Dispute
    gone = select(func.sum(dispute.amount_cents)).where(
        dispute.attempt_id == attempt_id, dispute.status == disputes.Status.LOST
    )
    return s.exec(gone).one() or 0


def decided(s: Session, attempt_id: str) -> None:
    """A dispute over a locked attempt has ended: what was kept back meanwhile is sent now.

    What a lost one has left too little for is given up; one that was sent and not answered yet is asked for again by
    its key, for the gateway may have made it. The staff is told of both. What went, or may have gone, counts before
    what was never sent, whichever was asked for first.
    """
    at, refund = clock.now(), tables.Refund
    left = s.get_one(tables.PaymentAttempt, attempt_id).amount_cents - _lost(s, attempt_id)
    given = select(refund).where(refund.attempt_id == attempt_id, col(refund.status).in_(rules.GIVEN))
    rows = s.exec(db.locked(given.order_by(col(refund.created_at), col(refund.id)))).all()
    for row in sorted(rows, key=_claimed_by):
        waits, too_much = row.status == rules.Status.REQUESTED, row.amount_cents > left
        if waits and too_much and not row.tries:
            row.status, row.finished_at, row.next_try_at = rules.Status.FAILED.value, at, None
            alerts.tell_staff(s, "refund_failed", row.id, order_id=row.order_id)
        else:
            left -= row.amount_cents
            row.next_try_at = at if waits else row.next_try_at
            if waits and too_much:
                alerts.tell_staff(s, "refund_in_doubt", row.id, order_id=row.order_id)
        s.add(row)
    live.publish(s, live.WORK_PAYMENTS)


def _claimed_by(row: tables.Refund) -> int:
    return rules.claim(rules.Status(row.status), row.tries)


# --- sending ----------------------------------------------------------------------------------------------------------


async def send_due(limit: int = 50) -> int:
    """Send the refunds that are due. Safe to repeat and on several processes: the gateway knows each by its key."""
    due = await db.run(_claim, limit)
    missing = Counter(gateway for _, _, gateway in due if gateway not in registry.gateways())
    if missing:
        await db.run(_tell_missing, missing)
    for refund, wanted, gateway in due:
        if gateway in missing:
            continue  # the lease ends and it is taken up again
        try:
            sent = await registry.get(gateway).refund(wanted)
        except base.OutcomeUnknown:
            continue  # no answer: the lease ends and the same key is sent again
        except base.GatewayError as problem:
            log.warning("refund %s refused: %s", refund.id, problem)
            sent = base.Refunded("", "failed")
        failpoint.reach("refund_sent")
        await db.run(_record, gateway, refund.id, sent)
    return len(due)


def _tell_missing(missing: Mapping[str, int]) -> None:
    """Money of customers lies here because a gateway is not configured any more: nobody else would notice."""
    for gateway, count in missing.items():
        log.warning("%s refunds wait for the gateway %s, which is not configured", count, gateway)
        with db.transaction() as s:
            alerts.gateway_missing(s, gateway, "refunds")


def _claim(limit: int) -> list[tuple[tables.Refund, base.Refund, str]]:
    at = clock.now()
    with db.transaction() as s:
        rows = s.exec(
            db.unclaimed(
                select(tables.Refund, tables.PaymentAttempt)
                .join(tables.PaymentAttempt, col(tables.PaymentAttempt.id) == col(tables.Refund.attempt_id))
                .where(
                    tables.Refund.status == rules.Status.REQUESTED,
                    col(tables.Refund.next_try_at) <= at,
                    ~_contested(tables.Refund.attempt_id).exists(),
                )
                .limit(limit)
            )
        ).all()
        for refund, _ in rows:
            refund.tries += 1
            refund.next_try_at = at + LEASE * refund.tries
            s.add(refund)
            if refund.tries == LAST_TRY:
                alerts.tell_staff(s, "refund_stuck", refund.id, order_id=refund.order_id)
        return list(starmap(_order, rows))


def _order(refund: tables.Refund, attempt: tables.PaymentAttempt) -> tuple[tables.Refund, base.Refund, str]:
    wanted = base.Refund(
        refund_id=refund.id,
        attempt_id=attempt.id,
        payment_ref=attempt.payment_ref or "",
        amount_cents=refund.amount_cents,
        currency=refund.currency,
        idempotency_key=refund.idempotency_key,
    )
    return refund, wanted, attempt.gateway


# --- following --------------------------------------------------------------------------------------------------------


class _Followed(NamedTuple):
    gateway: str
    refund_ref: str


async def follow_due(limit: int = 50) -> int:
    """Ask how the refunds stand that the gateway took and has not ended. Safe to repeat and on several processes."""
    due = await db.run(_claim_followed, limit)
    await asyncio.gather(*(check(*one) for one in due))
    return len(due)


def _claim_followed(limit: int) -> list[_Followed]:
    at, refund = clock.now(), tables.Refund
    with db.transaction() as s:
        rows = s.exec(
            db.unclaimed(
                select(refund, tables.PaymentAttempt.gateway)
                .join(tables.PaymentAttempt, col(tables.PaymentAttempt.id) == col(refund.attempt_id))
                .where(col(refund.status).in_(rules.FOLLOWED), col(refund.next_try_at) <= at)
                .limit(limit)
            )
        ).all()
        for row, _ in rows:
            row.next_try_at = _asked_again(row, at)
            s.add(row)
            if row.created_at + PATIENCE <= at:
                alerts.tell_staff(s, "refund_pending", row.id, order_id=row.order_id)
        return [_Followed(gateway, row.gateway_ref or "") for row, gateway in rows]


def _asked_again(refund: tables.Refund, at: datetime) -> datetime:
    return at + min(max(at - refund.created_at, ASKED_AFTER), ASKED_AT_MOST_EVERY)


async def check(gateway: str, refund_ref: str) -> bool:
    """Ask the gateway how one of its refunds stands and record it; False when it gave no answer. Safe to repeat.

    One of a payment of ours that somebody made at the gateway itself is taken into our books.
    """
    try:
        told = await registry.get(gateway).look_up_refund(refund_ref)
    except (base.GatewayError, errors.NotFound) as problem:
        log.warning("gateway %s says nothing of refund %s: %s", gateway, refund_ref, problem)
        return False
    known = await db.run(_known, gateway, told)
    if known is None:
        await db.run(_adopt, gateway, told)
        known = await db.run(_known, gateway, told)  # somebody else may have been first, with older news
    if known is not None:
        await db.run(_record, gateway, known, told)
    return True


def _known(gateway: str, told: base.Refunded) -> str | None:
    """Our name for a refund that is in our books: one that was made here is, before the gateway is called."""
    with db.reading() as s:
        if told.refund_id and s.get(tables.Refund, told.refund_id) is not None:
            return told.refund_id
        row = booked(s, gateway, told.refund_ref)
        return row.id if row else None


def _adopt(gateway: str, told: base.Refunded) -> None:
    """Take a refund into our books that somebody made at the gateway itself. Safe to repeat and in a race.

    The customer is told as of any other; the staff too, for nobody has decided here what becomes of the service.
    """
    attempt, order = tables.PaymentAttempt, tables.Order
    if told.status == rules.Status.FAILED or not told.payment_ref:
        return
    with db.transaction() as s:
        db.settling(s)
        wanted = select(attempt).where(attempt.gateway == gateway, attempt.payment_ref == told.payment_ref)
        paid = s.exec(db.locked(wanted)).one_or_none()
        if paid is None:
            return
        if told.currency != paid.currency or not 0 < told.amount_cents <= paid.amount_cents:
            amount = f"{told.amount_cents} {told.currency}"
            alerts.tell_staff(s, "refund_unclear", told.refund_ref, order_id=paid.order_id, amount=amount)
            return
        row = _adopted(gateway, told, paid)
        if not db.insert_once(s, tables.Refund, row.model_dump()):
            return
        held = s.exec(db.locked(select(order).where(order.id == paid.order_id))).one()
        if s.exec(select(tables.Receipt.order_id).where(tables.Receipt.attempt_id == paid.id)).first() is not None:
            close(s, held, paid)
        _count(s, row)
        alerts.tell_staff(s, "refund_elsewhere", row.id, order_id=row.order_id)
        _tell_customer(s, row)
        live.publish(s, live.order(row.order_id), live.account(held.account_id))


def _count(s: Session, row: tables.Refund) -> None:
    """The day on which it was made may be over, and added up without it."""
    day = db.table(tables.DayFigure)
    made = update(day).where(day.c.day == calendar.rome_date(row.created_at))
    s.execute(made.values(refunded_cents=day.c.refunded_cents + row.amount_cents))


def _adopted(gateway: str, told: base.Refunded, paid: tables.PaymentAttempt) -> tables.Refund:
    at = clock.now()
    made_at = min(told.made_at or at, at)
    row = tables.Refund(
        id=uuid4().hex,
        order_id=paid.order_id,
        attempt_id=paid.id,
        amount_cents=told.amount_cents,
        currency=told.currency,
        reason=f"{rules.ELSEWHERE}:{told.refund_ref}",
        status=told.status,
        idempotency_key=f"refund:{gateway}:{told.refund_ref}",
        gateway_ref=told.refund_ref,
        created_at=made_at,
    )
    if row.status in rules.FOLLOWED:
        row.next_try_at = _asked_again(row, at)
    else:
        row.finished_at = at
    return row


def _record(gateway: str, refund_id: str, told: base.Refunded) -> None:
    """Take down what the gateway said. Safe to repeat, safe out of order; the customer is told when it is accepted."""
    at = clock.now()
    with db.transaction() as s:
        refund = s.exec(db.locked(select(tables.Refund).where(tables.Refund.id == refund_id))).one_or_none()
        if refund is None or s.get_one(tables.PaymentAttempt, refund.attempt_id).gateway != gateway:
            return
        becomes = rules.move(rules.Status(refund.status), rules.Status(told.status))
        if becomes == refund.status:
            return
        refund.status = becomes.value
        refund.gateway_ref = told.refund_ref or refund.gateway_ref
        ended = becomes not in rules.FOLLOWED
        refund.finished_at = at if ended else None
        refund.next_try_at = None if ended else _asked_again(refund, at)
        s.add(refund)
        if becomes is rules.Status.FAILED:
            alerts.tell_staff(s, "refund_failed", refund.id, order_id=refund.order_id)
        else:
            _tell_customer(s, refund)
        live.publish(s, live.order(refund.order_id))


def _tell_customer(s: Session, refund: tables.Refund) -> None:
    order = s.get_one(tables.Order, refund.order_id)
    outbox.post(
        s,
        template="m21",
        dedup_key=f"m21:refund:{refund.id}",
        account_id=order.account_id,
        order_id=order.id,
        to_address=order.reference_email,
        lang=order.lang,
        params={"refund_id": refund.id},
    )
    live.publish(s, live.WORK_MAIL)
