"""Paying an order: record the attempt, call the gateway, settle what it says.

No transaction is open while a gateway is called, and the row is committed before the call, so that a crash anywhere
leaves something that reconciliation can finish.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam
from sqlalchemy import select as core_select
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, settings, tables
from pecapp.domain import orders
from pecapp.domain import payments as rules
from pecapp.gateways import base, registry
from pecapp.services import access, captures, charges, failpoint, lifecycle, live, means, methods, settlement

log = logging.getLogger(__name__)

_REFERENCE = re.compile(r"[A-Za-z0-9_-]{1,255}")

_ATTEMPT = settlement.ATTEMPT
_EARLIER = (
    core_select(
        _ATTEMPT.c.number,
        _ATTEMPT.c.gateway,
        _ATTEMPT.c.charged_customer,
        _ATTEMPT.c.status,
        _ATTEMPT.c.method_id,
        _ATTEMPT.c.gateway_ref,
    )
    .where(_ATTEMPT.c.order_id == bindparam("key"))
    .order_by(_ATTEMPT.c.number.desc())
)
"""The attempts to pay an order so far, the last one first."""
QUICK = settlement.QUICK
PAGE_LIFETIME = timedelta(minutes=35)
"""How long the gateway's page can be used; Stripe allows no less than 30 minutes, and clocks differ."""


async def pay(actor: access.Actor, number: str, chosen: str, channel: str = "order") -> str:
    """Pay the customer's order with a gateway (`stripe`) or a kept method (`m12`); the address where to go on.

    Pressing twice, or in two tabs, leads to the same page. A kept method is charged at once: the address is then the
    bank's, when it wants a confirmation, or empty. Raises NotFound, Conflict when the order is not payable or
    another payment is open, Unavailable when the gateway does not answer (the order is payable again then).
    """
    return await _pay(number, chosen, channel, account_id=access.require(actor))


@dataclass(frozen=True)
class Opened:
    """A payment that was opened: the address where to go on, empty when there is nothing left to confirm."""

    attempt_id: str
    number: str
    url: str


async def pay_for(account_id: int, number: str, chosen: str, channel: str) -> Opened:
    """As `pay`, for whoever holds a link that opens this payment of an account's order without signing in."""
    url = await _pay(number, chosen, channel, account_id=account_id)
    attempt_id = await db.run(_latest, number)
    return Opened(attempt_id, number, url)


def _latest(number: str) -> str:
    with db.reading() as s:
        attempt, order = tables.PaymentAttempt, tables.Order
        wanted = select(attempt.id).join(order, col(order.id) == attempt.order_id).where(order.number == number)
        return s.exec(wanted.order_by(col(attempt.number).desc()).limit(1)).one()


async def quick_pay(number: str, gateway_name: str) -> str:
    """As `pay`, for whoever knows the order's number: never saves the method, never touches automatic renewal."""
    return await _pay(number, gateway_name, QUICK, account_id=None)


async def resume(actor: access.Actor, number: str) -> str:
    """The address of the gateway's page that is still open for the customer's order. Raises Conflict when none is."""
    attempt = await db.run(_open_attempt, number, access.require(actor))
    if attempt is None or _undecided(attempt) or attempt.expires_at <= clock.now():
        raise errors.Conflict("PAG_NON_RIPRENDIBILE")
    if attempt.redirect_url:
        return attempt.redirect_url
    return await _pay(number, attempt.gateway, attempt.channel, account_id=access.require(actor))


async def stop(actor: access.Actor, number: str) -> None:
    """Give up the open attempt of the customer's order, unless it is already paid or being decided by the bank."""
    attempt = await db.run(_open_attempt, number, access.require(actor))
    if attempt is None:
        return
    if _undecided(attempt):
        raise errors.Conflict("PAG_IN_CORSO")
    await close(attempt, witnessed=True)


@dataclass(frozen=True)
class Returned:
    """A browser that came back: for which attempt, and where it has to go on if the gateway wants more of it."""

    attempt_id: str
    again_url: str = ""


