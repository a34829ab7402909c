"""the renewal engine: debits, late notices, text messages, withdrawals."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward."""
    _debits()
    _text_messages()
    _withdrawals()


def _debits() -> None:
    """How far automatic renewal has come with an order, and what stood in its way."""
    op.add_column("renewal", sa.Column("debits", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("renewal", sa.Column("next_debit_on", sa.Date(), nullable=True))
    for name in ("trouble", "remedy"):
        op.add_column("renewal", sa.Column(name, sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("service", sa.Column("free_exit_until_on", sa.Date(), nullable=True))
    op.add_column("payment_attempt", sa.Column("remedy", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("payment_attempt", sa.Column("again_ref", sa.String(), server_default=sa.text("''"), nullable=False))
    op.add_column("payment_method", sa.Column("refused_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("ALTER TABLE token ADD COLUMN order_id INTEGER REFERENCES customer_order (id)")
    op.add_column("payment_attempt", sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True))


def _text_messages() -> None:
    """The second channel beside a mail."""
    op.create_table(
        "outbox_sms",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dedup_key", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("to_number", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ready_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedup_key"),
    )
    op.create_index("ix_outbox_sms_due", "outbox_sms", ["status", "ready_at"], unique=False)
    op.create_index(op.f("ix_outbox_sms_account_id"), "outbox_sms", ["account_id"], unique=False)


def _withdrawals() -> None:
    """Declarations of withdrawal, mails to whoever has no account, refunds that gateways tell of."""
    op.create_table(
        "withdrawal",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=True),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("email", sa.String(), nullable=False),
        sa.Column("lang", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("finding", sa.String(), nullable=False),
        sa.Column("retained_cents", sa.Integer(), nullable=False),
        sa.Column("refunded_cents", sa.Integer(), nullable=False),
        sa.Column("told", sa.JSON(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_withdrawal_status", "withdrawal", ["status", "received_at"], unique=False)
    op.create_index(op.f("ix_withdrawal_order_id"), "withdrawal", ["order_id"], unique=False)
    effective = sa.text("status IN ('waiting', 'done')")
    op.create_index(
        "uq_withdrawal_effective",
        "withdrawal",
        ["order_id"],
        unique=True,
        sqlite_where=effective,
        postgresql_where=effective,
    )
    with op.batch_alter_table("outbox_mail") as mail:
        mail.alter_column("account_id", existing_type=sa.Integer(), nullable=True)
    op.add_column("inbox_event", sa.Column("refund_ref", sa.String(), server_default=sa.text("''"), nullable=False))
    op.create_index("ix_inbox_attempt", "inbox_event", ["attempt_id"], unique=False)
