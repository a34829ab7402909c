"""A fresh, migrated database for each test that asks for one, on every engine that answers."""

import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import psycopg
import redis
from psycopg import sql
from sqlalchemy import Dialect, Engine, Pool, event

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
LEAVE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %(name)s"
RELATIONS = """
    SELECT relkind::text, relname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') ORDER BY 1, 2
"""
VERSION = "SELECT version_num::text FROM alembic_version"
UNBOUND = "SET session_replication_role = replica"
"""Rows go in any order, whatever refers to them."""
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


def lasting(create: Callable[[str], Engine]) -> Callable[[str], Engine]:
    """As `create`, with one engine for each kind of database, which goes to the address that was asked for last.

    What an engine has compiled of statements goes with it, and to compile them anew is half of what a small test does.
    """
    kept: dict[tuple[str, type[Pool]], Engine] = {}

    def made(url: str) -> Engine:
        fresh = create(url)
        kind = fresh.dialect.name, type(fresh.pool)
        if kind not in kept:
            kept[kind] = fresh
            event.listen(fresh, "do_connect", _towards(fresh))
        kept[kind].url = fresh.url
        return kept[kind]

    return made


def _towards(engine: Engine) -> Callable[..., None]:
    """Connects where the engine's address leads now."""

    def connect(dialect: Dialect, _record: Any, place: list[Any], named: dict[str, Any]) -> None:
        place[:], there = dialect.create_connect_args(engine.url)
        named.update(there)

    return connect


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
    """Databases made from one migrated template, emptied after use and taken again: to make one takes 0.3 s.

    Each use has an address of its own, by which things are remembered of a database. Names and this connection carry
    the same mark of the run.
    """
    mark = f"pecapp_run_{secrets.token_hex(4)}"
    with psycopg.connect(POSTGRES_URL, autocommit=True, application_name=mark) as server, ExitStack() as made:

        def run(statement: LiteralString, *names: str) -> None:
            server.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

        def created(template: str) -> str:
            name = f"{mark}_{secrets.token_hex(8)}"
            run("CREATE DATABASE {} TEMPLATE {}", name, template)
            return name

        @contextmanager
        def fresh() -> Iterator[str]:
            name = idle.pop() if idle else created(template)
            try:
                yield f"{_address(name)}?application_name={secrets.token_hex(4)}"
            finally:
                server.execute(LEAVE, {"name": name})
                if _emptied(_address(name), shape):
                    idle.append(name)
                else:
                    run("DROP DATABASE {} WITH (FORCE)", name)

        for (orphan,) in server.execute(ORPHANS).fetchall():
            with suppress(psycopg.Error):  # another run may be clearing it away too
                run("DROP DATABASE IF EXISTS {}", orphan)
        idle: list[str] = []
        template = created("template1")
        made.callback(lambda: [run("DROP DATABASE {} WITH (FORCE)", name) for name in (*idle, template)])
        migrated(_address(template))
        with psycopg.connect(_address(template)) as connection:
            shape = _shape(connection)
        yield fresh


def _shape(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    """The relations of a database by kind, and the version of its schema."""
    relations = connection.execute(RELATIONS).fetchall()
    versions = connection.execute(VERSION).fetchall() if ("r", "alembic_version") in relations else []
    return [*relations, *(("version", version) for (version,) in versions)]


def _emptied(url: str, shape: Sequence[tuple[str, str]]) -> bool:
    """Empty a database and start its sequences anew, unless a test has changed more than rows."""
    with psycopg.connect(url) as connection:
        if _shape(connection) != shape:
            return False
        rows = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in _names(shape, "r")]
        starts = [sql.SQL("SELECT setval({}, 1, false)").format(sql.Literal(name)) for name in _names(shape, "S")]
        connection.execute(sql.SQL("; ").join([sql.SQL(UNBOUND), *rows, *starts]))
    return True


def _names(shape: Sequence[tuple[str, str]], kind: str) -> list[str]:
    return [name for one, name in shape if one == kind and name != "alembic_version"]


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
