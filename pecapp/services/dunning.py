"""Dunning: what a debit of automatic renewal came to is written down and told (rules 6.7, 6.8). Calls nobody outside.

The order stays payable by hand; `renewal` says when the calendar debits it again, if at all, and why it was not taken.
"""

from datetime import date
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from pecapp import clock, db, tables
from pecapp.domain import calendar, dunning, payments
from pecapp.services import alerts, facts, links, live, outbox, sms, subscriptions

NOTICE = "notice"
"""Why a consumer's debit is not made who was never told of it (6.8)."""
AMOUNT = "amount"
"""Why a consumer's debit is not made that is higher than what they were told of (9.41)."""

_MAIL, _RENEWAL, _SERVICE = db.table(tables.OutboxMail), db.table(tables.Renewal), db.table(tables.Service)
_TAKEN = select(_MAIL.c.sent_at, _MAIL.c.params).where(
    _MAIL.c.dedup_key == bindparam("fact"), _MAIL.c.sent_at.is_not(None)
)
_RENEWED = (
    select(
        _RENEWAL.c.service_id,
        _RENEWAL.c.expires_on,
        _RENEWAL.c.debits,
        _RENEWAL.c.next_debit_on,
        _RENEWAL.c.trouble,
        _RENEWAL.c.remedy,
        _SERVICE.c.renewal_changed_at,
    )
    .join(_SERVICE, _SERVICE.c.id == _RENEWAL.c.service_id)
    .where(_RENEWAL.c.order_id == bindparam("key"))
)
_OUT_OF_TROUBLE = (
    update(_RENEWAL).where(_RENEWAL.c.order_id == bindparam("key")).values(trouble="", remedy="", next_debit_on=None)
)


def notice_key(service_id: int, expires_on: date) -> str:
    """The fact of the legal notice (M13) for one term."""
    return f"m13:{service_id}:{expires_on}"


def dearer_key(service_id: int, expires_on: date, amount_cents: int) -> str:
    """The fact that one term will cost so much, which is more than its notice said (9.41)."""
    return f"dearer:{service_id}:{expires_on}:{amount_cents}"


def notified_on(s: Session, service_id: int, expires_on: date) -> date | None:
    """The day on which the mail server took the legal notice for a term; None while it has not."""
    notice = _taken(s, notice_key(service_id, expires_on))
    return calendar.rome_date(notice.sent_at) if notice else None


def untold(s: Session, service_id: int, expires_on: date, amount_cents: int) -> str:
    """What the owner of a service was not told of a debit of its term: NOTICE, the AMOUNT, or empty for nothing."""
    notice = _taken(s, notice_key(service_id, expires_on))
    if notice is None:
        return NOTICE
    if amount_cents <= notice.params.get("amount_cents", amount_cents):
        return ""
    return "" if _taken(s, dearer_key(service_id, expires_on, amount_cents)) else AMOUNT


def _taken(s: Session, key: str) -> Any:
    """The mail that tells a fact, if the mail server has taken it: when, and with what facts."""
    return db.core(s).execute(_TAKEN, {"fact": key}).first()


def is_ours(outcome: payments.Outcome) -> bool:
    """Whether a debit came to nothing because of us: the gateway would not even try, or says that the fault is ours."""
    would_not_try = outcome.verdict in {payments.Verdict.CANCELLED, payments.Verdict.EXPIRED}
    return would_not_try or outcome.remedy is payments.Remedy.OURS


def refused(s: Session, row: Any, outcome: payments.Outcome) -> None:
    """The debit of an attempt came to nothing: next try by the calendar, or none, and M08 (6.7.5).

    What is our fault is tried again in the next round, and told to its owner only when no round is left: until then
    there is nothing that they could do. `row` is a settlement's: the attempt with its order. A refusal for good keeps
    the method from further debits.
    """
    ours = is_ours(outcome)
    remedy = payments.Remedy.OURS if ours else outcome.remedy or payments.Remedy.SOFT
    if ours:
        alerts.tell_staff(s, "debit_refused", f"{row.order_id}:{clock.today()}", order_id=row.order_id)
    renewal = s.get_one(tables.Renewal, row.order_id)
    renewal.trouble = (outcome.reason or payments.Reason.DECLINED).value
    renewal.remedy = remedy.value
    renewal.next_debit_on = _next_try(remedy, renewal.expires_on)
    if _has_a_successor(s, renewal.service_id, row.method_id):
        renewal.next_debit_on = clock.today()  # its owner has put another in its place while the debit ran
        live.publish(s, live.WORK_RENEWALS)
    s.add(renewal)
    if ours and renewal.next_debit_on is not None:
        return
    if remedy is payments.Remedy.NEVER:
        method = s.get_one(tables.PaymentMethod, row.method_id)
        method.refused_at = clock.now()
        s.add(method)
    path = {}
    if remedy is payments.Remedy.CONFIRM:
        token = links.issue(s, links.Purpose.DEBIT, row.account_id, order_id=row.order_id)
        path = {"path": f"/conferma/{token}"}
    _tell(s, row.order_id, renewal, f"m08:attempt:{row.attempt_id}", method_id=row.method_id, **path)


