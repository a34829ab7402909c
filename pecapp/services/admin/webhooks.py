"""The gateways' notifications as the staff sees them: what came, what it led to, and having it handled once more."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import staff
from pecapp.gateways import registry
from pecapp.services import access, audit, history_views, inbox
from pecapp.services.admin import keyset, views

GATEWAYS = ("stripe", "paypal")
STATES = (inbox.WAITING, inbox.UNMATCHED, inbox.QUARANTINED, inbox.DONE, inbox.IGNORED)
MOST_FOUND = 50
MOST_AT_ONCE = 200
"""How many notifications one act has handled again."""
LONGEST_SHOWN = 200_000
"""Characters of a body."""

_ATTEMPT = re.compile(r"[0-9a-f]{32}")
_PREFIXES = "ch cs cus dp du evt pi pm py pyr re req seti txn".split()
_NAME = rf"(?:{'|'.join(_PREFIXES)})_(?:test_|live_)?[0-9A-Za-z]+|(?=[0-9]*[a-f])[0-9a-f]{{32,}}"
_DIGITS = re.compile(rf"(?P<name>(?<![0-9A-Za-z_])(?:{_NAME})(?![0-9A-Za-z]))|[0-9](?:[ -]?[0-9]){{12,}}")
"""A gateway's name for something, or one of ours, which stays; or digits that may be a card's, whatever is beside."""
_LONGEST_CARD, _USUAL_CARD, _AMEX = 19, 16, 15


@dataclass(frozen=True)
class EventRow:
    """A notification in a list."""

    id: int
    gateway: str
    event_id: str
    type: str
    status: str
    """One of `STATES`."""
    order: str
    """Number of the order that it speaks of; empty when it names none."""
    tries: int
    received: str
    iso: str
    listed: bool
    """Whether we fetched it from the gateway's own list, because it never came."""


@dataclass(frozen=True)
class LedTo:
    """Something that came of a notification."""

    kind: str
    """`order`, `payment`, `refund`, `dispute`, `method`."""
    name: str
    status: str
    """The machine's word."""
    href: str = ""


@dataclass(frozen=True)
class EventView:
    """A notification with all that is known of it."""

    row: EventRow
    proof: list[history_views.FactView]
    """How and when it proved to be authentic."""
    led_to: list[LedTo]
    oddity: str
    """Why it was kept apart; empty for almost all."""
    body: str
    """As it was signed, laid out to be read; a number that could be a card's is masked."""
    can_replay: bool
    headers: str = ""
    """Those that speak of its proof, a line for each; empty when none were kept."""


# --- looking ----------------------------------------------------------------------------------------------------------


def types(actor: access.Actor) -> list[str]:
    """The kinds of notifications that can be asked for. Raises Forbidden."""
    access.staff(actor)
    return list(listing().filters["type"])


def listing() -> keyset.Listing:
    """What can be asked of the list."""
    kinds = {kind for gateway in registry.gateways().values() for kind in gateway.event_types}
    return keyset.Listing(
        db.table(tables.InboxEvent),
        {"newest": keyset.Sort(("id",), descending=True, leads=("status", "type", "gateway"))},
        {"status": STATES, "gateway": tuple(registry.gateways()), "type": tuple(sorted(kinds))},
        "received_at",
    )


def page(actor: access.Actor, asked: keyset.Asked, lang: i18n.Lang) -> views.PageView:
    """One page of notifications, the newest first. Raises Forbidden."""
    access.staff(actor)
    event = tables.InboxEvent
    with db.reading() as s:
        found = keyset.cut(s, listing(), asked)
        rows = s.exec(select(event).where(col(event.id).in_(found.keys)).order_by(col(event.id).desc())).all()
        drawn = _rows(s, rows, lang)
    return views.PageView(drawn, found.before, found.after, found.partial)


