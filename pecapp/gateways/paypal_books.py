"""What PayPal itself has written down: its list of notifications, the money that moved, the disputes."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode, urlsplit

from pecapp.domain import disputes
from pecapp.gateways import base, paypal_events
from pecapp.gateways.paypal_bodies import cents, understood
from pecapp.gateways.paypal_client import Call, Client

EVENTS = "/v1/notifications/webhooks-events"
TRANSACTIONS = "/v1/reporting/transactions"
DISPUTES = "/v1/customer/disputes"
EVENTS_AT_ONCE = 300
TRANSACTIONS_AT_ONCE = 500
LONGEST_TIME = timedelta(days=31)
"""How much time PayPal searches at once."""
DELAY = timedelta(hours=3)
"""How long a transaction may take to be found."""
MOST_PAGES = 100

_PAYMENTS = "T00"
"""How the codes of payments begin."""
_REFUNDS = frozenset({"T1106", "T1107"})
"""A payment that was refunded, or of which PayPal has taken money back."""
_MOVED = frozenset({"S", "V"})
"""Done; or done and given back as a whole, which a refund of its own tells."""
_WON = frozenset(
    {"RESOLVED_SELLER_FAVOUR", "RESOLVED_SELLER_FAVOR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER", "DENIED"}
)
_LOST = frozenset({"RESOLVED_BUYER_FAVOUR", "RESOLVED_BUYER_FAVOR", "ACCEPTED"})
_REVIEWED = frozenset({"UNDER_REVIEW", "WAITING_FOR_BUYER_RESPONSE"})


async def events(client: Client, since: datetime, until: datetime) -> list[base.Listed]:
    """The notifications of a time that can concern us, the oldest first."""
    wanted = {"page_size": str(EVENTS_AT_ONCE), "start_time": _written(since), "end_time": _written(until)}
    query, found = urlencode(wanted), []
    for _ in range(MOST_PAGES):
        answer = await client.ask("list events", Call("GET", f"{EVENTS}?{query}"))
        page = answer.get("events") or []
        found += [one for event in page if (one := _listed(event)).type in paypal_events.RELEVANT]
        query = _next(answer)
        if not query or not page:
            inside = {one.event_id: one for one in found if since <= one.created_at < until}
            return sorted(inside.values(), key=lambda one: one.created_at)
    raise base.GatewayError("list events: too many in this time")


@understood()
def _listed(event: Mapping[str, Any]) -> base.Listed:
    raw = json.dumps(event, ensure_ascii=False).encode()
    return base.Listed(event["id"], event["event_type"], paypal_events.instant(event.get("create_time")), raw)


@understood()
def _next(answer: Mapping[str, Any]) -> str:
    """The query of the next page, empty for none; where it is asked is never PayPal's to say."""
    links = answer.get("links") or ()
    return next((urlsplit(link["href"]).query for link in links if link.get("rel") == "next"), "")


async def ledger(client: Client, since: datetime, until: datetime) -> base.Ledger:
    """What came in and went back in a time, the oldest first."""
    found: dict[str, base.Movement] = {}
    complete_until = until
    for begin, end in _parts(since, until):
        page, pages = 1, 1
        while page <= pages:
            query = {
                "start_date": _written(begin),
                "end_date": _written(end),
                "fields": "transaction_info",
                "page_size": str(TRANSACTIONS_AT_ONCE),
                "page": str(page),
            }
            answer = await client.ask("list transactions", Call("GET", f"{TRANSACTIONS}?{urlencode(query)}"))
            pages, page = int(answer.get("total_pages") or 1), page + 1
            found |= {one.ref: one for one in _movements(answer) if since <= one.at < until}
            complete_until = min(complete_until, _fresh_until(answer, until))
    return base.Ledger(tuple(sorted(found.values(), key=lambda one: one.at)), complete_until)


def _parts(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        end = min(since + LONGEST_TIME, until)
        yield since, end
        since = end


def _fresh_until(answer: Mapping[str, Any], until: datetime) -> datetime:
    told = answer.get("last_refreshed_datetime")
    return min(paypal_events.instant(told), until) if told else until - DELAY


@understood()
def _movements(answer: Mapping[str, Any]) -> list[base.Movement]:
    infos = [one["transaction_info"] for one in answer.get("transaction_details") or ()]
    return [_movement(info) for info in infos if info["transaction_status"] in _MOVED and _kind(info)]


def _kind(info: Mapping[str, Any]) -> str:
    """What moved, empty for what is neither a payment to us nor money given back."""
    code, incoming = info["transaction_event_code"], Decimal(info["transaction_amount"]["value"]) > 0
    if code in _REFUNDS and not incoming:
        return "refund"
    return "payment" if code.startswith(_PAYMENTS) and incoming else ""


def _movement(info: Mapping[str, Any]) -> base.Movement:
    kind, custom = _kind(info), paypal_events.name(info.get("custom_field"))
    return base.Movement(
        kind=kind,
        ref=info["transaction_id"],
        amount_cents=abs(cents(info["transaction_amount"])),
        currency=info["transaction_amount"]["currency_code"].lower(),
        at=paypal_events.instant(info["transaction_initiation_date"]),
        attempt_id=custom if kind == "payment" else "",
        refund_id=custom if kind == "refund" else "",
        payment_ref=paypal_events.name(info.get("paypal_reference_id")) if kind == "refund" else "",
    )


async def dispute(client: Client, name: str) -> base.Dispute:
    """How a dispute stands now."""
    return _dispute(await client.ask("look up a dispute", Call("GET", f"{DISPUTES}/{name}")))


@understood()
def _dispute(found: Mapping[str, Any]) -> base.Dispute:
    due = found.get("seller_response_due_date")
    return base.Dispute(
        dispute_ref=found["dispute_id"],
        payment_ref=paypal_events.name(found["disputed_transactions"][0].get("seller_transaction_id")),
        amount_cents=cents(found["dispute_amount"]),
        currency=found["dispute_amount"]["currency_code"].lower(),
        reason=paypal_events.name(found.get("reason")),
        status=_status(found),
        opened_at=paypal_events.instant(found.get("create_time")),
        respond_by_at=paypal_events.instant(due) if due else None,
    )


def _status(found: Mapping[str, Any]) -> disputes.Status:
    """What we do not know yet leaves the dispute open: then a person looks."""
    outcome = (found.get("dispute_outcome") or {}).get("outcome_code")
    if outcome in _LOST:
        return disputes.Status.LOST
    if outcome in _WON:
        return disputes.Status.WON
    return disputes.Status.IN_REVIEW if found.get("status") in _REVIEWED else disputes.Status.TO_ANSWER


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
