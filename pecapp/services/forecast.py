"""«Prossimi addebiti»: every debit that automatic renewal will make, and what is decided for the next one only."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, renewals
from pecapp.domain import catalog as rules
from pecapp.services import (
    access,
    auto_renewal,
    catalog,
    failed_renewals,
    live,
    means,
    methods,
    renewal_costs,
    renewal_views,
    subscriptions,
    views,
)

MONTHS = 12
"""How far the forecast looks."""

Term = tuple[int, date]
"""A service and the expiry from which it is renewed."""


@dataclass(frozen=True)
class Charge:
    """A debit as it will be made if nothing changes until its day."""

    service: tables.Service
    debit: renewals.Debit
    cents: int
    method: tables.PaymentMethod | None
    light: renewals.Light
    doubt: renewals.Doubt | None
    other_method: bool
    """Whether the method was chosen for this time only."""
    trouble: failed_renewals.Trouble | None = None
    """Why the first try came to nothing, where this is the next."""

    @property
    def first(self) -> bool:
        """Whether it is the service's next debit."""
        return self.debit.expires_on == self.service.expires_on

    @property
    def counted(self) -> bool:
        """Whether money is to be expected to leave: not for what is skipped, nor for what will not be tried."""
        return self.light in {renewals.Light.COVERED, renewals.Light.AT_RISK}


@dataclass(frozen=True)
class _Known:
    """What the debits of some services depend on, read once for all of them."""

    price_list: rules.PriceList
    added: renewal_costs.Addons
    orders: dict[Term, tables.Order]
    """Renewal orders that wait to be paid: the debit adopts them as they are."""
    choices: dict[Term, int | None]
    """Method chosen for one term; None: skipped."""
    methods: dict[int, tables.PaymentMethod]
    troubles: dict[int, failed_renewals.Trouble]
    """What has become of the debit of a service's coming term, by its id."""


def until(today: date) -> date:
    """The last day of the forecast."""
    return calendar.add_months(today, MONTHS)


def charges(s: Session, account_id: int, today: date) -> list[Charge]:
    """Every debit of the customer's renewals from `today` on, the next first; skipped ones are among them.

    One that was refused is there on the day of its next try; one that is not tried again, or that its owner has given
    up, is none. As many queries for a hundred services as for one.
    """
    renewing = _renewing(s, account_id, today)
    return _charges(renewing, _read(s, account_id, renewing), today)


def _charges(renewing: Sequence[tables.Service], known: _Known, today: date) -> list[Charge]:
    found = [charge for row in renewing for charge in _of(row, known, today, until(today))]
    return sorted(found, key=lambda charge: (charge.debit.on, charge.service.id))


def _renewing(s: Session, account_id: int, today: date) -> Sequence[tables.Service]:
    service = tables.Service
    return s.exec(
        select(service).where(
            service.account_id == account_id,
            service.renewal == subscriptions.RENEWAL_ACTIVE,
            col(service.status).not_in((subscriptions.EXPIRED, subscriptions.CANCELLED)),
            col(service.expires_on) >= today,
        )
    ).all()


def _read(s: Session, account_id: int, services: Sequence[tables.Service]) -> _Known:
    ids = [service.id for service in services]
    renewal, choice, method = tables.Renewal, tables.RenewalChoice, tables.PaymentMethod
    waiting = s.exec(
        select(renewal, tables.Order)
        .join(tables.Order)
        .where(col(renewal.service_id).in_(ids), renewal.status == subscriptions.OPEN)
    ).all()
    chosen = s.exec(select(choice).where(col(choice.service_id).in_(ids))).all()
    kept = s.exec(select(method).where(method.account_id == account_id)).all()
    return _Known(
        price_list=catalog.current(s).price_list,
        added=renewal_costs.addons(s, services),
        orders={(row.service_id, row.expires_on): order for row, order in waiting},
        choices={(row.service_id, row.expires_on): row.method_id for row in chosen},
        methods={row.id or 0: row for row in kept},
        troubles=failed_renewals.found(s, services),
    )


