"""Background work: at once when something was left to do, by the clock when nobody said so, once however many do it."""

import asyncio
import os
import subprocess
import sys
import threading
import time
from contextlib import nullcontext
from datetime import timedelta

import pytest
from dbos import DBOS
from sqlmodel import select

from pecapp import clock, db, settings, tables, workflows
from pecapp.domain import calendar
from pecapp.domain.payments import Verdict
from pecapp.services import debits, foresight, inbox, live, notices, outbox, reconcile
from tests.support import factories, papers, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import VISA, the
from tests.support.gateway import SIGNED, event, listed

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


@pytest.mark.anyio
async def test_the_day_of_renewals_is_gone_through_every_hour_from_six_in_rome_in_chunks(
    sqlite_database, gateway, configured, monkeypatch
):
    configured(59)
    factories.stock()
    monkeypatch.setattr(debits, "CHUNK", 2)
    owner = factories.customer(kind="company", company_name="Alfa S.r.l.", vat_number="12345670017")
    due = [renewing.service(owner, renewing.card(owner), clock.today() + timedelta(days=7)) for _ in range(5)]
    ended = renewing.service(owner, None, clock.today() - timedelta(days=1), renewal="inactive")
    async with workflows.running():
        (schedule,) = await DBOS.list_schedules_async(schedule_name_prefix="renewals")
        assert (schedule["schedule"], schedule["cron_timezone"]) == ("0 0 6-22 * * *", "Europe/Rome")
        for _ in range(2):
            handle = await DBOS.start_workflow_async(workflows.renewals_round, clock.now(), None)
            await handle.get_result()
        await _until(lambda: {mail.status for mail in factories.rows(tables.OutboxMail)} == {"sent"})
    assert {factories.again(one).expires_on for one in due} == {calendar.add_years(due[0].expires_on, 1)}
    assert len(gateway.charges) == 5
    assert factories.again(ended).status == "expired"
    assert sorted({mail.template for mail in factories.rows(tables.OutboxMail)}) == ["m07", "m16"]


@pytest.mark.anyio
@pytest.mark.parametrize("at_first", ["well", "badly"])
async def test_what_stands_is_told_once_a_day_and_again_after_a_round_that_failed(
    sqlite_database, gateway, configured, monkeypatch, at_first
):
    configured(59)
    factories.stock()
    walks, real = [], notices.tell_due

    def noting(after):
        walks.append(after)
        if at_first == "badly" and len(walks) == 1:
            raise ZeroDivisionError
        return real(after)

    monkeypatch.setattr(notices, "tell_due", noting)
    async with workflows.running():
        for number in range(3):
            handle = await DBOS.start_workflow_async(workflows.renewals_round, clock.now(), None)
            with pytest.raises(ZeroDivisionError) if at_first == "badly" and not number else nullcontext():
                await handle.get_result()
    assert len(walks) == (1 if at_first == "well" else 2)


@pytest.mark.anyio
async def test_a_chunk_that_a_dead_process_holds_does_not_hold_up_the_round(
    sqlite_database, gateway, configured, monkeypatch
):
    configured(59)
    factories.stock()
    monkeypatch.setattr(workflows, "STANDSTILL_SECONDS", 0.5)
    owner = factories.customer(kind="company", company_name="Alfa S.r.l.", vat_number="12345670017")
    renewing.service(owner, renewing.card(owner), clock.today() + timedelta(days=7))
    held = asyncio.Event()

    async def holding(_service_ids):
        await held.wait()
        return 0

    monkeypatch.setattr(debits, "run", holding)
    async with workflows.running():
        handle = await DBOS.start_workflow_async(workflows.debits_round, clock.now(), None)
        async with asyncio.timeout(PATIENCE):
            await handle.get_result()
        held.set()
        await _rest()


@pytest.mark.anyio
async def test_a_debit_that_becomes_possible_is_made_at_once(sqlite_database, gateway, configured):
    configured(59)
    factories.stock()
    owner = factories.customer(kind="company", company_name="Alfa S.r.l.", vat_number="12345670017")
    renewing.service(owner, renewing.card(owner), clock.today() + timedelta(days=7))
    async with workflows.running():
        with db.transaction() as s:
            live.publish(s, live.WORK_RENEWALS)
        await _until(lambda: len(factories.rows(tables.Receipt)) == 1)


def _card_ends_before_the_debit():
    """A customer with mailboxes whose next debit comes when the card that pays for them has ended."""
    owner = factories.customer().account_id or 0
    with db.transaction() as s:
        papers.paid(s, papers.order(s, owner, number=str(owner)), number=owner)
        card = papers.method(s, owner, exp_month=1, exp_year=2020, ceiling_cents=1208)
        for service in s.exec(select(tables.Service).where(tables.Service.account_id == owner)):
            service.expires_on = clock.today() + timedelta(days=30)
            service.renewal, service.method_id = "active", card
            s.add(service)
    return owner


@pytest.mark.anyio
async def test_the_look_ahead_is_taken_every_morning_in_rome_page_by_page_and_what_it_finds_leaves_as_mail(
    sqlite_database, gateway, configured, monkeypatch
):
    configured(59)
    factories.stock()
    owners = [_card_ends_before_the_debit() for _ in range(3)]
    looked, real = [], foresight.warn_due

    def noting(after):
        looked.append(after)
        return real(after, 1)

    monkeypatch.setattr(foresight, "warn_due", noting)
    async with workflows.running():
        (schedule,) = [one for one in await DBOS.list_schedules_async() if one["schedule_name"] == "foresight"]
        assert (schedule["schedule"], schedule["cron_timezone"]) == ("0 0 5 * * *", "Europe/Rome")
        handle = await DBOS.start_workflow_async(workflows.foresight_round, clock.now(), None)
        await handle.get_result()
        await _until(lambda: {mail.status for mail in factories.rows(tables.OutboxMail)} == {"sent"})
    assert looked == [0, *owners]
    told = [(mail.account_id, mail.template) for mail in factories.rows(tables.OutboxMail)]
    assert told == [(owner, "m14") for owner in owners]


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


@pytest.mark.anyio
async def test_what_was_never_delivered_is_fetched_every_hour_and_settled(sqlite_database, gateway, configured):
    configured(59)
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    gateway.events.append(listed("evt_lost", clock.now() - timedelta(hours=1), attempt_id=attempt.id))
    async with workflows.running():
        (schedule,) = await DBOS.list_schedules_async(schedule_name_prefix="events")
        assert schedule["schedule"] == "41 23 * * * *"
        handle = await DBOS.start_workflow_async(workflows.events_round, clock.now(), None)
        await handle.get_result()
        await _until(_paid(attempt))
    assert factories.alerts() == ["events_missing"]


@pytest.mark.anyio
async def test_every_minute_the_staff_is_told_whose_session_ends(sqlite_database, configured):
    configured(59)
    session = factories.the(tables.WebSession, id=factories.customer().session_id)
    factories.change(session, second_factor_at=clock.now(), expires_at=clock.now() + timedelta(minutes=5))
    told = []
    live.listen(told.append)
    try:
        async with workflows.running():
            (schedule,) = await DBOS.list_schedules_async(schedule_name_prefix="sessions")
            assert schedule["schedule"] == "0 * * * * *"
            handle = await DBOS.start_workflow_async(workflows.sessions_round, clock.now(), None)
            await handle.get_result()
    finally:
        live.forget(told.append)
    assert frozenset({live.session(session.id)}) in told
