"""When the owner of a renewal is warned: of a card that ends before the debit, of a mandate that is too low."""

from datetime import date, timedelta

import pytest

from pecapp.domain import calendar, renewals

DEBIT = date(2027, 3, 24)
EXPIRY = date(2027, 3, 31)
BEFORE = date(2027, 2, 28)


@pytest.mark.parametrize(
    ("days_left", "stage"),
    [(400, None), (61, None), (60, 60), (59, 60), (31, 60), (30, 30), (29, 30), (1, 30), (0, None), (-1, None)],
)
def test_a_card_that_ends_before_its_debit_is_told_of_60_and_30_days_before(days_left: int, stage: int | None) -> None:
    assert renewals.card_stage(BEFORE, DEBIT, DEBIT - timedelta(days=days_left)) == stage


@pytest.mark.parametrize(
    ("ends_on", "stage"),
    [(DEBIT - timedelta(days=1), 30), (DEBIT, None), (date(2030, 12, 31), None), (None, None), (date(2020, 1, 31), 30)],
)
def test_only_a_card_whose_last_day_is_before_the_debit_is_told_of(ends_on: date | None, stage: int | None) -> None:
    assert renewals.card_stage(ends_on, DEBIT, DEBIT - timedelta(days=10)) == stage


def test_every_day_of_the_last_two_months_has_exactly_one_stage_and_they_only_go_down() -> None:
    stages = [renewals.card_stage(BEFORE, DEBIT, DEBIT - timedelta(days=left)) for left in range(60, 0, -1)]
    assert stages == [60] * 30 + [30] * 30


@pytest.mark.parametrize(("days_left", "watched"), [(61, False), (60, True), (30, True), (8, True), (7, False)])
def test_a_mandate_is_watched_from_sixty_days_before_the_expiry_to_the_eve_of_the_debit(
    days_left: int, watched: bool
) -> None:
    assert renewals.mandate_is_watched(EXPIRY, EXPIRY - timedelta(days=days_left)) is watched


@pytest.mark.parametrize(
    ("expires_on", "last_day"),
    [(EXPIRY, date(2027, 3, 23)), (date(2028, 2, 29), date(2028, 2, 21)), (date(2027, 1, 3), date(2026, 12, 26))],
)
def test_switching_off_counts_until_the_eve_of_the_debit(expires_on: date, last_day: date) -> None:
    assert renewals.stop_by(expires_on) == last_day == calendar.debit_on(expires_on) - timedelta(days=1)
