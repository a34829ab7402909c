"""Payments on a kept method: the attempt is recorded, the gateway asked to charge, its answer settled.

The customer is present: the bank may want them to confirm, on a page of its own.
"""

import logging
from datetime import timedelta

from pecapp import clock, db, errors, settings, tables
from pecapp.domain import payments as rules
from pecapp.gateways import base, registry
from pecapp.services import failpoint, settlement

log = logging.getLogger(__name__)

REPEATABLE = timedelta(hours=3)
"""How long the gateways certainly know a key: repeating a call with it cannot charge twice."""


async def take(attempt: tables.PaymentAttempt) -> str:
    """Charge the kept method of a recorded attempt; gives the page where the customer has to confirm, or nothing.

    Raises Unavailable when the gateway refused to try (the order is payable again then). No answer leaves the outcome
    unknown: reconciliation asks on. Safe to repeat: the gateway knows the attempt's key.
    """
    gateway = registry.get(attempt.gateway)
    request = await db.run(_request, attempt.id)
    if request is None:
        await settlement.apply(_said(attempt, rules.Verdict.DECLINED, rules.Reason.REVOKED), witnessed=True)
        return ""
    try:
        outcome = await gateway.charge(request)
    except base.OutcomeUnknown as problem:
        log.warning("gateway %s did not answer to a charge for attempt %s: %s", attempt.gateway, attempt.id, problem)
        await settlement.apply(_said(attempt, rules.Verdict.PROCESSING))
        return ""
    except base.GatewayError as problem:
        log.warning("gateway %s refused a charge for attempt %s: %s", attempt.gateway, attempt.id, problem)
        await settlement.apply(_said(attempt, rules.Verdict.CANCELLED, rules.Reason.TECHNICAL), witnessed=True)
        raise errors.Unavailable("PAG_NON_DISPONIBILE") from problem
    failpoint.reach("charged")
    await settlement.apply(outcome, witnessed=True)
    return outcome.again_url if outcome.verdict is rules.Verdict.WAITING else ""


async def find_out(attempt: tables.PaymentAttempt) -> bool:
    """What came of a charge whose answer was never heard; False when it cannot be told now.

    The gateway is searched for it first. One that never arrived, or that a gateway cannot search, is asked for again
    with the same key as long as that is certainly known there: it cannot charge twice. After that, one that never
    arrived has ended; any other is a person's to look at.
    """
    try:
        outcome = await registry.get(attempt.gateway).look_up(await db.run(_reference, attempt.id))
    except base.OutcomeUnknown as problem:
        log.warning("gateway %s did not answer for attempt %s: %s", attempt.gateway, attempt.id, problem)
        return False
    except base.GatewayError as problem:
        outcome = await _again(attempt, never_arrived=isinstance(problem, base.NotThere))
    if outcome is not None:
        await settlement.apply(outcome)
    return outcome is not None


async def _again(attempt: tables.PaymentAttempt, *, never_arrived: bool) -> rules.Outcome | None:
    """The answer to the same call, made again; the end of what never arrived; None when neither can be told."""
    request = await db.run(_request, attempt.id)
    if request is not None and attempt.created_at + REPEATABLE > clock.now():
        try:
            return await registry.get(attempt.gateway).charge(request)
        except base.GatewayError as problem:  # a no to this call says nothing of the one before
            log.warning("gateway %s refused a charge for attempt %s: %s", attempt.gateway, attempt.id, problem)
            return None
    return _said(attempt, rules.Verdict.CANCELLED, rules.Reason.TECHNICAL) if never_arrived else None


def _request(attempt_id: str) -> base.Charge | None:
    """The same content whenever it is made; None when the method is gone."""
    public = settings.load().public_url
    with db.reading() as s:
        attempt = s.get_one(tables.PaymentAttempt, attempt_id)
        order = s.get_one(tables.Order, attempt.order_id)
        method = s.get_one(tables.PaymentMethod, attempt.method_id)
        if not method.token:
            return None
        return base.Charge(
            attempt_id=attempt.id,
            order_number=order.number,
            attempt_number=attempt.number,
            description=f"{settings.load().brand_name} {order.number}",
            amount_cents=attempt.amount_cents,
            currency=attempt.currency,
            token=method.token,
            customer_ref=method.customer_ref,
            idempotency_key=attempt.idempotency_key,
            lang=order.lang,
            return_url=f"{public}/ritorno/{attempt.gateway}",
            cancel_url=f"{public}/annullato/{attempt.gateway}/{attempt.id}",
        )


def _reference(attempt_id: str) -> base.Reference:
    with db.reading() as s:
        attempt = s.get_one(tables.PaymentAttempt, attempt_id)
        method = s.get_one(tables.PaymentMethod, attempt.method_id)
        return base.Reference(attempt.id, attempt.gateway_ref or "", customer_ref=method.customer_ref)


def _said(attempt: tables.PaymentAttempt, verdict: rules.Verdict, reason: rules.Reason | None = None) -> rules.Outcome:
    """What we know without the gateway's word."""
    return rules.Outcome(
        attempt_id=attempt.id,
        verdict=verdict,
        amount_cents=attempt.amount_cents,
        currency=attempt.currency,
        reason=reason,
    )
