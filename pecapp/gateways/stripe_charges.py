"""Charges of kept cards at Stripe: with their owner there, who may have to confirm at the bank, or away."""

import re
from typing import Any

import stripe
from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_bodies, stripe_codes, stripe_events
from pecapp.gateways.stripe_calls import PAGE_LENGTH, ask, has_code, is_repeated, search

_INTENT = re.compile(r"pi_[A-Za-z0-9]{1,250}")
"""Stricter than Stripe's other names: the secret that the browser also brings back is not one."""
_EXPANDED = ["latest_charge", "payment_method"]
_GONE = ("resource_missing", "payment_method_unexpected_state")
"""What Stripe says of a card that never was, and of one that was detached."""
_OPEN = frozenset({"requires_action", "requires_confirmation", "requires_payment_method"})
"""In these states a payment can still be made, and cancelled."""


def is_name(name: str) -> bool:
    """Whether Stripe gives such names to charges."""
    return bool(_INTENT.fullmatch(name))


async def charge(v1: stripe.V1Services, request: base.Charge) -> payments.Outcome:
    """Take money from a kept card. A refusal of the bank is an outcome, DECLINED with its reason.

    An answer that Stripe only repeats, its own failures included, is as old as the first call; what came of a failure
    is looked up.
    """
    create = v1.payment_intents.create_async(_params(request), {"idempotency_key": request.idempotency_key})
    try:
        intent = await ask("charge", create)
    except base.OutcomeUnknown as problem:
        if not is_repeated(problem.__cause__):
            raise
        return await look_up(v1, await find(v1, request.attempt_id, request.customer_ref))
    except base.GatewayError as refusal:
        return _refused(request, refusal)
    outcome = stripe_bodies.charged(intent.to_dict())
    if outcome.verdict is payments.Verdict.WAITING and not request.return_url:  # nobody is there to confirm
        return _ended(request, outcome.gateway_ref, payments.Reason.AUTHENTICATION)
    return outcome


def _params(request: base.Charge) -> PaymentIntentCreateParams:
    params: PaymentIntentCreateParams = {
        "amount": request.amount_cents,
        "currency": request.currency,
        "customer": request.customer_ref,
        "payment_method": request.token,
        "confirm": True,
        "off_session": not request.return_url,
        "allowed_payment_method_types": ["card"],
        "description": request.description,
        "metadata": {"app": stripe_events.APP, "order": request.order_number, "attempt": request.attempt_id},
        "expand": _EXPANDED,
    }
    if request.return_url:
        params["return_url"] = request.return_url
    else:
        params["payment_method_options"] = {"card": {"stored_credential_usage": "recurring"}}
    return params


def _refused(request: base.Charge, refusal: base.GatewayError) -> payments.Outcome:
    """A refusal as outcome. Raises it again when it is about something else than the card."""
    problem = refusal.__cause__
    if isinstance(problem, stripe.CardError):
        error = problem.error.to_dict() if problem.error else {}
        name = str((error.get("payment_intent") or {}).get("id") or "")
        return _ended(request, name, stripe_codes.reason(error))
    if any(has_code(problem, code) for code in _GONE):
        return _ended(request, "", payments.Reason.REVOKED)
    raise refusal


def _ended(request: base.Charge, name: str, reason: payments.Reason) -> payments.Outcome:
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=payments.Verdict.DECLINED,
        amount_cents=request.amount_cents,
        currency=request.currency,
        gateway_ref=name,
        payment_ref=name,
        reason=reason,
    )


async def look_up(v1: stripe.V1Services, name: str) -> payments.Outcome:
    """What Stripe knows of a charge now. Changes nothing. Raises GatewayError for one that is not ours."""
    return stripe_bodies.charged(await _read(v1, name))


async def close(v1: stripe.V1Services, name: str) -> payments.Outcome:
    """Cancel a charge that can still be confirmed or tried again, and say how it stands. Safe to repeat."""
    intent = await _read(v1, name)
    if intent["status"] not in _OPEN:
        return stripe_bodies.charged(intent)
    try:
        await ask("close", v1.payment_intents.cancel_async(name, {"cancellation_reason": "abandoned"}))
    except base.OutcomeUnknown:
        raise
    except base.GatewayError:
        intent = await _read(v1, name)  # Stripe cancels open ones only: this one may have ended in the meantime
        if intent["status"] in _OPEN:
            raise
        return stripe_bodies.charged(intent)
    return await look_up(v1, name)


async def find(v1: stripe.V1Services, attempt_id: str, customer: str) -> str:
    """The name of the charge that was made for an attempt. Raises NotThere when there is none.

    Raises OutcomeUnknown when the customer has too many newer ones to tell.
    """

    async def page(after: str) -> stripe.ListObject[stripe.PaymentIntent]:
        params: PaymentIntentListParams = {"customer": customer, "limit": PAGE_LENGTH}
        if after:
            params["starting_after"] = after
        return await v1.payment_intents.list_async(params)

    intent = await search(page, lambda one: _metadata(one.to_dict()).get("attempt") == attempt_id)
    if intent is None:
        raise base.NotThere("look up: Stripe has no charge for the attempt")
    return intent.id


async def _read(v1: stripe.V1Services, name: str) -> dict[str, Any]:
    intent = (await ask("look up", v1.payment_intents.retrieve_async(name, {"expand": _EXPANDED}))).to_dict()
    if _metadata(intent).get("app") != stripe_events.APP:
        raise base.GatewayError("look up: the charge is not one of ours")
    return intent


def _metadata(intent: dict[str, Any]) -> dict[str, str]:
    return intent.get("metadata") or {}
