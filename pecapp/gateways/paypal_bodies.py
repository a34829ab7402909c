"""What is written to PayPal and read from its answers: plain dicts on one side, our own facts on the other."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from pecapp.domain import payments
from pecapp.gateways import base, paypal_events
from pecapp.gateways.paypal_client import Refused

LOCALES = {"it": "it-IT", "en": "en-GB"}
WALLET = "paypal"

_PAYING = {
    "user_action": "PAY_NOW",
    "landing_page": "LOGIN",
    "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
}
_SETTLED = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_LOST = frozenset({"DECLINED", "FAILED"})
_REFUNDS = {"COMPLETED": "succeeded", "FAILED": "failed", "CANCELLED": "failed"}


@contextmanager
def understood() -> Iterator[None]:
    """An answer without what it must have is no answer: OutcomeUnknown instead of the error of the reading."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, InvalidOperation) as problem:
        raise base.OutcomeUnknown("an answer that cannot be read") from problem


def order(request: base.Start, brand: str, *, save: bool) -> dict[str, Any]:
    """An order to be approved on PayPal's page and captured by us."""
    wallet: dict[str, Any] = {"experience_context": _experience(request, brand) | _PAYING}
    if save:
        vault = _permission(request.description) | {"store_in_vault": "ON_SUCCESS"}
        known = {"customer": {"id": request.customer_ref}} if request.customer_ref else {}
        wallet["attributes"] = {"vault": vault} | known
    return {"intent": "CAPTURE", "purchase_units": [_unit(request)], "payment_source": {WALLET: wallet}}


def charge_order(request: base.Charge, brand: str) -> dict[str, Any]:
    """An order that charges a kept account at once; an owner who is there may be asked to confirm it."""
    stored = {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT", "usage_pattern": "RECURRING_PREPAID"}
    wallet: dict[str, Any] = {"vault_id": request.token, "stored_credential": stored}
    if request.return_url:
        wallet["stored_credential"] = stored | {"payment_initiator": "CUSTOMER", "usage_pattern": "IMMEDIATE"}
        wallet["experience_context"] = _experience(request, brand) | _PAYING
    return {"intent": "CAPTURE", "purchase_units": [_unit(request)], "payment_source": {WALLET: wallet}}


def setup(request: base.Save, brand: str) -> dict[str, Any]:
    """A page that asks for the permission to charge later."""
    wallet = _permission(request.description) | {"experience_context": _experience(request, brand)}
    body: dict[str, Any] = {"payment_source": {WALLET: wallet}}
    return body | ({"customer": {"id": request.customer_ref}} if request.customer_ref else {})


def refund(request: base.Refund) -> dict[str, Any]:
    """A refund that carries our own name for it, by which it is found again."""
    return {"amount": _amount(request.amount_cents, request.currency), "custom_id": request.refund_id}


def _unit(request: base.Start | base.Charge) -> dict[str, Any]:
    return {
        "reference_id": "default",
        "custom_id": request.attempt_id,
        "invoice_id": f"{request.order_number}-{request.attempt_number}",
        "description": request.description,
        "amount": _amount(request.amount_cents, request.currency),
    }


def _experience(request: base.Start | base.Save | base.Charge, brand: str) -> dict[str, str]:
    return {
        "brand_name": brand,
        "locale": LOCALES.get(request.lang, LOCALES["it"]),
        "shipping_preference": "NO_SHIPPING",
        "return_url": request.return_url,
        "cancel_url": request.cancel_url,
    }


def _permission(description: str) -> dict[str, str]:
    return {
        "usage_type": "MERCHANT",
        "customer_type": "CONSUMER",
        "usage_pattern": "RECURRING_PREPAID",
        "description": description,
    }


def _amount(cents: int, currency: str) -> dict[str, str]:
    return {"currency_code": currency.upper(), "value": f"{Decimal(cents) / 100:.2f}"}


def cents(amount: Mapping[str, Any]) -> int:
    """An amount in the smallest unit."""
    return int((Decimal(amount["value"]) * 100).quantize(Decimal(1), ROUND_HALF_UP))


@understood()
def started(answer: Mapping[str, Any]) -> base.Started:
    """The page where the customer agrees. Raises OutcomeUnknown when it is not open any more."""
    url = _page(answer)
    if not url:
        raise base.OutcomeUnknown("what was opened is there and no longer open")
    return base.Started(answer["id"], url)


def _page(answer: Mapping[str, Any]) -> str:
    links = {one.get("rel"): one.get("href") for one in answer.get("links") or ()}
    return links.get("payer-action") or links.get("approve") or ""


@understood()
def outcome(order: Mapping[str, Any]) -> payments.Outcome:
    """What an order says. An order that is COMPLETED with a capture that is PENDING is not paid.

    Of a capture that is refused in the end PayPal does not say why: another day may bring more luck.
    """
    unit = order["purchase_units"][0]
    capture = next(iter((unit.get("payments") or {}).get("captures") or ()), None)
    verdict = _verdict(order["status"], capture)
    moved = capture["amount"] if capture else unit["amount"]
    return payments.Outcome(
        attempt_id=unit.get("custom_id") or "",
        verdict=verdict,
        amount_cents=cents(moved) - _given_back(unit, capture),
        currency=str(moved["currency_code"]).lower(),
        gateway_ref=order["id"],
        payment_ref=capture["id"] if capture else "",
        reason=payments.Reason.DECLINED if verdict is payments.Verdict.DECLINED else None,
        remedy=payments.Remedy.SOFT if verdict is payments.Verdict.DECLINED else None,
        wallet=_wallet(order),
        held=bool(capture and capture["status"] == "PENDING"),
        again_url=_page(order) if verdict is payments.Verdict.WAITING else "",
    )


def _given_back(unit: Mapping[str, Any], capture: Mapping[str, Any] | None) -> int:
    """What part of a capture went back: a sum that is not whole any more must not pay for an order by itself."""
    if not capture or capture["status"] not in ("PARTIALLY_REFUNDED", "REFUNDED"):
        return 0
    if capture["status"] == "REFUNDED":
        return cents(capture["amount"])
    refunds = unit["payments"].get("refunds") or ()
    return sum(cents(one["amount"]) for one in refunds if _REFUNDS.get(one.get("status") or "") != "failed")


def _verdict(status: str, capture: Mapping[str, Any] | None) -> payments.Verdict:
    """Only the words that we know end an attempt; with any other, PayPal is asked again later."""
    captured = capture["status"] if capture else ""
    match status:
        case _ if captured in _SETTLED:
            return payments.Verdict.SUCCEEDED
        case _ if captured in _LOST:
            return payments.Verdict.DECLINED
        case "CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" if capture is None:
            return payments.Verdict.WAITING
        case "APPROVED" if capture is None:
            return payments.Verdict.APPROVED
        case "VOIDED" if capture is None:
            return payments.Verdict.EXPIRED
        case _:
            return payments.Verdict.PROCESSING


def declined(
    order: Mapping[str, Any], reason: payments.Reason, remedy: payments.Remedy, refusal: Refused
) -> payments.Outcome:
    """A capture that was refused: final, or to be tried again by the customer where PayPal offers a way."""
    again = refusal.links.get("redirect") or refusal.links.get("payer-action") or ""
    verdict = payments.Verdict.REFUSED if again else payments.Verdict.DECLINED
    return dataclasses.replace(outcome(order), verdict=verdict, reason=reason, remedy=remedy, again_url=again)


def refused(request: base.Charge, reason: payments.Reason, remedy: payments.Remedy, name: str = "") -> payments.Outcome:
    """A kept account that could not be charged; `name` is that of the order, if one was made."""
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=payments.Verdict.DECLINED,
        amount_cents=request.amount_cents,
        currency=request.currency,
        gateway_ref=name,
        reason=reason,
        remedy=remedy,
    )


