"""Payments on a kept method: the attempt is recorded, the gateway asked to charge, its answer settled.

The customer is present: the bank may want them to confirm, on a page of its own.
"""

import logging
from datetime import timedelta

from sqlmodel import select

from pecapp import clock, db, errors, settings, tables
from pecapp.domain import orders
from pecapp.domain import payments as rules
from pecapp.gateways import base, registry
from pecapp.services import brake, failpoint, settlement

log = logging.getLogger(__name__)

REPEATABLE = timedelta(hours=3)
"""How long the gateways certainly know a key: repeating a call with it cannot charge twice."""


async def take(attempt: tables.PaymentAttempt) -> str:
    """Charge the kept method of a recorded attempt; gives the page where the customer has to confirm, or nothing.

    Raises Unavailable when the gateway refused to try (the order is payable again then). No answer leaves the outcome
    unknown: reconciliation asks on. Safe to repeat: the gateway knows the attempt's key.
    """
    asked = await db.run(_request, attempt.id)
    if asked is None:
        return ""  # it has ended meanwhile: another press of the button got through
    outcome = await make(attempt.gateway, asked)
    failpoint.reach("charged")
    await settlement.apply(outcome, witnessed=outcome.verdict is not rules.Verdict.PROCESSING)
    if outcome.verdict is rules.Verdict.CANCELLED:
        raise errors.Unavailable("PAG_NON_DISPONIBILE")
    return outcome.again_url if outcome.verdict is rules.Verdict.WAITING else ""


async def make(gateway: str, request: base.Charge) -> rules.Outcome:
    """Ask a gateway to charge. No answer is PROCESSING; a gateway that will not even try is CANCELLED, TECHNICAL."""
    try:
        return await registry.get(gateway).charge(request)
    except base.OutcomeUnknown as problem:
        log.warning("gateway %s did not answer to a charge for attempt %s: %s", gateway, request.attempt_id, problem)
        return _said(request.attempt_id, request, rules.Verdict.PROCESSING)
    except base.GatewayError as problem:
        log.warning("gateway %s refused a charge for attempt %s: %s", gateway, request.attempt_id, problem)
        return withheld(request)


def withheld(request: base.Charge) -> rules.Outcome:
    """What comes of a charge that the gateway was not even asked for: as if it had refused to try."""
    return _said(request.attempt_id, request, rules.Verdict.CANCELLED, rules.Reason.TECHNICAL)


async def find_out(attempt: tables.PaymentAttempt, named: str = "") -> bool:
    """What came of a charge whose answer was never heard; False when it cannot be told now.

    The gateway is asked by the name that a notification gave it (`named`), or searched. One that never arrived, or
    that a gateway cannot search, is asked for again with the same key as long as that is certainly known there and the
    order still wants it: it cannot charge twice. After that, one that never arrived has ended; any other is a person's
    to look at.
    """
    reference = base.Reference(attempt.id, named, customer_ref=attempt.charged_customer)
    try:
        outcome = await registry.get(attempt.gateway).look_up(reference)
    except base.OutcomeUnknown as problem:
        log.warning("gateway %s did not answer for attempt %s: %s", attempt.gateway, attempt.id, problem)
        return False
    except base.GatewayError as problem:
        return await _again(attempt, never_arrived=isinstance(problem, base.NotThere))
    await settlement.apply(outcome)
    return True


async def _again(attempt: tables.PaymentAttempt, *, never_arrived: bool) -> bool:
    """Make the same call again, or end what never arrived; whether either could be done."""
    if attempt.created_at + REPEATABLE <= clock.now() or await db.run(_must_not_be_asked, attempt):
        if never_arrived:
            await settlement.apply(_said(attempt.id, attempt, rules.Verdict.CANCELLED, rules.Reason.TECHNICAL))
        return never_arrived
    asked = await db.run(_request, attempt.id)
    if asked is None:
        return True  # it has ended, and nothing is to be charged for it
    try:
        outcome = await registry.get(attempt.gateway).charge(asked)
    except base.GatewayError as problem:  # a no to this call says nothing of the one before
        log.warning("gateway %s refused a charge for attempt %s: %s", attempt.gateway, attempt.id, problem)
        return False
    await settlement.apply(outcome)
    return True


def _request(attempt_id: str) -> base.Charge | None:
    """The same content whenever it is made; None when the attempt has ended or its order wants no payment any more."""
    with db.transaction() as s:
        attempt = settlement.hold(s, attempt_id)
        order = s.exec(db.locked(select(tables.Order).where(tables.Order.id == attempt.order_id))).one()
        if attempt.status not in rules.OPEN or order.status != orders.Status.VERIFYING:
            return None
        return request(attempt, order)


def _must_not_be_asked(attempt: tables.PaymentAttempt) -> bool:
    """Whether a debit of automatic renewal must not be asked for again: after the expiry (9.34), or held back."""
    if attempt.channel != settlement.RENEWAL:
        return False
    with db.reading() as s:
        over = s.get_one(tables.Renewal, attempt.order_id).expires_on < clock.today()
        return over or brake.stops(s, attempt.order_id)


def request(attempt: tables.PaymentAttempt, order: tables.Order) -> base.Charge:
    """What the gateway is asked for; without a way back when automatic renewal asks, for nobody is there to confirm."""
    public, there = settings.load().public_url, attempt.channel != settlement.RENEWAL
    return base.Charge(
        attempt_id=attempt.id,
        order_number=order.number,
        attempt_number=attempt.number,
        description=f"{settings.load().brand_name} {order.number}",
        amount_cents=attempt.amount_cents,
        currency=attempt.currency,
        token=attempt.charged_token,
        customer_ref=attempt.charged_customer,
        idempotency_key=attempt.idempotency_key,
        lang=order.lang,
        return_url=f"{public}/ritorno/{attempt.gateway}" if there else "",
        cancel_url=f"{public}/annullato/{attempt.gateway}/{attempt.id}" if there else "",
        again_ref=attempt.again_ref,
    )


def _said(
    attempt_id: str,
    what: base.Charge | tables.PaymentAttempt,
    verdict: rules.Verdict,
    reason: rules.Reason | None = None,
) -> rules.Outcome:
    """What we know without the gateway's word."""
    return rules.Outcome(
        attempt_id=attempt_id,
        verdict=verdict,
        amount_cents=what.amount_cents,
        currency=what.currency,
        reason=reason,
    )
