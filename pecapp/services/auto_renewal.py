"""Automatic renewal of services: switched on, moved to another method, switched off, and whether it can be."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select

from pecapp import clock, db, i18n, tables
from pecapp.domain import calendar, payments
from pecapp.services import access, facts, live, outbox, renewal_costs, subscriptions, views


def link_renewals(s: Session, order: Any, method: tables.PaymentMethod, at: datetime) -> list[tables.Service]:
    """Switch on the renewals that the order asked for, now that `method` can be charged, and say so in one mail.

    Covers the order's own services and those of the same login that the customer ticked, unless they were switched off
    since, or the day of their debit has come. Gives them all. Safe to repeat.
    """
    if not order.auto_renew:
        return []
    service = tables.Service
    mine = (col(service.order_id) == order.order_id) | (col(service.id) == order.configuration.get("service"))
    asked = mine & (col(service.renewal) == subscriptions.RENEWAL_INCOMPLETE)
    ticked = (
        col(service.id).in_(order.extend_services or [])
        & col(service.renewal).is_not(None)
        & (col(service.renewal) != subscriptions.RENEWAL_ACTIVE)
        # who switched one off after placing the order has the last word
        & (col(service.renewal_changed_at).is_(None) | (col(service.renewal_changed_at) <= order.created_at))
    )
    wanted = select(service).where(service.account_id == order.account_id, asked | ticked).order_by(col(service.id))
    today = calendar.rome_date(at)
    found = [
        row
        for row in s.exec(db.locked(wanted).execution_options(populate_existing=True))
        if row.renewal == subscriptions.RENEWAL_INCOMPLETE or not excluded_because(row, today)
    ]
    _switch_on(s, found, method, at)
    if found:
        outbox.post(
            s,
            template="m04",
            dedup_key=f"m04:order:{order.order_id}",
            account_id=order.account_id,
            order_id=order.order_id,
            to_address=order.reference_email,
            lang=order.lang,
            params={"service_ids": [row.id for row in found], "method_id": method.id},
        )
        live.publish(s, live.account(order.account_id))
    return found


def enable(
    s: Session,
    services: Sequence[tables.Service],
    method: tables.PaymentMethod,
    at: datetime,
    years: int | None = None,
) -> list[int]:
    """«Attiva»: switch automatic renewal on for locked services, the first with the frequency `years`; M04 tells.

    Those that it is on for already only change method and frequency; what would not change is left out, and so are
    those whose validity has ended meanwhile. Gives the ids of the ones that changed; safe to repeat.
    """
    today = calendar.rome_date(at)
    changed = []
    for position, row in enumerate(services):
        term = years if years and position == 0 else row.years
        as_wanted = (row.renewal, row.method_id, row.years) == (subscriptions.RENEWAL_ACTIVE, method.id, term)
        if as_wanted or not can_renew_by_itself(row, today):
            continue
        row.years = term
        changed.append(row)
    _switch_on(s, changed, method, at)
    ids = [row.id or 0 for row in changed]
    if ids:
        chosen = tables.RenewalChoice
        s.execute(delete(chosen).where(col(chosen.service_id).in_(ids)))  # what is said now counts from the next debit
        outbox.post(
            s,
            template="m04",
            dedup_key=f"m04:services:{'-'.join(map(str, ids))}:{method.id}:{years or 0}:{at.isoformat()}",
            account_id=method.account_id,
            params={"service_ids": ids, "method_id": method.id},
        )
        live.publish(s, live.account(method.account_id), live.WORK_MAIL)
        _take_back(s, changed)
        try_again(s, ids)
    return ids


def _switch_on(s: Session, services: Sequence[tables.Service], method: tables.PaymentMethod, at: datetime) -> None:
    for row in services:
        row.renewal, row.renewal_changed_at, row.renewal_reason = subscriptions.RENEWAL_ACTIVE, at, ""
        row.method_id = method.id
        s.add(row)


def _take_back(s: Session, services: Sequence[tables.Service]) -> None:
    """Who switches renewal on anew wants the term that they had given up."""
    renewal = tables.Renewal
    for row in services:
        given_up = select(renewal).where(
            renewal.service_id == row.id,
            renewal.expires_on == row.expires_on,
            renewal.trouble == subscriptions.GIVEN_UP,
        )
        for one in s.exec(given_up):
            one.trouble = ""
            s.add(one)


def try_again(s: Session, service_ids: Iterable[int]) -> None:
    """Another method, or more authorised: what could not be debited is debited once more, at once (6.7.5)."""
    renewal = tables.Renewal
    tried = s.exec(
        select(renewal).where(
            col(renewal.service_id).in_(list(service_ids)),
            renewal.status == subscriptions.OPEN,
            renewal.debits > 0,
            col(renewal.expires_on) >= clock.today(),
        )
    ).all()
    for row in tried:
        row.next_debit_on = clock.today()
        s.add(row)
    if tried:
        live.publish(s, live.WORK_RENEWALS)


def can_renew_by_itself(service: tables.Service, today: date) -> bool:
    """Whether automatic renewal can be switched on for it, or changed: it has the option and is still valid."""
    valid = service.status in subscriptions.VALID and service.expires_on is not None
    return valid and service.renewal is not None and (service.expires_on or today) >= today


def several(s: Session, account_id: int, service_ids: Iterable[int], *, hold: bool = True) -> list[tables.Service]:
    """Those of the customer's services that have automatic renewal, in the order asked; held unless only read."""
    ids = list(service_ids)
    service = tables.Service
    asked = (
        select(service)
        .where(service.account_id == account_id, col(service.id).in_(ids), col(service.renewal).is_not(None))
        .order_by(col(service.id))
    )
    found = s.exec(db.locked(asked) if hold else asked).all()
    return sorted(found, key=lambda row: ids.index(row.id or 0))


