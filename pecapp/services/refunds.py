"""Money that goes back: the row first, then the gateway, then what it says."""

import logging
from datetime import timedelta
from itertools import starmap

from sqlmodel import Session, col, select

from pecapp import clock, db, tables
from pecapp.gateways import base, registry
from pecapp.services import alerts, failpoint, live, outbox

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=2)
"""How long a refund belongs to whoever took it up."""
LAST_TRY = 10


async def send_due(limit: int = 50) -> int:
    """Send the refunds that are due. Safe to repeat and on several processes: the gateway knows each by its key."""
    due = await db.run(_claim, limit)
    for refund, request, gateway in due:
        try:
            sent = await registry.get(gateway).refund(request)
        except base.OutcomeUnknown:
            continue  # the lease ends and the same key is sent again
        except base.GatewayError as problem:
            log.warning("refund %s refused: %s", refund.id, problem)
            sent = base.Refunded("", "failed")
        failpoint.reach("refund_sent")
        await db.run(_record, refund.id, sent)
    return len(due)


def _claim(limit: int) -> list[tuple[tables.Refund, base.Refund, str]]:
    at = clock.now()
    with db.transaction() as s:
        rows = s.exec(
            db.unclaimed(
                select(tables.Refund, tables.PaymentAttempt)
                .join(tables.PaymentAttempt, col(tables.PaymentAttempt.id) == col(tables.Refund.attempt_id))
                .where(tables.Refund.status == "requested", col(tables.Refund.next_try_at) <= at)
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
    request = base.Refund(
        refund_id=refund.id,
        attempt_id=attempt.id,
        payment_ref=attempt.payment_ref or "",
        amount_cents=refund.amount_cents,
        currency=refund.currency,
        idempotency_key=refund.idempotency_key,
    )
    return refund, request, attempt.gateway


def _record(refund_id: str, sent: base.Refunded) -> None:
    with db.transaction() as s:
        refund = s.exec(db.locked(select(tables.Refund).where(tables.Refund.id == refund_id))).one()
        if refund.status != "requested":
            return
        refund.status = sent.status
        refund.gateway_ref = sent.refund_ref or None
        refund.finished_at = clock.now()
        s.add(refund)
        if sent.status == "failed":
            alerts.tell_staff(s, "refund_failed", refund.id, order_id=refund.order_id)
            return
        _tell_customer(s, refund)


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
    live.publish(s, live.order(refund.order_id), live.WORK_MAIL)
