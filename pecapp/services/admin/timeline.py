"""One order for the staff: how it stands, and the chain of everything that led to it and came of it.

What its customer reads in «Perché questo addebito?» is told in the same words; beside it stand what only the staff
sees: every notification with its raw text, every mail with its state, every act of the staff.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import disputes, payments
from pecapp.domain import refunds as rules
from pecapp.services import access, facts, history, history_facts, history_steps, history_views, refunds
from pecapp.services import orders as customer_orders
from pecapp.services.admin import register, rows, views

_TOLD_OTHERWISE = frozenset({"event", "mail", "order"})
"""Steps of the customer's chain that the staff sees in more detail."""
_EVENT_TONES = {"done": "success", "waiting": "progress", "unmatched": "warning", "quarantined": "problem"}
_MAIL_TONES = {"sent": "success", "waiting": "progress", "failed": "problem"}


def order(actor: access.Actor, number: str, lang: i18n.Lang) -> views.OrderPageView:
    """An order with its whole chain, the oldest first. Raises Forbidden, NotFound."""
    access.staff(actor)
    with db.reading() as s:
        return _page(s, history.told(s, number), lang)


def topics(actor: access.Actor, number: str) -> customer_orders.Topics:
    """What a tab that shows the order has to listen to. Raises Forbidden, NotFound."""
    access.staff(actor)
    with db.reading() as s:
        order = tables.Order
        found = s.exec(select(order.id, order.account_id).where(order.number == number)).one_or_none()
    if found is None:
        raise errors.NotFound("ORD_NON_TROVATO")
    order_id, account_id = found
    return customer_orders.Topics(order_id or 0, account_id)


def _page(s: Session, told: history_facts.Told, lang: i18n.Lang) -> views.OrderPageView:
    row, proof, beside, service = told.order, told.receipt, _beside(s, told.order), tables.Service
    listed = customer_orders.row(row, next(iter(told.lines), None), lang)
    given = sum(one.amount_cents for one in told.refunds if one.status in rules.GIVEN)
    bought = s.exec(rows.sold().where(service.order_id == row.id).order_by(col(service.id))).all()
    renewed = row.configuration.get("service")
    return views.OrderPageView(
        id=row.id or 0,
        number=row.number,
        account_id=row.account_id,
        customer=rows.name(beside.account),
        email=beside.account.email,
        status=row.status,
        kind=row.kind,
        gateway=row.gateway,
        title=rows.title(listed),
        subject=facts.subject(row.configuration),
        created=i18n.instant(row.created_at, lang),
        net=i18n.money(row.net_cents, lang),
        vat=i18n.money(row.vat_cents, lang),
        gross=listed.gross,
        refunded=i18n.money(given, lang) if given else "",
        refundable=_is_refundable(s, told, beside),
        receipt=facts.receipt_number(proof.year, proof.number) if proof else "",
        receipt_href=f"/ricevute/{row.number}.pdf" if proof else "",
        review=row.review_reason or "",
        lines=[
            history_views.FactView(
                f"{line.name_en if lang == 'en' else line.name_it} × {line.quantity}", i18n.money(line.net_cents, lang)
            )
            for line in told.lines
        ],
        attempts=rows.attempts(s, [one.id for one in told.attempts], lang),
        services=rows.services(s, [one for one in (*(one.id for one, _ in bought), renewed) if one], lang),
        mails=rows.mail_rows([mail for mail in reversed(told.mails) if mail.order_id == row.id], lang),
        timeline=_chain(s, told, beside, lang),
    )


class _Beside(NamedTuple):
    """Whose an order is, and whether there is of it what of most there is not: then nothing more is to be read."""

    account: tables.Account
    withdrawn: bool
    contested: bool
    acted_on: bool


def _beside(s: Session, row: tables.Order) -> _Beside:
    account, withdrawal, dispute, act = tables.Account, tables.Withdrawal, tables.Dispute, tables.StaffAct
    withdrawn = select(withdrawal.id).where(withdrawal.order_id == row.id).exists()
    contested = select(dispute.id).where(dispute.order_id == row.id).exists()
    acted_on = select(act.id).where(_about(row)).exists()
    wanted = select(account, withdrawn, contested, acted_on).where(account.id == row.account_id)
    return _Beside(*s.exec(wanted).one())


def _about(row: tables.Order) -> Any:
    return col(tables.StaffAct.subject) == f"order:{row.number}"


def _is_refundable(s: Session, told: history_facts.Told, beside: _Beside) -> bool:
    """Whether something is left that could go back, of the payment that the receipt names; all is, where none went."""
    paid = told.receipt.attempt_id if told.receipt else None
    found = [one for one in told.attempts if one.id == paid and one.status == payments.Status.SUCCEEDED]
    went = bool(told.refunds) or beside.contested
    return any(not went or refunds.left(s, one) > 0 for one in found)


