"""The register by who and by which act, the mails of every state and by their recipient; the renewals that are open."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Forward."""
    op.create_index("ix_staff_act_at", "staff_act", ["at", "id"])
    op.create_index("ix_staff_act_by", "staff_act", ["by_id", "at", "id"])
    op.create_index("ix_staff_act_act", "staff_act", ["act", "at", "id"])
    op.drop_index("ix_staff_act_by_id", "staff_act")
    op.create_index("ix_outbox_ready", "outbox_mail", ["ready_at", "id"])
    op.create_index("ix_outbox_to", "outbox_mail", ["to_address", "ready_at", "id"])
    is_open = sa.text("status = 'open'")
    op.create_index(
        "ix_renewal_open", "renewal", ["service_id", "expires_on"], sqlite_where=is_open, postgresql_where=is_open
    )
