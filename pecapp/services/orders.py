"""Orders as their customers see them: the live page, the lists, and the little that a stranger may see to pay one."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

from sqlmodel import Session, col, func, or_, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, identity
from pecapp.domain import orders as rules
from pecapp.domain import payments as attempts
from pecapp.domain import refunds as money_back
from pecapp.gateways import registry
from pecapp.services import (
    access,
    facts,
    failed_renewals,
    means,
    paid_by_hand,
    settlement,
    subscriptions,
    throttle,
    views,
    withdrawals,
)

PAGE = 20
RENEWAL = "renewal"
ASKED_AGAIN_AFTER = timedelta(hours=1)
"""Who pays right after ordering has just answered whether the service shall renew by itself."""
_TONES = {
    rules.Status.AWAITING_PAYMENT: "neutral",
    rules.Status.VERIFYING: "progress",
    rules.Status.PAID: "success",
    rules.Status.CANCELLED: "neutral",
    rules.Status.EXPIRED: "neutral",
    rules.Status.REFUNDED: "neutral",
}


class Topics(NamedTuple):
    """What to listen to for news of an order."""

    order_id: int
    account_id: int


class _Situation(NamedTuple):
    """Which words tell how the order stands: keys `outcome.<name>.headline` and `.explanation`."""

    name: str
    tone: str


def page(actor: access.Actor, number: str, lang: i18n.Lang) -> views.OrderView:
    """The customer's order as its page shows it. Raises NotFound, for another's order too."""
    with db.reading() as s:
        order = _own(s, actor, number)
        return _view(s, order, lang, signed_in=True)


def topics(actor: access.Actor, number: str) -> Topics:
    """What a tab that shows the order has to listen to. Raises NotFound, for another's order too."""
    with db.reading() as s:
        order = _own(s, actor, number)
        return Topics(order.id or 0, order.account_id)


def listing(actor: access.Actor, lang: i18n.Lang, before: str = "") -> list[views.OrderRowView]:
    """The customer's orders, newest first, a page at a time: `before` is the number of the last one seen."""
    account_id = access.require(actor)
    with db.reading() as s:
        query = select(tables.Order).where(tables.Order.account_id == account_id)
        if before:
            last = s.exec(query.where(tables.Order.number == before)).one_or_none()
            if last is not None:
                query = query.where(col(tables.Order.created_at) < last.created_at)
        found = s.exec(query.order_by(col(tables.Order.created_at).desc()).limit(PAGE)).all()
        return rows(s, found, lang)


def unpaid(actor: access.Actor, lang: i18n.Lang) -> list[views.OrderRowView]:
    """«Ordini da pagare»: the customer's orders that wait for payment, newest first."""
    account_id = access.require(actor)
    with db.reading() as s:
        found = s.exec(
            select(tables.Order)
            .where(tables.Order.account_id == account_id, tables.Order.status == rules.Status.AWAITING_PAYMENT)
            .order_by(col(tables.Order.created_at).desc())
            .limit(PAGE)
        ).all()
        return rows(s, found, lang)


def quick(number: str, ip: str, lang: i18n.Lang) -> views.QuickOrderView:
    """What anybody who knows the number may see before paying it: no name, no address, no mailbox.

    Raises NotFound, in the same words for a number that is wrong, unknown, paid or cancelled, and TooMany.
    """
    throttle.spend(throttle.QUICK_PAY, throttle.place(ip))
    with db.reading() as s:
        order = s.exec(select(tables.Order).where(tables.Order.number == number.strip())).one_or_none()
        if order is None or order.status not in rules.PAYABLE:
            raise errors.NotFound("ORD_NON_PAGABILE")
        names = [line.name_en if lang == "en" else line.name_it for line in _lines(s, order)]
        return views.QuickOrderView(
            number=order.number,
            products=names,
            gross=i18n.money(order.gross_cents, lang),
            note=i18n.text("quick.note", lang, until=_instant_day(order, lang)),
            methods=list(registry.gateways()),
        )


def quick_outcome(attempt_id: str, lang: i18n.Lang) -> views.OrderView:
    """How a payment ended, for the browser that made it: the attempt's id is known only to it. Raises NotFound."""
    with db.reading() as s:
        attempt = s.get(tables.PaymentAttempt, attempt_id)
        if attempt is None:
            raise errors.NotFound
        order = s.get_one(tables.Order, attempt.order_id)
        return _view(s, order, lang, signed_in=False)


