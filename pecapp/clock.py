"""The only clock: everything that asks what time it is asks here, so that a test or a rehearsal can move time."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

ROME = ZoneInfo("Europe/Rome")


def _wall() -> datetime:
    return datetime.now(UTC)


_source: Callable[[], datetime] = _wall


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return _source()


def today() -> date:
    """The present date in Europe/Rome, the calendar of contracts and expiries."""
    return now().astimezone(ROME).date()


def use(source: Callable[[], datetime] | None) -> None:
    """Take time from `source` (aware UTC); None goes back to the machine's clock."""
    global _source  # noqa: PLW0603  (one process has one clock)
    _source = source or _wall
