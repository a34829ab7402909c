"""«Recedere dal contratto qui»: declarations of withdrawal, received from anybody and with effect for who is proved.

Who has signed in withdraws from contracts of their own, and sees at once what that brings about. Anybody else only
declares: the answer is the same, in words and in time, whatever the number is, and says nothing of any order. What
comes of it is done after the answer (`handle_due`): at once where name and address are the order's, else by a person.
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, identity, orders, withdrawal
from pecapp.services import (
    access,
    alerts,
    configuring,
    facts,
    lifecycle,
    live,
    outbox,
    refunds,
    subscriptions,
    throttle,
    withdrawal_cases,
    withdrawal_views,
)

AREA, OPEN = "area", "open"
RECEIVED, WAITING, DONE, REPEATED, TO_CHECK = "received", "waiting", "done", "repeated", "to_check"
UNPROVED = "unproved"
PATIENCE = timedelta(minutes=1)
"""How long the acknowledgement waits for what the declaration brings about, to tell that too."""
_NUMBER_LENGTH = 20

Case = withdrawal_cases.Case
log = logging.getLogger(__name__)


# --- before -----------------------------------------------------------------------------------------------------------


def contracts(actor: access.Actor, lang: i18n.Lang) -> list[withdrawal_views.ContractView]:
    """The customer's contracts that can be withdrawn from now, newest first; none for who has not signed in."""
    if actor.account_id is None:
        return []
    at = clock.now()
    on = calendar.rome_date(at)
    with db.reading() as s:
        cases = [withdrawal_cases.load(s, one) for one in withdrawal_cases.candidates(s, actor.account_id, at)]
        judged = [(case, withdrawal_cases.judge(s, case, on)) for case in cases]
        return [
            _contract(s, case, found, lang)
            for case, found in judged
            if found in withdrawal.EFFECTIVE | withdrawal.CHECKED
        ]


def _contract(s: Session, case: Case, finding: withdrawal.Finding, lang: i18n.Lang) -> withdrawal_views.ContractView:
    order = case.order
    known = facts.of_order(s, order.id or 0, lang)
    free = finding is withdrawal.Finding.FREE_EXIT
    until = case.services[0].free_exit_until_on if free else order.withdrawal_until_on
    return withdrawal_views.ContractView(
        number=order.number,
        title=known.lines[0].name if known.lines else "",
        service=facts.subject(order.configuration) or ", ".join(one.label for one in known.services),
        detail=i18n.text(
            "withdraw.contract.free" if free else "withdraw.contract",
            lang,
            number=order.number,
            ordered=i18n.date(calendar.rome_date(order.created_at), lang),
            amount=i18n.money(order.gross_cents, lang),
            until=i18n.date(until, lang) if until else "",
        ),
        service_id=(case.services[0].id or 0) if free else 0,
    )


def offered(s: Session, among: Iterable[tables.Order]) -> withdrawal_views.OfferView:
    """The first of these orders that can be withdrawn from now, for the pages that have to offer it."""
    on = clock.today()
    for order in among:
        case = withdrawal_cases.load(s, order.id or 0)
        finding = withdrawal_cases.judge(s, case, on)
        if finding in withdrawal.EFFECTIVE | withdrawal.CHECKED:
            free = finding is withdrawal.Finding.FREE_EXIT
            return withdrawal_views.OfferView(order.number, case.services[0].free_exit_until_on if free else None)
    return withdrawal_views.OfferView()


def prepare(actor: access.Actor, typed: Mapping[str, str], lang: i18n.Lang) -> withdrawal_views.ProspectView:
    """The declaration as it will be made, and for the customer's own contract what it will bring about.

    Raises Invalid with everything that is wrong; for a contract of their own that gives no such right, with the reason.
    """
    name, number, email = _checked(typed)
    shown = withdrawal_views.ProspectView(name, number, email)
    if actor.account_id is None:
        return shown
    on = clock.today()
    with db.reading() as s:
        order_id = _own(s, actor.account_id, number)
        if order_id is None:
            return shown
        case = withdrawal_cases.load(s, order_id)
        finding = withdrawal_cases.judge(s, case, on)
        _refuse(finding)
        refunded = 0 if case.being_paid else withdrawal_cases.split(case, finding, on).refunded_cents
        return withdrawal_views.ProspectView(
            name,
            number,
            email,
            own=True,
            refunded=i18n.money(refunded, lang) if refunded and finding in withdrawal.EFFECTIVE else "",
            effects=withdrawal_cases.effects(case, finding, on, lang),
        )


def _checked(typed: Mapping[str, str]) -> tuple[str, str, str]:
    name, bad_name = withdrawal.check_name(typed.get("name", ""))
    number = "".join(typed.get("number", "").split())[:_NUMBER_LENGTH]
    bad_number = None if identity.is_order_number(number) else "NUMERO_ORDINE_ERRATO"
    email, bad_email = identity.check_email(typed.get("email", ""))
    found = {"name": bad_name, "number": bad_number, "email": bad_email}
    if wrong := {field: code for field, code in found.items() if code}:
        raise errors.Invalid(wrong)
    return name, number, email


