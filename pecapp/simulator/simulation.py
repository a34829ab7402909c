"""One simulated world: what all gateways of the process share."""

import asyncio
import contextlib
import dataclasses
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from pecapp.simulator.agenda import Agenda
from pecapp.simulator.clock import Clock
from pecapp.simulator.deliveries import Burst, Deliveries
from pecapp.simulator.faults import FaultTable
from pecapp.simulator.hooks import HookTable
from pecapp.simulator.settings import Settings
from pecapp.simulator.store import Record, Store
from pecapp.simulator.traffic import Traffic

TICK_SECONDS = 0.05
DRAFT_SECONDS = 15 * 60
MOST_DRAFTS = 1000
LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
log = logging.getLogger(__name__)


class Simulation:
    """Clock, store, agenda, faults, deliveries, traffic. Gateways hook in with `ledgers`, `starters` and `drafts`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.store = Store(settings.state_file)
        self.agenda = Agenda(self.clock)
        self.faults = FaultTable()
        self.hooks = HookTable()
        self.traffic = Traffic()
        self.deliveries = Deliveries(
            self.clock,
            self.hooks,
            backoff=settings.webhook_backoff,
            tries=settings.webhook_tries,
            timeout=settings.webhook_timeout,
        )
        self.drafts: dict[str, Any] = {}
        self.ledgers: list[Callable[[], dict[str, list[dict[str, Any]]]]] = []
        self.starters: list[Callable[[], None]] = []

    def keep_draft(self, key: str, draft: Any) -> None:
        """Remember under `key` what somebody has begun on a hosted page (at `draft.at`); what is old makes room."""
        for old, kept in list(self.drafts.items()):
            if kept.at < time.monotonic() - DRAFT_SECONDS or len(self.drafts) >= MOST_DRAFTS:
                del self.drafts[old]
        self.drafts[key] = draft

    def new_id(self, prefix: str, length: int = 24) -> str:
        """A fresh id such as pi_3Q…, unguessable."""
        return prefix + "".join(LETTERS[byte % len(LETTERS)] for byte in secrets.token_bytes(length))

    def salt(self) -> str:
        """A secret of this world, kept with its state, for fingerprints."""
        record = self.store.find("salt", "salt")
        if record is None:
            record = self.store.save(Record("salt", {"id": "salt", "value": secrets.token_hex(16)}))
        return str(record.object["value"])

    def adjust(self, wishes: dict[str, Any]) -> Settings:
        """Change times while running: webhook_backoff, webhook_tries, webhook_timeout, unknown_delay, refund_delay.

        Raises KeyError for any other name.
        """
        allowed = {"webhook_backoff", "webhook_tries", "webhook_timeout", "unknown_delay", "refund_delay"}
        if unknown := set(wishes) - allowed:
            raise KeyError(", ".join(sorted(unknown)))
        self.settings = dataclasses.replace(self.settings, **wishes)
        self.deliveries.backoff = self.settings.webhook_backoff
        self.deliveries.tries = self.settings.webhook_tries
        self.deliveries.timeout = self.settings.webhook_timeout
        return self.settings

    def start(self) -> None:
        """Let every gateway register what it needs; also after a reset and after a restart with kept state."""
        for starter in self.starters:
            starter()

    def reset(self, settings: Settings) -> None:
        """A new world with these settings: nothing has happened yet."""
        self.deliveries.clear()
        self.agenda.clear()
        self.faults.clear()
        self.hooks.clear()
        self.traffic = Traffic()  # a call that is still under way belongs to the world that it came to
        self.store.clear()
        self.drafts.clear()
        self.clock.offset = 0.0
        self.settings = settings
        self.adjust({})
        self.start()

    def advance(self) -> None:
        """Do now what is due, its events as one burst."""
        with self.deliveries.job():
            self.agenda.run_due()

    async def _watch(self) -> None:
        while True:
            try:
                self.advance()
            except Exception:
                log.exception("a job of the agenda failed")
            await asyncio.sleep(TICK_SECONDS)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Agenda and delivery workers run inside."""
        self.start()
        workers = [self.deliveries.work() for _ in range(self.settings.webhook_workers)]
        tasks = [asyncio.create_task(work) for work in (self._watch(), *workers)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self.deliveries.close()
            self.store.close()


class Parting(Response):
    """An answer after which its burst of webhooks leaves, even when the caller is gone."""

    def __init__(self, answer: Response, simulation: Simulation, burst: Burst) -> None:
        self._answer, self._simulation, self._burst = answer, simulation, burst

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, then launch."""
        try:
            await self._answer(scope, receive, send)
        finally:
            self._simulation.deliveries.launch(self._burst)
