"""The services that customers have: born when their order is paid. The only place where a service changes its state."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, quotes
from pecapp.domain import catalog as rules
from pecapp.services import access, catalog, facts, live, outbox, views

ACTIVATING, ACTIVE = "activating", "active"
RENEWAL_ACTIVE, RENEWAL_INACTIVE, RENEWAL_DISABLED, RENEWAL_INCOMPLETE = (
    "active",
    "inactive",
    "disabled",
    "incomplete",
)

_START = insert(db.table(tables.Service))
_NAME = db.table(tables.MailboxName)
_USE_NAMES = update(_NAME).where(_NAME.c.order_id == bindparam("owner")).values(status="used")


def expiry_of(configuration: dict[str, Any], years: int | None, activated_on: date) -> date | None:
    """The last valid day of what an order buys if it starts on `activated_on`; None for what does not expire."""
    if months := configuration.get("months"):
        return calendar.add_months(activated_on, months)
    return calendar.expiry(activated_on, years) if years else None


def start(s: Session, order: Any, at: datetime) -> None:
    """Create the services of an order that has just been paid at `at`.

    A requested automatic renewal stays incomplete until the gateway has confirmed a token that can be charged; paid in
    a way that saves no method («Paga subito un ordine»), it is not switched on.
    """
    configuration: dict[str, Any] = order.configuration
    activated_on = at.astimezone(clock.ROME).date()
    asked = RENEWAL_INCOMPLETE if order.auto_renew and order.save_method else RENEWAL_INACTIVE
    wanted = None if order.auto_renew is None else asked
    common = {
        "account_id": order.account_id,
        "order_id": order.order_id,
        "product_code": configuration["product"],
        "status": ACTIVATING,
        "activated_on": activated_on,
        "expires_on": expiry_of(configuration, order.years, activated_on),
        "years": order.years,
        "renewal": wanted,
        "renewal_changed_at": at if wanted else None,
        "renewal_reason": "",
        "method_id": None,
    }
    db.core(s).execute(_START, [common | {"label": label} for label in configuration["labels"]])
    if configuration.get("names"):
        db.core(s).execute(_USE_NAMES, {"owner": order.order_id})
    live.publish(s, live.account(order.account_id))


def extensions(s: Session, account_id: int, lang: i18n.Lang) -> list[views.ExtensionView]:
    """The login's other services with what an automatic renewal of each would cost and when, or why it cannot be."""
    on = clock.today()
    price_list = catalog.current(s).price_list
    found = s.exec(
        select(tables.Service)
        .where(tables.Service.account_id == account_id, col(tables.Service.renewal).is_not(None))
        .order_by(col(tables.Service.expires_on), col(tables.Service.id))
    )
    return [_extension(price_list, service, on, lang) for service in found]


def _extension(price_list: rules.PriceList, service: tables.Service, on: date, lang: i18n.Lang) -> views.ExtensionView:
    expires = service.expires_on or on
    debit_on = calendar.debit_on(expires)
    amount = quotes.renewal_totals(price_list, quotes.Cart(service.product_code, 1, service.years or 1), on=on)
    excluded = ""
    if service.renewal == RENEWAL_ACTIVE:
        excluded = i18n.text("extension.active_already", lang)
    elif debit_on <= on:
        excluded = i18n.text("extension.too_late", lang)
    return views.ExtensionView(
        service_id=service.id or 0,
        label=service.label,
        expires=i18n.date(expires, lang),
        amount=i18n.money(amount.gross_cents, lang) if amount else "",
        debit_on=i18n.date(debit_on, lang),
        frequency=facts.years(service.years or 1, lang),
        state=service.renewal or "",
        excluded=excluded,
    )


def link_renewals(s: Session, order: Any, method: tables.PaymentMethod, at: datetime) -> None:
    """Switch on the renewals that the order asked for, now that `method` can be charged, and say so in one mail.

    Covers the order's own services and those of the same login that the customer ticked, unless they were switched off
    since. Safe to repeat.
    """
    if not order.auto_renew:
        return
    service = tables.Service
    asked = (col(service.order_id) == order.order_id) & (col(service.renewal) == RENEWAL_INCOMPLETE)
    ticked = (
        col(service.id).in_(order.extend_services or [])
        & col(service.renewal).is_not(None)
        & (col(service.renewal) != RENEWAL_ACTIVE)
        # who switched one off after placing the order has the last word
        & (col(service.renewal_changed_at).is_(None) | (col(service.renewal_changed_at) <= order.created_at))
    )
    mine = s.exec(select(service).where(service.account_id == order.account_id, asked | ticked)).all()
    for row in mine:
        row.renewal, row.renewal_changed_at, row.renewal_reason = RENEWAL_ACTIVE, at, ""
        row.method_id = method.id
        s.add(row)
    if mine:
        outbox.post(
            s,
            template="m04",
            dedup_key=f"m04:order:{order.order_id}",
            account_id=order.account_id,
            order_id=order.order_id,
            to_address=order.reference_email,
            lang=order.lang,
            params={"service_ids": [row.id for row in mine], "method_id": method.id},
        )
        live.publish(s, live.account(order.account_id))


def unlink(s: Session, method_id: int, reason: str, at: datetime) -> list[int]:
    """Switch off every automatic renewal that would be charged on a method that is gone; the services' ids.

    Safe to repeat: a second time there is none left.
    """
    service = tables.Service
    mine = s.exec(
        db.locked(
            select(service)
            .where(service.method_id == method_id, service.renewal == RENEWAL_ACTIVE)
            .order_by(col(service.id))
        )
    ).all()
    for row in mine:
        row.renewal, row.renewal_changed_at, row.renewal_reason = RENEWAL_DISABLED, at, reason
        row.method_id = None
        s.add(row)
        live.publish(s, live.account(row.account_id))
    return [row.id or 0 for row in mine]


def renewed_by(s: Session, method_id: int) -> list[tables.Service]:
    """The services whose automatic renewal is charged on a method, the next to expire first."""
    service = tables.Service
    found = s.exec(
        select(service)
        .where(service.method_id == method_id, service.renewal == RENEWAL_ACTIVE)
        .order_by(col(service.expires_on), col(service.id))
    )
    return list(found)


def disable(actor: access.Actor, service_id: int) -> None:
    """«Disattiva», confirmed: nothing will be debited for the service; M05 tells what happens at its expiry.

    A renewal that was asked for and never came about is given up without a mail. Raises NotFound, for another's
    service too. Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        row = s.exec(
            db.locked(
                select(tables.Service).where(tables.Service.id == service_id, tables.Service.account_id == account_id)
            )
        ).one_or_none()
        if row is None:
            raise errors.NotFound("SER_NON_TROVATO")
        at = clock.now()
        if row.renewal == RENEWAL_ACTIVE:
            row.renewal = RENEWAL_DISABLED
            outbox.post(
                s,
                template="m05",
                dedup_key=f"m05:service:{service_id}:{at.isoformat()}",
                account_id=account_id,
                params={"service_id": service_id},
            )
        elif row.renewal == RENEWAL_INCOMPLETE:
            row.renewal = RENEWAL_INACTIVE
        else:
            return
        row.renewal_changed_at, row.renewal_reason, row.method_id = at, "customer", None
        s.add(row)
        live.publish(s, live.account(account_id), live.WORK_MAIL)
