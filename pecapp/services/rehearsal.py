"""A rehearsal: time is moved day by day over the product and the gateways' simulator, and what came of it is shown.

For developers and tests alone: a production refuses the setting that allows it.
"""

import logging
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
from sqlmodel import col, select

from pecapp import clock, db, errors, i18n, settings, tables
from pecapp.domain import calendar
from pecapp.services import access, settlement, subscriptions

log = logging.getLogger(__name__)

MORNING = time(6)
"""When a day's work is done, in Rome."""
LONGEST = 400
"""How many days may be lived at once."""
SHOWN = 800
"""How many days the journal goes back."""
_SIMULATOR_SECONDS = 10.0

_RENEWAL = MappingProxyType({subscriptions.RENEWAL_ACTIVE: "on", subscriptions.RENEWAL_DISABLED: "off"})

State = tuple[str, date | None, str | None]
"""Of a service: its status, its last valid day, its automatic renewal."""


@dataclass(frozen=True)
class MailLine:
    """A mail that a day has caused."""

    id: int
    subject: str
    to_address: str
    status: str


@dataclass(frozen=True)
class DebitLine:
    """A debit of automatic renewal, in words."""

    order: str
    service: str
    amount: str
    outcome: str
    reason: str


@dataclass(frozen=True)
class ChangeLine:
    """What has changed of a service, in words: before and after."""

    service: str
    before: str
    after: str


@dataclass
class DayView:
    """What happened on a day."""

    day: str
    """2027-03-24."""
    title: str
    mails: list[MailLine] = field(default_factory=list)
    debits: list[DebitLine] = field(default_factory=list)
    changes: list[ChangeLine] = field(default_factory=list)


@dataclass(frozen=True)
class _Change:
    service: str
    before: State | None
    after: State


_lived: dict[date, list[_Change]] = {}
"""What no row remembers: the changes of each day that this process has lived."""


# --- moving time ------------------------------------------------------------------------------------------------------


def restore() -> None:
    """Be where the last process was that kept its time in this installation's file.

    Raises SettingsError when the file holds something else.
    """
    if not settings.load().rehearsed:
        return
    file = Path(settings.load().clock_file)
    if not file.is_file():
        return
    try:
        clock.move(timedelta(seconds=float(file.read_text())))
    except (ValueError, OverflowError) as problem:
        raise settings.SettingsError(f"PECAPP_CLOCK_FILE {file} does not hold a number of seconds") from problem


def morning(day: date) -> datetime:
    """The instant at which the work of a day is done."""
    return datetime.combine(day, MORNING, clock.ROME).astimezone(UTC)


def ahead(until: date) -> list[date]:
    """The days that still have to be lived to be at `until`; today's alone when that is today, also a second time.

    Raises Invalid (`GIORNO_PASSATO`, `GIORNO_LONTANO`).
    """
    today = clock.today()
    if until < today:
        raise errors.Invalid({"data": "GIORNO_PASSATO"}, "GIORNO_PASSATO")
    if (until - today).days > LONGEST:
        raise errors.Invalid({"data": "GIORNO_LONTANO"}, "GIORNO_LONTANO", most=LONGEST)
    first = today if until == today or clock.now() < morning(today) else today + timedelta(days=1)
    return [first + timedelta(days=number) for number in range((until - first).days + 1)]


async def go_to(day: date) -> None:
    """Let it be the morning of `day`, for the simulator too, with every open session still open; nothing if it was.

    Never backwards. Raises Invalid (`GIORNO_PASSATO`) on a day that is over; Unavailable when the simulator does not
    answer, and nothing has moved then.
    """
    if day < clock.today():
        raise errors.Invalid({"data": "GIORNO_PASSATO"}, "GIORNO_PASSATO")
    by = max(morning(day) - clock.now(), timedelta())
    await align(clock.offset() + by)
    if by:
        await db.run(access.carry, by)
        clock.move(clock.offset() + by)
        _keep()


