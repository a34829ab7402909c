"""a second gateway: accounts as means of payment, captures, transmissions."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Forward: every new column has a value for the rows that are there."""
    text = {"type_": sa.String(), "nullable": False, "server_default": sa.text("''")}
    op.add_column("payment_method", sa.Column("label", **text))
    for name in ("wallet_label", "saving", "held"):
        op.add_column("payment_attempt", sa.Column(name, **text))
    op.add_column("payment_attempt", sa.Column("captures", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.add_column("payment_attempt", sa.Column("capture_asked_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("inbox_event", sa.Column("method_ref", **text))
    op.add_column("inbox_event", sa.Column("transmission_id", sa.String(), nullable=True))
    op.create_index("uq_inbox_transmission", "inbox_event", ["gateway", "transmission_id"], unique=True)
