"""What the renewal of services costs: list price of the day, their frequency, their yearly add-ons, IVA included."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from pecapp import db, errors, tables
from pecapp.domain import calendar, money, quotes, renewals
from pecapp.domain import catalog as rules
from pecapp.services import catalog, subscriptions

Addons = Mapping[int, Mapping[str, int]]
"""Yearly add-ons of each service, by its id."""
_ORDER = db.table(tables.Order)
_BOUGHT = select(_ORDER.c.id, _ORDER.c.configuration).where(_ORDER.c.id.in_(bindparam("orders", expanding=True)))


def frequency(product: rules.Product, years: int | None) -> int:
    """The years of the next term: as chosen, within what the product allows today (9.39)."""
    return min(max(years or product.freq_min, product.freq_min), product.freq_max)


def addons(s: Session, services: Sequence[tables.Service]) -> dict[int, Mapping[str, int]]:
    """The add-ons that were bought with each service."""
    found = db.core(s).execute(_BOUGHT, {"orders": list({service.order_id for service in services})})
    bought = {order_id: configuration.get("addons") or {} for order_id, configuration in found}
    return {service.id or 0: bought.get(service.order_id, {}) for service in services}


def cart(price_list: rules.PriceList, service: tables.Service, added: Addons, years: int | None = None) -> quotes.Cart:
    """The renewal of one service as a cart; `years` instead of its own frequency, if given."""
    product = price_list.product(service.product_code)
    term = frequency(product, years or service.years)
    return quotes.Cart(product.code, 1, term, added.get(service.id or 0, {}))


def totals(
    price_list: rules.PriceList, service: tables.Service, added: Addons, on: date, years: int | None = None
) -> money.Totals | None:
    """What the renewal of `service` costs at the list of `on`; None for a product that does not renew."""
    if not price_list.product(service.product_code).yearly:
        return None
    return quotes.renewal_totals(price_list, cart(price_list, service, added, years), on=on)


def of(s: Session, services: Sequence[tables.Service], on: date, years: int | None = None) -> dict[int, int]:
    """Gross cents of the renewal of each of `services` at the list of `on`, by service id.

    `years` is the frequency that is to hold for the first of them. What has no price on that day is left out.
    """
    return _each(s, services, years, lambda _service: (on,))


def next_terms(s: Session, services: Sequence[tables.Service], today: date) -> dict[int, tuple[int, int]]:
    """Gross cents and years of what the next debit of each service takes, by service id.

    They are those of the order that waits to be paid, else of the list of the day of the debit.
    """
    renewal, order = tables.Renewal, tables.Order
    wanted = (
        select(renewal.service_id, order.gross_cents, order.years)
        .join(order, col(order.id) == renewal.order_id)
        .where(col(renewal.service_id).in_([service.id for service in services]), renewal.status == subscriptions.OPEN)
    )
    found = {service_id: (cents, years or 1) for service_id, cents, years in s.exec(wanted)}
    price_list = catalog.current(s).price_list
    costs = _each(s, services, None, lambda one: (max(calendar.debit_on(one.expires_on or today), today),))
    for service in services:
        if (cents := costs.get(service.id or 0)) is not None:
            years = frequency(price_list.product(service.product_code), service.years)
            found.setdefault(service.id or 0, (cents, years))
    return found


def to_authorise(
    s: Session, services: Sequence[tables.Service], today: date, years: int | None = None
) -> dict[int, int]:
    """As `of`, for what the next debit of each service may need: today's price, or a higher one of that day's list."""
    return _each(s, services, years, lambda one: (today, max(calendar.debit_on(one.expires_on or today), today)))


def _each(
    s: Session,
    services: Sequence[tables.Service],
    years: int | None,
    days: Callable[[tables.Service], Sequence[date]],
) -> dict[int, int]:
    """The highest gross price of each service on its days."""
    if not services:
        return {}
    price_list, added = catalog.current(s).price_list, addons(s, services)
    costs = {}
    for position, service in enumerate(services):
        with suppress(errors.PecError):
            term = years if position == 0 else None
            found = [totals(price_list, service, added, on, term) for on in days(service)]
            if known := [cost.gross_cents for cost in found if cost is not None]:
                costs[service.id or 0] = max(known)
    return costs


def dearest(s: Session, services: Sequence[tables.Service], today: date, years: int | None = None) -> tuple[int, int]:
    """The service whose single renewal needs most, and its gross cents: the ceiling of a mandate; (0, 0) for none."""
    return renewals.ceiling(to_authorise(s, services, today, years)) or (0, 0)