def quick_topics(attempt_id: str) -> Topics:
    """What the outcome page of a quick payment has to listen to. Raises NotFound."""
    with db.reading() as s:
        attempt = s.get(tables.PaymentAttempt, attempt_id)
        if attempt is None:
            raise errors.NotFound
        return Topics(attempt.order_id, 0)


def _own(s: Session, actor: access.Actor, number: str) -> tables.Order:
    account_id = access.require(actor)
    order = s.exec(
        select(tables.Order).where(tables.Order.number == number, tables.Order.account_id == account_id)
    ).one_or_none()
    if order is None:
        raise errors.NotFound("ORD_NON_TROVATO")
    return order


def _lines(s: Session, order: tables.Order) -> list[tables.OrderLine]:
    query = select(tables.OrderLine).where(tables.OrderLine.order_id == order.id).order_by(col(tables.OrderLine.id))
    return list(s.exec(query))


def rows(s: Session, found: Sequence[tables.Order], lang: i18n.Lang) -> list[views.OrderRowView]:
    """Orders as lists show them, in the order given."""
    first: dict[int, tables.OrderLine] = {}
    ids = [order.id for order in found]
    for line in s.exec(
        select(tables.OrderLine).where(col(tables.OrderLine.order_id).in_(ids)).order_by(col(tables.OrderLine.id))
    ):
        first.setdefault(line.order_id, line)
    return [row(order, first.get(order.id or 0), lang) for order in found]


def row(order: tables.Order, first: tables.OrderLine | None, lang: i18n.Lang) -> views.OrderRowView:
    """An order as lists show it, under the name of the first of its lines."""
    product = (first.name_en if lang == "en" else first.name_it) if first else ""
    return views.OrderRowView(
        number=order.number,
        created=i18n.date(order.created_at.astimezone(clock.ROME).date(), lang),
        title=_title(order, product, lang),
        gross=i18n.money(order.gross_cents, lang),
        status=order.status,
        subject=_subject(order),
    )


def _title(order: tables.Order, product: str, lang: i18n.Lang) -> str:
    return i18n.text("ords.renewal", lang, product=product) if order.kind == RENEWAL else product


def _subject(order: tables.Order) -> str:
    renewed = order.configuration.get("labels", []) if order.kind == RENEWAL else []
    return ", ".join(renewed) or facts.subject(order.configuration)


def _view(s: Session, order: tables.Order, lang: i18n.Lang, *, signed_in: bool) -> views.OrderView:
    attempt = s.exec(
        select(tables.PaymentAttempt)
        .where(tables.PaymentAttempt.order_id == order.id)
        .order_by(col(tables.PaymentAttempt.number).desc())
        .limit(1)
    ).first()
    status = rules.Status(order.status)
    situation = _situation(s, order, attempt)
    payable = status in rules.PAYABLE
    open_page = (
        attempt is not None
        and attempt.status == attempts.Status.REDIRECTED
        and attempt.capture_asked_at is None
        and attempt.expires_at > clock.now()
    )
    shown = views.OrderView(
        number=order.number,
        status=status.value,
        headline=_words(situation, attempt, "headline", lang),
        explanation=_words(situation, attempt, "explanation", lang),
        tone=situation.tone,
        gross=i18n.money(order.gross_cents, lang),
        can_pay=payable,
        can_resume=open_page and signed_in,
        can_stop=open_page and signed_in,
        methods=list(registry.gateways()) if payable else [],
        attempt=f"{order.number}-{attempt.number}" if attempt else "",
        attempt_at=i18n.instant(attempt.created_at, lang) if attempt else "",
        saving=_saving_note(status, attempt, lang),
        poll=status is rules.Status.VERIFYING,
    )
    return _with_details(s, shown, order, lang) if signed_in else shown


def _words(situation: _Situation, attempt: tables.PaymentAttempt | None, part: str, lang: i18n.Lang) -> str:
    """The words for how the order stands, in the gateway's own where its customers would not understand «the bank»."""
    usual = f"outcome.{situation.name}.{part}"
    own = f"outcome.{situation.name}.{attempt.gateway}.{part}" if attempt else usual
    return i18n.text(own if own in i18n.words(lang) else usual, lang)


