"""What the gateway does later by itself: sessions expire, unknown outcomes resolve, refunds arrive."""

import heapq
import itertools
from collections.abc import Callable

from pecapp.simulator.clock import Clock


class Agenda:
    """Named jobs, each due at a moment of the simulated or of the wall clock; a new job replaces its namesake."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._count = itertools.count()
        self._simulated: list[tuple[float, int, str]] = []
        self._wall: list[tuple[float, int, str]] = []
        self._jobs: dict[str, tuple[int, Callable[[], None]]] = {}

    def at(self, when: float, name: str, job: Callable[[], None]) -> None:
        """Do the job at `when`, seconds of the simulated clock."""
        self._add(self._simulated, when, name, job)

    def after(self, delay: float, name: str, job: Callable[[], None]) -> None:
        """Do the job `delay` seconds of the wall clock from now."""
        self._add(self._wall, self._clock.wall() + delay, name, job)

    def _add(self, heap: list[tuple[float, int, str]], when: float, name: str, job: Callable[[], None]) -> None:
        number = next(self._count)
        self._jobs[name] = (number, job)
        heapq.heappush(heap, (when, number, name))

    def cancel(self, name: str) -> None:
        """Forget the job, if there is one."""
        self._jobs.pop(name, None)

    def clear(self) -> None:
        """Forget all jobs."""
        self._jobs.clear()
        self._simulated.clear()
        self._wall.clear()

    def run_due(self) -> None:
        """Do now all jobs that are due."""
        for heap, now in ((self._simulated, self._clock.now()), (self._wall, self._clock.wall())):
            while heap and heap[0][0] <= now:
                _, number, name = heapq.heappop(heap)
                if self._jobs.get(name, (None,))[0] == number:
                    self._jobs.pop(name)[1]()
