"""Every table of the product: columns, unique keys, indexes and checks; data only.

The unique keys carry the invariants: one open attempt per order, one row per gateway event, one receipt number,
one mail per fact. Amounts are integer cents, instants aware UTC, dates Europe/Rome.
"""

import re
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Index,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

from pecapp.domain import orders, payments

_NAMES = {"Order": "customer_order"}


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse instants without a zone: they would be read as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC instant."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Row(SQLModel):
    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        """`PaymentAttempt` -> `payment_attempt`; `Order` alone would be a reserved word of SQL."""
        return _NAMES.get(cls.__name__) or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def _instant(**kwargs: Any) -> Any:
    optional = kwargs.pop("optional", False)
    if optional:
        return Field(default=None, sa_type=Instant, nullable=True, **kwargs)
    return Field(sa_type=Instant, nullable=False, **kwargs)


def _later(default: str | int) -> Any:
    """A column that came after the first rows: the database itself gives them the value that they lack."""
    return Field(default=default, sa_column_kwargs={"server_default": text(repr(default))})


def _json(default: type = dict) -> Any:
    return Field(default_factory=default, sa_column=Column(JSON, nullable=False))


def _text(*, optional: bool = False) -> Any:
    if optional:
        return Field(default=None, sa_column=Column(Text, nullable=True))
    return Field(default="", sa_column=Column(Text, nullable=False))


def _in(values: frozenset[Any]) -> str:
    return ", ".join(f"'{value}'" for value in sorted(values))


# --- people -----------------------------------------------------------------------------------------------------------


class Account(_Row, table=True):
    """A customer or member of staff. `login` is `<digits>@<login domain>`; customers may also sign in with `email`."""

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True)
    email: str = Field(index=True)
    email_key: str = Field(unique=True)
    """`email` in lower case: one account per address."""
    email_confirmed_at: datetime | None = _instant(optional=True)
    role: str = "customer"
    password_hash: str
    lang: str = "it"
    holder: dict[str, Any] = _json()
    """The holder's data as validated by `domain.identity`."""
    created_at: datetime = _instant()


class WebSession(_Row, table=True):
    """A browser, signed in or not. The cookie's value is never stored, only its SHA-256."""

    id: str = Field(primary_key=True)
    account_id: int | None = Field(default=None, foreign_key="account.id", index=True)
    created_at: datetime = _instant()
    seen_at: datetime = _instant()
    expires_at: datetime = _instant(index=True)
    lang: str = "it"
    ip: str = ""
    user_agent: str = ""
    notice: dict[str, Any] = _json()
    """What the next page has to say or fill in again (a failed sign-in), shown once."""


class Token(_Row, table=True):
    """A link or ticket that works once: confirm an address, set a password, open a session after registration."""

    id: str = Field(primary_key=True)
    """SHA-256 of what was sent."""
    purpose: str
    account_id: int = Field(foreign_key="account.id", index=True)
    session_id: str | None = None
    """Only this browser may use it, when set."""
    expires_at: datetime = _instant(index=True)
    used_at: datetime | None = _instant(optional=True)


# --- catalogue --------------------------------------------------------------------------------------------------------


class Product(_Row, table=True):
    """What is sold; meaning of the columns in `domain.catalog.Product`."""

    code: str = Field(primary_key=True)
    family: str
    kind: str
    name_it: str
    name_en: str
    summary_it: str = _text()
    summary_en: str = _text()
    period: str
    freq_min: int = 0
    freq_max: int = 0
    auto_renewable: bool = False
    grace_days: int | None = None
    quantity_max: int = 1
    parent_codes: list[str] = _json(list)
    parent_limits: dict[str, int] = _json()
    needs_shipping: bool = False
    config: str = "none"
    sellable: bool = True
    position: int = 0


class Price(_Row, table=True):
    """A net price from a day on. Rows are added, never changed."""

    __table_args__ = (UniqueConstraint("product_code", "valid_from"), CheckConstraint("net_cents >= 0"))
    id: int | None = Field(default=None, primary_key=True)
    product_code: str = Field(foreign_key="product.code")
    valid_from: date
    net_cents: int
    first_year_net_cents: int | None = None


