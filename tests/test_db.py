"""The database underneath: whole transactions or none, readers in nobody's way, the truth when it cannot be had."""

import asyncio
import sqlite3
import threading
import time

import pytest
from sqlalchemy import text
from sqlmodel import select

from pecapp import clock, db, errors, tables
from tests.support import factories, race
from tests.support.factories import the


def _count(name, value=1):
    def work(s):
        s.add(tables.Counter(name=name, value=value))
        s.flush()
        return name

    return work


def _names():
    return [row.name for row in factories.rows(tables.Counter)]


class Boom(Exception):
    """What goes wrong in these tests."""


def _fails():
    raise Boom


def _in_vain(work):
    with db.transaction() as s:
        work(s)
        raise Boom


# --- transactions -----------------------------------------------------------------------------------------------------


def test_what_fails_leaves_nothing_behind(database):
    with pytest.raises(Boom):
        _in_vain(_count("a"))
    assert _names() == []


def test_what_was_to_follow_the_commit_follows_it_in_order_and_never_a_rollback(database):
    told = []
    with pytest.raises(Boom):
        _in_vain(lambda s: db.after_commit(s, lambda: told.append("never")))
    with db.transaction() as s:
        _count("a")(s)
        db.after_commit(s, lambda: told.append(_names()))
        db.after_commit(s, lambda: told.append("then"))
        assert told == []
    assert told == [["a"], "then"]


@pytest.mark.logs_errors("a call after the commit failed")
def test_a_call_that_fails_after_the_commit_takes_nothing_back_and_stops_no_other(database):
    told = []
    with db.transaction() as s:
        _count("a")(s)
        db.after_commit(s, _fails)
        db.after_commit(s, lambda: told.append("told"))
    assert (_names(), told) == (["a"], ["told"])


def test_a_row_is_inserted_once_and_whoever_comes_second_knows(database):
    values = {"name": "a", "value": 1}

    def insert():
        with db.transaction() as s:
            return db.insert_once(s, tables.Counter, values)

    assert sorted(race.repeated(insert, 6)) == [False] * 5 + [True]
    mail = dict.fromkeys(["template", "to_address", "lang", "message_id", "subject", "body_text", "body_html"], "")
    mail |= {"dedup_key": "k", "account_id": factories.customer().account_id, "order_id": None, "params": {}}
    mail |= {"status": "sent", "created_at": clock.now(), "ready_at": clock.now(), "tries": 0}
    for expected in (True, False):
        with db.transaction() as s:
            assert db.insert_once(s, tables.OutboxMail, mail) is expected


def test_a_row_that_is_inserted_is_what_an_entity_would_have_stored(database):
    values = {"account_id": factories.customer().account_id, "gateway": "stripe", "kind": "card", "token": "pm_1"}
    values["created_at"] = clock.now()
    with db.transaction() as s:
        s.add(tables.PaymentMethod(**values, fingerprint="entity"))
        made = db.insert(s, tables.PaymentMethod, **values, fingerprint="row")
    stored, same = the(tables.PaymentMethod, fingerprint="row"), {"id", "fingerprint"}
    assert vars(made) == stored.model_dump()
    assert stored.model_dump(exclude=same) == the(tables.PaymentMethod, fingerprint="entity").model_dump(exclude=same)


def test_instants_come_back_as_they_went_in_and_need_a_zone(database):
    now = clock.now()
    attempt = factories.opened(created_at=now)
    assert the(tables.Order, id=attempt.order_id).created_at == now
    with pytest.raises(Exception, match="time zone"):
        factories.order(created_at=now.replace(tzinfo=None))


def test_a_reader_waits_for_no_writer_sees_no_half_of_it_and_changes_nothing(database):
    with db.transaction() as s:
        _count("a")(s)
        with db.reading() as r:
            assert r.execute(text("SELECT count(*) FROM counter")).scalar_one() == 0
    with db.reading() as r:
        before = r.execute(text("SELECT count(*) FROM counter")).scalar_one()
        with db.transaction() as s:  # and it keeps no writer waiting
            _count("b")(s)
        assert r.execute(text("SELECT count(*) FROM counter")).scalar_one() == before
        r.add(tables.Draft(session_id="x", idempotency_key="x", updated_at=clock.now()))
    assert (_names(), factories.rows(tables.Draft)) == (["a", "b"], [])


def test_writers_take_turns_and_nothing_is_lost(database):
    with db.transaction() as s:
        _count("total", 0)(s)

    def add():
        for _ in range(5):
            with db.transaction() as s:
                row = s.exec(db.locked(select(tables.Counter).where(tables.Counter.name == "total"))).one()
                row.value += 1
                s.add(row)

    assert race.repeated(add, 6) == [None] * 6
    assert the(tables.Counter).value == 30


# --- when it cannot be had --------------------------------------------------------------------------------------------


class Hold:
    """Another process's lock on a SQLite file."""

    def __init__(self, url):
        self.connection = sqlite3.connect(url.removeprefix("sqlite:///"), check_same_thread=False, isolation_level=None)
        self.connection.execute("BEGIN IMMEDIATE")

    def release(self):
        self.connection.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(db, "BUSY_SECONDS", 0.4)


@pytest.fixture
def held(impatient, sqlite_database):
    hold = Hold(sqlite_database)
    yield hold
    hold.release()


def _write(name):
    with db.transaction() as s:
        _count(name)(s)


def test_a_database_that_others_hold_for_a_moment_is_waited_for(held):
    threading.Timer(0.1, held.release).start()
    _write("a")
    assert _names() == ["a"]


def test_a_database_that_others_hold_for_long_is_given_up_in_time_by_everyone_who_waits(held):
    started = time.monotonic()
    results = race.together(_write, *[(str(i),) for i in range(5)])
    assert time.monotonic() - started < 2 * db.BUSY_SECONDS
    assert all(isinstance(result, errors.Unavailable) for result in results)
    held.release()
    _write("b")
    assert _names() == ["b"]


