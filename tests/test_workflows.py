"""Background work: at once when something was left to do, by the clock when nobody said so, once however many do it."""

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest
from dbos import DBOS

from pecapp import clock, db, settings, tables, workflows
from pecapp.domain.payments import Verdict
from pecapp.services import inbox, live, outbox, reconcile
from tests.support import factories
from tests.support import gateway as support_gateway
from tests.support.factories import VISA, the
from tests.support.gateway import SIGNED, event

PATIENCE = 20.0


@pytest.fixture
def gateway():
    with support_gateway.installed() as fake:
        yield fake


@pytest.fixture
def configured(monkeypatch, tmp_path):
    """Set what the background work needs, with a schedule of so many seconds."""

    def configure(seconds):
        monkeypatch.setenv("PECAPP_BACKGROUND_DATABASE_URL", f"sqlite:///{tmp_path}/background.db")
        monkeypatch.setenv("PECAPP_SWEEP_SECONDS", str(seconds))
        settings.load.cache_clear()

    yield configure
    settings.load.cache_clear()


async def _until(reached):
    """Poll, with a deadline."""
    deadline = time.monotonic() + PATIENCE
    while not await db.run(reached):
        assert time.monotonic() < deadline, "it never happened"
        await asyncio.sleep(0.02)


async def _rest():
    """Wait until no round is under way."""
    deadline = time.monotonic() + PATIENCE
    while await DBOS.list_workflows_async(status="PENDING", load_input=False, load_output=False):
        assert time.monotonic() < deadline, "a round never ends"
        await asyncio.sleep(0.02)


def _paid(attempt):
    return lambda: the(tables.Order, id=attempt.order_id).status == "paid"


@pytest.mark.anyio
@pytest.mark.logs_errors("a round of work:payments failed")
async def test_what_a_commit_leaves_to_do_is_done_at_once_and_again_after_a_failure(
    sqlite_database, gateway, configured, monkeypatch
):
    configured(59)
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    where = []
    real = reconcile.sweep

    async def noting():
        where.append((asyncio.get_running_loop(), threading.current_thread()))
        if len(where) == 1:
            raise ZeroDivisionError
        return await real()

    async with workflows.running():
        await inbox.receive("stripe", event("evt_1", attempt_id=attempt.id), SIGNED)
        await _until(_paid(attempt))
        await _until(lambda: the(tables.OutboxMail).status == "sent")
        await _rest()  # the failure belongs to the round that is asked for next, not to one that still runs
        monkeypatch.setattr(reconcile, "sweep", noting)
        late = factories.opened()
        with db.transaction() as s:
            live.publish(s, live.WORK_PAYMENTS)
        await _until(lambda: len(where) >= 1)
        with db.transaction() as s:
            row = s.get_one(tables.PaymentAttempt, late.id)
            row.next_check_at = clock.now()
            gateway.know(late, Verdict.SUCCEEDED, card=VISA)
            s.add(row)
            live.publish(s, live.WORK_PAYMENTS)
        await _until(_paid(late))
    assert set(where) == {(asyncio.get_running_loop(), threading.main_thread())}


@pytest.mark.anyio
async def test_what_nobody_told_is_done_by_the_clock_and_rounds_can_be_started_and_stopped_again(
    sqlite_database, gateway, configured
):
    configured(1)
    lost = factories.opened(), factories.opened()
    for attempt in lost:
        gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
        async with workflows.running():
            with db.transaction() as s:
                row = s.get_one(tables.PaymentAttempt, attempt.id)
                row.next_check_at = clock.now()
                s.add(row)
            await _until(_paid(attempt))
            await _until(lambda: {mail.status for mail in factories.rows(tables.OutboxMail)} == {"sent"})


def _worker(url, name):
    environment = os.environ | {
        "PECAPP_DATABASE_URL": url,
        "PECAPP_BACKGROUND_DATABASE_URL": url,
        "PECAPP_EXECUTOR_ID": name,
        "PECAPP_SWEEP_SECONDS": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "pecapp", "worker"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def served(databases):
    """A PostgreSQL database, which several processes can work on."""
    with databases.fresh("postgresql") as url:
        db.configure(url)
        yield url
        db.dispose()


@pytest.mark.postgres
def test_two_processes_send_each_mail_once_and_stop_when_they_are_told(served):
    actor = factories.customer()
    orders = [factories.order(actor) for _ in range(40)]
    workers = [_worker(served, name) for name in ("one", "two")]
    try:
        assert [worker.stdout and worker.stdout.readline() for worker in workers] == ["pecapp: at work\n"] * 2
        for order in orders:
            with db.transaction() as s:
                outbox.post(
                    s, template="m18", dedup_key=f"m18:{order.id}", account_id=order.account_id, order_id=order.id,
                    params={"by": "customer"},
                )  # fmt: skip
        deadline = time.monotonic() + PATIENCE
        while {mail.status for mail in factories.rows(tables.OutboxMail)} != {"sent"}:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    finally:
        for worker in workers:
            worker.terminate()
        said = [worker.communicate(timeout=20)[1] for worker in workers]
    assert [mail.tries for mail in factories.rows(tables.OutboxMail)] == [1] * 40
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert not [text for text in said if "ERROR" in text or "Traceback" in text]
