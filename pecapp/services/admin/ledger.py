"""Our books and each gateway's, a day (Europe/Rome) side by side."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import ledgers
from pecapp.domain import payments as attempts
from pecapp.domain import refunds as rules
from pecapp.gateways import base, registry
from pecapp.services import access, throttle

PAYMENT, REFUND = "payment", "refund"
MOVED = (rules.Status.PENDING, rules.Status.SUCCEEDED)
"""A refund that the gateway has taken."""
LATER = timedelta(hours=1)
"""How much earlier or later the two sides may write down the same thing."""
FRESH = timedelta(minutes=5)
"""Books that are so little behind are up to date."""
FARTHEST = timedelta(days=31)
FIRST = date(2000, 1, 1)
MOST_SHOWN = 200
_PART = 500


@dataclass(frozen=True)
class Side:
    """The totals of a day, ours and one gateway's."""

    gateway: str
    ours_in: str = ""
    theirs_in: str = ""
    ours_back: str = ""
    theirs_back: str = ""
    count: int = 0
    """How many movements the gateway has."""
    equal: bool = True
    complete_until: str = ""
    """Until when the gateway's books go, when not to the end of the day."""
    away: bool = False
    """Whether the gateway did not answer: then nothing is compared."""


@dataclass(frozen=True)
class DifferenceView:
    """A difference, and what of it is known."""

    gateway: str
    kind: str
    """`payment` or `refund`."""
    what: str
    """A `ledgers.What`."""
    ref: str
    """The gateway's name for the movement; empty where there is none."""
    own_id: str
    """Our name for the payment or refund; empty where it was not made here."""
    order: str
    """Number of the order; empty where it is none of ours."""
    ours: str
    theirs: str
    ours_cents: int
    theirs_cents: int
    can_ask: bool
    """Whether asking the gateway once more can change anything."""
    can_adopt: bool = False
    """Whether it is a refund of a payment of ours, made at the gateway itself, that can be taken into our books."""
    checked: str = ""
    """Why a person found it in order; empty while nobody has."""


@dataclass(frozen=True)
class DayView:
    """A day's books."""

    iso: str = ""
    day: str = ""
    previous: str = ""
    following: str = ""
    """The neighbouring days; empty for tomorrow."""
    sides: list[Side] = field(default_factory=list)
    differences: list[DifferenceView] = field(default_factory=list)
    more: int = 0
    """How many differences are not shown."""


@dataclass(frozen=True)
class _Ours:
    """One of our movements, whether our books count it as moved or not yet."""

    entry: ledgers.Entry
    order: str
    begun_at: datetime
    ended_at: datetime
    """When it was settled; for a refund that is under way, now. The gateway moved it in between."""
    moved: bool


# --- side by side -----------------------------------------------------------------------------------------------------


async def day(actor: access.Actor, on: date | None, lang: i18n.Lang) -> DayView:
    """Our books of a day, today without one, beside those of every gateway.

    Raises Forbidden, TooMany, Invalid for a day that has not come or was before all books. A gateway that does not
    answer is named, and its books are left out.
    """
    by_id = access.staff(actor)
    on = on or clock.today()
    if not FIRST <= on <= clock.today():
        raise errors.Invalid({"day": "GIORNO_NON_VALIDO"}, "GIORNO_NON_VALIDO")
    await asyncio.to_thread(throttle.spend, throttle.GATEWAY_ASKED, str(by_id))
    sides, differences = [], []
    for gateway in registry.gateways():
        side, found = await _beside(gateway, on, lang)
        sides.append(side)
        differences += found
    shown = sorted(differences, key=lambda one: bool(one.checked))
    return DayView(
        iso=on.isoformat(),
        day=i18n.date(on, lang),
        previous=(on - timedelta(days=1)).isoformat(),
        following=(on + timedelta(days=1)).isoformat() if on < clock.today() else "",
        sides=sides,
        differences=shown[:MOST_SHOWN],
        more=max(0, len(shown) - MOST_SHOWN),
    )


async def _beside(gateway: str, on: date, lang: i18n.Lang) -> tuple[Side, list[DifferenceView]]:
    since, until = (datetime.combine(one, time.min, clock.ROME) for one in (on, on + timedelta(days=1)))
    of_day = await db.run(_of_day, gateway, since, until)
    try:
        told = await registry.get(gateway).ledger(*_around(of_day, since, until))
    except base.GatewayError:
        return Side(gateway, away=True), []
    theirs = [one for one in told.movements if since <= one.at < until]
    named = await db.run(_named, gateway, theirs)
    there, then = _names(told.movements), _names(theirs)
    alone = [one for one in of_day if not _is_among(one, there) and one.ended_at <= told.complete_until]
    ours = [one.entry for one in named if one.moved and _is_among(one, then)] + [one.entry for one in alone]
    found = ledgers.compare(ours, [_entry(one) for one in theirs])
    orders = {(one.entry.kind, one.entry.own_id): one.order for one in (*named, *alone)}
    known = _Known(gateway, orders, *await db.run(_about, gateway, found, theirs))
    side = _side(gateway, ours, [_entry(one) for one in theirs], told.complete_until, min(until, clock.now()), lang)
    return side, [_view(known, one, lang) for one in found]