def ended(
    reference: base.Reference, verdict: payments.Verdict, seen: payments.Outcome | None = None
) -> payments.Outcome:
    """An order that will not be captured."""
    known = seen or payments.Outcome(reference.attempt_id, verdict, 0, "", reference.gateway_ref)
    return dataclasses.replace(known, verdict=verdict, again_url="")


def _wallet(order: Mapping[str, Any]) -> payments.Wallet | None:
    """The account that paid or has approved; nothing before anybody has signed in."""
    source = (order.get("payment_source") or {}).get(WALLET) or {}
    payer = order.get("payer") or {}
    email = source.get("email_address") or payer.get("email_address") or ""
    account = source.get("account_id") or payer.get("payer_id") or ""
    if not account:
        return None
    vault = (source.get("attributes") or {}).get("vault") or {}
    token = vault.get("id") or ""
    saving = payments.Saving.SAVED if token else payments.Saving.PENDING if vault else payments.Saving.NONE
    country = (source.get("address") or payer.get("address") or {}).get("country_code") or ""
    return payments.Wallet(
        brand=WALLET,
        label=payments.mask(email),
        country=country,
        fingerprint=account,
        token=token,
        customer=(vault.get("customer") or {}).get("id") or "",
        saving=saving,
    )


@understood()
def with_token(outcome: payments.Outcome, tokens: Iterable[Mapping[str, Any]]) -> payments.Outcome:
    """The outcome with the token of the very account that paid, if it is among these."""
    wallet = outcome.wallet
    if wallet is None:
        return outcome
    for one in tokens:
        source = (one.get("payment_source") or {}).get(WALLET) or {}
        if wallet.fingerprint in (source.get("payer_id"), source.get("account_id")):
            customer = (one.get("customer") or {}).get("id") or wallet.customer
            found = dataclasses.replace(wallet, token=one["id"], customer=customer, saving=payments.Saving.SAVED)
            return dataclasses.replace(outcome, wallet=found)
    return outcome


@understood()
def kept(token: Mapping[str, Any]) -> payments.Wallet:
    """A kept account. Raises OutcomeUnknown when the answer does not tell whose it is."""
    source = (token.get("payment_source") or {}).get(WALLET) or {}
    account = source.get("account_id") or source.get("payer_id")
    if not account:
        raise base.OutcomeUnknown("a kept account without a name")
    return payments.Wallet(
        brand=WALLET,
        label=payments.mask(source.get("email_address") or ""),
        country=(source.get("address") or {}).get("country_code") or "",
        fingerprint=account,
        token=token["id"],
        customer=(token.get("customer") or {}).get("id") or "",
        saving=payments.Saving.SAVED,
    )


@understood()
def refunded(refund: Mapping[str, Any]) -> base.Refunded:
    """How a refund stands."""
    amount = refund.get("amount")
    return base.Refunded(
        refund_ref=refund["id"],
        status=_REFUNDS.get(refund.get("status") or "", "pending"),
        refund_id=str(refund.get("custom_id") or ""),
        payment_ref=paypal_events.capture(refund),
        amount_cents=cents(amount) if amount else 0,
        currency=amount["currency_code"].lower() if amount else "",
        made_at=paypal_events.instant(refund["create_time"]) if refund.get("create_time") else None,
    )


@understood()
def refund_of(order: Mapping[str, Any], refund_id: str) -> base.Refunded | None:
    """The refund of ours among those of an order."""
    made = (order["purchase_units"][0].get("payments") or {}).get("refunds") or ()
    return next((refunded(one) for one in made if one.get("custom_id") == refund_id), None)
