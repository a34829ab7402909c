"""What every payment gateway offers to the services, whoever runs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pecapp.domain import disputes, payments


class GatewayError(Exception):
    """The gateway answered with a definite no (our fault or its own), or cannot be used at all."""


class OutcomeUnknown(GatewayError):
    """No definite answer: the call may have had its effect. Ask again with the same key, or look it up."""


class NotThere(GatewayError):
    """The gateway was searched and has nothing that was made for the attempt: no money moved."""


class NotAuthentic(GatewayError):
    """A notification that does not prove that it comes from the gateway, is for us, and is fresh."""


class Unverifiable(GatewayError):
    """Whether a notification is authentic cannot be told now; the gateway has to send it again."""


@dataclass(frozen=True)
class Start:
    """Order to open a hosted payment. The same `idempotency_key` must always come with the same content."""

    attempt_id: str
    order_number: str
    attempt_number: int
    """1 for the order's first attempt: a failed one must not stand in the way of the next."""
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
    method_ref: str = field(default="", repr=False)
    """The token that a notification says was made with it; it proves nothing."""
    customer_ref: str = field(default="", repr=False)
    """The owner of the method that was charged: whose payments are searched when `gateway_ref` is empty."""


@dataclass(frozen=True)
class Save:
    """Order to open a hosted page that keeps a means of payment without taking money."""

    saving_id: str
    """Our name for it; both sides write it down."""
    description: str
    lang: str
    email: str
    return_url: str
    cancel_url: str
    idempotency_key: str
    customer_ref: str = ""


@dataclass(frozen=True)
class Kept:
    """How the saving of a method stands: `waiting`, `saved` (then one of `card`, `wallet` has its token), `failed`."""

    saving_ref: str
    status: str
    card: payments.Card | None = None
    wallet: payments.Wallet | None = None
    sca_ref: str = ""
    """The gateway's name for the act by which the owner agreed: evidence of the mandate."""


@dataclass(frozen=True)
class Charge:
    """Order to take money from a kept method.

    With `return_url` its owner is there and may be asked to confirm (customer-initiated); without, the owner is away
    and a wish for confirmation is a refusal (merchant-initiated).
    """

    attempt_id: str
    order_number: str
    attempt_number: int
    description: str
    amount_cents: int
    currency: str
    token: str = field(repr=False)
    customer_ref: str = field(repr=False)
    idempotency_key: str
    lang: str = ""
    return_url: str = ""
    """Where the owner comes back after confirming at the gateway; proves nothing."""
    cancel_url: str = ""
    again_ref: str = ""
    """The gateway's name for an earlier charge of the same order, which was refused: that payment is tried again."""


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
    refund_id: str = ""
    """Our name for it, as the gateway wrote it down; empty for one that was not made here."""
    payment_ref: str = ""
    """What it gives back, and how much of it; empty and 0 where the gateway does not tell."""
    amount_cents: int = 0
    currency: str = ""
    made_at: datetime | None = None


@dataclass(frozen=True)
class Event:
    """An authentic notification. `outcome` is set only when it states a final success that needs no reading back."""

    event_id: str
    type: str
    created_at: datetime
    attempt_id: str
    """Empty when the event names no attempt of ours, also when it is about a saving."""
    gateway_ref: str
    """The gateway's name for what the event is about; for refunds and disputes, for the payment concerned."""
    relevant: bool
    """Whether this kind of event can change anything here."""
    by_ref: bool = False
    """Whether the attempt is to be found by `gateway_ref`, because the event does not name it."""
    transmission_id: str = ""
    """The gateway's name for this sending; the same one never brings a second event. Empty where there is none."""
    method_ref: str = field(default="", repr=False)
    """The token of the kept method that it speaks of: made at last, changed, or said to be gone. Else empty."""
    oddity: str = ""
    """Why it has to be kept apart for a person to see (wrong mode, other version, no data), empty when it is plain."""
    outcome: payments.Outcome | None = None
    saving_id: str = ""
    """The saving that the event is about, empty for all other news."""
    refund_ref: str = ""
    """The gateway's name for the refund that the event is about, empty for all other news."""
    dispute_ref: str = ""
    """The gateway's name for the dispute that the event is about, empty for all other news."""
    taken_back: bool = False
    """Whether it says that money which had come was taken back, without a refund or a dispute."""


@dataclass(frozen=True)
class Listed:
    """A notification as the gateway's own list of them shows it: authentic because we asked, a hint all the same."""

    event_id: str
    type: str
    created_at: datetime
    raw: bytes = field(repr=False)


