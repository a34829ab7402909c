"""An index for what the renewal rounds walk: services that still last, by their expiry."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward."""
    lasting = sa.text("status IN ('activating', 'active', 'expired')")
    op.create_index(
        "ix_service_lasting",
        "service",
        ["expires_on", "id"],
        unique=False,
        sqlite_where=lasting,
        postgresql_where=lasting,
    )
