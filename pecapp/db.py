"""The database: engine, transactions, and the only commit of the product.

SQLite in WAL mode on one machine, PostgreSQL when one machine is not enough; the code above is the same.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session, SQLModel

from pecapp import errors

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

BUSY_SECONDS = 5
"""How long a write waits for its turn before the caller is told to come back."""
SHARED_BATCH = 64
SETTLEMENT_LOCK = 0x5EA1
"""PostgreSQL advisory lock that lines up whatever touches attempts, orders, methods and services together."""
_COLLIDED = frozenset({"40P01", "40001"})
"""What PostgreSQL says to the one that it sends away so that others go on: a deadlock, or a serialization failure."""

_ENGINE: dict[str, Any] = {"pool_timeout": BUSY_SECONDS, "hide_parameters": True}
"""What customers typed must not reach the log by way of a database error."""
_SQLITE_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_READONLY,
    }
)
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(:key)").bindparams(key=SETTLEMENT_LOCK)
_SAFE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")


@dataclass
class _Database:
    engine: Engine
    turn: threading.Lock
    """SQLite has one writer: waiting here is fair and wakes at once, where SQLite's own waiting polls."""
    shared: "_SharedWriter | None" = field(default=None)

    @property
    def sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"


_current: _Database | None = None


def configure(url: str) -> None:
    """Use the database at `url` from now on. Opens no connection yet."""
    global _current  # noqa: PLW0603  (one process has one database)
    dispose()
    _current = _Database(_create(url), threading.Lock())


def dispose() -> None:
    """Finish the shared writes that were accepted, then close every connection."""
    global _current  # noqa: PLW0603  (one process has one database)
    if _current is None:
        return
    if _current.shared is not None:
        _current.shared.stop()
    _current.engine.dispose()
    _current = None


def engine() -> Engine:
    """The engine in use, for migrations and health checks."""
    return _database().engine


def _database() -> _Database:
    if _current is None:
        raise RuntimeError("db.configure(url) was not called")
    return _current


def _create(url: str) -> Engine:
    if not url.startswith("sqlite"):
        scheme, _, rest = url.partition("://")
        driver = "postgresql+psycopg" if scheme in {"postgres", "postgresql"} else scheme
        return create_engine(f"{driver}://{rest}", pool_size=10, max_overflow=10, **_ENGINE)
    arguments = {"check_same_thread": False, "timeout": BUSY_SECONDS}
    made = create_engine(url, connect_args=arguments, pool_size=20, **_ENGINE)

    @event.listens_for(made, "connect")
    def _prepare(connection: Any, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver must not open transactions behind our back
        for pragma in _SAFE_PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(made, "begin")
    def _begin(connection: Any) -> None:
        options = connection.get_execution_options()
        if not options.get("reading"):
            patience = options.get("patience", BUSY_SECONDS)
            connection.connection.driver_connection.execute(f"PRAGMA busy_timeout={int(patience * 1000)}")
        connection.exec_driver_sql("BEGIN" if options.get("reading") else "BEGIN IMMEDIATE")

    return made


@contextmanager
def transaction() -> Iterator[Session]:
    """A transaction that writes: committed on exit, rolled back on any exception, then the `after_commit` calls.

    Raises Unavailable when the database is locked by others for too long, full, or away; nothing is stored then.
    """
    database = _database()
    with _turn(database) as patience:
        with _translated(), Session(database.engine, expire_on_commit=False) as s:
            s.connection(execution_options={"patience": patience})
            yield s
            s.commit()
        calls = s.info.get("after_commit", ())
    for call in calls:
        try:
            call()
        except Exception:  # what is committed stays committed; the sweeps repeat what this call would have done
            log.exception("a call after the commit failed")


@contextmanager
def reading() -> Iterator[Session]:
    """A consistent look at the database that changes nothing and waits for no writer."""
    database = _database()
    with _translated(), Session(database.engine, expire_on_commit=False) as s:
        s.connection(execution_options={"reading": True} if database.sqlite else {"isolation_level": "REPEATABLE READ"})
        yield s


def after_commit(s: Session, call: Callable[[], None]) -> None:
    """Run `call` once the transaction of `s` is committed; never when it is rolled back."""
    s.info.setdefault("after_commit", []).append(call)


def is_sqlite() -> bool:
    """Whether the engine is SQLite, where a writing transaction has every row for itself."""
    return _database().sqlite


def locked(statement: Any, *, referable: bool = False) -> Any:
    """A select that takes the rows for this transaction (SQLite: the transaction has them all already).

    With `referable`, others may store rows that refer to these meanwhile, as a new session does to its account.
    """
    return statement if _database().sqlite else statement.with_for_update(key_share=referable)


def settling(s: Session) -> None:
    """Take the turn of those that settle, up to the end of the transaction of `s`, in which nothing is held yet.

    A settlement goes from the attempt to the order, its method and the services; who comes from a service or a method
    to an order would meet it half-way, each waiting for the other. SQLite has one writer in any case.
    """
    if not _database().sqlite:
        s.execute(_TAKE_TURN)


def unclaimed(statement: Any) -> Any:
    """As `locked`, but passes over rows that others hold: whoever holds one is seeing to it."""
    return statement if _database().sqlite else statement.with_for_update(skip_locked=True)


@cache
def _insert_or_skip(dialect: str, name: str) -> Any:
    insert = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]
    statement = insert(SQLModel.metadata.tables[name]).on_conflict_do_nothing().inline()
    return statement.execution_options(preserve_rowcount=True)  # else PostgreSQL's driver does not tell


