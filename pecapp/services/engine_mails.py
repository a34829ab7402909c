"""The mails around an expiry: a debit announced, made or missed, a reminder, an end, and what can be done (rules 7).

Each is about one term of one service. A date that the mail is about stands in `params`: the service itself may have
been renewed by the time it leaves.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from sqlmodel import col, func, select

from pecapp import clock, i18n, tables
from pecapp.domain import calendar, dunning, orders, payments, renewals
from pecapp.domain import catalog as rules
from pecapp.services import catalog, facts, letters, matter, renewal_costs

_ACTIVE = "active"
"""`tables.Service.renewal` of one that renews by itself."""
_FAMILIES = MappingProxyType(
    {
        rules.Kind.PEC: "pec",
        rules.Kind.PEC_DOMAIN: "pec",
        rules.Kind.INVOICING: "invoicing",
        rules.Kind.PRESERVATION: "preservation",
        rules.Kind.SPID: "spid",
    }
)
"""What is lost with a service that ends, by what it is (6.9)."""
_TO_AUTHORISE = frozenset({renewals.Doubt.CEILING.value, renewals.Doubt.NOT_AUTHORISED.value})
_NOT_THE_METHOD = frozenset({"notice", "amount", renewals.Doubt.NOT_SOLD.value, "ours"})
"""Reasons that no other method would change."""
_REASONS = frozenset({*payments.Reason, *renewals.Doubt, "notice", "amount", "ours"})


@dataclass(frozen=True)
class _Term:
    """One term of a service of the reader: until when, and what comes after."""

    about: matter.Matter
    service: tables.Service
    product: rules.Product
    expires_on: date

    @property
    def name(self) -> str:
        """The product and the service's own name, where it has one."""
        product = catalog.name(self.product, self.about.lang)
        return product if self.service.label in {"", product} else f"{product}, {self.service.label}"

    @property
    def expires(self) -> str:
        return self.about.day(self.expires_on)

    @property
    def last_on(self) -> date:
        """The last day on which it can be reactivated."""
        return dunning.last_day(self.expires_on, self.product.grace_days or 0)

    @property
    def page(self) -> str:
        """The address of the service, without the host."""
        return f"/area-clienti/servizi/{self.service.id}"

    def open_order(self) -> tables.Order | None:
        """The renewal order that waits to be paid, if there is one."""
        renewal = tables.Renewal
        wanted = select(tables.Order).join(renewal, col(renewal.order_id) == col(tables.Order.id))
        return self.about.s.exec(wanted.where(renewal.service_id == self.service.id, renewal.status == "open")).first()

    def cost(self, on: date) -> tuple[int | None, int]:
        """Gross cents of its renewal on a day, None for no price, and its years: the open order's, or the list's."""
        if order := self.open_order():
            return order.gross_cents, order.years or 1
        price = renewal_costs.of(self.about.s, [self.service], on).get(self.service.id or 0)
        return price, renewal_costs.frequency(self.product, self.service.years)


def _term(about: matter.Matter) -> _Term:
    service = about.service(about.params["service_id"])
    product = catalog.current(about.s).price_list.product(service.product_code)
    return _Term(about, service, product, date.fromisoformat(about.params["expires_on"]))


def _family(product: rules.Product) -> str:
    return _FAMILIES.get(product.kind, "other")


def _afterwards(term: _Term, *, reactivable: bool = True) -> letters.Items:
    """What happens to a service that is not renewed, with the days on which it happens."""
    say, day, family = term.about.say, term.about.day, _family(term.product)
    one = timedelta(days=1)
    lines = [say(f"lapse.{family}", since=day(term.expires_on + one))]
    if term.last_on > term.expires_on:
        lines += [say("lapse.until", last=day(term.last_on))] if reactivable else []
        lines += [say(f"lapse.end.{family}", gone=day(term.last_on + one))]
    return letters.Items(tuple(lines))


def _amount(about: matter.Matter, cents: int | None) -> str:
    return "" if cents is None else about.money(cents)


# --- automatic renewal ------------------------------------------------------------------------------------------------