def _own(s: Session, account_id: int, number: str) -> int | None:
    order = tables.Order
    return s.exec(select(order.id).where(order.number == number, order.account_id == account_id)).one_or_none()


def _refuse(finding: withdrawal.Finding) -> None:
    if finding not in withdrawal.EFFECTIVE | withdrawal.CHECKED:
        raise errors.Invalid({"number": f"REC_{finding.value.upper()}"})


# --- the declaration --------------------------------------------------------------------------------------------------


def declare(
    actor: access.Actor, declaration_id: str, typed: Mapping[str, str], lang: i18n.Lang
) -> withdrawal_views.AcknowledgementView:
    """«Conferma recesso»: take the declaration, acknowledge it (M20), and let it have its effect.

    A customer's own contract ends in the same transaction; every other declaration is only received here, and answered
    alike. The same `declaration_id`, or another one for a contract of theirs that has ended by withdrawal already, is
    acknowledged as it was. Raises Invalid (as `prepare`), TooMany, Unavailable. Safe to repeat.
    """
    name, number, email = _checked(typed)
    throttle.spend(throttle.WITHDRAW_HERE, throttle.place(actor.ip))
    if actor.account_id is None:  # who signs in is not held up by what others have sent to their address
        throttle.spend(throttle.WITHDRAW_EMAIL, email.lower())
    with db.transaction() as s:
        db.settling(s)
        at = clock.now()
        found = _named(s, number)
        own = found is not None and found.account_id == actor.account_id
        proved = found is not None and (own or _proves(found, name, email))
        row = tables.Withdrawal(
            id=declaration_id,
            order_id=found.order_id if found else None,
            account_id=found.account_id if found and proved else None,
            name=name,
            number=number,
            email=email,
            lang=lang,
            channel=AREA if own else OPEN,
            status=RECEIVED,
            received_at=at,
            ip=actor.ip,
            user_agent=actor.user_agent,
        )
        case = withdrawal_cases.load(s, row.order_id or 0, hold=True) if own else None
        if known := _before(s, row) if own else s.get(tables.Withdrawal, declaration_id):
            return _acknowledged(known, lang)
        if not db.insert_once(s, tables.Withdrawal, row.model_dump()):
            return _acknowledged(s.get_one(tables.Withdrawal, declaration_id), lang)
        row = s.get_one(tables.Withdrawal, declaration_id)
        if case is not None:
            finding = withdrawal_cases.judge(s, case, calendar.rome_date(at))
            _refuse(finding)
            _decide(s, row, case, finding)
        _acknowledge(s, row)
        live.publish(s, live.WORK_PAYMENTS)
        return _acknowledged(row, lang)


def _named(s: Session, number: str) -> Any:
    order, account = tables.Order, tables.Account
    return s.execute(
        select(  # pyright: ignore[reportCallIssue]  (more columns than its overloads know)
            col(order.id).label("order_id"),
            col(order.account_id),
            col(order.reference_email),
            col(order.holder),
            col(account.email_key),
        )
        .join(account, col(account.id) == order.account_id)
        .where(order.number == number)
    ).one_or_none()


def _proves(found: Any, name: str, email: str) -> bool:
    """Whether who declares knows whose contract it is: the holder's name and an address that is theirs."""
    addresses = {found.reference_email.lower(), found.email_key}
    holder = facts.holder(found.holder).display_name
    return bool(withdrawal.same_name(name, holder) & (email.lower() in addresses))


def _before(s: Session, row: tables.Withdrawal) -> tables.Withdrawal | None:
    """The declaration that was made before for the same contract, whose rows are held."""
    known = tables.Withdrawal
    taken = col(known.status).in_([WAITING, DONE]) | (col(known.channel) == AREA)
    same = (col(known.id) == row.id) | ((col(known.order_id) == row.order_id) & taken)
    return s.exec(select(known).where(same).order_by(col(known.received_at)).limit(1)).first()


def _taken_before(s: Session, row: tables.Withdrawal) -> bool:
    """Whether another declaration has ended the contract, or is about to."""
    other = tables.Withdrawal
    effective = col(other.status).in_([WAITING, DONE])
    wanted = select(other.id).where(other.order_id == row.order_id, other.id != row.id, effective)
    return s.exec(wanted.limit(1)).first() is not None


def _acknowledge(s: Session, row: tables.Withdrawal) -> None:
    """M20, on a durable medium: to the address in the declaration, once."""
    outbox.post(
        s,
        template="m20",
        dedup_key=_m20(row),
        account_id=row.account_id,
        order_id=row.order_id if row.account_id else None,
        to_address=row.email,
        lang=row.lang,
        params={"withdrawal_id": row.id},
        ready_at=row.received_at + PATIENCE if row.status == RECEIVED else None,
    )


