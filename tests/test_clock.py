"""The only clock: it follows its source, or is moved ahead of it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from pecapp import clock

NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    yield
    clock.use(None)
    clock.move(timedelta())


def test_it_shows_the_machine_s_time_unless_told_otherwise():
    assert clock.offset() == timedelta()
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(minutes=1)
    clock.use(lambda: NOON)
    assert clock.now() == clock.machine() == NOON
    clock.use(None)
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(minutes=1)


def test_moved_it_is_ahead_of_its_source_and_goes_on_with_it():
    instants = [NOON, NOON + timedelta(seconds=1)]
    clock.use(lambda: instants[0])
    clock.move(timedelta(days=30))
    assert clock.now() == NOON + timedelta(days=30)
    assert clock.today() == date(2027, 4, 9)
    assert clock.machine() == NOON
    instants.pop(0)
    assert clock.now() == NOON + timedelta(days=30, seconds=1)
    clock.move(timedelta())
    assert clock.now() == clock.machine()


def test_the_day_is_rome_s_where_it_has_been_moved_to():
    clock.use(lambda: datetime(2027, 3, 10, 22, 30, tzinfo=UTC))
    assert clock.today() == date(2027, 3, 10)
    clock.move(timedelta(days=30))  # summer time: two hours ahead of UTC, not one
    assert clock.today() == date(2027, 4, 10)
