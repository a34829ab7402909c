"""The tests' own safety nets can fail."""

import secrets
import socket
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from pecapp import db
from tests.support import database, factories, logs, loopback


def test_a_connection_to_another_machine_is_refused() -> None:
    with socket.socket() as plug, pytest.raises(loopback.OutsideError):
        plug.connect(("192.0.2.1", 80))


def test_a_connection_to_this_machine_passes() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as plug:
        assert plug.getpeername() == server.getsockname()


@pytest.mark.parametrize(
    ("logged", "expected", "complaints"),
    [
        ([], None, 0),
        (["boom"], None, 1),
        (["boom"], (), 0),
        ([], (), 1),
        (["boom", "bang"], ("boom",), 1),
        (["boom"], ("boom", "bang"), 1),
        (["big boom"], ("boom",), 0),
    ],
)
def test_a_log_is_judged(logged: list[str], expected: tuple[str, ...] | None, complaints: int) -> None:
    assert len(logs.complaints(logged, expected)) == complaints


@pytest.mark.postgres
def test_a_killed_runs_databases_are_cleared_away_and_a_living_runs_are_not(
    databases: database.Databases, tmp_path: Path
) -> None:
    orphan = f"pecapp_run_{secrets.token_hex(4)}_0"
    with databases.fresh("postgresql") as living, psycopg.connect(database.POSTGRES_URL, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(orphan)))
        other_run = database.Databases(tmp_path)
        with other_run.fresh("postgresql"):
            left = {name for (name,) in server.execute("SELECT datname FROM pg_database").fetchall()}
        other_run.close()
    assert urlsplit(living).path.strip("/") in left
    assert orphan not in left


@pytest.mark.postgres
def test_a_database_that_is_taken_again_is_as_new(databases: database.Databases) -> None:
    seen = []
    for _ in range(2):
        with databases.fresh("postgresql") as url:
            db.configure(url)
            assert not any(factories.dump().values())
            factories.stock()
            seen.append((urlsplit(url).path, factories.order().id, url))
            db.dispose()
    assert seen[0][:2] == seen[1][:2], "the same database, whose numbers begin anew"
    assert seen[0] != seen[1], "under another address"


@pytest.mark.postgres
def test_a_database_whose_tables_were_changed_is_not_taken_again(databases: database.Databases) -> None:
    with databases.fresh("postgresql") as url, psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE left_over (id integer)")
    with databases.fresh("postgresql") as again:
        assert urlsplit(again).path != urlsplit(url).path
