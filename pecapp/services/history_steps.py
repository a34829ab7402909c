"""The links of a renewal's chain, each made of what was stored about it and told in plain words.

A bank's answer is told in the few words that a customer may hear: no code, and never why a card is on a list.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import NamedTuple

from pecapp import i18n, tables
from pecapp.domain import calendar, dunning, orders, payments, refunds
from pecapp.services import facts, history_facts, history_views, inbox, methods, subscriptions

FORECAST = "/prossimi-addebiti"
_NO_MAIL_OF_ITS_OWN = ("m04", "m13")
"""Told by another step."""
_TOLD_EVENTS = (inbox.WAITING, inbox.DONE, inbox.UNMATCHED)
"""Authentic notifications that speak of an attempt and say nothing odd."""


class Coming(NamedTuple):
    """What happens next, and where its customer can do something about it."""

    text: str = ""
    href: str = ""
    link: str = ""


def coming(known: history_facts.Known, today: date, lang: i18n.Lang) -> Coming:
    """What happens next to the order, or to the service that it renewed."""
    order, renewal, pay = known.order, known.renewal, i18n.text("history.pay", lang)
    page = f"/ordini/{order.number}"
    if order.status == orders.Status.VERIFYING:
        return Coming(i18n.text("history.next.verifying", lang), page, i18n.text("history.to_order", lang))
    if order.status == orders.Status.AWAITING_PAYMENT:
        until = i18n.date(calendar.rome_date(order.payable_until_at), lang)
        if renewal.next_debit_on is not None and renewal.next_debit_on >= today:
            on = i18n.date(renewal.next_debit_on, lang)
            return Coming(i18n.text("history.next.retry", lang, on=on), page, pay)
        confirm = renewal.remedy == payments.Remedy.CONFIRM
        return Coming(i18n.text(f"history.next.{'confirm' if confirm else 'by_hand'}", lang, until=until), page, pay)
    if order.status == orders.Status.PAID:
        return _after(known, lang)
    return Coming()


def _after(known: history_facts.Known, lang: i18n.Lang) -> Coming:
    """The next term of a renewed service; nothing where this order does not tell how long it is valid any more."""
    service, expires = known.service, _new_expiry(known)
    if service.expires_on != expires or service.status not in subscriptions.VALID:
        return Coming()
    skipped = any(one.expires_on == expires and one.method_id is None for one in known.choices)
    if service.renewal == subscriptions.RENEWAL_ACTIVE and not skipped:
        on = i18n.date(calendar.debit_on(expires), lang)
        return Coming(i18n.text("history.next.debit", lang, on=on), FORECAST, i18n.text("history.to_forecast", lang))
    page = f"/area-clienti/servizi/{service.id}"
    words = i18n.text("history.next.ends", lang, expires=i18n.date(expires, lang))
    return Coming(words, page, i18n.text("history.to_service", lang))


def _new_expiry(known: history_facts.Known) -> date:
    return calendar.renewed_expiry(known.renewal.expires_on, known.order.years or 1)


# --- the chain --------------------------------------------------------------------------------------------------------


class _Step(NamedTuple):
    at: datetime
    view: history_views.StepView


class _Link(NamedTuple):
    """Where a step leads; `words` is a key of the locales."""

    href: str = ""
    words: str = ""
    document: bool = False


_NOWHERE, _TO_LETTERS = _Link(), _Link("/area-clienti#comunicazioni", "to_letters")


def steps(known: history_facts.Known, lang: i18n.Lang) -> list[history_views.StepView]:
    """The chain in the order in which it happened; of what happened at once, cause before effect."""
    tellers: tuple[Callable[[history_facts.Known, i18n.Lang], Iterator[_Step]], ...] = (
        _consent,
        _mandates,
        _activation,
        _notice,
        _choice,
        _order,
        _held_back,
        _attempts,
        _receipt,
        _expiry,
        _refunds,
        _closed,
        _mails,
    )
    return _sorted(step for teller in tellers for step in teller(known, lang))


def steps_of_any(told: history_facts.Told, lang: i18n.Lang) -> list[history_views.StepView]:
    """What there is to tell of an order that renews nothing, from its first try on; sorted as `steps`."""
    return _sorted(step for teller in (_attempts, _receipt, _refunds, _closed, _mails) for step in teller(told, lang))


def _sorted(found: Iterable[_Step]) -> list[history_views.StepView]:
    return [step.view for step in sorted(found, key=lambda step: step.at)]


def _step(
    kind: str,
    at: datetime,
    lang: i18n.Lang,
    title: str,
    text: str = "",
    *,
    tone: str = "neutral",
    told: Sequence[tuple[str, str]] = (),
    link: _Link = _NOWHERE,
) -> _Step:
    """A step; `told` are names (keys of the locales) and values, of which the empty ones are left out."""
    shown = [history_views.FactView(i18n.text(f"history.fact.{name}", lang), value) for name, value in told if value]
    view = history_views.StepView(
        kind=kind,
        tone=tone,
        at=i18n.instant(at, lang),
        iso=at.isoformat(),
        title=title,
        text=text,
        facts=shown,
        href=link.href,
        link=i18n.text(f"history.{link.words}", lang) if link.words else "",
        document=link.document,
    )
    return _Step(at, view)


def _consent(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    """What the customer agreed to: automatic renewal, or the terms of the order that they placed."""
    service, order = known.service, known.order
    if known.renewal.automatic:
        asked = [
            one
            for one in known.accepted
            if one.kind == "auto_renew" and (one.order_id is not None or service.label in one.label)
        ]
        given = [(one, "auto_renew") for one in asked[-1:]]
    else:
        given = [(one, "terms") for one in known.accepted if one.kind == "terms" and one.order_id == order.id][-1:]
    for row, kind in given:
        title = i18n.text(f"history.consent.{kind}", lang)
        words = i18n.text("history.consent.words", lang, words=row.label)
        yield _step("consent", row.accepted_at, lang, title, words, told=[("version", row.version)])


def _mandates(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    """How much its owner had authorised us to debit on each method that was debited, when they did."""
    for method_id, debited_at in known.charged.items():
        given = [one for one in known.mandates if one.method_id == method_id and one.authorised_at <= debited_at]
        method = known.methods.get(method_id)
        if not given or method is None:
            continue
        row = max(given, key=lambda one: (one.ceiling_cents, one.authorised_at))
        where = "paypal" if method.gateway == "paypal" else "card"
        told = [
            ("ceiling", i18n.money(row.ceiling_cents, lang)),
            ("means", methods.title(method, lang)),
            ("version", row.terms_version),
        ]
        title = i18n.text("history.mandate", lang)
        yield _step("mandate", row.authorised_at, lang, title, i18n.text(f"history.mandate.{where}", lang), told=told)


def _activation(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    service, mail = known.service, known.activation
    title = i18n.text("history.activation", lang)
    if mail is not None:
        method = known.methods.get(known.activated_on or 0)
        told = [("means", methods.title(method, lang) if method else "")]
        sent = _sent(mail, lang)
        yield _step("activation", mail.created_at, lang, title, sent, told=told, link=_TO_LETTERS if sent else _NOWHERE)
    elif known.renewal.automatic and service.renewal == subscriptions.RENEWAL_ACTIVE:
        at = service.renewal_changed_at
        if at is not None and at <= known.order.created_at:
            yield _step("activation", at, lang, title)


def _sent(mail: tables.OutboxMail, lang: i18n.Lang) -> str:
    """That a mail has left, with its subject; empty while it has not."""
    if mail.sent_at is None:
        return ""
    return i18n.text("history.mail.sent", lang, subject=mail.subject, at=i18n.instant(mail.sent_at, lang))


def _notice(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    """The legal notice (M13) with the proof that it left; the second channel beside it."""
    expires_on = known.renewal.expires_on
    mail = next((one for one in known.mails if one.template == "m13" and one.sent_at), None)
    if mail is not None and mail.sent_at is not None:
        late = dunning.notice_is_overdue(expires_on, calendar.rome_date(mail.sent_at))
        days = (expires_on - calendar.rome_date(mail.sent_at)).days
        words = i18n.text("history.notice.sent", lang, days=days, expires=i18n.date(expires_on, lang))
        yield _step(
            "notice",
            mail.sent_at,
            lang,
            i18n.text("history.notice", lang),
            f"{words} {_late(known, lang)}".strip() if late else words,
            tone="warning" if late else "success",
            told=[("subject", mail.subject), ("to", mail.to_address), ("message_id", mail.message_id)],
            link=_TO_LETTERS,
        )
    if known.sms is not None and known.sms.sent_at is not None:
        to = i18n.text("history.sms.sent", lang, last=known.sms.to_number[-3:])
        yield _step("sms", known.sms.sent_at, lang, i18n.text("history.sms", lang), to)


def _late(known: history_facts.Known, lang: i18n.Lang) -> str:
    """Who was told too late may leave: until when, if that is still so."""
    until = known.service.free_exit_until_on
    return i18n.text("history.notice.late", lang, until=i18n.date(until, lang)) if until else ""


def _choice(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    """Another method was chosen for this time only."""
    for row in known.choices:
        method = known.methods.get(row.method_id or 0)
        if method is not None and row.expires_on == known.renewal.expires_on:
            told = [("means", methods.title(method, lang))]
            yield _step("choice", row.made_at, lang, i18n.text("history.choice", lang), told=told)


def _order(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    order, kind = known.order, "automatic" if known.renewal.automatic else "by_hand"
    words = i18n.text(
        f"history.order.{kind}",
        lang,
        amount=i18n.money(order.gross_cents, lang),
        on=i18n.date(calendar.rome_date(order.created_at), lang),
        years=facts.years(order.years or 1, lang),
    )
    lines = [
        facts.Line(row.name_en if lang == "en" else row.name_it, row.quantity, row.years, row.net_cents)
        for row in known.lines
    ]
    what = ", ".join(f"{line.name} ({i18n.money(line.net_cents, lang)})" for line in lines)
    told = [
        ("number", order.number),
        ("lines", what),
        ("vat", f"{order.vat_rate}%: {i18n.money(order.vat_cents, lang)}"),
    ]
    yield _step(
        "order",
        order.created_at,
        lang,
        i18n.text(f"history.order.{kind}.title", lang),
        words,
        told=told,
        link=_Link(f"/ordini/{order.number}", "to_order"),
    )


def _held_back(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    title = i18n.text("history.held_back", lang)
    for mail in known.held_back:
        yield _step(
            "held_back",
            mail.created_at,
            lang,
            title,
            history_facts.reason(str(mail.params.get("why")), lang),
            tone="problem",
        )


def _attempts(known: history_facts.Told, lang: i18n.Lang) -> Iterator[_Step]:
    """Each try to pay: what was asked, what the bank or PayPal answered, which notification confirmed it."""
    for attempt in known.attempts:
        shown = history_facts.means(attempt, known.methods, lang)
        words = history_facts.one_of(
            "history.attempt", attempt.channel, "area", lang, amount=i18n.money(attempt.amount_cents, lang), means=shown
        )
        title = i18n.text("history.attempt", lang, number=known.attempts.index(attempt) + 1)
        yield _step("attempt", attempt.created_at, lang, title, words)
        yield from _answer(attempt, shown, lang)
        yield from _event(attempt, known.events, lang)


def _answer(attempt: tables.PaymentAttempt, shown: str, lang: i18n.Lang) -> Iterator[_Step]:
    """How a try ended, in the few words that a customer may hear."""
    who = i18n.text(f"history.who.{'paypal' if attempt.gateway == 'paypal' else 'card'}", lang)
    if attempt.unknown_since_at is not None:
        title = i18n.text("history.answer.unknown", lang, who=who)
        words = i18n.text("history.answer.unknown.text", lang)
        yield _step("answer", attempt.unknown_since_at, lang, title, words, tone="warning")
    if attempt.finished_at is None:
        return
    if attempt.status == payments.Status.SUCCEEDED:
        words = i18n.text("history.answer.paid", lang, amount=i18n.money(attempt.amount_cents, lang), means=shown)
        title, tone = i18n.text("history.answer.yes", lang, who=who), "success"
    elif attempt.status == payments.Status.DECLINED and attempt.reason != payments.Reason.TECHNICAL:
        words = history_facts.reason(attempt.reason or payments.Reason.DECLINED, lang)
        title, tone = i18n.text("history.answer.no", lang, who=who), "problem"
    else:
        words = history_facts.reason(attempt.reason or attempt.status, lang)
        title, tone = i18n.text("history.answer.none", lang), "warning"
    yield _step("answer", attempt.finished_at, lang, title, words, tone=tone)


def _event(attempt: tables.PaymentAttempt, events: Sequence[tables.InboxEvent], lang: i18n.Lang) -> Iterator[_Step]:
    """What the gateway has notified of a try; only what is signed is ever stored."""
    mine = [one for one in events if one.attempt_id == attempt.id and one.status in _TOLD_EVENTS]
    if mine:
        gateway = i18n.text(f"history.gateway.{attempt.gateway}", lang)
        key = "history.event.one" if len(mine) == 1 else "history.event.more"
        words = i18n.text(key, lang, gateway=gateway, count=len(mine))
        yield _step("event", mine[0].received_at, lang, i18n.text("history.event", lang), words)


def _receipt(told: history_facts.Told, lang: i18n.Lang) -> Iterator[_Step]:
    order, receipt = told.order, told.receipt
    if receipt is not None:
        yield _step(
            "receipt",
            receipt.issued_at,
            lang,
            i18n.text("history.receipt", lang, number=facts.receipt_number(receipt.year, receipt.number)),
            tone="success",
            link=_Link(f"/ricevute/{order.number}.pdf", "to_receipt", document=True),
        )


def _expiry(known: history_facts.Known, lang: i18n.Lang) -> Iterator[_Step]:
    """The new expiry that a payment brought."""
    order = known.order
    if order.paid_at is not None:
        expires = i18n.date(_new_expiry(known), lang)
        words = i18n.text("history.expiry.text", lang, old=i18n.date(known.renewal.expires_on, lang))
        title = i18n.text("history.expiry", lang, expires=expires)
        yield _step("expiry", order.paid_at, lang, title, words, tone="success")


def _refunds(known: history_facts.Told, lang: i18n.Lang) -> Iterator[_Step]:
    for row in known.refunds:
        amount = i18n.money(row.amount_cents, lang)
        why = history_facts.one_of("history.refund.why", row.reason.partition(":")[0], "other", lang)
        yield _step("refund", row.created_at, lang, i18n.text("history.refund", lang, amount=amount), why)
        if row.finished_at is not None:
            done = row.status == refunds.Status.SUCCEEDED
            title = i18n.text(f"history.refund.{'done' if done else 'failed'}", lang, amount=amount)
            words = "" if done else i18n.text("history.refund.failed.text", lang)
            yield _step("refund", row.finished_at, lang, title, words, tone="success" if done else "warning")


def _closed(known: history_facts.Told, lang: i18n.Lang) -> Iterator[_Step]:
    order = known.order
    ended = {orders.Status.CANCELLED.value, orders.Status.EXPIRED.value}
    if order.closed_at is not None and order.status in ended:
        by = "customer" if order.closed_by == "customer" else "system"
        title = i18n.text(f"history.closed.{order.status}", lang)
        yield _step("closed", order.closed_at, lang, title, i18n.text(f"history.closed.by.{by}", lang))


def _mails(known: history_facts.Told, lang: i18n.Lang) -> Iterator[_Step]:
    """What else was written about the order, as it left."""
    for mail in known.mails:
        if mail.order_id == known.order.id and mail.template not in _NO_MAIL_OF_ITS_OWN and mail.sent_at is not None:
            title = i18n.text("history.mail", lang)
            words = i18n.text("history.mail.subject", lang, subject=mail.subject)
            yield _step("mail", mail.sent_at, lang, title, words, link=_TO_LETTERS)
