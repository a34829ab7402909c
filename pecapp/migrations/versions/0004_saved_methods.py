"""saved methods: mandates, savings without a payment, renewal orders, choices for one term, the calendar."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Forward."""
    _people()
    _methods()
    _renewals()
    _columns()


def _people() -> None:
    """Their browsers and their calendar."""
    op.create_table(
        "calendar_feed",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "known_device",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(), nullable=False),
        sa.Column("first_seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.PrimaryKeyConstraint("account_id", "device"),
    )


def _methods() -> None:
    """What was authorised, and tries to keep a method."""
    op.create_table(
        "mandate",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("method_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("ceiling_cents", sa.Integer(), nullable=False),
        sa.Column("currency", sa.String(), nullable=False),
        sa.Column("services", sa.JSON(), nullable=False),
        sa.Column("terms_version", sa.String(), nullable=False),
        sa.Column("sca_reference", sa.String(), nullable=False),
        sa.Column("network_ref", sa.String(), nullable=False),
        sa.Column("authorised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ip", sa.String(), nullable=False),
        sa.Column("user_agent", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["method_id"], ["payment_method.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source"),
    )
    op.create_index(op.f("ix_mandate_account_id"), "mandate", ["account_id"], unique=False)
    op.create_index(op.f("ix_mandate_method_id"), "mandate", ["method_id"], unique=False)
    op.create_table(
        "method_saving",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("gateway", sa.String(), nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("replaces_id", sa.Integer(), nullable=True),
        sa.Column("activates", sa.JSON(), nullable=False),
        sa.Column("years", sa.Integer(), nullable=True),
        sa.Column("ceiling_cents", sa.Integer(), nullable=True),
        sa.Column("concerned", sa.JSON(), nullable=False),
        sa.Column("consent", sa.JSON(), nullable=False),
        sa.Column("lang", sa.String(), nullable=False),
        sa.Column("idempotency_key", sa.String(), nullable=False),
        sa.Column("gateway_ref", sa.String(), nullable=True),
        sa.Column("redirect_url", sa.Text(), nullable=False),
        sa.Column("method_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("checks", sa.Integer(), nullable=False),
        sa.Column("next_check_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"]),
        sa.ForeignKeyConstraint(["method_id"], ["payment_method.id"]),
        sa.ForeignKeyConstraint(["replaces_id"], ["payment_method.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("gateway", "gateway_ref"),
        sa.UniqueConstraint("idempotency_key"),
    )
    op.create_index(op.f("ix_method_saving_account_id"), "method_saving", ["account_id"], unique=False)
    op.create_index(op.f("ix_method_saving_next_check_at"), "method_saving", ["next_check_at"], unique=False)


def _renewals() -> None:
    """Orders that prolong a service, and choices for one term."""
    op.create_table(
        "renewal",
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("automatic", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["customer_order.id"]),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"]),
        sa.PrimaryKeyConstraint("order_id"),
    )
    op.create_index(op.f("ix_renewal_service_id"), "renewal", ["service_id"], unique=False)
    op.create_index(
        "uq_renewal_term",
        "renewal",
        ["service_id", "expires_on"],
        unique=True,
        sqlite_where=sa.text("status IN ('done', 'open')"),
        postgresql_where=sa.text("status IN ('done', 'open')"),
    )
    op.create_table(
        "renewal_choice",
        sa.Column("service_id", sa.Integer(), nullable=False),
        sa.Column("expires_on", sa.Date(), nullable=False),
        sa.Column("method_id", sa.Integer(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["method_id"], ["payment_method.id"]),
        sa.ForeignKeyConstraint(["service_id"], ["service.id"]),
        sa.PrimaryKeyConstraint("service_id", "expires_on"),
    )


def _columns() -> None:
    """What the rows that are there get: a method that carries renewals was authorised with their orders."""
    for table in ("customer_order", "payment_attempt"):
        op.execute(f"ALTER TABLE {table} ADD COLUMN method_id INTEGER REFERENCES payment_method (id)")
    op.create_index(op.f("ix_payment_attempt_method_id"), "payment_attempt", ["method_id"], unique=False)
    op.add_column("inbox_event", sa.Column("saving_id", sa.String(), server_default=sa.text("''"), nullable=False))
    for name in ("charged_token", "charged_customer"):
        op.add_column("payment_attempt", sa.Column(name, sa.String(), server_default=sa.text("''"), nullable=False))
    for table in ("payment_method", "customer_order"):
        op.add_column(table, sa.Column("ceiling_cents", sa.Integer(), nullable=True))
    op.execute(
        "UPDATE customer_order SET ceiling_cents = renewal_gross_cents / COALESCE((SELECT l.quantity FROM order_line l"
        " WHERE l.order_id = customer_order.id ORDER BY l.id LIMIT 1), 1)"
    )
    op.execute(
        "UPDATE payment_method SET ceiling_cents = (SELECT max(o.ceiling_cents) FROM service s"
        " JOIN customer_order o ON o.id = s.order_id"
        " WHERE s.method_id = payment_method.id AND s.renewal = 'active')"
    )
