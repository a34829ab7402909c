"""The board: what is happening now, what is due, what wants somebody, and how the last thirty days went.

Nothing on it counts a whole table: each figure is read from an index and stops at a thousand. Days that are over are
added up once and kept.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import func
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, payments, staff
from pecapp.services import access, audit, debits, inbox, live, subscriptions
from pecapp.services.admin import batch, lists

DAYS = 30
MOST = 1000
"""Beyond so many a figure says «more than»: nobody counts them one by one."""
ALERTS = 20


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
        held, known = batch.held_now(s), _known_days(s)
        return BoardView(
            brake=batch.pulled(s, lang),
            held=i18n.number(held, lang) if held else "",
            now=_payments(s, lang),
            due=_due(s, lang),
            events=_events(s, now, lang),
            mails=_mails(s, lang),
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


def _count(s: Session, wanted: Any, lang: i18n.Lang) -> tuple[str, bool]:
    """How many rows there are, in words, and whether there are any."""
    found = s.exec(select(func.count()).select_from(wanted.limit(MOST + 1).subquery())).one()
    shown = i18n.number(min(found, MOST), lang)
    return (f"{shown}+" if found > MOST else shown), found > 0


def _figure(s: Session, key: str, wanted: Any, url: str, lang: i18n.Lang, *, alarms: str = "") -> Figure:
    """A figure whose tone is `alarms` as soon as it is not zero."""
    value, some = _count(s, wanted, lang)
    return Figure(key, value, url, alarms if some and alarms else "neutral")


def _payments(s: Session, lang: i18n.Lang) -> list[Figure]:
    attempt, today = tables.PaymentAttempt, clock.today()
    paid, cents = _taken(s, today)

    def standing(key: str, status: payments.Status, *, alarms: str = "") -> Figure:
        wanted = select(attempt.id).where(attempt.status == status)
        return _figure(s, key, wanted, f"/admin/pagamenti?stato={status}", lang, alarms=alarms)

    return [
        Figure(
            "paid_today",
            i18n.number(paid, lang),
            _ended(payments.Status.SUCCEEDED, today),
            note=i18n.money(cents, lang),
        ),
        standing("redirected", payments.Status.REDIRECTED),
        standing("unknown", payments.Status.UNKNOWN, alarms="warning"),
    ]


def _ended(status: payments.Status, since: date, **more: str) -> str:
    """Where the payments are that ended so since that day."""
    asked = {"stato": status.value, **more, lists.SORT: "ended", lists.SINCE: since.isoformat()}
    return f"/admin/pagamenti?{urlencode(asked)}"


def _taken(s: Session, day: date) -> tuple[int, int]:
    """How many payments succeeded on a day, and how much they brought, in cents."""
    attempt = tables.PaymentAttempt
    return s.exec(
        select(func.count(), func.coalesce(func.sum(attempt.amount_cents), 0)).where(
            *_within(attempt.finished_at, day),
            attempt.status == payments.Status.SUCCEEDED,
        )
    ).one()


def _due(s: Session, lang: i18n.Lang) -> list[Figure]:
    today, service = clock.today(), tables.Service
    first = today + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY + 1)
    last = first + timedelta(days=6)
    week = select(service.id).where(
        tables.LASTING,
        service.renewal == subscriptions.RENEWAL_ACTIVE,
        col(service.status).in_(subscriptions.VALID),
        col(service.expires_on).between(first, last),
    )
    asked = {
        "rinnovo": subscriptions.RENEWAL_ACTIVE,
        lists.SORT: "expiry",
        lists.SINCE: first.isoformat(),
        lists.UNTIL: last.isoformat(),
    }
    return [
        _figure(s, "due_today", debits.due(today), "/admin/addebiti", lang),
        _figure(s, "due_week", week, f"/admin/servizi?{urlencode(asked)}", lang),
    ]


def _events(s: Session, now: datetime, lang: i18n.Lang) -> list[Figure]:
    event, url, today = tables.InboxEvent, "/admin/notifiche", clock.today()
    received = select(event.id).where(event.received_at >= _start(today), event.received_at <= now)
    waiting = select(event.id).where(event.status == inbox.WAITING)
    oldest = s.exec(select(func.min(event.received_at)).where(event.status == inbox.WAITING)).one()
    age = i18n.text("staff.board.oldest", lang, at=i18n.instant(oldest, lang)) if oldest else ""
    value, some = _count(s, waiting, lang)
    return [
        _figure(s, "received", received, f"{url}?{lists.SINCE}={today.isoformat()}", lang),
        Figure("waiting", value, f"{url}?stato={inbox.WAITING}", "progress" if some else "neutral", age),
        *(
            _figure(
                s,
                status,
                select(event.id).where(event.status == status),
                f"{url}?stato={status}",
                lang,
                alarms="warning",
            )
            for status in (inbox.UNMATCHED, inbox.QUARANTINED)
        ),
    ]


def _mails(s: Session, lang: i18n.Lang) -> list[Figure]:
    mail = tables.OutboxMail
    waiting, failed = (select(mail.id).where(mail.status == status) for status in ("waiting", "failed"))
    return [
        _figure(s, "mails_waiting", waiting, "/admin/posta?stato=waiting", lang),
        _figure(s, "mails_failed", failed, "/admin/posta?stato=failed", lang, alarms="problem"),
    ]


def _failures(s: Session, now: datetime, lang: i18n.Lang) -> list[Failure]:
    attempt, yesterday = tables.PaymentAttempt, clock.today() - timedelta(days=1)
    found = s.exec(
        select(attempt.reason, func.count())
        .where(
            col(attempt.finished_at) >= _start(yesterday),
            col(attempt.finished_at) <= now,
            attempt.status == payments.Status.DECLINED,
        )
        .group_by(col(attempt.reason))
        .order_by(func.count().desc())
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
    paid, cents = _taken(s, day)
    declined = s.exec(
        select(func.count())
        .select_from(attempt)
        .where(
            *_within(attempt.finished_at, day),
            attempt.status == payments.Status.DECLINED,
        )
    ).one()
    refunded = s.exec(
        select(func.coalesce(func.sum(refund.amount_cents), 0)).where(*_within(refund.created_at, day))
    ).one()
    return {"day": day, "paid": paid, "paid_cents": cents, "declined": declined, "refunded_cents": refunded}


def _within(column: Any, day: date) -> tuple[Any, Any]:
    """That something happened on a day in Rome."""
    return col(column) >= _start(day), col(column) < _start(day + timedelta(days=1))


def _start(day: date) -> datetime:
    """The instant at which a day begins in Rome."""
    return datetime.combine(day, time.min, clock.ROME)
