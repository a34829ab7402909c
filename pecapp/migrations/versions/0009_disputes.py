"""Disputes, differences of the books that were looked into, and what the staff's list of notifications needs."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "dispute",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("dispute_ref", sa.String(), nullable=False),
        sa.Column("attempt_id", sa.String(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("amount_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("respond_by_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("noted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["attempt_id"], ["payment_attempt.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "dispute_ref"),
    )
    op.create_index("ix_dispute_attempt", "dispute", ["attempt_id"], unique=False)
    op.create_index("ix_dispute_status", "dispute", ["status", "id"], unique=False)
    op.create_index(op.f("ix_dispute_order_id"), "dispute", ["order_id"], unique=False)
    op.create_table(
        "ledger_check",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("ref", sa.String(), nullable=False),
        sa.Column("ours_cents", sa.Integer(), nullable=False),
        sa.Column("theirs_cents", sa.Integer(), nullable=False),
        sa.Column("moved_on", sa.Date(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "kind", "ref", "ours_cents", "theirs_cents"),
    )
    op.add_column("inbox_event", sa.Column("dispute_ref", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("inbox_event", sa.Column("proof", sa.String(), server_default=sa.text("'signed'"), nullable=False))
    op.create_index("ix_inbox_gateway", "inbox_event", ["gateway", "id"], unique=False)
    op.create_index("ix_inbox_type", "inbox_event", ["type", "id"], unique=False)
    op.create_index("ix_inbox_status", "inbox_event", ["status", "id"], unique=False)
