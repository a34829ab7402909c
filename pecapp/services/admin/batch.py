"""The rehearsal of a day's debits: who, how much, on what, what will go wrong, what differs from last time; the brake.

Nothing is debited or changed by looking. The figures are those that the debits themselves will use.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, renewals, staff
from pecapp.services import access, audit, brake, catalog, debits, live, methods, renewal_costs, subscriptions

PIECE = 200
"""How many services are looked at for a piece."""
DAYS = 8
"""How many days can be looked at, today among them."""


@dataclass(frozen=True)
class Debit:
    """A debit as it will be made."""

    key: str
    """Its name for the brake."""
    service: str
    customer: str
    account_id: int
    expires: str
    amount: str
    means: str
    light: str
    """A `renewals.Light`."""
    why: str
    """What stands in the way, in words; empty when nothing does."""
    before: str
    """What the same service cost last time, where that was something else; empty where it is the same."""
    held: bool
    """Whether it is held by itself."""
    stopped: bool
    """Whether it is held at all, by itself or with all others: then no light is true of it."""


@dataclass(frozen=True)
class Piece:
    """Some of a day's debits, added up: what is held neither in the total nor in the lights."""

    debits: list[Debit] = field(default_factory=list)
    cents: int = 0
    lights: dict[str, int] = field(default_factory=dict)
    held: int = 0
    held_cents: int = 0
    """What would be taken of it, if it were not held."""
    different: int = 0
    after: str = ""
    """After what the next piece begins, for `rehearse`; empty at the end."""


@dataclass(frozen=True)
class Brake:
    """Who holds everything back, since when and why; empty when nobody does."""

    by: str = ""
    at: str = ""
    why: str = ""


def stopped(actor: access.Actor, lang: i18n.Lang) -> Brake:
    """Whether the brake is on. Raises Forbidden."""
    access.staff(actor, staff.Right.READ)
    with db.reading() as s:
        return pulled(s, lang)


def pulled(s: Session, lang: i18n.Lang) -> Brake:
    """The brake as it is now."""
    hold, account = tables.DebitHold, tables.Account
    found = s.exec(
        select(hold, account.email).join(account, col(account.id) == hold.by_id).where(hold.scope == brake.ALL)
    ).one_or_none()
    return Brake(found[1], i18n.instant(found[0].placed_at, lang), found[0].why) if found else Brake()


def held_now(s: Session) -> int:
    """How many debits are held one by one though their day has come; only what the staff has ever held is read."""
    hold, service, today = tables.DebitHold, tables.Service, clock.today()
    last = today + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)
    held = {
        int(number)
        for number, _, expiry in (
            scope.partition(":")
            for scope in s.exec(select(hold.scope).where(hold.scope < brake.ALL))  # they begin with a number
        )
        if today.isoformat() <= expiry <= last.isoformat()
    }
    return len(s.exec(debits.due(today).where(col(service.id).in_(held))).all()) if held else 0


def days(lang: i18n.Lang) -> list[tuple[str, str]]:
    """Today and the week after it: each day, and its words."""
    today = clock.today()
    return [((day := today + timedelta(days=ahead)).isoformat(), i18n.date(day, lang)) for ahead in range(DAYS)]


def rehearse(actor: access.Actor, day: date, after: object, lang: i18n.Lang) -> Piece:
    """The debits of a day, a piece at a time, each after what the one before ended with; the first after nothing.

    For a piece, so many services are looked at; it may hold fewer debits, or none. It costs the same wherever in the
    day it is. Raises Forbidden, Invalid for a day too far off or for what no piece ended with.
    """
    access.staff(actor, staff.Right.READ)
    if not 0 <= (day - clock.today()).days < DAYS:
        raise errors.Invalid({"day": "DATI_NON_VALIDI"})
    edge = _edge(after, day)
    with db.reading() as s:
        ids, end = _next(s, day, edge)
        drawn = _debits(s, ids, day, lang)
    return _added_up(drawn, brake.scope(end[1], end[0]) if end else "")


