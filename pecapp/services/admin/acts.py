"""What the staff does for a customer: each act needs its right and a reason, is written down, and tells the customer.

Refused means that nothing has changed. What an act does to the customer's own rows is done by the service that does it
for the customer too, so that mails, open pages and gateways hear of it in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import money, orders, payments, staff
from pecapp.services import access, audit, auto_renewal, lifecycle, live, methods, outbox, refunds, subscriptions

_NOTE_SHORTEST, _NOTE_LONGEST = 3, 2000
_KEY_LENGTH = 64


def remove_method(actor: access.Actor, method_id: int, why: object) -> None:
    """Remove a customer's kept method: its renewals go off, the gateway forgets it, M11 tells.

    Raises Forbidden, Invalid without a reason, NotFound, Conflict while a debit runs on it or when it is gone already.
    """
    access.staff(actor, staff.Right.ASSIST)
    said = audit.reason(why)
    with db.transaction() as s:
        owner = _owner(s, tables.PaymentMethod, method_id)
        was = methods.own(s, owner, method_id).status
        services = [service.id for service in auto_renewal.renewed_by(s, method_id)]
        removed = methods.remove_for(s, owner, method_id)
        subject, before = f"method:{method_id}", {"status": was, "renews": services}
        audit.record(
            s,
            actor,
            "method_removed",
            subject,
            before=before,
            after={"status": removed.status},
            why=said,
            account_id=owner,
        )


def switch_off(actor: access.Actor, service_id: int, why: object) -> bool:
    """Switch a service's automatic renewal off; M05 tells. True when a debit was running already: it is not stopped.

    Raises Forbidden, Invalid without a reason, NotFound, Conflict when it is off already.
    """
    access.staff(actor, staff.Right.ASSIST)
    said = audit.reason(why)
    with db.transaction() as s:
        service = subscriptions.own(s, _owner(s, tables.Service, service_id), service_id)
        was = service.renewal
        runs = auto_renewal.debit_runs(s, service_id)
        auto_renewal.switch_off(s, service, by="staff")
        if service.renewal == was:
            raise errors.Conflict("RINNOVO_GIA_SPENTO")
        audit.record(
            s,
            actor,
            "renewal_switched_off",
            f"service:{service_id}",
            before={"renewal": was},
            after={"renewal": service.renewal},
            why=said,
            account_id=service.account_id,
        )
        return runs


def cancel_order(actor: access.Actor, number: str, why: object) -> None:
    """Cancel an order that waits for payment; M18 tells that support did.

    Raises Forbidden, Invalid without a reason, NotFound, Conflict when it is paid, being paid or closed.
    """
    access.staff(actor, staff.Right.ASSIST)
    said = audit.reason(why)
    with db.transaction() as s:
        db.settling(s)
        order = _order(s, number)
        was = order.status
        if was == orders.Status.CANCELLED:
            raise errors.Conflict("ORD_NON_ANNULLABILE")
        lifecycle.call_off(s, order.account_id, number, by="staff")
        audit.record(
            s,
            actor,
            "order_cancelled",
            f"order:{number}",
            before={"status": was},
            after={"status": orders.Status.CANCELLED.value},
            why=said,
            account_id=order.account_id,
        )


def resend(actor: access.Actor, mail_id: int, key: object, why: object) -> None:
    """Send a mail to its customer once more, written anew from what is true now.

    `key` names the intention: pressed twice, one mail. Raises Forbidden, Invalid without a reason, NotFound, Conflict
    for a mail that carries a link which opens something by itself: who needs one asks for it where it belongs.
    """
    access.staff(actor, staff.Right.ASSIST)
    said, intention = audit.reason(why), _intention(key)
    with db.transaction() as s:
        mail = s.get(tables.OutboxMail, mail_id)
        if mail is None:
            raise errors.NotFound
        if mail.account_id is None or "path" in mail.params:
            raise errors.Conflict("MAIL_NON_RINVIABILE")
        posted = outbox.post(
            s,
            template=mail.template,
            dedup_key=f"again:{mail_id}:{intention}",
            account_id=mail.account_id,
            order_id=mail.order_id,
            to_address=mail.to_address if mail.order_id else None,
            lang=mail.lang,
            params=mail.params,
        )
        if posted:
            audit.record(
                s,
                actor,
                "mail_sent_again",
                f"mail:{mail_id}",
                before={},
                after={"template": mail.template},
                why=said,
                account_id=mail.account_id,
            )
            live.publish(s, live.account(mail.account_id))


def note(actor: access.Actor, account_id: int, text: object) -> None:
    """Note something about a customer, for the rest of the staff. Raises Forbidden, Invalid, NotFound."""
    author = access.staff(actor, staff.Right.ASSIST)
    words = text.strip() if isinstance(text, str) else ""
    if not _NOTE_SHORTEST <= len(words) <= _NOTE_LONGEST:
        raise errors.Invalid({"note": "NOTA_MANCANTE"}, "NOTA_MANCANTE")
    with db.transaction() as s:
        if s.get(tables.Account, account_id) is None:
            raise errors.NotFound
        s.add(tables.StaffNote(account_id=account_id, by_id=author, text=words, created_at=clock.now()))
        live.publish(s, live.ADMINS, live.account(account_id))


# --- refunds ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RefundableLine:
    """A line of an order, with its part of the total, VAT included."""

    line_id: int
    name: str
    gross: str
    gross_cents: int
    given: bool = False
    """Whether it was given back already: it cannot be once more."""


@dataclass(frozen=True)
class Refundable:
    """What of a paid order can be given back."""

    left: str
    """What the gateway took and was not given back yet, in the reader's words."""
    left_cents: int
    account_id: int
    """Whose the order is."""
    renewing: list[str]
    """The services of the order that renew by themselves, and go on to: a refund does not stop them."""
    lines: list[RefundableLine]


