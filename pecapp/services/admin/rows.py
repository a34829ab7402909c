"""Rows of the staff's lists, made of their keys: a few queries for a page, however many rows it has."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from pecapp import i18n, tables
from pecapp.domain import calendar, payments
from pecapp.services import facts, history_facts, methods
from pecapp.services import orders as customer_orders
from pecapp.services import views as customer_views
from pecapp.services.admin import views

REMOVED, EXPIRED = "removed", "expired"


def customers(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[views.CustomerRow]:
    """These accounts, in this order."""
    return [
        views.CustomerRow(
            id=account.id or 0,
            name=name(account),
            email=account.email,
            login=account.login,
            kind=str(account.holder.get("kind", "")),
            confirmed=account.email_confirmed_at is not None,
            created=i18n.instant(account.created_at, lang),
            iso=account.created_at.isoformat(),
        )
        for account in _rows(s, tables.Account, ids)
    ]


def orders(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[views.OrderRow]:
    """These orders, in this order."""
    found = _rows(s, tables.Order, ids)
    if not found:
        return []
    known = names(s, (order.account_id for order in found))
    shown = customer_orders.rows(s, found, lang)
    return [
        views.OrderRow(
            number=order.number,
            account_id=order.account_id,
            customer=known[order.account_id],
            title=title(row),
            status=order.status,
            kind=order.kind,
            gateway=order.gateway,
            gross=row.gross,
            cents=order.gross_cents,
            created=i18n.instant(order.created_at, lang),
            iso=order.created_at.isoformat(),
        )
        for order, row in zip(found, shown, strict=True)
    ]


def title(row: customer_views.OrderRowView) -> str:
    """What an order is for: «PEC Standard (studio@pec.it)»."""
    return f"{row.title} ({row.subject})" if row.subject else row.title


def attempts(s: Session, ids: Sequence[str], lang: i18n.Lang) -> list[views.PaymentRow]:
    """These tries to pay, in this order."""
    found = _rows(s, tables.PaymentAttempt, ids)
    if not found:
        return []
    owners = _owners(s, {one.order_id for one in found})
    known = names(s, (account_id for _, account_id in owners.values()))
    kept = {one.id or 0: one for one in _rows(s, tables.PaymentMethod, {one.method_id for one in found} - {None})}
    return [
        views.PaymentRow(
            order_number=owners[row.order_id][0],
            number=row.number,
            account_id=owners[row.order_id][1],
            customer=known[owners[row.order_id][1]],
            status=row.status,
            gateway=row.gateway,
            channel=row.channel,
            means=history_facts.means(row, kept, lang),
            why=why(row, lang),
            reference=row.payment_ref or row.gateway_ref or "",
            amount=i18n.money(row.amount_cents, lang),
            cents=row.amount_cents,
            created=i18n.instant(row.created_at, lang),
            iso=row.created_at.isoformat(),
        )
        for row in found
    ]


def why(attempt: tables.PaymentAttempt, lang: i18n.Lang) -> str:
    """Why a try came to nothing, in a word or two for the staff; empty for one that did not fail."""
    if attempt.status not in payments.FAILED or not attempt.reason:
        return ""
    return history_facts.one_of("adm.reason", attempt.reason, "other", lang)


def sold() -> Any:
    """A select of services, each with its product, for whoever knows of which: `services` reads neither again."""
    service, product = tables.Service, tables.Product
    return select(service, product).join(product, col(product.code) == col(service.product_code), isouter=True)


def services(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[views.ServiceRow]:
    """These services, in this order."""
    found = _rows(s, tables.Service, ids)
    if not found:
        return []
    known = names(s, (one.account_id for one in found))
    products = {one.code: one for one in _rows(s, tables.Product, {one.product_code for one in found}, "code")}
    kept = {one.id: one for one in _rows(s, tables.PaymentMethod, {one.method_id for one in found} - {None})}
    shown = []
    for row in found:
        product, method = products.get(row.product_code), kept.get(row.method_id)
        shown.append(
            views.ServiceRow(
                id=row.id or 0,
                account_id=row.account_id,
                customer=known[row.account_id],
                name=(product.name_en if lang == "en" else product.name_it) if product else row.product_code,
                label=row.label,
                status=row.status,
                renewal=row.renewal or "",
                expires=i18n.date(row.expires_on, lang) if row.expires_on else "",
                iso=row.expires_on.isoformat() if row.expires_on else "",
                means=methods.title(method, lang) if method else "",
            )
        )
    return shown


def kept_methods(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[views.MethodRow]:
    """These methods, in this order: masked, as their owners see them."""
    found = _rows(s, tables.PaymentMethod, ids)
    known = names(s, (one.account_id for one in found))
    return [
        views.MethodRow(
            id=row.id or 0,
            account_id=row.account_id,
            customer=known[row.account_id],
            title=methods.title(row, lang),
            gateway=row.gateway,
            status=EXPIRED if row.status == methods.VALID and methods.is_over(row) else row.status,
            expires=f"{row.exp_month:02d}/{row.exp_year % 100:02d}" if row.exp_month else "",
            ceiling=i18n.money(row.ceiling_cents, lang) if row.ceiling_cents else "",
            created=i18n.instant(row.created_at, lang),
            iso=row.created_at.isoformat(),
            used=day(row.used_at, lang),
        )
        for row in found
    ]


def mails(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[views.MailRow]:
    """These mails, in this order."""
    mail, order = tables.OutboxMail, tables.Order
    unread = [defer(body, raiseload=True) for body in (mail.body_text, mail.body_html)]  # pyright: ignore[reportArgumentType]
    found = _ordered(s.exec(select(mail).where(col(mail.id).in_(ids)).options(*unread)), ids)
    about = {one.order_id for one in found} - {None}
    return mail_rows(found, lang, dict(s.exec(select(order.id, order.number).where(col(order.id).in_(about))).all()))


def mail_rows(
    found: Iterable[tables.OutboxMail], lang: i18n.Lang, orders: Mapping[int | None, str] = MappingProxyType({})
) -> list[views.MailRow]:
    """Mails as a table shows them, with the numbers of `orders` by their keys. Never what they say: there are links."""
    return [
        views.MailRow(
            id=row.id or 0,
            account_id=row.account_id or 0,
            order=orders.get(row.order_id, ""),
            subject=subject(row, lang),
            to_address=row.to_address,
            status=row.status,
            tries=row.tries,
            at=i18n.instant(row.sent_at or row.created_at, lang),
            iso=(row.sent_at or row.created_at).isoformat(),
        )
        for row in found
    ]


def subject(mail: tables.OutboxMail, lang: i18n.Lang) -> str:
    """What a mail is about: the name of its kind while it is not written yet."""
    return mail.subject or i18n.words(lang).get(f"adm.template.{mail.template}", mail.template)


def name(account: tables.Account) -> str:
    """How an account's holder is called; its address where no name is known."""
    return facts.holder(account.holder).display_name.strip() or account.email


