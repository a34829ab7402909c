"""Webhook ingest: verify, store, settle, answer; beside a bare route that verifies and inserts one row."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

from bench import contenders, load, report, shop
from pecapp import db, settings
from tests.support import database

CONNECTIONS = (1, 16, 64)
ROUNDS = 3
EVENTS = {1: 400, 16: 1500, 64: 1500}
SECRET = settings.DEVELOPMENT_WEBHOOK_SECRET

Send = Callable[[list[bytes], int], load.Measured]


def run() -> None:
    """Print a table for each engine that answers."""
    for engine in ("sqlite", "postgresql"):
        if engine == "postgresql" and not database.postgres_answers():
            print("PostgreSQL does not answer: not measured.")
            continue
        with tempfile.TemporaryDirectory() as folder:
            _measure(engine, Path(folder))


def _measure(engine: str, folder: Path) -> None:
    with (
        contenders.fresh_database(engine, folder, "product") as product_url,
        contenders.fresh_database(engine, folder, "bare") as bare_url,
        contenders.product(product_url, folder) as site,
        contenders.bare(bare_url, folder, SECRET) as limit,
    ):
        db.configure(product_url)
        rows = [_compare(site.app.port, limit.port, connections) for connections in CONNECTIONS]
        rows.append(_duplicates(site.app.port))
        db.dispose()
    head = ["connections", "events/s", "bare/s", "ratio", "p50 ms", "bare", "p99 ms", "bare", "errors"]
    report.table(f"Webhook ingest, {engine}: the product against the bare limit (medians of {ROUNDS})", head, rows)


def _compare(port: int, bare_port: int, connections: int) -> list[str]:
    ours: list[load.Measured] = []
    theirs: list[load.Measured] = []
    for _ in range(ROUNDS):
        ours.append(_send(port, shop.open_attempts(EVENTS[connections]), connections))
        theirs.append(_send(bare_port, [f"bare{id(object())}{i}" for i in range(EVENTS[connections])], connections))
    ratio = report.median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))
    return [
        str(connections),
        f"{report.median(m.rate for m in ours):,.0f}",
        f"{report.median(m.rate for m in theirs):,.0f}",
        f"{ratio:.2f}",
        f"{report.median(m.p50 for m in ours):.1f}",
        f"{report.median(m.p50 for m in theirs):.1f}",
        f"{report.median(m.p99 for m in ours):.1f}",
        f"{report.median(m.p99 for m in theirs):.1f}",
        str(sum(m.errors for m in (*ours, *theirs))),
    ]


def _duplicates(port: int) -> list[str]:
    """The same events a second time: what a repeated delivery costs, as a share of a first one."""
    attempts = shop.open_attempts(EVENTS[16])
    first, second = _send(port, attempts, 16), _send(port, attempts, 16)
    share = first.rate / second.rate
    cost = f"cost {share:.2f}"
    p50, p99 = f"{second.p50:.1f}", f"{second.p99:.1f}"
    return ["16, again", f"{second.rate:,.0f}", "", cost, p50, "", p99, "", str(second.errors)]


def _send(port: int, attempts: list[str], connections: int) -> load.Measured:
    requests = [shop.signed(port, shop.paid_event(attempt), SECRET) for attempt in attempts]
    return asyncio.run(load.run(port, requests, connections))
