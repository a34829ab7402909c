"""Which lines of its order a refund gave back."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Forward. What was given back before names no lines."""
    op.add_column("refund", sa.Column("line_ids", sa.JSON(), nullable=True))
