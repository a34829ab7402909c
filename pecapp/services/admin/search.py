"""One box for anything that a customer would say on the phone, or that stands in a gateway's own pages.

Every question is answered by an index, whole or by its beginning; nothing is read through. What was typed is tried as
each thing that it may be, so that nobody has to say what they are looking for. What pages mask is found whole only:
whoever knows it may have it confirmed, and nobody can guess it piece by piece.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, UnaryExpression, literal, select, union_all
from sqlalchemy.sql import operators
from sqlmodel import Session, col

from pecapp import db, i18n, tables
from pecapp.domain import words
from pecapp.services import access
from pecapp.services.admin import rows, views

FEW = 6
"""How many of each kind are shown."""
_LONGEST, _SHORTEST = 120, 2
_NUMBERS = 3
"""How many of the words that were typed are tried as a number that is only found whole."""
_GATEWAYS = ("stripe", "paypal")
_REFERENCE = re.compile(r"[A-Za-z0-9_-]{8,}")
_RECEIPT = re.compile(r"(20\d\d)/(\d{1,9})")
_LAST_CHARACTER = "\U0010ffff"


class _Match(NamedTuple):
    """The key of what was found, and the word that says why: a key `adm.why.<why>`."""

    key: Any
    why: str


def find(actor: access.Actor, typed: str, lang: i18n.Lang) -> views.FoundView:
    """What `typed` may mean: a few of each kind, with the reason why it matched; nothing for less than two characters.

    Raises Forbidden.
    """
    access.staff(actor)
    said = typed.strip()[:_LONGEST]
    if len(said) < _SHORTEST or not said.isprintable():
        return views.FoundView()
    with db.reading() as s:
        tries, labelled = list(_attempts(s, said)), list(dict.fromkeys(_labelled(s, said)))
        return views.FoundView(
            customers=_customers(s, _few(_accounts(s, said)), said, lang),
            orders=_orders(s, _few(_orders_by(s, said, tries, labelled)), lang),
            payments=_payments(s, _few(_attempts_by(s, said, tries)), lang),
            methods=_methods(s, _few(_methods_by(s, said)), lang),
            services=_services(s, dict.fromkeys(labelled[:FEW], "mailbox"), lang),
        )


class _Try(NamedTuple):
    """A try to pay, and why it was found."""

    attempt_id: str
    order_id: int
    why: str


def _is_reference(said: str) -> bool:
    """Whether it may be a gateway's name for something: theirs are long, and never numbers alone."""
    return _REFERENCE.fullmatch(said) is not None and not said.isdecimal()


def _few(found: Iterator[_Match]) -> dict[Any, str]:
    """The first of what was found, each once and with its first reason; no more is looked for."""
    kept: dict[Any, str] = {}
    for match in found:
        kept.setdefault(match.key, match.why)
        if len(kept) == FEW:
            break
    return kept


def begins(s: Session, column: Any, start: str) -> ColumnElement[bool]:
    """That a text begins with `start`, in the words in which both engines use the index of its beginnings."""
    if s.get_bind().dialect.name == "sqlite":
        return (column >= start) & (column < start + _LAST_CHARACTER)
    return column.op("~>=~", is_comparison=True)(start) & column.op("~<~", is_comparison=True)(start + _LAST_CHARACTER)


def _in_order(s: Session, column: Any) -> Any:
    """The order in which the index of a text's beginnings holds it: nothing has to be sorted to take the first few."""
    if s.get_bind().dialect.name == "sqlite":
        return column
    return UnaryExpression(column, modifier=operators.custom_op("USING ~<~"))


# --- customers --------------------------------------------------------------------------------------------------------


def _accounts(s: Session, said: str) -> Iterator[_Match]:
    """Customers of whom every word that was typed is known; the rarest words are the longest ones.

    A name, an address or a telephone number by its beginning; a tax code or VAT number by all of it.
    """
    typed = sorted(_typed_words(said), key=len, reverse=True)
    word = db.table(tables.AccountWord).c.word
    for number in typed[:_NUMBERS]:
        others = [one for one in typed if one != number]
        yield from (_Match(account_id, "") for account_id in _knowing(s, word == words.whole(number), others))
    if typed:
        yield from (_Match(account_id, "") for account_id in _knowing(s, begins(s, word, typed[0]), typed[1:]))
    method = tables.PaymentMethod
    if _is_reference(said):
        held = select(col(method.account_id)).where(col(method.customer_ref) == said).limit(FEW)
        yield from (_Match(account_id, "customer_ref") for account_id in s.execute(held).scalars())