def _m20(row: tables.Withdrawal) -> str:
    return f"m20:withdrawal:{row.id}"


def _acknowledged(row: tables.Withdrawal, lang: i18n.Lang) -> withdrawal_views.AcknowledgementView:
    return withdrawal_views.AcknowledgementView(
        name=row.name,
        number=row.number,
        email=row.email,
        received=i18n.instant(row.received_at, lang),
        effects=list(row.told) if row.channel == AREA else [],
    )


# --- what comes of it -------------------------------------------------------------------------------------------------


def handle_due(limit: int = 50) -> int:
    """Give effect to what was received, or have a person look at it; how many are settled. Safe to repeat.

    One whose order is being paid waits for the end of the payment. What was declared in time stays in time.
    """
    row = tables.Withdrawal
    with db.reading() as s:
        wanted = select(row.id).where(col(row.status).in_([RECEIVED, WAITING]))
        due = list(s.exec(wanted.order_by(col(row.status), col(row.received_at)).limit(limit)))
    return sum(_try(one) for one in due)


def _try(declaration_id: str) -> bool:
    try:
        return _handle(declaration_id)
    except errors.Unavailable:
        return False
    except Exception:  # the next round takes it up again; the others must not wait for it
        log.exception("withdrawal %s could not be settled", declaration_id)
        return False


def _handle(declaration_id: str) -> bool:
    """Settle one declaration; whether it is settled now."""
    wanted = select(tables.Withdrawal).where(tables.Withdrawal.id == declaration_id)
    with db.transaction() as s:
        db.settling(s)
        seen = s.get_one(tables.Withdrawal, declaration_id)
        case = withdrawal_cases.load(s, seen.order_id or 0, hold=True) if seen.account_id else None
        row = s.exec(db.locked(wanted).execution_options(populate_existing=True)).one()
        if row.status not in {RECEIVED, WAITING}:
            return False
        if case is None:
            _hand_over(s, row, UNPROVED)
        elif _taken_before(s, row):
            row.status, row.finished_at = REPEATED, clock.now()
            s.add(row)
        else:
            _decide(s, row, case, withdrawal_cases.judge(s, case, calendar.rome_date(row.received_at)))
        outbox.ready(s, _m20(row))
        return row.status != WAITING


def _decide(s: Session, row: tables.Withdrawal, case: Case, finding: withdrawal.Finding) -> None:
    """What a declaration of the holder of a held contract comes to."""
    on = calendar.rome_date(row.received_at)
    row.finding, row.told = finding.value, withdrawal_cases.effects(case, finding, on, i18n.language(row.lang))
    if finding not in withdrawal.EFFECTIVE:
        _hand_over(s, row, finding.value)
    elif case.being_paid:
        row.status = WAITING
    else:
        _take_effect(s, row, case, finding)
    s.add(row)
    s.flush()


def _hand_over(s: Session, row: tables.Withdrawal, finding: str) -> None:
    """A person has to look at it, and to answer."""
    row.status, row.finding, row.finished_at = TO_CHECK, finding, clock.now()
    s.add(row)
    alerts.tell_staff(s, "withdrawal_to_check", row.id, order_id=row.order_id, finding=finding)


def _take_effect(s: Session, row: tables.Withdrawal, case: Case, finding: withdrawal.Finding) -> None:
    """The contract ends, what was paid for it goes back, and nothing more is debited for it (9.60)."""
    on, at = calendar.rome_date(row.received_at), row.received_at
    money = withdrawal_cases.split(case, finding, on)
    row.status, row.finished_at = DONE, clock.now()
    row.retained_cents = money.retained_cents
    row.refunded_cents = _end(s, case.order, money.refunded_cents, at)
    for order in case.later:
        row.refunded_cents += _end(s, order, order.gross_cents, at)
    back_to = case.back_to(finding, on)
    for service in case.services:
        subscriptions.withdraw(s, service, at, valid_until=back_to)
        if back_to is None:
            configuring.give_up(s, service.label)
    live.publish(s, live.account(case.order.account_id))


def _end(s: Session, order: tables.Order, refunded_cents: int, at: datetime) -> int:
    """End one held order; what is given back of it, in cents."""
    order_id = order.id or 0
    if order.status not in orders.PAID:
        lifecycle.withdraw(s, order)
        return 0
    if order.kind == orders.Kind.RENEWAL:
        subscriptions.undo_renewal(s, order_id)
    attempt = s.exec(
        db.locked(
            select(tables.PaymentAttempt)
            .join(tables.Receipt, col(tables.Receipt.attempt_id) == tables.PaymentAttempt.id)
            .where(tables.Receipt.order_id == order_id)
        )
    ).one_or_none()
    refund = refunds.request(s, attempt, refunded_cents, withdrawal_cases.REASON, at, waits=True) if attempt else None
    if refund is None:
        return 0
    lifecycle.advance(s, order_id, order.status, orders.Signal.REFUNDED)
    return refund.amount_cents
