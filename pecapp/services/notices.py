"""The daily letters around an expiry: the legal notice, reminders to renew, to pay, to reactivate (6.6, 6.8, 7).

Each is an outbox row under a key that names the fact, so that it is told once, however often and by however many
processes the look is taken.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, String, case, cast, literal
from sqlmodel import Session, col, or_, select

from pecapp import clock, db, errors, tables
from pecapp.domain import calendar, orders, renewals
from pecapp.domain import catalog as rules
from pecapp.domain import dunning as days
from pecapp.services import alerts, catalog, dunning, facts, live, outbox, renewal_costs, sms, subscriptions

log = logging.getLogger(__name__)

NOT_SOLD_DAYS = 60
"""Days before E from which it is told that a product is not sold any more and will not renew (9.40)."""
_FURTHEST = timedelta(days=31 * days.REMINDER_MONTHS)
_AGAIN_AFTER = timedelta(hours=20)
"""How long after it was given up a notice is tried again: once a day, however often the look is taken."""
_TOLD = "notices_told"
"""The counter of the last day, by its ordinal, on which everybody has been told what stood."""


class Place(NamedTuple):
    """How far a walk through the services has come: in the order of their last valid days."""

    expires_on: date
    service_id: int


START = Place(date.min, 0)


class _Letter(NamedTuple):
    template: str
    dedup_key: str
    account_id: int
    params: dict[str, Any]
    order: tables.Order | None = None
    service: tables.Service | None = None


def are_told(today: date) -> bool:
    """Whether a walk of this day has come to its end: nothing new can stand before tomorrow."""
    with db.reading() as s:
        told = s.get(tables.Counter, _TOLD)
    return told is not None and told.value == today.toordinal()


def all_told(today: date) -> None:
    """A walk that began on `today` has come to its end. One that fails on the way is thus made again."""
    with db.transaction() as s:
        db.insert_once(s, tables.Counter, {"name": _TOLD, "value": 0})
        s.get_one(tables.Counter, _TOLD).value = today.toordinal()


def tell_due(after: Place = START, limit: int = 200) -> Place | None:
    """Write what stands today for the next `limit` services after the place `after`; None when there are no more.

    M13 for those that renew by themselves, and once more what has become dearer since; R1-R4 for the others, M16 and
    R5-R7 for those that have expired. Gives the place of the last service looked at, from which to go on.
    """
    today = clock.today()
    with db.reading() as s:
        services = s.exec(_watched(s, after, today).limit(limit)).all()
        letters, unclear = _letters(s, services, today)
        known = _known(s, letters)
        dearer = _dearer(s, letters, known, today)
    _alert(unclear)
    _post([*(one for one in letters if one.dedup_key not in known), *dearer], today)
    for one in letters:
        mail = known.get(one.dedup_key)
        if one.template == "m13" and mail is not None and mail.status != "sent":
            _apart(one, lambda s, one=one, mail=mail: _insist(s, one, mail, today))
    last = services[-1] if len(services) == limit else None
    return Place(last.expires_on or today, last.id or 0) if last else None


def _watched(s: Session, after: Place, today: date) -> Any:
    service = tables.Service
    grace = max((product.grace_days or 0 for product in catalog.current(s).price_list.products), default=0)
    first = max(today - timedelta(days=grace), after.expires_on)
    return (
        select(service)
        .where(
            tables.LASTING,
            col(service.expires_on).between(first, today + _FURTHEST),
            or_(col(service.expires_on) > after.expires_on, col(service.id) > after.service_id),
        )
        .order_by(col(service.expires_on), col(service.id))
    )


def _letters(s: Session, services: Sequence[tables.Service], today: date) -> tuple[list[_Letter], list[tables.Service]]:
    """What stands for these services today, and those of which it cannot be said."""
    price_list, skipped = catalog.current(s).price_list, _skipped(s, services)
    found, unclear = list[_Letter](), list[tables.Service]()
    for row in services:
        try:
            letter = _letter(row, price_list.product(row.product_code), row.id in skipped, today)
        except Exception:  # the letters of all others must not wait for this one
            log.exception("what stands for service %s cannot be told", row.id)
            unclear.append(row)
        else:
            found += [letter] if letter else []
    return found, unclear


def _skipped(s: Session, services: Sequence[tables.Service]) -> set[int]:
    """Those whose owner does not want the coming debit, or has given it up: reminded as if renewal were off."""
    choice, renewal, expiries = tables.RenewalChoice, tables.Renewal, {row.id: row.expires_on for row in services}
    left_out = select(col(choice.service_id), col(choice.expires_on)).where(
        col(choice.service_id).in_(expiries), col(choice.method_id).is_(None)
    )
    given_up = select(col(renewal.service_id), col(renewal.expires_on)).where(
        col(renewal.service_id).in_(expiries), renewal.trouble == subscriptions.GIVEN_UP
    )
    unwanted = [*s.exec(left_out), *s.exec(given_up)]
    return {service_id for service_id, expires_on in unwanted if expiries[service_id] == expires_on}


def _letter(service: tables.Service, product: rules.Product, skipped: bool, today: date) -> _Letter | None:
    expires_on, active = service.expires_on, service.renewal == subscriptions.RENEWAL_ACTIVE and not skipped
    if expires_on is None or not product.yearly:
        return None
    if today > expires_on:
        template = days.lapsed(expires_on, product.grace_days or 0, today)
    elif not product.sellable:
        soon = today >= expires_on - timedelta(days=NOT_SOLD_DAYS)
        template = "not_sold" if active and soon else None
    elif active:
        template = "m13" if days.notice_is_due(expires_on, today) else None
    else:
        template = days.reminder(expires_on, today)
    if template is None:
        return None
    params: dict[str, Any] = {"service_id": service.id, "expires_on": expires_on.isoformat()}
    if template == "m13" and days.notice_is_overdue(expires_on, today):
        params["late"] = not _switched_on_late(service, expires_on)
    return _Letter(template, f"{template}:{service.id}:{expires_on}", service.account_id, params, service=service)


def _switched_on_late(service: tables.Service, expires_on: date) -> bool:
    """Whether its owner switched renewal on after the last day for the notice: what they read then (M04) told them."""
    changed = service.renewal_changed_at
    return changed is not None and days.notice_is_overdue(expires_on, calendar.rome_date(changed))


def _known(s: Session, letters: Sequence[_Letter]) -> dict[str, Any]:
    """What has become of the mails that these letters are already, by their facts: status and `ready_at`."""
    mail, keys = tables.OutboxMail, [one.dedup_key for one in letters]
    found: Any = s.exec(
        select(col(mail.dedup_key), col(mail.status), col(mail.ready_at), col(mail.params)).where(
            col(mail.dedup_key).in_(keys)
        )
    )
    return {row.dedup_key: row for row in found}


def _dearer(s: Session, letters: Sequence[_Letter], known: Mapping[str, Any], today: date) -> list[_Letter]:
    """For the debits that will take more than their notice says: that they will (9.41)."""
    told = {
        one.service.id: (one, known[one.dedup_key].params["amount_cents"])
        for one in letters
        if one.service and one.template == "m13" and "amount_cents" in _params(known.get(one.dedup_key))
    }
    if not told:
        return []
    costs = renewal_costs.next_terms(s, [one.service for one, _ in told.values() if one.service], today)
    found = []
    for service_id, (notice, announced) in told.items():
        cents, years = costs.get(service_id or 0, (announced, 0))
        if cents > announced:
            key = dunning.dearer_key(service_id or 0, date.fromisoformat(notice.params["expires_on"]), cents)
            params = notice.params | {"amount_cents": cents, "years": years, "announced_cents": announced}
            found.append(notice._replace(template="dearer", dedup_key=key, params=params))
    written = _known(s, found)
    return [one for one in found if one.dedup_key not in written]


def _params(mail: Any) -> Mapping[str, Any]:
    return mail.params if mail else {}


def _post(letters: Sequence[_Letter], today: date) -> int:
    """Write these letters; how many could be written. One that cannot leaves the others alone."""
    if not letters:
        return 0
    try:
        with db.transaction() as s:
            for one in letters:
                _write(s, one, today)
    except errors.Unavailable:
        raise
    except Exception:  # one of them is not as it should be: each by itself shows which
        return sum([_apart(one, lambda s, one=one: _write(s, one, today)) for one in letters])
    return len(letters)


def _apart(letter: _Letter, work: Callable[[Session], None]) -> bool:
    """Do something for one letter in a transaction of its own; whether it went well, of which staff know if not."""
    try:
        with db.transaction() as s:
            work(s)
    except errors.Unavailable:
        raise
    except Exception:  # the letters of all others must not wait for this one
        log.exception("the letter %s failed", letter.dedup_key)
        with db.transaction() as s:
            alerts.tell_staff(s, "notice_failed", letter.dedup_key)
        return False
    return True


def _alert(unclear: Sequence[tables.Service]) -> None:
    if unclear:
        with db.transaction() as s:
            for row in unclear:
                alerts.tell_staff(s, "notice_failed", f"{row.id}:{row.expires_on}", service_id=row.id)


def _write(s: Session, one: _Letter, today: date) -> None:
    outbox.post(
        s,
        template=one.template,
        dedup_key=one.dedup_key,
        account_id=one.account_id,
        order_id=one.order.id if one.order else None,
        to_address=one.order.reference_email if one.order else None,
        lang=one.order.lang if one.order else None,
        params=one.params | (_announced(s, one.service, today) if one.template == "m13" and one.service else {}),
    )
    if one.template == "m13":
        _make_sure(s, one, today)
    live.publish(s, live.WORK_MAIL)


def _announced(s: Session, service: tables.Service, today: date) -> dict[str, int]:
    """What a notice says will be debited, and for how many years; nothing where there is no price."""
    term = renewal_costs.next_terms(s, [service], today).get(service.id or 0)
    return {"amount_cents": term[0], "years": term[1]} if term else {}


def _insist(s: Session, one: _Letter, mail: Any, today: date) -> None:
    """A legal notice of which no mail server has taken the mail: one that was given up is tried again each day."""
    if mail.status == "failed" and mail.ready_at <= clock.now() - _AGAIN_AFTER:
        outbox.again(s, one.dedup_key)
    _make_sure(s, one, today)


def _make_sure(s: Session, one: _Letter, today: date) -> None:
    """A consumer's notice that is late goes by text message too, and staff know (6.8)."""
    service = one.service
    if service is None or service.expires_on is None or not one.params.get("late"):
        return
    if not facts.holder(s.get_one(tables.Account, one.account_id).holder).consumer:
        return
    on = max(calendar.debit_on(service.expires_on), today)
    alerts.tell_staff(s, "notice_late", one.dedup_key, service_id=service.id)
    sms.post(
        s,
        dedup_key=one.dedup_key,
        account_id=one.account_id,
        key="sms.m13",
        service=service.label,
        amount_cents=renewal_costs.next_terms(s, [service], today).get(service.id or 0, (0, 0))[0],
        on=on,
        stop=renewals.stop_by(service.expires_on),
    )