def _of(service: tables.Service, known: _Known, today: date, last: date) -> Iterator[Charge]:
    """The debits of one service until `last`, the next first."""
    product, service_id = known.price_list.product(service.product_code), service.id or 0
    if service.expires_on is None or not product.yearly:
        return
    trouble = known.troubles.get(service_id)
    if trouble is not None and trouble.again_on is None:
        return  # to be paid by hand, and what comes after that nobody knows
    adopted = known.orders.get((service_id, service.expires_on))
    years = (adopted.years if adopted else None) or renewal_costs.frequency(product, service.years)
    skipped = frozenset(
        term for (whose, term), method_id in known.choices.items() if whose == service_id and method_id is None
    )
    for planned in renewals.coming(service.expires_on, years, today, last, skipped):
        failed = trouble if planned.expires_on == service.expires_on else None
        debit = replace(planned, on=max(failed.again_on, today)) if failed and failed.again_on else planned
        order = known.orders.get((service_id, debit.expires_on))
        totals = renewal_costs.totals(known.price_list, service, known.added, debit.on)
        cents = order.gross_cents if order else totals.gross_cents if totals else 0
        other = known.choices.get((service_id, debit.expires_on))
        method = known.methods.get(other or service.method_id or 0)
        doubt = renewals.doubt(cents, debit.on, methods.as_means(method) if method else None, sold=product.sellable)
        light = renewals.Light.SKIPPED if debit.skipped else renewals.light(doubt)
        if failed and light is renewals.Light.COVERED:
            light = renewals.Light.AT_RISK  # it was refused once
        yield Charge(service, debit, cents, method, light, doubt, other is not None, failed)


# --- what its owner sees ----------------------------------------------------------------------------------------------


def upcoming(actor: access.Actor, lang: i18n.Lang) -> renewal_views.ForecastView:
    """«Prossimi addebiti»: the debits of the next twelve months by month, their total, and the calendar's state."""
    account_id, today = access.require(actor), clock.today()
    with db.reading() as s:
        renewing = _renewing(s, account_id, today)
        known = _read(s, account_id, renewing)
        found = _charges(renewing, known, today)
        feed = s.get(tables.CalendarFeed, account_id)
        usable = methods.usable(s, account_id)
    return renewal_views.ForecastView(
        by_hand=_by_hand(known, today, lang),
        months=_months(found, usable, today, lang),
        year=_year(found, today, lang),
        later="" if found else _later(renewing, known, today, lang),
        total=i18n.money(_sum(found), lang),
        until=i18n.date(until(today), lang),
        feed=feed is not None,
        feed_since=i18n.instant(feed.created_at, lang) if feed else "",
    )


def _sum(found: Sequence[Charge]) -> int:
    return sum(charge.cents for charge in found if charge.counted)


def _by_hand(known: _Known, today: date, lang: i18n.Lang) -> list[renewal_views.ByHandView]:
    """The renewals for which nothing is debited any more by itself, with what paying them costs."""
    found = []
    for one in sorted(known.troubles.values(), key=lambda one: (one.renewal.expires_on, one.renewal.order_id)):
        if one.again_on is not None:
            continue
        service, expires_on = one.service, one.renewal.expires_on
        order = known.orders.get((service.id or 0, expires_on))
        totals = renewal_costs.totals(known.price_list, service, known.added, today)
        cents = order.gross_cents if order else totals.gross_cents if totals else 0
        found.append(
            renewal_views.ByHandView(
                service_id=service.id or 0,
                service=service.label,
                expires=i18n.date(expires_on, lang),
                amount=i18n.money(cents, lang),
                trouble=failed_renewals.view(one, lang),
            )
        )
    return found


def _later(renewing: Sequence[tables.Service], known: _Known, today: date, lang: i18n.Lang) -> str:
    """The first debit after the forecast, in words, where it is empty; empty itself when no renewal is on."""
    if not renewing:
        return ""
    nexts = [charge for row in renewing for charge in itertools.islice(_of(row, known, today, date.max), 1)]
    made = [one for one in nexts if not one.debit.skipped and one.doubt is not renewals.Doubt.NOT_SOLD]
    if not made:
        return i18n.text("forecast.later_none", lang)
    first = min(made, key=lambda charge: (charge.debit.on, charge.service.id))
    on, amount = i18n.date(first.debit.on, lang), i18n.money(first.cents, lang)
    return i18n.text("forecast.later", lang, on=on, amount=amount, service=first.service.label)


