"""What every payment gateway offers to the services, whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pecapp.domain import payments


class GatewayError(Exception):
    """The gateway answered with a definite no (our fault or its own), or cannot be used at all."""


class OutcomeUnknown(GatewayError):
    """No definite answer: the call may have had its effect. Ask again with the same key, or look it up."""


class NotAuthentic(GatewayError):
    """A notification that does not prove that it comes from the gateway, is for us, and is fresh."""


@dataclass(frozen=True)
class Start:
    """Order to open a hosted payment. The same `idempotency_key` must always come with the same content."""

    attempt_id: str
    order_number: str
    description: str
    amount_cents: int
    currency: str
    lang: str
    email: str
    expires_at: datetime
    return_url: str
    """Where the browser comes back after the gateway's receipt; proves nothing."""
    cancel_url: str
    idempotency_key: str
    save: bool = False
    """Whether the customer has agreed to keep the method for later payments."""
    customer_ref: str = ""
    """The gateway's customer of earlier saved methods, empty for none."""


@dataclass(frozen=True)
class Started:
    """A hosted payment that waits for its customer."""

    gateway_ref: str
    url: str = field(repr=False)


@dataclass(frozen=True)
class Reference:
    """An attempt as both sides name it; `gateway_ref` is empty when the gateway's name was never learnt."""

    attempt_id: str
    gateway_ref: str
    payment_ref: str = ""


@dataclass(frozen=True)
class Refund:
    """Order to give back `amount_cents` of what `payment_ref` took."""

    refund_id: str
    attempt_id: str
    payment_ref: str
    amount_cents: int
    currency: str
    idempotency_key: str


@dataclass(frozen=True)
class Refunded:
    """State of a refund at the gateway: `pending`, `succeeded` or `failed`."""

    refund_ref: str
    status: str


@dataclass(frozen=True)
class Event:
    """An authentic notification. `outcome` is set only when it states a final success that needs no reading back."""

    event_id: str
    type: str
    created_at: datetime
    attempt_id: str
    """Empty when the event names no attempt of ours."""
    gateway_ref: str
    """The gateway's name for what the event is about; for refunds and disputes, for the payment concerned."""
    relevant: bool
    """Whether this kind of event can change anything here."""
    oddity: str = ""
    """Why it has to be kept apart for a person to see (wrong mode, other version, no data), empty when it is plain."""
    outcome: payments.Outcome | None = None


class Gateway(Protocol):
    """A payment gateway. Every call has time-outs; `OutcomeUnknown` is raised whenever the answer is not definite."""

    name: str

    async def start(self, request: Start) -> Started:
        """Open a hosted payment. Safe to repeat with the same request."""
        ...

    async def look_up(self, reference: Reference) -> payments.Outcome:
        """What the gateway knows of the attempt now. Changes nothing."""
        ...

    async def close(self, reference: Reference) -> payments.Outcome:
        """See to it that the attempt can no longer be paid, unless it already is, and say how it ended.

        A success is reported as success; a payment still processing is left alone and reported so; a page that nobody
        tried to pay on counts as cancelled. Safe to repeat.
        """
        ...

    async def refund(self, request: Refund) -> Refunded:
        """Give money back. Safe to repeat with the same request."""
        ...

    def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> Event:
        """Check that a notification is authentic, fresh and ours, and read it. Raises NotAuthentic. Does no I/O.

        `headers` are looked up by their names in lower case.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