def test_readers_do_not_notice_that_others_write(held):
    assert _names() == []


@pytest.mark.anyio
async def test_shared_writes_give_up_in_time_too_and_the_loop_stays_alive(held):
    started, beats = time.monotonic(), 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    heart = asyncio.create_task(beat())
    first = asyncio.gather(*[db.shared(_count(f"a{i}")) for i in range(5)], return_exceptions=True)
    await asyncio.sleep(0.1)
    second = asyncio.gather(*[db.shared(_count(f"b{i}")) for i in range(5)], return_exceptions=True)
    results = [*await first, *await second]
    assert time.monotonic() - started < 2 * db.BUSY_SECONDS
    heart.cancel()
    assert all(isinstance(result, errors.Unavailable) for result in results)
    assert beats > 10
    held.release()
    assert await db.shared(_count("c")) == "c"
    assert _names() == ["c"]


def test_a_server_that_is_away_is_said_to_be_unavailable():
    db.configure("postgresql://nobody@127.0.0.1:1/nothing")
    try:
        with pytest.raises(errors.Unavailable), db.transaction():
            pass
        with pytest.raises(errors.Unavailable), db.reading():
            pass
    finally:
        db.dispose()


def test_without_a_database_nothing_is_guessed():
    db.dispose()
    with pytest.raises(RuntimeError, match="configure"):
        db.engine()


# --- shared transactions ----------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_many_pieces_at_once_are_all_stored_before_anyone_is_answered(database):
    async def piece(i):
        name = await db.shared(_count(f"{i:03}"))
        return name in await db.run(_names)

    assert all(await asyncio.gather(*[piece(i) for i in range(100)]))
    assert len(_names()) == 100


@pytest.mark.anyio
async def test_what_comes_together_is_written_together(sqlite_database):
    transactions = []

    def noting(i):
        def work(s):
            transactions.append(id(s))
            return _count(str(i))(s)

        return work

    await asyncio.gather(*[db.shared(noting(i)) for i in range(50)])
    assert len(set(transactions)) < 25


@pytest.mark.anyio
async def test_each_piece_sees_what_those_before_it_in_the_batch_wrote(database):
    def write(s):
        s.add(tables.Counter(name="a", value=7))

    def read(s):
        return db.core(s).execute(text("SELECT value FROM counter")).scalar_one_or_none()

    first = db.shared(lambda _s: time.sleep(0.1))  # the others come meanwhile
    assert await asyncio.gather(first, db.shared(write), db.shared(read)) == [None, None, 7]


@pytest.mark.anyio
async def test_one_piece_that_fails_hurts_no_other_and_hears_why(database):
    told = []

    def telling(name):
        def work(s):
            db.after_commit(s, lambda: told.append(name))
            return _count(name)(s)

        return work

    def failing(s):
        telling("never")(s)
        raise Boom

    pieces = [telling("a"), failing, telling("b"), telling("a"), telling("c")]
    results = await asyncio.gather(*[db.shared(piece) for piece in pieces], return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["str", "Boom", "str", "IntegrityError", "str"]
    assert sorted(told) == sorted(_names()) == ["a", "b", "c"]


def _colliding(name, times, code="40P01"):
    """A piece of work that PostgreSQL sends away so many times."""
    left = [times]

    def work(s):
        if left[0]:
            left[0] -= 1
            s.execute(text(f"DO $$ BEGIN RAISE EXCEPTION 'collision' USING ERRCODE = '{code}'; END $$"))
        return _count(name)(s)

    return work


async def _together(*pieces):
    """All in one batch: they are accepted while the one before them is being written."""
    free = threading.Event()

    def busy(s):
        free.wait(2)

    first = asyncio.create_task(db.shared(busy))
    rest = [asyncio.create_task(db.shared(piece)) for piece in pieces]
    await asyncio.sleep(0)
    free.set()
    await first
    return await asyncio.gather(*rest, return_exceptions=True)


@pytest.mark.postgres
@pytest.mark.anyio
@pytest.mark.parametrize("code", ["40P01", "40001"])
async def test_a_batch_that_collides_with_others_is_written_piece_by_piece(postgres_database, code):
    pieces = [_count("a"), _colliding("b", 1, code), _count("c")]
    assert await _together(*pieces) == ["a", "b", "c"]
    assert _names() == ["a", "b", "c"]


@pytest.mark.postgres
@pytest.mark.anyio
async def test_a_piece_that_collides_again_is_refused_alone(postgres_database):
    results = await _together(_count("a"), _colliding("b", 2), _count("c"))
    assert [type(result).__name__ for result in results] == ["str", "Unavailable", "str"]
    assert _names() == ["a", "c"]
    assert await db.shared(_colliding("d", 1)) == "d", "alone in its batch it is repeated as well"


@pytest.mark.anyio
async def test_a_caller_who_goes_away_takes_no_other_with_them(database):
    going = asyncio.create_task(db.shared(_count("gone")))
    await asyncio.sleep(0)
    going.cancel()
    assert await db.shared(_count("stays")) == "stays"
    assert "stays" in _names()


@pytest.mark.anyio
async def test_closing_finishes_what_was_accepted(database):
    slow = threading.Event()

    def waiting(s):
        slow.wait(2)
        return _count("slow")(s)

    accepted = [asyncio.create_task(db.shared(waiting)), asyncio.create_task(db.shared(_count("quick")))]
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(db.dispose))
    slow.set()
    await closing
    assert await asyncio.gather(*accepted) == ["slow", "quick"]
    db.configure(database)
    assert sorted(_names()) == ["quick", "slow"]