def m07(about: matter.Matter) -> matter.Composed:
    """«Rinnovo effettuato»: proves the payment, and says until when it lasts and what is debited next."""
    found, say = about.order(), about.say
    order, receipt = found.row, found.receipt
    if receipt is None:
        raise ValueError(f"order {order.number} has no receipt")
    renewal = about.s.get_one(tables.Renewal, order.id)
    service, paid = about.service(renewal.service_id), receipt.payment
    expires_on = calendar.renewed_expiry(renewal.expires_on, order.years or 1)
    expires, amount = about.day(expires_on), about.money(order.gross_cents)
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say("m07.renewed", service=service.label, expires=expires)),
        letters.Status("success", i18n.text(f"order.status.{orders.Status.PAID}", about.lang)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("receipt"), receipt.number),
                (say("product"), service.label),
                (say("amount_paid"), amount),
                (say("paid_on"), i18n.instant(order.paid_at or receipt.issued_at, about.lang)),
                (say("means"), facts.paid_with(paid, about.lang) if paid else ""),
                (say("new_expiry"), expires),
            )
        ),
        *_next_debit(about, service, expires_on),
        letters.Action(say("m03.button"), matter.order_link(found)),
        letters.Paragraph(say("m03.not_invoice")),
    )
    summary = say("m07.summary", service=service.label, expires=expires)
    return matter.Composed(letters.Letter(say("m07.subject"), summary, blocks))


def _next_debit(about: matter.Matter, service: tables.Service, expires_on: date) -> tuple[letters.Block, ...]:
    """What is debited at the end of the term that was just paid, and how to stop it."""
    say, until = about.say, service.free_exit_until_on
    exit_free = ()
    if until is not None and until >= clock.today():
        exit_free = (letters.Paragraph(say("free_exit", until=about.day(until))),)
    product = catalog.current(about.s).price_list.product(service.product_code)
    if service.renewal != _ACTIVE:
        return (letters.Paragraph(say("m07.off")), *exit_free)
    if service.expires_on != expires_on or not product.sellable:
        return exit_free  # prolonged again meanwhile, or never again: another mail tells
    on = calendar.debit_on(expires_on)
    cost = renewal_costs.of(about.s, [service], on).get(service.id or 0)
    return (
        letters.Heading(say("m07.next")),
        letters.Facts(((say("debit_on"), about.day(on)), (say("debit.amount"), _amount(about, cost)))),
        letters.Paragraph(say("m07.stop", stop=about.day(renewals.stop_by(expires_on)))),
        *exit_free,
    )


def m08(about: matter.Matter) -> matter.Composed:
    """«Rinnovo automatico non riuscito»: why, what we do next, what its owner can do, and what happens otherwise."""
    term, say, params = _term(about), about.say, about.params
    order = about.order().row if about.mail.order_id is not None else None
    retry = about.day(date.fromisoformat(params["retry_on"])) if params.get("retry_on") else ""
    method_id, why = params.get("method_id"), _why(about)
    blocks = (
        about.greeting(about.addressee()),
        letters.Paragraph(say("m08.failed", service=term.service.label)),
        letters.Paragraph(say(f"m08.why.{why}")),
        letters.Facts(
            (
                (say("order"), order.number if order else ""),
                (say("product"), term.name),
                (say("amount"), about.money(order.gross_cents) if order else ""),
                (say("means"), about.means(about.method(method_id)) if method_id else ""),
                (say("m08.retry"), retry or say("m08.retry.none")),
                (say("expires"), term.expires),
            )
        ),
        letters.Paragraph(say(f"m08.next.{_what_next(about, why)}", retry=retry, expires=term.expires)),
        *((letters.Paragraph(say("m08.replace")),) if _method_matters(about, why) else ()),
        letters.Heading(say("lapse.title")),
        _afterwards(term, reactivable=term.product.sellable),
        *_ways_out(term, order, why),
    )
    summary = say("m08.summary", service=term.service.label, expires=term.expires)
    return matter.Composed(letters.Letter(say("m08.subject"), summary, blocks))


def _why(about: matter.Matter) -> str:
    """The reason as a key of the locales; one that nobody has foreseen is told as a refusal, without details."""
    if about.params.get("remedy") == payments.Remedy.OURS:
        return "ours"
    why = about.params["why"]
    return why if why in _REASONS else payments.Reason.DECLINED.value


