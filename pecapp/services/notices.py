"""The daily letters around an expiry: the legal notice, reminders to renew, to pay, to reactivate (6.6, 6.8, 7).

Each is an outbox row under a key that names the fact, so that it is told once, however often and by however many
processes the look is taken.
"""

import logging
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from pecapp import clock, db, tables
from pecapp.domain import calendar, orders, renewals
from pecapp.domain import catalog as rules
from pecapp.domain import dunning as days
from pecapp.services import alerts, catalog, dunning, facts, live, outbox, renewal_costs, sms, subscriptions

log = logging.getLogger(__name__)

NOT_SOLD_DAYS = 60
"""Days before E from which it is told that a product is not sold any more and will not renew (9.40)."""
_FURTHEST = timedelta(days=31 * days.REMINDER_MONTHS)


class _Letter(NamedTuple):
    template: str
    dedup_key: str
    account_id: int
    params: dict[str, Any]
    order: tables.Order | None = None


def tell_due(after: int = 0, limit: int = 200) -> int | None:
    """Write what stands today for the next `limit` services after the id `after`; None when there are no more.

    M13 for those that renew by themselves, R1-R4 for the others, M16 and R5-R7 for those that have expired. Gives the
    last service looked at, from which to go on.
    """
    today = clock.today()
    with db.reading() as s:
        services = s.exec(_watched(s, after, today).limit(limit)).all()
        letters = _unsent(s, _letters(s, services, today))
        undelivered = _undelivered(s, services, today)
    _post(letters)
    for service in undelivered:
        try:
            _insist(service, today)
        except Exception:  # the notices of all others must not wait for this one
            log.exception("the notice of service %s could not be sent again", service.id)
    return services[-1].id if len(services) == limit else None


def _watched(s: Session, after: int, today: date) -> Any:
    service = tables.Service
    grace = max((product.grace_days or 0 for product in catalog.current(s).price_list.products), default=0)
    return (
        select(service)
        .where(
            col(service.id) > after,
            service.status != subscriptions.CANCELLED,
            col(service.expires_on).between(today - timedelta(days=grace), today + _FURTHEST),
        )
        .order_by(col(service.id))
    )


def _letters(s: Session, services: Sequence[tables.Service], today: date) -> list[_Letter]:
    price_list = catalog.current(s).price_list
    skipped = _skipped(s, services)
    found = [_letter(row, price_list.product(row.product_code), row.id in skipped, today) for row in services]
    return [letter for letter in found if letter is not None]


def _skipped(s: Session, services: Sequence[tables.Service]) -> set[int]:
    """Those whose owner does not want the coming debit: they are reminded as if renewal were off."""
    choice, expiries = tables.RenewalChoice, {row.id: row.expires_on for row in services}
    wanted = select(choice).where(col(choice.service_id).in_(expiries), col(choice.method_id).is_(None))
    return {row.service_id for row in s.exec(wanted) if expiries[row.service_id] == row.expires_on}


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
        params["late"] = True
    return _Letter(template, f"{template}:{service.id}:{expires_on}", service.account_id, params)


def _unsent(s: Session, letters: Sequence[_Letter]) -> list[_Letter]:
    mail = tables.OutboxMail
    keys = [one.dedup_key for one in letters]
    told = set(s.exec(select(mail.dedup_key).where(col(mail.dedup_key).in_(keys))))
    return [one for one in letters if one.dedup_key not in told]


def _post(letters: Sequence[_Letter]) -> None:
    if not letters:
        return
    with db.transaction() as s:
        for one in letters:
            outbox.post(
                s,
                template=one.template,
                dedup_key=one.dedup_key,
                account_id=one.account_id,
                order_id=one.order.id if one.order else None,
                to_address=one.order.reference_email if one.order else None,
                lang=one.order.lang if one.order else None,
                params=one.params,
            )
        live.publish(s, live.WORK_MAIL)


def _undelivered(s: Session, services: Sequence[tables.Service], today: date) -> list[tables.Service]:
    """Renewals whose legal notice was written on an earlier day and has not been taken by a mail server."""
    mail = tables.OutboxMail
    due = {
        dunning.notice_key(row.id or 0, row.expires_on): row
        for row in services
        if row.expires_on and row.renewal == subscriptions.RENEWAL_ACTIVE and days.notice_is_due(row.expires_on, today)
    }
    unsent = s.exec(select(mail.dedup_key).where(col(mail.dedup_key).in_(due), mail.status != "sent"))
    return [due[key] for key in unsent]


def _insist(service: tables.Service, today: date) -> None:
    """A notice that was given up is tried again each day; once it is late for a consumer, by text message too (6.8)."""
    if service.expires_on is None:
        return
    key, on = dunning.notice_key(service.id or 0, service.expires_on), calendar.debit_on(service.expires_on)
    with db.transaction() as s:
        outbox.again(s, key)
        consumer = facts.holder(s.get_one(tables.Account, service.account_id).holder).consumer
        if not (consumer and days.notice_is_overdue(service.expires_on, today)):
            return
        alerts.tell_staff(s, "notice_late", key, service_id=service.id)
        sms.post(
            s,
            dedup_key=key,
            account_id=service.account_id,
            key="sms.m13",
            service=service.label,
            amount_cents=renewal_costs.of(s, [service], on).get(service.id or 0, 0),
            on=on,
            stop=renewals.stop_by(service.expires_on),
        )


def remind_unpaid(limit: int = 200) -> int:
    """«Ordine in attesa di pagamento» (M19): 3 and 10 days after an unpaid purchase, 3 days before it lapses."""
    order, today = tables.Order, clock.today()
    with db.reading() as s:
        waiting = s.exec(
            select(order).where(order.status == orders.Status.AWAITING_PAYMENT, order.kind == orders.Kind.PURCHASE)
        ).all()
        letters = _unsent(s, [letter for row in waiting if (letter := _unpaid(row, today))])[:limit]
    _post(letters)
    return len(letters)


def _unpaid(order: tables.Order, today: date) -> _Letter | None:
    registered, until = calendar.rome_date(order.created_at), calendar.rome_date(order.payable_until_at)
    stage = days.payment_reminder(registered, until, today)
    if stage is None:
        return None
    return _Letter("m19", f"m19:{order.id}:{stage}", order.account_id, {"stage": stage}, order)