def find(actor: access.Actor, said: str, lang: i18n.Lang) -> list[EventRow]:
    """The newest notifications by the gateway's name for them, our name of an attempt, or an order's number."""
    access.staff(actor)
    event = tables.InboxEvent
    with db.reading() as s:
        named: list[Any] = [col(event.gateway).in_(list(registry.gateways())) & (event.event_id == said)]
        attempts = [said] if _ATTEMPT.fullmatch(said) else _attempts(s, said)
        if attempts:
            named.append(col(event.attempt_id).in_(attempts))
        found: dict[int, tables.InboxEvent] = {}
        for condition in named:  # each has an index of its own
            wanted = select(event).where(condition).order_by(col(event.id).desc()).limit(MOST_FOUND)
            found |= {row.id or 0: row for row in s.exec(wanted)}
        return _rows(s, sorted(found.values(), key=lambda row: -(row.id or 0)), lang)


def _attempts(s: Session, number: str) -> list[str]:
    """Our names of the tries to pay an order."""
    attempt = tables.PaymentAttempt
    wanted = select(attempt.id).join(tables.Order, col(tables.Order.id) == attempt.order_id)
    return list(s.exec(wanted.where(tables.Order.number == number)).all())


def _rows(s: Session, rows: Sequence[tables.InboxEvent], lang: i18n.Lang) -> list[EventRow]:
    numbers = _numbers(s, rows)
    return [_row(row, numbers.get(row.attempt_id) or numbers.get(row.dispute_ref, ""), lang) for row in rows]


def _numbers(s: Session, rows: Sequence[tables.InboxEvent]) -> dict[str, str]:
    """Numbers of orders, by our name of the attempt and by the gateway's of the dispute."""
    attempt, dispute, order = tables.PaymentAttempt, tables.Dispute, tables.Order
    tried = select(attempt.id, order.number).join(order, col(order.id) == attempt.order_id)
    contested = select(dispute.dispute_ref, order.number).join(order, col(order.id) == dispute.order_id)
    names, refs = {row.attempt_id for row in rows} - {""}, {row.dispute_ref for row in rows} - {""}
    gateways = {row.gateway for row in rows}
    found = dict(s.exec(tried.where(col(attempt.id).in_(names))).all())
    here = col(dispute.gateway).in_(gateways) & col(dispute.dispute_ref).in_(refs)
    return found | dict(s.exec(contested.where(here)).all()) if refs else found


def _row(row: tables.InboxEvent, number: str, lang: i18n.Lang) -> EventRow:
    return EventRow(
        id=row.id or 0,
        gateway=row.gateway,
        event_id=row.event_id,
        type=row.type,
        status=row.status,
        order=number,
        tries=row.tries,
        received=i18n.instant(row.received_at, lang),
        iso=row.received_at.isoformat(),
        listed=row.proof == inbox.LISTED,
    )


def one(actor: access.Actor, event_id: int, lang: i18n.Lang) -> EventView:
    """A notification with all that is known of it. Raises Forbidden, NotFound."""
    access.staff(actor)
    with db.reading() as s:
        row = s.get(tables.InboxEvent, event_id)
        if row is None:
            raise errors.NotFound
        (shown,) = _rows(s, [row], lang)
        led_to = _led_to(s, row, shown.order)
    return EventView(
        row=shown,
        proof=_proof(row, lang),
        led_to=led_to,
        oddity=row.oddity,
        body=masked(_laid_out(row.body)),
        can_replay=inbox.can_be_followed(row),
        headers="\n".join(f"{name}: {value}" for name, value in (row.headers or {}).items()),
    )


def _led_to(s: Session, row: tables.InboxEvent, number: str) -> list[LedTo]:
    """What of our rows it speaks of, as they stand now."""
    attempt, refund, dispute, method = tables.PaymentAttempt, tables.Refund, tables.Dispute, tables.PaymentMethod
    found: list[LedTo] = []
    if row.attempt_id and number:
        paid = s.get_one(attempt, row.attempt_id)
        order = s.get_one(tables.Order, paid.order_id)
        href = f"/admin/ordini/{number}"
        found += [LedTo("order", number, order.status, href), LedTo("payment", paid.id, paid.status)]
    if row.refund_ref:
        given = s.exec(select(refund).where(refund.gateway_ref == row.refund_ref)).all()
        found += [LedTo("refund", row.refund_ref, one.status) for one in given]
    if row.dispute_ref:
        told = s.exec(select(dispute).where(dispute.gateway == row.gateway, dispute.dispute_ref == row.dispute_ref))
        found += [LedTo("dispute", one.dispute_ref, one.status, "/admin/contestazioni") for one in told]
    if row.method_ref:
        kept = s.exec(select(method).where(method.gateway == row.gateway, method.token == row.method_ref))
        found += [LedTo("method", f"{one.id}", one.status, f"/admin/clienti/{one.account_id}") for one in kept]
    return found


