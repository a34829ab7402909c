"""How alembic reaches the database: through the product's own engine, each migration whole or not at all."""

from pathlib import Path
from typing import Any, Literal

from alembic import context
from sqlmodel.sql.sqltypes import AutoString

from pecapp import db, tables
from pecapp.tables import columns


def _plain(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write column types as plain SQL types: a migration must not change its meaning when the code does."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, columns.Instant):
        return "sa.DateTime(timezone=True)"
    return False


engine = db.engine()
if db.is_sqlite() and engine.url.database:
    Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=tables.SQLModel.metadata,
        render_item=_plain,
        transaction_per_migration=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()