async def returned(gateway_name: str, query: Mapping[str, str]) -> Returned:
    """The browser is back from the gateway: ask the gateway what happened, take what was approved, and settle it.

    Nothing in the query is believed: it only says which attempt to ask for. Raises NotFound.
    """
    name = registry.get(gateway_name).returned_ref(query)
    if not _REFERENCE.fullmatch(name):
        raise errors.NotFound
    attempt = await db.run(_note_return, gateway_name, name)
    if attempt.status == rules.Status.SUCCEEDED and attempt.next_check_at is None:
        return Returned(attempt.id)  # all is known: the address can be opened as often as one likes
    answered = attempt.captures - (attempt.capture_asked_at is not None)  # a notification may have asked just before
    await check(attempt, witnessed=True)
    after = await db.run(_attempt, attempt.id)
    refused = after.captures > answered and after.status == rules.Status.REDIRECTED and after.reason is not None
    return Returned(attempt.id, after.redirect_url if refused else "")


async def gave_up(attempt_id: str) -> tables.PaymentAttempt:
    """The customer pressed «Annulla» on the gateway's page: see to it that it cannot be paid any more."""
    attempt = await db.run(_attempt, attempt_id)
    if attempt.status in {rules.Status.CREATED, rules.Status.REDIRECTED} and not _undecided(attempt):
        await close(attempt, witnessed=True)
    return attempt


async def check(
    attempt: tables.PaymentAttempt,
    *,
    witnessed: bool = False,
    hinted: bool = False,
    method_ref: str = "",
    named: str = "",
) -> bool:
    """Ask the gateway for the outcome and settle it; False, and nothing changed, when the gateway gave no answer.

    Money that the customer has approved is taken, if the order still wants it; after a refused source of funds only
    when there is a sign that the customer chose another (`witnessed`, or `hinted` by a notification). `method_ref` is
    the kept method that the notification names, `named` the gateway's name for the payment that it gives.
    """
    if attempt.method_id and not attempt.gateway_ref:
        return await charges.find_out(attempt, named)
    try:
        outcome = await registry.get(attempt.gateway).look_up(replace(_reference(attempt), method_ref=method_ref))
    except base.GatewayError as problem:
        log.warning("gateway %s did not answer for attempt %s: %s", attempt.gateway, attempt.id, problem)
        return False
    failpoint.reach("outcome_asked")
    if outcome.verdict is rules.Verdict.APPROVED:
        return await captures.take(
            attempt, _reference(attempt), outcome, witnessed=witnessed, again=witnessed or hinted
        )
    await settlement.apply(outcome, witnessed=witnessed)
    return True


def _undecided(attempt: tables.PaymentAttempt) -> bool:
    """Whether the money may be moving at this moment."""
    being_charged = attempt.method_id is not None and not attempt.gateway_ref
    return attempt.status == rules.Status.UNKNOWN or attempt.capture_asked_at is not None or being_charged


async def close(attempt: tables.PaymentAttempt, *, witnessed: bool = False, overdue: bool = False) -> None:
    """End an open attempt at the gateway first and here only as the gateway says. Raises Unavailable.

    An approval that the customer gives up is never captured; one whose customer only closed the page (`overdue`) is.
    """
    if not attempt.gateway_ref:
        attempt = await db.run(_end_unopened, attempt.id)
        if not attempt.redirect_url:
            return
    if witnessed:  # the gateway's notification of the end may be here before its answer
        await db.run(_note_end, attempt.id)
    try:
        outcome = await registry.get(attempt.gateway).close(_reference(attempt))
    except base.GatewayError as problem:
        raise errors.Unavailable("PAG_NON_DISPONIBILE") from problem
    failpoint.reach("page_closed")
    if outcome.verdict is rules.Verdict.APPROVED:
        if overdue and await captures.take(attempt, _reference(attempt), outcome, witnessed=witnessed, again=False):
            attempt = await db.run(_attempt, attempt.id)
        if attempt.status not in rules.OPEN or _undecided(attempt):
            return
        outcome = replace(outcome, verdict=rules.Verdict.CANCELLED)
    await settlement.apply(outcome, witnessed=witnessed)


async def _pay(number: str, chosen: str, channel: str, account_id: int | None) -> str:
    stale = await db.run(_open_attempt, number, account_id)
    if stale is not None and stale.expires_at <= clock.now() and not _undecided(stale):
        await close(stale)
    attempt, request = await db.run(_open, number, chosen, channel, account_id)
    failpoint.reach("attempt_recorded")
    if attempt.redirect_url:
        return attempt.redirect_url
    if attempt.method_id:
        return await charges.take(attempt)
    try:
        started = await registry.get(attempt.gateway).start(request)
    except base.GatewayError as problem:
        attempt = await db.run(_end_unopened, attempt.id)
        if attempt.redirect_url:
            return attempt.redirect_url  # another press of the button got through
        raise errors.Unavailable("PAG_NON_DISPONIBILE") from problem
    failpoint.reach("gateway_called")
    await db.run(_redirected, attempt.id, started)
    failpoint.reach("reference_stored")
    return started.url


