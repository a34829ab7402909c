"""The life of a payment attempt, and what a gateway can say of one (domain rules 3.3, 4.5, 4.6)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where a payment attempt stands."""

    CREATED = "created"
    """Recorded here; the gateway may not know of it yet."""
    REDIRECTED = "redirected"
    """The customer has, or had, the gateway's page."""
    UNKNOWN = "unknown"
    """The gateway took the payment data and has not said how it ended."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What the gateway says of an attempt at the moment."""

    WAITING = "waiting"
    """Nothing has happened yet, the customer can still pay there."""
    APPROVED = "approved"
    """The customer has agreed at the gateway; money moves only when we ask for it."""
    REFUSED = "refused"
    """This try is over without money having moved, and the customer can make another one there."""
    PROCESSING = "processing"
    """Paid or not: the gateway itself does not know yet."""
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Reason(StrEnum):
    """Why money was not taken, in the few words that a customer may hear (never «stolen», never «fraud»)."""

    DECLINED = "declined"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    AUTHENTICATION = "authentication"
    CARD_DATA = "card_data"
    EXPIRED_CARD = "expired_card"
    REVOKED = "revoked"
    """The customer has withdrawn the permission to charge this method."""
    TECHNICAL = "technical"


class Remedy(StrEnum):
    """What can be done after a charge of a kept method was refused, whatever its owner may hear of the reason."""

    SOFT = "soft"
    """The calendar tries again."""
    CONFIRM = "confirm"
    """Its owner has to confirm the same payment in person."""
    NEW_DATA = "new_data"
    """Another card is needed, or its new data."""
    NEVER = "never"
    """This method must not be charged again."""
    OURS = "ours"
    """Our own account or request is at fault: for the staff."""


OPEN = frozenset({Status.CREATED, Status.REDIRECTED, Status.UNKNOWN})
FAILED = frozenset({Status.DECLINED, Status.CANCELLED, Status.EXPIRED})

_ENDINGS = MappingProxyType(
    {
        Verdict.SUCCEEDED: Status.SUCCEEDED,
        Verdict.DECLINED: Status.DECLINED,
        Verdict.CANCELLED: Status.CANCELLED,
        Verdict.EXPIRED: Status.EXPIRED,
    }
)


def move(status: Status, verdict: Verdict, *, to_confirm: bool = False) -> Status:
    """The state after the gateway's `verdict`.

    Success is accepted from every state, even late; nothing undoes it; a failed attempt only ever becomes a success.
    An unknown outcome goes back to waiting only when the gateway says that the try is over (REFUSED), or that the
    owner of a method that is charged has yet to confirm (`to_confirm`).
    """
    if status is Status.SUCCEEDED or verdict is Verdict.SUCCEEDED:
        return Status.SUCCEEDED
    if status in FAILED:
        return status
    if verdict in _ENDINGS:
        return _ENDINGS[verdict]
    if verdict is Verdict.PROCESSING:
        return Status.UNKNOWN
    if verdict is Verdict.REFUSED or (verdict is Verdict.WAITING and to_confirm):
        return Status.REDIRECTED
    return Status.REDIRECTED if status is Status.CREATED else status


@dataclass(frozen=True)
class Card:
    """What may be shown and kept of a card, and nothing else of it."""

    brand: str
    last4: str
    exp_month: int
    exp_year: int
    country: str = ""
    """Country of issue, ISO 3166 alpha-2, empty when the gateway does not say."""
    fingerprint: str = ""
    token: str = field(default="", repr=False)
    """The gateway's name for the card if it was saved for later, else empty."""
    customer: str = ""
    """The gateway's name for the customer that owns `token`."""
    network_ref: str = field(default="", repr=False)
    """The card network's name for the payment made with it, when the gateway tells: it ties later charges to it."""


class Saving(StrEnum):
    """What came of keeping a wallet for later payments."""

    NONE = "none"
    """Not asked for, or not granted."""
    PENDING = "pending"
    """Agreed; the gateway tells the token later."""
    SAVED = "saved"
    REFUSED = "refused"
    """The gateway or its account does not allow it."""


@dataclass(frozen=True)
class Wallet:
    """What may be shown and kept of an account at the gateway (PayPal), and nothing else of it."""

    brand: str
    label: str
    """The account's address, masked: «m•••@d•••.it»."""
    country: str = ""
    """Country of the account, ISO 3166 alpha-2, empty when the gateway does not say."""
    fingerprint: str = ""
    """The gateway's name for the account: the same account twice is one method."""
    token: str = field(default="", repr=False)
    """The gateway's name for the permission to charge it later, else empty."""
    customer: str = ""
    """The gateway's name for the customer that owns `token`."""
    saving: Saving = Saving.NONE


def mask(email: str) -> str:
    """An address as it may be shown, «m•••@d•••.it»; empty for what is no address (domain rule 4.2)."""
    name, _, host = email.strip().partition("@")
    domain, _, ending = host.rpartition(".")
    return f"{name[0]}•••@{domain[0]}•••.{ending}" if name and domain and ending else ""


@dataclass(frozen=True)
class Outcome:
    """What a gateway says of one attempt. `amount_cents` and `currency` are what it took, or would take."""

    attempt_id: str
    verdict: Verdict
    amount_cents: int
    currency: str
    gateway_ref: str = ""
    """The gateway's name for the hosted payment."""
    payment_ref: str = ""
    """The gateway's name for the movement of money, needed to refund it."""
    reason: Reason | None = None
    """Why the last try failed, also when the customer can still try again there."""
    remedy: Remedy | None = None
    """What can be done about it; set with every DECLINED of a charge of a kept method."""
    card: Card | None = None
    wallet: Wallet | None = None
    held: bool = False
    """The gateway has the payment and keeps it for review or until a bank transfer arrives: days are normal."""
    again_url: str = field(default="", repr=False)
    """Where the customer can choose another source of funds or confirm in person, when the gateway offers it."""

    @property
    def means(self) -> "Card | Wallet | None":
        """What paid, or would pay."""
        return self.card or self.wallet


def next_check(checks: int, at: datetime, delays: Sequence[int]) -> datetime | None:
    """When to ask for the outcome again after `checks` askings, or None when a person has to look at it.

    `delays` are seconds since the attempt was opened, growing (domain rule 4.6.2).
    """
    return at + timedelta(seconds=delays[checks]) if checks < len(delays) else None
