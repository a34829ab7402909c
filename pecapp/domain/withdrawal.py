"""The consumer's right to withdraw within 14 days, and what a started service may keep (domain rules 8.3)."""

from dataclasses import dataclass
from datetime import date, timedelta

import holidays

from pecapp.domain import money

WITHDRAWAL_DAYS = 14
_SATURDAY = 5


@dataclass(frozen=True)
class Settlement:
    """How a withdrawn contract ends, in gross cents: `retained + refunded` is what was paid."""

    days_used: int
    days_of_term: int
    retained_cents: int
    refunded_cents: int


def last_day(concluded_on: date) -> date:
    """The last day to withdraw from a contract concluded on `concluded_on` (Reg. 1182/71).

    The day of conclusion does not count; a last day that is a Saturday, a Sunday or an Italian national holiday moves
    to the next working day.
    """
    day = concluded_on + timedelta(days=WITHDRAWAL_DAYS)
    while not _working(day):
        day += timedelta(days=1)
    return day


def in_time(concluded_on: date, today: date) -> bool:
    """Whether a withdrawal declared on `today` is in time."""
    return today <= last_day(concluded_on)


def settle(
    gross_cents: int, *, activated_on: date | None, expires_on: date | None, withdrawn_on: date, start_requested: bool
) -> Settlement:
    """What is kept and what goes back when a contract paid `gross_cents` ends on `withdrawn_on`.

    The part for the days used is kept only where the customer asked for the service to start at once and it did;
    otherwise (not asked, not yet active, or a product without a term) everything goes back.
    """
    if not start_requested or activated_on is None or expires_on is None or expires_on <= activated_on:
        return Settlement(days_used=0, days_of_term=0, retained_cents=0, refunded_cents=gross_cents)
    days_of_term = (expires_on - activated_on).days
    days_used = min(max((withdrawn_on - activated_on).days, 0), days_of_term)
    retained = money.proportion(gross_cents, days_used, days_of_term)
    return Settlement(
        days_used=days_used,
        days_of_term=days_of_term,
        retained_cents=retained,
        refunded_cents=gross_cents - retained,
    )


def _working(day: date) -> bool:
    return day.weekday() < _SATURDAY and day not in holidays.country_holidays("IT", years=day.year)
