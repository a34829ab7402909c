"""What becomes of a service after its last day: Scaduto, and once it can no longer be reactivated, Cancellato (6.9)."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, or_, select

from pecapp import clock, db, tables
from pecapp.domain import dunning, payments
from pecapp.services import catalog, configuring, lifecycle, live, outbox, subscriptions


def expire_due(limit: int = 200) -> int:
    """Let services that are past their last day be Scaduto; how many. Safe to repeat."""
    service = tables.Service
    past = select(service).where(
        tables.LASTING, col(service.status).in_(subscriptions.VALID), col(service.expires_on) < clock.today()
    )
    with db.transaction() as s:
        due = s.exec(db.unclaimed(past.order_by(col(service.expires_on), col(service.id)).limit(limit))).all()
        for row in due:
            subscriptions.expire(s, row)
    return len(due)


def cancel_due(limit: int = 200) -> int:
    """Cancel what can no longer be reactivated, with its open order, and tell its owner (M17); how many.

    One that is being paid at this moment waits for the outcome: the time of the payment counts (9.42). Safe to repeat.
    """
    with db.transaction() as s:
        db.settling(s)
        due = s.exec(db.unclaimed(_over(s, clock.today()).limit(limit))).all()
        for row in due:
            _cancel(s, row)
    return len(due)


def _over(s: Session, today: date) -> Any:
    service, renewal, attempt = tables.Service, tables.Renewal, tables.PaymentAttempt
    paying = (
        select(attempt.id)
        .join(renewal, col(renewal.order_id) == attempt.order_id)
        .where(col(renewal.service_id) == service.id, col(attempt.status).in_(payments.OPEN))
        .exists()
    )
    return (
        select(service)
        .where(
            tables.LASTING,
            service.status == subscriptions.EXPIRED,
            col(service.expires_on) < today,
            or_(*_graces_over(s, today)),
            ~paying,
        )
        .order_by(col(service.expires_on), col(service.id))
    )


def _graces_over(s: Session, today: date) -> list[ColumnElement[bool]]:
    """One condition for each length of grace that products have: the last day to reactivate is past."""
    service, graces = tables.Service, dict[int, list[str]]()
    for product in catalog.current(s).price_list.products:
        if product.grace_days is not None:
            graces.setdefault(product.grace_days, []).append(product.code)
    return [
        and_(col(service.product_code).in_(codes), col(service.expires_on) < dunning.last_day(today, -days))
        for days, codes in sorted(graces.items())
    ]


def _cancel(s: Session, service: tables.Service) -> None:
    subscriptions.cancel(s, service)
    for order in _open_orders(s, service):
        lifecycle.lapse(s, order)
    configuring.give_up(s, service.label)
    outbox.post(
        s,
        template="m17",
        dedup_key=f"m17:service:{service.id}",
        account_id=service.account_id,
        params={
            "service_id": service.id,
            "expires_on": service.expires_on.isoformat() if service.expires_on else "",
            "label": service.label,
        },
    )
    live.publish(s, live.account(service.account_id), live.WORK_MAIL)


def _open_orders(s: Session, service: tables.Service) -> Sequence[tables.Order]:
    order, renewal = tables.Order, tables.Renewal
    wanted = select(order).join(renewal, col(renewal.order_id) == order.id)
    return s.exec(db.locked(wanted.where(renewal.service_id == service.id, renewal.status == subscriptions.OPEN))).all()
