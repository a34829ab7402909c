"""Payments that their payer contests: noted, told to the staff, and nothing more is debited on the method meanwhile.

The order stays paid and is marked as contested: what becomes of it, and of its service, a person decides (9.21).
"""

import logging
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, or_, select, update

from pecapp import clock, db, errors, tables
from pecapp.domain import disputes as rules
from pecapp.gateways import base, registry
from pecapp.services import alerts, auto_renewal, live, methods, outbox, refunds

log = logging.getLogger(__name__)

DISPUTED = "disputed"
"""Why a renewal is off, and why a person has to look at an order."""


async def check(gateway: str, dispute_ref: str) -> bool:
    """Ask the gateway how one of its disputes stands and record it; False when it gave no answer. Safe to repeat.

    Raises NotFound when the payment that is contested is not here (yet).
    """
    asked_at = clock.now()
    try:
        told = await registry.get(gateway).look_up_dispute(dispute_ref)
    except (base.GatewayError, errors.NotFound) as problem:
        log.warning("gateway %s says nothing of dispute %s: %s", gateway, dispute_ref, problem)
        return False
    await db.run(_record, gateway, told, asked_at)
    return True


def _record(gateway: str, told: base.Dispute, asked_at: datetime) -> None:
    attempt, dispute = tables.PaymentAttempt, tables.Dispute
    with db.transaction() as s:
        db.settling(s)
        paid = select(attempt).where(attempt.gateway == gateway, attempt.payment_ref == told.payment_ref)
        payment = s.exec(db.locked(paid)).one_or_none() if told.payment_ref else None
        if payment is None:
            raise errors.NotFound
        known = select(dispute).where(dispute.gateway == gateway, dispute.dispute_ref == told.dispute_ref)
        row = s.exec(db.locked(known)).one_or_none()
        if row is None:
            row = _noted(s, payment, told)
            _open(s, payment, row)
            _mark(s, row.order_id, None, DISPUTED)  # also one of which the first word is how it ended
        if row.decided_at is None or row.decided_at <= asked_at:  # else it was asked before, and answered later
            _update(s, row, told)


def _noted(s: Session, payment: tables.PaymentAttempt, told: base.Dispute) -> tables.Dispute:
    row = tables.Dispute(
        gateway=payment.gateway,
        dispute_ref=told.dispute_ref,
        attempt_id=payment.id,
        order_id=payment.order_id,
        amount_cents=told.amount_cents,
        currency=told.currency,
        reason=told.reason,
        status=rules.Status.TO_ANSWER.value,
        opened_at=told.opened_at,
        respond_by_at=told.respond_by_at,
        noted_at=clock.now(),
    )
    s.add(row)
    s.flush()
    return row


def _open(s: Session, payment: tables.PaymentAttempt, row: tables.Dispute) -> None:
    """Tell the staff, and debit nothing more on what paid: its owner may not even know of the renewals on it."""
    order, at = s.get_one(tables.Order, payment.order_id), clock.now()
    alerts.tell_staff(
        s,
        "payment_disputed",
        f"{row.gateway}:{row.dispute_ref}",
        order_id=order.id,
        amount_cents=row.amount_cents,
        reason=row.reason,
    )
    for method_id in s.exec(_methods(payment, order.account_id)).all():
        methods.hold(s, method_id)
        off = auto_renewal.unlink(s, method_id, DISPUTED, at)
        if off:
            _tell_customer(s, order, method_id, off, row)
    live.publish(s, live.account(order.account_id), live.order(payment.order_id))


def _mark(s: Session, order_id: int, was: str | None, becomes: str | None) -> None:
    """Why a person has to look at the order; another reason stays."""
    order = tables.Order
    s.execute(
        update(order)
        .where(col(order.id) == order_id, col(order.review_reason).is_not_distinct_from(was))
        .values(review_reason=becomes)
    )


def _methods(payment: tables.PaymentAttempt, account_id: int) -> Any:
    """The customer's kept methods that are what paid: charged by us, or kept with the payment and shown alike."""
    method = tables.PaymentMethod
    alike = [method.id == payment.method_id]
    if payment.card_last4:
        alike.append((method.brand == payment.card_brand) & (method.last4 == payment.card_last4))
    if payment.wallet_label:
        alike.append(method.label == payment.wallet_label)
    return (
        select(method.id)
        .where(method.account_id == account_id, method.gateway == payment.gateway, or_(*alike))
        .order_by(col(method.id))
    )


def _tell_customer(s: Session, order: tables.Order, method_id: int, off: list[int], row: tables.Dispute) -> None:
    outbox.post(
        s,
        template="m12",
        dedup_key=f"m12:dispute:{row.gateway}:{row.dispute_ref}:{method_id}",
        account_id=order.account_id,
        params={"method_id": method_id, "service_ids": off, "disputed": order.number},
    )
    live.publish(s, live.WORK_MAIL)


def _update(s: Session, row: tables.Dispute, told: base.Dispute) -> None:
    """Take down how it stands now; what ended it is told to the staff, and refunds that waited for it go on."""
    was, at = row.status, clock.now()
    row.status, row.reason, row.amount_cents = told.status.value, told.reason or row.reason, told.amount_cents
    row.respond_by_at = told.respond_by_at
    if told.status in rules.OPEN:
        row.decided_at = None
        _mark(s, row.order_id, None, DISPUTED)
    elif was != told.status:
        row.decided_at = at
        alerts.tell_staff(s, f"dispute_{told.status}", f"{row.gateway}:{row.dispute_ref}:{at}", order_id=row.order_id)
        s.add(row)
        s.flush()
        refunds.decided(s, row.attempt_id)
        if told.status is rules.Status.WON and not refunds.is_contested(s, row.attempt_id):
            _mark(s, row.order_id, DISPUTED, None)  # after a lost one a person has to decide
    s.add(row)
    live.publish(s, live.ADMINS)
