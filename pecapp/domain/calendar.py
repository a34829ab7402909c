"""Dates of contracts, in Europe/Rome, and the instants they stand for, in UTC (domain rules 2.2, 5.5, 6.6)."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

ROME = ZoneInfo("Europe/Rome")
DEBIT_DAYS_BEFORE_EXPIRY = 7
_LAST_SECOND = time(23, 59, 59)


def add_years(day: date, years: int) -> date:
    """The same day and month `years` calendar years later; 29 February becomes the 28th where there is none."""
    return day + relativedelta(years=years)


def add_months(day: date, months: int) -> date:
    """The same day `months` months later, or the last of that month where it is shorter."""
    return day + relativedelta(months=months)


def subtract_months(day: date, months: int) -> date:
    """The same day `months` months earlier, or the last of that month where it is shorter."""
    return day - relativedelta(months=months)


def months_started(since: date, expiry: date) -> int:
    """Months begun between `since` and `expiry`, at least 1: what an add-on bought in mid-term is charged for."""
    gap = relativedelta(expiry, since)
    months = gap.years * 12 + gap.months
    if add_months(since, months) < expiry:
        months += 1
    return max(months, 1)


def expiry(activated_on: date, years: int) -> date:
    """The last valid day of a service activated on `activated_on` and paid for `years` years."""
    return add_years(activated_on, years)


def term_end(activated_on: date, years: int | None, months: int | None) -> date | None:
    """The last valid day of what is bought for so long and starts on `activated_on`; None for what does not expire."""
    if months:
        return add_months(activated_on, months)
    return expiry(activated_on, years) if years else None


def renewed_expiry(old: date, years: int) -> date:
    """The new last valid day after a renewal: counted from the old one, also when it is paid after that day."""
    return add_years(old, years)


def debit_on(expiry: date) -> date:
    """The day of the automatic debit, 7 days before `expiry`."""
    return expiry - timedelta(days=DEBIT_DAYS_BEFORE_EXPIRY)


def last_valid_instant(expiry: date) -> datetime:
    """23:59:59 in Rome on `expiry`, as an aware instant in UTC."""
    return datetime.combine(expiry, _LAST_SECOND, tzinfo=ROME).astimezone(UTC)


def card_valid_on(month: int, year: int, day: date) -> bool:
    """Whether a card marked `month`/`year` (four digits) can still be used on `day`: it lasts to the month's end."""
    return (day.year, day.month) <= (year, month)


def rome_date(instant: datetime) -> date:
    """The date in Rome at `instant`, which must be aware (ValueError otherwise)."""
    if instant.tzinfo is None:
        raise ValueError("an instant without a time zone has no date in Rome")
    return instant.astimezone(ROME).date()