def _knowing(s: Session, known: ColumnElement[bool], others: Sequence[str]) -> Sequence[int]:
    """A few customers with a word as `known` says, and with words that begin as the `others` do."""
    word, account = db.table(tables.AccountWord), db.table(tables.Account)
    wanted = select(word.c.account_id).where(known)
    for other in others:
        again = word.alias()
        fits = select(again.c.word).where(again.c.account_id == word.c.account_id, begins(s, again.c.word, other))
        wanted = wanted.where(fits.exists())
    few = wanted.order_by(_in_order(s, word.c.word)).limit(FEW * 4).subquery()
    theirs = select(few.c.account_id).join(account, account.c.id == few.c.account_id)
    return s.execute(theirs.where(account.c.role == "customer")).scalars().all()


def _typed_words(said: str) -> set[str]:
    """What was typed as the words of an account are kept: an address or a number whole, a name word by word."""
    if "@" in said:
        return {words.fold(said)}
    number = words.identifier(said)
    if number.isdecimal():
        return {number}
    return {one for one in map(words.identifier, said.split()) if one}


def _customers(s: Session, found: dict[int, str], said: str, lang: i18n.Lang) -> list[views.HitView]:
    drawn = []
    for row in rows.customers(s, list(found), lang):
        account = s.get_one(tables.Account, row.id)
        drawn.append(
            views.HitView(
                href=customer_href(row.id),
                title=row.name,
                detail=_line(row.email, row.login),
                why=i18n.text(f"adm.why.{found[row.id] or _account_why(account, said)}", lang),
            )
        )
    return drawn


def _account_why(account: tables.Account, said: str) -> str:
    start, number = words.fold(said), words.identifier(said)
    if words.fold(account.email).startswith(start):
        return "email"
    if account.login.startswith(start):
        return "login"
    for field in words.WHOLE:
        if number and words.identifier(str(account.holder.get(field) or "")) == number:
            return field
    phone = str(account.holder.get("phone") or "")
    if number and any(form.startswith(number) for form in (words.identifier(phone), words.national(phone))):
        return "phone"
    return "name"


# --- orders and payments ----------------------------------------------------------------------------------------------


def _orders_by(s: Session, said: str, tries: Sequence[_Try], labelled: Sequence[int]) -> Iterator[_Match]:
    order, receipt, name = tables.Order, tables.Receipt, tables.MailboxName
    by_number = select(col(order.id)).where(col(order.number) == said.replace(" ", ""))
    yield from (_Match(key, "order") for key in s.execute(by_number).scalars())
    if numbered := _RECEIPT.fullmatch(said):
        year, number = map(int, numbered.groups())
        proof = select(col(receipt.order_id)).where(col(receipt.year) == year, col(receipt.number) == number)
        yield from (_Match(key, "receipt") for key in s.execute(proof).scalars())
    if len(said) > _SHORTEST and " " not in said:
        held = select(col(name.order_id)).where(begins(s, col(name.address), said.lower()))
        found = s.execute(held.order_by(_in_order(s, col(name.address))).limit(FEW)).scalars()
        yield from (_Match(key, "mailbox") for key in found if key is not None)
    yield from (_Match(key, "renewed") for key in _renewals(s, labelled))
    yield from (_Match(one.order_id, one.why) for one in tries)


def _renewals(s: Session, services: Sequence[int]) -> Sequence[int]:
    """The newest orders that renew these: they name the service, and not its mailbox."""
    renewal = tables.Renewal
    if not services:
        return []
    wanted = select(col(renewal.order_id)).where(col(renewal.service_id).in_(services))
    return s.execute(wanted.order_by(col(renewal.order_id).desc()).limit(FEW)).scalars().all()


def _attempts_by(s: Session, said: str, tries: Sequence[_Try]) -> Iterator[_Match]:
    yield from (_Match(one.attempt_id, one.why) for one in tries)
    attempt = tables.PaymentAttempt
    if last4 := _last4(said):
        paid = select(col(attempt.id)).where(col(attempt.card_last4) == last4)
        newest = paid.order_by(col(attempt.created_at).desc()).limit(FEW)
        yield from (_Match(key, "last4") for key in s.execute(newest).scalars())


