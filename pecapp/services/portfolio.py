"""The customer's services as their pages show them: the list of the area, and «Gestisci» for one of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from sqlmodel import Session, col, or_, select

from pecapp import clock, db, i18n, tables
from pecapp.domain import calendar, dunning, renewals
from pecapp.domain import catalog as rules
from pecapp.services import (
    access,
    auto_renewal,
    catalog,
    facts,
    failed_renewals,
    methods,
    orders,
    renewal_costs,
    renewal_views,
    subscriptions,
    withdrawals,
)
from pecapp.services import renewals as renewal_orders

RENEW_SOON_DAYS = 60
"""From so long before the expiry on, a service that does not renew by itself had better be renewed by hand."""


def listing(actor: access.Actor, lang: i18n.Lang) -> list[renewal_views.ServiceView]:
    """The customer's services, the next to expire first."""
    account_id = access.require(actor)
    with db.reading() as s:
        found = s.exec(
            select(tables.Service, tables.Order.number)
            .join(tables.Order, col(tables.Order.id) == col(tables.Service.order_id))
            .where(tables.Service.account_id == account_id)
            .order_by(col(tables.Service.expires_on), col(tables.Service.id))
        ).all()
        services, price_list = [service for service, _ in found], catalog.current(s).price_list
        products = {one.id: price_list.product(one.product_code) for one in services}
        troubles = failed_renewals.troubles(s, services, lang)
        # what has happened says more than what may
        warnings = _warnings(s, [one for one in services if one.id not in troubles], lang)
    return [
        renewal_views.ServiceView(
            id=service.id or 0,
            name=catalog.name(products[service.id], lang),
            label=service.label,
            status=_status(service),
            expires=_day(service.expires_on, lang),
            renewal=service.renewal or "",
            order_number=number,
            warning=warnings.get(service.id or 0, ""),
            trouble=troubles.get(service.id or 0, renewal_views.NO_TROUBLE),
            end=_end(service, products[service.id], lang),
        )
        for service, number in found
    ]


def _warnings(s: Session, services: Sequence[tables.Service], lang: i18n.Lang) -> dict[int, str]:
    """What stands in the way of the next debit of those that renew by themselves, in words, by the service's id."""
    today = clock.today()
    active = {
        one.id or 0: one
        for one in services
        if one.renewal == subscriptions.RENEWAL_ACTIVE and (one.expires_on or date.min) >= today
    }
    if not active:
        return {}
    choices = s.exec(select(tables.RenewalChoice).where(col(tables.RenewalChoice.service_id).in_(active)))
    this_time = {
        one.service_id: one.method_id for one in choices if one.expires_on == active[one.service_id].expires_on
    }
    on_it = {number: one.method_id for number, one in active.items()} | this_time
    asked = select(tables.PaymentMethod).where(col(tables.PaymentMethod.id).in_(set(on_it.values()) - {None}))
    known = {method.id: methods.as_means(method) for method in s.exec(asked)}
    costs, price_list = renewal_costs.to_authorise(s, list(active.values()), today), catalog.current(s).price_list
    found = {}
    for number, service in active.items():
        if this_time.get(number, number) is None:
            continue  # skipped: nothing will be debited
        on = max(calendar.debit_on(service.expires_on or today), today)
        sold = price_list.product(service.product_code).sellable
        doubt = renewals.doubt(costs.get(number, 0), on, known.get(on_it[number]), sold=sold)
        if doubt:
            found[number] = i18n.text(f"renewal.doubt.{doubt}", lang)
    return found


def page(actor: access.Actor, service_id: int, lang: i18n.Lang) -> renewal_views.ServicePageView:
    """One service with everything that can be done about it. Raises NotFound, for another's service too."""
    account_id = access.require(actor)
    with db.reading() as s:
        service = subscriptions.own(s, account_id, service_id, hold=False)
        product = catalog.current(s).price_list.product(service.product_code)
        active = service.renewal == subscriptions.RENEWAL_ACTIVE
        why_not = renewal_orders.why_not(s, service, product)
        own = _orders(s, service)
        offer = withdrawals.offered(s, own)
        shown = renewal_views.ServicePageView(
            id=service_id,
            name=catalog.name(product, lang),
            label=service.label,
            status=_status(service),
            expires=_day(service.expires_on, lang),
            order_number=s.get_one(tables.Order, service.order_id).number,
            end=_end(service, product, lang),
            withdraw=offer.number,
            free_exit=_day(offer.free_until_on, lang),
            renewable=service.renewal is not None,
            renewal=service.renewal or "",
            renewal_note=_note(service, lang),
            years=service.years or 0,
            frequency=facts.years(service.years, lang) if service.years else "",
            freq_min=product.freq_min,
            freq_max=product.freq_max,
            can_enable=not active and product.sellable and auto_renewal.can_renew_by_itself(service, clock.today()),
            can_disable=active or service.renewal == subscriptions.RENEWAL_INCOMPLETE,
            can_renew=not why_not,
            renew_label=_renew_label(service),
            renew_first=_renew_first(service),
            orders=orders.rows(s, own, lang),
        )
        return _with_debit(s, shown, service, product, lang) if active and service.expires_on else shown


