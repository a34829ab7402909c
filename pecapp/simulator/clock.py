"""The simulated clock of the gateways and the wall clock beside it."""

import time


class Clock:
    """Simulated time is the wall clock plus `offset` seconds; signatures and delays always use the wall clock."""

    def __init__(self) -> None:
        self.offset = 0.0

    def now(self) -> float:
        """Simulated time, seconds since the epoch."""
        return time.time() + self.offset

    def stamp(self) -> int:
        """Simulated time in whole seconds, as gateways write it."""
        return int(self.now())

    def wall(self) -> float:
        """Real time, seconds since the epoch."""
        return time.time()