def _what_next(about: matter.Matter, why: str) -> str:
    if why == renewals.Doubt.NOT_SOLD:
        return why
    if about.params.get("remedy") == payments.Remedy.CONFIRM:
        return "confirm"
    return "retry" if about.params.get("retry_on") else "none"


def _method_matters(about: matter.Matter, why: str) -> bool:
    """Whether another method, or its new data, would help."""
    return why not in _NOT_THE_METHOD | _TO_AUTHORISE and about.params.get("remedy") != payments.Remedy.CONFIRM


def _ways_out(term: _Term, order: tables.Order | None, why: str) -> tuple[letters.Action, ...]:
    """What can be done, the best way first."""
    say, params = term.about.say, term.about.params
    if why == renewals.Doubt.NOT_SOLD:
        return (letters.Action(say("m18.button"), matter.link("/servizi")),)
    ways = []
    if params.get("remedy") == payments.Remedy.CONFIRM and params.get("path"):
        ways.append((say("m08.confirm"), params["path"]))
    if why in _TO_AUTHORISE:
        ways.append((say("m15.button"), f"{term.page}/rinnovo"))
    if order is None:
        ways.append((say("renew.button"), f"{term.page}/rinnova"))
    elif orders.Status(order.status) in orders.PAYABLE:
        ways.append((say("m08.pay"), f"/ordini/{order.number}"))
    if why not in _NOT_THE_METHOD:
        ways.append((say("update.button"), "/metodi-di-pagamento"))
    return tuple(letters.Action(label, matter.link(path), main=not place) for place, (label, path) in enumerate(ways))


def m13(about: matter.Matter) -> matter.Composed:
    """«Il tuo servizio si rinnoverà il ...»: the notice that the law asks for, and until when to stop it (8.4)."""
    term, say = _term(about), about.say
    debit_on = max(calendar.debit_on(term.expires_on), clock.today())
    cents, years = _announced(about) or term.cost(debit_on)
    on, stop = about.day(debit_on), about.day(renewals.stop_by(term.expires_on))
    renewed = about.day(calendar.renewed_expiry(term.expires_on, years))
    method = _method(term)
    lowered = (term.service.years or 0) > years
    overdue = about.params.get("late", dunning.notice_is_overdue(term.expires_on, clock.today()))
    late = overdue and facts.holder(about.account.holder).consumer
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m13.will", service=term.service.label, on=on)),
        letters.Facts(
            (
                (say("product"), term.name),
                (say("expires"), term.expires),
                (say("debit_on"), on),
                (say("debit.amount"), _amount(about, cents)),
                (say("m13.before"), _before(term, cents)),
                (say("duration"), facts.years(years, about.lang)),
                (say("new_expiry"), renewed),
                (say("means"), about.means(method) if method else ""),
            )
        ),
        *((letters.Paragraph(say("m13.lowered", years=facts.years(years, about.lang))),) if lowered else ()),
        *_within(about, method, cents),
        letters.Heading(say("m13.stop.title")),
        letters.Paragraph(say("m13.stop", stop=stop, expires=term.expires)),
        *((letters.Paragraph(say("free_exit", until=renewed)),) if late else ()),
        letters.Action(say("m13.button"), matter.link(term.page)),
    )
    summary = say("m13.summary", service=term.service.label, amount=_amount(about, cents), stop=stop)
    return matter.Composed(letters.Letter(say("m13.subject", on=on), summary, blocks))


def _announced(about: matter.Matter) -> tuple[int, int] | None:
    """Gross cents and years as they were when the mail was posted: what it says is what may be debited."""
    params = about.params
    return (params["amount_cents"], params["years"]) if "amount_cents" in params else None


