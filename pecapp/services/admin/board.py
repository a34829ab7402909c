"""The board: what is happening now, what is due, what wants somebody, and how the last thirty days went.

Nothing on it counts a whole table: each figure is read from an index and stops at a thousand. Days that are over are
added up once and kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func, sql
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, payments, staff
from pecapp.services import access, audit, debits, inbox, live, subscriptions
from pecapp.services.admin import batch, lists, rows, views

DAYS = 30
MOST = 1000
"""Beyond so many a figure says «more than»: nobody counts them one by one."""
ALERTS = 20
LATEST = 5
_STANDING = MappingProxyType({"redirected": payments.Status.REDIRECTED, "unknown": payments.Status.UNKNOWN})
"""The payments that are neither here nor there, by the key of their figure."""
_EVENTS = (inbox.WAITING, inbox.UNMATCHED, inbox.QUARANTINED)
"""The notifications that are not done with; each figure has the key of its status."""


@dataclass(frozen=True)
class Figure:
    """A number that somebody of the staff looks at, and where its rows are."""

    key: str
    """Of its words: `staff.board.<key>`."""
    value: str
    url: str
    tone: str = "neutral"
    note: str = ""


@dataclass(frozen=True)
class Failure:
    """How many payments were refused for one reason, since yesterday."""

    reason: str
    count: str
    url: str


@dataclass(frozen=True)
class Day:
    """A day of the charts and of the table behind them."""

    day: str
    iso: str
    paid: str
    taken: str
    declined: str
    refunded: str
    height: str
    """Of its bar of takings, in percent of the best day's."""
    declined_height: str
    """The same for what was declined."""


@dataclass(frozen=True)
class Alert:
    """Something that the staff has to know, until somebody says that it is seen to."""

    alert_id: int
    what: str
    at: str
    order: str
    """Number of the order that it is about, if it is about one."""
    detail: str


@dataclass(frozen=True)
class Scale:
    """What the bars of a chart can be measured by."""

    first: str = ""
    last: str = ""
    best: str = ""
    """The day of the highest bar; empty when there is none."""
    most: str = ""
    """What the highest bar stands for."""


@dataclass(frozen=True)
class BoardView:
    """Everything on the board."""

    brake: batch.Brake = field(default_factory=batch.Brake)
    held: str = ""
    """How many debits are held one by one though their day has come; empty for none."""
    now: list[Figure] = field(default_factory=list)
    due: list[Figure] = field(default_factory=list)
    events: list[Figure] = field(default_factory=list)
    mails: list[Figure] = field(default_factory=list)
    latest: list[views.PaymentRow] = field(default_factory=list)
    """The last tries to pay, as they stand now."""
    failures: list[Failure] = field(default_factory=list)
    days: list[Day] = field(default_factory=list)
    takings: Scale = field(default_factory=Scale)
    refusals: Scale = field(default_factory=Scale)
    alerts: list[Alert] = field(default_factory=list)
    more_alerts: bool = False
    at: str = ""


def figures(actor: access.Actor, lang: i18n.Lang) -> BoardView:
    """The board as it is now. Raises Forbidden."""
    access.staff(actor, staff.Right.READ)
    now = clock.now()
    with db.reading() as s:
        found = s.exec(
            select(tables.Alert, tables.Order.number)
            .join(tables.Order, col(tables.Order.id) == tables.Alert.order_id, isouter=True)
            .where(col(tables.Alert.resolved_at).is_(None))
            .order_by(col(tables.Alert.id).desc())
            .limit(ALERTS + 1)
        ).all()
        held, known, counted = batch.held_now(s), _known_days(s), _counted(s, now)
        return BoardView(
            brake=batch.pulled(s, lang),
            held=i18n.number(held, lang) if held else "",
            now=_payments(known[max(known)], counted, lang),
            due=_due(counted, lang),
            events=_events(s, counted, lang),
            mails=_mails(counted, lang),
            latest=_latest(s, lang),
            failures=_failures(s, now, lang),
            days=_days(known, lang),
            takings=_scale(known, "paid_cents", i18n.money, lang),
            refusals=_scale(known, "declined", i18n.number, lang),
            alerts=[_alert(row, number, lang) for row, number in found[:ALERTS]],
            more_alerts=len(found) > ALERTS,
            at=i18n.instant(now, lang),
        )


def resolve(actor: access.Actor, alert_id: int, why: object) -> None:
    """An alert was seen to. Safe to repeat. Raises Forbidden, Invalid without a word on what was done, NotFound."""
    access.staff(actor, staff.Right.ASSIST if staff.may(actor.role, staff.Right.ASSIST) else staff.Right.REFUND)
    said = audit.reason(why)
    with db.transaction() as s:
        alert = s.exec(db.locked(select(tables.Alert).where(tables.Alert.id == alert_id))).one_or_none()
        if alert is None:
            raise errors.NotFound
        if alert.resolved_at is not None:
            return
        alert.resolved_at = clock.now()
        s.add(alert)
        facts = {"kind": alert.kind}
        audit.record(s, actor, "alert_resolved", f"alert:{alert_id}", before=facts, after=facts, why=said)
        live.publish(s, live.ADMINS)