def names(s: Session, account_ids: Iterable[int]) -> dict[int, str]:
    """How the holders of these accounts are called."""
    return {account.id or 0: name(account) for account in _rows(s, tables.Account, set(account_ids))}


def day(at: datetime | None, lang: i18n.Lang) -> str:
    """The day of an instant in Rome; empty for none."""
    return i18n.date(calendar.rome_date(at), lang) if at else ""


def _owners(s: Session, order_ids: Iterable[int]) -> dict[int, tuple[str, int]]:
    """Numbers of these orders and keys of their customers."""
    order = tables.Order
    here, missing = _read(s, order, order_ids)
    wanted = select(order.id, order.number, order.account_id).where(col(order.id).in_(missing))
    found = [(one.id, one.number, one.account_id) for one in here] + [*(s.exec(wanted) if missing else ())]
    return {order_id or 0: (number, account_id) for order_id, number, account_id in found}


def _rows(s: Session, model: type[Any], keys: Iterable[Any], key: str = "id") -> list[Any]:
    """The rows with these keys, in the order of the keys; what the session has read already is not read again."""
    ordered = list(keys)
    here, missing = _read(s, model, ordered)
    read = s.exec(select(model).where(getattr(model, key).in_(missing))).all() if missing else []
    s.info.setdefault("read", []).extend(read)  # a session forgets what nobody holds any more
    return _ordered([*here, *read], ordered, key)


def _read(s: Session, model: type[Any], keys: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Of the rows with these keys those that the session has read already, and the keys of the others."""
    known = {key: s.identity_map.get(s.identity_key(model, key)) for key in keys}
    here = [row for row in known.values() if row is not None]
    return here, [key for key, row in known.items() if row is None]


def _ordered(rows: Iterable[Any], keys: Iterable[Any], key: str = "id") -> list[Any]:
    found = {getattr(row, key): row for row in rows}
    return [found[key] for key in keys if key in found]