def _means(method: tables.PaymentMethod, lang: i18n.Lang) -> list[views.MeansView]:
    """A method as a choice, with the most that it may be debited; nothing while its gateway is out of use."""
    ceiling = i18n.text("forecast.up_to", lang, ceiling=i18n.money(method.ceiling_cents or 0, lang))
    return [replace(kept, detail=f"{kept.detail} · {ceiling}") for kept in means.kept([method], lang)]


def _months(
    found: Sequence[Charge], usable: Sequence[tables.PaymentMethod], today: date, lang: i18n.Lang
) -> list[renewal_views.MonthView]:
    by_month = itertools.groupby(found, key=lambda charge: charge.debit.on.replace(day=1))
    months = [(day, list(charged)) for day, charged in by_month]
    return [
        renewal_views.MonthView(
            name=i18n.month(day, lang),
            amount=i18n.money(_sum(charged), lang),
            charges=[_view(charge, usable, today, lang) for charge in charged],
        )
        for day, charged in months
    ]


def _year(found: Sequence[Charge], today: date, lang: i18n.Lang) -> list[renewal_views.BarView]:
    """A column for each month of the year: the window ends in the month in which it begins, which has but one."""
    days = [calendar.add_months(today.replace(day=1), n) for n in range(MONTHS)]
    sums = [_sum([charge for charge in found if charge.debit.on.month == day.month]) for day in days]
    dearest = max(*sums, 1)
    return [
        renewal_views.BarView(i18n.month_short(day, lang), round(100 * cents / dearest))
        for day, cents in zip(days, sums, strict=True)
    ]


def _view(
    charge: Charge, usable: Sequence[tables.PaymentMethod], today: date, lang: i18n.Lang
) -> renewal_views.ChargeView:
    debit, method = charge.debit, charge.method
    changeable = charge.first and today <= renewals.stop_by(debit.expires_on)
    fix_url, fix_label = _fix(charge, lang)
    others = _others(charge, usable, lang) if changeable else []
    return renewal_views.ChargeView(
        service_id=charge.service.id or 0,
        service=charge.service.label,
        on=i18n.date(debit.on, lang),
        iso=debit.on.isoformat(),
        expires=i18n.date(debit.expires_on, lang),
        amount=i18n.money(charge.cents, lang),
        means=methods.title(method, lang) if method else i18n.text("forecast.no_means", lang),
        ceiling=i18n.money(method.ceiling_cents, lang) if method and method.ceiling_cents else "",
        light=charge.light.value,
        why=why(charge, lang),
        fix_url=fix_url,
        fix_label=fix_label,
        first=charge.first,
        changeable=changeable,
        skipped=debit.skipped,
        other_method=charge.other_method,
        can_change_method=bool(others),
        others=others,
        pay_order=charge.trouble.order_number if charge.trouble else "",
    )


def _told(charge: Charge, lang: i18n.Lang) -> renewal_views.TroubleView | None:
    """What has happened to a debit that is tried again, unless what keeps it from being tried says more."""
    if charge.trouble is None or charge.light is not renewals.Light.AT_RISK:
        return None
    return failed_renewals.view(charge.trouble, lang)


def _fix(charge: Charge, lang: i18n.Lang) -> tuple[str, str]:
    """Where the light of a debit can be turned green, and the words that lead there; nothing where it cannot."""
    if (told := _told(charge, lang)) is not None:
        return told.fix_url, told.fix_label
    if charge.debit.skipped or charge.doubt in {None, renewals.Doubt.NOT_SOLD}:
        return "", ""
    if charge.doubt in {renewals.Doubt.CEILING, renewals.Doubt.NOT_AUTHORISED}:
        return f"/area-clienti/servizi/{charge.service.id}/rinnovo", i18n.text("forecast.authorise", lang)
    replaced = f"/nuovo?sostituisce={charge.method.id}" if charge.method else ""
    return f"/metodi-di-pagamento{replaced}", i18n.text("forecast.update", lang)


