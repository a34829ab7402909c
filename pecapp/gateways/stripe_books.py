"""What Stripe itself has written down: its list of notifications, the money that moved, the disputes."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import stripe
from stripe.params import ChargeListParams, EventListParams, RefundListParams

from pecapp.domain import disputes
from pecapp.gateways import base, stripe_events
from pecapp.gateways.stripe_calls import PAGE_LENGTH, ask

MOST_TYPES = 20
"""How many types Stripe's list takes at once."""
MOST_PAGES = 200
"""A time with more than so many pages has to be asked for in parts."""
_WON = frozenset({"won", "warning_closed", "prevented"})
_REVIEWED = frozenset({"under_review", "warning_under_review", "appeal_under_review"})
_WITHOUT_MONEY = frozenset({"failed", "canceled"})

Page = Callable[[str], Awaitable[stripe.ListObject[Any]]]


async def events(v1: stripe.V1Services, since: datetime, until: datetime) -> list[base.Listed]:
    """The notifications of a time that can concern us, the oldest first."""
    types, found = sorted(stripe_events.RELEVANT), []
    for first in range(0, len(types), MOST_TYPES):
        params: EventListParams = {
            "types": types[first : first + MOST_TYPES],
            "created": _time(since, until),
            "limit": PAGE_LENGTH,
        }

        async def page(after: str, params: EventListParams = params) -> stripe.ListObject[stripe.Event]:
            return await v1.events.list_async(params | {"starting_after": after} if after else params)

        found += [_listed(event.to_dict()) for event in await _all("list events", page)]
    return sorted(found, key=lambda one: one.created_at)


def _listed(event: dict[str, Any]) -> base.Listed:
    raw = json.dumps(event, ensure_ascii=False).encode()
    return base.Listed(event["id"], event["type"], _instant(event["created"]), raw)


async def ledger(v1: stripe.V1Services, since: datetime, until: datetime) -> base.Ledger:
    """What came in and went back in a time, the oldest first; what another application moved is left out."""

    async def charges(after: str) -> stripe.ListObject[stripe.Charge]:
        params: ChargeListParams = {"created": _time(since, until), "limit": PAGE_LENGTH}
        return await v1.charges.list_async(params | {"starting_after": after} if after else params)

    async def refunds(after: str) -> stripe.ListObject[stripe.Refund]:
        params: RefundListParams = {
            "created": _time(since, until),
            "limit": PAGE_LENGTH,
            "expand": ["data.charge"],
        }
        return await v1.refunds.list_async(params | {"starting_after": after} if after else params)

    taken = [charge.to_dict() for charge in await _all("list charges", charges)]
    given = [refund.to_dict() for refund in await _all("list refunds", refunds)]
    movements = [_payment(one) for one in taken if one["status"] == "succeeded" and _is_ours(one)]
    movements += [
        _refund(one)
        for one in given
        if one["status"] not in _WITHOUT_MONEY and (_is_ours(one) or _is_ours(one.get("charge") or {}))
    ]
    return base.Ledger(tuple(sorted(movements, key=lambda one: one.at)), until)


def _payment(charge: dict[str, Any]) -> base.Movement:
    return base.Movement(
        kind="payment",
        ref=charge["payment_intent"] or charge["id"],
        amount_cents=charge["amount_captured"],
        currency=charge["currency"],
        at=_instant(charge["created"]),
        attempt_id=_metadata(charge).get("attempt") or "",
    )


def _refund(refund: dict[str, Any]) -> base.Movement:
    return base.Movement(
        kind="refund",
        ref=refund["id"],
        amount_cents=refund["amount"],
        currency=refund["currency"],
        at=_instant(refund["created"]),
        attempt_id=_metadata(refund).get("attempt") or "",
        refund_id=_metadata(refund).get("refund") or "",
        payment_ref=refund["payment_intent"] or "",
    )


async def dispute(v1: stripe.V1Services, name: str) -> base.Dispute:
    """How a dispute stands now."""
    found = (await ask("look up a dispute", v1.disputes.retrieve_async(name))).to_dict()
    due = (found.get("evidence_details") or {}).get("due_by")
    return base.Dispute(
        dispute_ref=found["id"],
        payment_ref=found.get("payment_intent") or "",
        amount_cents=found["amount"],
        currency=found["currency"],
        reason=found["reason"],
        status=_status(found["status"]),
        opened_at=_instant(found["created"]),
        respond_by_at=_instant(due) if due else None,
    )


def _status(word: str) -> disputes.Status:
    """A word that we do not know yet leaves the dispute open: then a person looks."""
    if word in _WON:
        return disputes.Status.WON
    if word == "lost":
        return disputes.Status.LOST
    return disputes.Status.IN_REVIEW if word in _REVIEWED else disputes.Status.TO_ANSWER


async def _all(what: str, page: Page) -> list[Any]:
    """All objects of a list. Raises GatewayError for one that is too long to be read at once."""
    found: list[Any] = []
    for _ in range(MOST_PAGES):
        part = await ask(what, page(found[-1].id if found else ""))
        found += part.data
        if not part.has_more:
            return found
    raise base.GatewayError(f"{what}: too many in this time")


def _time(since: datetime, until: datetime) -> Any:
    """Stripe counts in whole seconds: a second belongs to the time that it begins in."""
    return {"gte": int(since.timestamp()), "lt": int(until.timestamp())}


def _is_ours(thing: dict[str, Any]) -> bool:
    return _metadata(thing).get("app") == stripe_events.APP


def _metadata(thing: dict[str, Any]) -> dict[str, str]:
    return thing.get("metadata") or {}


def _instant(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
