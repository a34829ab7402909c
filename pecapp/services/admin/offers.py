"""What prices, promotions and discount codes have in common: their days, how they end, and that all is written down."""

from datetime import date, datetime, time, timedelta
from typing import Any

from sqlmodel import Session

from pecapp import clock, errors, i18n, tables
from pecapp.domain import calendar
from pecapp.services import access, audit, catalog, live

HIGHEST = 10_000_00
"""Cents that no price is above."""


def written(
    s: Session, actor: access.Actor, act: str, name: str, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    """Write the act down, and let everybody read the catalogue anew."""
    kind = "code" if act.startswith("code") else "product"
    audit.record(s, actor, act, f"{kind}:{name}", before=before, after=after, why=why)
    catalog.changed(s)
    live.publish(s, live.ADMINS)


def reason(why: object) -> tuple[str, dict[str, str]]:
    """The reason, or what is wrong with it: a form says it together with everything else that is wrong."""
    try:
        return audit.reason(why), {}
    except errors.Invalid as refusal:
        return "", dict(refusal.fields)


def days_faults(first: date | None, last: date | None, since: date, early: str) -> dict[str, str]:
    """What is wrong with the days of an offer; `early` is the code for one that begins before `since`."""
    wrong = {}
    if first is None or first < since:
        wrong["first"] = early if first else "DATA_MANCANTE"
    if last is None or (first is not None and last < first):
        wrong["last"] = "PROMO_FINE" if last else "DATA_MANCANTE"
    return wrong


def end(s: Session, offer: tables.Promotion | tables.DiscountCode, now: datetime) -> None:
    """End what is offered now; what has not begun never does. Raises Conflict when it has ended."""
    if offer.ends_at <= now:
        raise errors.Conflict("OFFERTA_FINITA")
    if offer.starts_at >= now:
        s.delete(offer)
    else:
        offer.ends_at = now
        s.add(offer)


def until(ends_at: datetime, lang: i18n.Lang) -> str:
    """The last day that counts; for what somebody ended in the middle of a day, the moment."""
    day = calendar.rome_date(ends_at)
    return i18n.date(day - timedelta(days=1), lang) if ends_at == morning(day) else i18n.instant(ends_at, lang)


def state(starts_at: datetime, ends_at: datetime) -> str:
    """`past`, `now` or `coming`."""
    now = clock.now()
    return "coming" if now < starts_at else "now" if now < ends_at else "past"


def day_after(day: date) -> date:
    """The day that follows."""
    return day + timedelta(days=1)


def morning(day: date) -> datetime:
    """The first instant of a day in Rome."""
    return datetime.combine(day, time.min, calendar.ROME)