def _next(s: Session, day: date, edge: tuple[date, int]) -> tuple[list[int], tuple[date, int] | None]:
    """The services that are debited on `day`, of the next `PIECE` after `edge`; and where those end, if not at the end.

    Expiry by expiry, of which a day has few, and with the rows that are looked at named first: asked in one, the
    database would go through the whole day for each piece.
    """
    service, lasting = tables.Service, tables.LASTING
    expires_on, beyond = edge
    due: list[int] = []
    left = PIECE
    while expires_on <= day + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY):
        ids = select(col(service.id).label("id")).where(
            lasting, service.expires_on == expires_on, col(service.id) > beyond
        )
        looked_at = ids.order_by(col(service.id)).limit(left)
        found = list(s.exec(looked_at))
        if found:
            due += s.exec(debits.due(day).where(col(service.id) == looked_at.subquery().c.id))
        left -= len(found)
        if not left:
            return due, (expires_on, found[-1])
        expires_on, beyond = expires_on + timedelta(days=1), 0
    return due, None


def _edge(after: object, day: date) -> tuple[date, int]:
    """What a piece begins after: an expiry, and the number of a service. Raises Invalid."""
    if after == "":
        return day, 0
    number, _, expiry = after.partition(":") if isinstance(after, str) else ("", "", "")
    with suppress(ValueError):
        expires_on = date.fromisoformat(expiry)
        if _is_number(number) and brake.scope(int(number), expires_on) == after and expires_on >= day:
            return expires_on, int(number)
    raise errors.Invalid({"after": "DATI_NON_VALIDI"})


def _is_number(said: str) -> bool:
    return said.isascii() and said.isdecimal() and len(said) < 16


def _added_up(drawn: Sequence[tuple[Debit, int]], after: str) -> Piece:
    found = [debit for debit, _ in drawn]
    taken = {
        stopped: sum(cents for one, cents in drawn if one.stopped is stopped and one.light != renewals.Light.UNCOVERED)
        for stopped in (False, True)
    }
    return Piece(
        debits=found,
        cents=taken[False],
        lights=dict(Counter(debit.light for debit in found if not debit.stopped)),
        held=sum(1 for debit in found if debit.stopped),
        held_cents=taken[True],
        different=sum(1 for debit in found if debit.before),
        after=after,
    )


def _debits(s: Session, ids: Sequence[int], day: date, lang: i18n.Lang) -> list[tuple[Debit, int]]:
    service, account, choice = tables.Service, tables.Account, tables.RenewalChoice
    rows = s.exec(
        select(service, account, choice)
        .join(account, col(account.id) == service.account_id)
        .join(
            choice,
            (col(choice.service_id) == service.id) & (col(choice.expires_on) == service.expires_on),
            isouter=True,
        )
        .where(col(service.id).in_(ids))
        .order_by(col(service.expires_on), col(service.id))
    ).all()
    services = [row for row, _, _ in rows]
    costs, last = renewal_costs.next_terms(s, services, day), _last(s, ids)
    wanted = {this_time.method_id if this_time else row.method_id for row, _, this_time in rows}
    kept = {one.id: one for one in s.exec(select(tables.PaymentMethod).where(col(tables.PaymentMethod.id).in_(wanted)))}
    scopes = [brake.scope(row.id or 0, row.expires_on or day) for row in services]
    held = set(s.exec(select(tables.DebitHold.scope).where(col(tables.DebitHold.scope).in_([*scopes, brake.ALL]))))
    refused = _refused(s, ids, lang)
    price_list = catalog.current(s).price_list
    found = []
    for (row, owner, this_time), key in zip(rows, scopes, strict=True):
        method = kept.get(this_time.method_id if this_time else row.method_id)
        cents, _years = costs.get(row.id or 0, (0, 1))
        sold = price_list.product(row.product_code).sellable
        doubt = renewals.doubt(cents, day, methods.as_means(method) if method else None, sold=sold)
        before = last.get(row.id or 0)
        light, why = _outlook(doubt, refused.get(key, ""), lang)
        found.append(
            (
                Debit(
                    key=key,
                    service=row.label,
                    customer=owner.email,
                    account_id=owner.id or 0,
                    expires=i18n.date(row.expires_on or day, lang),
                    amount=i18n.money(cents, lang),
                    means=methods.title(method, lang) if method else "",
                    light=light.value,
                    why=why,
                    before=i18n.money(before, lang) if before is not None and before != cents else "",
                    held=key in held,
                    stopped=not held.isdisjoint((key, brake.ALL)),
                ),
                cents,
            )
        )
    return found


