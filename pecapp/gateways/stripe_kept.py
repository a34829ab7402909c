"""Cards that Stripe keeps for later: saved without a payment, charged while their owner is away, detached."""

import logging
import re
from typing import Any

import stripe
from stripe.params import PaymentIntentCreateParams
from stripe.params.checkout import SessionCreateParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_bodies, stripe_codes, stripe_events
from pecapp.gateways.stripe_calls import ask, has_code

_EXPANDED = ["latest_charge", "payment_method"]
_METHOD = re.compile(r"[a-z]+_\w{1,250}", re.ASCII)
_GONE = ("resource_missing", "payment_method_unexpected_state")
"""What Stripe says of a card that never was, and of one that was detached."""

# At the level below, httpx logs every address that it asks for, and the address of a kept card is its token.
logging.getLogger("httpx").setLevel(logging.WARNING)


async def charge(v1: stripe.V1Services, request: base.Charge) -> payments.Outcome:
    """A merchant-initiated payment. A refusal of the bank is an outcome, DECLINED with its reason."""
    metadata = {"app": stripe_events.APP, "order": request.order_number, "attempt": request.attempt_id}
    params: PaymentIntentCreateParams = {
        "amount": request.amount_cents,
        "currency": request.currency,
        "customer": request.customer_ref,
        "payment_method": request.token,
        "confirm": True,
        "off_session": True,
        "allowed_payment_method_types": ["card"],
        "description": request.description,
        "metadata": metadata,
        "expand": _EXPANDED,
    }
    try:
        create = v1.payment_intents.create_async(params, {"idempotency_key": request.idempotency_key})
        intent = await ask("charge", create)
    except base.OutcomeUnknown:
        raise
    except base.GatewayError as refusal:
        if not isinstance(refusal.__cause__, stripe.CardError):
            if any(has_code(refusal.__cause__, code) for code in _GONE):
                return _ended(request, payments.Verdict.DECLINED, "", payments.Reason.REVOKED)
            raise
        error = _plain(refusal.__cause__.error)
        intent_id = str(_plain(error.get("payment_intent")).get("id") or "")
        return _ended(request, payments.Verdict.DECLINED, intent_id, stripe_codes.reason(error))
    return _said(request, intent.to_dict())


def _said(request: base.Charge, intent: dict[str, Any]) -> payments.Outcome:
    verdict = {
        "succeeded": payments.Verdict.SUCCEEDED,
        "requires_action": payments.Verdict.DECLINED,
        "requires_payment_method": payments.Verdict.DECLINED,
        "canceled": payments.Verdict.DECLINED,
    }.get(intent["status"], payments.Verdict.PROCESSING)
    reason = payments.Reason.AUTHENTICATION if verdict is payments.Verdict.DECLINED else None
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=verdict,
        amount_cents=intent["amount"],
        currency=intent["currency"],
        payment_ref=intent["id"],
        reason=reason,
        card=stripe_bodies.card(intent, {}),
    )


def _ended(
    request: base.Charge, verdict: payments.Verdict, intent_id: str, reason: payments.Reason
) -> payments.Outcome:
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=verdict,
        amount_cents=request.amount_cents,
        currency=request.currency,
        payment_ref=intent_id,
        reason=reason,
    )


def _plain(value: Any) -> dict[str, Any]:
    return value.to_dict() if isinstance(value, stripe.StripeObject) else {}


async def start_saving(v1: stripe.V1Services, request: base.Save) -> base.Started:
    """A hosted page that takes a card and no money."""
    metadata = {"app": stripe_events.APP, "saving": request.saving_id}
    params: SessionCreateParams = {
        "mode": "setup",
        "ui_mode": "hosted_page",
        "currency": "eur",
        "locale": "en" if request.lang == "en" else "it",
        "client_reference_id": request.saving_id,
        "success_url": stripe_bodies.with_session(request.return_url),
        "cancel_url": request.cancel_url,
        "allowed_payment_method_types": ["card"],
        "metadata": metadata,
        "setup_intent_data": {"description": request.description, "metadata": metadata},
    }
    if request.customer_ref:
        params["customer"] = request.customer_ref
    else:
        params["customer_email"] = request.email
        params["customer_creation"] = "always"
    create = v1.checkout.sessions.create_async(params, {"idempotency_key": request.idempotency_key})
    session = await ask("start saving", create)
    if not session.url:
        raise base.OutcomeUnknown("start saving: the session is there and no longer open")
    return base.Started(session.id, session.url)


async def finish_saving(v1: stripe.V1Services, saving_ref: str) -> base.Kept:
    """How the saving stands. Changes nothing."""
    retrieve = v1.checkout.sessions.retrieve_async(saving_ref, {"expand": ["setup_intent.payment_method"]})
    session = (await ask("saving", retrieve)).to_dict()
    if session["mode"] != "setup" or (session.get("metadata") or {}).get("app") != stripe_events.APP:
        raise base.GatewayError("saving: the session keeps no card of ours")
    card = stripe_bodies.card(session.get("setup_intent") or {}, {})
    if session["status"] == "complete" and card and card.token:
        return base.Kept(saving_ref, "saved", card=card)
    return base.Kept(saving_ref, "failed" if session["status"] == "expired" else "waiting")


async def is_kept(v1: stripe.V1Services, token: str) -> bool:
    """Whether a customer of ours still has the card."""
    try:
        method = await ask("kept card", v1.payment_methods.retrieve_async(_checked(token)))
    except base.GatewayError as refusal:
        if has_code(refusal.__cause__, "resource_missing"):
            return False
        raise
    return bool(method.customer)


async def forget(v1: stripe.V1Services, token: str) -> None:
    """Detach the card, unless it is detached or gone already."""
    if await is_kept(v1, token):
        await ask("forget", v1.payment_methods.detach_async(token))


def _checked(token: str) -> str:
    """`token`, which becomes part of an address. Raises GatewayError when Stripe has no such names."""
    if not _METHOD.fullmatch(token):
        raise base.GatewayError("kept card: not the name of a card")
    return token
