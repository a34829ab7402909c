"""No list and no search reads a table through, and no list sorts: every statement is answered by an index."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from bench import admin, crowd
from pecapp import db

CUSTOMERS = 60


@pytest.fixture
def crowded(database: str, frozen_clock: object) -> None:
    crowd.fill(CUSTOMERS)


def statements(act: Any) -> list[tuple[str, Any]]:
    """What `act` asks of the database."""
    said: list[tuple[str, Any]] = []

    def hear(_c: object, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        said.append((statement, parameters))

    event.listen(db.engine(), "before_cursor_execute", hear)
    act(1)
    event.remove(db.engine(), "before_cursor_execute", hear)
    return said


def faults(connection: Connection, statement: str, parameters: Any) -> list[str]:
    """Where the plan of a statement reads a whole table, or sorts more than a look at some rows."""
    bounded = "AS anon" in statement
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        details = [str(row[-1]) for row in rows]
        # what was looked at, nothing at all, and rows in the order of their own keys until there are enough
        small = (
            "SCAN anon",
            "SCAN CONSTANT",
            "SCAN (",
            *(("SCAN service",) if "ORDER BY service.id" in statement else ()),
        )
        through = [
            one for one in details if one.startswith("SCAN") and "USING" not in one and not one.startswith(small)
        ]
        return through + [one for one in details if "TEMP B-TREE" in one and not bounded and _lists(statement)]
    (plan,) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalars()
    found = nodes(plan[0]["Plan"] if isinstance(plan, list) else json.loads(plan)[0]["Plan"])
    through = [one for one in found if one == "Seq Scan"]
    return through + [one for one in found if one == "Sort" and _lists(statement)]


def _lists(statement: str) -> bool:
    """Whether it walks a list of everybody's rows: one customer's are few enough to be sorted."""
    return (' AS "key"' in statement or " AS key" in statement) and ".account_id =" not in statement


def nodes(plan: dict[str, Any]) -> list[str]:
    return [plan["Node Type"], *(node for inner in plan.get("Plans", []) for node in nodes(inner))]


def test_every_statement_is_answered_by_an_index(crowded: None) -> None:
    asked = {name: statements(act) for name, act in admin.cases(CUSTOMERS)}
    with db.engine().connect() as connection:
        if connection.dialect.name == "postgresql":  # tables as small as these are read through for good reason
            connection.execute(text("SET enable_seqscan = off"))
            connection.execute(text("SET enable_bitmapscan = off"))
        found = [
            (name, fault, statement)
            for name, said in asked.items()
            for statement, parameters in said
            if statement.lstrip().upper().startswith("SELECT")
            for fault in faults(connection, statement, parameters)
        ]
    assert found == []


def test_the_crowd_is_a_shop(crowded: None) -> None:
    with db.reading() as s:
        counted = {
            name: s.execute(text(f"SELECT count(*) FROM {name}")).scalar_one()  # noqa: S608
            for name in ("account", "customer_order", "payment_attempt", "service", "payment_method", "outbox_mail")
        }
    assert counted == {
        "account": 60,
        "customer_order": 600,
        "payment_attempt": 660,
        "service": 120,
        "payment_method": 90,
        "outbox_mail": 600,
    }
    for name, act in admin.cases(CUSTOMERS):
        assert act(1) is not None, name
