"""A day's debits: services that are due, a bank that answers in 200 ms, beside the least time that this can take."""

import json
import os
import subprocess
import sys
import tempfile
from datetime import timedelta
from pathlib import Path

import httpx
from sqlalchemy import insert

from bench import bank, contenders, report
from pecapp import clock, db, launch, migrations, tables
from pecapp.domain import calendar
from pecapp.services import dunning, subscriptions
from tests.support import database, factories, processes

SERVICES = (1_000, 10_000)
CONCURRENCY = 20
"""As many as the settings allow by default."""
PAGE = 5_000


def run() -> None:
    """Print a table for each engine that answers."""
    for engine in ("sqlite", "postgresql"):
        if engine == "postgresql" and not database.postgres_answers():
            print("PostgreSQL does not answer: not measured.")
            continue
        rows = [_measure(engine, services) for services in SERVICES]
        head = ["services", "seconds", "ideal", "ratio", "CPU ms each", "peak MB", "charged twice", "left"]
        title = f"Debits, {engine}: {CONCURRENCY} at once, a bank that answers in {bank.SECONDS * 1000:.0f} ms"
        report.table(title, head, rows)


def _measure(engine: str, services: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder, contenders.fresh_database(engine, Path(folder), "product") as url:
        port = processes.free_port()
        child = _bank(port, Path(folder))
        child.start()
        try:
            child.wait_until_ready()
            db.configure(url)
            migrations.upgrade()
            _fill(services)
            db.dispose()
            took = _batch(url, port, Path(folder))
            ledger = httpx.get(f"http://{launch.HOST}:{port}/ledger").json()
        finally:
            child.stop()
    ideal = services * bank.SECONDS / CONCURRENCY
    return [
        f"{services:,}",
        f"{took['seconds']:.1f}",
        f"{ideal:.1f}",
        f"{took['seconds'] / ideal:.2f}",
        f"{1000 * took['cpu'] / services:.1f}",
        f"{took['peak_mb']:.0f}",
        f"{ledger['twice']}",
        f"{services - ledger['orders'] + int(took['left'])}",
    ]


def _bank(port: int, folder: Path) -> launch.Child:
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", launch.HOST, "--port", str(port)),
        *("--workers", "1", "--no-access-log", "bench.bank:app"),
    ]
    return launch.Child("the bank", port, command, dict(os.environ), folder / "bank.log")


def _batch(url: str, port: int, folder: Path) -> dict[str, float]:
    environment = {
        **os.environ,
        "PECAPP_DATABASE_URL": url,
        "PECAPP_BACKGROUND_DATABASE_URL": f"sqlite:///{folder / 'background.db'}",
        "STRIPE_SECRET_KEY": "sk_test_simulator",
        "STRIPE_API_BASE": f"http://{launch.HOST}:{port}",
    }
    command = [sys.executable, "-m", "bench.batch", str(CONCURRENCY)]
    done = subprocess.run(command, env=environment, cwd=launch.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def _fill(services: int) -> None:
    """One account with one card for each thousand services, all due today and announced in time."""
    factories.stock()
    expires_on = clock.today() + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)
    for start in range(0, services, 1_000):
        actor = factories.customer()
        method, order = factories.method(actor), factories.order(actor, status="paid")
        owner, card, bought = actor.account_id or 0, method.id or 0, order.id or 0
        rows = [_service(owner, card, bought, expires_on, start + number) for number in range(1_000)]
        with db.transaction() as s:
            s.execute(insert(db.table(tables.Service)), rows)
    _announce()


def _service(account_id: int, method_id: int, order_id: int, expires_on: object, number: int) -> dict[str, object]:
    return {
        "account_id": account_id,
        "order_id": order_id,
        "product_code": "PEC-STD",
        "label": f"bench{number}@{factories.DOMAIN}",
        "status": subscriptions.ACTIVE,
        "activated_on": expires_on,
        "expires_on": expires_on,
        "years": 1,
        "renewal": subscriptions.RENEWAL_ACTIVE,
        "renewal_changed_at": None,
        "renewal_reason": "",
        "method_id": method_id,
    }


def _announce() -> None:
    at = clock.now() - timedelta(days=28)
    service = db.table(tables.Service)
    with db.transaction() as s:
        rows = s.execute(service.select()).all()
        mails = [
            {
                "dedup_key": dunning.notice_key(row.id, row.expires_on),
                "template": "m13",
                "account_id": row.account_id,
                "to_address": "x@example.test",
                "lang": "it",
                "params": {},
                "status": "sent",
                "created_at": at,
                "ready_at": at,
                "tries": 1,
                "sent_at": at,
                "message_id": "",
                "subject": "",
                "body_text": "",
                "body_html": "",
            }
            for row in rows
        ]
        for start in range(0, len(mails), PAGE):
            s.execute(insert(db.table(tables.OutboxMail)), mails[start : start + PAGE])
