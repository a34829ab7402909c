"""The consumer's right to withdraw within 14 days, and what a started service may keep (domain rules 8.3)."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import holidays

from pecapp.domain import catalog, money

WITHDRAWAL_DAYS = 14
_SATURDAY = 5
_LINK = re.compile(r"[/\\@:<>]|\w\w\.\w\w")
"""What makes a name look like an address: it is written into a mail, which anybody can have sent to anybody."""
_NAME_LENGTH = 80


class Finding(StrEnum):
    """What becomes of a declaration: the ground on which it takes effect, or what stands in its way."""

    IN_TIME = "in_time"
    FREE_EXIT = "free_exit"
    USE = "use"
    GOODS = "goods"
    PROFESSIONAL = "professional"
    AUTOMATIC = "automatic"
    LATE = "late"
    ISSUED = "issued"
    OVER = "over"


EFFECTIVE = frozenset({Finding.IN_TIME, Finding.FREE_EXIT})
CHECKED = frozenset({Finding.USE, Finding.GOODS})
"""A person has to see how much was used, or to wait until the goods are back."""
ISSUED_KINDS = frozenset({catalog.Kind.SIGNATURE})
"""Made for one person and then performed in full: no right once they are issued (art. 59 a, c)."""
COUNTED_KINDS = frozenset({catalog.Kind.TIMESTAMP})
"""Bought in lots: what is not used goes back."""


@dataclass(frozen=True)
class Contract:
    """What decides whether a contract can be withdrawn from."""

    consumer: bool
    open: bool
    """Neither cancelled nor lapsed nor refunded."""
    until_on: date | None
    """The last of the 14 days; None where the contract gives no such right."""
    automatic: bool
    """Made by automatic renewal, which gives no second right (8.3)."""
    free_until_on: date | None
    """Until when its consumer may leave at any time, having been told too late (6.8)."""
    kind: catalog.Kind
    start_requested: bool
    performed: bool
    """Paid and handed over."""
    shipped: bool
    """Paid, with goods that have to come back."""


def judge(contract: Contract, today: date) -> Finding:
    """What a declaration made `today` comes to."""
    if not contract.open:
        return Finding.OVER
    if not contract.consumer:
        return Finding.PROFESSIONAL
    if contract.until_on is None or today > contract.until_on:
        if contract.free_until_on is not None and today <= contract.free_until_on:
            return Finding.FREE_EXIT
        return Finding.AUTOMATIC if contract.automatic else Finding.LATE
    if contract.performed and contract.start_requested and contract.kind in ISSUED_KINDS:
        return Finding.ISSUED
    if contract.performed and contract.kind in COUNTED_KINDS:
        return Finding.USE
    return Finding.GOODS if contract.shipped else Finding.IN_TIME


def check_name(text: str) -> tuple[str, str | None]:
    """The name in a declaration on one line, and what is wrong with it or None."""
    name = " ".join(text.split())
    if not name:
        return name, "CAMPO_OBBLIGATORIO"
    plain = len(name) <= _NAME_LENGTH and any(c.isalpha() for c in name) and not _LINK.search(name)
    return name, None if plain else "NOME_PERSONA_ERRATO"


def same_name(one: str, other: str) -> bool:
    """Whether two names are of the same person as far as spelling tells: accents, case and order do not count."""
    return bool(_words(one)) and _words(one) == _words(other)


def _words(name: str) -> list[str]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    return sorted(re.findall(r"\w+", bare))


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
