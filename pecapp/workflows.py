"""Background work as durable workflows: each round calls services that are safe to repeat, nothing else.

The truth of every item is its own row; the engine only sees to it that rounds happen: at once after a commit that left
work behind, and on a schedule for whatever a crash or a deaf moment left over.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, WorkflowHandleAsync
from sqlalchemy import make_url

from pecapp import clock, settings
from pecapp.services import (
    access,
    baskets,
    brake,
    debits,
    endings,
    foresight,
    inbox,
    lifecycle,
    live,
    methods,
    notices,
    outbox,
    reconcile,
    refunds,
    rehearsal,
    savings,
    sms,
    withdrawals,
)
from pecapp.services.admin import board, comparison, lasting

log = logging.getLogger(__name__)

KEPT = timedelta(days=2)
"""How long the engine remembers rounds that are over."""
KEPT_BATCH = 500
STOPPING_SECONDS = 5
"""How long a round that is under way may take to end when the process is told to stop; the rest is taken up again."""

DEBITS = "debits"
"""The queue of a day's debits, in chunks, which all processes that run the background work share."""
CHUNKS_AT_ONCE = 4
"""How many chunks a process has open, so that the last debits of one do not make the others wait."""
STANDSTILL_SECONDS = 300
"""How long no chunk may end before a round goes on without those that are left."""
LOOK_SECONDS = 0.2

Work = Callable[[], Coroutine[Any, Any, int]]


async def _until_done(name: str, work: Work) -> None:
    """Repeat a piece of work, each time as a recorded step, while it finds something to do."""
    while await DBOS.run_step_async({"name": name}, work):
        pass


@DBOS.workflow()
async def payments_round(_at: datetime, _context: object) -> None:
    """Read back what webhooks hinted at, ask for what nobody told, give back, delete tokens of removed methods."""
    await _until_done("inbox", inbox.drain)
    await _until_done("reconcile", reconcile.sweep)
    await _until_done("withdrawals", _settle_withdrawals)
    await _until_done("refunds", refunds.send_due)
    await _until_done("refunds under way", refunds.follow_due)
    await _until_done("savings", savings.sweep)
    await _until_done("removed methods", methods.forget_due)


async def _settle_withdrawals() -> int:
    return await asyncio.to_thread(withdrawals.handle_due)


@DBOS.workflow()
async def mail_round(_at: datetime, _context: object) -> None:
    """Send the mails that are due."""
    await _until_done("mail", _send_mail)
    await _until_done("text messages", _send_sms)


async def _send_mail() -> int:
    return await asyncio.to_thread(outbox.send_due)


async def _send_sms() -> int:
    return await asyncio.to_thread(sms.send_due)


@DBOS.workflow()
async def events_round(_at: datetime, _context: object) -> None:
    """Fetch what the gateways have told and nobody delivered."""
    await DBOS.run_step_async({"name": "missing events"}, comparison.fetch_recent)


@DBOS.workflow()
async def sessions_round(_at: datetime, _context: object) -> None:
    """Tell the staff's open pages whose session is about to end."""
    await DBOS.run_step_async({"name": "ending sessions"}, _tell_ending)


async def _tell_ending() -> int:
    return await asyncio.to_thread(lasting.tell_due)


@DBOS.workflow()
async def housekeeping_round(_at: datetime, _context: object) -> None:
    """Close lapsed orders, forget old sessions and baskets, and the engine's own past."""
    await _until_done("lapsed orders", _expire_orders)
    await _until_done("old sessions", _sweep_sessions)
    await _until_done("old baskets", _sweep_baskets)
    await DBOS.run_step_async({"name": "days that are over"}, _close_days)
    await _forget_rounds()


async def _warn_of_brake() -> bool:
    return await asyncio.to_thread(brake.warn_due)


async def _close_days() -> int:
    return await asyncio.to_thread(board.close_days)


async def _expire_orders() -> int:
    return await asyncio.to_thread(lifecycle.expire_due)


async def _sweep_sessions() -> int:
    return await asyncio.to_thread(access.sweep)


async def _sweep_baskets() -> int:
    return await asyncio.to_thread(baskets.sweep)