class Promotion(_Row, table=True):
    """A price for the first term only, between two instants."""

    id: str = Field(primary_key=True)
    product_code: str = Field(foreign_key="product.code", index=True)
    starts_at: datetime = _instant()
    ends_at: datetime = _instant()
    net_cents: int
    promo_years: int = 1
    months: int | None = None


class CertifiedDomain(_Row, table=True):
    """A domain on which new mailboxes can be opened."""

    name: str = Field(primary_key=True)
    position: int = 0


class DiscountCode(_Row, table=True):
    """A code that a customer types; meaning of the columns in `domain.catalog.DiscountCode`."""

    code: str = Field(primary_key=True)
    kind: str
    value: int
    product_codes: list[str] = _json(list)
    starts_at: datetime = _instant()
    ends_at: datetime = _instant()
    max_uses: int | None = None
    max_uses_per_account: int | None = None
    combinable: bool = False


# --- orders -----------------------------------------------------------------------------------------------------------


class Draft(_Row, table=True):
    """A basket and what was typed in the wizard, one per browser; it survives sign-in and a day without use."""

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(unique=True)
    data: dict[str, Any] = _json()
    idempotency_key: str
    """Becomes the order's: pressing twice, going back or reloading cannot place a second order."""
    updated_at: datetime = _instant(index=True)


class Order(_Row, table=True):
    """A request to buy or renew, with its prices frozen at registration."""

    __table_args__ = (
        Index("ix_order_account_created", "account_id", "created_at"),
        Index("ix_order_status_payable", "status", "payable_until_at"),
        CheckConstraint("gross_cents = net_cents + vat_cents AND net_cents >= 0 AND vat_cents >= 0"),
    )
    id: int | None = Field(default=None, primary_key=True)
    number: str = Field(unique=True)
    account_id: int = Field(foreign_key="account.id")
    family: str
    kind: str = orders.Kind.PURCHASE.value
    status: str = orders.Status.AWAITING_PAYMENT.value
    lang: str = "it"
    currency: str = "eur"
    list_net_cents: int = 0
    """What the same would cost without promotion and code."""
    net_cents: int
    vat_rate: int
    vat_cents: int
    gross_cents: int
    discount_code: str | None = None
    discount_net_cents: int = 0
    gateway: str
    """Means of payment chosen in the order form; another may be used to pay."""
    years: int | None = None
    auto_renew: bool | None = None
    """The explicit answer; None where the product has no such option."""
    extend_services: list[int] = _json(list)
    renewal_gross_cents: int | None = None
    """Price of the next renewal as shown before ordering."""
    save_method: bool = False
    start_now: bool = False
    """The consumer asked for the service to start during the withdrawal period."""
    withdrawal_until_on: date | None = None
    holder: dict[str, Any] = _json()
    service_holder: dict[str, Any] = _json()
    configuration: dict[str, Any] = _json()
    shipping: dict[str, Any] = _json()
    reference_email: str
    idempotency_key: str = Field(unique=True)
    created_at: datetime = _instant()
    payable_until_at: datetime = _instant()
    paid_at: datetime | None = _instant(optional=True)
    closed_at: datetime | None = _instant(optional=True)
    closed_by: str | None = None
    review_reason: str | None = None
    """Why a person must look at it before it moves on; None for almost all."""


class OrderLine(_Row, table=True):
    """One product of an order, named as it was named when it was ordered."""

    id: int | None = Field(default=None, primary_key=True)
    order_id: int = Field(foreign_key="customer_order.id", index=True)
    product_code: str
    name_it: str
    name_en: str
    quantity: int
    years: int | None = None
    net_cents: int
    list_net_cents: int


