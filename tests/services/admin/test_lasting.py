"""The end of a session of the staff: told in time to its own pages and to nobody else's; news prolong nothing."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, errors, i18n, tables
from pecapp.services import access, live
from pecapp.services.admin import lasting
from tests.support import factories
from tests.support import people as persons

pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What was told to pages about their sessions."""
    told: list[str] = []

    def hear(topics: frozenset[str]) -> None:
        told.extend(topic for topic in topics if topic.startswith("session:"))

    live.listen(hear)
    yield told
    live.forget(hear)


def topic(cookie: str) -> str:
    return live.session(access.actor(cookie).session_id)


def seen(cookie: str) -> access.Actor:
    """Whose the cookie is, as news find it out."""
    return access.wearer(access.badge(cookie), uses=False)


@pytest.mark.parametrize(
    ("minutes", "told"), [(0, False), (53, False), (54, True), (59, True), (60, True), (62, True), (63, False)]
)
def test_a_session_is_told_in_its_last_minutes_and_at_its_end(
    heard: list[str], frozen_clock: Any, minutes: int, told: bool
) -> None:
    mine = topic(persons.staff_cookie("support"))
    frozen_clock.advance(minutes=minutes)
    assert lasting.tell_due() == int(told)
    assert heard == [mine] * told


def test_of_a_customers_session_and_of_one_that_is_half_way_in_nothing_is_told(
    heard: list[str], frozen_clock: Any
) -> None:
    persons.customer()
    persons.staff("support")
    for row in factories.rows(tables.WebSession):
        factories.change(row, second_factor_at=None, expires_at=clock.now() + timedelta(minutes=3))
    assert (lasting.tell_due(), heard) == (0, [])


def test_five_minutes_are_left_when_it_is_told_even_at_the_end_of_a_minute(frozen_clock: Any) -> None:
    cookie = persons.staff_cookie("support")
    frozen_clock.advance(minutes=54, seconds=-1)
    assert lasting.tell_due() == 0
    frozen_clock.advance(minutes=1)
    ends = seen(cookie).expires_at
    assert lasting.tell_due() == 1
    assert ends is not None
    assert ends - clock.now() >= timedelta(minutes=5)


def test_its_end_is_said_when_it_is_near_and_what_asks_for_it_prolongs_nothing(frozen_clock: Any) -> None:
    cookie = persons.staff_cookie("support")
    assert lasting.ending(seen(cookie), "it") is None
    frozen_clock.advance(minutes=55)
    ends = clock.now() + timedelta(minutes=5)
    for _ in range(2):
        lasting.tell_due()
        assert lasting.ending(seen(cookie), "it") == lasting.Ending(i18n.instant(ends, "it"), final=False)
    frozen_clock.advance(minutes=5)
    with pytest.raises(errors.Forbidden):
        lasting.ending(seen(cookie), "it")


def test_a_use_prolongs_it_and_its_pages_hear_of_it(heard: list[str], frozen_clock: Any) -> None:
    cookie = persons.staff_cookie("support")
    frozen_clock.advance(minutes=55)
    mine = topic(cookie)
    assert heard == [mine]
    assert lasting.ending(seen(cookie), "it") is None
    assert seen(cookie).expires_at == clock.now() + access.STAFF_IDLE
    assert (lasting.tell_due(), heard) == (0, [mine])


def test_an_ordinary_use_is_told_to_nobody(heard: list[str], frozen_clock: Any) -> None:
    cookie = persons.staff_cookie("support")
    frozen_clock.advance(minutes=30)
    access.actor(cookie)
    assert heard == []


def test_after_twelve_hours_no_use_prolongs_it_and_that_is_said_before(frozen_clock: Any) -> None:
    cookie = persons.staff_cookie("support")
    ends = clock.now() + access.STAFF_LONGEST
    for _ in range(14):
        frozen_clock.advance(minutes=51)
        access.actor(cookie)
    assert lasting.tell_due() == 1
    assert lasting.ending(access.actor(cookie), "it") == lasting.Ending(i18n.instant(ends, "it"), final=True)
    frozen_clock.advance(minutes=6)
    assert not access.actor(cookie).signed_in


@pytest.mark.parametrize("role", ["stranger", "customer"])
def test_nobody_else_is_told_an_end(role: str) -> None:
    with pytest.raises(errors.Forbidden):
        lasting.ending(persons.somebody(role), "it")