# --- figures ----------------------------------------------------------------------------------------------------------


def _counted(s: Session, now: datetime) -> Mapping[str, int]:
    """How many rows there are of each figure, by its key, in one statement; none is counted beyond one above `MOST`."""
    attempt, event, mail, today = tables.PaymentAttempt, tables.InboxEvent, tables.OutboxMail, clock.today()
    wanted = {
        **{key: select(attempt.id).where(attempt.status == status) for key, status in _STANDING.items()},
        "due_today": debits.due(today),
        "due_week": _due_week(today),
        "received": select(event.id).where(event.received_at >= _start(today), event.received_at <= now),
        **{status: select(event.id).where(event.status == status) for status in _EVENTS},
        **{f"mails_{status}": select(mail.id).where(mail.status == status) for status in ("waiting", "failed")},
    }
    counts = (select(func.count()).select_from(one.limit(MOST + 1).subquery()) for one in wanted.values())
    found = s.execute(sql.select(*(one.scalar_subquery() for one in counts))).one()
    return dict(zip(wanted, found, strict=True))


def _figure(key: str, counted: Mapping[str, int], url: str, lang: i18n.Lang, *, alarms: str = "") -> Figure:
    """A figure whose tone is `alarms` as soon as it is not zero."""
    found = counted[key]
    shown = i18n.number(min(found, MOST), lang)
    return Figure(key, f"{shown}+" if found > MOST else shown, url, alarms if found and alarms else "neutral")


def _payments(today: Mapping[str, Any], counted: Mapping[str, int], lang: i18n.Lang) -> list[Figure]:
    def standing(key: str, *, alarms: str = "") -> Figure:
        return _figure(key, counted, f"/admin/pagamenti?stato={_STANDING[key]}", lang, alarms=alarms)

    return [
        Figure(
            "paid_today",
            i18n.number(today["paid"], lang),
            _ended(payments.Status.SUCCEEDED, clock.today()),
            note=i18n.money(today["paid_cents"], lang),
        ),
        standing("redirected"),
        standing("unknown", alarms="warning"),
    ]


def _latest(s: Session, lang: i18n.Lang) -> list[views.PaymentRow]:
    attempt = tables.PaymentAttempt
    newest = select(attempt.id).order_by(col(attempt.created_at).desc(), col(attempt.id).desc()).limit(LATEST)
    return rows.attempts(s, s.exec(newest).all(), lang)


def _ended(status: payments.Status, since: date, **more: str) -> str:
    """Where the payments are that ended so since that day."""
    asked = {"stato": status.value, **more, lists.SORT: "ended", lists.SINCE: since.isoformat()}
    return f"/admin/pagamenti?{urlencode(asked)}"


def _next_week(today: date) -> tuple[date, date]:
    """The expiries whose debits come in the seven days after today."""
    first = today + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY + 1)
    return first, first + timedelta(days=6)


def _due_week(today: date) -> Any:
    service = tables.Service
    return select(service.id).where(
        tables.LASTING,
        service.renewal == subscriptions.RENEWAL_ACTIVE,
        col(service.status).in_(subscriptions.VALID),
        col(service.expires_on).between(*_next_week(today)),
    )


def _due(counted: Mapping[str, int], lang: i18n.Lang) -> list[Figure]:
    first, last = _next_week(clock.today())
    asked = {
        "rinnovo": subscriptions.RENEWAL_ACTIVE,
        lists.SORT: "expiry",
        lists.SINCE: first.isoformat(),
        lists.UNTIL: last.isoformat(),
    }
    return [
        _figure("due_today", counted, "/admin/addebiti", lang),
        _figure("due_week", counted, f"/admin/servizi?{urlencode(asked)}", lang),
    ]


def _events(s: Session, counted: Mapping[str, int], lang: i18n.Lang) -> list[Figure]:
    url = "/admin/notifiche"
    waiting = _figure(inbox.WAITING, counted, f"{url}?stato={inbox.WAITING}", lang, alarms="progress")
    return [
        _figure("received", counted, f"{url}?{lists.SINCE}={clock.today().isoformat()}", lang),
        replace(waiting, note=_oldest(s, lang) if counted[inbox.WAITING] else ""),
        *(
            _figure(status, counted, f"{url}?stato={status}", lang, alarms="warning")
            for status in (inbox.UNMATCHED, inbox.QUARANTINED)
        ),
    ]


def _oldest(s: Session, lang: i18n.Lang) -> str:
    """Since when the first of the notifications that wait has been here: they are numbered as they come."""
    event = tables.InboxEvent
    at = s.exec(select(event.received_at).where(event.status == inbox.WAITING).order_by(col(event.id)).limit(1)).one()
    return i18n.text("staff.board.oldest", lang, at=i18n.instant(at, lang))


def _mails(counted: Mapping[str, int], lang: i18n.Lang) -> list[Figure]:
    return [
        _figure("mails_waiting", counted, "/admin/posta?stato=waiting", lang),
        _figure("mails_failed", counted, "/admin/posta?stato=failed", lang, alarms="problem"),
    ]


