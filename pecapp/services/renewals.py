"""«Rinnova»: a customer prolongs a service by an order of its own, before or after its expiry (6.9, 9.31)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, catalog, identity, money, quotes, withdrawal
from pecapp.services import (
    access,
    accounts,
    agreements,
    facts,
    means,
    registration,
    renewal_costs,
    renewal_views,
    settlement,
    subscriptions,
    views,
)
from pecapp.services import catalog as catalogue

SPID_MONTHS = 3
"""An identity can be renewed from so many months before its expiry (6.6)."""


def form(
    actor: access.Actor, service_id: int, typed: Mapping[str, str], lang: i18n.Lang
) -> renewal_views.RenewalFormView:
    """The order form of a renewal, with what it costs for the frequency in `typed`. Raises NotFound."""
    account_id = access.require(actor)
    holder = accounts.holder(actor)
    with db.reading() as s:
        service = subscriptions.own(s, account_id, service_id, hold=False)
        known = renewal_views.RenewalFormView(service_id=service_id, label=service.label)
        price_list = catalogue.current(s).price_list
        product = price_list.product(service.product_code)
        if problem := why_not(s, service, product):
            known = replace(known, problem=i18n.text(problem, lang))
            if problem != "renew.open":
                return known
            return replace(known, open_order=open_order(s, service_id), reactivate=_reactivate(service, product, lang))
        cart = _cart(s, price_list, service, typed)
        totals, today = totals_of(price_list, cart), clock.today()
        expires = service.expires_on or today
        texts = agreements.documents(product.family.value, lang)
        until = i18n.date(withdrawal.last_day(today), lang)
        return replace(
            known,
            name=catalogue.name(product, lang),
            expires=i18n.date(expires, lang),
            new_expires=i18n.date(calendar.renewed_expiry(expires, cart.years or 1), lang),
            years=cart.years or 1,
            freq_min=product.freq_min,
            freq_max=product.freq_max,
            lines=[_line_view(price_list, line, lang) for line in quotes.renewal_lines(price_list, cart, on=today)],
            totals=views.TotalsView(
                net=i18n.money(totals.net_cents, lang),
                vat_rate=f"{totals.vat_rate}%",
                vat=i18n.money(totals.vat_cents, lang),
                gross=i18n.money(totals.gross_cents, lang),
            ),
            means=means.choices(s, account_id, lang),
            terms=agreements.view(texts.contract),
            terms_label=i18n.text(f"acceptance.terms_{product.family.value}", lang),
            clauses_label=i18n.text("acceptance.clauses", lang),
            clauses=list(texts.contract.clauses),
            privacy=agreements.view(texts.privacy),
            privacy_label=i18n.text("acceptance.privacy", lang),
            withdrawal=i18n.text("acceptance.withdrawal", lang, until=until) if holder.consumer else "",
            asks_renewal=_asks(service),
            renewal=_renewal(price_list, service, cart, lang) if _asks(service) else "",
            reference_email=holder.email,
            moves=_moves(s, service, cart, lang),
            reactivate=_reactivate(service, product, lang),
        )


def why_not(s: Session, service: tables.Service, product: catalog.Product) -> str:
    """Why the service cannot be renewed by an order now, as a key of the locales; empty when it can."""
    today, expires = clock.today(), service.expires_on
    if expires is None or not product.yearly:
        return "renew.none"
    if service.status == subscriptions.CANCELLED or today > _last_day(service, product):
        return "renew.over"
    if not product.sellable:
        return "renew.not_sold"
    if product.kind is catalog.Kind.SPID and today < calendar.subtract_months(expires, SPID_MONTHS):
        return "renew.too_early"
    return "renew.open" if open_order(s, service.id or 0) else ""


def open_order(s: Session, service_id: int) -> str:
    """Number of the renewal order that waits to be paid for a service; empty for none: there are never two."""
    renewal = tables.Renewal
    found = s.exec(
        select(tables.Order.number)
        .join(renewal)
        .where(renewal.service_id == service_id, renewal.status == subscriptions.OPEN)
    ).first()
    return found or ""


def _asks(service: tables.Service) -> bool:
    return service.renewal is not None and service.renewal != subscriptions.RENEWAL_ACTIVE


def _renewal(price_list: catalog.PriceList, service: tables.Service, cart: quotes.Cart, lang: i18n.Lang) -> str:
    """What automatic renewal would do after the term that is bought now."""
    expires = calendar.renewed_expiry(service.expires_on or clock.today(), cart.years or 1)
    return i18n.text(
        "renew.automatic",
        lang,
        amount=i18n.money(_next_cents(price_list, service, cart), lang),
        on=i18n.date(calendar.debit_on(expires), lang),
    )


def _moves(s: Session, service: tables.Service, cart: quotes.Cart, lang: i18n.Lang) -> str:
    """What becomes of the next automatic debit; one that was skipped, or that had its day, is not spoken of."""
    if service.renewal != subscriptions.RENEWAL_ACTIVE:
        return ""
    expires = service.expires_on or clock.today()
    planned, later = calendar.debit_on(expires), calendar.debit_on(calendar.renewed_expiry(expires, cart.years or 1))
    choice = s.get(tables.RenewalChoice, (service.id, expires))
    skipped = choice is not None and choice.method_id is None
    key = "renew.next_debit" if skipped or planned < clock.today() else "renew.moves"
    return i18n.text(key, lang, planned=i18n.date(planned, lang), later=i18n.date(later, lang))


def _reactivate(service: tables.Service, product: catalog.Product, lang: i18n.Lang) -> str:
    expires = service.expires_on or clock.today()
    if expires >= clock.today():
        return ""
    until = i18n.date(_last_day(service, product), lang)
    return i18n.text("renew.reactivate", lang, expires=i18n.date(expires, lang), until=until)


def _next_cents(price_list: catalog.PriceList, service: tables.Service, cart: quotes.Cart) -> int:
    """What the term after the one that is bought now costs: with the service's own frequency, at today's list."""
    product = price_list.product(service.product_code)
    years = renewal_costs.frequency(product, service.years or cart.years)
    return totals_of(price_list, replace(cart, years=years)).gross_cents


def _cart(s: Session, price_list: catalog.PriceList, service: tables.Service, typed: Mapping[str, str]) -> quotes.Cart:
    wanted = typed.get("years", "")
    years = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 4 else None
    return renewal_costs.cart(price_list, service, renewal_costs.addons(s, [service]), years)


def totals_of(price_list: catalog.PriceList, cart: quotes.Cart) -> money.Totals:
    """What a renewal costs at today's list. Raises Conflict for what does not renew."""
    totals = quotes.renewal_totals(price_list, cart, on=clock.today())
    if totals is None:
        raise errors.Conflict("RIN_NON_RINNOVABILE")
    return totals