def _around(of_day: Iterable[_Ours], since: datetime, until: datetime) -> tuple[datetime, datetime]:
    """The time in which the gateway can have moved what our books have on a day."""
    begun, ended = [since], [until]
    for one in of_day:
        begun.append(one.begun_at)
        ended.append(one.ended_at)
    return max(min(begun) - LATER, since - FARTHEST), min(max(ended), until + FARTHEST, clock.now()) + LATER


def _of_day(gateway: str, since: datetime, until: datetime) -> list[_Ours]:
    """What our books have on a day: payments by when they were settled, refunds by when they were asked for."""
    attempt, refund = tables.PaymentAttempt, tables.Refund
    with db.reading() as s:
        paid = _payments(s, gateway, col(attempt.finished_at) >= since, col(attempt.finished_at) < until)
        back = _refunds(s, gateway, refund.created_at >= since, refund.created_at < until)
    return [one for one in (*paid, *back) if one.moved]


def _named(gateway: str, theirs: Sequence[base.Movement]) -> list[_Ours]:
    """What our books have of the gateway's movements, whenever we heard of them."""
    attempt, refund = tables.PaymentAttempt, tables.Refund
    found: dict[tuple[str, str], _Ours] = {}
    with db.reading() as s:
        for first in range(0, len(theirs), _PART):
            part = theirs[first : first + _PART]
            refs = {kind: [one.ref for one in part if one.kind == kind] for kind in (PAYMENT, REFUND)}
            ids = [one.attempt_id for one in part if one.kind == PAYMENT and one.attempt_id]
            given = [one.refund_id for one in part if one.kind == REFUND and one.refund_id]
            rows = [
                *_payments(s, gateway, or_(col(attempt.payment_ref).in_(refs[PAYMENT]), col(attempt.id).in_(ids))),
                *_refunds(s, gateway, or_(col(refund.gateway_ref).in_(refs[REFUND]), col(refund.id).in_(given))),
            ]
            found |= {(one.entry.kind, one.entry.own_id): one for one in rows}
    return list(found.values())


def _payments(s: Session, gateway: str, *conditions: Any) -> list[_Ours]:
    attempt = tables.PaymentAttempt
    wanted = (
        select(attempt, tables.Order.number)
        .join(tables.Order, col(tables.Order.id) == attempt.order_id)
        .where(attempt.gateway == gateway, *conditions)
    )
    return [
        _Ours(
            ledgers.Entry(PAYMENT, row.payment_ref or "", row.id, row.amount_cents, row.currency),
            number,
            row.created_at,
            row.finished_at or clock.now(),
            row.status == attempts.Status.SUCCEEDED,
        )
        for row, number in s.exec(wanted)
    ]


def _refunds(s: Session, gateway: str, *conditions: Any) -> list[_Ours]:
    attempt, refund = tables.PaymentAttempt, tables.Refund
    wanted = (
        select(refund, tables.Order.number)
        .join(attempt, col(attempt.id) == refund.attempt_id)
        .join(tables.Order, col(tables.Order.id) == refund.order_id)
        .where(attempt.gateway == gateway, *conditions)
    )
    return [
        _Ours(
            ledgers.Entry(REFUND, row.gateway_ref or "", row.id, row.amount_cents, row.currency),
            number,
            row.created_at,
            row.finished_at or clock.now(),
            row.status in MOVED,
        )
        for row, number in s.exec(wanted)
    ]


def _entry(movement: base.Movement) -> ledgers.Entry:
    own_id = movement.attempt_id if movement.kind == PAYMENT else movement.refund_id
    return ledgers.Entry(movement.kind, movement.ref, own_id, movement.amount_cents, movement.currency)


def _names(movements: Iterable[base.Movement]) -> set[tuple[str, str]]:
    """The movements, by the gateway's name and by ours."""
    entries = [_entry(one) for one in movements]
    return {(one.kind, one.ref) for one in entries} | {(one.kind, one.own_id) for one in entries if one.own_id}


def _is_among(one: _Ours, names: set[tuple[str, str]]) -> bool:
    return (one.entry.kind, one.entry.ref or one.entry.own_id) in names