def dearer(about: matter.Matter) -> matter.Composed:
    """«Il rinnovo di ... costa più di quanto ti avevamo scritto»: the new amount, and until when to stop it (9.41)."""
    term, say, params = _term(about), about.say, about.params
    on = about.day(max(calendar.debit_on(term.expires_on), clock.today()))
    stop = about.day(renewals.stop_by(term.expires_on))
    amount, before = about.money(params["amount_cents"]), about.money(params["announced_cents"])
    method, service = _method(term), term.service.label
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("dearer.will", service=service, on=on, amount=amount)),
        letters.Facts(
            (
                (say("product"), term.name),
                (say("expires"), term.expires),
                (say("debit_on"), on),
                (say("debit.amount"), amount),
                (say("dearer.before"), before),
                (say("duration"), facts.years(params["years"], about.lang)),
                (say("new_expiry"), about.day(calendar.renewed_expiry(term.expires_on, params["years"]))),
                (say("means"), about.means(method) if method else ""),
            )
        ),
        *_within(about, method, params["amount_cents"]),
        letters.Heading(say("m13.stop.title")),
        letters.Paragraph(say("m13.stop", stop=stop, expires=term.expires)),
        letters.Action(say("m13.button"), matter.link(term.page)),
    )
    summary = say("m13.summary", service=service, amount=amount, stop=stop)
    return matter.Composed(letters.Letter(say("dearer.subject", service=service), summary, blocks))


def _method(term: _Term) -> tables.PaymentMethod | None:
    """On what the coming debit is made: its owner may have chosen another method for this time."""
    choice = term.about.s.get(tables.RenewalChoice, (term.service.id, term.expires_on))
    method_id = choice.method_id if choice and choice.method_id else term.service.method_id
    return term.about.method(method_id) if method_id else None


def _within(about: matter.Matter, method: tables.PaymentMethod | None, cents: int | None) -> tuple[letters.Block, ...]:
    """That no more is debited than was authorised, and whether this renewal is."""
    ceiling = method.ceiling_cents if method else None
    if ceiling is None:
        return (letters.Paragraph(about.say("m13.not_authorised")),)
    key = "m13.above" if cents is not None and cents > ceiling else "m13.within"
    return (letters.Paragraph(about.say(key, ceiling=about.money(ceiling))),)


def _before(term: _Term, cents: int | None) -> str:
    """What was paid for it last time and for how long, where that is another amount; else empty."""
    paid = _last_paid(term)
    if paid is None or paid[0] == cents:
        return ""
    return f"{term.about.money(paid[0])} ({facts.years(paid[1], term.about.lang)})"


def _last_paid(term: _Term) -> tuple[int, int] | None:
    """Gross cents and years of its last renewal, else of its purchase if that was of nothing else; None: no telling."""
    s, order, renewal = term.about.s, tables.Order, tables.Renewal
    last = s.exec(
        select(order)
        .join(renewal, col(renewal.order_id) == col(order.id))
        .where(renewal.service_id == term.service.id, renewal.status == "done")
        .order_by(col(renewal.expires_on).desc())
    ).first()
    if last is None:
        bought, service, line = term.service.order_id, tables.Service, tables.OrderLine
        terms = s.exec(select(line.years).where(line.order_id == bought)).all()
        several = s.exec(select(func.count()).select_from(service).where(service.order_id == bought)).one() > 1
        if several or not all(terms):
            return None  # others share its price, or something that is paid only once
        last = s.get_one(order, bought)
    return (last.gross_cents, last.years) if last.years else None


def not_sold(about: matter.Matter) -> matter.Composed:
    """«Il servizio ... non si rinnova più»: its product is not sold any more, so nothing will be debited (9.40)."""
    term, say = _term(about), about.say
    service, expires = term.service.label, term.expires
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("not_sold.withdrawn", service=service, product=catalog.name(term.product, about.lang))),
        letters.Facts(((say("product"), term.name), (say("expires"), expires))),
        letters.Paragraph(say("not_sold.until", expires=expires)),
        letters.Heading(say("not_sold.after")),
        _afterwards(term, reactivable=False),
        letters.Paragraph(say("not_sold.instead")),
        letters.Action(say("m18.button"), matter.link("/servizi")),
    )
    subject, summary = say("not_sold.subject", service=service), say("not_sold.summary", expires=expires)
    return matter.Composed(letters.Letter(subject, summary, blocks))


# --- renewal by hand --------------------------------------------------------------------------------------------------


