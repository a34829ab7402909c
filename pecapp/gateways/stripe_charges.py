"""Charges of kept cards at Stripe: with their owner there, who may have to confirm at the bank, or away."""

import re
from typing import Any, NotRequired, TypedDict

import stripe
from stripe.params import PaymentIntentConfirmParams, PaymentIntentCreateParams, PaymentIntentListParams

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


class _Presence(TypedDict):
    off_session: bool
    return_url: NotRequired[str]
    payment_method_options: NotRequired[Any]


def is_name(name: str) -> bool:
    """Whether Stripe gives such names to charges."""
    return bool(_INTENT.fullmatch(name))


async def charge(v1: stripe.V1Services, request: base.Charge) -> payments.Outcome:
    """Take money from a kept card. A refusal of the bank is an outcome, DECLINED with its reason and its remedy.

    With `again_ref` the payment that was refused is tried again, under the name of the new attempt. One that has ended
    in the meantime, or is in progress, is told as it is; one that is gone, was cancelled, or is another sum or another
    customer's makes way for a new payment.
    """
    if not request.again_ref:
        return await _first(v1, request, request.idempotency_key)
    old = await _earlier(v1, request)
    if old is None:
        return await _first(v1, request, f"{request.idempotency_key}:new")
    if old["status"] not in _OPEN:
        return stripe_bodies.charged(old)
    return await _again(v1, request, old)


async def _first(v1: stripe.V1Services, request: base.Charge, key: str) -> payments.Outcome:
    """A payment of its own.

    An answer that Stripe only repeats, its own failures included, is as old as the first call; what came of a failure
    is looked up.
    """
    try:
        intent = await ask("charge", v1.payment_intents.create_async(_params(request), {"idempotency_key": key}))
    except base.OutcomeUnknown as problem:
        if not is_repeated(problem.__cause__):
            raise
        return await look_up(v1, await find(v1, request.attempt_id, request.customer_ref))
    except base.GatewayError as refusal:
        return _refused(request, refusal)
    return _made(request, intent)


async def _earlier(v1: stripe.V1Services, request: base.Charge) -> dict[str, Any] | None:
    """The payment of `again_ref`; None when it cannot become this charge, nor was it made for the same attempt."""
    if not is_name(request.again_ref):
        raise base.GatewayError("charge: not the name of a charge")
    try:
        old = await _read(v1, request.again_ref)
    except base.GatewayError as refusal:
        if has_code(refusal.__cause__, "resource_missing"):
            return None
        raise
    tags = _metadata(old)
    if tags.get("order") != request.order_number:
        return None
    if tags.get("attempt") == request.attempt_id or old["status"] not in _OPEN | {"canceled"}:
        return old
    wanted = (request.amount_cents, request.currency, request.customer_ref)
    fits = (old["amount"], old["currency"], old["customer"]) == wanted
    return old if fits and old["status"] in _OPEN else None


async def _again(v1: stripe.V1Services, request: base.Charge, old: dict[str, Any]) -> payments.Outcome:
    """The same payment once more: it gets the attempt's name first, so that it is found by it whatever happens.

    With the name goes what was refused before, so that nobody takes that refusal for the new attempt's.
    """
    name, key = request.again_ref, request.idempotency_key
    if _metadata(old).get("attempt") != request.attempt_id:
        tags = _tags(request) | {"refused": stripe_bodies.mark(old)}
        update = v1.payment_intents.update_async(name, {"metadata": tags}, {"idempotency_key": f"{key}:name"})
        await ask("name a charge", update)
    params: PaymentIntentConfirmParams = {"payment_method": request.token, "expand": _EXPANDED, **_presence(request)}
    try:
        intent = await ask("charge", v1.payment_intents.confirm_async(name, params, {"idempotency_key": key}))
    except base.OutcomeUnknown as problem:
        if not is_repeated(problem.__cause__):
            raise
        return await look_up(v1, name)
    except base.GatewayError as refusal:
        if has_code(refusal.__cause__, "payment_intent_unexpected_state"):
            return await look_up(v1, name)
        return _refused(request, refusal, name)
    return _made(request, intent)


def _made(request: base.Charge, intent: stripe.PaymentIntent) -> payments.Outcome:
    outcome = stripe_bodies.charged(intent.to_dict())
    if outcome.verdict is payments.Verdict.WAITING and not request.return_url:  # nobody is there to confirm
        return _ended(request, outcome.gateway_ref, payments.Reason.AUTHENTICATION, payments.Remedy.CONFIRM)
    return outcome


def _params(request: base.Charge) -> PaymentIntentCreateParams:
    return {
        "amount": request.amount_cents,
        "currency": request.currency,
        "customer": request.customer_ref,
        "payment_method": request.token,
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "description": request.description,
        "metadata": _tags(request),
        "expand": _EXPANDED,
        **_presence(request),
    }


def _tags(request: base.Charge) -> dict[str, str]:
    return {"app": stripe_events.APP, "order": request.order_number, "attempt": request.attempt_id}


def _presence(request: base.Charge) -> _Presence:
    """Whether the owner is there, who can then be sent to the bank."""
    if request.return_url:
        return {"off_session": False, "return_url": request.return_url}
    return {"off_session": True, "payment_method_options": {"card": {"stored_credential_usage": "recurring"}}}


def _refused(request: base.Charge, refusal: base.GatewayError, name: str = "") -> payments.Outcome:
    """A refusal as outcome. Raises it again when it is about something else than the card."""
    problem = refusal.__cause__
    if isinstance(problem, stripe.CardError):
        error = problem.error.to_dict() if problem.error else {}
        name = str((error.get("payment_intent") or {}).get("id") or name)
        return _ended(request, name, stripe_codes.reason(error), stripe_codes.remedy(error))
    if any(has_code(problem, code) for code in _GONE):
        return _ended(request, name, payments.Reason.REVOKED, payments.Remedy.NEVER)
    raise refusal


def _ended(request: base.Charge, name: str, reason: payments.Reason, remedy: payments.Remedy) -> payments.Outcome:
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=payments.Verdict.DECLINED,
        amount_cents=request.amount_cents,
        currency=request.currency,
        gateway_ref=name,
        payment_ref=name,
        reason=reason,
        remedy=remedy,
    )


async def look_up(v1: stripe.V1Services, name: str) -> payments.Outcome:
    """What Stripe knows of a charge now. Changes nothing.

    Raises GatewayError for one that is not ours, NotThere for one that was not tried yet for the attempt of its name.
    """
    intent = await _read(v1, name)
    if stripe_bodies.is_untried(intent):
        raise base.NotThere("look up: the charge was not tried for the attempt")
    return stripe_bodies.charged(intent)


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