def _line_view(price_list: catalog.PriceList, line: quotes.QuoteLine, lang: i18n.Lang) -> views.LineView:
    name = catalogue.name(price_list.product(line.product_code), lang)
    known = facts.Line(name, line.quantity, line.years, line.net_cents)
    return views.LineView(name, facts.line_text(known, lang), line.quantity, i18n.money(line.net_cents, lang))


def place(actor: access.Actor, service_id: int, typed: Mapping[str, str], lang: i18n.Lang) -> str:
    """«Ordine con obbligo di pagare»: register the renewal order and give its number.

    Pressed twice it is the same order: a service never has two open ones. Raises NotFound, Invalid with everything that
    is wrong, Conflict when the price has changed since it was shown or the service cannot be renewed now.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        choice = means.find(s, account_id, typed.get("gateway", ""))  # a method is held before a service
        service = subscriptions.own(s, account_id, service_id)
        if number := open_order(s, service_id):
            return number
        price_list = catalogue.current(s).price_list
        product = price_list.product(service.product_code)
        if why_not(s, service, product):
            raise errors.Conflict("RIN_NON_RINNOVABILE")
        choice = _check(service, typed, choice)
        cart = _cart(s, price_list, service, typed)
        totals = totals_of(price_list, cart)
        if not agreements.seen(typed.get("amount", ""), totals.gross_cents, lang):
            raise errors.Conflict("PREZZO_CAMBIATO")
        holder, _ = identity.check_holder(s.get_one(tables.Account, account_id).holder)
        if holder is None:
            raise errors.Conflict("ORDINE_INCOMPLETO")
        wanted = typed.get("auto_renew") == agreements.YES if _asks(service) else None
        next_cents = _next_cents(price_list, service, cart)
        order, _ = register(
            s,
            service,
            product,
            cart,
            totals,
            holder.model_dump(mode="json"),
            lang,
            gateway=choice.gateway,
            method_id=choice.method_id,
            auto_renew=wanted,
            save_method=bool(wanted) and choice.method is None,
            renewal_gross_cents=next_cents,
            ceiling_cents=next_cents,
        )
        lines = quotes.renewal_lines(price_list, cart, on=clock.today())
        registration.add_lines(s, order.id, price_list, lines)
        _accept(s, actor, order, lang)
        registration.acknowledge(s, order)
        if order.gross_cents == 0:
            s.flush()
            settlement.register_free(s, order.id)
        return order.number


def _check(service: tables.Service, typed: Mapping[str, str], choice: means.Choice | None) -> means.Choice:
    wrong = agreements.missing(typed)
    if _asks(service) and typed.get("auto_renew") not in {agreements.YES, "no"}:
        wrong["auto_renew"] = "RIN_SCELTA"
    if choice is None:
        raise errors.Invalid(wrong | {"gateway": "METODO_MANCANTE"})
    if wrong:
        raise errors.Invalid(wrong)
    return choice


def register(
    s: Session,
    service: tables.Service,
    product: catalog.Product,
    cart: quotes.Cart,
    totals: money.Totals,
    holder: dict[str, Any],
    lang: str,
    *,
    automatic: bool = False,
    **chosen: Any,
) -> tuple[Any, tables.Renewal]:
    """A renewal order for a locked service that has none open, at the price of `totals`, payable until its grace ends.

    It is stored, with what its owner has `chosen` besides, and given to be read; what it renews is stored with the next
    flush, and may be added to until then.
    One that automatic renewal makes gives no second right to withdraw (8.3).
    """
    at, consumer = clock.now(), facts.holder(holder).consumer
    order = db.insert(
        s,
        tables.Order,
        number=registration.free_number(s),
        account_id=service.account_id,
        family=product.family.value,
        kind="renewal",
        lang=lang,
        list_net_cents=totals.net_cents,
        net_cents=totals.net_cents,
        vat_rate=totals.vat_rate,
        vat_cents=totals.vat_cents,
        gross_cents=totals.gross_cents,
        years=cart.years,
        withdrawal_until_on=withdrawal.last_day(clock.today()) if consumer and not automatic else None,
        holder=holder,
        configuration={
            "product": product.code,
            "months": None,
            "addons": dict(cart.addons),
            "names": [],
            "labels": [service.label],
            "service": service.id,
        },
        reference_email=holder.get("email") or s.get_one(tables.Account, service.account_id).email,
        idempotency_key=f"renew:{service.id}:{uuid4().hex}",
        created_at=at,
        payable_until_at=_payable_until(service, product),
        **chosen,
    )
    renewal = tables.Renewal(
        order_id=order.id,
        service_id=service.id or 0,
        expires_on=service.expires_on or clock.today(),
        automatic=automatic,
    )
    s.add(renewal)
    return order, renewal


def _payable_until(service: tables.Service, product: catalog.Product) -> datetime:
    return calendar.last_valid_instant(_last_day(service, product))


def _last_day(service: tables.Service, product: catalog.Product) -> date:
    """The last day on which the service can be renewed, or reactivated after its expiry."""
    return (service.expires_on or clock.today()) + timedelta(days=product.grace_days or 0)


def _accept(s: Session, actor: access.Actor, order: Any, lang: i18n.Lang) -> None:
    given = agreements.contract(order.family, lang)
    if order.auto_renew is not None:
        given.append(
            agreements.renewal_answer(
                order.family, wanted=order.auto_renew, kept=order.method_id is not None, lang=lang
            )
        )
    agreements.record(s, actor, order.account_id, given, order.created_at, order.id)
