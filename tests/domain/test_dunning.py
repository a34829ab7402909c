"""The calendar around an expiry, day by day, for the examples of the rules: 31 March 2027 and 29 February 2028."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp import settings
from pecapp.domain import calendar, dunning, renewals

GRACE = 90


def day(text: str) -> date:
    return date.fromisoformat(text)


def changes(stand) -> list[tuple[str, str | None]]:
    """The days of a stretch of time on which something else stands than the day before."""
    first, last = date(2026, 10, 1), date(2028, 12, 31)
    found, before = [], None
    for number in range((last - first).days):
        today = first + timedelta(days=number)
        if (now := stand(today)) != before:
            found.append((today.isoformat(), now))
            before = now
    return found


def test_reminders_of_a_service_that_does_not_renew_by_itself_are_on_their_days():
    assert changes(lambda today: dunning.reminder(date(2027, 3, 31), today)) == [
        ("2026-12-31", "r1"),
        ("2027-03-01", "r2"),
        ("2027-03-16", "r3"),
        ("2027-03-26", "r4"),
        ("2027-04-01", None),
    ]
    assert changes(lambda today: dunning.reminder(date(2028, 2, 29), today)) == [
        ("2027-11-29", "r1"),
        ("2028-01-30", "r2"),
        ("2028-02-14", "r3"),
        ("2028-02-24", "r4"),
        ("2028-03-01", None),
    ]


def test_an_expired_service_is_told_of_until_it_cannot_be_reactivated_any_more():
    assert changes(lambda today: dunning.lapsed(date(2027, 3, 31), GRACE, today)) == [
        ("2027-04-01", "m16"),
        ("2027-04-30", "r5"),
        ("2027-05-30", "r6"),
        ("2027-06-19", "r7"),
        ("2027-06-30", None),
    ]
    assert changes(lambda today: dunning.lapsed(date(2027, 3, 31), 30, today)) == [
        ("2027-04-01", "m16"),
        ("2027-04-30", "r5"),
        ("2027-05-01", None),
    ]
    assert changes(lambda today: dunning.lapsed(date(2027, 3, 31), 0, today)) == []


@pytest.mark.parametrize(
    ("expires_on", "first", "last", "late_from"),
    [
        ("2027-03-31", "2027-02-24", "2027-03-23", "2027-03-02"),
        ("2028-02-29", "2028-01-25", "2028-02-21", "2028-01-31"),
    ],
)
def test_the_legal_notice_is_due_from_thirty_five_days_before_until_before_the_debit(
    expires_on, first, last, late_from
):
    days = [day for day, due in _days(expires_on, dunning.notice_is_due) if due]
    assert (days[0], days[-1]) == (day(first), day(last))
    overdue = [day for day, late in _days(expires_on, dunning.notice_is_overdue) if late]
    assert overdue[0] == day(late_from)


def _days(expires_on: str, rule):
    end = day(expires_on)
    return [(one, rule(end, one)) for one in (end - timedelta(days=n) for n in range(60, -1, -1))]


@pytest.mark.parametrize(
    ("expires_on", "retries"),
    [
        ("2027-03-31", ["2027-03-26", "2027-03-28", "2027-03-30"]),
        ("2028-02-29", ["2028-02-24", "2028-02-26", "2028-02-28"]),
    ],
)
def test_a_soft_refusal_is_tried_again_on_three_days_and_never_on_the_last_or_after(expires_on, retries):
    today, found = calendar.debit_on(day(expires_on)), []
    while (again := dunning.next_retry(day(expires_on), today)) is not None:
        found.append(again.isoformat())
        today = again
    assert found == retries


def test_the_last_day_to_reactivate_and_the_day_of_cancellation():
    assert dunning.last_day(date(2027, 3, 31), GRACE) == date(2027, 6, 29)
    assert not dunning.is_over(date(2027, 3, 31), GRACE, date(2027, 6, 29))
    assert dunning.is_over(date(2027, 3, 31), GRACE, date(2027, 6, 30))
    assert dunning.is_over(date(2027, 3, 31), 0, date(2027, 4, 1)), "an identity is revoked at once"


def test_an_unpaid_purchase_is_recalled_twice_and_before_it_lapses():
    assert changes(lambda today: dunning.payment_reminder(date(2027, 3, 1), date(2027, 3, 31), today)) == [
        ("2027-03-04", "3"),
        ("2027-03-11", "10"),
        ("2027-03-28", "last"),
        ("2027-04-01", None),
    ]


@given(st.dates(date(2026, 1, 1), date(2040, 12, 31)), st.integers(0, 400))
def test_nothing_is_debited_or_announced_on_a_day_that_is_another_things(expires_on, before):
    today = expires_on - timedelta(days=before)
    if dunning.notice_is_due(expires_on, today):
        assert not renewals.is_due(expires_on, today), "who is told can still switch it off"
    again = dunning.next_retry(expires_on, today)
    assert again is None or today < again < expires_on
    assert dunning.lapsed(expires_on, GRACE, today) is None


def test_what_fails_because_of_us_is_tried_again_up_to_the_last_round_of_the_last_day():
    expires = date(2027, 3, 31)
    for at, again in [
        (datetime(2027, 3, 24, 4, tzinfo=UTC), date(2027, 3, 24)),
        (datetime(2027, 3, 30, 21, 59, tzinfo=UTC), date(2027, 3, 30)),
        (datetime(2027, 3, 30, 22, tzinfo=UTC), date(2027, 3, 31)),  # midnight in Rome, where it is summer
        (datetime(2027, 3, 31, 19, 59, tzinfo=UTC), date(2027, 3, 31)),
        (datetime(2027, 3, 31, 20, tzinfo=UTC), None),
        (datetime(2027, 3, 31, 22, tzinfo=UTC), None),
    ]:
        assert dunning.retry_of_ours(expires, at) == again


def test_the_last_round_is_the_last_of_the_schedule():
    hours = settings.Settings.model_fields["renewal_schedule"].default.split()[2]
    assert hours.endswith(f"-{dunning.LAST_ROUND_HOUR}")
