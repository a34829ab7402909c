"""The mails about an expiry: reminders before it, what can still be done after it, and the end (rules 7)."""

from collections.abc import Callable, Mapping
from datetime import date
from types import MappingProxyType

from pecapp import clock
from pecapp.domain import calendar
from pecapp.services import catalog, facts, letters, matter, service_term, subscriptions


def reminder(about: matter.Matter) -> matter.Composed:
    """«Rinnova il servizio ... in scadenza» (R1 to R4): price, how to renew, and what happens otherwise."""
    term, say, stage = service_term.of(about), about.say, about.mail.template
    service, expires = term.service.label, term.expires
    renews = term.service.renewal == subscriptions.RENEWAL_ACTIVE
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"{stage}.lead", service=service, expires=expires)),
        *((letters.Paragraph(say("reminder.skipped")),) if renews else ()),
        _priced(term, (say("expires"), expires)),
        *_offer(term, "renew"),
        letters.Heading(say("lapse.title")),
        service_term.afterwards(term),
    )
    subject, summary = say("reminder.subject", service=service), say("reminder.summary", expires=expires)
    return matter.Composed(letters.Letter(subject, summary, blocks))


def lapsed(about: matter.Matter) -> matter.Composed:
    """«Servizio scaduto» (M16, R5 to R7): until when it can be reactivated, how, and what is lost after that day."""
    term, say, stage = service_term.of(about), about.say, about.mail.template
    service, last = term.service.label, about.day(term.last_on)
    reactivable = term.product.sellable or term.open_order() is not None
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"{stage}.lead", service=service, expires=term.expires, last=last)),
        _priced(term, (say("m16.expired"), term.expires), (say("m16.last"), last if reactivable else "")),
        *_offer(term, "reactivate"),
        letters.Heading(say("m16.now")),
        service_term.afterwards(term, reactivable=reactivable),
    )
    summary = say("m16.summary", service=service, last=last)
    return matter.Composed(letters.Letter(say("m16.subject"), summary, blocks))


def _priced(term: service_term.Term, *days: tuple[str, str]) -> letters.Facts:
    """The service with its days, and what its renewal costs today if it can still be renewed."""
    about, say = term.about, term.about.say
    cents, years = term.cost(clock.today())
    price = (
        (say("debit.amount"), service_term.amount(about, cents)),
        (say("duration"), facts.years(years, about.lang)),
    )
    on_offer = term.product.sellable or term.open_order() is not None
    return letters.Facts(((say("product"), term.name), *days, *(price if on_offer else ())))


def _offer(term: service_term.Term, verb: str) -> tuple[letters.Block, ...]:
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
    family = service_term.family(catalog.current(about.s).price_list.product(service.product_code))
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
        "m16": lapsed,
        "m17": m17,
        **dict.fromkeys(("r1", "r2", "r3", "r4"), reminder),
        **dict.fromkeys(("r5", "r6", "r7"), lapsed),
    }
)
"""Every mail of this module by the name under which it is posted."""
