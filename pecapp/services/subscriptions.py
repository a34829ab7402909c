"""The services that customers have: born when their order is paid. The only place where a service changes its state."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, delete, insert, update
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, tables
from pecapp.domain import calendar
from pecapp.services import live

ACTIVATING, ACTIVE, EXPIRED, CANCELLED = "activating", "active", "expired", "cancelled"
VALID = (ACTIVATING, ACTIVE)
"""States of a service that has not come to its end."""
OPEN, DONE, VOID = "open", "done", "void"
"""States of a renewal."""
GIVEN_UP = "given_up"
"""The trouble of a renewal whose owner cancelled it once it was taken up: that term is not debited any more."""
RENEWAL_ACTIVE, RENEWAL_INACTIVE, RENEWAL_DISABLED, RENEWAL_INCOMPLETE = (
    "active",
    "inactive",
    "disabled",
    "incomplete",
)
"""States of a service's automatic renewal, where it has that option."""

_START = insert(db.table(tables.Service))
_SERVICE, _RENEWAL = db.table(tables.Service), db.table(tables.Renewal)
_OF_THIS = _SERVICE.c.id == bindparam("key")
_HOLD = (
    select(tables.Service)
    .where(tables.Service.id == bindparam("key"))
    .with_for_update()  # SQLite has no such words, and leaves them out
    .execution_options(populate_existing=True)
)
_TO_EXTEND = (
    select(_SERVICE.c.status, _SERVICE.c.expires_on, _SERVICE.c.renewal, _SERVICE.c.renewal_changed_at)
    .join(_RENEWAL, _RENEWAL.c.service_id == _SERVICE.c.id)
    .where(_OF_THIS, _RENEWAL.c.order_id == bindparam("order"))
    .with_for_update(of=_SERVICE)
)
_DONE = update(_RENEWAL).where(_RENEWAL.c.order_id == bindparam("order"), _RENEWAL.c.status != DONE).values(status=DONE)
_EXTENDED = update(_SERVICE).where(_OF_THIS).values(status=bindparam("becomes"), expires_on=bindparam("until"))
_ASKED = (
    update(_SERVICE)
    .where(_OF_THIS)
    .values(renewal=RENEWAL_INCOMPLETE, renewal_changed_at=bindparam("at"), renewal_reason="")
)
_NAME = db.table(tables.MailboxName)
_USE_NAMES = update(_NAME).where(_NAME.c.order_id == bindparam("owner")).values(status="used")


def start(s: Session, order: Any, at: datetime, *, follows: bool) -> None:
    """Create the services of an order that has just been paid at `at`, or prolong the one that it renews.

    A requested automatic renewal stays incomplete until the gateway has confirmed a token that can be charged; paid in
    a way that saves no method («Paga subito un ordine»), it is not switched on. `follows` says that a kept method is
    there for it.
    """
    configuration: dict[str, Any] = order.configuration
    if configuration.get("service"):
        _extend(s, order, at, follows=follows)
        return
    activated_on = at.astimezone(clock.ROME).date()
    asked = RENEWAL_INCOMPLETE if _is_wanted(order, follows=follows) else RENEWAL_INACTIVE
    wanted = None if order.auto_renew is None else asked
    common = {
        "account_id": order.account_id,
        "order_id": order.order_id,
        "product_code": configuration["product"],
        "status": ACTIVATING,
        "activated_on": activated_on,
        "expires_on": calendar.term_end(activated_on, order.years, configuration.get("months")),
        "years": order.years,
        "renewal": wanted,
        "renewal_changed_at": at if wanted else None,
        "renewal_reason": "",
        "method_id": None,
    }
    db.core(s).execute(_START, [common | {"label": label} for label in configuration["labels"]])
    if configuration.get("names"):
        db.core(s).execute(_USE_NAMES, {"owner": order.order_id})
    live.publish(s, live.account(order.account_id))


def _is_wanted(order: Any, *, follows: bool) -> bool:
    """Whether an automatic renewal that was asked for can come about: a method is kept, or will be."""
    return bool(order.auto_renew and (order.save_method or follows))


