"""Contested payments as the staff sees them: which, how much, until when to answer, and how they ended."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pecapp import clock, db, i18n, tables
from pecapp.domain import disputes as rules
from pecapp.gateways import registry
from pecapp.services import access
from pecapp.services.admin import keyset, views


@dataclass(frozen=True)
class DisputeRow:
    """A contested payment in a list."""

    id: int
    gateway: str
    ref: str
    """The gateway's name for it: where evidence is handed in."""
    order: str
    amount: str
    reason: str
    """In plain words; the gateway's own where we have none for it."""
    status: str
    """A `disputes.Status`."""
    opened: str
    iso: str
    respond_by: str
    """Until when to answer, while we have to."""
    late: bool
    """Whether that is over."""
    decided: str


def listing() -> keyset.Listing:
    """What can be asked of the list."""
    return keyset.Listing(
        db.table(tables.Dispute),
        {"newest": keyset.Sort(("id",), descending=True, leads=("status",))},
        {"status": tuple(rules.Status), "gateway": tuple(registry.gateways())},
        "opened_at",
    )


def page(actor: access.Actor, asked: keyset.Asked, lang: i18n.Lang) -> views.PageView:
    """One page of contested payments, the newest first. Raises Forbidden."""
    access.staff(actor)
    with db.reading() as s:
        found = keyset.cut(s, listing(), asked)
        drawn = _rows(s, found.keys, lang)
    return views.PageView(drawn, found.before, found.after, found.partial)


def _rows(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[DisputeRow]:
    dispute, order = tables.Dispute, tables.Order
    wanted = (
        select(dispute, order.number)
        .join(order, col(order.id) == dispute.order_id)
        .where(col(dispute.id).in_(ids))
        .order_by(col(dispute.id).desc())
    )
    return [_row(row, number, lang) for row, number in s.exec(wanted)]


def _row(row: tables.Dispute, number: str, lang: i18n.Lang) -> DisputeRow:
    ours = row.status == rules.Status.TO_ANSWER and row.respond_by_at is not None
    due = row.respond_by_at if ours else None
    return DisputeRow(
        id=row.id or 0,
        gateway=row.gateway,
        ref=row.dispute_ref,
        order=number,
        amount=i18n.money(row.amount_cents, lang),
        reason=_reason(row.reason, lang),
        status=row.status,
        opened=i18n.instant(row.opened_at, lang),
        iso=row.opened_at.isoformat(),
        respond_by=i18n.instant(due, lang) if due else "",
        late=due is not None and due < clock.now(),
        decided=i18n.instant(row.decided_at, lang) if row.decided_at else "",
    )


def _reason(said: str, lang: i18n.Lang) -> str:
    return i18n.words(lang).get(f"admin.dispute.why.{said.lower()}", said)
