"""Background work as durable workflows: each round calls services that are safe to repeat, nothing else.

The truth of every item is its own row; the engine only sees to it that rounds happen: at once after a commit that left
work behind, and on a schedule for whatever a crash or a deaf moment left over.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dbos import DBOS, DBOSConfig, WorkflowHandleAsync
from sqlalchemy import make_url

from pecapp import clock, settings
from pecapp.services import (
    access,
    baskets,
    foresight,
    inbox,
    lifecycle,
    live,
    methods,
    outbox,
    reconcile,
    refunds,
    savings,
)

log = logging.getLogger(__name__)

KEPT = timedelta(days=2)
"""How long the engine remembers rounds that are over."""
KEPT_BATCH = 500
STOPPING_SECONDS = 5
"""How long a round that is under way may take to end when the process is told to stop; the rest is taken up again."""

Work = Callable[[], Coroutine[Any, Any, int]]


async def _until_done(name: str, work: Work) -> None:
    """Repeat a piece of work, each time as a recorded step, while it finds something to do."""
    while await DBOS.run_step_async({"name": name}, work):
        pass


@DBOS.workflow()
async def payments_round(_at: datetime, _context: object) -> None:
    """Read back what webhooks hinted at, ask for what nobody told, send refunds, delete tokens of removed methods."""
    await _until_done("inbox", inbox.drain)
    await _until_done("reconcile", reconcile.sweep)
    await _until_done("refunds", refunds.send_due)
    await _until_done("savings", savings.sweep)
    await _until_done("removed methods", methods.forget_due)


@DBOS.workflow()
async def mail_round(_at: datetime, _context: object) -> None:
    """Send the mails that are due."""
    await _until_done("mail", _send_mail)


async def _send_mail() -> int:
    return await asyncio.to_thread(outbox.send_due)


@DBOS.workflow()
async def housekeeping_round(_at: datetime, _context: object) -> None:
    """Close lapsed orders, forget old sessions and baskets, and the engine's own past."""
    await _until_done("lapsed orders", _expire_orders)
    await _until_done("old sessions", _sweep_sessions)
    await _until_done("old baskets", _sweep_baskets)
    await _forget_rounds()


async def _expire_orders() -> int:
    return await asyncio.to_thread(lifecycle.expire_due)


async def _sweep_sessions() -> int:
    return await asyncio.to_thread(access.sweep)


async def _sweep_baskets() -> int:
    return await asyncio.to_thread(baskets.sweep)


async def _forget_rounds() -> None:
    before = (clock.now() - KEPT).isoformat()
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


_ROUNDS = {live.WORK_INBOX: payments_round, live.WORK_PAYMENTS: payments_round, live.WORK_MAIL: mail_round}


def _configuration(current: settings.Settings) -> DBOSConfig:
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


@asynccontextmanager
async def running() -> AsyncIterator[None]:
    """Run the background work of this process, on this event loop, until the block is left."""
    current = settings.load()
    DBOS(config=_configuration(current))
    DBOS.launch()
    every = f"*/{current.sweep_seconds} * * * * *"
    DBOS.apply_schedules(
        [
            {"schedule_name": "payments", "workflow_fn": payments_round, "schedule": every, "context": None},
            {"schedule_name": "mail", "workflow_fn": mail_round, "schedule": every, "context": None},
            {
                "schedule_name": "housekeeping",
                "workflow_fn": housekeeping_round,
                "schedule": "17 7 * * * *",
                "context": None,
            },
            {
                "schedule_name": "foresight",
                "workflow_fn": foresight_round,
                "schedule": "0 0 5 * * *",  # an hour before the day's debits
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