def _saving_note(status: rules.Status, attempt: tables.PaymentAttempt | None, lang: i18n.Lang) -> str:
    """What came of keeping the account that paid, where it did not simply work."""
    if status is not rules.Status.PAID or attempt is None or attempt.gateway != "paypal":
        return ""
    notes = {attempts.Saving.PENDING: "ord.saving.pending", attempts.Saving.REFUSED: "ord.saving.refused"}
    key = notes.get(attempts.Saving(attempt.saving)) if attempt.saving else None
    return i18n.text(key, lang) if key else ""


def _with_details(s: Session, shown: views.OrderView, order: tables.Order, lang: i18n.Lang) -> views.OrderView:
    known = facts.of_order(s, order.id or 0, lang)
    renews = _renews(s, order)
    expires = known.services[0].expires_on if known.services else None
    return views.OrderView(
        **vars(shown)
        | {
            "explanation": f"{shown.explanation} {_next_step(s, order, lang)}".strip(),
            "created": i18n.instant(order.created_at, lang),
            "title": known.lines[0].name if known.lines else "",
            "lines": [
                views.LineView(line.name, facts.line_text(line, lang), line.quantity, i18n.money(line.net_cents, lang))
                for line in known.lines
            ],
            "totals": _totals(order, lang),
            "reference_email": "" if _is_automatic(s, order) else order.reference_email,
            "can_cancel": shown.can_pay,
            "asks_about_renewal": shown.can_pay and failed_renewals.asks_about_renewal(s, order),
            "can_withdraw": bool(withdrawals.offered(s, [order]).number),
            "means": means.choices(s, order.account_id, lang) if shown.can_pay else [],
            "chosen": means.value(order.gateway, order.method_id),
            "renewal_offer": _renewal_offer(order, lang) if shown.can_pay else "",
            "auto_renew": "active" if renews else {None: "", True: "yes", False: "no"}[order.auto_renew],
            "next_debit": _next_debit(expires, lang) if expires and renews else "",
            "service": facts.subject(order.configuration) or ", ".join(service.label for service in known.services),
            "expires": _day(expires, lang),
            "receipt": _receipt(order, known, lang),
            "method_question": paid_by_hand.question(s, order, lang),
            "payable_until": _instant_day(order, lang),
            "renews": order.kind == RENEWAL,
        }
    )


def _renewal_offer(order: tables.Order, lang: i18n.Lang) -> str:
    """The question that was not answered «Sì» in the order form, asked once more when it is paid later (4.3)."""
    just_answered = order.created_at + ASKED_AGAIN_AFTER > clock.now()
    if just_answered or order.auto_renew is not False or order.ceiling_cents is None:
        return ""
    return i18n.text("ord.renewal_offer", lang, amount=i18n.money(order.ceiling_cents, lang))


def _next_step(s: Session, order: tables.Order, lang: i18n.Lang) -> str:
    if order.status == rules.Status.REFUNDED:
        return _given_back(s, order, lang)
    if order.status != rules.Status.PAID:
        return ""
    back = _refunded(s, order)
    said = [i18n.text("ord.refunded", lang, amount=i18n.money(back, lang))] if back else []
    return " ".join([*said, facts.next_step(s, order, lang)])


def _given_back(s: Session, order: tables.Order, lang: i18n.Lang) -> str:
    refunded = _refunded(s, order)
    kept = i18n.text("ord.retained", lang, amount=i18n.money(order.gross_cents - refunded, lang))
    said = i18n.text("ord.refunded", lang, amount=i18n.money(refunded, lang))
    return f"{said} {kept}" if refunded < order.gross_cents else said


def _refunded(s: Session, order: tables.Order) -> int:
    """What was given back of the payment that counted, in cents: never more than it was."""
    refund, receipt = tables.Refund, tables.Receipt
    wanted = select(func.coalesce(func.sum(refund.amount_cents), 0)).join(
        receipt, col(receipt.attempt_id) == refund.attempt_id
    )
    given = s.exec(wanted.where(receipt.order_id == order.id, col(refund.status).in_(money_back.GIVEN))).one()
    return min(int(given), order.gross_cents)


def _next_debit(expires: date, lang: i18n.Lang) -> str:
    on = calendar.debit_on(expires)
    return i18n.date(on, lang) if on >= clock.today() else ""