def _proof(row: tables.InboxEvent, lang: i18n.Lang) -> list[history_views.FactView]:
    told = _parsed(row.body)
    facts = {
        "how": i18n.text(f"admin.event.proof.{row.proof}", lang),
        "received": i18n.instant(row.received_at, lang),
        "created": _created(told, lang),
        "mode": i18n.text(f"admin.event.mode.{told['livemode']}", lang) if "livemode" in told else "",
        "version": str(told.get("api_version") or told.get("resource_version") or ""),
        "transmission": row.transmission_id or "",
        "handled": i18n.instant(row.handled_at, lang) if row.handled_at else "",
        "next": i18n.instant(row.next_try_at, lang) if row.next_try_at and row.status != inbox.IGNORED else "",
    }
    return [
        history_views.FactView(i18n.text(f"admin.event.fact.{name}", lang), value)
        for name, value in facts.items()
        if value
    ]


def _created(told: dict[str, Any], lang: i18n.Lang) -> str:
    """When the gateway says that it happened, as it wrote it where that cannot be read."""
    said = told.get("created", told.get("create_time", ""))
    try:
        at = datetime.fromtimestamp(said, clock.ROME) if isinstance(said, int) else datetime.fromisoformat(str(said))
    except (ValueError, OverflowError, OSError):
        return str(said)[:40]
    return i18n.instant(at, lang) if at.tzinfo else str(said)


def _parsed(body: str) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _laid_out(body: str) -> str:
    told = _parsed(body)
    return json.dumps(told, indent=2, ensure_ascii=False)[:LONGEST_SHOWN] if told else body[:LONGEST_SHOWN]


def masked(words: str) -> str:
    """A text in which every number that could be a card's shows its last four digits alone."""
    return _DIGITS.sub(lambda found: found["name"] or _hidden(found[0]), words)


def _hidden(said: str) -> str:
    """A run of digits without the first card's number in it; what stands beside that may be a date or a code."""
    digits = [int(one) for one in said if one.isdigit()]
    tries = [digits] if len(digits) <= _LONGEST_CARD else []
    tries += [digits[start : start + _USUAL_CARD] for start in range(len(digits) - _USUAL_CARD + 1)]
    tries += [digits[start : start + _AMEX] for start in range(len(digits) - _AMEX + 1) if digits[start] == 3]
    card = next((one for one in tries if 2 <= one[0] <= 6 and _adds_up(one)), None)
    return f"•••• {''.join(map(str, card[-4:]))}" if card else said


def _adds_up(digits: Sequence[int]) -> bool:
    """The check of Luhn: what a card's number passes, and one number in ten by chance."""
    doubled = [2 * one - 9 * (one > 4) for one in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


# --- once more --------------------------------------------------------------------------------------------------------


def replay(actor: access.Actor, event_ids: Iterable[int], why: object) -> int:
    """Have notifications handled once more, from the beginning; how many. Those that name nothing are left alone.

    Safe to repeat, also for one that is done: what it speaks of is read back. Raises Forbidden, Invalid without a
    reason, NotFound when none of them is here, Conflict (`NOTIFICA_SENZA_SEGUITO`) when nothing can come of any.
    """
    access.staff(actor, staff.Right.REPLAY)
    said, event = audit.reason(why), tables.InboxEvent
    wanted = select(event).where(col(event.id).in_(sorted(set(event_ids))[:MOST_AT_ONCE])).order_by(col(event.id))
    with db.transaction() as s:
        rows = s.exec(db.locked(wanted)).all()
        if not rows:
            raise errors.NotFound
        count = 0
        for row in rows:
            before = {"status": row.status, "tries": row.tries}
            if not inbox.again(s, row):
                continue
            after = {"status": row.status, "tries": row.tries}
            audit.record(s, actor, "event_replayed", f"event:{row.id}", before=before, after=after, why=said)
            count += 1
        if not count:
            raise errors.Conflict("NOTIFICA_SENZA_SEGUITO")
        return count
