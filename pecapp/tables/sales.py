"""Baskets, orders, what was accepted with them, and the services that they bought."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, Index, Text, bindparam
from sqlmodel import Field

from pecapp.domain import orders
from pecapp.tables import columns


class Draft(columns.Row, table=True):
    """A basket and what was typed in the wizard, one per browser; it survives sign-in and a day without use."""

    id: int | None = Field(default=None, primary_key=True)
    session_id: str = Field(unique=True)
    data: dict[str, Any] = columns.json()
    idempotency_key: str
    """Becomes the order's: pressing twice, going back or reloading cannot place a second order."""
    updated_at: datetime = columns.instant(index=True)


class Order(columns.Row, table=True):
    """A request to buy or renew, with its prices frozen at registration."""

    __table_args__ = (
        Index("ix_order_account_created", "account_id", "created_at"),
        Index("ix_order_status_payable", "status", "payable_until_at"),
        Index("ix_order_created", "created_at", "id"),
        Index("ix_order_status_created", "status", "created_at", "id"),
        Index("ix_order_gross", "gross_cents", "id"),
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
    method_id: int | None = Field(default=None, foreign_key="payment_method.id")
    """The kept method that was chosen there, if it was one."""
    ceiling_cents: int | None = None
    """The dearest single renewal that was shown beside the question about automatic renewal: «Sì» allows so much."""
    years: int | None = None
    auto_renew: bool | None = None
    """The explicit answer; None where the product has no such option."""
    extend_services: list[int] = columns.json(list)
    renewal_gross_cents: int | None = None
    """Price of the next renewal as shown before ordering."""
    save_method: bool = False
    start_now: bool = False
    """The consumer asked for the service to start during the withdrawal period."""
    withdrawal_until_on: date | None = None
    holder: dict[str, Any] = columns.json()
    service_holder: dict[str, Any] = columns.json()
    configuration: dict[str, Any] = columns.json()
    shipping: dict[str, Any] = columns.json()
    reference_email: str
    idempotency_key: str = Field(unique=True)
    created_at: datetime = columns.instant()
    payable_until_at: datetime = columns.instant()
    paid_at: datetime | None = columns.instant(optional=True)
    closed_at: datetime | None = columns.instant(optional=True)
    closed_by: str | None = None
    review_reason: str | None = None
    """Why a person must look at it before it moves on; None for almost all."""


class OrderLine(columns.Row, table=True):
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


class Acceptance(columns.Row, table=True):
    """Evidence that a person accepted, approved or asked for something: which text, which words, when, from where."""

    id: int | None = Field(default=None, primary_key=True)
    order_id: int | None = Field(default=None, foreign_key="customer_order.id", index=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    kind: str
    document_id: str
    version: str
    sha256: str
    label: str = columns.words()
    lang: str
    accepted_at: datetime = columns.instant()
    ip: str = ""
    user_agent: str = ""


class CodeUse(columns.Row, table=True):
    """A discount code taken by an order: consumed at registration, freed on cancellation."""

    order_id: int = Field(primary_key=True, foreign_key="customer_order.id")
    code: str = Field(index=True)
    account_id: int


class MailboxName(columns.Row, table=True):
    """An address that is taken: held by an unpaid order, in use, or given up and kept for its former holder."""

    __table_args__ = (Index("ix_mailbox_address", "address", postgresql_ops={"address": "text_pattern_ops"}),)
    address: str = Field(primary_key=True)
    order_id: int | None = Field(default=None, foreign_key="customer_order.id", index=True)
    status: str
    """`held`, `used`, `former`."""
    tax_id: str = ""
    """Normalised codice fiscale or partita IVA of the holder: only they may have a former address again."""
    former: bool = False
    """Whether a held address was in use before: it is its former holder's again when the order is not paid."""


class SignerContact(columns.Row, table=True):
    """An e-mail or mobile that belongs to one signer: no other codice fiscale may have it."""

    value: str = Field(primary_key=True)
    tax_code: str


_LASTING = ("activating", "active", "expired")


class Service(columns.Row, table=True):
    """Something bought that lasts."""

    __table_args__ = (
        Index("ix_service_account", "account_id"),
        Index("ix_service_expiry", "expires_on", "id"),
        Index("ix_service_status_expiry", "status", "expires_on", "id"),
        Index("ix_service_status", "status", "id"),
        Index("ix_service_renewal", "renewal", "id"),
        Index("ix_service_label", "label", postgresql_ops={"label": "text_pattern_ops"}),
        Index(
            "ix_service_lasting",
            "expires_on",
            "id",
            sqlite_where=Column("status", Text).in_(_LASTING),
            postgresql_where=Column("status", Text).in_(_LASTING),
        ),
    )
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
    renewal_changed_at: datetime | None = columns.instant(optional=True)
    renewal_reason: str = ""
    method_id: int | None = Field(default=None, foreign_key="payment_method.id", index=True)
    free_exit_until_on: date | None = None
    """Until when a consumer who was told of the renewal too late may leave without cost (6.8)."""


LASTING = Service.metadata.tables["service"].c.status.in_(
    bindparam("lasting", _LASTING, expanding=True, literal_execute=True)
)
"""Services that are not cancelled, in the very words of `ix_service_lasting`: SQLite compares them literally."""


class Renewal(columns.Row, table=True):
    """An order that prolongs a service by a term. One that is open or done per service and expiry, never two."""

    __table_args__ = (
        Index(
            "uq_renewal_term",
            "service_id",
            "expires_on",
            unique=True,
            sqlite_where=Column("status", Text).in_(["done", "open"]),
            postgresql_where=Column("status", Text).in_(["done", "open"]),
        ),
        Index(
            "ix_renewal_open",
            "service_id",
            "expires_on",
            sqlite_where=Column("status", Text) == "open",
            postgresql_where=Column("status", Text) == "open",
        ),
    )
    order_id: int = Field(primary_key=True, foreign_key="customer_order.id")
    service_id: int = Field(foreign_key="service.id", index=True)
    expires_on: date
    """The last valid day from which the order counts on."""
    status: str = "open"
    """`open`, `done` once it is paid, `void` when its order was cancelled or lapsed."""
    automatic: bool = False
    """Whether automatic renewal made the order, and not the customer."""
    debits: int = columns.later(0)
    """How often automatic renewal has taken the order up, to debit it or to say why it does not."""
    next_debit_on: date | None = None
    """When it will be debited again; None: not by itself."""
    trouble: str = columns.later("")
    """Why the last of them came to nothing: a `payments.Reason`, a `renewals.Doubt` or `notice`; `given_up` when its
    owner cancelled what automatic renewal had taken up: this term is not debited any more. Else empty."""
    remedy: str = columns.later("")
    """What can be done about it: a `payments.Remedy`, if a gateway has refused."""


class Withdrawal(columns.Row, table=True):
    """A declaration to withdraw from a contract, kept as it was received, and what came of it."""

    __table_args__ = (
        Index("ix_withdrawal_status", "status", "received_at"),
        Index(
            "uq_withdrawal_effective",
            "order_id",
            unique=True,
            sqlite_where=Column("status", Text).in_(["waiting", "done"]),
            postgresql_where=Column("status", Text).in_(["waiting", "done"]),
        ),
    )
    id: str = Field(primary_key=True)
    """Given to the page before it asks for the last confirmation: pressed twice, it is one declaration."""
    order_id: int | None = Field(default=None, foreign_key="customer_order.id", index=True)
    """The order that it names; None when there is none of that number."""
    account_id: int | None = Field(default=None, foreign_key="account.id")
    """Whose contract it is, once that is proved: they had signed in, or name and address are the order's."""
    name: str
    number: str
    email: str
    """As typed; the acknowledgement goes to this address."""
    lang: str
    channel: str
    """`area` by who had signed in, `open` by whoever filled in the form."""
    status: str
    """`received`, `waiting` for the end of a payment, `done`, `repeated` after another, `to_check` by a person."""
    finding: str = ""
    """A `withdrawal.Finding`, or `unproved`: on what ground it took effect, or why a person has to check."""
    retained_cents: int = 0
    refunded_cents: int = 0
    told: list[str] = columns.json(list)
    """What it brings about, in the words in which its author was told."""
    received_at: datetime = columns.instant()
    finished_at: datetime | None = columns.instant(optional=True)
    ip: str = ""
    user_agent: str = ""


class RenewalChoice(columns.Row, table=True):
    """What a customer has decided for the debit of one term only; automatic renewal stays on."""

    service_id: int = Field(primary_key=True, foreign_key="service.id")
    expires_on: date = Field(primary_key=True)
    method_id: int | None = Field(default=None, foreign_key="payment_method.id")
    """The method to debit this time; None: nothing is debited this time."""
    made_at: datetime = columns.instant()
