"""Expiries, debit days and instants, Europe/Rome."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import calendar

DAYS = st.dates(min_value=date(1990, 1, 1), max_value=date(2090, 12, 31))


def test_a_service_lasts_whole_calendar_years():
    assert calendar.expiry(date(2026, 11, 22), 1) == date(2027, 11, 22)
    assert calendar.expiry(date(2026, 11, 22), 5) == date(2031, 11, 22)


def test_29_february_becomes_28_where_there_is_none_and_stays_where_there_is():
    assert calendar.add_years(date(2028, 2, 29), 1) == date(2029, 2, 28)
    assert calendar.add_years(date(2028, 2, 29), 4) == date(2032, 2, 29)
    assert calendar.expiry(date(2096, 2, 29), 4) == date(2100, 2, 28)


def test_a_renewal_counts_from_the_old_expiry():
    assert calendar.renewed_expiry(date(2027, 3, 31), 2) == date(2029, 3, 31)


@pytest.mark.parametrize(
    ("expiry", "debit"),
    [
        (date(2027, 3, 31), date(2027, 3, 24)),
        (date(2028, 2, 29), date(2028, 2, 22)),
        (date(2027, 1, 3), date(2026, 12, 27)),
    ],
)
def test_the_debit_is_seven_days_before_the_expiry(expiry, debit):
    assert calendar.debit_on(expiry) == debit


@pytest.mark.parametrize(
    ("day", "earlier"),
    [
        (date(2027, 3, 31), date(2026, 12, 31)),
        (date(2027, 5, 31), date(2027, 2, 28)),
        (date(2028, 5, 31), date(2028, 2, 29)),
    ],
)
def test_three_months_before_the_end_of_a_month(day, earlier):
    assert calendar.subtract_months(day, 3) == earlier


@pytest.mark.parametrize(
    ("expiry", "instant"),
    [
        (date(2027, 1, 15), datetime(2027, 1, 15, 22, 59, 59, tzinfo=UTC)),
        (date(2027, 7, 15), datetime(2027, 7, 15, 21, 59, 59, tzinfo=UTC)),
        (date(2027, 3, 28), datetime(2027, 3, 28, 21, 59, 59, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 22, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_last_instant_is_the_last_second_in_rome_also_when_the_clocks_change(expiry, instant):
    assert calendar.last_valid_instant(expiry) == instant
    assert calendar.last_valid_instant(expiry).tzinfo is UTC


@pytest.mark.parametrize(
    ("instant", "day"),
    [
        (datetime(2026, 12, 31, 22, 59, tzinfo=UTC), date(2026, 12, 31)),
        (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2027, 1, 1)),
        (datetime(2026, 6, 30, 22, 0, tzinfo=UTC), date(2026, 7, 1)),
    ],
)
def test_the_date_in_rome_changes_at_midnight_in_rome(instant, day):
    assert calendar.rome_date(instant) == day


def test_an_instant_without_time_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        calendar.rome_date(datetime(2026, 1, 1))  # noqa: DTZ001  (the naive instant is what is refused)


def test_a_card_is_valid_to_the_last_day_of_its_month():
    assert calendar.card_valid_on(2, 2028, date(2028, 2, 29))
    assert not calendar.card_valid_on(2, 2028, date(2028, 3, 1))
    assert calendar.card_valid_on(1, 2029, date(2028, 12, 31))
    assert not calendar.card_valid_on(12, 2027, date(2028, 1, 1))


@pytest.mark.parametrize(
    ("since", "expiry", "months"),
    [
        (date(2026, 1, 15), date(2026, 3, 15), 2),
        (date(2026, 1, 15), date(2026, 3, 16), 3),
        (date(2026, 1, 15), date(2026, 1, 16), 1),
        (date(2026, 1, 15), date(2026, 1, 15), 1),
        (date(2026, 1, 15), date(2025, 6, 1), 1),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2026, 1, 15), date(2028, 1, 15), 24),
    ],
)
def test_an_add_on_pays_for_each_month_begun_and_at_least_for_one(since, expiry, months):
    assert calendar.months_started(since, expiry) == months


@given(day=DAYS, years=st.integers(0, 10))
def test_adding_years_keeps_day_and_month_but_for_29_february(day, years):
    later = calendar.add_years(day, years)
    assert later.year == day.year + years
    assert (later.month, later.day) == (day.month, day.day) or ((day.month, day.day), later.day) == ((2, 29), 28)


@given(day=DAYS, other=DAYS, years=st.integers(1, 10))
def test_a_later_start_never_expires_earlier(day, other, years):
    early, late = sorted((day, other))
    assert calendar.expiry(early, years) <= calendar.expiry(late, years)


@given(since=DAYS, length=st.integers(1, 4000))
def test_months_begun_reach_the_expiry_and_one_fewer_does_not(since, length):
    expiry = since + timedelta(days=length)
    months = calendar.months_started(since, expiry)
    assert calendar.add_months(since, months - 1) < expiry <= calendar.add_months(since, months)


@given(day=DAYS)
def test_the_last_instant_of_a_day_is_on_that_day_and_the_next_second_is_not(day):
    instant = calendar.last_valid_instant(day)
    assert calendar.rome_date(instant) == day
    assert calendar.rome_date(instant + timedelta(seconds=1)) == day + timedelta(days=1)


@pytest.mark.parametrize(
    ("years", "months", "ends"),
    [(1, None, date(2027, 11, 22)), (None, 3, date(2027, 2, 22)), (2, 3, date(2027, 2, 22)), (None, None, None)],
)
def test_a_term_ends_after_its_months_or_its_years(years, months, ends):
    assert calendar.term_end(date(2026, 11, 22), years, months) == ends
