"""Methods, attempts, refunds, receipts, and what the gateways tell of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Index, Text, UniqueConstraint
from sqlmodel import Field

from pecapp.domain import payments, refunds, savings
from pecapp.tables import columns


class PaymentMethod(columns.Row, table=True):
    """A means of payment kept by the gateway; here only its token and what may be shown."""

    __table_args__ = (
        UniqueConstraint("account_id", "gateway", "fingerprint"),
        Index("ix_method_created", "created_at", "id"),
        Index("ix_method_status_created", "status", "created_at", "id"),
        Index("ix_method_ends", "exp_year", "exp_month", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id")
    gateway: str
    kind: str
    token: str = Field(index=True)
    customer_ref: str = Field(default="", index=True)
    fingerprint: str
    """The gateway's name for the card or account itself: the same one twice is one method."""
    brand: str = ""
    last4: str = Field(default="", index=True)
    label: str = columns.later("")
    """How an account at the gateway is shown: its address, masked. Empty for a card."""
    exp_month: int = 0
    exp_year: int = 0
    country: str = ""
    status: str = "valid"
    """`valid`, `revoked` by the customer at the gateway, `removed` by the customer here."""
    ceiling_cents: int | None = None
    """The most that one debit may take, gross, as its owner has authorised it; None: no debit at all."""
    consent: dict[str, Any] = columns.json()
    created_at: datetime = columns.instant()
    used_at: datetime | None = columns.instant(optional=True)
    refused_at: datetime | None = columns.instant(optional=True)
    """Since when its bank refuses debits for good: nothing is debited on it without its owner; None: it does not."""


class Mandate(columns.Row, table=True):
    """Evidence that the owner of a method has authorised debits of up to an amount. Rows are added, never changed."""

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    method_id: int = Field(foreign_key="payment_method.id", index=True)
    source: str = Field(unique=True)
    """Where it was given: `order:<number>` or `saving:<id>`."""
    ceiling_cents: int
    currency: str = "eur"
    services: list[int] = columns.json(list)
    """The services whose renewals set the amount."""
    terms_version: str
    sca_reference: str = ""
    """The gateway's name for the act that its owner confirmed with the bank or in their account."""
    network_ref: str = ""
    """The card network's name for it, where the gateway tells."""
    authorised_at: datetime = columns.instant()
    ip: str = ""
    user_agent: str = ""


