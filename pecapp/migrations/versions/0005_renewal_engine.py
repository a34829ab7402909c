"""The renewal engine: what is remembered of debits, notices and withdrawals."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Forward."""
    op.add_column("payment_attempt", sa.Column("given_up_at", sa.DateTime(timezone=True), nullable=True))
