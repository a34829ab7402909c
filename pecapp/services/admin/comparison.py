"""What the gateways told and we never got: our notifications beside a gateway's own list, and what is fetched of it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import staff
from pecapp.gateways import base, registry
from pecapp.services import access, alerts, audit, inbox, throttle

OLDEST = timedelta(days=29)
"""How far back the gateways' own lists go."""
ON_ITS_WAY = timedelta(minutes=5)
"""A notification that is younger may simply not have come yet."""
LOOKED_BACK = timedelta(days=2)
_PART = 500


@dataclass(frozen=True)
class Missing:
    """A notification that the gateway has and we do not."""

    event_id: str
    type: str
    created: str
    iso: str


@dataclass(frozen=True)
class Comparison:
    """Our notifications beside the gateway's own list."""

    gateway: str = ""
    since: str = ""
    until: str = ""
    known: int = 0
    """How many are on both sides."""
    missing: list[Missing] = field(default_factory=list)


async def missing(actor: access.Actor, gateway: str, since: datetime, lang: i18n.Lang) -> Comparison:
    """Compare our notifications with the gateway's own list, from `since` on, at most 29 days back. Changes nothing.

    Raises Forbidden, TooMany, NotFound for a gateway that there is not, Unavailable when it does not answer.
    """
    by_id = access.staff(actor)
    await asyncio.to_thread(throttle.spend, throttle.GATEWAY_ASKED, str(by_id))
    since, until = _time(since)
    listed = await _listed(gateway, since, until)
    lost = await db.run(_unknown, gateway, listed)
    return Comparison(
        gateway=gateway,
        since=i18n.instant(since, lang),
        until=i18n.instant(until, lang),
        known=len(listed) - len(lost),
        missing=[
            Missing(one.event_id, one.type, i18n.instant(one.created_at, lang), one.created_at.isoformat())
            for one in lost
        ],
    )


async def fetch_missing(actor: access.Actor, gateway: str, since: datetime, why: object) -> int:
    """Take over what the gateway has and we do not, from `since` on; how many. Each is handled as if it had come.

    Written down twice, before the first is taken over and after the last: where the second is missing, it was broken
    off, and what came is in the list. Safe to repeat. Raises Forbidden, TooMany, Invalid without a reason, NotFound,
    Unavailable.
    """
    by_id = access.staff(actor, staff.Right.REPLAY)
    said = audit.reason(why)
    await asyncio.to_thread(throttle.spend, throttle.GATEWAY_ASKED, str(by_id))
    since, until = _time(since)
    lost = await db.run(_unknown, gateway, await _listed(gateway, since, until))
    known = {"missing": len(lost), "since": since.isoformat()}
    await db.run(_write_down, actor, "events_fetch_begun", gateway, known, known, said)
    count = await _take_over(gateway, lost)
    await db.run(_write_down, actor, "events_fetched", gateway, known, {"fetched": count}, said)
    return count


def _write_down(
    actor: access.Actor, act: str, gateway: str, before: Mapping[str, Any], after: Mapping[str, Any], why: str
) -> None:
    with db.transaction() as s:
        audit.record(s, actor, act, f"gateway:{gateway}", before=before, after=after, why=why)


async def fetch_recent() -> int:
    """Take over what the gateways have told in the last two days and we never got; how many.

    The staff is told when there was something: a receiver that nobody reaches should not go unnoticed. A gateway that
    does not answer is asked the next time. Safe to repeat and on several processes.
    """
    total = 0
    since, until = _time(clock.now() - LOOKED_BACK)
    for gateway in registry.gateways():
        try:
            lost = await db.run(_unknown, gateway, await _listed(gateway, since, until))
        except errors.Unavailable:
            continue
        count = await _take_over(gateway, lost)
        if count:
            await db.run(_alert, gateway, count)
        total += count
    return total


def _alert(gateway: str, count: int) -> None:
    with db.transaction() as s:
        alerts.tell_staff(s, "events_missing", f"{gateway}:{clock.now()}", gateway=gateway, count=count)


def days_ago(days: int) -> datetime:
    """The moment so many days before this one."""
    return clock.now() - timedelta(days=days)


def _time(since: datetime) -> tuple[datetime, datetime]:
    """What can be compared: as far back as a gateway remembers, without what may still be on its way."""
    now = clock.now()
    return max(since, now - OLDEST), now - ON_ITS_WAY


async def _listed(gateway: str, since: datetime, until: datetime) -> list[base.Listed]:
    """What of the gateway's own list is for us."""
    asked = registry.get(gateway)
    try:
        found = await asked.list_events(since, until) if since < until else []
    except base.GatewayError as problem:
        raise errors.Unavailable("GATEWAY_NON_RISPONDE") from problem
    return [one for one in found if _concerns_us(asked, one)]


def _concerns_us(gateway: base.Gateway, listed: base.Listed) -> bool:
    try:
        return gateway.read_listed(listed.raw).relevant
    except base.NotAuthentic:
        return False


def _unknown(gateway: str, listed: Sequence[base.Listed]) -> list[base.Listed]:
    """Those that are not here."""
    event, names, known = tables.InboxEvent, [one.event_id for one in listed], set()
    with db.reading() as s:
        for first in range(0, len(names), _PART):
            here = select(event.event_id).where(
                event.gateway == gateway, col(event.event_id).in_(names[first : first + _PART])
            )
            known |= set(s.exec(here).all())
    return [one for one in listed if one.event_id not in known]


async def _take_over(gateway: str, lost: Sequence[base.Listed]) -> int:
    return sum([await inbox.take_over(gateway, one.raw) for one in lost])
