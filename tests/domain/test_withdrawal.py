"""Fourteen days to withdraw, and what a started service keeps."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import catalog, withdrawal
from pecapp.domain.withdrawal import Finding


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


TODAY = date(2026, 12, 7)
SIGNATURE, STAMPS = catalog.Kind.SIGNATURE, catalog.Kind.TIMESTAMP
PAST, AHEAD = date(2026, 12, 6), date(2027, 6, 1)


def _judge(**changes):
    known = {
        "consumer": True,
        "open": True,
        "until_on": TODAY,
        "automatic": False,
        "free_until_on": None,
        "kind": catalog.Kind.PEC,
        "start_requested": True,
        "performed": True,
        "shipped": False,
    }
    return withdrawal.judge(withdrawal.Contract(**known | changes), TODAY)


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({}, Finding.IN_TIME),
        ({"until_on": PAST}, Finding.LATE),
        ({"until_on": PAST, "free_until_on": TODAY}, Finding.FREE_EXIT),
        ({"until_on": None, "automatic": True}, Finding.AUTOMATIC),
        ({"until_on": None, "automatic": True, "free_until_on": AHEAD}, Finding.FREE_EXIT),
        ({"until_on": None, "automatic": True, "free_until_on": PAST}, Finding.AUTOMATIC),
        ({"free_until_on": AHEAD}, Finding.IN_TIME),
        ({"consumer": False}, Finding.PROFESSIONAL),
        ({"consumer": False, "free_until_on": AHEAD}, Finding.PROFESSIONAL),
        ({"open": False}, Finding.OVER),
        ({"open": False, "consumer": False}, Finding.OVER),
        ({"kind": SIGNATURE}, Finding.ISSUED),
        ({"kind": SIGNATURE, "performed": False}, Finding.IN_TIME),
        ({"kind": SIGNATURE, "start_requested": False}, Finding.IN_TIME),
        ({"kind": SIGNATURE, "performed": False, "shipped": True}, Finding.GOODS),
        ({"kind": STAMPS}, Finding.USE),
        ({"kind": STAMPS, "performed": False}, Finding.IN_TIME),
        ({"kind": STAMPS, "until_on": PAST}, Finding.LATE),
    ],
)
def test_what_a_declaration_comes_to(changes, finding):
    assert _judge(**changes) is finding


def test_every_finding_is_one_of_three_kinds():
    refused = {Finding.PROFESSIONAL, Finding.AUTOMATIC, Finding.LATE, Finding.ISSUED, Finding.OVER}
    assert set(Finding) == withdrawal.EFFECTIVE | withdrawal.CHECKED | refused


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Anna Verdi", "verdi  ANNA", True),
        ("Niccolò D'Amico", "niccolo d’amico", True),
        ("Anna Verdi", "Anna Maria Verdi", False),
        ("Anna Verdi", "Ada Verdi", False),
        ("", "", False),
        ("!", "?", False),
    ],
)
def test_a_name_is_the_same_whatever_its_spelling(one, other, same):
    assert withdrawal.same_name(one, other) is same


@pytest.mark.parametrize("name", ["Anna Verdi", "Niccolò D'Amico", "M. Rossi", "M.G. Rossi", "Jean-Luc Ďábel"])
def test_a_name_is_taken_as_people_write_it(name):
    assert withdrawal.check_name(f"  {name}\n") == (name, None)


@pytest.mark.parametrize("name", ["http://x.test", "vinci.com", "a@b", "<b>", "\\\\host", "1234", "-", "x" * 81])
def test_what_could_be_an_address_is_no_name(name):
    assert withdrawal.check_name(name)[1] == "NOME_PERSONA_ERRATO"


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
