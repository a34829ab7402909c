"""Several at once: the same work in many threads, let go at the same moment, or one stopped half-way."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text

from pecapp import db

PATIENCE = 10
"""Seconds."""
_WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


class Stop:
    """A place in the middle of some work, in front of `real`, at which whoever comes first is held."""

    def __init__(self, real: Callable[..., Any]) -> None:
        self._real = real
        self._first = threading.Lock()
        self._reached, self._free = threading.Event(), threading.Event()

    def __call__(self, *given: Any, **named: Any) -> Any:
        if self._first.acquire(blocking=False):
            self._reached.set()
            self._free.wait(PATIENCE)
        return self._real(*given, **named)

    def meets(self, first: Callable[[], Any], second: Callable[[], Any]) -> list[Any]:
        """Let `second` begin while `first` is held, and go on once it waits for a lock of PostgreSQL; both results."""
        with ThreadPoolExecutor(2) as pool:
            begun = [pool.submit(first)]
            assert self._reached.wait(PATIENCE)
            begun.append(pool.submit(second))
            until = time.monotonic() + PATIENCE
            while not begun[1].done() and not _somebody_waits() and time.monotonic() < until:
                time.sleep(0.01)
            self._free.set()
            return [one.exception() or one.result() for one in begun]


def _somebody_waits() -> bool:
    with db.reading() as s:
        return s.execute(_WAITING).scalar_one() > 0


def together(work: Callable[..., Any], *groups: tuple[Any, ...]) -> list[Any]:
    """Call `work` once for each group of arguments, all at the same time; results or errors, in order."""
    gate = threading.Barrier(len(groups))

    def one(arguments: tuple[Any, ...]) -> Any:
        gate.wait()
        try:
            return work(*arguments)
        except Exception as problem:
            return problem

    with ThreadPoolExecutor(len(groups)) as pool:
        return list(pool.map(one, groups))


def repeated(work: Callable[..., Any], times: int, *arguments: Any) -> list[Any]:
    """Call `work` with the same arguments `times` times at once."""
    return together(work, *[arguments] * times)