def _open(number: str, chosen: str, channel: str, account_id: int | None) -> tuple[tables.PaymentAttempt, base.Start]:
    with db.transaction() as s:
        db.settling(s)
        order = _payable(s, number, account_id)
        choice = means.resolve(s, account_id or 0, chosen)
        attempt = _current(s, order.id or 0)
        if attempt is not None and (_undecided(attempt) or not _same(attempt, choice, channel)):
            raise errors.Conflict("PAG_IN_CORSO")
        if attempt is None:
            if order.status in orders.PAYABLE and order.payable_until_at <= clock.now():
                raise errors.Conflict("ORD_NON_PAGABILE")
            if not orders.allows(orders.Status(order.status), orders.Signal.ATTEMPT_OPENED):
                raise errors.Conflict("ORD_GIA_PAGATO" if order.status in orders.PAID else "ORD_NON_PAGABILE")
            attempt = record(s, order, choice, channel)
        return attempt, _request(s, order, attempt)


def _same(attempt: tables.PaymentAttempt, choice: means.Choice, channel: str) -> bool:
    """Whether the open attempt is the one that is asked for; a page that keeps the payer's method is not for others."""
    asked = (choice.gateway, choice.method_id, channel == QUICK)
    return (attempt.gateway, attempt.method_id, attempt.channel == QUICK) == asked


def _payable(s: Session, number: str, account_id: int | None) -> tables.Order:
    if account_id is not None:
        return lifecycle.lock(s, number, account_id)
    order = s.exec(db.locked(select(tables.Order).where(tables.Order.number == number))).one_or_none()
    if order is None or order.status not in {orders.Status.AWAITING_PAYMENT, orders.Status.VERIFYING}:
        raise errors.NotFound("ORD_NON_PAGABILE")
    return order


def record(s: Session, order: tables.Order, choice: means.Choice, channel: str) -> Any:
    """A new attempt to pay a locked order that can be paid, before anybody is asked for money; given to be read."""
    at = clock.now()
    attempt_id = uuid4().hex
    earlier = db.core(s).execute(_EARLIER, {"key": order.id}).all()
    attempt = db.insert(
        s,
        tables.PaymentAttempt,
        id=attempt_id,
        order_id=order.id or 0,
        number=earlier[0].number + 1 if earlier else 1,
        gateway=choice.gateway,
        method_id=choice.method_id,
        charged_token=choice.method.token if choice.method else "",
        charged_customer=choice.method.customer_ref if choice.method else "",
        again_ref=_refused_before(earlier, choice.method) if choice.method else "",
        channel=channel,
        amount_cents=order.gross_cents,
        currency=order.currency,
        save_method=order.save_method and channel != QUICK and choice.method is None,
        idempotency_key=f"pay:{attempt_id}",
        created_at=at,
        expires_at=at + PAGE_LIFETIME,
        next_check_at=rules.next_check(0, at, settings.load().reconcile_delays),
    )
    lifecycle.advance(s, order.id or 0, order.status, orders.Signal.ATTEMPT_OPENED)
    live.publish(s, live.account(order.account_id))
    return attempt


def _refused_before(earlier: Sequence[Any], method: tables.PaymentMethod) -> str:
    """The gateway's name for the last refused charge of the order on a method of the same customer there."""
    same = (method.gateway, method.customer_ref, rules.Status.DECLINED)
    refused = (
        attempt.gateway_ref or ""
        for attempt in earlier
        if (attempt.gateway, attempt.charged_customer, attempt.status) == same and attempt.method_id is not None
    )
    return next(refused, "")