def _outlook(doubt: renewals.Doubt | None, refused: str, lang: i18n.Lang) -> tuple[renewals.Light, str]:
    """How a debit will go, and what stands in its way: what was refused once may well be refused again."""
    if doubt is None and refused:
        return renewals.Light.AT_RISK, i18n.text("staff.batch.refused", lang, reason=refused)
    return renewals.light(doubt), i18n.text(f"staff.doubt.{doubt.value}", lang) if doubt else ""


def _refused(s: Session, ids: Sequence[int], lang: i18n.Lang) -> Mapping[str, str]:
    """Why the last try to debit each of these services for this term was refused, by the debit's name."""
    renewal, words = tables.Renewal, i18n.words(lang)
    wanted = select(renewal.service_id, col(renewal.expires_on), renewal.trouble).where(
        col(renewal.service_id).in_(ids), renewal.status == subscriptions.OPEN, renewal.trouble != ""
    )
    told = {brake.scope(number, on): words.get(f"adm.reason.{trouble}", "") for number, on, trouble in s.exec(wanted)}
    return {name: reason for name, reason in told.items() if reason}


def _last(s: Session, ids: Sequence[int]) -> Mapping[int, int]:
    """What the last renewal of each of these services cost; one that was never renewed has nothing to differ from."""
    renewal, order = tables.Renewal, tables.Order
    found = s.exec(
        select(renewal.service_id, order.gross_cents)
        .join(order, col(order.id) == renewal.order_id)
        .where(col(renewal.service_id).in_(ids), renewal.status == "done")
        .order_by(col(renewal.expires_on))
    ).all()
    return dict(found)


# --- holding and letting go -------------------------------------------------------------------------------------------


def hold(actor: access.Actor, scope: str, why: object) -> None:
    """Hold one debit back, or with `all` every one, from this moment on. Safe to repeat.

    Raises Forbidden, Invalid without a reason, NotFound for what is no debit.
    """
    by = access.staff(actor, staff.Right.HOLD)
    said = audit.reason(why)
    with db.transaction() as s:
        owner = _owner(s, scope)
        placed = {"scope": scope, "by_id": by, "why": said, "placed_at": clock.now()}
        if db.insert_once(s, tables.DebitHold, placed):
            audit.record(s, actor, "debits_held", f"debit:{scope}", before={}, after={}, why=said, account_id=owner)
            live.publish(s, live.ADMINS)


def release(actor: access.Actor, scope: str, why: object) -> None:
    """Let a debit, or with `all` every one that is not held by itself, go on in the next round. Safe to repeat.

    Raises Forbidden, Invalid without a reason, NotFound for what is no debit.
    """
    access.staff(actor, staff.Right.RELEASE)
    said = audit.reason(why)
    with db.transaction() as s:
        owner = _owner(s, scope)
        gone = s.execute(delete(tables.DebitHold).where(col(tables.DebitHold.scope) == scope))
        if cast("CursorResult[Any]", gone).rowcount:
            audit.record(s, actor, "debits_released", f"debit:{scope}", before={}, after={}, why=said, account_id=owner)
            live.publish(s, live.ADMINS, live.WORK_RENEWALS)


def _owner(s: Session, scope: str) -> int | None:
    """Whose debit it is; None for all of them. Raises NotFound."""
    if scope == brake.ALL:
        return None
    number, _, _expiry = scope.partition(":")
    known = s.get(tables.Service, int(number)) if _is_number(number) else None
    if known is None or known.expires_on is None or brake.scope(known.id or 0, known.expires_on) != scope:
        raise errors.NotFound
    return known.account_id
