"""What the staff's pages see; as `services.views`: finished text in the reader's language, frozen, no rows.

Of a method there is never more than what its owner sees. A status is the machine word.
"""

from dataclasses import dataclass, field
from typing import Any

from pecapp.services import history_views


@dataclass(frozen=True)
class CustomerRow:
    """A customer in a list."""

    id: int
    name: str
    email: str
    login: str
    kind: str
    """«Tipo cliente», as `domain.identity.CustomerKind`; empty where no data are known."""
    confirmed: bool
    created: str
    iso: str


@dataclass(frozen=True)
class OrderRow:
    """An order in a list."""

    number: str
    account_id: int
    customer: str
    title: str
    status: str
    kind: str
    gateway: str
    gross: str
    cents: int
    created: str
    iso: str


@dataclass(frozen=True)
class PaymentRow:
    """One try to pay an order, in a list."""

    order_number: str
    number: int
    """Which try of its order it is."""
    account_id: int
    customer: str
    status: str
    gateway: str
    channel: str
    means: str
    why: str
    """Why it came to nothing, in plain words."""
    reference: str
    """The gateway's name for the payment, else for what led to it."""
    amount: str
    cents: int
    created: str
    iso: str


@dataclass(frozen=True)
class ServiceRow:
    """A service in a list."""

    id: int
    account_id: int
    customer: str
    name: str
    label: str
    status: str
    renewal: str
    """Empty where there is no automatic renewal."""
    expires: str
    iso: str
    means: str = ""
    """What its renewal is charged on."""


@dataclass(frozen=True)
class MethodRow:
    """A kept method in a list."""

    id: int
    account_id: int
    customer: str
    title: str
    gateway: str
    status: str
    """`valid`, `expired`, `revoked`, `removed`."""
    expires: str
    ceiling: str
    created: str
    iso: str
    used: str


@dataclass(frozen=True)
class PageView:
    """A page of a list; `before` and `after` say where the neighbouring pages begin, empty where there is none."""

    rows: list[Any] = field(default_factory=list)
    """All of one kind: `CustomerRow`, `OrderRow`, `PaymentRow`, `ServiceRow`, `MethodRow` or `MailRow`."""
    before: str = ""
    after: str = ""
    partial: bool = False
    """Whether it is short because enough was looked at, and not because there is no more."""


@dataclass(frozen=True)
class HitView:
    """Something that was found, and why it matched."""

    href: str
    title: str
    detail: str
    why: str


@dataclass(frozen=True)
class FoundView:
    """What was found, by what it is."""

    customers: list[HitView] = field(default_factory=list)
    orders: list[HitView] = field(default_factory=list)
    payments: list[HitView] = field(default_factory=list)
    methods: list[HitView] = field(default_factory=list)
    services: list[HitView] = field(default_factory=list)


@dataclass(frozen=True)
class EventView:
    """One thing that happened, in the timeline of an order or of a customer."""

    kind: str
    """As `history_views.StepView`, and `payment`, `act`, `note`, `withdrawal`, `dispute`."""
    tone: str
    at: str
    iso: str
    title: str
    text: str = ""
    facts: list[history_views.FactView] = field(default_factory=list)
    href: str = ""
    """A page of the staff's that tells more; empty for none."""


@dataclass(frozen=True)
class MailRow:
    """A mail to a customer."""

    id: int
    account_id: int
    """0 for a mail to somebody of whom no account is known to be theirs."""
    order: str
    """Number of the order it is about, where a list shows it; empty for none."""
    subject: str
    """What it says, or the name of its kind while it is not written yet."""
    to_address: str
    status: str
    """`waiting`, `sent`, `failed`."""
    tries: int
    at: str
    iso: str


@dataclass(frozen=True)
class NoteView:
    """What the staff should remember of a customer."""

    text: str
    by: str
    at: str


@dataclass(frozen=True)
class CustomerView:
    """The page of a customer."""

    id: int = 0
    name: str = ""
    email: str = ""
    confirmed: bool = False
    login: str = ""
    kind: str = ""
    tax_code: str = ""
    """Masked."""
    vat_number: str = ""
    address: str = ""
    phone: str = ""
    created: str = ""
    lang: str = ""
    methods: list[MethodRow] = field(default_factory=list)
    services: list[ServiceRow] = field(default_factory=list)
    orders: list[OrderRow] = field(default_factory=list)
    mails: list[MailRow] = field(default_factory=list)
    notes: list[NoteView] = field(default_factory=list)
    timeline: list[EventView] = field(default_factory=list)


@dataclass(frozen=True)
class OrderPageView:
    """The page of an order."""

    id: int = 0
    number: str = ""
    account_id: int = 0
    customer: str = ""
    email: str = ""
    status: str = ""
    kind: str = ""
    gateway: str = ""
    title: str = ""
    subject: str = ""
    created: str = ""
    net: str = ""
    vat: str = ""
    gross: str = ""
    refunded: str = ""
    """What was given back; empty for nothing."""
    refundable: bool = False
    """Whether something of what was paid is left that could go back."""
    receipt: str = ""
    receipt_href: str = ""
    review: str = ""
    """Why a person has to look at it; empty for almost all."""
    lines: list[history_views.FactView] = field(default_factory=list)
    attempts: list[PaymentRow] = field(default_factory=list)
    services: list[ServiceRow] = field(default_factory=list)
    mails: list[MailRow] = field(default_factory=list)
    timeline: list[EventView] = field(default_factory=list)
