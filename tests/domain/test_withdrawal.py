"""Fourteen days to withdraw, and what a started service keeps."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import withdrawal


@pytest.mark.parametrize(
    ("concluded_on", "last_day"),
    [
        (date(2026, 11, 22), date(2026, 12, 7)),  # the 14th day is a Sunday
        (date(2026, 11, 24), date(2026, 12, 9)),  # the Immacolata
        (date(2026, 12, 11), date(2026, 12, 28)),  # Christmas, Santo Stefano, a Sunday
        (date(2027, 3, 15), date(2027, 3, 30)),  # Easter Monday
        (date(2026, 11, 23), date(2026, 12, 7)),  # a plain Monday
        (date(2026, 9, 18), date(2026, 10, 2)),  # a Friday, the day before the weekend of San Francesco
        (date(2026, 12, 18), date(2027, 1, 4)),  # New Year's Day, then a weekend
    ],
)
def test_the_last_day_is_the_14th_or_the_next_working_day(concluded_on, last_day):
    assert withdrawal.last_day(concluded_on) == last_day


def test_withdrawing_is_possible_to_the_last_day_and_not_after():
    assert withdrawal.in_time(date(2026, 11, 22), date(2026, 11, 22))
    assert withdrawal.in_time(date(2026, 11, 22), date(2026, 12, 7))
    assert not withdrawal.in_time(date(2026, 11, 22), date(2026, 12, 8))


def _settle(**changes):
    known = {
        "gross_cents": 1208,
        "activated_on": date(2026, 11, 22),
        "expires_on": date(2027, 11, 22),
        "withdrawn_on": date(2026, 11, 27),
        "start_requested": True,
    }
    return withdrawal.settle(**{**known, **changes})


def test_five_days_of_a_year_are_kept_when_the_customer_asked_for_an_early_start():
    assert _settle() == withdrawal.Settlement(days_used=5, days_of_term=365, retained_cents=17, refunded_cents=1191)


@pytest.mark.parametrize(
    "changes",
    [{"start_requested": False}, {"activated_on": None}, {"expires_on": None}, {"withdrawn_on": date(2026, 1, 1)}],
)
def test_everything_goes_back_when_the_service_was_not_asked_for_early_or_never_began(changes):
    assert _settle(**changes).refunded_cents == 1208


def test_no_more_than_the_price_is_kept():
    assert _settle(withdrawn_on=date(2030, 1, 1)).refunded_cents == 0


@given(day=st.dates(min_value=date(2026, 1, 1), max_value=date(2035, 12, 31)))
def test_nobody_has_fewer_than_fourteen_days_and_an_order_a_day_later_never_ends_earlier(day):
    last = withdrawal.last_day(day)
    assert 14 <= (last - day).days <= 19
    assert last.weekday() < 5
    assert last <= withdrawal.last_day(day + timedelta(days=1))


@given(gross=st.integers(0, 10**7), days=st.integers(0, 2000), years=st.integers(1, 5))
def test_what_is_kept_and_what_goes_back_make_what_was_paid(gross, days, years):
    start = date(2026, 11, 22)
    settlement = _settle(
        gross_cents=gross, expires_on=start.replace(year=start.year + years), withdrawn_on=start + timedelta(days=days)
    )
    assert settlement.retained_cents + settlement.refunded_cents == gross
    assert min(settlement.retained_cents, settlement.refunded_cents) >= 0
