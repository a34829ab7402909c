"""Cards that Stripe keeps for later: saved without a payment, read back, detached."""

import re

import stripe
from stripe.params.checkout import SessionCreateParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_bodies, stripe_events
from pecapp.gateways.stripe_calls import ask, has_code

_METHOD = re.compile(r"[a-z]+_\w{1,250}", re.ASCII)


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
    intent = session.get("setup_intent") or {}
    card = stripe_bodies.card(intent, {})
    if session["status"] == "complete" and card and card.token:
        return base.Kept(saving_ref, "saved", card=card, sca_ref=intent["id"])
    return base.Kept(saving_ref, "failed" if session["status"] == "expired" else "waiting")


async def kept(v1: stripe.V1Services, token: str) -> payments.Card | None:
    """The card as a customer of ours has it now, with the data that its bank has renewed; None when it is gone."""
    try:
        method = await ask("kept card", v1.payment_methods.retrieve_async(_checked(token)))
    except base.GatewayError as refusal:
        if has_code(refusal.__cause__, "resource_missing"):
            return None
        raise
    card = stripe_bodies.card({"payment_method": method.to_dict()}, {})
    return card if card and card.token else None


async def forget(v1: stripe.V1Services, token: str) -> None:
    """Detach the card, unless it is detached or gone already."""
    if await kept(v1, token):
        await ask("forget", v1.payment_methods.detach_async(token))


def _checked(token: str) -> str:
    """`token`, which becomes part of an address. Raises GatewayError when Stripe has no such names."""
    if not _METHOD.fullmatch(token):
        raise base.GatewayError("kept card: not the name of a card")
    return token
