"""The customer's own calendar of coming debits: a secret address that any calendar can follow, until it is revoked."""

import hashlib
import secrets
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlsplit

import icalendar
from sqlalchemy import update
from sqlmodel import Session, col, delete, select

from pecapp import clock, db, errors, i18n, settings, tables
from pecapp.domain import renewals
from pecapp.services import access, forecast, live, methods

READ_AGAIN = timedelta(hours=12)
"""How often a calendar is asked to look again."""
_STATUS = {
    renewals.Light.COVERED: "CONFIRMED",
    renewals.Light.AT_RISK: "TENTATIVE",
    renewals.Light.UNCOVERED: "TENTATIVE",
    renewals.Light.SKIPPED: "CANCELLED",
}


def create(actor: access.Actor) -> str:
    """Give the customer's calendar a new secret address, shown this once; an older one stops working."""
    account_id = access.require(actor)
    token = secrets.token_urlsafe(32)
    values = {"token": _digest(token), "created_at": clock.now()}
    feed = tables.CalendarFeed
    with db.transaction() as s:
        if not db.insert_once(s, feed, {"account_id": account_id} | values):
            s.execute(update(feed).where(col(feed.account_id) == account_id).values(**values))
        live.publish(s, live.account(account_id))
    return f"{settings.load().public_url}/calendario/{token}.ics"


def revoke(actor: access.Actor) -> None:
    """Make the calendar's address worthless. Safe to repeat."""
    account_id = access.require(actor)
    feed = tables.CalendarFeed
    with db.transaction() as s:
        s.execute(delete(feed).where(col(feed.account_id) == account_id))
        live.publish(s, live.account(account_id))


def ics(token: str) -> bytes:
    """The calendar behind an address, as iCalendar: the same bytes for the same debits on the same day.

    Raises NotFound for an address that never was and for one that was revoked: nobody learns which.
    """
    today, feed, account = clock.today(), tables.CalendarFeed, tables.Account
    with db.reading() as s:
        found = s.exec(select(account.id, account.lang).join(feed).where(feed.token == _digest(token))).one_or_none()
        if found is None:
            raise errors.NotFound
        account_id, lang = found
        return _calendar(s, account_id or 0, i18n.language(lang), today)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _calendar(s: Session, account_id: int, lang: i18n.Lang, today: date) -> bytes:
    current = settings.load()
    made = icalendar.Calendar()
    made.add("prodid", f"-//{current.brand_name}//{i18n.text('forecast.title', lang)}//{lang.upper()}")
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    name = i18n.text("feed.name", lang, brand=current.brand_name)
    made.add("name", name)
    made.add("x-wr-calname", name)
    made.add("x-wr-timezone", str(clock.ROME))
    made.add("refresh-interval", READ_AGAIN, parameters={"VALUE": "DURATION"})
    made.add("x-published-ttl", READ_AGAIN)
    stamp = datetime.combine(today, time(), tzinfo=clock.ROME).astimezone(UTC)
    for charge in forecast.charges(s, account_id, today):
        made.add_component(_event(charge, stamp, lang))
    return made.to_ical()


def _event(charge: forecast.Charge, stamp: datetime, lang: i18n.Lang) -> icalendar.Event:
    """A debit as a day of the calendar, known by its service and term whatever else changes."""
    public = settings.load().public_url
    service_id, debit = charge.service.id, charge.debit
    said = "feed.skipped" if debit.skipped else "feed.summary"
    event = icalendar.Event()
    event.add("uid", f"rinnovo-{service_id}-{debit.expires_on.isoformat()}@{urlsplit(public).hostname}")
    event.add("dtstamp", stamp)
    event.add("dtstart", debit.on)
    event.add("dtend", debit.on + timedelta(days=1))
    event.add("summary", i18n.text(said, lang, **_facts(charge, lang)))
    event.add("description", _description(charge, f"{public}/area-clienti/servizi/{service_id}", lang))
    event.add("status", _STATUS[charge.light])
    event.add("transp", "TRANSPARENT")
    event.add("class", "PRIVATE")
    event.add("url", f"{public}/prossimi-addebiti")
    if not debit.skipped:
        event.add_component(_alarm(charge, lang))
    return event


def _alarm(charge: forecast.Charge, lang: i18n.Lang) -> icalendar.Alarm:
    alarm = icalendar.Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("trigger", timedelta(days=-1))
    alarm.add("description", i18n.text("feed.summary", lang, **_facts(charge, lang)))
    return alarm


def _facts(charge: forecast.Charge, lang: i18n.Lang) -> dict[str, str]:
    service = "".join(c if c.isprintable() else " " for c in charge.service.label)
    return {"amount": i18n.money(charge.cents, lang), "service": service}


def _description(charge: forecast.Charge, link: str, lang: i18n.Lang) -> str:
    method = charge.method
    means = methods.title(method, lang) if method else i18n.text("forecast.no_means", lang)
    light = i18n.text(f"charge.light.{charge.light.value}", lang)
    stop_by = i18n.date(renewals.stop_by(charge.debit.expires_on), lang)
    return "\n".join(
        (
            i18n.text("feed.means", lang, means=means),
            f"{light}: {forecast.why(charge, lang)}",
            i18n.text("feed.stop", lang, stop_by=stop_by),
            link,
        )
    )