def _extend(s: Session, order: Any, at: datetime, *, follows: bool) -> None:
    """Prolong a service from its old expiry, also when it was paid after that day (6.9): it is valid again."""
    connection, key = db.core(s), order.configuration["service"]
    service = connection.execute(_TO_EXTEND, {"key": key, "order": order.order_id}).one()
    if service.expires_on is None or not connection.execute(_DONE, {"order": order.order_id}).rowcount:
        return
    until = calendar.renewed_expiry(service.expires_on, order.years)
    becomes = ACTIVE if service.status == EXPIRED else service.status
    connection.execute(_EXTENDED, {"key": key, "becomes": becomes, "until": until})
    if _is_wanted(order, follows=follows) and not decided_since(service, order.created_at):
        connection.execute(_ASKED, {"key": key, "at": at})
    live.publish(s, live.account(order.account_id))


def decided_since(service: Any, asked_at: datetime) -> bool:
    """Whether its renewal is on, or was switched on or off after it was asked for: the last word is its owner's."""
    changed_at = service.renewal_changed_at
    return service.renewal == RENEWAL_ACTIVE or (changed_at is not None and changed_at > asked_at)


def give_up_renewal(s: Session, order_id: int) -> None:
    """The order will not be paid any more: another may renew the same term. Nothing for an order of another kind.

    One that automatic renewal had taken up is not debited again (6.7.7).
    """
    renewal = s.get(tables.Renewal, order_id)
    if renewal is not None and renewal.status == OPEN:
        renewal.status, renewal.next_debit_on = VOID, None
        if renewal.debits:
            renewal.trouble = GIVEN_UP
        s.add(renewal)


def free_to_leave(s: Session, service_id: int, until: date) -> None:
    """A consumer was told of a renewal too late: until then they may leave without cost (6.8)."""
    service = hold(s, service_id)
    service.free_exit_until_on = until
    s.add(service)


def expire(s: Session, service: tables.Service) -> None:
    """A locked service is past its last day. Its automatic renewal stays as it is, for who reactivates it."""
    service.status = EXPIRED
    s.add(service)
    live.publish(s, live.account(service.account_id))


def cancel(s: Session, service: tables.Service) -> None:
    """A locked service ends for good, and so does its automatic renewal."""
    service.status = CANCELLED
    if service.renewal is not None:
        service.renewal, service.renewal_changed_at, service.renewal_reason = RENEWAL_DISABLED, clock.now(), "cancelled"
        service.method_id = None
    s.add(service)
    live.publish(s, live.account(service.account_id))


def withdraw(s: Session, service: tables.Service, at: datetime, *, valid_until: date | None = None) -> None:
    """The consumer of a locked service has withdrawn: it ends, and so does its automatic renewal (9.60).

    With `valid_until` they withdrew from a renewal alone: it is valid up to the end of the term before, as it was, and
    a right to leave that belongs to that term stays.
    """
    today = calendar.rome_date(at)
    if valid_until is None:
        service.status, service.expires_on = CANCELLED, service.expires_on and today
    else:
        service.expires_on = valid_until
        service.status = EXPIRED if valid_until < today else service.status
    if service.renewal is not None:
        service.renewal, service.renewal_changed_at, service.renewal_reason = RENEWAL_DISABLED, at, "withdrawal"
    service.method_id = None
    leaving = service.free_exit_until_on
    if valid_until is None or (leaving is not None and leaving > valid_until):
        service.free_exit_until_on = None
    s.add(service)
    s.execute(delete(tables.RenewalChoice).where(col(tables.RenewalChoice.service_id) == service.id))
    live.publish(s, live.account(service.account_id))


def undo_renewal(s: Session, order_id: int) -> None:
    """A renewal was withdrawn from: its term can be renewed again, by another order. Safe to repeat."""
    renewal = s.get_one(tables.Renewal, order_id)
    renewal.status, renewal.next_debit_on = VOID, None
    s.add(renewal)


def hold(s: Session, service_id: int) -> tables.Service:
    """The service, which must exist, held for this transaction and read anew."""
    return s.exec(_HOLD, params={"key": service_id}).one()


def own(s: Session, account_id: int, service_id: int, *, hold: bool = True) -> tables.Service:
    """The customer's service, held for this transaction unless it is only read. Raises NotFound, for another's too."""
    wanted = select(tables.Service).where(tables.Service.id == service_id, tables.Service.account_id == account_id)
    row = s.exec(db.locked(wanted) if hold else wanted).one_or_none()
    if row is None:
        raise errors.NotFound("SER_NON_TROVATO")
    return row
