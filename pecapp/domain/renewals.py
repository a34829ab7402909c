"""Automatic renewal: which days bring a debit, how much may be taken, and whether it will go well (rules 5.4-6.7)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from pecapp.domain import calendar

STOP_DAYS_BEFORE_DEBIT = 1
"""Switching off counts without a debit until the end of the day before it."""
CARD_WARNING_DAYS = (60, 30)
"""How long before a debit its owner is told that the card ends before it: the first time, and the last (5.5)."""
WATCH_DAYS = 60
"""How long before the expiry a mandate is compared with the price (6.6)."""


class Light(StrEnum):
    """Whether a coming debit will go well, as far as can be told today."""

    COVERED = "covered"
    AT_RISK = "at_risk"
    """It will be tried, and may be refused."""
    UNCOVERED = "uncovered"
    """It will not even be tried."""
    SKIPPED = "skipped"
    """Its owner does not want it this time."""


class Doubt(StrEnum):
    """What stands in the way of a coming debit."""

    NO_METHOD = "no_method"
    REVOKED = "revoked"
    REFUSED = "refused"
    """Its bank refuses debits for good."""
    NOT_AUTHORISED = "not_authorised"
    CEILING = "ceiling"
    CARD_ENDS = "card_ends"
    NOT_SOLD = "not_sold"


@dataclass(frozen=True)
class Means:
    """What a debit would be made on, as far as its success depends on it."""

    usable: bool
    """Neither removed nor revoked."""
    ceiling_cents: int | None
    """The most that one debit may take; None when no debit was ever authorised."""
    ends_on: date | None = None
    """Last day of a card; None for an account, which does not end by itself."""
    refused: bool = False
    """Whether its bank has said that it must not be debited again."""


@dataclass(frozen=True)
class Debit:
    """A day on which the renewal of the term that ends on `expires_on` is due."""

    on: date
    expires_on: date
    renewed_until: date
    skipped: bool = False


def stop_by(expires_on: date) -> date:
    """The last day on which automatic renewal can be switched off without a debit (6.6, E - 8)."""
    return calendar.debit_on(expires_on) - timedelta(days=STOP_DAYS_BEFORE_DEBIT)


def is_due(expires_on: date, today: date) -> bool:
    """Whether a renewal that is on has to be debited on `today`: from E - 7 on, never after E (6.7.1, 9.34).

    One that is switched on in these days is debited within a day, which its owner has to confirm (6.4).
    """
    return calendar.debit_on(expires_on) <= today <= expires_on


def coming(
    expires_on: date, years: int, today: date, until: date, skipped_on: frozenset[date] = frozenset()
) -> Iterator[Debit]:
    """The debits from `today` to `until` of a service that renews by itself every `years` (at least 1) years.

    One whose day is past is made up for today. `skipped_on` are the expiries whose debit is left out; what comes after
    such a one nobody knows, so it is the last, and once its day is past there is nothing to come.
    """
    while expires_on >= today:
        planned = calendar.debit_on(expires_on)
        on, skipped = max(planned, today), expires_on in skipped_on
        if on > until or (skipped and planned < today):
            return
        renewed = calendar.renewed_expiry(expires_on, years)
        yield Debit(on, expires_on, renewed, skipped)
        if skipped:
            return
        expires_on = renewed


def ceiling(costs: Mapping[int, int]) -> tuple[int, int] | None:
    """Of the renewals concerned, by service id, the dearest single one and its gross cents (5.4); None for none."""
    return max(costs.items(), key=lambda cost: (cost[1], -cost[0]), default=None)


def doubt(amount_cents: int, on: date, means: Means | None, *, sold: bool = True) -> Doubt | None:
    """The worst that stands in the way of a debit of `amount_cents` on `on`; None when all is well."""
    if not sold:
        return Doubt.NOT_SOLD
    if means is None:
        return Doubt.NO_METHOD
    if not means.usable:
        return Doubt.REVOKED
    if means.refused:
        return Doubt.REFUSED
    if means.ceiling_cents is None:
        return Doubt.NOT_AUTHORISED
    if amount_cents > means.ceiling_cents:
        return Doubt.CEILING
    if means.ends_on is not None and means.ends_on < on:
        return Doubt.CARD_ENDS
    return None


def light(found: Doubt | None) -> Light:
    """The colour of a doubt: a card that ends is tried anyway, because banks update cards (9.47)."""
    if found is None:
        return Light.COVERED
    return Light.AT_RISK if found is Doubt.CARD_ENDS else Light.UNCOVERED


def card_stage(ends_on: date | None, debit_on: date, today: date) -> int | None:
    """Which warning of a card that ends before its debit is due on `today`: 60 or 30, days before that debit (M14).

    Each stands from its day until the next, so that a day without a check loses none, and a late one brings the last
    only. None for a card that lasts, before the first of them, and once the day of the debit has come.
    """
    if ends_on is None or ends_on >= debit_on or today >= debit_on:
        return None
    left = (debit_on - today).days
    return min((stage for stage in CARD_WARNING_DAYS if left <= stage), default=None)


def mandate_is_watched(expires_on: date, today: date) -> bool:
    """Whether a mandate that is too low for the coming debit has to be told on `today` (M15).

    From E - 60 until the last day on which something can be done about it.
    """
    return expires_on - timedelta(days=WATCH_DAYS) <= today <= stop_by(expires_on)