def refundable(actor: access.Actor, number: str, lang: i18n.Lang) -> Refundable | None:
    """What of the order can still be given back, None when nothing can. Raises Forbidden, NotFound."""
    access.staff(actor, staff.Right.READ)
    with db.reading() as s:
        order = _order(s, number)
        attempt = _paid_by(s, order)
        left = refunds.left(s, attempt) if attempt else 0
        if left <= 0:
            return None
        shares, given = _shares(s, order), refunds.lines_given(s, attempt.id) if attempt else set()
        renewing = _renewing(s, order)
    return Refundable(
        left=i18n.money(left, lang),
        left_cents=left,
        account_id=order.account_id,
        renewing=renewing,
        lines=[
            RefundableLine(
                line_id=line.id or 0,
                name=line.name_it if lang == "it" else line.name_en,
                gross=i18n.money(cents, lang),
                gross_cents=cents,
                given=line.id in given,
            )
            for line, cents in shares
        ],
    )


def refund(
    actor: access.Actor,
    number: str,
    key: object,
    why: object,
    *,
    line_ids: Sequence[int] = (),
    cents: int | None = None,
) -> int:
    """Give money back to the customer, by the way by which it came; gives the cents. M21 tells.

    Everything that is left without `line_ids` and `cents`; these lines with their VAT; or exactly so many cents. Never
    more than is left of what the gateway took. `key` names the intention: pressed twice, it is one refund. The order is
    «Rimborsato» once nothing of it is left; services stay as they are. Raises Forbidden, Invalid without a reason or
    for a wrong amount, NotFound, Conflict when there is nothing to give back, one of the lines was given back before
    or the payment is contested.
    """
    access.staff(actor, staff.Right.REFUND)
    said, reason = audit.reason(why), f"staff:{_intention(key)}"
    with db.transaction() as s:
        db.settling(s)
        order = _order(s, number)
        attempt = _paid_by(s, order, hold=True)
        if attempt is None:
            raise errors.Conflict("RIMBORSO_NON_POSSIBILE")
        order = lifecycle.lock(s, number, order.account_id)
        done = s.exec(
            select(tables.Refund).where(tables.Refund.attempt_id == attempt.id, tables.Refund.reason == reason)
        ).one_or_none()
        if done is not None:
            return done.amount_cents
        if cents is None and refunds.lines_given(s, attempt.id).intersection(line_ids):
            raise errors.Conflict("RIGA_GIA_RIMBORSATA")
        left = refunds.left(s, attempt)
        wanted = _wanted(s, order, left, line_ids, cents)
        if not 0 < wanted <= left:
            code = "RIMBORSO_TROPPO" if left else "RIMBORSO_NON_POSSIBILE"
            raise errors.Conflict(code, **({"left": i18n.money(left, actor.lang)} if left else {}))
        of_lines = line_ids if cents is None else ()
        if refunds.request(s, attempt, wanted, reason, clock.now(), line_ids=of_lines) is None:
            raise errors.Conflict("RIMBORSO_NON_POSSIBILE")
        was, gone = order.status, attempt.amount_cents - left
        becomes = refunds.close(s, order, attempt)
        audit.record(
            s,
            actor,
            "refunded",
            f"order:{number}",
            before={"status": was, "left_cents": left, "refunded_cents": gone},
            after={"status": str(becomes), "left_cents": left - wanted, "refunded_cents": gone + wanted},
            why=said,
            account_id=order.account_id,
        )
        live.publish(s, live.account(order.account_id))
        return wanted