def _status(service: tables.Service) -> str:
    """The state that its owner sees: past its last day a service is expired, whoever has noted it or not."""
    over = service.expires_on is not None and service.expires_on < clock.today()
    return subscriptions.EXPIRED if over and service.status != subscriptions.CANCELLED else service.status


def _end(service: tables.Service, product: rules.Product, lang: i18n.Lang) -> renewal_views.EndView:
    """What its owner can do about a service that is over: reactivate it, buy the same anew, or neither."""
    status = _status(service)
    if status not in {subscriptions.EXPIRED, subscriptions.CANCELLED}:
        return renewal_views.NOT_ENDED
    until = dunning.last_day(service.expires_on or date.min, product.grace_days or 0)
    may_come_back = status == subscriptions.EXPIRED and product.sellable and product.kind is not rules.Kind.SPID
    if may_come_back and clock.today() <= until:
        said = i18n.text("svc.reactivate_until", lang, until=i18n.date(until, lang))
        return renewal_views.EndView(said, can_reactivate=True)
    said = i18n.text("svc.gone" if status == subscriptions.CANCELLED else "svc.no_way_back", lang)
    if not product.sellable:
        return renewal_views.EndView(said)
    return renewal_views.EndView(f"{said} {i18n.text('svc.anew', lang)}", buy_url=f"/ordine?prodotto={product.code}")


def _renew_label(service: tables.Service) -> str:
    if service.expires_on and service.expires_on < clock.today():
        return "reactivate"
    return "renew_now" if service.renewal == subscriptions.RENEWAL_ACTIVE else "renew"


def _renew_first(service: tables.Service) -> bool:
    today, expires = clock.today(), service.expires_on
    if expires is None or service.renewal == subscriptions.RENEWAL_ACTIVE:
        return expires is not None and expires < today
    return expires - timedelta(days=RENEW_SOON_DAYS) <= today


def _note(service: tables.Service, lang: i18n.Lang) -> str:
    """Since when the renewal is as it is, and why."""
    if service.renewal in {None, subscriptions.RENEWAL_INACTIVE} or service.renewal_changed_at is None:
        return ""
    since = i18n.date(calendar.rome_date(service.renewal_changed_at), lang)
    key = f"renewal.note.{service.renewal}"
    reason = f"{key}.{service.renewal_reason}"
    return i18n.text(reason if reason in i18n.words(lang) else key, lang, since=since)


def _with_debit(
    s: Session,
    shown: renewal_views.ServicePageView,
    service: tables.Service,
    product: rules.Product,
    lang: i18n.Lang,
) -> renewal_views.ServicePageView:
    """The next debit of a renewal that is on: when, how much, on what, and whether it will go well."""
    expires = service.expires_on or clock.today()
    on = max(calendar.debit_on(expires), clock.today())
    cost = renewal_costs.of(s, [service], on).get(service.id or 0, 0)
    choice = s.get(tables.RenewalChoice, (service.id, expires))
    method_id = choice.method_id if choice and choice.method_id else service.method_id
    method = s.get(tables.PaymentMethod, method_id) if method_id else None
    doubt = renewals.doubt(cost, on, methods.as_means(method) if method else None, sold=product.sellable)
    skipped = choice is not None and choice.method_id is None
    trouble = failed_renewals.troubles(s, [service], lang).get(service.id or 0, renewal_views.NO_TROUBLE)
    planned = trouble.again if trouble.why else "" if skipped else i18n.date(on, lang)
    return replace(
        shown,
        trouble=trouble,
        method_id=service.method_id or 0,
        method=methods.title(method, lang) if method else "",
        ceiling=i18n.money(method.ceiling_cents, lang) if method and method.ceiling_cents else "",
        debit_on=planned,
        amount=i18n.money(cost, lang) if planned else "",
        warnings=[i18n.text(f"renewal.doubt.{doubt}", lang)] if doubt and not (skipped or trouble.why) else [],
        exception=_exception(choice, method, on, lang),
    )


def _exception(
    choice: tables.RenewalChoice | None, method: tables.PaymentMethod | None, on: date, lang: i18n.Lang
) -> str:
    if choice is None:
        return ""
    if choice.method_id is None or method is None:
        return i18n.text("renewal.skipped", lang, on=i18n.date(on, lang))
    return i18n.text("renewal.other_method", lang, on=i18n.date(on, lang), means=methods.title(method, lang))


def _orders(s: Session, service: tables.Service) -> list[tables.Order]:
    """The order that bought the service and those that renewed it, newest first."""
    order, renewal = tables.Order, tables.Renewal
    renewed = select(renewal.order_id).where(renewal.service_id == service.id)
    found = s.exec(
        select(order)
        .where(or_(col(order.id) == service.order_id, col(order.id).in_(renewed)))
        .order_by(col(order.created_at).desc(), col(order.id).desc())
    )
    return list(found)


def _day(day: date | None, lang: i18n.Lang) -> str:
    return i18n.date(day, lang) if day else ""
