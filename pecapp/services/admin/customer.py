"""One customer for the staff: who they are, what they have and owe, and everything that happened, newest first."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import identity, orders, payments
from pecapp.services import access, facts
from pecapp.services.admin import rows, search, timeline, views

MOST = 20
"""How many of each kind are shown, the newest: the lists have the others."""
_ORDER_TONES = {orders.Status.PAID: "success", orders.Status.VERIFYING: "progress"}
_ATTEMPT_TONES = {payments.Status.SUCCEEDED: "success", payments.Status.DECLINED: "problem"}


def page(actor: access.Actor, account_id: int, lang: i18n.Lang) -> views.CustomerView:
    """A customer. Raises Forbidden, and NotFound for who is no customer: members of staff have a page of their own."""
    access.staff(actor)
    with db.reading() as s:
        account, noted, acted_on = _customer(s, account_id)
        mails, notes = _mails(s, account_id), _notes(s, account_id) if noted else []
        order, attempt = tables.Order, tables.PaymentAttempt
        placed = s.exec(
            select(order).where(order.account_id == account_id).order_by(col(order.created_at).desc()).limit(MOST)
        ).all()
        tries = s.exec(
            select(attempt)
            .where(col(attempt.order_id).in_([one.id for one in placed]))
            .order_by(col(attempt.created_at).desc())
            .limit(MOST)
        ).all()
        method, service = tables.PaymentMethod, tables.Service
        kept = s.exec(
            select(method).where(method.account_id == account_id).order_by(col(method.id).desc()).limit(MOST)
        ).all()
        services = s.exec(
            rows.sold().where(service.account_id == account_id).order_by(col(service.id).desc()).limit(MOST)
        ).all()
        listed = rows.orders(s, [one.id or 0 for one in placed], lang)
        happened = [
            *_orders(placed, listed, lang),
            *_attempts(s, tries, lang),
            *(timeline.mail(one, lang) for one in mails),
            *_noted(notes, lang),
            *(timeline.acts(s, tables.StaffAct.account_id == account_id, lang, MOST) if acted_on else ()),
        ]
        return views.CustomerView(
            **_identity(account, lang),
            methods=rows.kept_methods(s, [one.id or 0 for one in kept], lang),
            services=rows.services(s, [one.id for one, _ in services], lang),
            orders=listed,
            mails=rows.mail_rows(mails, lang),
            notes=[views.NoteView(row.text, email, i18n.instant(row.created_at, lang)) for row, email in notes],
            timeline=sorted(happened, key=lambda one: one.iso, reverse=True)[: 2 * MOST],
        )


def known(actor: access.Actor, account_id: int) -> int:
    """The customer whom a tab may follow. Raises Forbidden, NotFound."""
    access.staff(actor)
    with db.reading() as s:
        account, _, _ = _customer(s, account_id)
        return account.id or 0


def _customer(s: Session, account_id: int) -> tuple[tables.Account, bool, bool]:
    """A customer, whether the staff has noted something of them, and whether it did something that is about them.

    Of most it did neither: then there is nothing more to be read.
    """
    account, note, act = tables.Account, tables.StaffNote, tables.StaffAct
    noted, acted_on = (select(one.id).where(one.account_id == account_id).exists() for one in (note, act))
    found = s.exec(
        select(account, noted, acted_on).where(account.id == account_id, account.role == "customer")
    ).one_or_none()
    if found is None:
        raise errors.NotFound
    return found


def _identity(account: tables.Account, lang: i18n.Lang) -> dict[str, Any]:
    who = facts.holder(account.holder)
    return {
        "id": account.id or 0,
        "name": rows.name(account),
        "email": account.email,
        "confirmed": account.email_confirmed_at is not None,
        "login": account.login,
        "kind": str(account.holder.get("kind", "")),
        "tax_code": identity.mask_tax_code(who.tax_code) if who.tax_code else "",
        "vat_number": who.vat_number,
        "address": facts.postal_address(who),
        "phone": who.phone,
        "created": i18n.instant(account.created_at, lang),
        "lang": account.lang,
    }


def _mails(s: Session, account_id: int) -> Sequence[tables.OutboxMail]:
    mail = tables.OutboxMail
    return s.exec(
        select(mail)
        .where(mail.account_id == account_id)
        .order_by(col(mail.id).desc())
        .limit(MOST)
        .options(*(defer(body, raiseload=True) for body in (mail.body_text, mail.body_html)))  # pyright: ignore[reportArgumentType]
    ).all()


def _notes(s: Session, account_id: int) -> Sequence[tuple[tables.StaffNote, str]]:
    note, author = tables.StaffNote, tables.Account
    wanted = select(note, author.email).join(author, col(author.id) == note.by_id)
    return s.exec(wanted.where(note.account_id == account_id).order_by(col(note.id).desc()).limit(MOST)).all()


def _noted(notes: Sequence[tuple[tables.StaffNote, str]], lang: i18n.Lang) -> Iterator[views.EventView]:
    for row, email in notes:
        yield timeline.event("note", row.created_at, lang, i18n.text("adm.event.note", lang, by=email), row.text)


def _orders(
    placed: Sequence[tables.Order], listed: Sequence[views.OrderRow], lang: i18n.Lang
) -> Iterator[views.EventView]:
    for row, shown in zip(placed, listed, strict=True):
        state = i18n.text(f"order.status.{row.status}", lang)
        yield timeline.event(
            "order",
            row.created_at,
            lang,
            i18n.text("adm.event.ordered", lang, number=row.number),
            f"{shown.title} · {shown.gross} · {state}",
            tone=_ORDER_TONES.get(orders.Status(row.status), "neutral"),
            href=search.order_href(row.number),
        )


def _attempts(s: Session, tries: Sequence[tables.PaymentAttempt], lang: i18n.Lang) -> Iterator[views.EventView]:
    shown = rows.attempts(s, [one.id for one in tries], lang)
    for row, view in zip(tries, shown, strict=True):
        state = i18n.text(f"attempt.status.{row.status}", lang)
        yield timeline.event(
            "payment",
            row.finished_at or row.created_at,
            lang,
            i18n.text("adm.event.payment", lang, means=view.means, amount=view.amount),
            " · ".join(part for part in (state, view.why) if part),
            tone=_ATTEMPT_TONES.get(payments.Status(row.status), "neutral"),
            href=search.order_href(view.order_number),
        )