def _chain(s: Session, told: history_facts.Told, beside: _Beside, lang: i18n.Lang) -> list[views.EventView]:
    if isinstance(told, history_facts.Known):
        steps = history_steps.steps(told, lang)
        found = [step(one) for one in steps if one.kind not in _TOLD_OTHERWISE]
    else:
        steps = history_steps.steps_of_any(told, lang)
        found = [*_accepted(s, told.order, lang), *(step(one) for one in steps if one.kind not in _TOLD_OTHERWISE)]
    found.append(_placed(told, lang))
    found += [mail(one, lang) for one in told.mails if one.order_id == told.order.id]
    found += _events(told.events, lang)
    found += _withdrawals(s, told.order, lang) if beside.withdrawn else ()
    found += _disputes(s, told.order, lang) if beside.contested else ()
    found += acts(s, _about(told.order), lang) if beside.acted_on else ()
    return sorted(found, key=lambda one: one.iso)


def event(
    kind: str, at: datetime, lang: i18n.Lang, title: str, text: str = "", *, tone: str = "neutral", href: str = ""
) -> views.EventView:
    """One thing that happened."""
    return views.EventView(kind, tone, i18n.instant(at, lang), at.isoformat(), title, text, href=href)


def step(one: history_views.StepView) -> views.EventView:
    """A link of the customer's chain, without the way to the customer's own pages."""
    return views.EventView(one.kind, one.tone, one.at, one.iso, one.title, one.text, one.facts)


def _placed(told: history_facts.Told, lang: i18n.Lang) -> views.EventView:
    row = told.order
    kind = "debit" if isinstance(told, history_facts.Known) and told.renewal.automatic else "order"
    words = i18n.text("adm.event.order.text", lang, amount=i18n.money(row.gross_cents, lang))
    return event("order", row.created_at, lang, i18n.text(f"adm.event.{kind}", lang), words)


def _accepted(s: Session, row: tables.Order, lang: i18n.Lang) -> Iterator[views.EventView]:
    """What was agreed to with the order, in the words that stood beside each box."""
    accepted = tables.Acceptance
    for one in s.exec(select(accepted).where(accepted.order_id == row.id).order_by(col(accepted.id))):
        told = [history_views.FactView(i18n.text("history.fact.version", lang), f"{one.document_id} {one.version}")]
        yield views.EventView(
            "consent",
            "neutral",
            i18n.instant(one.accepted_at, lang),
            one.accepted_at.isoformat(),
            i18n.text("adm.event.consent", lang),
            one.label,
            told,
        )


def _events(found: Sequence[tables.InboxEvent], lang: i18n.Lang) -> Iterator[views.EventView]:
    """Every notification of a gateway, each with the way to its raw text: only what is signed is ever stored."""
    for one in found:
        state = history_facts.one_of("adm.event.state", one.status, "waiting", lang)
        yield event(
            "event",
            one.received_at,
            lang,
            i18n.text("adm.event.notified", lang, gateway=i18n.text(f"history.gateway.{one.gateway}", lang)),
            f"{one.type} · {one.event_id} · {state}",
            tone=_EVENT_TONES.get(one.status, "neutral"),
            href=f"/admin/notifiche/{one.id}",
        )


def _withdrawals(s: Session, row: tables.Order, lang: i18n.Lang) -> Iterator[views.EventView]:
    declared = tables.Withdrawal
    for one in s.exec(select(declared).where(declared.order_id == row.id)):
        yield event("withdrawal", one.received_at, lang, i18n.text("adm.event.withdrawal", lang), tone="warning")


def _disputes(s: Session, row: tables.Order, lang: i18n.Lang) -> Iterator[views.EventView]:
    """That its payer contests a payment of it, and how that ended."""
    contested = tables.Dispute
    for one in s.exec(select(contested).where(contested.order_id == row.id).order_by(col(contested.id))):
        title = i18n.text("adm.event.dispute", lang, amount=i18n.money(one.amount_cents, lang))
        page = "/admin/contestazioni"
        yield event("dispute", one.opened_at, lang, title, one.dispute_ref, tone="problem", href=page)
        if one.decided_at is not None:
            state = history_facts.one_of("dispute.status", one.status, "in_review", lang)
            words = i18n.text("adm.event.dispute.over", lang, state=state)
            tone = "success" if one.status == disputes.Status.WON else "warning"
            yield event("dispute", one.decided_at, lang, words, one.dispute_ref, tone=tone, href=page)


def mail(row: tables.OutboxMail, lang: i18n.Lang) -> views.EventView:
    """A mail, when it left or was written down to leave."""
    at = row.sent_at or row.created_at
    words = f"{rows.subject(row, lang)} · {row.to_address}"
    return event("mail", at, lang, i18n.text(f"adm.mail.{row.status}", lang), words, tone=_MAIL_TONES[row.status])


def acts(s: Session, about: object, lang: i18n.Lang, limit: int = 100) -> list[views.EventView]:
    """The newest acts of the staff of which `about` is true, each with who did it and why."""
    row, account = tables.StaffAct, tables.Account
    wanted = select(row, account.email).join(account, col(account.id) == row.by_id).where(about)  # pyright: ignore[reportArgumentType]
    found = s.exec(wanted.order_by(col(row.id).desc()).limit(limit)).all()
    return [
        event("act", one.at, lang, f"{act.act} · {act.by}", " · ".join(part for part in (act.changed, act.why) if part))
        for (one, _), act in zip(found, register.shown(s, found, lang), strict=True)
    ]
