"""One contract that somebody withdraws from: its rows, what the rules say of it, and that in words (8.3)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, or_, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import calendar, catalog, orders, withdrawal
from pecapp.services import facts, subscriptions

REASON = "withdrawal"
"""Of a refund."""
_OPEN = (orders.Status.AWAITING_PAYMENT, orders.Status.VERIFYING, orders.Status.PAID)
_RENEWS = (subscriptions.OPEN, subscriptions.DONE)
_ON = (subscriptions.RENEWAL_ACTIVE, subscriptions.RENEWAL_INCOMPLETE)


@dataclass(frozen=True)
class Case:
    """A contract with everything that ends with it."""

    order: tables.Order
    renewal: tables.Renewal | None
    """The order prolonged a service; None for one that bought something."""
    services: Sequence[tables.Service]
    """What it bought or prolonged; empty while it is not paid."""
    later: Sequence[tables.Order]
    """Orders that renew for the terms after its own: without it there is nothing that they could prolong."""

    @property
    def paid(self) -> bool:
        """Whether its payment was registered."""
        return orders.Status(self.order.status) in orders.PAID

    @property
    def being_paid(self) -> bool:
        """Whether money may be moving at this moment for it, or for what ends with it."""
        return any(one.status == orders.Status.VERIFYING for one in (self.order, *self.later))

    def back_to(self, finding: withdrawal.Finding, on: date) -> date | None:
        """The day to which a renewed service is valid without this renewal; None where the service itself ends."""
        if self.renewal is None or (finding is withdrawal.Finding.FREE_EXIT and self.renewal.expires_on < on):
            return None  # who leaves in the middle of a term leaves at once
        return self.renewal.expires_on

    @property
    def term(self) -> tuple[date | None, date | None]:
        """First and last day of what was paid for."""
        if not self.services:
            return None, None
        order, renewal = self.order, self.renewal
        if renewal is not None:
            return renewal.expires_on, calendar.renewed_expiry(renewal.expires_on, order.years or 1)
        start = self.services[0].activated_on
        return start, calendar.term_end(start, order.years, order.configuration.get("months"))


def load(s: Session, order_id: int, *, hold: bool = False) -> Case:
    """The case of an order, which must exist; its rows held for this transaction, services before orders, if asked.

    Raises Unavailable when it was paid at this very moment.
    """
    held = _held if hold else _as_is
    order = tables.Order
    status, configuration = s.exec(select(order.status, order.configuration).where(order.id == order_id)).one()
    paid = orders.Status(status) in orders.PAID
    services = s.exec(held(_services(order_id, configuration).order_by(col(tables.Service.id)))).all() if paid else ()
    renewal = s.get(tables.Renewal, order_id, populate_existing=True)
    later_ids = _later(s, order_id, services, renewal)
    wanted = select(order).where(col(order.id).in_([order_id, *later_ids])).order_by(col(order.id))
    found = s.exec(held(wanted)).all()
    (mine,) = (one for one in found if one.id == order_id)
    if paid != (orders.Status(mine.status) in orders.PAID):
        raise errors.Unavailable
    return Case(mine, renewal, services, [one for one in found if one is not mine])


def _held(statement: Any) -> Any:
    return db.locked(statement).execution_options(populate_existing=True)


def _as_is(statement: Any) -> Any:
    return statement


def _services(order_id: int, configuration: Mapping[str, Any]) -> Any:
    service = tables.Service
    renewed = configuration.get("service")
    return select(service).where(service.id == renewed if renewed else service.order_id == order_id)


def _later(s: Session, order_id: int, services: Sequence[tables.Service], renewal: tables.Renewal | None) -> list[int]:
    other = tables.Renewal
    wanted = select(other.order_id).where(
        col(other.service_id).in_([one.id for one in services]),
        col(other.status).in_(_RENEWS),
        other.order_id != order_id,
    )
    if renewal is not None:
        wanted = wanted.where(col(other.expires_on) > renewal.expires_on)
    return list(s.exec(wanted))


def judge(s: Session, case: Case, on: date) -> withdrawal.Finding:
    """What a declaration made on a day comes to."""
    order, renewal = case.order, case.renewal
    product = s.get(tables.Product, order.configuration["product"])
    free = case.services[0].free_exit_until_on if case.services else None
    if renewal is None or free != calendar.renewed_expiry(renewal.expires_on, order.years or 1):
        free = None  # it belongs to the renewal that was told too late, not to those after it
    return withdrawal.judge(
        withdrawal.Contract(
            consumer=facts.holder(order.holder).consumer,
            open=order.status in _OPEN,
            until_on=order.withdrawal_until_on,
            automatic=renewal is not None and renewal.automatic,
            free_until_on=free,
            kind=catalog.Kind(product.kind) if product else catalog.Kind.PEC,
            start_requested=order.start_now,
            performed=case.paid and all(one.status == subscriptions.ACTIVE for one in case.services),
            shipped=case.paid and bool(order.shipping),
        ),
        on,
    )


def split(case: Case, finding: withdrawal.Finding, on: date) -> withdrawal.Settlement:
    """What is kept and what goes back, in gross cents; nothing either way where nothing was paid."""
    start, end = case.term
    return withdrawal.settle(
        case.order.gross_cents if case.paid else 0,
        activated_on=start,
        expires_on=end,
        withdrawn_on=on,
        start_requested=case.order.start_now or finding is withdrawal.Finding.FREE_EXIT,
    )


def effects(case: Case, finding: withdrawal.Finding, on: date, lang: i18n.Lang) -> list[str]:
    """What the withdrawal brings about, in sentences that are true before and after it is confirmed."""

    def say(key: str, **params: object) -> str:
        return i18n.text(f"withdraw.effect.{key}", lang, **params)

    if finding not in withdrawal.EFFECTIVE:
        return [say(finding.value)] if finding in withdrawal.CHECKED else []
    if case.being_paid:
        return [say("being_paid")]
    if not case.paid:
        return [say("unpaid", number=case.order.number)]
    money = split(case, finding, on)
    back_to = case.back_to(finding, on)
    said = [_end(service, back_to, lang) for service in case.services]
    if any(service.renewal in _ON for service in case.services):
        said.append(say("renewal_off"))
    said += [say("later", number=one.number) for one in case.later]
    if money.refunded_cents:
        said.append(say("refunded", amount=i18n.money(money.refunded_cents, lang)))
    if money.retained_cents:
        kept = i18n.money(money.retained_cents, lang)
        said.append(say("retained", amount=kept, days=money.days_used, term=money.days_of_term))
    return said


def _end(service: tables.Service, back_to: date | None, lang: i18n.Lang) -> str:
    if back_to is None:
        return i18n.text("withdraw.effect.ends", lang, service=service.label)
    return i18n.text("withdraw.effect.back", lang, service=service.label, expires=i18n.date(back_to, lang))


def candidates(s: Session, account_id: int, at: datetime) -> list[int]:
    """The orders of a customer that may be withdrawn from at this moment, newest first; each is judged by its case."""
    order, service, renewal = tables.Order, tables.Service, tables.Renewal
    today = calendar.rome_date(at)
    leaving = (
        select(renewal.order_id)
        .join(service, col(service.id) == renewal.service_id)
        .where(
            service.account_id == account_id,
            renewal.status == subscriptions.DONE,
            col(service.free_exit_until_on) >= today,
        )
    )
    wanted = select(order.id).where(
        order.account_id == account_id,
        col(order.status).in_(_OPEN),
        or_(col(order.withdrawal_until_on) >= today, col(order.id).in_(leaving)),
    )
    return [one or 0 for one in s.exec(wanted.order_by(col(order.id).desc()))]
