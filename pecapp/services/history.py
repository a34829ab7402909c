"""«Perché questo addebito?»: the renewals of a login, paid or not, and the chain of facts behind each of them.

Only reads. What it tells was stored when it happened: nothing is guessed, and a fact that is not there is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, and_, col, or_, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, orders
from pecapp.services import access, dunning, history_facts, history_steps, history_views

PAGE = 20


# --- the list ---------------------------------------------------------------------------------------------------------


def listing(
    actor: access.Actor, lang: i18n.Lang, before: str = "", limit: int = PAGE
) -> list[history_views.RenewalRowView]:
    """The customer's renewals, by automatic debit and by hand, newest first, at most `limit` at a time.

    `before` is the number of the last one seen; one that is not theirs counts as none. As many queries for a full page
    as for one row. Raises Forbidden.
    """
    account_id = access.require(actor)
    placed = tables.Order
    with db.reading() as s:
        query = _renewals(account_id).order_by(col(placed.created_at).desc(), col(placed.id).desc())
        last = s.exec(_renewals(account_id).where(placed.number == before)).one_or_none() if before else None
        if last is not None:
            at, last_id = last[0].created_at, last[0].id
            older = and_(col(placed.created_at) == at, col(placed.id) < last_id)
            query = query.where(or_(col(placed.created_at) < at, older))
        found = s.exec(query.limit(limit)).all()
        attempts = _newest_attempts(s, [row[0].id or 0 for row in found])
        kept = _methods(s, account_id, [one.method_id for one in attempts.values()])
    return [_row(order, renewal, service, attempts.get(order.id or 0), kept, lang) for order, renewal, service in found]


def _row(
    order: tables.Order,
    renewal: tables.Renewal,
    service: tables.Service,
    attempt: tables.PaymentAttempt | None,
    kept: Mapping[int, tables.PaymentMethod],
    lang: i18n.Lang,
) -> history_views.RenewalRowView:
    on = calendar.rome_date(order.paid_at or order.created_at)
    return history_views.RenewalRowView(
        number=order.number,
        service=service.label,
        on=i18n.date(on, lang),
        iso=on.isoformat(),
        amount=i18n.money(order.gross_cents, lang),
        automatic=renewal.automatic,
        status=order.status,
        means=history_facts.means(attempt, kept, lang) if attempt else "",
        why=history_facts.why(order, renewal, attempt, lang),
    )


def _renewals(account_id: int) -> Any:
    order, renewal, service = tables.Order, tables.Renewal, tables.Service
    return (
        select(order, renewal, service)
        .join(renewal, col(renewal.order_id) == col(order.id))
        .join(service, col(service.id) == col(renewal.service_id))
        .where(order.account_id == account_id, service.account_id == account_id)
    )


def _newest_attempts(s: Session, order_ids: Sequence[int]) -> dict[int, tables.PaymentAttempt]:
    """The try that tells how each order stands."""
    attempt = tables.PaymentAttempt
    found = s.exec(select(attempt).where(col(attempt.order_id).in_(order_ids)).order_by(col(attempt.number))).all()
    return {order_id: telling for order_id in order_ids if (telling := history_facts.telling(found, order_id))}


def _methods(s: Session, account_id: int, ids: Iterable[int | None]) -> dict[int, tables.PaymentMethod]:
    method = tables.PaymentMethod
    wanted = [one for one in set(ids) if one is not None]
    if not wanted:
        return {}
    found = s.exec(select(method).where(method.account_id == account_id, col(method.id).in_(wanted)))
    return {row.id or 0: row for row in found}


# --- one of them ------------------------------------------------------------------------------------------------------


def chain(actor: access.Actor, number: str, lang: i18n.Lang) -> history_views.ChainView:
    """One renewal with all that led to it and came of it, in the order in which it happened.

    As many queries for ten tries as for one. Raises Forbidden, NotFound, for another's order and for one that renews
    nothing too.
    """
    account_id = access.require(actor)
    with db.reading() as s:
        known = _whole(s, number, tables.Order.account_id == account_id)
    if not isinstance(known, history_facts.Known):
        raise errors.NotFound("ORD_NON_TROVATO")
    order, renewal, service = known.order, known.renewal, known.service
    attempt = history_facts.telling(known.attempts, order.id or 0)
    row = _row(order, renewal, service, attempt, known.methods, lang)
    coming = history_steps.coming(known, clock.today(), lang)
    return history_views.ChainView(
        **{name: value for name, value in vars(row).items() if name != "iso"},
        service_id=service.id or 0,
        steps=history_steps.steps(known, lang),
        coming=coming.text,
        coming_href=coming.href,
        coming_link=coming.link,
        can_pay=order.status in orders.PAYABLE,
    )


def told(s: Session, number: str) -> history_facts.Told:
    """Everything that is stored about an order, whosever it is and whatever it was for; `Known` for a renewal.

    Raises NotFound.
    """
    return _whole(s, number)


def _whole(s: Session, number: str, *where: Any) -> history_facts.Told:
    order, receipt, renewal, service = tables.Order, tables.Receipt, tables.Renewal, tables.Service
    renewed = and_(col(service.id) == col(renewal.service_id), col(service.account_id) == col(order.account_id))
    found = s.exec(
        select(order, receipt, renewal, service)
        .join(receipt, col(receipt.order_id) == col(order.id), isouter=True)
        .join(renewal, col(renewal.order_id) == col(order.id), isouter=True)
        .join(service, renewed, isouter=True)
        .where(order.number == number, *where)
    ).one_or_none()
    if found is None:
        raise errors.NotFound("ORD_NON_TROVATO")
    placed, proof, term, its_service = found
    if term is None or its_service is None:
        return _told(s, placed, proof, None)
    return _known(s, _told(s, placed, proof, term), term, its_service)


def _told(
    s: Session, order: tables.Order, receipt: tables.Receipt | None, renewal: tables.Renewal | None
) -> history_facts.Told:
    refund, line = tables.Refund, tables.OrderLine
    attempts, kept = _attempts(s, order)
    return history_facts.Told(
        order=order,
        lines=s.exec(select(line).where(line.order_id == order.id).order_by(col(line.id))).all(),
        attempts=attempts,
        receipt=receipt,
        refunds=s.exec(select(refund).where(refund.order_id == order.id).order_by(col(refund.created_at))).all(),
        events=_events(s, attempts),
        mails=_mails(s, order, renewal),
        methods=kept,
    )


def _attempts(s: Session, order: tables.Order) -> tuple[list[tables.PaymentAttempt], dict[int, tables.PaymentMethod]]:
    """The tries to pay an order, and the kept methods on which they were made."""
    attempt, method = tables.PaymentAttempt, tables.PaymentMethod
    owned = and_(col(method.id) == col(attempt.method_id), col(method.account_id) == order.account_id)
    wanted = select(attempt, method).join(method, owned, isouter=True).where(attempt.order_id == order.id)
    found = s.exec(wanted.order_by(col(attempt.number))).all()
    return [one for one, _ in found], {kept.id or 0: kept for _, kept in found if kept is not None}


def _known(
    s: Session, told: history_facts.Told, renewal: tables.Renewal, service: tables.Service
) -> history_facts.Known:
    """Everything that is stored about a renewal order."""
    order, choice = told.order, tables.RenewalChoice
    known = history_facts.Known(
        **vars(told),
        renewal=renewal,
        service=service,
        choices=s.exec(select(choice).where(choice.service_id == service.id)).all(),
        sms=_sms(s, order, renewal),
    )
    ids = {*known.charged, *(one.method_id for one in known.choices), known.activated_on} - {*known.methods}
    return replace(
        known,
        accepted=_accepted(s, known),
        mandates=_mandates(s, order.account_id, known.charged),
        methods={**known.methods, **_methods(s, order.account_id, ids)},
    )


def _events(s: Session, attempts: Sequence[tables.PaymentAttempt]) -> Sequence[tables.InboxEvent]:
    event = tables.InboxEvent
    if not attempts:
        return []
    return s.exec(
        select(event)
        .where(col(event.attempt_id).in_([one.id for one in attempts]))
        .order_by(col(event.received_at))
        .options(defer(event.body, raiseload=True))  # pyright: ignore[reportArgumentType]  (a column)
    ).all()


def _mails(s: Session, order: tables.Order, renewal: tables.Renewal | None) -> Sequence[tables.OutboxMail]:
    """What was written about the order; of a renewal its legal notice, and every activation of automatic renewal."""
    mail = tables.OutboxMail
    about = col(mail.order_id) == order.id
    if renewal is not None:
        notice = dunning.notice_key(renewal.service_id, renewal.expires_on)
        about = or_(about, col(mail.dedup_key) == notice, col(mail.template) == "m04")
    return s.exec(
        select(mail)
        .where(mail.account_id == order.account_id, about)
        .order_by(col(mail.id))
        .options(*(defer(body, raiseload=True) for body in (mail.body_text, mail.body_html)))  # pyright: ignore[reportArgumentType]
    ).all()


def _sms(s: Session, order: tables.Order, renewal: tables.Renewal) -> tables.OutboxSms | None:
    sms, notice = tables.OutboxSms, dunning.notice_key(renewal.service_id, renewal.expires_on)
    return s.exec(select(sms).where(sms.account_id == order.account_id, sms.dedup_key == notice)).one_or_none()


def _accepted(s: Session, known: history_facts.Known) -> Sequence[tables.Acceptance]:
    """What the customer had accepted before the order: with it, and where its automatic renewal was switched on."""
    accepted, order = tables.Acceptance, known.order
    activated_with = known.activation.order_id if known.activation else None
    where = [one for one in (order.id, known.service.order_id, activated_with) if one is not None]
    return s.exec(
        select(accepted)
        .where(
            accepted.account_id == order.account_id,
            col(accepted.kind).in_(("terms", "auto_renew")),
            col(accepted.accepted_at) <= order.created_at,
            or_(col(accepted.order_id).in_(where), col(accepted.order_id).is_(None)),
        )
        .order_by(col(accepted.accepted_at), col(accepted.id))
    ).all()


def _mandates(s: Session, account_id: int, method_ids: Iterable[int]) -> Sequence[tables.Mandate]:
    mandate, wanted = tables.Mandate, list(method_ids)
    if not wanted:
        return []
    return s.exec(
        select(mandate)
        .where(mandate.account_id == account_id, col(mandate.method_id).in_(wanted))
        .order_by(col(mandate.authorised_at), col(mandate.id))
    ).all()
