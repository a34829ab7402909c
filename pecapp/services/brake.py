"""The emergency brake: debits that the staff holds back, one or all of them, until somebody lets them go on.

It is asked in the very transaction that takes a debit up, so that it holds from the moment it is pulled, in the middle
of a batch too. What was charged before is not undone by it.
"""

from datetime import date, timedelta

from sqlalchemy import bindparam
from sqlmodel import Session, col, func, select

from pecapp import clock, db, tables
from pecapp.services import alerts, subscriptions

ALL = "all"
_HOLD = db.table(tables.DebitHold)
_HELD = select(_HOLD.c.scope).where(_HOLD.c.scope.in_((ALL, bindparam("one")))).limit(1)
WARNED_BEFORE = timedelta(days=2)
"""How long before the expiry of a service that is held the staff is told what the brake is about to cost."""


def scope(service_id: int, expires_on: date) -> str:
    """The name of one debit."""
    return f"{service_id}:{expires_on.isoformat()}"


def is_on(s: Session) -> bool:
    """Whether nothing at all is debited now."""
    return s.get(tables.DebitHold, ALL, populate_existing=True) is not None


def holds(s: Session, service_id: int, expires_on: date) -> bool:
    """Whether this debit is held back, by itself or with all others."""
    return db.core(s).execute(_HELD, {"one": scope(service_id, expires_on)}).first() is not None


def stops(s: Session, order_id: int) -> bool:
    """Whether the debit that an order of automatic renewal is about is held back."""
    renewal = s.get(tables.Renewal, order_id)
    return renewal is not None and holds(s, renewal.service_id, renewal.expires_on)


def warn_due() -> bool:
    """Tell the staff once a day that services are about to expire because the brake is on. Safe to repeat."""
    service, today = tables.Service, clock.today()
    with db.transaction() as s:
        if not is_on(s):
            return False
        ending = s.exec(
            select(func.count())
            .select_from(service)
            .where(
                tables.LASTING,
                service.renewal == subscriptions.RENEWAL_ACTIVE,
                col(service.expires_on).between(today, today + WARNED_BEFORE),
            )
        ).one()
        if ending:
            alerts.tell_staff(s, "brake_costs", today.isoformat(), services=ending)
        return ending > 0
