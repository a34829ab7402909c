"""What this process cannot work without."""

from sqlalchemy import text

from pecapp import db


def ask_database() -> None:
    """Return when the database has answered a question. Raises Unavailable when it does not."""
    with db.reading() as s:
        s.connection().execute(text("SELECT 1"))
