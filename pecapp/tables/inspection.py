"""What the staff looks into: payments that are contested, differences between our books and a gateway's."""

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from pecapp.tables import columns


class Dispute(columns.Row, table=True):
    """A payment that its payer contests, as the gateway told it last."""

    __table_args__ = (
        UniqueConstraint("gateway", "dispute_ref"),
        Index("ix_dispute_attempt", "attempt_id"),
        Index("ix_dispute_status", "status", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    gateway: str
    dispute_ref: str
    """The gateway's name for it."""
    attempt_id: str = Field(foreign_key="payment_attempt.id")
    order_id: int = Field(foreign_key="customer_order.id", index=True)
    amount_cents: int
    currency: str = "eur"
    reason: str = ""
    """The gateway's own word."""
    status: str
    """A `disputes.Status`."""
    opened_at: datetime = columns.instant()
    respond_by_at: datetime | None = columns.instant(optional=True)
    """Until when evidence can be handed in."""
    noted_at: datetime = columns.instant()
    """When we heard of it."""
    decided_at: datetime | None = columns.instant(optional=True)
    """When we heard how it ended."""


class LedgerCheck(columns.Row, table=True):
    """A difference between our books and a gateway's that a person has looked into and found in order, and why.

    It holds for these two amounts: when one of them changes, the difference is there again.
    """

    __table_args__ = (UniqueConstraint("gateway", "kind", "ref", "ours_cents", "theirs_cents"),)
    id: int | None = Field(default=None, primary_key=True)
    gateway: str
    kind: str
    """`payment` or `refund`."""
    ref: str
    """The name of what moved: the gateway's, or ours for what the gateway does not have."""
    ours_cents: int
    """0 for what we do not have."""
    theirs_cents: int
    """0 for what the gateway does not have."""
    moved_on: date
    why: str = columns.words()
    by_id: int = Field(foreign_key="account.id")
    at: datetime = columns.instant()