def _failures(s: Session, now: datetime, lang: i18n.Lang) -> list[Failure]:
    attempt, yesterday = tables.PaymentAttempt, clock.today() - timedelta(days=1)
    declined = _how_many(payments.Status.DECLINED)
    found = s.exec(
        select(attempt.reason, declined)
        .where(col(attempt.finished_at) >= _start(yesterday), col(attempt.finished_at) <= now)
        .group_by(col(attempt.reason))
        .having(declined > 0)
        .order_by(declined.desc())
    ).all()
    return [
        Failure(
            reason or "other",
            i18n.number(count, lang),
            _ended(payments.Status.DECLINED, yesterday, **({"motivo": reason} if reason else {})),
        )
        for reason, count in found
    ]


def _alert(row: tables.Alert, number: str | None, lang: i18n.Lang) -> Alert:
    known = i18n.words(lang)
    key = f"staff.alert.{row.kind}"
    what = known.get(key, row.kind)
    detail = ", ".join(f"{name}: {value}" for name, value in row.params.items())
    return Alert(row.id or 0, what, i18n.instant(row.created_at, lang), number or "", detail)


# --- the last days ----------------------------------------------------------------------------------------------------


def close_days() -> int:
    """Add up the days of the chart that are over and were not added up yet; how many. Safe to repeat and at once."""
    today, figure = clock.today(), tables.DayFigure
    wanted = [today - timedelta(days=back) for back in range(1, DAYS)]
    with db.transaction() as s:
        known = set(s.exec(select(col(figure.day)).where(figure.day >= wanted[-1])).all())
        missing = [day for day in wanted if day not in known]
        for day in missing:
            db.insert_once(s, figure, _sum(s, day))
    return len(missing)


_Known = Mapping[date, Mapping[str, Any]]
"""What each of the last days came to, as `DayFigure`, in their order."""


def _known_days(s: Session) -> _Known:
    today, figure = clock.today(), tables.DayFigure
    first = today - timedelta(days=DAYS - 1)
    known = {row.day: row.model_dump() for row in s.exec(select(figure).where(figure.day >= first))}
    known[today] = _sum(s, today)
    nothing = {"paid": 0, "paid_cents": 0, "declined": 0, "refunded_cents": 0}
    return {day: known.get(day, nothing) for day in (first + timedelta(days=ahead) for ahead in range(DAYS))}


def _scale(known: _Known, name: str, write: Callable[[int, i18n.Lang], str], lang: i18n.Lang) -> Scale:
    days = list(known)
    best = max(days, key=lambda day: known[day][name])
    most = known[best][name]
    return Scale(
        first=i18n.date(days[0], lang),
        last=i18n.date(days[-1], lang),
        best=i18n.date(best, lang) if most else "",
        most=write(most, lang),
    )


def _days(known: _Known, lang: i18n.Lang) -> list[Day]:
    most = {name: max(found[name] for found in known.values()) or 1 for name in ("paid_cents", "declined")}
    return [
        Day(
            day=i18n.date(day, lang),
            iso=day.isoformat(),
            paid=i18n.number(found["paid"], lang),
            taken=i18n.money(found["paid_cents"], lang),
            declined=i18n.number(found["declined"], lang),
            refunded=i18n.money(found["refunded_cents"], lang),
            height=f"{round(100 * found['paid_cents'] / most['paid_cents'])}%",
            declined_height=f"{round(100 * found['declined'] / most['declined'])}%",
        )
        for day, found in known.items()
    ]


def _sum(s: Session, day: date) -> dict[str, Any]:
    """What a day came to: payments and refusals by their end, refunds by when they were asked for."""
    attempt, refund = tables.PaymentAttempt, tables.Refund
    succeeded = col(attempt.status) == payments.Status.SUCCEEDED
    taken = func.coalesce(func.sum(attempt.amount_cents).filter(succeeded), 0)
    paid, cents, declined = s.exec(
        select(_how_many(payments.Status.SUCCEEDED), taken, _how_many(payments.Status.DECLINED)).where(
            *_within(attempt.finished_at, day)
        )
    ).one()
    refunded = s.exec(
        select(func.coalesce(func.sum(refund.amount_cents), 0)).where(*_within(refund.created_at, day))
    ).one()
    return {"day": day, "paid": paid, "paid_cents": cents, "declined": declined, "refunded_cents": refunded}


def _how_many(status: payments.Status) -> Any:
    """How many of the attempts that a statement finds by their end stand so.

    Not a condition of the statement: a database would take it for the narrower one and go through all that stand so.
    """
    return func.count().filter(col(tables.PaymentAttempt.status) == status)


def _within(column: Any, day: date) -> tuple[Any, Any]:
    """That something happened on a day in Rome."""
    return col(column) >= _start(day), col(column) < _start(day + timedelta(days=1))


def _start(day: date) -> datetime:
    """The instant at which a day begins in Rome."""
    return datetime.combine(day, time.min, clock.ROME)