def reminder(about: matter.Matter) -> matter.Composed:
    """«Rinnova il servizio ... in scadenza» (R1 to R4): price, how to renew, and what happens otherwise."""
    term, say, stage = _term(about), about.say, about.mail.template
    service, expires = term.service.label, term.expires
    skipped = (letters.Paragraph(say("reminder.skipped")),) if term.service.renewal == _ACTIVE else ()
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"{stage}.lead", service=service, expires=expires)),
        *skipped,
        _priced(term, (say("expires"), expires)),
        *_offer(term, "renew"),
        letters.Heading(say("lapse.title")),
        _afterwards(term),
    )
    subject, summary = say("reminder.subject", service=service), say("reminder.summary", expires=expires)
    return matter.Composed(letters.Letter(subject, summary, blocks))


def lapsed(about: matter.Matter) -> matter.Composed:
    """«Servizio scaduto» (M16, R5 to R7): until when it can be reactivated, how, and what is lost after that day."""
    term, say, stage = _term(about), about.say, about.mail.template
    service, last = term.service.label, about.day(term.last_on)
    reactivable = term.product.sellable or term.open_order() is not None
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"{stage}.lead", service=service, expires=term.expires, last=last)),
        _priced(term, (say("m16.expired"), term.expires), (say("m16.last"), last if reactivable else "")),
        *_offer(term, "reactivate"),
        letters.Heading(say("m16.now")),
        _afterwards(term, reactivable=reactivable),
    )
    summary = say("m16.summary", service=service, last=last)
    return matter.Composed(letters.Letter(say("m16.subject"), summary, blocks))


def _priced(term: _Term, *days: tuple[str, str]) -> letters.Facts:
    """The service with its days, and what its renewal costs today if it can still be renewed."""
    about, say = term.about, term.about.say
    cents, years = term.cost(clock.today())
    price = ((say("debit.amount"), _amount(about, cents)), (say("duration"), facts.years(years, about.lang)))
    on_offer = term.product.sellable or term.open_order() is not None
    return letters.Facts(((say("product"), term.name), *days, *(price if on_offer else ())))


def _offer(term: _Term, verb: str) -> tuple[letters.Block, ...]:
    """How to prolong a service: the order that waits already, or a new one; or that it cannot be any more."""
    about, say = term.about, term.about.say
    if order := term.open_order():
        return (
            letters.Paragraph(say("open_order", number=order.number, amount=about.money(order.gross_cents))),
            letters.Action(say("m08.pay"), matter.link(f"/ordini/{order.number}")),
        )
    if not term.product.sellable:
        return (
            letters.Paragraph(say("not_sold.now")),
            letters.Action(say("m18.button"), matter.link("/servizi")),
        )
    _, years = term.cost(clock.today())
    until = about.day(calendar.renewed_expiry(term.expires_on, years))
    return (
        letters.Paragraph(say(f"{verb}.counted", expires=term.expires, until=until)),
        letters.Action(say(f"{verb}.button"), matter.link(f"{term.page}/rinnova")),
    )


def m17(about: matter.Matter) -> matter.Composed:
    """«Servizio cancellato»: what was deleted, what the law keeps, and on what terms it can be bought again."""
    say, params = about.say, about.params
    service, label = about.service(params["service_id"]), params["label"]
    family = _family(catalog.current(about.s).price_list.product(service.product_code))
    expired = about.day(date.fromisoformat(params["expires_on"])) if params["expires_on"] else ""
    kept = (say("m17.logs"),) if family == "pec" else ()
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m17.gone", service=label)),
        letters.Facts(((say("product"), label), (say("m16.expired"), expired))),
        letters.Items((say(f"m17.deleted.{family}"), *kept)),
        letters.Heading(say("m17.again")),
        letters.Paragraph(say("m17.rebuy.pec" if family == "pec" else "m17.rebuy")),
        letters.Action(say("m18.button"), matter.link("/servizi"), main=False),
    )
    return matter.Composed(letters.Letter(say("m17.subject"), say("m17.summary", service=label), blocks))


COMPOSERS: Mapping[str, Callable[[matter.Matter], matter.Composed]] = MappingProxyType(
    {
        "m07": m07,
        "m08": m08,
        "m13": m13,
        "dearer": dearer,
        "m16": lapsed,
        "m17": m17,
        "not_sold": not_sold,
        **dict.fromkeys(("r1", "r2", "r3", "r4"), reminder),
        **dict.fromkeys(("r5", "r6", "r7"), lapsed),
    }
)
"""Every mail of this module by the name under which it is posted."""