def _attempts(s: Session, said: str) -> Iterator[_Try]:
    """Tries to pay that a gateway, or we towards it, call so; by a refund or a notification of theirs too."""
    if not _is_reference(said):
        return
    attempt, refund, event, dispute = tables.PaymentAttempt, tables.Refund, tables.InboxEvent, tables.Dispute
    found = select(col(attempt.id).label("attempt_id"), col(attempt.order_id).label("order_id"))
    named = {
        "payment_ref": found.where(col(attempt.gateway).in_(_GATEWAYS), col(attempt.payment_ref) == said),
        "gateway_ref": found.where(col(attempt.gateway).in_(_GATEWAYS), col(attempt.gateway_ref) == said),
        "attempt": found.where(col(attempt.id) == said),
        "refund": found.join(refund, col(refund.attempt_id) == col(attempt.id)).where(col(refund.gateway_ref) == said),
        "event": found.join(event, col(event.attempt_id) == col(attempt.id)).where(
            col(event.gateway).in_(_GATEWAYS), col(event.event_id) == said
        ),
        "dispute": found.join(dispute, col(dispute.attempt_id) == col(attempt.id)).where(
            col(dispute.gateway).in_(_GATEWAYS), col(dispute.dispute_ref) == said
        ),
    }
    few = [select(literal(why).label("why"), wanted.limit(FEW).subquery()) for why, wanted in named.items()]
    rank = list(named).index
    for row in sorted(s.execute(union_all(*few)), key=lambda row: rank(row.why)):
        yield _Try(row.attempt_id, row.order_id, row.why)


def _last4(said: str) -> str:
    """The last four digits of a card, as they are said or as they stand on a page («•••• 4242»)."""
    digits = said.lstrip("•*.x ")
    return digits if len(digits) == 4 and digits.isascii() and digits.isdecimal() else ""


def _orders(s: Session, found: dict[int, str], lang: i18n.Lang) -> list[views.HitView]:
    return [
        views.HitView(
            href=order_href(row.number),
            title=f"{row.number} · {row.title}",
            detail=_line(row.customer, row.created, row.gross, i18n.text(f"order.status.{row.status}", lang)),
            why=i18n.text(f"adm.why.{why}", lang),
        )
        for row, why in zip(rows.orders(s, list(found), lang), found.values(), strict=True)
    ]


def _payments(s: Session, found: dict[str, str], lang: i18n.Lang) -> list[views.HitView]:
    return [
        views.HitView(
            href=order_href(row.order_number),
            title=f"{row.means} · {row.amount}",
            detail=_line(row.customer, row.order_number, row.created, i18n.text(f"attempt.status.{row.status}", lang)),
            why=i18n.text(f"adm.why.{why}", lang),
        )
        for row, why in zip(rows.attempts(s, list(found), lang), found.values(), strict=True)
    ]


# --- methods and services ---------------------------------------------------------------------------------------------


def _methods_by(s: Session, said: str) -> Iterator[_Match]:
    method = tables.PaymentMethod
    asked: Sequence[tuple[str, Any]] = (
        *((("last4", col(method.last4) == _last4(said)),) if _last4(said) else ()),
        *(
            (("token", col(method.token) == said), ("customer_ref", col(method.customer_ref) == said))
            if _is_reference(said)
            else ()
        ),
    )
    for why, test in asked:
        found = s.execute(select(col(method.id)).where(test).order_by(col(method.id).desc()).limit(FEW))
        yield from (_Match(key, why) for key in found.scalars())


def _methods(s: Session, found: dict[int, str], lang: i18n.Lang) -> list[views.HitView]:
    return [
        views.HitView(
            href=customer_href(row.account_id),
            title=f"{row.title} · {row.customer}",
            detail=_line(row.expires, i18n.text(f"adm.method.{row.status}", lang), row.created),
            why=i18n.text(f"adm.why.{found[row.id]}", lang),
        )
        for row in rows.kept_methods(s, list(found), lang)
    ]


def _labelled(s: Session, said: str) -> Iterator[int]:
    """A few services whose name begins with what was typed, as it was or in small letters; one may be named twice."""
    service = tables.Service
    if len(said) > _SHORTEST:
        for start in dict.fromkeys((said, said.lower())):
            wanted = select(col(service.id)).where(begins(s, col(service.label), start))
            yield from s.execute(wanted.order_by(_in_order(s, col(service.label))).limit(FEW)).scalars()


def _services(s: Session, found: dict[int, str], lang: i18n.Lang) -> list[views.HitView]:
    return [
        views.HitView(
            href=customer_href(row.account_id),
            title=row.label or row.name,
            detail=_line(row.name, row.customer, row.expires, i18n.text(f"service.status.{row.status}", lang)),
            why=i18n.text(f"adm.why.{found[row.id]}", lang),
        )
        for row in rows.services(s, list(found), lang)
    ]


def _line(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def customer_href(account_id: int) -> str:
    """The page of a customer."""
    return f"/admin/clienti/{account_id}"


def order_href(number: str) -> str:
    """The page of an order."""
    return f"/admin/ordini/{number}"
