"""How a kept means of payment stands, as its owner has to know it (domain rules 5, 5.5)."""

from calendar import monthrange
from datetime import date, timedelta
from enum import StrEnum

EXPIRING_DAYS = 60
"""How long before its end a card counts as expiring."""


class Condition(StrEnum):
    """The word beside a kept method."""

    VALID = "valid"
    EXPIRING = "expiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


def last_day(month: int, year: int) -> date:
    """The day on which a card can be used for the last time: the last of its month."""
    return date(year, month, monthrange(year, month)[1])


def condition(*, revoked: bool, expires_on: date | None, next_debit_on: date | None, today: date) -> Condition:
    """How a method stands today. `expires_on` is None for an account, which does not expire by itself.

    A card is expiring when it ends within 60 days, or before the next debit that is planned on it.
    """
    if revoked:
        return Condition.REVOKED
    if expires_on is None:
        return Condition.VALID
    if expires_on < today:
        return Condition.EXPIRED
    soon = expires_on <= today + timedelta(days=EXPIRING_DAYS)
    return Condition.EXPIRING if soon or (next_debit_on is not None and expires_on < next_debit_on) else Condition.VALID