def remind_unpaid(limit: int = 200) -> int:
    """«Ordine in attesa di pagamento» (M19): 3 and 10 days after an unpaid purchase, 3 days before it lapses.

    The next `limit` that stand today and are not written; how many could be. Safe to repeat.
    """
    today = clock.today()
    with db.reading() as s:
        waiting = s.exec(_unreminded(today).limit(limit)).all()
    return _post([letter for row in waiting if (letter := _unpaid(row, today))], today)


def _unreminded(today: date) -> Any:
    """Unpaid purchases for which a reminder stands today that was not written: `days.payment_reminder` in SQL."""
    order, mail = tables.Order, tables.OutboxMail
    first, second = days.PAYMENT_DAYS
    last = col(order.payable_until_at) < _midnight(today + timedelta(days=days.PAYMENT_LAST_DAYS + 1))

    def has_waited(for_days: int) -> ColumnElement[bool]:
        return col(order.created_at) < _midnight(today - timedelta(days=for_days - 1))

    stage = case((last, "last"), (has_waited(second), str(second)), else_=str(first))
    key = literal("m19:") + cast(order.id, String) + ":" + stage
    return (
        select(order)
        .where(
            order.status == orders.Status.AWAITING_PAYMENT,
            order.kind == orders.Kind.PURCHASE,
            col(order.payable_until_at) >= _midnight(today),
            or_(last, has_waited(first)),
            ~select(mail.id).where(col(mail.dedup_key) == key).exists(),
        )
        .order_by(col(order.payable_until_at), col(order.id))
    )


def _midnight(day: date) -> datetime:
    """The first instant of a day in Rome."""
    return datetime.combine(day, time(), calendar.ROME).astimezone(UTC)


def _unpaid(order: tables.Order, today: date) -> _Letter | None:
    registered, until = calendar.rome_date(order.created_at), calendar.rome_date(order.payable_until_at)
    stage = days.payment_reminder(registered, until, today)
    if stage is None:
        return None
    return _Letter("m19", f"m19:{order.id}:{stage}", order.account_id, {"stage": stage}, order)