def table(model: type[SQLModel]) -> Table:
    """The Core table of `model`, for statements on the paths where the ORM's cost would show."""
    return model.metadata.tables[str(model.__tablename__)]


def core(s: Session) -> Connection:
    """The connection of `s`, for Core statements: asking the session for it each time would cost more than they do."""
    connection = s.info.get("connection")
    if connection is None:
        connection = s.info["connection"] = s.connection()
    return connection


@cache
def _defaults(model: type[SQLModel]) -> dict[str, Any]:
    """What a row of `model` holds where nothing is said; its key, where that is empty, is the database's to give."""
    fields = ((name, field) for name, field in model.model_fields.items() if not field.is_required())
    keys = table(model).primary_key.columns
    return {name: field.get_default(call_default_factory=True) for name, field in fields if name not in keys}


def insert(s: Session, model: type[SQLModel], **values: Any) -> Any:
    """Insert a row, with the model's defaults for what is not named; gives it as it was stored, key and all.

    One statement, where an entity would cost the ORM's work besides. What is given is to be read: whoever changes it
    changes nothing in the database.
    """
    row = _defaults(model) | values  # pyright: ignore[reportArgumentType]  (a class has a hash, if not its instances)
    made = core(s).execute(_insert(str(model.__tablename__)), row)
    keys = zip(table(model).primary_key.columns.keys(), made.inserted_primary_key or (), strict=True)
    return SimpleNamespace(**row | dict(keys))


@cache
def _insert(name: str) -> Any:
    return SQLModel.metadata.tables[name].insert()


def insert_once(s: Session, model: type[SQLModel], values: dict[str, Any]) -> bool:
    """Insert a row unless one of its unique keys is taken already; tells whether it was inserted.

    `values` names every column without a database default: the defaults of the model are not applied.
    """
    statement = _insert_or_skip(s.get_bind().dialect.name, str(model.__tablename__))
    return core(s).execute(statement, values).rowcount == 1


async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run blocking database work without stopping the event loop."""
    return await asyncio.to_thread(work, *args, **kwargs)


@contextmanager
def _turn(database: _Database) -> Iterator[float]:
    """Wait for this process's turn to write; gives the seconds that are left to wait for other processes."""
    since = time.monotonic()
    if database.sqlite and not database.turn.acquire(timeout=BUSY_SECONDS):
        raise errors.Unavailable
    try:
        yield max(0.0, BUSY_SECONDS - (time.monotonic() - since))
    finally:
        if database.sqlite:
            database.turn.release()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except DBAPIError as problem:
        if not _is_away(problem):
            raise
        log.warning("database unavailable: %s", problem.orig)
        raise errors.Unavailable from problem