def _next_try(remedy: payments.Remedy, expires_on: date) -> date | None:
    """When time may have cured it: the customer's account has filled up, or we have mended what is ours."""
    if remedy is payments.Remedy.OURS:
        return dunning.retry_of_ours(expires_on, clock.now())
    return dunning.next_retry(expires_on, clock.today()) if remedy is payments.Remedy.SOFT else None


def _has_a_successor(s: Session, service_id: int, method_id: int) -> bool:
    """Whether renewal is on, on another method than the one that was debited, which is gone."""
    service = s.get_one(tables.Service, service_id)
    gone = s.get_one(tables.PaymentMethod, method_id).token == ""
    return gone and service.renewal == subscriptions.RENEWAL_ACTIVE and service.method_id != method_id


def held_back(s: Session, order: tables.Order, renewal: tables.Renewal, why: str, method_id: int | None) -> None:
    """A debit is not even tried, because of a `renewals.Doubt` or for want of a notice; M08 says why."""
    renewal.trouble, renewal.remedy = why, ""
    s.add(renewal)
    if why == NOTICE:
        alerts.tell_staff(s, "notice_missing", f"{renewal.service_id}:{renewal.expires_on}", order_id=order.id)
    _tell(s, order.id or 0, renewal, f"m08:order:{order.id}:{renewal.debits}", method_id=method_id)


def _tell(s: Session, order_id: int, renewal: tables.Renewal, dedup_key: str, **params: Any) -> None:
    order = s.get_one(tables.Order, order_id)
    again = renewal.next_debit_on
    told = outbox.post(
        s,
        template="m08",
        dedup_key=dedup_key,
        account_id=order.account_id,
        order_id=order_id,
        to_address=order.reference_email,
        lang=order.lang,
        params={
            "service_id": renewal.service_id,
            "expires_on": renewal.expires_on.isoformat(),
            "why": renewal.trouble,
            "remedy": renewal.remedy,
            "retry_on": again.isoformat() if again else None,
        }
        | params,
    )
    sms.post(
        s,
        dedup_key=dedup_key,
        account_id=order.account_id,
        key="sms.m08",
        service=s.get_one(tables.Service, renewal.service_id).label,
        number=order.number,
        by=renewal.expires_on,
    )
    if told:
        live.publish(s, live.account(order.account_id), live.WORK_MAIL)


def settled(s: Session, row: Any) -> None:
    """An order is paid, by whomever: what automatic renewal had taken up is in no trouble any more.

    A consumer who was told of it too late may leave at any time (6.8); who has only just switched it on was told then.
    """
    renewal = db.core(s).execute(_RENEWED, {"key": row.order_id}).one_or_none()
    if renewal is None or not renewal.debits:
        return
    if renewal.trouble or renewal.remedy or renewal.next_debit_on:
        db.core(s).execute(_OUT_OF_TROUBLE, {"key": row.order_id})
    changed = renewal.renewal_changed_at
    if changed and dunning.notice_is_overdue(renewal.expires_on, calendar.rome_date(changed)):
        return
    told = notified_on(s, renewal.service_id, renewal.expires_on)
    late = told is None or dunning.notice_is_overdue(renewal.expires_on, told)
    if late and facts.holder(s.get_one(tables.Order, row.order_id).holder).consumer:
        subscriptions.free_to_leave(s, renewal.service_id, calendar.renewed_expiry(renewal.expires_on, row.years))


def tell_renewed(s: Session, row: Any) -> None:
    """A debit has renewed its service: M07."""
    outbox.post(
        s,
        template="m07",
        dedup_key=f"m07:order:{row.order_id}",
        account_id=row.account_id,
        order_id=row.order_id,
        to_address=row.reference_email,
        lang=row.lang,
        params={},
    )
    live.publish(s, live.WORK_MAIL)