def _wanted(s: Session, order: tables.Order, left: int, line_ids: Sequence[int], cents: int | None) -> int:
    if cents is not None:
        return cents
    if not line_ids:
        return left
    shares = _shares(s, order)
    if not set(line_ids) <= {line.id for line, _ in shares}:
        return 0
    return sum(share for line, share in shares if line.id in line_ids)


def _shares(s: Session, order: tables.Order) -> list[tuple[tables.OrderLine, int]]:
    """Each line of the order with its part of the total. By their ids: who gets a last cent must not change."""
    line = tables.OrderLine
    lines = s.exec(select(line).where(line.order_id == order.id).order_by(col(line.id))).all()
    return list(zip(lines, money.shares(order.gross_cents, [one.net_cents for one in lines]), strict=True))


def _renewing(s: Session, order: tables.Order) -> list[str]:
    """What of an order, bought or renewed with it, has its automatic renewal on."""
    service = tables.Service
    of_order = (service.order_id == order.id) | (service.id == order.configuration.get("service"))
    wanted = select(service.label).where(of_order, service.renewal == subscriptions.RENEWAL_ACTIVE)
    return list(s.exec(wanted.order_by(col(service.id))))


def _owner(s: Session, table: type[tables.Service] | type[tables.PaymentMethod], row_id: int) -> int:
    """Whose a row is. The row itself is read by whoever holds it: what was read before could be of a moment ago."""
    owner = s.exec(select(table.account_id).where(table.id == row_id)).one_or_none()
    if owner is None:
        raise errors.NotFound
    return owner


def _order(s: Session, number: str) -> tables.Order:
    order = s.exec(select(tables.Order).where(tables.Order.number == number)).one_or_none()
    if order is None:
        raise errors.NotFound
    return order


def _paid_by(s: Session, order: tables.Order, *, hold: bool = False) -> tables.PaymentAttempt | None:
    """The attempt whose money paid the order; its receipt names it."""
    attempt, receipt = tables.PaymentAttempt, tables.Receipt
    wanted = (
        select(attempt)
        .join(receipt, col(receipt.attempt_id) == attempt.id)
        .where(receipt.order_id == order.id, attempt.status == payments.Status.SUCCEEDED)
    )
    return s.exec(db.locked(wanted) if hold else wanted).one_or_none()


def _intention(key: object) -> str:
    """The name of one intention, given by the page that asked for it. Raises Invalid for what cannot be one."""
    if not isinstance(key, str) or not 8 <= len(key) <= _KEY_LENGTH or not key.isalnum():
        raise errors.Invalid({"key": "DATI_NON_VALIDI"})
    return key
