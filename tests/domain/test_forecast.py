"""The forecast says what the engine will do: the days that bring a debit, and whether it will go well."""

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pecapp.domain import calendar, renewals
from pecapp.domain.renewals import Doubt, Light, Means

TODAY = date(2027, 3, 10)
E = date(2027, 3, 31)
TODAYS = st.dates(min_value=date(2026, 1, 1), max_value=date(2044, 12, 31)) | st.sampled_from(
    [date(2027, 2, 28), date(2028, 2, 29), date(2028, 2, 22), date(2027, 12, 31), date(2027, 1, 31)]
)
GAPS = st.integers(min_value=-40, max_value=400) | st.integers(min_value=-1, max_value=9)
ACCOUNTS = st.lists(st.tuples(GAPS, st.integers(min_value=1, max_value=10), st.booleans()), max_size=8)
"""Services: days from today to the expiry, years of a term, whether the next debit is skipped."""


def until(today: date) -> date:
    return calendar.add_months(today, 12)


def day_by_day(today: date, services: dict[int, tuple[date, int, bool]]) -> list[tuple[date, int, date]]:
    """Every debit that the engine's own calendar makes when each day is lived through."""
    expiries = {name: expires_on for name, (expires_on, _, _) in services.items()}
    debits, day = [], today
    while day <= until(today):
        for name, (first, years, skipped) in services.items():
            expires_on = expiries[name]
            if renewals.is_due(expires_on, day) and not (skipped and expires_on == first):
                debits.append((day, name, expires_on))
                expiries[name] = calendar.renewed_expiry(expires_on, years)
        day += timedelta(days=1)
    return debits


@given(TODAYS, ACCOUNTS)
@example(date(2027, 2, 22), [(366, 1, False), (7, 4, False)])
@example(date(2028, 2, 22), [(7, 1, False), (7, 4, True), (0, 1, False)])
def test_the_forecast_is_what_the_coming_year_brings_day_by_day(today, account):
    services = {
        number: (today + timedelta(days=gap), years, skipped) for number, (gap, years, skipped) in enumerate(account)
    }
    foretold = [
        (debit.on, number, debit.expires_on)
        for number, (expires_on, years, skipped) in services.items()
        for debit in renewals.coming(
            expires_on, years, today, until(today), frozenset({expires_on} if skipped else set())
        )
        if not debit.skipped
    ]
    assert sorted(foretold) == sorted(day_by_day(today, services))


@given(TODAYS, GAPS, st.integers(min_value=1, max_value=10))
def test_a_skipped_debit_is_shown_on_its_day_until_that_day_and_is_the_last(today, gap, years):
    expires_on = today + timedelta(days=gap)
    found = list(renewals.coming(expires_on, years, today, until(today), frozenset({expires_on})))
    planned = calendar.debit_on(expires_on)
    expected = [planned] if today <= planned <= until(today) else []
    assert [(debit.on, debit.skipped) for debit in found] == [(day, True) for day in expected]


def test_each_debit_starts_from_where_the_last_one_ends():
    first, second = renewals.coming(date(2028, 2, 29), 1, date(2028, 2, 25), date(2029, 2, 25))
    assert (first.on, first.expires_on, first.renewed_until) == (
        date(2028, 2, 25), date(2028, 2, 29), date(2029, 2, 28),
    )  # fmt: skip
    assert (second.on, second.expires_on, second.renewed_until) == (
        date(2029, 2, 21), date(2029, 2, 28), date(2030, 2, 28),
    )  # fmt: skip


def test_what_has_expired_is_never_debited():
    assert list(renewals.coming(TODAY - timedelta(days=1), 1, TODAY, until(TODAY))) == []


GOOD = Means(usable=True, ceiling_cents=1208, ends_on=E)


@pytest.mark.parametrize(
    ("cents", "means", "sold", "doubt", "light"),
    [
        (1208, GOOD, True, None, Light.COVERED),
        (1208, Means(usable=True, ceiling_cents=1208), True, None, Light.COVERED),
        (1209, GOOD, True, Doubt.CEILING, Light.UNCOVERED),
        (1208, Means(usable=True, ceiling_cents=None), True, Doubt.NOT_AUTHORISED, Light.UNCOVERED),
        (1208, Means(usable=False, ceiling_cents=1208), True, Doubt.REVOKED, Light.UNCOVERED),
        (1208, None, True, Doubt.NO_METHOD, Light.UNCOVERED),
        (1208, GOOD, False, Doubt.NOT_SOLD, Light.UNCOVERED),
        (1208, Means(usable=True, ceiling_cents=1208, ends_on=date(2027, 3, 23)), True, Doubt.CARD_ENDS, Light.AT_RISK),
        (1208, Means(usable=True, ceiling_cents=1208, ends_on=date(2027, 3, 24)), True, None, Light.COVERED),
        (1209, Means(usable=True, ceiling_cents=1208, ends_on=date(2027, 2, 28)), True, Doubt.CEILING, Light.UNCOVERED),
    ],
)
def test_the_light_of_a_debit_and_why(cents, means, sold, doubt, light):
    found = renewals.doubt(cents, date(2027, 3, 24), means, sold=sold)
    assert (found, renewals.light(found)) == (doubt, light)
