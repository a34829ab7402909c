"""Stripe's notifications: proof of origin, then the few facts that the services need, without the SDK's objects."""

import dataclasses
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import stripe

from pecapp.domain import payments
from pecapp.gateways import base

APP = "pecapp"
"""Value of `metadata.app` on every object that this application makes at Stripe."""

TOLERANCE_SECONDS = 300
_LONGEST_NAME = 255
_LARGEST_AMOUNT = 10**12
_CHARGED = "charge.succeeded"
"""The only event that also tells which card paid, so that nothing has to be read back for the receipt."""
_SAVINGS = frozenset({"setup_intent.setup_failed", "setup_intent.succeeded"})
_METHODS = frozenset({"payment_method.automatically_updated", "payment_method.detached", "payment_method.updated"})
"""News of kept cards: the data that the bank has renewed, or that a card is gone."""
_FINAL = frozenset({"checkout.session.completed", "checkout.session.async_payment_succeeded", _CHARGED})
RELEVANT: frozenset[str] = (
    _FINAL
    | _SAVINGS
    | _METHODS
    | {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refund.updated",
        "charge.refunded",
        "checkout.session.async_payment_failed",
        "checkout.session.expired",
        "payment_intent.canceled",
        "payment_intent.payment_failed",
        "payment_intent.processing",
        "payment_intent.requires_action",
        "payment_intent.succeeded",
        "payment_method.attached",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)
"""What can change anything here; the others of an account are nobody's business."""
_ALWAYS_TAGGED = ("checkout.session.", "payment_intent.", "setup_intent.", _CHARGED)


def read(
    raw: bytes,
    header: str | None,
    now: datetime,
    *,
    secrets: Iterable[str],
    account: str | None,
    live: bool,
) -> base.Event:
    """The notification `raw`, proved by its signature header with any of `secrets`, signed within 300 s of `now`.

    Raises NotAuthentic, and nothing else, whatever comes in.
    """
    text, signed_at = _proved(raw, header, now, secrets)
    event = _snapshot(text, account)
    content = _content(event)
    oddity = _oddity(event, content, live=live)
    kind, read = _name(event["type"]), _read(event, content, datetime.fromtimestamp(signed_at, UTC))
    outcome = None if oddity or kind not in _FINAL else _success(kind, read.attempt_id, content)
    return dataclasses.replace(read, oddity=oddity, outcome=outcome)


def read_listed(raw: bytes, *, account: str | None, live: bool) -> base.Event:
    """A notification out of Stripe's own list, which shows it in the account's version of the API: only a hint.

    Raises NotAuthentic for what is none of ours to read.
    """
    event = _snapshot(raw.decode(), account)
    if event.get("livemode") is not live:
        raise base.NotAuthentic("live and test mode do not match")
    return _read(event, _content(event), datetime.fromtimestamp(0, UTC))


def _read(event: dict[str, Any], content: dict[str, Any], otherwise: datetime) -> base.Event:
    """What it speaks of; `otherwise` is its age when it does not tell it."""
    kind = _name(event["type"])
    foreign = _is_foreign(kind, content)
    saving_id = "" if foreign else _saving(content)
    return base.Event(
        event_id=_name(event["id"]),
        type=kind,
        created_at=_instant(event.get("created")) or otherwise,
        attempt_id="" if foreign or saving_id else _attempt(content),
        gateway_ref=_reference(content),
        relevant=kind in RELEVANT and not foreign and bool(saving_id or kind not in _SAVINGS),
        method_ref=_name(content.get("id")) if kind in _METHODS else "",
        saving_id=saving_id,
        refund_ref="" if foreign else _refund(content),
        dispute_ref=_name(content.get("id")) if content.get("object") == "dispute" else "",
    )


def _content(event: dict[str, Any]) -> dict[str, Any]:
    return _dict(_dict(event.get("data")).get("object"))


def _proved(raw: bytes, header: str | None, now: datetime, secrets: Iterable[str]) -> tuple[str, int]:
    if not header:
        raise base.NotAuthentic("no signature")
    try:
        text = raw.decode()
        signed_at = next(int(item[2:]) for item in header.split(",") if item.startswith("t="))
    except (ValueError, StopIteration) as problem:
        raise base.NotAuthentic("malformed body or signature") from problem
    if abs(int(now.timestamp()) - signed_at) > TOLERANCE_SECONDS:
        raise base.NotAuthentic("signed too long ago or in the future")
    if not any(_signed(text, header, secret) for secret in secrets):
        raise base.NotAuthentic("wrong signature")
    return text, signed_at


def _signed(text: str, header: str, secret: str) -> bool:
    # The SDK's own age check is left off: it trusts any future and reads the machine's clock instead of ours.
    try:
        return stripe.WebhookSignature.verify_header(text, header, secret)
    except (stripe.SignatureVerificationError, TypeError):
        return False


def _snapshot(text: str, account: str | None) -> dict[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise base.NotAuthentic("not JSON") from problem
    if not isinstance(event, dict) or event.get("object") != "event":
        raise base.NotAuthentic("not a snapshot event")
    if not _name(event.get("id")) or not _name(event.get("type")):
        raise base.NotAuthentic("an event without id or type")
    if event.get("account") not in (None, account):
        raise base.NotAuthentic("for another account")
    return event


def _oddity(event: dict[str, Any], content: dict[str, Any], *, live: bool) -> str:
    if event.get("livemode") is not live:
        return "live and test mode do not match"
    if event.get("api_version") != stripe.api_version:
        return "other API version"
    if not content:
        return "no data"
    return "" if _instant(event.get("created")) else "no time of creation"


def _is_foreign(kind: str, content: dict[str, Any]) -> bool:
    """Whether the object is another application's; some that are ours carry no tag."""
    tag = _dict(content.get("metadata")).get("app")
    return tag != APP and (tag is not None or kind.startswith(_ALWAYS_TAGGED))


def _saving(content: dict[str, Any]) -> str:
    """The saving that a page without a payment, or what it set up, is for; empty for none."""
    metadata = _dict(content.get("metadata"))
    return _name(metadata.get("saving")) if metadata.get("app") == APP else ""


def _refund(content: dict[str, Any]) -> str:
    """Stripe's name for a refund, made here or on its own pages, where it gets no tag; empty for what is none."""
    return _name(content.get("id")) if content.get("object") == "refund" else ""


def _attempt(content: dict[str, Any]) -> str:
    """The attempt that the object is for, empty for none."""
    metadata = _dict(content.get("metadata"))
    if metadata.get("app") != APP or content.get("mode") == "setup":
        return ""
    return _name(metadata.get("attempt")) or _name(content.get("client_reference_id"))


def _reference(content: dict[str, Any]) -> str:
    """Sessions, payments and methods by their own name; refunds, charges and disputes by the payment they belong to."""
    if content.get("object") in ("refund", "charge", "dispute"):
        return _name(content.get("payment_intent"))
    return _name(content.get("id"))


def _success(kind: str, attempt_id: str, content: dict[str, Any]) -> payments.Outcome | None:
    charged = kind == _CHARGED
    amount = content.get("amount_captured" if charged else "amount_total")
    expected = {"status": "succeeded", "paid": True} if charged else {"status": "complete", "payment_status": "paid"}
    if any(content.get(field) != value for field, value in expected.items()) or type(amount) is not int:
        return None
    currency, page, payment = (_name(content.get(field)) for field in ("currency", "id", "payment_intent"))
    if not (0 < amount < _LARGEST_AMOUNT and attempt_id and currency and page and payment):
        return None
    return payments.Outcome(
        attempt_id=attempt_id,
        verdict=payments.Verdict.SUCCEEDED,
        amount_cents=amount,
        currency=currency,
        gateway_ref="" if charged else page,
        payment_ref=payment,
        card=_card(content) if charged else None,
    )


def _card(charge: dict[str, Any]) -> payments.Card | None:
    card = _dict(_dict(charge.get("payment_method_details")).get("card"))
    brand, last4 = _name(card.get("brand")), _name(card.get("last4"))
    month, year = card.get("exp_month"), card.get("exp_year")
    if not (brand and last4 and type(month) is int and type(year) is int):
        return None
    customer = _name(charge.get("customer"))
    return payments.Card(
        brand=brand,
        last4=last4,
        exp_month=month,
        exp_year=year,
        country=_name(card.get("country")),
        fingerprint=_name(card.get("fingerprint")),
        token=_name(charge.get("payment_method")) if customer else "",
        customer=customer,
        network_ref=_name(card.get("network_transaction_id")),
    )


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _name(value: object) -> str:
    """A name or id that a database can hold and a log can show, else an empty text."""
    if isinstance(value, str) and len(value) <= _LONGEST_NAME and value.isascii() and value.isprintable():
        return value
    return ""


def _instant(value: object) -> datetime | None:
    try:
        return datetime.fromtimestamp(value, UTC) if type(value) is int else None
    except (ValueError, OverflowError, OSError):
        return None
