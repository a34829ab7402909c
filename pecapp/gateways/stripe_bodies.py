"""What is written to Stripe and read from its answers: the SDK's shapes on one side, our own facts on the other."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import stripe
from stripe.params.checkout import SessionCreateParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_codes, stripe_events

_CHARGES = {
    "succeeded": payments.Verdict.SUCCEEDED,
    "requires_action": payments.Verdict.WAITING,
    "requires_payment_method": payments.Verdict.DECLINED,
    "canceled": payments.Verdict.CANCELLED,
}
_REFUND_STATUSES = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}


def session(request: base.Start) -> SessionCreateParams:
    """What opens the hosted page: one line with the gross amount, cards only, in the order's own currency."""
    metadata = {"app": stripe_events.APP, "order": request.order_number, "attempt": request.attempt_id}
    params: SessionCreateParams = {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "submit_type": "pay",
        "locale": request.lang,
        "client_reference_id": request.attempt_id,
        "success_url": with_session(request.return_url),
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "adaptive_pricing": {"enabled": False},
        "allowed_payment_method_types": ["card"],
        "wallet_options": {"link": {"display": "never"}},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.currency,
                    "unit_amount": request.amount_cents,
                    "tax_behavior": "inclusive",
                    "product_data": {"name": request.description},
                },
            }
        ],
        "payment_intent_data": {"description": request.description, "metadata": metadata},
        "metadata": metadata,
    }
    if request.save:
        params["payment_intent_data"] = {**params["payment_intent_data"], "setup_future_usage": "off_session"}
        params["payment_method_data"] = {"allow_redisplay": "always"}
    if request.save and request.customer_ref:
        params["customer"] = request.customer_ref
        return params
    params["customer_email"] = request.email
    if request.save:
        params["customer_creation"] = "always"
    return params


def with_session(url: str) -> str:
    """An address of return into which Stripe writes the session."""
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, "cs={CHECKOUT_SESSION_ID}")))
    return urlunsplit(parts._replace(query=query))


def outcome(session: Mapping[str, Any]) -> payments.Outcome:
    """What a session says, with its payment and method expanded."""
    intent = session.get("payment_intent") or {}
    error = intent.get("last_payment_error") or {}
    verdict = _verdict(session["status"], session["payment_status"], intent)
    return payments.Outcome(
        attempt_id=session.get("client_reference_id") or "",
        verdict=verdict,
        amount_cents=(session.get("amount_total") or 0) - _given_back(intent),
        currency=session.get("currency") or "",
        gateway_ref=session["id"],
        payment_ref=intent.get("id") or "",
        reason=_reason(verdict, session["status"], error),
        card=card(intent, error),
    )


def charged(intent: Mapping[str, Any]) -> payments.Outcome:
    """What a charge of a kept card says, read with its method and its latest movement.

    A charge that was cancelled after the bank had refused it stays refused.
    """
    error = intent.get("last_payment_error") or {}
    verdict = _CHARGES.get(intent["status"], payments.Verdict.PROCESSING)
    if verdict is payments.Verdict.CANCELLED and error:
        verdict = payments.Verdict.DECLINED
    action = intent.get("next_action") or {}
    return payments.Outcome(
        attempt_id=(intent.get("metadata") or {}).get("attempt") or "",
        verdict=verdict,
        amount_cents=intent["amount"] - _given_back(intent),
        currency=intent["currency"],
        gateway_ref=intent["id"],
        payment_ref=intent["id"],
        reason=stripe_codes.reason(error) if verdict is payments.Verdict.DECLINED else None,
        remedy=stripe_codes.remedy(error) if verdict is payments.Verdict.DECLINED else None,
        card=card(intent, error),
        again_url=(action.get("redirect_to_url") or {}).get("url") or "",
    )


def mark(intent: Mapping[str, Any]) -> str:
    """What tells later whether a refused charge was tried since: its last movement, which every try at the bank adds.

    Never empty, because Stripe drops metadata without a value.
    """
    latest = intent.get("latest_charge")
    return str(latest["id"] if isinstance(latest, Mapping) else latest or "none")


def is_untried(intent: Mapping[str, Any]) -> bool:
    """Whether a charge has the name of a new attempt and was not tried for it: its refusal is the one before.

    Stripe clears the error when a charge is updated, so that one that is there without a movement of its own came
    after the name: a failed authentication leaves nothing else.
    """
    refused = (intent.get("metadata") or {}).get("refused")
    error = intent.get("last_payment_error")
    since = bool(error) and error.get("charge") != refused
    return intent["status"] == "requires_payment_method" and refused == mark(intent) and not since


def _given_back(intent: Mapping[str, Any]) -> int:
    """What part of the charge went back: a sum that is not whole any more must not pay for an order by itself."""
    return (intent.get("latest_charge") or {}).get("amount_refunded") or 0


def _verdict(status: str, payment_status: str, intent: Mapping[str, Any]) -> payments.Verdict:
    """Only the words that we know end an attempt; with any other, Stripe is asked again later."""
    payment = intent.get("status")
    match status:
        case "complete" if payment_status == "paid":
            return payments.Verdict.SUCCEEDED
        case "complete" if payment in ("requires_payment_method", "canceled"):
            return payments.Verdict.DECLINED
        case "open" if payment not in ("processing", "succeeded"):
            return payments.Verdict.WAITING
        case "expired" if not intent:
            return payments.Verdict.EXPIRED
        case "expired" if payment not in ("processing", "succeeded"):
            return payments.Verdict.DECLINED if _was_tried(intent) else payments.Verdict.EXPIRED
        case _:
            return payments.Verdict.PROCESSING


def _was_tried(intent: Mapping[str, Any]) -> bool:
    """A payment that ended with a card and without an error was left at the bank's authentication."""
    return bool(intent.get("last_payment_error") or intent.get("payment_method"))


def _reason(verdict: payments.Verdict, status: str, error: Mapping[str, Any]) -> payments.Reason | None:
    if verdict not in (payments.Verdict.DECLINED, payments.Verdict.WAITING):
        return None
    if error:
        return stripe_codes.reason(error)
    if verdict is payments.Verdict.WAITING:
        return None
    return payments.Reason.AUTHENTICATION if status == "expired" else payments.Reason.DECLINED


def card(intent: Mapping[str, Any], error: Mapping[str, Any]) -> payments.Card | None:
    """The card of the last try; its token is given only when Stripe keeps the card for a customer."""
    method = intent.get("payment_method") or error.get("payment_method") or {}
    paid = ((intent.get("latest_charge") or {}).get("payment_method_details") or {}).get("card") or {}
    shown = method.get("card") or paid
    if not shown:
        return None
    customer = method.get("customer") or ""
    return payments.Card(
        brand=shown["brand"],
        last4=shown["last4"],
        exp_month=shown["exp_month"],
        exp_year=shown["exp_year"],
        country=shown.get("country") or "",
        fingerprint=shown.get("fingerprint") or "",
        token=method["id"] if customer else "",
        customer=customer,
        network_ref=paid.get("network_transaction_id") or "",
    )


def refunded(refund: stripe.Refund) -> base.Refunded:
    """How a refund stands."""
    known = refund.to_dict().get("metadata") or {}
    return base.Refunded(
        refund_ref=refund.id,
        status=_REFUND_STATUSES.get(refund.status or "", "pending"),
        refund_id=str(known.get("refund") or ""),
        payment_ref=str(refund.payment_intent or ""),
        amount_cents=refund.amount,
        currency=refund.currency,
        made_at=datetime.fromtimestamp(refund.created, UTC),
    )