async def _forget_rounds() -> None:
    before = (clock.machine() - KEPT).isoformat()  # the engine dates its rounds by the machine
    while old := await DBOS.list_workflows_async(
        completed_before=before, limit=KEPT_BATCH, load_input=False, load_output=False
    ):
        await DBOS.delete_workflows_async([workflow.workflow_id for workflow in old])


@DBOS.workflow()
async def foresight_round(_at: datetime, _context: object) -> None:
    """Warn the owners of coming debits that would fail, a page of accounts after the other."""
    last: int | None = 0
    while last is not None:
        last = await DBOS.run_step_async({"name": "foresight"}, _warn, last)


async def _warn(after: int) -> int | None:
    return await asyncio.to_thread(foresight.warn_due, after)


@DBOS.workflow()
async def renewals_round(_at: datetime, _context: object) -> None:
    """The day's work on everything that expires: debits, ends, and what has to be told."""
    await _until_done("expired", _expire_services)
    await _debit_all()
    await DBOS.run_step_async({"name": "brake"}, _warn_of_brake)
    await _until_done("cancelled", _cancel_services)
    today = await DBOS.run_step_async({"name": "day to tell"}, _day_to_tell)
    if today is None:
        return
    last: notices.Place | None = notices.START
    while last is not None:
        last = await DBOS.run_step_async({"name": "notices"}, _tell, last)
    await _until_done("unpaid orders", _remind_unpaid)
    await DBOS.run_step_async({"name": "told"}, _all_told, today)


@DBOS.workflow()
async def debits_round(_at: datetime, _context: object) -> None:
    """Debit what has just become due: another method, or more authorised, after a refusal."""
    await _debit_all()


@DBOS.workflow()
async def debits_chunk(service_ids: list[int]) -> int:
    """Debit some services; taken up again after a crash, it charges only what is still due."""
    return await DBOS.run_step_async({"name": "debits"}, _debit, service_ids)


async def _debit_all() -> None:
    chunks = await DBOS.run_step_async({"name": "due debits"}, _plan)
    opened = [await DBOS.enqueue_workflow_async(DEBITS, debits_chunk, chunk) for chunk in chunks]
    await DBOS.run_step_async({"name": "debits done"}, _wait_for, [chunk.workflow_id for chunk in opened])


async def _wait_for(chunks: list[str]) -> int:
    """Wait until these chunks have ended, well or badly; how many have not when no more of them ends.

    A dead process keeps its chunks until it is back: what waits for the debits must not wait for that.
    """
    left, since = len(chunks), time.monotonic()
    while running := await _running(chunks):
        if running < left:
            left, since = running, time.monotonic()
        elif time.monotonic() - since > STANDSTILL_SECONDS:
            log.warning("%s chunks of debits do not end", running)
            return running
        await asyncio.sleep(LOOK_SECONDS)
    return 0


async def _running(chunks: list[str]) -> int:
    if not chunks:
        return 0
    found = await DBOS.list_workflows_async(
        workflow_ids=chunks, status=["ENQUEUED", "PENDING"], load_input=False, load_output=False
    )
    return len(found)


async def _plan() -> list[list[int]]:
    return await asyncio.to_thread(debits.plan)


async def _debit(service_ids: list[int]) -> int:
    return await debits.run(service_ids)


async def _expire_services() -> int:
    return await asyncio.to_thread(endings.expire_due)


async def _cancel_services() -> int:
    return await asyncio.to_thread(endings.cancel_due)


async def _day_to_tell() -> date | None:
    """Today, unless an earlier round of the day has told everybody what stands."""
    today = clock.today()
    return None if await asyncio.to_thread(notices.are_told, today) else today


async def _all_told(today: date) -> None:
    await asyncio.to_thread(notices.all_told, today)


async def _tell(after: notices.Place) -> notices.Place | None:
    return await asyncio.to_thread(notices.tell_due, after)


async def _remind_unpaid() -> int:
    return await asyncio.to_thread(notices.remind_unpaid)