def _others(charge: Charge, usable: Sequence[tables.PaymentMethod], lang: i18n.Lang) -> list[views.MeansView]:
    """The methods that can be used for a debit instead of the usual one."""
    if charge.doubt is renewals.Doubt.NOT_SOLD:
        return []
    fitting = [one for one in usable if one.id != charge.service.method_id and charge.cents <= (one.ceiling_cents or 0)]
    return [kept for method in fitting for kept in _means(method, lang)]


def why(charge: Charge, lang: i18n.Lang) -> str:
    """What the light of a debit means, in a sentence."""
    if (told := _told(charge, lang)) is not None:
        return f"{told.why} {told.following}"
    method = charge.method
    ends_on = methods.ends_on(method) if method else None
    reason = charge.light if charge.debit.skipped or charge.doubt is None else charge.doubt
    return i18n.text(
        f"forecast.why.{reason.value}",
        lang,
        expires=i18n.date(charge.debit.expires_on, lang),
        ceiling=i18n.money((method.ceiling_cents if method else None) or 0, lang),
        ends=i18n.date(ends_on, lang) if ends_on else "",
    )


# --- what its owner decides, for the next debit only ------------------------------------------------------------------


def skip(actor: access.Actor, service_id: int) -> None:
    """«Salta questa volta»: nothing is debited for the term that is next; automatic renewal stays on.

    Can be done until the day before the debit. Raises NotFound, for another's service too, Conflict when renewal is
    not on (`RIN_NON_ATTIVO`) or it is too late (`RIN_TROPPO_TARDI`). Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        _decide(s, _changeable(s, account_id, service_id), None)


def use(actor: access.Actor, service_id: int, method_id: int) -> None:
    """«Usa un altro metodo questa volta»: debit the next term on another kept method; the usual one undoes it.

    Raises what `skip` raises, NotFound for a method that is gone or another's, and Conflict (`MAND_BASSO`) when what is
    authorised on it is less than the debit. Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        method = methods.chargeable(s, account_id, method_id)  # before its services, as whoever removes a method does
        service = _changeable(s, account_id, service_id)
        if method.id == service.method_id:
            _undo(s, service)
            return
        debit = next(_of(service, _read(s, account_id, [service]), clock.today(), until(clock.today())), None)
        if debit is None:
            raise errors.Conflict("RIN_NON_ATTIVO")
        if debit.cents > (method.ceiling_cents or 0):
            raise errors.Conflict("MAND_BASSO")
        _decide(s, service, method_id)


def keep(actor: access.Actor, service_id: int) -> None:
    """«Annulla la scelta»: the next debit is made as usual again. Raises what `skip` raises. Safe to repeat."""
    account_id = access.require(actor)
    with db.transaction() as s:
        _undo(s, _changeable(s, account_id, service_id))


def _changeable(s: Session, account_id: int, service_id: int) -> tables.Service:
    """The customer's service, held, if its next debit can still be decided on."""
    service, today = subscriptions.own(s, account_id, service_id), clock.today()
    on = service.renewal == subscriptions.RENEWAL_ACTIVE and auto_renewal.can_renew_by_itself(service, today)
    if not on or service.expires_on is None:
        raise errors.Conflict("RIN_NON_ATTIVO")
    if today > renewals.stop_by(service.expires_on):
        raise errors.Conflict("RIN_TROPPO_TARDI")
    return service


def _chosen(s: Session, service: tables.Service) -> tables.RenewalChoice | None:
    return s.get(tables.RenewalChoice, (service.id, service.expires_on))


def _decide(s: Session, service: tables.Service, method_id: int | None) -> None:
    """Store what was chosen for the next term of a held service; None: nothing is debited."""
    chosen = _chosen(s, service)
    if chosen is not None and chosen.method_id == method_id:
        return
    if chosen is None:
        chosen = tables.RenewalChoice(
            service_id=service.id or 0, expires_on=service.expires_on or clock.today(), made_at=clock.now()
        )
    chosen.method_id, chosen.made_at = method_id, clock.now()
    s.add(chosen)
    live.publish(s, live.account(service.account_id))


def _undo(s: Session, service: tables.Service) -> None:
    chosen = _chosen(s, service)
    if chosen is not None:
        s.delete(chosen)
        live.publish(s, live.account(service.account_id))