def extensions(s: Session, account_id: int, lang: i18n.Lang, without: int | None = None) -> list[views.ExtensionView]:
    """The login's other services with what an automatic renewal of each would cost and when, or why it cannot be."""
    on = clock.today()
    service = tables.Service
    found = s.exec(
        select(service)
        .where(service.account_id == account_id, col(service.renewal).is_not(None), service.id != without)
        .order_by(col(service.expires_on), col(service.id))
    ).all()
    costs = renewal_costs.of(s, found, on)
    return [_extension(row, costs.get(row.id or 0), on, lang) for row in found]


def _extension(service: tables.Service, cost: int | None, on: date, lang: i18n.Lang) -> views.ExtensionView:
    expires = service.expires_on or on
    excluded = excluded_because(service, on)
    return views.ExtensionView(
        service_id=service.id or 0,
        label=service.label,
        expires=i18n.date(expires, lang),
        amount=i18n.money(cost, lang) if cost is not None else "",
        debit_on=i18n.date(calendar.debit_on(expires), lang),
        frequency=facts.years(service.years or 1, lang),
        state=service.renewal or "",
        excluded=i18n.text(excluded, lang) if excluded else "",
    )


def excluded_because(service: tables.Service, on: date) -> str:
    """Why automatic renewal cannot be extended to `service` today, as a key of the locales; empty when it can (6.3)."""
    if service.renewal == subscriptions.RENEWAL_ACTIVE:
        return "extension.active_already"
    if service.status not in subscriptions.VALID or service.expires_on is None or service.expires_on < on:
        return "extension.expired"
    return "extension.too_late" if calendar.debit_on(service.expires_on) <= on else ""


def renewed_by(s: Session, method_id: int) -> list[tables.Service]:
    """The services whose automatic renewal is charged on a method, the next to expire first."""
    service = tables.Service
    found = s.exec(
        select(service)
        .where(service.method_id == method_id, service.renewal == subscriptions.RENEWAL_ACTIVE)
        .order_by(col(service.expires_on), col(service.id))
    )
    return list(found)


