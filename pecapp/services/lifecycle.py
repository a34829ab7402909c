"""The only place where an order changes its state: registration of payment, failure, cancellation, lapse, refund."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, delete, update
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import orders
from pecapp.services import access, agreements, configuring, live, methods, outbox, subscriptions

PAYABLE_FOR = timedelta(days=orders.PAYABLE_DAYS)

ORDER = db.table(tables.Order)

_ADVANCE = (
    update(ORDER)
    .where(ORDER.c.id == bindparam("order_id"), ORDER.c.status == bindparam("was"))
    .values(status=bindparam("becomes"))
)
_PAY = _ADVANCE.values(paid_at=bindparam("at"))
_CLOSE = _ADVANCE.values(closed_at=bindparam("at"), closed_by=bindparam("by"))


def advance(
    s: Session, order_id: int, status: str, signal: orders.Signal, *, at: datetime | None = None, by: str = "system"
) -> orders.Status:
    """Move a locked order, whose status is `status`, by `signal`, and tell the open tabs after the commit.

    Returns the new status; a stale signal changes nothing.
    """
    was = orders.Status(status)
    becomes = orders.move(was, signal)
    if becomes is was:
        return was
    values: dict[str, Any] = {"order_id": order_id, "was": was.value, "becomes": becomes.value}
    if signal is orders.Signal.PAYMENT_REGISTERED:
        db.core(s).execute(_PAY, values | {"at": at or clock.now()})
    elif becomes in {orders.Status.CANCELLED, orders.Status.EXPIRED}:
        db.core(s).execute(_CLOSE, values | {"at": at or clock.now(), "by": by})
    else:
        db.core(s).execute(_ADVANCE, values)
    live.publish(s, live.order(order_id), live.ADMINS)
    return becomes


def lock(s: Session, number: str, account_id: int) -> tables.Order:
    """The customer's order, held for this transaction. Raises NotFound for a wrong number and for another's order."""
    order = s.exec(
        db.locked(select(tables.Order).where(tables.Order.number == number, tables.Order.account_id == account_id))
    ).one_or_none()
    if order is None:
        raise errors.NotFound("ORD_NON_TROVATO")
    return order


def ask_for_renewal(actor: access.Actor, number: str, method_id: int | None, lang: i18n.Lang) -> None:
    """«Sì, attiva», answered when the order is paid later: the method that pays renews what it buys (4.3).

    That is the kept method `method_id`, or a new one, which is then kept.

    Raises NotFound, Conflict when the order is not waiting to be paid or its product has no automatic renewal. Safe to
    repeat; it is on only when the gateway has confirmed a method.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        db.settling(s)
        if method_id is not None:
            methods.chargeable(s, account_id, method_id)
        order = lock(s, number, account_id)
        if order.auto_renew:
            return
        if order.auto_renew is None or order.status not in orders.PAYABLE:
            raise errors.Conflict("RIN_NON_ATTIVABILE")
        kept = method_id is not None
        order.auto_renew, order.save_method, order.method_id = True, not kept, method_id
        s.add(order)
        answer = agreements.renewal_answer(order.family, wanted=True, kept=kept, lang=lang)
        agreements.record(s, actor, account_id, [answer], clock.now(), order.id)
        live.publish(s, live.order(order.id or 0))


def cancel(actor: access.Actor, number: str) -> None:
    """Cancel an order that waits for payment: names and code are free again, the customer gets a mail.

    Raises NotFound, or Conflict when it is paid, being paid or closed. Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        db.settling(s)
        call_off(s, account_id, number)


def call_off(s: Session, account_id: int, number: str, by: str = "customer") -> None:
    """As `cancel`, in the transaction of a caller that has the turn of those that settle; `by` its owner or `staff`."""
    order = lock(s, number, account_id)
    if order.status == orders.Status.CANCELLED:
        return
    if not orders.allows(orders.Status(order.status), orders.Signal.CANCELLED):
        raise errors.Conflict("ORD_NON_ANNULLABILE")
    _close(s, order, orders.Signal.CANCELLED, by=by)


def expire_due(limit: int = 200) -> int:
    """Close the orders whose time to be paid is over, and tell their customers; an open attempt is waited for."""
    with db.transaction() as s:
        db.settling(s)  # it holds several orders at once, as a batch of settlements does
        overdue = s.exec(
            db.locked(
                select(tables.Order)
                .where(
                    tables.Order.status == orders.Status.AWAITING_PAYMENT,
                    col(tables.Order.payable_until_at) < clock.now(),
                )
                .order_by(col(tables.Order.id))
                .limit(limit)
            )
        ).all()
        for order in overdue:
            lapse(s, order)
    return len(overdue)


def lapse(s: Session, order: tables.Order) -> None:
    """A locked order that waits for payment cannot be paid any more (Ordine scaduto); its customer is told."""
    if orders.allows(orders.Status(order.status), orders.Signal.LAPSED):
        _close(s, order, orders.Signal.LAPSED, by="system")


def withdraw(s: Session, order: tables.Order) -> None:
    """Its consumer has withdrawn from a locked order that waits for payment: it is cancelled, and they are told."""
    if orders.allows(orders.Status(order.status), orders.Signal.CANCELLED):
        _close(s, order, orders.Signal.CANCELLED, by="customer")


def _close(s: Session, order: tables.Order, signal: orders.Signal, by: str) -> None:
    order_id = order.id or 0
    advance(s, order_id, order.status, signal, by=by)
    s.execute(delete(tables.CodeUse).where(col(tables.CodeUse.order_id) == order_id))
    configuring.release(s, order_id)
    subscriptions.give_up_renewal(s, order_id)
    outbox.post(
        s,
        template="m18",
        dedup_key=f"m18:order:{order_id}",
        account_id=order.account_id,
        order_id=order_id,
        to_address=order.reference_email,
        lang=order.lang,
        params={"by": by},
    )
    live.publish(s, live.account(order.account_id))
