"""The debits of automatic renewal: found by their day, recorded, asked for, settled (rule 6.7).

Each is one open order for a service and a term (a unique key) with at most one open attempt (another), so that a run
may be repeated, or made by several processes at once, and charges once. What a crash leaves between the record and the
answer is an open attempt, which reconciliation brings to its end.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

from aiolimiter import AsyncLimiter
from sqlalchemy import bindparam
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, col, exists, or_, select

from pecapp import clock, db, settings, tables
from pecapp.domain import calendar, orders, payments, quotes, renewals
from pecapp.domain import catalog as rules
from pecapp.domain import dunning as days
from pecapp.gateways import base, registry
from pecapp.services import (
    alerts,
    brake,
    catalog,
    charges,
    dunning,
    facts,
    failpoint,
    means,
    methods,
    registration,
    renewal_costs,
    settlement,
    subscriptions,
)
from pecapp.services import payments as attempts
from pecapp.services import renewals as renewal_orders

log = logging.getLogger(__name__)

CHUNK = 100
"""Services of one piece of a day's work: what a crash makes the engine go through again."""
RENEWAL = settlement.RENEWAL
FAILURES_IN_A_ROW = 5
"""After so many charges in a row that came to nothing because of us, a gateway is left alone."""
REST = timedelta(minutes=50)
"""How long: the rest of this round, so that the next, an hour later, tries it again."""
_SERVICE, _CHOICE, _ACCOUNT = db.table(tables.Service), db.table(tables.RenewalChoice), db.table(tables.Account)
_SEEN = (
    select(_SERVICE.c.method_id, _CHOICE.c.service_id.label("chosen_for"), _CHOICE.c.method_id.label("chosen_id"))
    .join(
        _CHOICE,
        and_(_CHOICE.c.service_id == _SERVICE.c.id, _CHOICE.c.expires_on == _SERVICE.c.expires_on),
        isouter=True,
    )
    .where(_SERVICE.c.id == bindparam("key"))
)
"""A service's method, and what its owner has decided for this debit alone."""
_OWNER = select(_ACCOUNT.c.holder, _ACCOUNT.c.lang).where(_ACCOUNT.c.id == bindparam("key"))
_KNOWN = (
    select(tables.Renewal)
    .where(tables.Renewal.service_id == bindparam("key"), tables.Renewal.expires_on == bindparam("term"))
    .execution_options(populate_existing=True)
)
_TAKEN = ("uq_renewal_term", "renewal.service_id", "uq_attempt_open", "payment_attempt.order_id")
"""How the engines name the unique keys that only one process can have."""


@dataclass
class Pace:
    """How many debits run at once in this process, how many a second each gateway is asked for, and whether at all."""

    concurrency: int = field(default_factory=lambda: settings.load().renewal_concurrency)
    per_second: int = field(default_factory=lambda: settings.load().renewals_per_second)
    _limits: dict[str, AsyncLimiter] = field(default_factory=dict)
    _failures: Counter[str] = field(default_factory=Counter)
    _rests_until: dict[str, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.turn = asyncio.Semaphore(self.concurrency)

    def limit(self, gateway: str) -> AbstractAsyncContextManager[None]:
        """Waits for its turn at a gateway; evenly spaced, so that no second holds more than the gateway allows."""
        if not self.per_second:
            return nullcontext()
        return self._limits.setdefault(gateway, AsyncLimiter(1, 1 / self.per_second))

    def rests(self, gateway: str) -> bool:
        """Whether a gateway is left alone now: what is wrong between it and us would be wrong for every other debit."""
        until = self._rests_until.get(gateway)
        return until is not None and clock.now() < until

    def note(self, gateway: str, outcome: payments.Outcome) -> bool:
        """Take note of a gateway's answer; whether it is the one too many after which the gateway is left alone."""
        if outcome.verdict is payments.Verdict.PROCESSING or self.rests(gateway):
            return False  # no answer says nothing of whose fault it is, and what was under way comes in later
        self._failures[gateway] = self._failures[gateway] + 1 if dunning.is_ours(outcome) else 0
        if self._failures[gateway] < FAILURES_IN_A_ROW:
            return False
        self._failures[gateway] = 0
        self._rests_until[gateway] = clock.now() + REST
        return True


_paces: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace() -> Pace:
    """The one pace of this event loop: several chunks at once keep to it together."""
    return _paces.setdefault(asyncio.get_running_loop(), Pace())


def keep_to(wanted: Pace) -> None:
    """Let this event loop keep to another pace than the settings'."""
    _paces[asyncio.get_running_loop()] = wanted


def plan() -> list[list[int]]:
    """The services that have to be debited today, in chunks.

    ATTIVO, from E - 7 to E, not skipped by their owner, not cancelled by them once it was taken up, and either not
    taken up yet or up for another try today.
    """
    with db.reading() as s:
        found = [] if brake.is_on(s) else list(s.exec(due(clock.today())))
    return [found[start : start + CHUNK] for start in range(0, len(found), CHUNK)]


def due(today: date) -> Any:
    """The statement that finds the services of `plan`, by their expiry."""
    service, renewal, order = tables.Service, tables.Renewal, tables.Order
    choice = tables.RenewalChoice
    term = and_(col(renewal.service_id) == service.id, col(renewal.expires_on) == service.expires_on)
    this_time = and_(col(choice.service_id) == service.id, col(choice.expires_on) == service.expires_on)
    until = today + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)
    another = aliased(renewal)
    given_up = exists().where(
        col(another.service_id) == service.id,
        col(another.expires_on) == service.expires_on,
        col(another.trouble) == subscriptions.GIVEN_UP,
    )
    opened = and_(term, renewal.status == subscriptions.OPEN)
    return (
        select(col(service.id))
        .join(renewal, opened, isouter=True)
        .join(order, col(order.id) == renewal.order_id, isouter=True)
        .join(choice, this_time, isouter=True)
        .where(
            tables.LASTING,
            service.renewal == subscriptions.RENEWAL_ACTIVE,
            col(service.status).in_(subscriptions.VALID),
            col(service.expires_on).between(today, until),
            or_(col(choice.service_id).is_(None), col(choice.method_id).is_not(None)),
            or_(col(order.id).is_(None), order.status == orders.Status.AWAITING_PAYMENT),
            or_(col(order.id).is_(None), renewal.debits == 0, col(renewal.next_debit_on) <= today),
            ~given_up,
        )
        .order_by(col(service.expires_on), col(service.id))
    )


