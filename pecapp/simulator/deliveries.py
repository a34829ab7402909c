"""Delivery of webhooks: in order of emission, retried with growing pauses, and spoilt when a rule says so."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx

from pecapp.simulator.clock import Clock
from pecapp.simulator.hooks import AT_EMISSION, HookRule, HookTable, Trouble

LONGEST_LOG = 20_000
LONGEST_PAUSE = 3600.0
GATE_SECONDS = 60.0
AT_ATTEMPT = frozenset(Trouble) - AT_EMISSION
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parcel:
    """One event for one receiver.

    `compose` writes body and headers anew at each attempt, spoilt by the rules it is given; `done` is told its outcome.
    """

    event: str
    type: str
    url: str
    compose: Callable[[list[HookRule]], tuple[bytes, dict[str, str]]]
    done: Callable[[bool], None] = lambda delivered: None


class Origin(StrEnum):
    """Where a burst of events comes from."""

    API = "api"
    PAGE = "page"
    JOB = "job"


@dataclass
class Burst:
    """The events of one request or job; they leave together, in order, when it ends."""

    origin: Origin
    gate: str = ""
    request_id: str | None = None
    idempotency_key: str | None = None
    parcels: list[Parcel] = field(default_factory=list)
    early: list[Parcel] = field(default_factory=list)


class Deliveries:
    """Queue, retries, holds and log of all deliveries of the process."""

    def __init__(self, clock: Clock, rules: HookTable, *, backoff: float, tries: int, timeout: float) -> None:
        self.backoff, self.tries, self.timeout = backoff, tries, timeout
        self.rules = rules
        self._clock = clock
        self._current: ContextVar[Burst | None] = ContextVar("burst", default=None)
        self._queue: asyncio.Queue[list[Parcel]] = asyncio.Queue()
        self._held: list[Parcel] | None = None
        self._gates: dict[str, asyncio.Event] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._busy = 0
        self._world = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=LONGEST_LOG)
        self._client = httpx.AsyncClient(limits=httpx.Limits(max_connections=200), trust_env=False)

    @property
    def burst(self) -> Burst | None:
        """The burst that is being collected, if any."""
        return self._current.get()

    @contextlib.contextmanager
    def collect(self, burst: Burst) -> Iterator[Burst]:
        """Collect what is posted inside; the caller launches the burst afterwards."""
        token = self._current.set(burst)
        try:
            yield burst
        finally:
            self._current.reset(token)

    @contextlib.contextmanager
    def job(self) -> Iterator[None]:
        """Collect what is posted inside and launch it at the end."""
        with self.collect(Burst(Origin.JOB)) as burst:
            yield
        self.launch(burst)

    def post(self, parcel: Parcel) -> None:
        """Hand in a parcel: with the present burst, or at once when there is none."""
        if (burst := self._current.get()) is None:
            self.launch(Burst(Origin.JOB, parcels=[parcel]))
        else:
            burst.parcels.append(parcel)

    async def deliver_early(self, burst: Burst) -> None:
        """Deliver, before the answer leaves, the parcels for which a rule asks that."""
        wanted = {Origin.API: Trouble.BEFORE_API_ANSWER, Origin.PAGE: Trouble.BEFORE_REDIRECT}.get(burst.origin)
        if wanted is None:
            return
        early = [parcel for parcel in burst.parcels if self.rules.take(parcel.type, frozenset({wanted}))]
        burst.parcels = [parcel for parcel in burst.parcels if parcel not in early]
        for parcel in early:
            await self._attempt(parcel)

    def launch(self, burst: Burst) -> None:
        """Send the burst on its way. Safe to repeat: a launched burst is empty."""
        parcels, burst.parcels = burst.parcels, []
        if any(self.rules.take(parcel.type, frozenset({Trouble.REVERSED})) for parcel in parcels):
            parcels.reverse()
        straight = [parcel for parcel in parcels if self._goes_straight(parcel, burst)]
        if self._held is not None:
            self._held.extend(straight)
        elif straight:
            self._queue.put_nowait(straight)

    def _goes_straight(self, parcel: Parcel, burst: Burst) -> bool:
        kinds = {Trouble.DELAY, Trouble.DUPLICATE} | ({Trouble.AFTER_REDIRECT} if burst.gate else set())
        straight = True
        for rule in self.rules.take(parcel.type, frozenset(kinds)):
            match rule.behaviour:
                case Trouble.DELAY:
                    self._start(self._later(parcel, rule.ms / 1000))
                    straight = False
                case Trouble.DUPLICATE:
                    for number in range(1, rule.copies):
                        self._start(self._later(parcel, number * rule.ms / 1000))
                case _:
                    self._start(self._behind_gate(parcel, burst.gate, rule.ms / 1000))
                    straight = False
        return straight

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, parcel: Parcel, pause: float, attempt: int = 1) -> None:
        await asyncio.sleep(pause)
        await self._attempt(parcel, attempt)

    async def _behind_gate(self, parcel: Parcel, gate: str, pause: float) -> None:
        opened = self._gates.setdefault(gate, asyncio.Event())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(opened.wait(), GATE_SECONDS)
        await self._later(parcel, pause)

    def open_gate(self, gate: str) -> None:
        """The buyer has been sent back: what waited for that may leave."""
        if opened := self._gates.pop(gate, None):
            opened.set()

    async def work(self) -> None:
        """Deliver bursts from the queue for ever; one worker keeps the order of emission over all bursts."""
        while True:
            parcels = await self._queue.get()
            self._busy += 1
            try:
                for parcel in parcels:
                    await self._attempt(parcel)
            except Exception:
                log.exception("a delivery failed")
            finally:
                self._busy -= 1

    async def _attempt(self, parcel: Parcel, attempt: int = 1) -> None:
        world = self._world
        status = await self.send(parcel, attempt)
        if world != self._world:
            return
        delivered = status is not None and 200 <= status < 300
        parcel.done(delivered)
        if not delivered and attempt < self.tries:
            pause = min(self.backoff * 2 ** (attempt - 1), LONGEST_PAUSE)
            self._start(self._later(parcel, pause, attempt + 1))

    async def send(self, parcel: Parcel, attempt: int = 1) -> int | None:
        """One try, with the rules for attempts applied, written to the log. Returns the status, None without answer."""
        rules = self.rules.take(parcel.type, AT_ATTEMPT)
        status, error, started = None, None, self._clock.wall()
        if any(rule.behaviour is Trouble.DROP for rule in rules):
            error = "dropped by a rule"
        else:
            body, headers = parcel.compose(rules)
            try:
                answer = await self._client.post(parcel.url, content=body, headers=headers, timeout=self.timeout)
                status = answer.status_code
            except httpx.HTTPError as problem:
                error = f"{type(problem).__name__}: {problem}"
        self._log.append(
            {
                "event": parcel.event,
                "type": parcel.type,
                "url": parcel.url,
                "attempt": attempt,
                "status": status,
                "error": error,
                "at": started,
                "seconds": round(self._clock.wall() - started, 4),
                "rules": [rule.behaviour.value for rule in rules],
            }
        )
        return status

    def hold(self) -> None:
        """Keep all further events back until `release`."""
        if self._held is None:
            self._held = []

    def release(self, *, backwards: bool = False) -> int:
        """Send what was held, in order of emission or backwards. Returns how many."""
        held, self._held = self._held or [], None
        if backwards:
            held.reverse()
        if held:
            self._queue.put_nowait(held)
        return len(held)

    def overview(self) -> dict[str, Any]:
        """{deliveries: every attempt so far, pending: bursts and retries that still wait, held: events kept back}."""
        pending = self._queue.qsize() + self._busy + len(self._tasks)
        return {"deliveries": list(self._log), "pending": pending, "held": len(self._held or [])}

    def clear(self) -> None:
        """Forget queue, retries, holds and log; an attempt under way ends without effect."""
        self._world += 1
        for task in self._tasks:
            task.cancel()
        while not self._queue.empty():
            self._queue.get_nowait()
        self._held = None
        self._gates.clear()
        self._log.clear()

    async def close(self) -> None:
        """Stop and close the connections."""
        self.clear()
        await self._client.aclose()
