"""How a kept method stands: cards end with their month, accounts do not end by themselves."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain.methods import Condition, condition, last_day

TODAY = date(2027, 3, 10)


@pytest.mark.parametrize(
    ("month", "year", "day"),
    [
        (2, 2027, date(2027, 2, 28)),
        (2, 2028, date(2028, 2, 29)),
        (4, 2027, date(2027, 4, 30)),
        (12, 2030, date(2030, 12, 31)),
    ],
)
def test_a_card_can_be_used_to_the_last_day_of_its_month(month, year, day):
    assert last_day(month, year) == day


@pytest.mark.parametrize(
    ("expires_on", "debit", "word"),
    [
        (TODAY - timedelta(days=1), None, Condition.EXPIRED),
        (TODAY, None, Condition.EXPIRING),
        (TODAY + timedelta(days=60), None, Condition.EXPIRING),
        (TODAY + timedelta(days=61), None, Condition.VALID),
        (TODAY + timedelta(days=200), TODAY + timedelta(days=201), Condition.EXPIRING),
        (TODAY + timedelta(days=200), TODAY + timedelta(days=200), Condition.VALID),
        (None, TODAY, Condition.VALID),
    ],
)
def test_the_word_beside_a_method(expires_on, debit, word):
    assert condition(revoked=False, expires_on=expires_on, next_debit_on=debit, today=TODAY) is word


@given(st.none() | st.dates(), st.none() | st.dates(), st.dates())
def test_what_is_revoked_is_nothing_else(expires_on, debit, today):
    said = condition(revoked=True, expires_on=expires_on, next_debit_on=debit, today=today)
    assert said is Condition.REVOKED
