"""Payments listed by when they ended, mails by when they leave: the indexes tell ties apart too."""

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Forward."""
    op.drop_index("ix_attempt_finished", "payment_attempt")
    op.create_index("ix_attempt_finished", "payment_attempt", ["finished_at", "id"])
    op.drop_index("ix_outbox_due", "outbox_mail")
    op.create_index("ix_outbox_due", "outbox_mail", ["status", "ready_at", "id"])