# --- what is shown ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Known:
    """What is known of the differences of a gateway."""

    gateway: str
    orders: Mapping[tuple[str, str], str]
    """Numbers of orders, by kind and our name of the movement."""
    paid: Mapping[str, str]
    """Numbers of orders, by the gateway's name of their payment; of refunds that were not made here."""
    checks: Mapping[tuple[str, str, int, int], str]
    """Why a difference was found in order."""


def _about(
    gateway: str, found: Sequence[ledgers.Difference], theirs: Sequence[base.Movement]
) -> tuple[dict[str, str], dict[tuple[str, str, int, int], str]]:
    """The orders of what was given back elsewhere, by the gateway's name of the refund; and what was looked into."""
    attempt, check = tables.PaymentAttempt, tables.LedgerCheck
    lost = {one.entry.ref for one in found if one.what is ledgers.What.ONLY_THERE and one.entry.kind == REFUND}
    of = {one.ref: one.payment_ref for one in theirs if one.ref in lost and one.payment_ref}
    names = [_name(one) for one in found]
    checks: dict[tuple[str, str, int, int], str] = {}
    numbers: dict[str, str] = {}
    with db.reading() as s:
        for first in range(0, len(names), _PART):
            wanted = select(check).where(check.gateway == gateway, col(check.ref).in_(names[first : first + _PART]))
            checks |= {(one.kind, one.ref, one.ours_cents, one.theirs_cents): one.why for one in s.exec(wanted)}
        refs = sorted(set(of.values()))
        for first in range(0, len(refs), _PART):
            paid = (
                select(attempt.payment_ref, tables.Order.number)
                .join(tables.Order, col(tables.Order.id) == attempt.order_id)
                .where(attempt.gateway == gateway, col(attempt.payment_ref).in_(refs[first : first + _PART]))
            )
            numbers |= {ref or "": number for ref, number in s.exec(paid)}
    return {ref: numbers[payment] for ref, payment in of.items() if payment in numbers}, checks


def _name(difference: ledgers.Difference) -> str:
    """What a difference is known by once it was looked into."""
    return difference.entry.ref or difference.entry.own_id


def _cents(difference: ledgers.Difference) -> tuple[int, int]:
    """Ours and theirs, 0 for none."""
    ours, theirs = difference.ours, difference.theirs
    return ours.cents if ours else 0, theirs.cents if theirs else 0


def _view(known: _Known, one: ledgers.Difference, lang: i18n.Lang) -> DifferenceView:
    entry, (ours, theirs) = one.entry, _cents(one)
    own_id = one.ours.own_id if one.ours else entry.own_id
    number = known.orders.get((entry.kind, own_id), "")
    order = number or known.paid.get(entry.ref, "")
    adoptable = entry.kind == REFUND and one.what is ledgers.What.ONLY_THERE and bool(order)
    reachable = bool(number) and (entry.kind == PAYMENT or bool(entry.ref))
    return DifferenceView(
        gateway=known.gateway,
        kind=entry.kind,
        what=one.what.value,
        ref=entry.ref,
        own_id=own_id if number else "",
        order=order,
        ours=i18n.money(ours, lang) if one.ours else "",
        theirs=i18n.money(theirs, lang) if one.theirs else "",
        ours_cents=ours,
        theirs_cents=theirs,
        can_ask=reachable and not adoptable,
        can_adopt=adoptable,
        checked=known.checks.get((entry.kind, _name(one), ours, theirs), ""),
    )


def _side(
    gateway: str,
    ours: Sequence[ledgers.Entry],
    theirs: Sequence[ledgers.Entry],
    complete_until: datetime,
    wanted_until: datetime,
    lang: i18n.Lang,
) -> Side:
    def total(entries: Sequence[ledgers.Entry], kind: str) -> int:
        return sum(one.cents for one in entries if one.kind == kind)

    sums = [total(entries, kind) for kind in (PAYMENT, REFUND) for entries in (ours, theirs)]
    return Side(
        gateway,
        *(i18n.money(one, lang) for one in sums),
        count=len(theirs),
        equal=sums[0] == sums[1] and sums[2] == sums[3],
        complete_until=i18n.instant(complete_until, lang) if wanted_until - complete_until > FRESH else "",
    )


def same(view: DayView, known: DifferenceView) -> DifferenceView | None:
    """A difference as it stands in a later look at its day; None when it is gone, or not among what is shown."""
    return next(
        (
            one
            for one in view.differences
            if (one.gateway, one.kind) == (known.gateway, known.kind)
            and ((one.ref and one.ref == known.ref) or (one.own_id and one.own_id == known.own_id))
        ),
        None,
    )