def _keep() -> None:
    if name := settings.load().clock_file:
        file = Path(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        whole = file.with_suffix(".new")
        whole.write_text(str(clock.offset().total_seconds()))
        whole.replace(file)


async def resume() -> None:
    """Tell the simulator what time it is: unlike us it forgets at a new start. One that is away is told at a move."""
    if settings.load().rehearsed and clock.offset():
        try:
            await align(clock.offset())
        except errors.Unavailable:
            log.warning("the simulator does not answer and cannot be told the time")


async def align(offset: timedelta) -> None:
    """Let the simulator, if there is one, be so far ahead of the machine. Raises Unavailable."""
    if settings.load().stripe_api_base:
        await simulator("clock", offset_seconds=offset.total_seconds())


async def simulator(act: str, **wish: Any) -> dict[str, Any]:
    """Ask the simulator's control interface for something. Raises Unavailable."""
    base = settings.load().stripe_api_base
    if not base:
        raise errors.Unavailable("SIMULATORE_ASSENTE")
    try:
        async with httpx.AsyncClient(base_url=base, timeout=_SIMULATOR_SECONDS, verify=_trust()) as client:
            return (await client.post(f"/_sim/{act}", json=wish)).raise_for_status().json()
    except httpx.HTTPError as problem:
        raise errors.Unavailable("SIMULATORE_ASSENTE") from problem


@cache
def _trust() -> ssl.SSLContext:
    """What a client trusts: reading it for each day would take longer than the day."""
    return httpx.create_ssl_context()


# --- what happened ----------------------------------------------------------------------------------------------------


def states() -> dict[int, tuple[str, State]]:
    """Every service with its label and state now, for `remember`."""
    with db.reading() as s:
        found = s.exec(select(tables.Service).order_by(col(tables.Service.id)))
        return {row.id or 0: (row.label, (row.status, row.expires_on, row.renewal)) for row in found}


def remember(day: date, before: Mapping[int, tuple[str, State]]) -> None:
    """Note what has changed on `day` since `states` was asked; a second time on one day adds to the first."""
    changed = [
        _Change(label, before[service_id][1] if service_id in before else None, state)
        for service_id, (label, state) in states().items()
        if before.get(service_id) != (label, state)
    ]
    _lived.setdefault(day, []).extend(changed)


def journal(lang: i18n.Lang) -> list[DayView]:
    """What happened, newest day first, for the days on which something did.

    Mails and debits are read from their rows, so they outlast this process; the changes of services do not.
    """
    since = morning(clock.today() - timedelta(days=SHOWN))
    found: dict[date, DayView] = _Days(lang)
    with db.reading() as s:
        mail = tables.OutboxMail
        for row in s.exec(select(mail).where(mail.created_at >= since).order_by(col(mail.id))):
            line = MailLine(row.id or 0, row.subject or row.template, row.to_address, row.status)
            found[calendar.rome_date(row.created_at)].mails.append(line)
        for at, debit in _debits(s, since, lang):
            found[calendar.rome_date(at)].debits.append(debit)
    for day, changes in _lived.items():
        found[day].changes.extend(_lines(changes, lang))
    return [view for _, view in sorted(found.items(), reverse=True) if view.mails or view.debits or view.changes]


class _Days(dict[date, DayView]):
    """A view for every day that is asked for."""

    def __init__(self, lang: i18n.Lang) -> None:
        super().__init__()
        self._lang: i18n.Lang = lang

    def __missing__(self, day: date) -> DayView:
        made = self[day] = DayView(day.isoformat(), i18n.date(day, self._lang))
        return made


def _debits(s: Any, since: datetime, lang: i18n.Lang) -> Iterable[tuple[datetime, DebitLine]]:
    attempt, order, renewal, service = tables.PaymentAttempt, tables.Order, tables.Renewal, tables.Service
    wanted = (
        select(attempt, order.number, service.label)
        .join(order, col(order.id) == attempt.order_id)
        .join(renewal, col(renewal.order_id) == attempt.order_id)
        .join(service, col(service.id) == renewal.service_id)
        .where(attempt.channel == settlement.RENEWAL, attempt.created_at >= since)
        .order_by(col(attempt.created_at), col(attempt.id))
    )
    for row, number, label in s.exec(wanted):
        yield (
            row.created_at,
            DebitLine(
                order=number,
                service=label,
                amount=i18n.money(row.amount_cents, lang),
                outcome=i18n.text(f"attempt.status.{row.status}", lang),
                reason=i18n.text(f"mail.m08.why.{row.reason}", lang) if row.reason else "",
            ),
        )


def _lines(changes: Sequence[_Change], lang: i18n.Lang) -> list[ChangeLine]:
    return [
        ChangeLine(one.service, _words(one.before, lang) if one.before else "", _words(one.after, lang))
        for one in changes
    ]


def _words(state: State, lang: i18n.Lang) -> str:
    """A state as the customer's pages call it: «Attivo, 31 marzo 2027, ATTIVO»."""
    status, expires_on, renewal = state
    words = [i18n.text(f"service.status.{status}", lang)]
    if expires_on:
        words.append(i18n.text("rehearsal.expires", lang, day=i18n.date(expires_on, lang)))
    if renewal:
        known = i18n.text(f"renewal.status.{_RENEWAL.get(renewal, 'never')}", lang)
        words.append(i18n.text("rehearsal.renewal", lang, state=known))
    return ", ".join(words)
