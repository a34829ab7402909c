"""The calendar around an expiry: notice, reminders, debits and their retries, suspension, cancellation (6.6, 6.8, 6.9).

E is the last valid day of a service. Whatever has a day stands from that day until the next thing of its kind, so that
a standstill of some days loses nothing and a late one is told once, by the latest only.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from pecapp.domain import calendar

LAST_ROUND_HOUR = 22
"""Hour of Rome of a day's last round of debits."""
RETRY_DAYS = (5, 3, 1)
"""Days before E on which a debit that was softly refused is tried again."""
NOTICE_DAYS = 35
"""Days before E from which a renewal that is on has to be announced."""
NOTICE_LIMIT_DAYS = 30
"""Days before E by which a consumer must have been told (art. 65-bis Codice del Consumo)."""
REMINDER_MONTHS = 3
REMINDER_DAYS = (("r2", 30), ("r3", 15), ("r4", 5))
LAPSED_DAYS = (("m16", 1), ("r5", 30), ("r6", 60), ("r7", 80))
PAYMENT_DAYS = (3, 10)
PAYMENT_LAST_DAYS = 3


def next_retry(expires_on: date, today: date) -> date | None:
    """The next day after `today` on which a soft refusal is tried again; None after the last of them."""
    days = (expires_on - timedelta(days=before) for before in RETRY_DAYS)
    return next((day for day in days if day > today), None)


def retry_of_ours(expires_on: date, at: datetime) -> date | None:
    """From which day on the next round tries again what failed at the instant `at` because of us; None: none is left.

    The rounds are hourly: nothing is lost by trying soon, and the customer can do nothing about it.
    """
    today, hour = calendar.rome_date(at), at.astimezone(calendar.ROME).hour
    return today if today < expires_on or (today == expires_on and hour < LAST_ROUND_HOUR) else None


def notice_is_due(expires_on: date, today: date) -> bool:
    """Whether the coming debit has to be announced on `today`, if it was not: from E - 35 until before the debit."""
    return expires_on - timedelta(days=NOTICE_DAYS) <= today < calendar.debit_on(expires_on)


def notice_is_overdue(expires_on: date, today: date) -> bool:
    """Whether a consumer who is told on `today` is told too late, and may leave at any time after (6.8)."""
    return today > expires_on - timedelta(days=NOTICE_LIMIT_DAYS)


def reminder(expires_on: date, today: date) -> str | None:
    """Which reminder stands on `today` for a service that does not renew by itself: `r1` to `r4`."""
    first = ("r1", calendar.subtract_months(expires_on, REMINDER_MONTHS))
    rest = ((name, expires_on - timedelta(days=before)) for name, before in REMINDER_DAYS)
    return _standing([first, *rest], today, until=expires_on)


def lapsed(expires_on: date, grace_days: int, today: date) -> str | None:
    """What is told on `today` of a service that has expired and can be reactivated: `m16`, then `r5` to `r7`."""
    days = [(name, expires_on + timedelta(days=after)) for name, after in LAPSED_DAYS]
    return _standing(days, today, until=last_day(expires_on, grace_days))


def last_day(expires_on: date, grace_days: int) -> date:
    """The last day on which an expired service can be reactivated."""
    return expires_on + timedelta(days=grace_days)


def is_over(expires_on: date, grace_days: int, today: date) -> bool:
    """Whether a service is cancelled on `today`, with all that it holds."""
    return today > last_day(expires_on, grace_days)


def payment_reminder(registered_on: date, payable_until: date, today: date) -> str | None:
    """Which reminder of an unpaid purchase order stands on `today`: `3`, `10` (days after it) or `last`."""
    days = [(str(after), registered_on + timedelta(days=after)) for after in PAYMENT_DAYS]
    last = ("last", payable_until - timedelta(days=PAYMENT_LAST_DAYS))
    return _standing([*days, last], today, until=payable_until)


def _standing(days: Sequence[tuple[str, date]], today: date, until: date) -> str | None:
    """The latest whose day has come, until nothing of it is of use any more."""
    begun = [name for name, day in days if day <= today <= until]
    return begun[-1] if begun else None