def _is_automatic(s: Session, order: tables.Order) -> bool:
    """Whether automatic renewal made it: nobody placed it, so nothing was confirmed by mail."""
    renewal = s.get(tables.Renewal, order.id) if order.kind == RENEWAL else None
    return renewal is not None and renewal.automatic


def _renews(s: Session, order: tables.Order) -> bool:
    """Whether a renewal of what the order bought is on: asked for is not enough, the token must have been confirmed."""
    service = tables.Service
    bought = or_(col(service.order_id) == order.id, col(service.id) == order.configuration.get("service"))
    active = select(service.id).where(bought, service.renewal == subscriptions.RENEWAL_ACTIVE)
    return s.exec(active.limit(1)).first() is not None


def _situation(s: Session, order: tables.Order, attempt: tables.PaymentAttempt | None) -> _Situation:
    status = rules.Status(order.status)
    if status is rules.Status.VERIFYING and attempt is not None:
        return _verifying(order, attempt)
    if status is rules.Status.AWAITING_PAYMENT and attempt is not None:
        return _failed(attempt)
    if status is rules.Status.PAID and _surplus(s, order):
        return _Situation("paid_twice", "warning")
    if status is rules.Status.REFUNDED and _refunded(s, order) < order.gross_cents:
        return _Situation("refunded_part", _TONES[status])
    return _Situation(
        "free" if status is rules.Status.PAID and order.gross_cents == 0 else status.value, _TONES[status]
    )


def _verifying(order: tables.Order, attempt: tables.PaymentAttempt) -> _Situation:
    if order.review_reason:
        return _Situation("review", "warning")
    if attempt.held:
        return _Situation("held", "progress")
    if attempt.channel == settlement.RENEWAL and attempt.status != attempts.Status.UNKNOWN:
        return _Situation("verifying", "progress")  # nobody has a page of the bank's
    if attempt.status == attempts.Status.UNKNOWN:
        foreign = attempt.gateway != "paypal" and attempt.card_country not in {"", identity.ITALY}
        return _Situation("unknown_foreign" if foreign else "unknown", "warning")
    refused = bool(attempt.captures and attempt.reason and attempt.capture_asked_at is None)
    if attempt.returned_at and not refused:
        return _Situation("verifying", "progress")
    return _Situation("at_bank_declined" if attempt.reason else "at_bank", "progress")


def _failed(attempt: tables.PaymentAttempt) -> _Situation:
    if attempt.status == attempts.Status.DECLINED:
        return _Situation(
            "authentication" if attempt.reason == attempts.Reason.AUTHENTICATION else "declined", "problem"
        )
    if attempt.reason == attempts.Reason.TECHNICAL:
        return _Situation("unavailable", "problem")
    return _Situation("expired_page" if attempt.status == attempts.Status.EXPIRED else "given_up", "warning")


def _surplus(s: Session, order: tables.Order) -> bool:
    """Whether a payment goes back that was not due; of the one that was, a part may too."""
    refund = tables.Refund
    twice = select(refund.id).where(refund.order_id == order.id, refund.reason == "surplus")
    return s.exec(twice.limit(1)).first() is not None


def _totals(order: tables.Order, lang: i18n.Lang) -> views.TotalsView:
    return views.TotalsView(
        net=i18n.money(order.net_cents, lang),
        vat_rate=f"{order.vat_rate}%",
        vat=i18n.money(order.vat_cents, lang),
        gross=i18n.money(order.gross_cents, lang),
        discount=i18n.money(-order.discount_net_cents, lang) if order.discount_net_cents else "",
        discount_code=order.discount_code or "",
    )


def _receipt(order: tables.Order, known: facts.OrderFacts, lang: i18n.Lang) -> views.ReceiptView | None:
    if known.receipt is None:
        return None
    paid = known.receipt.payment
    return views.ReceiptView(
        number=known.receipt.number,
        issued=i18n.instant(known.receipt.issued_at, lang),
        amount=i18n.money(order.gross_cents, lang),
        method=facts.paid_with(paid, lang) if paid else "",
        reference=paid.reference if paid else "",
        pdf_url=f"/ricevute/{order.number}.pdf",
    )


def _day(day: date | None, lang: i18n.Lang) -> str:
    return i18n.date(day, lang) if day else ""


def _instant_day(order: tables.Order, lang: i18n.Lang) -> str:
    return i18n.date(order.payable_until_at.astimezone(clock.ROME).date(), lang)
