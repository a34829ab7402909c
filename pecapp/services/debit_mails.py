"""The mails about the debits of automatic renewal: announced, dearer, made, missed, and never to come (rules 7)."""

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from sqlmodel import col, func, select

from pecapp import clock, i18n, tables
from pecapp.domain import calendar, dunning, orders, payments, renewals
from pecapp.services import catalog, facts, letters, matter, renewal_costs, service_term, subscriptions

_TO_AUTHORISE = frozenset({renewals.Doubt.CEILING.value, renewals.Doubt.NOT_AUTHORISED.value})
_NOT_THE_METHOD = frozenset({"notice", "amount", renewals.Doubt.NOT_SOLD.value, "ours"})
"""Reasons that no other method would change."""
_REASONS = frozenset({*payments.Reason, *renewals.Doubt, "notice", "amount", "ours"})


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
    if service.renewal != subscriptions.RENEWAL_ACTIVE:
        return (letters.Paragraph(say("m07.off")), *exit_free)
    if service.expires_on != expires_on or not product.sellable:
        return exit_free  # prolonged again meanwhile, or never again: another mail tells
    on = calendar.debit_on(expires_on)
    cost = renewal_costs.of(about.s, [service], on).get(service.id or 0)
    return (
        letters.Heading(say("m07.next")),
        letters.Facts(((say("debit_on"), about.day(on)), (say("debit.amount"), service_term.amount(about, cost)))),
        letters.Paragraph(say("m07.stop", stop=about.day(renewals.stop_by(expires_on)))),
        *exit_free,
    )


def m08(about: matter.Matter) -> matter.Composed:
    """«Rinnovo automatico non riuscito»: why, what we do next, what its owner can do, and what happens otherwise."""
    term, say, params = service_term.of(about), about.say, about.params
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
        service_term.afterwards(term, reactivable=term.product.sellable),
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


def _ways_out(term: service_term.Term, order: tables.Order | None, why: str) -> tuple[letters.Action, ...]:
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
    term, say = service_term.of(about), about.say
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
                (say("debit.amount"), service_term.amount(about, cents)),
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
    summary = say("m13.summary", service=term.service.label, amount=service_term.amount(about, cents), stop=stop)
    return matter.Composed(letters.Letter(say("m13.subject", on=on), summary, blocks))


def _announced(about: matter.Matter) -> tuple[int, int] | None:
    """Gross cents and years as they were when the mail was posted: what it says is what may be debited."""
    params = about.params
    return (params["amount_cents"], params["years"]) if "amount_cents" in params else None


def dearer(about: matter.Matter) -> matter.Composed:
    """«Il rinnovo di ... costa più di quanto ti avevamo scritto»: the new amount, and until when to stop it (9.41)."""
    term, say, params = service_term.of(about), about.say, about.params
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


def _method(term: service_term.Term) -> tables.PaymentMethod | None:
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


def _before(term: service_term.Term, cents: int | None) -> str:
    """What was paid for it last time and for how long, where that is another amount; else empty."""
    paid = _last_paid(term)
    if paid is None or paid[0] == cents:
        return ""
    return f"{term.about.money(paid[0])} ({facts.years(paid[1], term.about.lang)})"


def _last_paid(term: service_term.Term) -> tuple[int, int] | None:
    """Gross cents and years of its last renewal, else of its purchase if that was of nothing else; None: no telling."""
    s, order, renewal = term.about.s, tables.Order, tables.Renewal
    last = s.exec(
        select(order)
        .join(renewal, col(renewal.order_id) == col(order.id))
        .where(renewal.service_id == term.service.id, renewal.status == subscriptions.DONE)
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
    term, say = service_term.of(about), about.say
    service, expires = term.service.label, term.expires
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("not_sold.withdrawn", service=service, product=catalog.name(term.product, about.lang))),
        letters.Facts(((say("product"), term.name), (say("expires"), expires))),
        letters.Paragraph(say("not_sold.until", expires=expires)),
        letters.Heading(say("not_sold.after")),
        service_term.afterwards(term, reactivable=False),
        letters.Paragraph(say("not_sold.instead")),
        letters.Action(say("m18.button"), matter.link("/servizi")),
    )
    subject, summary = say("not_sold.subject", service=service), say("not_sold.summary", expires=expires)
    return matter.Composed(letters.Letter(subject, summary, blocks))


COMPOSERS: Mapping[str, Callable[[matter.Matter], matter.Composed]] = MappingProxyType(
    {
        "m07": m07,
        "m08": m08,
        "m13": m13,
        "dearer": dearer,
        "not_sold": not_sold,
    }
)
"""Every mail of this module by the name under which it is posted."""
