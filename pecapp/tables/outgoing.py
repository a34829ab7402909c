"""What leaves the house: mails to customers, alerts to the staff."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from pecapp.tables import columns


class OutboxMail(columns.Row, table=True):
    """A mail to send because something was committed. `dedup_key` names the fact: one mail per fact."""

    __table_args__ = (
        Index("ix_outbox_due", "status", "ready_at", "id"),
        Index("ix_outbox_ready", "ready_at", "id"),
        Index("ix_outbox_to", "to_address", "ready_at", "id"),
        Index("ix_outbox_account", "account_id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    dedup_key: str = Field(unique=True)
    template: str
    account_id: int | None = Field(default=None, foreign_key="account.id")
    """None for a mail to somebody of whom no account is known to be theirs."""
    order_id: int | None = Field(default=None, foreign_key="customer_order.id")
    to_address: str
    lang: str
    params: dict[str, Any] = columns.json()
    status: str = "waiting"
    """`waiting`, `sent`, `failed`."""
    created_at: datetime = columns.instant()
    ready_at: datetime = columns.instant()
    tries: int = 0
    sent_at: datetime | None = columns.instant(optional=True)
    message_id: str = ""
    subject: str = ""
    body_text: str = columns.words()
    body_html: str = columns.words()


class OutboxSms(columns.Row, table=True):
    """A text message to send because something was committed: the second channel beside a mail."""

    __table_args__ = (Index("ix_outbox_sms_due", "status", "ready_at"),)
    id: int | None = Field(default=None, primary_key=True)
    dedup_key: str = Field(unique=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    to_number: str
    text: str
    status: str = "waiting"
    """`waiting`, `sent`, `failed`."""
    created_at: datetime = columns.instant()
    ready_at: datetime = columns.instant()
    tries: int = 0
    sent_at: datetime | None = columns.instant(optional=True)


class DayFigure(columns.Row, table=True):
    """What a day that is over came to (Europe/Rome), so that the board need not add it up again."""

    day: date = Field(primary_key=True)
    paid: int
    paid_cents: int
    declined: int
    refunded_cents: int


class Alert(columns.Row, table=True):
    """Something a member of staff has to know; one row per fact."""

    __table_args__ = (Index("ix_alert_open", "resolved_at", "id"),)
    id: int | None = Field(default=None, primary_key=True)
    dedup_key: str = Field(unique=True)
    kind: str
    order_id: int | None = Field(default=None, foreign_key="customer_order.id")
    params: dict[str, Any] = columns.json()
    created_at: datetime = columns.instant()
    resolved_at: datetime | None = columns.instant(optional=True)