class MethodSaving(columns.Row, table=True):
    """One try to have a method kept without a payment. The row is committed before the gateway is called."""

    __table_args__ = (UniqueConstraint("gateway", "gateway_ref"),)
    id: str = Field(primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    gateway: str
    purpose: str
    """`add`, `replace`, `activate`."""
    status: str = savings.Status.CREATED.value
    replaces_id: int | None = Field(default=None, foreign_key="payment_method.id")
    activates: list[int] = columns.json(list)
    """The services whose automatic renewal is switched on once the method is kept."""
    years: int | None = None
    """The frequency that was chosen for the first of them."""
    ceiling_cents: int | None = None
    """What a debit may take at most, as shown before; None where no renewal was concerned."""
    concerned: list[int] = columns.json(list)
    """The services whose renewals were considered for it."""
    consent: dict[str, Any] = columns.json()
    """Words, versions, address and browser of whoever agreed."""
    lang: str = "it"
    idempotency_key: str = Field(unique=True)
    gateway_ref: str | None = None
    redirect_url: str = columns.words()
    method_id: int | None = Field(default=None, foreign_key="payment_method.id")
    """What was kept."""
    created_at: datetime = columns.instant()
    expires_at: datetime = columns.instant()
    finished_at: datetime | None = columns.instant(optional=True)
    checks: int = 0
    next_check_at: datetime | None = columns.instant(optional=True, index=True)


class TokenRemoval(columns.Row, table=True):
    """A token that the gateway has to delete because its owner removed the method. The row comes before the call."""

    __table_args__ = (UniqueConstraint("gateway", "token"),)
    id: int | None = Field(default=None, primary_key=True)
    gateway: str
    token: str
    created_at: datetime = columns.instant()
    done_at: datetime | None = columns.instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = columns.instant(optional=True, index=True)


class PaymentAttempt(columns.Row, table=True):
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
        Index("ix_attempt_finished", "finished_at", "id"),
        Index("ix_attempt_created", "created_at", "id"),
        Index("ix_attempt_status_created", "status", "created_at", "id"),
        Index("ix_attempt_last4_created", "card_last4", "created_at"),
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
    method_id: int | None = Field(default=None, foreign_key="payment_method.id", index=True)
    """The kept method that is charged, if it is one."""
    charged_token: str = columns.later("")
    charged_customer: str = columns.later("")
    """What the gateway was asked to charge: a call made again must not differ, whatever became of the method."""
    again_ref: str = columns.later("")
    """The gateway's name for an earlier, refused charge of the order: the same payment is tried again."""
    idempotency_key: str = Field(unique=True)
    gateway_ref: str | None = None
    payment_ref: str | None = None
    redirect_url: str = columns.words()
    reason: str | None = None
    remedy: str = columns.later("")
    """What can be done about the refusal of a kept method's charge: a `payments.Remedy`."""
    card_brand: str = ""
    card_last4: str = ""
    card_country: str = ""
    wallet_label: str = columns.later("")
    """The account at the gateway that paid: its address, masked."""
    saving: str = columns.later("")
    """What came of keeping the method: `pending`, `saved`, `refused`; empty while unknown and when not asked for."""
    held: str = columns.later("")
    """`review` while the gateway itself keeps the payment for days; else empty."""
    captures: int = columns.later(0)
    """How often the approved money was asked for; the number is part of the key that the gateway knows each by."""
    capture_asked_at: datetime | None = columns.instant(optional=True)
    """Since when an answer to the last of them is missing; None while no capture is under way."""
    created_at: datetime = columns.instant()
    expires_at: datetime = columns.instant()
    returned_at: datetime | None = columns.instant(optional=True)
    """When the browser came back from the gateway."""
    given_up_at: datetime | None = columns.instant(optional=True)
    """When the customer asked to end it: whatever the gateway says next, they are looking at the order."""
    unknown_since_at: datetime | None = columns.instant(optional=True)
    finished_at: datetime | None = columns.instant(optional=True)
    checks: int = 0
    next_check_at: datetime | None = columns.instant(optional=True)


class Refund(columns.Row, table=True):
    """Money that goes back. The row is committed before the gateway is called."""

    __table_args__ = (
        UniqueConstraint("attempt_id", "reason"),
        CheckConstraint("amount_cents > 0"),
        Index("ix_refund_created", "created_at"),
    )
    id: str = Field(primary_key=True)
    order_id: int = Field(foreign_key="customer_order.id", index=True)
    attempt_id: str = Field(foreign_key="payment_attempt.id")
    amount_cents: int
    currency: str = "eur"
    reason: str
    """`surplus`: there was nothing left to pay; `withdrawal`; `staff:<key>`; `gateway:<name>`: made at the gateway."""
    status: str = refunds.Status.REQUESTED.value
    idempotency_key: str = Field(unique=True)
    gateway_ref: str | None = Field(default=None, index=True)
    created_at: datetime = columns.instant()
    finished_at: datetime | None = columns.instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = columns.instant(optional=True, index=True)
    line_ids: list[int] | None = Field(default_factory=list, sa_column=Column(JSON))
    """The lines of the order that the staff gave back with it; none when it was everything or an amount."""


class Counter(columns.Row, table=True):
    """Numbers without gaps: taken inside the transaction that uses them."""

    name: str = Field(primary_key=True)
    value: int = 0


class Receipt(columns.Row, table=True):
    """Proof of a payment, one per paid order, numbered without gaps in each year (Europe/Rome)."""

    __table_args__ = (UniqueConstraint("year", "number"), Index("ix_receipt_issued", "issued_at"))
    order_id: int = Field(primary_key=True, foreign_key="customer_order.id")
    attempt_id: str | None = Field(default=None, foreign_key="payment_attempt.id", unique=True)
    """None when nothing had to be paid."""
    year: int
    number: int
    issued_at: datetime = columns.instant()


class InboxEvent(columns.Row, table=True):
    """An authentic notification of a gateway, stored before it is answered. Three indexes are the staff's list's."""

    __table_args__ = (
        UniqueConstraint("gateway", "event_id"),
        Index("uq_inbox_transmission", "gateway", "transmission_id", unique=True),
        Index("ix_inbox_due", "status", "next_try_at"),
        Index("ix_inbox_attempt", "attempt_id"),
        Index("ix_inbox_received", "received_at"),
        Index("ix_inbox_gateway", "gateway", "id"),
        Index("ix_inbox_type", "type", "id"),
        Index("ix_inbox_status", "status", "id"),
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
    method_ref: str = columns.later("")
    """Token of the kept method that the event speaks of: made at last, changed, or gone."""
    saving_id: str = columns.later("")
    """The saving of a method that the event speaks of."""
    refund_ref: str = columns.later("")
    """The gateway's name for the refund that the event speaks of."""
    dispute_ref: str = columns.later("")
    """The gateway's name for the dispute that the event speaks of."""
    proof: str = columns.later("signed")
    """How we know that it is authentic: `signed` by the gateway, or `listed` by it when we asked."""
    body: str = columns.words()
    headers: dict[str, str] | None = Field(default_factory=dict, sa_column=Column(JSON))
    """What stood around the body and speaks of its proof; None in rows that are older than this column."""
    status: str
    """`waiting`, `done`, `unmatched`, `ignored`, `quarantined`."""
    oddity: str = ""
    received_at: datetime = columns.instant()
    handled_at: datetime | None = columns.instant(optional=True)
    tries: int = 0
    next_try_at: datetime | None = columns.instant(optional=True)


class DebitHold(columns.Row, table=True):
    """Debits that the staff holds back: all of them, or that of one term of a service. While the row is there."""

    scope: str = Field(primary_key=True)
    """`all`, or `<service id>:<expiry>`."""
    by_id: int = Field(foreign_key="account.id")
    why: str = columns.words()
    placed_at: datetime = columns.instant()
