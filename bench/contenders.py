"""The product and the bare limit, each a process over a fresh database of the same kind."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from pecapp import launch
from tests.support import database, processes

QUIET = {"PECAPP_WORKERS": "false"}
"""The web process alone, as where workers are processes of their own: mails and look-ups are not what is measured."""


@contextmanager
def fresh_database(engine: str, folder: Path, name: str) -> Iterator[str]:
    """The address of an empty database, gone on exit."""
    if engine == "sqlite":
        yield f"sqlite:///{folder / name}.db"
        return
    made = f"bench_{secrets.token_hex(6)}"
    with psycopg.connect(database.POSTGRES_URL, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(made)))
        try:
            yield urlsplit(database.POSTGRES_URL)._replace(path=f"/{made}").geturl()
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(made)))


@contextmanager
def product(url: str, folder: Path, settings: dict[str, str] | None = None) -> Iterator[processes.Site]:
    """The product as `make run` starts it, with the simulator and the demo data."""
    with processes.running_site(folder, {**QUIET, "PECAPP_DATABASE_URL": url, **(settings or {})}) as site:
        yield site


@contextmanager
def bare(url: str, folder: Path, secret: str) -> Iterator[launch.Child]:
    """The limit: bench.bare in the same server."""
    port = processes.free_port()
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", launch.HOST, "--port", str(port)),
        *("--workers", "1", "--no-access-log", "bench.bare:app"),
    ]
    place = url.removeprefix("sqlite:///")
    environment = {**os.environ, "BENCH_DATABASE": place, "BENCH_SECRET": secret}
    child = launch.Child("the bare limit", port, command, environment, folder / "bare.log")
    child.start()
    try:
        child.wait_until_ready()
        yield child
    finally:
        child.stop()