def _request(s: Session, order: tables.Order, attempt: tables.PaymentAttempt) -> base.Start:
    public = settings.load().public_url
    return base.Start(
        attempt_id=attempt.id,
        order_number=order.number,
        attempt_number=attempt.number,
        description=f"{settings.load().brand_name} {order.number}",
        amount_cents=attempt.amount_cents,
        currency=attempt.currency,
        lang=order.lang,
        email="" if attempt.channel == QUICK else order.reference_email,
        expires_at=attempt.expires_at,
        return_url=f"{public}/ritorno/{attempt.gateway}",
        cancel_url=f"{public}/annullato/{attempt.gateway}/{attempt.id}",
        idempotency_key=attempt.idempotency_key,
        save=attempt.save_method,
        customer_ref=methods.customer_ref(s, order.account_id, attempt.gateway) if attempt.save_method else "",
    )


def _redirected(attempt_id: str, started: base.Started) -> None:
    """Store the page, and that the customer has it. Raises Unavailable when the attempt was ended meanwhile."""
    with db.transaction() as s:
        attempt = settlement.hold(s, attempt_id)
        if attempt.status in rules.FAILED:
            raise errors.Unavailable("PAG_NON_DISPONIBILE")
        attempt.redirect_url, attempt.gateway_ref = started.url, started.gateway_ref
        s.add(attempt)
        s.flush()
        settlement.settle(s, _said(attempt, rules.Verdict.WAITING))


def _note_end(attempt_id: str) -> None:
    with db.transaction() as s:
        settlement.hold(s, attempt_id).given_up_at = clock.now()


def _end_unopened(attempt_id: str) -> tables.PaymentAttempt:
    """End an attempt of which nobody has the gateway's page, so that it cannot be paid; one with a page stays."""
    with db.transaction() as s:
        attempt = settlement.hold(s, attempt_id)
        if not attempt.redirect_url:
            settlement.settle(s, _said(attempt, rules.Verdict.CANCELLED, rules.Reason.TECHNICAL), witnessed=True)
        return attempt


def _said(attempt: tables.PaymentAttempt, verdict: rules.Verdict, reason: rules.Reason | None = None) -> rules.Outcome:
    """What we know without asking the gateway."""
    return rules.Outcome(
        attempt_id=attempt.id,
        verdict=verdict,
        amount_cents=attempt.amount_cents,
        currency=attempt.currency,
        gateway_ref=attempt.gateway_ref or "",
        reason=reason,
    )


def _reference(attempt: tables.PaymentAttempt) -> base.Reference:
    return base.Reference(attempt.id, attempt.gateway_ref or "", attempt.payment_ref or "")


def _current(s: Session, order_id: int) -> tables.PaymentAttempt | None:
    return s.exec(
        select(tables.PaymentAttempt).where(
            tables.PaymentAttempt.order_id == order_id, col(tables.PaymentAttempt.status).in_(rules.OPEN)
        )
    ).one_or_none()


def _open_attempt(number: str, account_id: int | None) -> tables.PaymentAttempt | None:
    with db.reading() as s:
        query = select(tables.Order.id).where(tables.Order.number == number)
        if account_id is not None:
            query = query.where(tables.Order.account_id == account_id)
        order_id = s.exec(query).one_or_none()
        return _current(s, order_id) if order_id is not None else None


def _attempt(attempt_id: str) -> tables.PaymentAttempt:
    with db.reading() as s:
        attempt = s.get(tables.PaymentAttempt, attempt_id)
    if attempt is None:
        raise errors.NotFound
    return attempt


async def number_for(actor: access.Actor, attempt_id: str) -> str | None:
    """Number of the order of an attempt if it is the actor's own order, else None."""
    if not actor.signed_in:
        return None
    return await db.run(_number_for, access.require(actor), attempt_id)


def _number_for(account_id: int, attempt_id: str) -> str | None:
    with db.reading() as s:
        return s.exec(
            select(tables.Order.number)
            .join(tables.PaymentAttempt, col(tables.PaymentAttempt.order_id) == col(tables.Order.id))
            .where(tables.PaymentAttempt.id == attempt_id, tables.Order.account_id == account_id)
        ).one_or_none()


def _note_return(gateway_name: str, gateway_ref: str) -> tables.PaymentAttempt:
    with db.transaction() as s:
        attempt = s.exec(
            select(tables.PaymentAttempt).where(
                tables.PaymentAttempt.gateway == gateway_name, tables.PaymentAttempt.gateway_ref == gateway_ref
            )
        ).one_or_none()
        if attempt is None:
            raise errors.NotFound
        if attempt.returned_at is None:
            attempt.returned_at = clock.now()
            s.add(attempt)
    return attempt
