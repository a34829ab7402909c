"""No list and no search reads a table through, and no list sorts: every statement is answered by an index."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from bench import admin, crowd
from pecapp import clock, db
from pecapp.services.admin import batch, board, lists

CUSTOMERS = 60
CATALOGUE = re.compile(r"FROM (product|price|promotion|discount_code|certified_domain)( ORDER BY [\w.]+)?$")
"""What is sold: as long as its page, however many customers there are, and read whole where prices are reckoned."""


@pytest.fixture
def crowded(database: str, frozen_clock: object) -> None:
    crowd.fill(CUSTOMERS)


def statements(act: Any, number: int = 1) -> list[tuple[str, Any]]:
    """What `act` asks of the database, for the n-th time."""
    said: list[tuple[str, Any]] = []

    def hear(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        said.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", hear)
    act(number)
    event.remove(db.engine(), "before_cursor_execute", hear)
    return said


def faults(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Where the plan of a statement reads a whole table, or sorts more than a look at some rows."""
    if CATALOGUE.search(" ".join(statement.split())):
        return []
    bounded = "AS anon" in statement
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        details = [str(row[-1]) for row in rows]
        # what was looked at, nothing at all, and rows in the order of their own keys until there are enough
        walked = re.findall(r"FROM (\w+) ORDER BY \1\.id\b", " ".join(statement.split()))
        small = ("SCAN anon", "SCAN CONSTANT", "SCAN (", *(f"SCAN {table}" for table in walked))
        through = [
            one for one in details if one.startswith("SCAN") and "USING" not in one and not one.startswith(small)
        ]
        return through + [one for one in details if "TEMP B-TREE" in one and not bounded and _lists(statement)]
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalars()
    found = nodes(plan[0]["Plan"] if isinstance(plan, list) else json.loads(plan)[0]["Plan"])
    through = [one for one in found if one == "Seq Scan"]
    return through + [one for one in found if one == "Sort" and _lists(statement)]


def _lists(statement: str) -> bool:
    """Whether it walks a list of everybody's rows: one customer's, or those about one thing, are few to sort."""
    return re.search(r' AS "?key\b', statement) is not None and not re.search(r"\.(account_id =|subject)", statement)


def nodes(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


def cases() -> Iterator[admin.Case]:
    """All that is measured, what is looked for in lists by what somebody types, the board, and the rehearsal."""
    yield from admin.cases(CUSTOMERS)
    days = {"dal": "2025-01-01", "al": "2025-02-01"}
    for query in (
        *({"su": str(crowd.NUMBER + 10)}, {"su": "cliente7@example.test"}, {"su": "casella7@pec-ceralacca.test"}),
        *(
            {"su": "nobody"},
            {"cliente": "7"},
            {"chi": "cliente1@example.test"},
            {"chi": "nobody"},
            {"atto": "refunded"},
        ),
    ):
        for more in ({}, days, {"ordina": "oldest"}, {"atto": "order_cancelled"}):
            yield f"registro: {query | more}", _listed("registro", query | more)
    for more in ({}, days, {"stato": "failed"}):
        query = {"destinatario": "cliente@example.test"} | more
        yield f"posta: {query}", _listed("posta", query)
    yield "board", lambda _: board.figures(admin.STAFF, "it")
    yield "rehearsal", lambda _: batch.rehearse(admin.STAFF, clock.today(), "", "it")


def _listed(name: str, query: dict[str, str]) -> Callable[[int], object]:
    return lambda _: lists.page(admin.STAFF, name, lists.asked(query), "it")


@contextmanager
def explaining() -> Iterator[Connection]:
    """A connection whose plans are a big shop's: tables as small as these are read through for good reason."""
    with db.engine().connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SET enable_seqscan = off"))
            connection.execute(text("SET enable_bitmapscan = off"))
        yield connection


def test_every_statement_is_answered_by_an_index(crowded: None) -> None:
    asked = {name: statements(act) for name, act in cases()}
    with explaining() as connection:
        found = [
            (name, fault, statement)
            for name, said in asked.items()
            for statement, parameters in said
            if statement.lstrip().upper().startswith("SELECT")
            for fault in faults(connection, statement, parameters)
        ]
    assert found == []


def test_the_board_reads_the_days_that_it_shows_and_no_others(crowded: None) -> None:
    """By their end, and not all that succeeded or was declined ever since."""
    said = [one for one in statements(lambda _: board.figures(admin.STAFF, "it")) if "finished_at >=" in one[0]]
    assert said
    with explaining() as connection:
        explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
        for statement, parameters in said:
            assert "ix_attempt_finished" in str(connection.exec_driver_sql(f"{explain} {statement}", parameters).all())


@pytest.mark.parametrize(("page", "most"), [("a customer", 9), ("an order", 14)])
def test_a_page_asks_few_times(crowded: None, page: str, most: int) -> None:
    """Each statement is a way to the database and back, for which the staff waits: another one is put here on purpose.

    Of the orders asked for some were renewed, refunded, tried twice, and acted on by the staff.
    """
    act = dict(admin.cases(CUSTOMERS))[f"{admin.PAGE}{page}"]
    assert max(len(statements(act, number)) for number in range(1, 40)) <= most


def test_the_crowd_is_a_shop(crowded: None) -> None:
    expected = {
        "account": 60,
        "customer_order": 600,
        "payment_attempt": 660,
        "service": 120,
        "payment_method": 90,
        "outbox_mail": 600,
        "staff_act": 60,
        "dispute": 3,
    }
    with db.reading() as s:
        counted = {name: s.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in expected}  # noqa: S608
    assert counted == expected
    for name, act in cases():
        assert act(1) is not None, name
