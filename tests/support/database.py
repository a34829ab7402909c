"""A fresh, migrated database for each test that asks for one, on every engine that answers."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql

from pecapp import db, migrations

POSTGRES_URL = os.environ.get("TEST_POSTGRES_URL", "postgresql://postgres@127.0.0.1:5432/postgres")
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")

ORPHANS = """
    SELECT made.datname FROM pg_database AS made WHERE made.datname LIKE 'pecapp\\_run\\_%'
    AND NOT EXISTS (
        SELECT FROM pg_stat_activity AS run
        WHERE run.application_name LIKE 'pecapp\\_run\\_%' AND starts_with(made.datname, run.application_name)
    )
"""
"""Databases of test runs that were killed before they could clear them away: nobody with their mark is connected."""
POSTGRES_PLACE = urlsplit(POSTGRES_URL).netloc.rpartition("@")[2]
REDIS_PLACE = urlsplit(REDIS_URL).netloc.rpartition("@")[2]


def postgres_answers() -> bool:
    """Whether the PostgreSQL server for the tests can be used now."""
    try:
        psycopg.connect(POSTGRES_URL, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def redis_answers() -> bool:
    """Whether the Redis server for the tests can be used now."""
    with redis.Redis.from_url(REDIS_URL, socket_connect_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False


def migrated(url: str) -> None:
    """Bring the database at `url` to the newest schema."""
    db.configure(url)
    try:
        migrations.upgrade()
    finally:
        db.dispose()


Fresh = Callable[[], AbstractContextManager[str]]
"""Makes the address of a new, migrated database, which is gone on exit."""


@contextmanager
def _sqlite(folder: Path) -> Iterator[Fresh]:
    """Copies of one migrated file."""
    template = folder / "template.db"
    migrated(f"sqlite:///{template}")

    @contextmanager
    def fresh() -> Iterator[str]:
        file = folder / f"{secrets.token_hex(8)}.db"
        shutil.copyfile(template, file)
        try:
            yield f"sqlite:///{file}"
        finally:
            for left in folder.glob(f"{file.name}*"):
                left.unlink()

    yield fresh


@contextmanager
def _postgres(_folder: Path) -> Iterator[Fresh]:
    """Databases made from one migrated template. Their names and this connection carry the same mark of the run."""
    mark = f"pecapp_run_{secrets.token_hex(4)}"
    with psycopg.connect(POSTGRES_URL, autocommit=True, application_name=mark) as server:

        def run(statement: LiteralString, *names: str) -> None:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

        @contextmanager
        def made(template: str) -> Iterator[str]:
            name = f"{mark}_{secrets.token_hex(8)}"
            run("CREATE DATABASE {} TEMPLATE {}", name, template)
            try:
                yield name
            finally:
                run("DROP DATABASE {} WITH (FORCE)", name)

        @contextmanager
        def fresh() -> Iterator[str]:
            with made(template) as name:
                yield _address(name)

        for (orphan,) in server.execute(ORPHANS).fetchall():
            with suppress(psycopg.Error):  # another run may be clearing it away too
                run("DROP DATABASE IF EXISTS {}", orphan)
        with made("template1") as template:
            migrated(_address(template))
            yield fresh


def _address(name: str) -> str:
    return urlsplit(POSTGRES_URL)._replace(path=f"/{name}").geturl()


class Databases:
    """The engines of one test run, sqlite and postgresql; each is prepared when a test first asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._engines = {"sqlite": _sqlite, "postgresql": _postgres}
        self._ready: dict[str, Fresh] = {}
        self._open = ExitStack()

    def fresh(self, engine: str) -> AbstractContextManager[str]:
        """The address of a new, migrated database, which is gone on exit."""
        if engine not in self._ready:
            self._ready[engine] = self._open.enter_context(self._engines[engine](self._folder))
        return self._ready[engine]()

    def close(self) -> None:
        self._open.close()
