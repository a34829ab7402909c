"""The nightly look ahead: what would make a coming debit fail is told to its owner while something can still be done.

Nothing is changed here; what is told is an outbox row under a key that names the fact, so that it is told once however
often and by however many processes the look is taken.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pecapp import clock, db, tables
from pecapp.domain import calendar, renewals
from pecapp.services import catalog, methods, outbox, renewal_costs, subscriptions

FURTHEST = timedelta(days=max(renewals.CARD_WARNING_DAYS) + calendar.DEBIT_DAYS_BEFORE_EXPIRY)
"""How far off the expiry of a service may be for something to be told of its debit."""
_UNTOLD = frozenset({renewals.Doubt.NOT_SOLD, renewals.Doubt.NO_METHOD, renewals.Doubt.REVOKED})
"""What other mails tell (M11, M12), or what another card and another mandate would not help."""
_TOO_LOW = frozenset({renewals.Doubt.CEILING, renewals.Doubt.NOT_AUTHORISED})


@dataclass(frozen=True)
class _Debit:
    """The next debit of a service, as it would be made today."""

    service: tables.Service
    expires_on: date
    method: tables.PaymentMethod
    amount_cents: int

    @property
    def on(self) -> date:
        return calendar.debit_on(self.expires_on)


@dataclass(frozen=True)
class _Warning:
    """One mail."""

    template: str
    dedup_key: str
    account_id: int
    params: dict[str, Any]


def warn_due(after: int = 0, limit: int = 200) -> int | None:
    """Tell the next `limit` accounts after the id `after` what is in the way of their coming debits.

    Gives the last account looked at, from which to go on, or None when there are no more. M14 for a card that ends
    before the debit, 60 and 30 days before it: one mail for all the services that one method renews on one day. M15
    from E - 60 for a renewal that costs more than was authorised, one mail for each service. Services whose owner has
    skipped the debit are passed over, and one that goes on another method this time is judged by that one. Each is
    told once; safe to repeat and on several processes. Accounts are looked at in pages, for methods never cross them.
    """
    today = clock.today()
    with db.reading() as s:
        accounts = _accounts(s, after, limit, today)
        warnings = _unsent(s, _warnings(s, accounts, today))
    if warnings:
        with db.transaction() as s:
            for one in warnings:
                outbox.post(
                    s,
                    template=one.template,
                    dedup_key=one.dedup_key,
                    account_id=one.account_id,
                    params=one.params,
                )
    return accounts[-1] if len(accounts) == limit else None


def _accounts(s: Session, after: int, limit: int, today: date) -> list[int]:
    service = tables.Service
    wanted = select(service.account_id).where(*_coming(today), service.account_id > after).distinct()
    return list(s.exec(wanted.order_by(col(service.account_id)).limit(limit)))


def _coming(today: date) -> tuple[Any, ...]:
    """Services that renew by themselves, whose debit is still to come and not too far off."""
    service = tables.Service
    due = today + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)
    return (
        service.renewal == subscriptions.RENEWAL_ACTIVE,
        col(service.expires_on) > due,
        col(service.expires_on) <= today + FURTHEST,
    )


def _warnings(s: Session, accounts: Sequence[int], today: date) -> list[_Warning]:
    price_list = catalog.current(s).price_list
    ending: dict[tuple[int, date, int], list[_Debit]] = defaultdict(list)
    found = []
    for debit in _debits(s, accounts, today):
        sold, means = price_list.product(debit.service.product_code).sellable, methods.as_means(debit.method)
        doubt = renewals.doubt(debit.amount_cents, debit.on, means, sold=sold)
        if doubt in _UNTOLD:
            continue
        if doubt in _TOO_LOW and renewals.mandate_is_watched(debit.expires_on, today):
            found.append(_mandate_too_low(debit))
        if stage := renewals.card_stage(means.ends_on, debit.on, today):
            ending[debit.method.id or 0, debit.on, stage].append(debit)
    return found + [_card_ends(debits, stage) for (_, _, stage), debits in ending.items()]


def _debits(s: Session, accounts: Sequence[int], today: date) -> list[_Debit]:
    """The next debit of each service of these accounts that its owner has not skipped."""
    service, method, choice = tables.Service, tables.PaymentMethod, tables.RenewalChoice
    wanted = (
        select(service, choice)
        .join(
            choice,
            (col(choice.service_id) == service.id) & (col(choice.expires_on) == service.expires_on),
            isouter=True,
        )
        .where(*_coming(today), col(service.account_id).in_(accounts))
        .order_by(col(service.id))
    )
    chosen = [(row, this_time.method_id if this_time else row.method_id) for row, this_time in s.exec(wanted).all()]
    ids = {method_id for _, method_id in chosen if method_id is not None}
    kept = {row.id: row for row in s.exec(select(method).where(col(method.id).in_(ids)))}
    costs = _costs(s, [row for row, _ in chosen])
    return [
        _Debit(row, row.expires_on, kept[method_id], costs[row.id or 0])
        for row, method_id in chosen
        if row.expires_on and method_id in kept and kept[method_id].account_id == row.account_id and row.id in costs
    ]


def _costs(s: Session, services: Sequence[tables.Service]) -> dict[int, int]:
    """What each renewal costs at the list of the day of its debit, gross cents by service."""
    by_day: dict[date, list[tables.Service]] = defaultdict(list)
    for row in services:
        if row.expires_on is not None:
            by_day[calendar.debit_on(row.expires_on)].append(row)
    costs: dict[int, int] = {}
    for day, due in by_day.items():
        costs |= renewal_costs.of(s, due, day)
    return costs


def _mandate_too_low(debit: _Debit) -> _Warning:
    service_id, amount = debit.service.id, debit.amount_cents
    return _Warning(
        "m15",
        f"m15:{service_id}:{debit.expires_on}:{amount}",
        debit.service.account_id,
        {
            "method_id": debit.method.id,
            "service_id": service_id,
            "ceiling_cents": debit.method.ceiling_cents,
            "amount_cents": amount,
        },
    )


def _card_ends(debits: Sequence[_Debit], stage: int) -> _Warning:
    first = debits[0]
    return _Warning(
        "m14",
        f"m14:{first.method.id}:{first.on}:{stage}",
        first.service.account_id,
        {"method_id": first.method.id, "service_ids": [debit.service.id for debit in debits]},
    )


def _unsent(s: Session, warnings: Sequence[_Warning]) -> list[_Warning]:
    """Those that were not told yet, so that an ordinary night writes nothing."""
    mail = tables.OutboxMail
    keys = [one.dedup_key for one in warnings]
    told = set(s.exec(select(mail.dedup_key).where(col(mail.dedup_key).in_(keys))))
    return [one for one in warnings if one.dedup_key not in told]