class Acceptance(_Row, table=True):
    """Evidence that a person accepted, approved or asked for something: which text, which words, when, from where."""

    id: int | None = Field(default=None, primary_key=True)
    order_id: int | None = Field(default=None, foreign_key="customer_order.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    kind: str
    document_id: str
    version: str
    sha256: str
    label: str = _text()
    lang: str
    accepted_at: datetime = _instant()
    ip: str = ""
    user_agent: str = ""


class CodeUse(_Row, table=True):
    """A discount code taken by an order: consumed at registration, freed on cancellation."""

    order_id: int = Field(primary_key=True, foreign_key="customer_order.id")
    code: str = Field(index=True)
    account_id: int


class MailboxName(_Row, table=True):
    """An address that is taken: held by an unpaid order, in use, or given up and kept for its former holder."""

    address: str = Field(primary_key=True)
    order_id: int | None = Field(default=None, foreign_key="customer_order.id", index=True)
    status: str
    """`held`, `used`, `former`."""
    tax_id: str = ""
    """Normalised codice fiscale or partita IVA of the holder: only they may have a former address again."""
    former: bool = False
    """Whether a held address was in use before: it is its former holder's again when the order is not paid."""


class SignerContact(_Row, table=True):
    """An e-mail or mobile that belongs to one signer: no other codice fiscale may have it."""

    value: str = Field(primary_key=True)
    tax_code: str


class Service(_Row, table=True):
    """Something bought that lasts."""

    __table_args__ = (Index("ix_service_account", "account_id"), Index("ix_service_expiry", "expires_on"))
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    order_id: int = Field(foreign_key="customer_order.id", index=True)
    product_code: str
    label: str = ""
    status: str
    activated_on: date
    expires_on: date | None = None
    """Last valid day; None for what does not expire by itself."""
    years: int | None = None
    renewal: str | None = None
    """`active`, `inactive`, `disabled`, `incomplete`; None where there is no automatic renewal."""
    renewal_changed_at: datetime | None = _instant(optional=True)
    renewal_reason: str = ""
    method_id: int | None = Field(default=None, foreign_key="payment_method.id", index=True)


# --- payments ---------------------------------------------------------------------------------------------------------


class PaymentMethod(_Row, table=True):
    """A means of payment kept by the gateway; here only its token and what may be shown."""

    __table_args__ = (UniqueConstraint("account_id", "gateway", "fingerprint"),)
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    gateway: str
    kind: str
    token: str = Field(index=True)
    customer_ref: str = ""
    fingerprint: str
    """The gateway's name for the card or account itself: the same one twice is one method."""
    brand: str = ""
    last4: str = ""
    label: str = _later("")
    """How an account at the gateway is shown: its address, masked. Empty for a card."""
    exp_month: int = 0
    exp_year: int = 0
    country: str = ""
    status: str = "valid"
    """`valid`, `revoked` by the customer at the gateway, `removed` by the customer here."""
    consent: dict[str, Any] = _json()
    created_at: datetime = _instant()
    used_at: datetime | None = _instant(optional=True)


class TokenRemoval(_Row, table=True):
    """A token that the gateway has to delete because its owner removed the method. The row comes before the call."""

    __table_args__ = (UniqueConstraint("gateway", "token"),)
    id: int | None = Field(default=None, primary_key=True)
    gateway: str
    token: str
    created_at: datetime = _instant()
    done_at: datetime | None = _instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = _instant(optional=True, index=True)


class PaymentAttempt(_Row, table=True):
    """One try to pay an order. The row is committed before the gateway is called."""

    __table_args__ = (
        Index(
            "uq_attempt_open",
            "order_id",
            unique=True,
            sqlite_where=Column("status", Text).in_(sorted(payments.OPEN)),
            postgresql_where=Column("status", Text).in_(sorted(payments.OPEN)),
        ),
        UniqueConstraint("gateway", "gateway_ref"),
        UniqueConstraint("gateway", "payment_ref"),
        UniqueConstraint("order_id", "number"),
        Index("ix_attempt_due", "next_check_at"),
        CheckConstraint("amount_cents > 0"),
    )
    id: str = Field(primary_key=True)
    order_id: int = Field(foreign_key="customer_order.id")
    number: int
    gateway: str
    channel: str
    """`order`, `area`, `quick`."""
    status: str = payments.Status.CREATED.value
    amount_cents: int
    currency: str = "eur"
    save_method: bool = False
    idempotency_key: str = Field(unique=True)
    gateway_ref: str | None = None
    payment_ref: str | None = None
    redirect_url: str = _text()
    reason: str | None = None
    card_brand: str = ""
    card_last4: str = ""
    card_country: str = ""
    wallet_label: str = _later("")
    """The account at the gateway that paid: its address, masked."""
    saving: str = _later("")
    """What came of keeping the method: `pending`, `saved`, `refused`; empty while unknown and when not asked for."""
    held: str = _later("")
    """`review` while the gateway itself keeps the payment for days; else empty."""
    captures: int = _later(0)
    """How often the approved money was asked for; the number is part of the key that the gateway knows each by."""
    capture_asked_at: datetime | None = _instant(optional=True)
    """Since when an answer to the last of them is missing; None while no capture is under way."""
    created_at: datetime = _instant()
    expires_at: datetime = _instant()
    returned_at: datetime | None = _instant(optional=True)
    """When the browser came back from the gateway."""
    unknown_since_at: datetime | None = _instant(optional=True)
    finished_at: datetime | None = _instant(optional=True)
    checks: int = 0
    next_check_at: datetime | None = _instant(optional=True)


class Refund(_Row, table=True):
    """Money that goes back. The row is committed before the gateway is called."""

    __table_args__ = (UniqueConstraint("attempt_id", "reason"), CheckConstraint("amount_cents > 0"))
    id: str = Field(primary_key=True)
    order_id: int = Field(foreign_key="customer_order.id", index=True)
    attempt_id: str = Field(foreign_key="payment_attempt.id")
    amount_cents: int
    currency: str = "eur"
    reason: str
    status: str = "requested"
    idempotency_key: str = Field(unique=True)
    gateway_ref: str | None = None
    created_at: datetime = _instant()
    finished_at: datetime | None = _instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = _instant(optional=True, index=True)


class Counter(_Row, table=True):
    """Numbers without gaps: taken inside the transaction that uses them."""

    name: str = Field(primary_key=True)
    value: int = 0


class Receipt(_Row, table=True):
    """Proof of a payment, one per paid order, numbered without gaps in each year (Europe/Rome)."""

    __table_args__ = (UniqueConstraint("year", "number"),)
    order_id: int = Field(primary_key=True, foreign_key="customer_order.id")
    attempt_id: str | None = Field(default=None, foreign_key="payment_attempt.id", unique=True)
    """None when nothing had to be paid."""
    year: int
    number: int
    issued_at: datetime = _instant()


class InboxEvent(_Row, table=True):
    """An authentic notification of a gateway, stored before it is answered."""

    __table_args__ = (
        UniqueConstraint("gateway", "event_id"),
        Index("uq_inbox_transmission", "gateway", "transmission_id", unique=True),
        Index("ix_inbox_due", "status", "next_try_at"),
    )
    id: int | None = Field(default=None, primary_key=True)
    gateway: str
    event_id: str
    type: str
    transmission_id: str | None = None
    """The gateway's name for the sending, where the signature covers it: one of them brings one event."""
    attempt_id: str = ""
    """Empty when the event names no attempt: it is then found by `gateway_ref`."""
    gateway_ref: str = ""
    method_ref: str = _later("")
    """Token of the kept method that the event speaks of: made at last, or gone."""
    body: str = _text()
    status: str
    """`waiting`, `done`, `unmatched`, `ignored`, `quarantined`."""
    oddity: str = ""
    received_at: datetime = _instant()
    handled_at: datetime | None = _instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = _instant(optional=True)


# --- what leaves the house --------------------------------------------------------------------------------------------


class OutboxMail(_Row, table=True):
    """A mail to send because something was committed. `dedup_key` names the fact: one mail per fact."""

    __table_args__ = (Index("ix_outbox_due", "status", "ready_at"), Index("ix_outbox_account", "account_id"))
    id: int | None = Field(default=None, primary_key=True)
    dedup_key: str = Field(unique=True)
    template: str
    account_id: int = Field(foreign_key="account.id")
    order_id: int | None = Field(default=None, foreign_key="customer_order.id")
    to_address: str
    lang: str
    params: dict[str, Any] = _json()
    status: str = "waiting"
    """`waiting`, `sent`, `failed`."""
    created_at: datetime = _instant()
    ready_at: datetime = _instant()
    tries: int = 0
    sent_at: datetime | None = _instant(optional=True)
    message_id: str = ""
    subject: str = ""
    body_text: str = _text()
    body_html: str = _text()


class Alert(_Row, table=True):
    """Something a member of staff has to know; one row per fact."""

    id: int | None = Field(default=None, primary_key=True)
    dedup_key: str = Field(unique=True)
    kind: str
    order_id: int | None = Field(default=None, foreign_key="customer_order.id")
    params: dict[str, Any] = _json()
    created_at: datetime = _instant()
    resolved_at: datetime | None = _instant(optional=True)