@dataclass(frozen=True)
class Movement:
    """Money that the gateway says has come in (`payment`) or gone back (`refund`)."""

    kind: str
    ref: str
    """The gateway's name for it: what an attempt knows as `payment_ref`, a refund as `gateway_ref`."""
    amount_cents: int
    """Always positive."""
    currency: str
    at: datetime
    attempt_id: str = ""
    """Our name for the payment, as the gateway wrote it down; empty for one that was not made here."""
    refund_id: str = ""
    payment_ref: str = ""
    """What a refund gives back."""


@dataclass(frozen=True)
class Ledger:
    """The gateway's own books of a time."""

    movements: tuple[Movement, ...]
    complete_until: datetime
    """What moved later may be missing still."""


@dataclass(frozen=True)
class Dispute:
    """A payment that its payer contests with their bank or the gateway, as it stands now."""

    dispute_ref: str
    payment_ref: str
    amount_cents: int
    currency: str
    reason: str
    """The gateway's own word."""
    status: disputes.Status
    opened_at: datetime
    respond_by_at: datetime | None = None
    """Until when evidence can be handed in; None where the gateway sets no day."""


class Gateway(Protocol):
    """A payment gateway. Every call has time-outs; `OutcomeUnknown` is raised whenever the answer is not definite."""

    name: str
    searches: bool
    """Whether `look_up` finds an attempt by our name for it alone."""
    event_types: frozenset[str]
    """The kinds of notifications that can change anything here."""

    async def start(self, request: Start) -> Started:
        """Open a hosted payment. Safe to repeat with the same request."""
        ...

    async def look_up(self, reference: Reference) -> payments.Outcome:
        """What the gateway knows of the attempt now. Changes nothing.

        `gateway_ref` names a hosted payment or a charge. A gateway that `searches` does without, and raises NotThere
        when it has none; any other GatewayError says nothing of the money.
        """
        ...

    async def capture(self, reference: Reference, idempotency_key: str) -> payments.Outcome:
        """Take the money of a payment whose look-up says APPROVED. Safe to repeat with the same key.

        REFUSED with a `reason` and an `again_url` means that the customer has to choose another source of funds.
        """
        ...

    async def charge(self, request: Charge) -> payments.Outcome:
        """Take money from a kept method. Safe to repeat with the same request.

        A refusal is an outcome: DECLINED with its `remedy`. Where the payment of `again_ref` has succeeded after all,
        the outcome is that success and names the attempt that it was made for. WAITING with an `again_url` means that
        the owner, who is there, has to confirm at the gateway; how that ended is told by `look_up` with the outcome's
        `gateway_ref`.
        """
        ...

    async def start_saving(self, request: Save) -> Started:
        """Open a page that keeps a means of payment. Safe to repeat with the same request."""
        ...

    async def finish_saving(self, saving_id: str, saving_ref: str) -> Kept:
        """How the saving stands; once its owner has agreed, the token. Safe to repeat."""
        ...

    async def kept(self, token: str) -> payments.Card | payments.Wallet | None:
        """A kept method as the gateway has it now; None when it is gone and can never be charged again."""
        ...

    async def forget(self, token: str) -> None:
        """Have a kept method deleted at the gateway. Safe to repeat."""
        ...

    async def close(self, reference: Reference) -> payments.Outcome:
        """See to it that the attempt can no longer be paid, unless it already is, and say how it ended.

        A success is reported as success; a payment still processing is left alone and reported so; a page that nobody
        tried to pay on counts as cancelled. Where money moves only by `capture`, an approval is reported as APPROVED:
        it cannot be paid as long as nobody captures it. Safe to repeat.
        """
        ...

    async def refund(self, request: Refund) -> Refunded:
        """Give money back. Safe to repeat with the same request."""
        ...

    async def look_up_refund(self, refund_ref: str) -> Refunded:
        """How a refund stands now: one that was pending may have ended, one that looked done may have failed."""
        ...

    async def look_up_dispute(self, dispute_ref: str) -> Dispute:
        """How a dispute stands now. Changes nothing."""
        ...

    async def list_events(self, since: datetime, until: datetime) -> list[Listed]:
        """The notifications of a time that can concern us, the oldest first, delivered or not; `until` is not in it."""
        ...

    def read_listed(self, raw: bytes) -> Event:
        """A notification out of `list_events`. It settles nothing by itself: what it speaks of is read back."""
        ...

    async def ledger(self, since: datetime, until: datetime) -> Ledger:
        """What came in and went back in a time, the oldest first; `until` is not in it. Changes nothing."""
        ...

    async def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> Event:
        """Check that a notification is authentic, fresh and ours, and read it. Raises NotAuthentic, Unverifiable.

        `headers` are looked up by their names in lower case.
        """
        ...

    def returned_ref(self, query: Mapping[str, str]) -> str:
        """The `gateway_ref` that a browser brings back from the gateway's page; empty for none or a malformed one."""
        ...

    async def aclose(self) -> None:
        """Close the connections."""
        ...
