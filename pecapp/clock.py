"""The only clock: everything that asks what time it is asks here, so that a test or a rehearsal can move time."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")


def _wall() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _wall
_offset = timedelta()


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return _source() + _offset


def today() -> date:
    """The present date in Europe/Rome, the calendar of contracts and expiries."""
    return now().astimezone(ROME).date()


def machine() -> datetime:
    """The instant before it is moved: for what has to be fresh between machines, whose clocks nobody moves."""
    return _source()


def use(source: Callable[[], datetime] | None) -> None:
    """Take time from `source` (aware UTC); None goes back to the machine's clock."""
    global _source  # noqa: PLW0603  (one process has one clock)
    _source = source or _wall


def offset() -> timedelta:
    """How far the product's time is ahead of its source."""
    return _offset


def move(offset: timedelta) -> None:
    """Let the product's time be so far ahead of its source from now on; it goes on at the source's pace."""
    global _offset  # noqa: PLW0603  (one process has one clock)
    _offset = offset
