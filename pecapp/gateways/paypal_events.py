"""PayPal's notifications: the few facts that say what to read back. None of them is believed."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pecapp.gateways import base

_LONGEST_NAME = 64
_GONE = frozenset({"VAULT.PAYMENT-TOKEN.DELETED", "VAULT.PAYMENT-TOKEN.DELETION-INITIATED"})
_KEPT_AT_LAST = "VAULT.PAYMENT-TOKEN.CREATED"
_REFUNDS = frozenset({"PAYMENT.CAPTURE.REFUNDED", "PAYMENT.REFUND.FAILED", "PAYMENT.REFUND.PENDING"})
_DISPUTES = frozenset({"CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.RESOLVED", "CUSTOMER.DISPUTE.UPDATED"})
_TAKEN_BACK = "PAYMENT.CAPTURE.REVERSED"
RELEVANT: frozenset[str] = (
    _GONE
    | _REFUNDS
    | _DISPUTES
    | {
        _KEPT_AT_LAST,
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.COMPLETED",
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
        "PAYMENT.CAPTURE.COMPLETED",
        "PAYMENT.CAPTURE.DECLINED",
        "PAYMENT.CAPTURE.DENIED",
        "PAYMENT.CAPTURE.PENDING",
        _TAKEN_BACK,
    }
)
"""What can change anything here."""
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_ATTEMPT = re.compile(r"[0-9a-f]{32}")
_CAPTURE = re.compile(r".*/v2/payments/captures/([A-Za-z0-9-]+)")


def read(raw: bytes, headers: Mapping[str, str]) -> base.Event:
    """The notification `raw`, a JSON object whose sender has been proved. Raises NotAuthentic, and nothing else."""
    event: dict[str, Any] = json.loads(raw)
    event_id, kind = name(event.get("id")), name(event.get("event_type"))
    if not event_id or not kind:
        raise base.NotAuthentic("an event without id or type")
    content = _dict(event.get("resource"))
    attempt_id = "" if kind in _REFUNDS else _attempt(content)  # a refund carries the refund's name there
    ref, by_ref = _reference(kind, content)
    token = name(content.get("id")) if kind in _GONE or kind == _KEPT_AT_LAST else ""
    dispute = name(content.get("dispute_id")) if kind in _DISPUTES else ""
    return base.Event(
        event_id=event_id,
        type=kind,
        created_at=instant(event.get("create_time")),
        attempt_id=attempt_id,
        gateway_ref=ref,
        by_ref=by_ref and not attempt_id,
        relevant=kind in RELEVANT and bool(attempt_id or by_ref or dispute or (token and kind in _GONE)),
        transmission_id=headers.get("paypal-transmission-id") or "",
        method_ref=token,
        oddity="" if content else "no data",
        refund_ref=name(content.get("id")) if kind in _REFUNDS else "",
        dispute_ref=dispute,
        taken_back=kind == _TAKEN_BACK,
    )


def _attempt(content: dict[str, Any]) -> str:
    """The attempt that an order or capture is for; other applications of the same account write other names."""
    units = content.get("purchase_units")
    unit = _dict(units[0]) if isinstance(units, list) and units else {}
    named = name(content.get("custom_id")) or name(unit.get("custom_id"))
    return named if _ATTEMPT.fullmatch(named) else ""


def _reference(kind: str, content: dict[str, Any]) -> tuple[str, bool]:
    """PayPal's name for the payment, and whether the attempt can be found by it."""
    if kind == _KEPT_AT_LAST:
        order = name(_dict(content.get("metadata")).get("order_id"))
        return order or name(content.get("id")), bool(order)
    if kind in _REFUNDS or kind == _TAKEN_BACK:
        found = capture(content)
        if found or kind in _REFUNDS:
            return found, bool(found)
    related = _dict(_dict(content.get("supplementary_data")).get("related_ids"))
    return name(related.get("order_id")) or name(content.get("id")), False


def capture(content: Mapping[str, Any]) -> str:
    """The capture that a refund or a reversal is of, which its links name; empty for none."""
    links = content.get("links")
    up = (one.get("href") for one in (links if isinstance(links, list) else ()) if _dict(one).get("rel") == "up")
    found = _CAPTURE.fullmatch(str(next(up, "")))
    return found[1] if found else ""


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def name(value: object) -> str:
    """A name or id that a database can hold and a log can show, else an empty text."""
    if isinstance(value, str) and len(value) <= _LONGEST_NAME and _NAME.fullmatch(value):
        return value
    return ""


def instant(value: object) -> datetime:
    """When PayPal says that it happened; an event that does not say is as old as the world."""
    try:
        at = datetime.fromisoformat(value) if isinstance(value, str) else None
        return at.astimezone(UTC) if at and at.tzinfo else datetime.fromtimestamp(0, UTC)
    except (ValueError, OverflowError):
        return datetime.fromtimestamp(0, UTC)
