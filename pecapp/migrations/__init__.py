"""The tables in the database: brought forward by migrations, never back."""

import threading
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from pecapp import db

HERE = Path(__file__).resolve().parent
_one_at_a_time = threading.Lock()
"""Alembic keeps its context in a module."""


class MigrationError(Exception):
    """The database is of a version that these migrations do not know."""


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(HERE))
    config.set_main_option("path_separator", "os")
    return config


def upgrade() -> None:
    """Bring the configured database to the newest tables. Safe to repeat; a migration that fails leaves no trace."""
    with _one_at_a_time:
        try:
            command.upgrade(_config(), "head")
        except CommandError as problem:
            raise MigrationError(str(problem)) from problem


def is_current() -> bool:
    """Whether the database has this version's tables."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    with db.engine().connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == head