async def live_through(day: date) -> None:
    """Let it be six in the morning of `day` in Rome, do all that a day brings, and note what came of it.

    Never backwards. Safe to repeat: a second time it finds what the first has left. The background work must be running
    in this process. Raises Invalid (`GIORNO_PASSATO`), Unavailable.
    """
    await rehearsal.go_to(day)
    before = await asyncio.to_thread(rehearsal.states)
    for work in (foresight_round, renewals_round, payments_round, housekeeping_round, mail_round):
        handle: WorkflowHandleAsync[None] = await DBOS.start_workflow_async(work, clock.now(), None)
        await handle.get_result()
    await asyncio.to_thread(rehearsal.remember, day, before)


class _Rounds:
    """Starts a round when news asks for one; while it runs, more news makes for one more round, not for many."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.wanted: dict[str, asyncio.Event] = {topic: asyncio.Event() for topic in _ROUNDS}

    def hear(self, topics: frozenset[str]) -> None:
        """Take news from any thread; returns at once."""
        for topic in topics & self.wanted.keys():
            self.loop.call_soon_threadsafe(self.wanted[topic].set)

    async def follow(self, topic: str) -> None:
        """Run the rounds of one topic, one after the other, until cancelled."""
        event = self.wanted[topic]
        while True:
            await event.wait()
            event.clear()
            try:
                handle: WorkflowHandleAsync[None] = await DBOS.start_workflow_async(_ROUNDS[topic], clock.now(), None)
                await handle.get_result()
            except Exception:  # the schedule comes again in any case
                log.exception("a round of %s failed", topic)


_ROUNDS = {
    live.WORK_INBOX: payments_round,
    live.WORK_PAYMENTS: payments_round,
    live.WORK_MAIL: mail_round,
    live.WORK_RENEWALS: debits_round,
}


def configuration(current: settings.Settings) -> DBOSConfig:
    """How the engine keeps its own state."""
    url = make_url(current.background_database_url)
    if url.get_backend_name() == "sqlite" and url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    return {
        "name": "pecapp",
        "system_database_url": current.background_database_url,
        "executor_id": current.executor_id,
        "log_level": "WARNING",
        "enable_otlp": False,
        "scheduler_polling_interval_sec": 5.0,
    }


async def open_queue() -> None:
    """Let this process take chunks of debits from the queue that all share."""
    await DBOS.register_queue_async(DEBITS, worker_concurrency=CHUNKS_AT_ONCE, polling_interval_sec=0.2)


@asynccontextmanager
async def running() -> AsyncIterator[None]:
    """Run the background work of this process, on this event loop, until the block is left."""
    current = settings.load()
    DBOS(config=configuration(current))
    DBOS.launch()
    await open_queue()
    every = f"*/{current.sweep_seconds} * * * * *"
    DBOS.apply_schedules(
        [
            {"schedule_name": "payments", "workflow_fn": payments_round, "schedule": every, "context": None},
            {"schedule_name": "mail", "workflow_fn": mail_round, "schedule": every, "context": None},
            {"schedule_name": "sessions", "workflow_fn": sessions_round, "schedule": "0 * * * * *", "context": None},
            {
                "schedule_name": "housekeeping",
                "workflow_fn": housekeeping_round,
                "schedule": "17 7 * * * *",
                "context": None,
            },
            {"schedule_name": "events", "workflow_fn": events_round, "schedule": "41 23 * * * *", "context": None},
            {
                "schedule_name": "foresight",
                "workflow_fn": foresight_round,
                "schedule": "0 0 5 * * *",  # an hour before the day's debits
                "context": None,
                "cron_timezone": clock.ROME.key,
            },
            {
                "schedule_name": "renewals",
                "workflow_fn": renewals_round,
                "schedule": current.renewal_schedule,
                "context": None,
                "cron_timezone": clock.ROME.key,
            },
        ]
    )
    rounds = _Rounds()
    live.listen(rounds.hear)
    tasks = [asyncio.create_task(rounds.follow(topic)) for topic in _ROUNDS]
    try:
        yield
    finally:
        live.forget(rounds.hear)
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=STOPPING_SECONDS)
        # the engine gave this loop its own threads, which are gone now
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor())
