"""The tests' own safety nets can fail."""

import secrets
import socket
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.support import database, logs, loopback


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
    assert living.rpartition("/")[2] in left
    assert orphan not in left