async def run(service_ids: Sequence[int], at: Pace | None = None) -> int:
    """Debit these services, those that are still due; how many charges were asked for.

    Safe to repeat, and to run on several processes at once. One that fails leaves the others alone.
    """
    at = at or pace()

    async def one(service_id: int) -> bool:
        async with at.turn:
            try:
                return await _debit(service_id, at)
            except Exception:  # the next round finds it again
                log.exception("the debit of service %s failed", service_id)
                return False

    return sum(await asyncio.gather(*map(one, service_ids)))


async def _debit(service_id: int, at: Pace) -> bool:
    try:
        request = await db.shared(lambda s: _record(s, service_id, clock.today(), at))
    except IntegrityError as clash:
        if not any(key in str(clash.orig) for key in _TAKEN):
            raise
        return False  # another process was quicker to take it up
    if request is None:
        return False
    failpoint.reach("debit_recorded")
    async with at.limit(request.gateway):
        asked = not at.rests(request.gateway) and not (at.per_second and await db.run(_is_held, request.order_id))
        outcome = await charges.make(request.gateway, request.charge) if asked else charges.withheld(request.charge)
        too_many = asked and at.note(request.gateway, outcome)
    failpoint.reach("debited")
    await settlement.apply(outcome)
    if too_many:
        await db.run(_tell_of_rest, request.gateway)
    if outcome.reason is payments.Reason.REVOKED:
        await methods.check(request.gateway, request.charge.token)  # as a removal: renewals off, M12
    return asked


def _is_held(order_id: int) -> bool:
    """Whether the staff has held a debit back while it waited for its turn at the gateway."""
    with db.reading() as s:
        return brake.stops(s, order_id)


def _tell_of_rest(gateway: str) -> None:
    log.warning("%s debits in a row failed at the gateway %s because of us: it rests", FAILURES_IN_A_ROW, gateway)
    with db.transaction() as s:
        alerts.tell_staff(s, "gateway_rests", f"{gateway}:{clock.today()}", gateway=gateway)


@dataclass(frozen=True)
class _Debit:
    order_id: int
    gateway: str
    charge: base.Charge


def _record(s: Session, service_id: int, today: date, at: Pace) -> _Debit | None:
    """Take a service up: its order, new or adopted, and an attempt; None when nothing is to be charged now."""
    seen = db.core(s).execute(_SEEN, {"key": service_id}).one()
    chosen = seen.chosen_for is not None
    method_id = seen.chosen_id if chosen else seen.method_id
    method = methods.hold(s, method_id) if method_id else None  # a method is held before a service
    service = subscriptions.hold(s, service_id)
    changed = not chosen and service.method_id != method_id
    skipped = chosen and method_id is None
    if changed or skipped or not _may_be_debited(service, today):
        return None  # changed in this very moment, or by another process: the next round sees it
    if brake.holds(s, service_id, service.expires_on or today):
        return None
    if method is not None and not _can_be_asked(s, service, method.gateway, at):
        return None
    taken_up = _take_up(s, service, today)
    if taken_up is None:
        return None
    renewal, order = taken_up
    if renewal.remedy == payments.Remedy.OURS and _was_just_tried(s, order, method_id):
        return None
    renewal.debits += 1
    renewal.next_debit_on = None
    s.add(renewal)
    if order.gross_cents == 0:
        s.flush()
        settlement.register_free(s, order.id or 0, RENEWAL)
        return None
    why = _obstacle(s, service, order, method, today)
    if method is None or why:
        s.flush()
        dunning.held_back(s, order, renewal, why, method_id)
        return None
    attempt = attempts.record(s, order, means.Choice(method.gateway, method), RENEWAL)
    s.flush()
    return _Debit(attempt.order_id, attempt.gateway, charges.request(attempt, order))