def _hold_renewed_by(s: Session, method_id: int) -> Sequence[tables.Service]:
    service = tables.Service
    mine = select(service).where(service.method_id == method_id, service.renewal == subscriptions.RENEWAL_ACTIVE)
    return s.exec(db.locked(mine.order_by(col(service.id)))).all()


def renewed(service: tables.Service, lang: i18n.Lang) -> str:
    """A service with its expiry, as lists of renewals name it."""
    if service.expires_on is None:
        return service.label
    return i18n.text("method.service", lang, service=service.label, expires=i18n.date(service.expires_on, lang))


def move(s: Session, old_id: int, new_id: int) -> list[int]:
    """Let every automatic renewal on one method pass to another; the services' ids.

    Their own state does not change: ATTIVO stays ATTIVO. Safe to repeat.
    """
    mine, choice = _hold_renewed_by(s, old_id), tables.RenewalChoice
    for row in mine:
        row.method_id = new_id
        s.add(row)
    s.execute(delete(choice).where(col(choice.method_id) == old_id))  # that debit is on the usual method again
    try_again(s, [row.id or 0 for row in mine])
    return [row.id or 0 for row in mine]


def unlink(s: Session, method_id: int, reason: str, at: datetime) -> list[int]:
    """Switch off every automatic renewal that would be charged on a method that is gone; the services' ids.

    Safe to repeat: a second time there is none left.
    """
    mine = _hold_renewed_by(s, method_id)
    for row in mine:
        row.renewal, row.renewal_changed_at, row.renewal_reason = subscriptions.RENEWAL_DISABLED, at, reason
        row.method_id = None
        s.add(row)
        live.publish(s, live.account(row.account_id))
    chosen = tables.RenewalChoice
    s.execute(delete(chosen).where(col(chosen.method_id) == method_id))  # this time it is the usual method again
    return [row.id or 0 for row in mine]


def debit_runs(s: Session, service_id: int) -> bool:
    """Whether money for the service's renewal may be moving at this moment."""
    renewal, attempt = tables.Renewal, tables.PaymentAttempt
    running = (
        select(attempt.id)
        .join(renewal, col(renewal.order_id) == col(attempt.order_id))
        .where(renewal.service_id == service_id, col(attempt.status).in_(payments.OPEN))
    )
    return s.exec(running.limit(1)).first() is not None


def disable(actor: access.Actor, service_id: int) -> bool:
    """«Disattiva», confirmed: nothing will be debited for the service; M05 tells what happens at its expiry.

    True when a debit was already running: that one is not stopped, and what it pays for stays renewed (9.32). A renewal
    that was asked for and never came about is given up without a mail. Raises NotFound, for another's service too.
    Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        row = subscriptions.own(s, account_id, service_id)
        runs = debit_runs(s, service_id)
        switch_off(s, row)
        return runs


def switch_off(s: Session, row: tables.Service, by: str = "customer") -> None:
    """A locked service is not to renew by itself any more; M05 tells. Safe to repeat.

    `by` is its owner, `customer`, or `staff` on their behalf.
    """
    at = clock.now()
    if row.renewal == subscriptions.RENEWAL_ACTIVE:
        row.renewal = subscriptions.RENEWAL_DISABLED
        outbox.post(
            s,
            template="m05",
            dedup_key=f"m05:service:{row.id}:{at.isoformat()}",
            account_id=row.account_id,
            params={"service_id": row.id, "by": by},
        )
    elif row.renewal == subscriptions.RENEWAL_INCOMPLETE:
        row.renewal = subscriptions.RENEWAL_INACTIVE
    else:
        return
    row.renewal_changed_at, row.renewal_reason, row.method_id = at, by, None
    s.add(row)
    s.execute(delete(tables.RenewalChoice).where(col(tables.RenewalChoice.service_id) == row.id))
    live.publish(s, live.account(row.account_id), live.WORK_MAIL)