def _collided(refusal: errors.Unavailable) -> bool:
    """Whether others stood in the way of it, so that the same work may well succeed once they are gone."""
    problem = refusal.__cause__
    return isinstance(problem, DBAPIError) and getattr(problem.orig, "sqlstate", None) in _COLLIDED


def _is_away(problem: DBAPIError) -> bool:
    """Whether the database cannot serve now, as against a statement that is wrong."""
    code = getattr(problem.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_AWAY
    return problem.connection_invalidated or isinstance(problem, OperationalError | InterfaceError)


@dataclass
class _Work:
    do: Callable[[Session], Any]
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


async def shared(work: Callable[[Session], T]) -> T:
    """Run `work` in a transaction shared with whatever else is waiting, and return after the durable commit.

    One commit to disk then serves many webhooks. Nobody waits for a batch to fill: it holds what came while the last
    one was being written. `work` may run twice (a batch that fails is repeated piece by piece), so its only effects
    are database writes and `after_commit`. It sees what those before it in the batch have written. Raises whatever
    `work` raises, or Unavailable.
    """
    database = _database()
    if database.shared is None:
        database.shared = _SharedWriter(database)
    loop = asyncio.get_running_loop()
    item = _Work(work, loop.create_future(), loop)
    database.shared.queue.put(item)
    return await item.done


class _SharedWriter:
    def __init__(self, database: _Database) -> None:
        self.database = database
        self.queue: queue.SimpleQueue[_Work | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._serve, name="shared-writer", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.queue.put(None)
        self.thread.join(timeout=BUSY_SECONDS * 2)

    def _serve(self) -> None:
        while (first := self.queue.get()) is not None:
            batch, last = self._gather(first)
            self._write(batch)
            if last:
                return

    def _gather(self, first: _Work) -> tuple[list[_Work], bool]:
        batch = [first]
        while len(batch) < SHARED_BATCH:
            try:
                item = self.queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                return batch, True
            batch.append(item)
        return batch, False

    def _write(self, batch: list[_Work], *, repeated: bool = False) -> None:
        """Write a batch; one that collides with others is repeated piece by piece, once."""
        try:
            results = self._try(batch)
        except errors.Unavailable as refusal:
            if not _collided(refusal):
                refused = [*batch, *self._queued()]
                _answer(refused, [None] * len(refused), errors.Unavailable())
            elif repeated:
                _answer(batch, [None] * len(batch), errors.Unavailable())
            else:
                for item in batch:
                    self._write([item], repeated=True)
        except Exception as problem:  # the worker must outlive any single piece of work
            if len(batch) == 1:
                _answer(batch, [None], problem)
                return
            for item in batch:
                self._write([item])
        else:
            _answer(batch, results, None)

    def _try(self, batch: list[_Work]) -> list[Any]:
        with transaction() as s:
            settling(s)
            return [self._do(s, item) for item in batch]

    def _do(self, s: Session, item: _Work) -> Any:
        """Do one piece of work; what it wrote is in the database for the next one, whichever way that reads."""
        result = item.do(s)
        s.flush()
        return result

    def _queued(self) -> list[_Work]:
        """What came while the database could not be had, and has waited for the same thing."""
        items = []
        with suppress(queue.Empty):
            while (item := self.queue.get_nowait()) is not None:
                items.append(item)
            self.queue.put(None)
        return items


def _answer(batch: list[_Work], results: list[Any], problem: Exception | None) -> None:
    """Wake each event loop once, however many of its pieces of work are done."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Any]]] = {}
    for item, result in zip(batch, results, strict=True):
        by_loop.setdefault(item.loop, []).append((item.done, result))

    def tell(answers: list[tuple[asyncio.Future[Any], Any]]) -> None:
        for done, result in answers:
            if done.done():
                continue
            if problem is not None:
                done.set_exception(problem)
            else:
                done.set_result(result)

    for loop, answers in by_loop.items():
        loop.call_soon_threadsafe(tell, answers)