def _can_be_asked(s: Session, service: tables.Service, gateway: str, at: Pace) -> bool:
    """Whether there is a gateway for a debit now.

    While it rests only those are taken up that have no later round, so that their owners hear of it.
    """
    if gateway not in registry.gateways():
        if alerts.gateway_missing(s, gateway, "debits"):
            log.warning("debits wait for the gateway %s, which is not configured", gateway)
        return False
    expires_on = service.expires_on or clock.today()
    return not at.rests(gateway) or days.retry_of_ours(expires_on, clock.now()) is None


def _was_just_tried(s: Session, order: tables.Order, method_id: int | None) -> bool:
    """Whether what failed because of us was tried on this method since the last of the hourly rounds."""
    attempt = tables.PaymentAttempt
    tried = select(attempt.id).where(
        attempt.order_id == order.id, attempt.method_id == method_id, col(attempt.created_at) > clock.now() - REST
    )
    return s.exec(tried.limit(1)).first() is not None


def _may_be_debited(service: tables.Service, today: date) -> bool:
    """The part of `plan` that the service itself says."""
    on = service.renewal == subscriptions.RENEWAL_ACTIVE and service.status in subscriptions.VALID
    return on and service.expires_on is not None and renewals.is_due(service.expires_on, today)


def _take_up(s: Session, service: tables.Service, today: date) -> tuple[tables.Renewal, tables.Order] | None:
    """The order for the coming term: the one that is there (9.30), or a new one at today's list.

    None when it must not be debited now: given up by its owner, being paid, not up for another try today, or not sold
    any more, so that there is nothing to renew it with (told at E - 60, 9.40).
    """
    order = tables.Order
    known = s.exec(_KNOWN, params={"key": service.id, "term": service.expires_on}).all()
    if any(one.trouble == subscriptions.GIVEN_UP or one.status == subscriptions.DONE for one in known):
        return None
    there = next((one for one in known if one.status == subscriptions.OPEN), None)
    if there is None:
        price_list = catalog.current(s).price_list
        sold = price_list.product(service.product_code).sellable
        return _order(s, service, price_list) if sold else None
    # who holds the order pays or cancels it in this moment, and is not waited for
    wanted = db.unclaimed(select(order).where(order.id == there.order_id))
    found = s.exec(wanted.execution_options(populate_existing=True)).one_or_none()
    tried = there.debits > 0 and (there.next_debit_on is None or there.next_debit_on > today)
    if tried or found is None or found.status != orders.Status.AWAITING_PAYMENT:
        return None
    return there, found


def _order(s: Session, service: tables.Service, price_list: rules.PriceList) -> tuple[tables.Renewal, tables.Order]:
    """A new order at today's list."""
    owner = db.core(s).execute(_OWNER, {"key": service.account_id}).one()
    product = price_list.product(service.product_code)
    cart = renewal_costs.cart(price_list, service, renewal_costs.addons(s, [service]))
    totals, holder, lang = renewal_orders.totals_of(price_list, cart), owner.holder, owner.lang
    order, renewal = renewal_orders.register(
        s, service, product, cart, totals, holder, lang, automatic=True, gateway=""
    )
    registration.add_lines(s, order.id, price_list, quotes.renewal_lines(price_list, cart, on=clock.today()))
    return renewal, order


def _obstacle(
    s: Session, service: tables.Service, order: tables.Order, method: tables.PaymentMethod | None, today: date
) -> str:
    """Why the debit must not even be tried; empty when it may. An expired card is tried: banks update cards (9.47)."""
    doubt = renewals.doubt(order.gross_cents, today, methods.as_means(method) if method else None)
    if doubt is not None and doubt is not renewals.Doubt.CARD_ENDS:
        return doubt.value
    expires_on = service.expires_on or today
    changed = service.renewal_changed_at
    just_confirmed = changed is not None and calendar.rome_date(changed) >= renewals.stop_by(expires_on)
    if just_confirmed or not facts.holder(order.holder).consumer:
        return ""
    return dunning.untold(s, service.id or 0, expires_on, order.gross_cents)
