"""The mails about kept methods and automatic renewal: what will be debited, and what will not be any more."""

from sqlmodel import col, select

from pecapp import clock, i18n, tables
from pecapp.domain import calendar, renewals
from pecapp.domain import methods as rules
from pecapp.services import catalog, facts, letters, matter, renewal_costs

# --- renewal is on, or off --------------------------------------------------------------------------------------------


def m04(about: matter.Matter) -> matter.Composed:
    """«Attivazione rinnovo automatico»: what will be debited, when, on what, up to how much, and how to stop it."""
    say, services = about.say, _services(about, about.params["service_ids"])
    method = about.method(about.params["method_id"])
    blocks = (
        about.greeting(about.addressee()),
        letters.Paragraph(say("m04.on")),
        letters.Facts(((say("means"), about.means(method)), (say("ceiling"), _ceiling(about, method.ceiling_cents)))),
        letters.Heading(say("m04.debits")),
        _debits(about, services),
        letters.Paragraph(say("m04.notice")),
        letters.Heading(say("m04.stop")),
        letters.Paragraph(say("m04.how_to_stop")),
        letters.Action(say("m04.button"), matter.link("/area-clienti")),
    )
    first = services[0].label
    more = len(services) - 1
    subject = say("m04.subject", service=first) if not more else say("m04.subject.more", service=first, count=more)
    return matter.Composed(letters.Letter(subject, say("m04.summary"), blocks))


def m05(about: matter.Matter) -> matter.Composed:
    """«Disattivazione rinnovo automatico»: nothing will be debited, and what happens at the expiry."""
    say = about.say
    (service,) = _services(about, [about.params["service_id"]])
    expires = i18n.date(service.expires_on, about.lang) if service.expires_on else ""
    said = "m05.off.staff" if about.params.get("by") == "staff" else "m05.off"
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(said, service=service.label)),
        letters.Facts(((say("product"), service.label), (say("m05.expires"), expires))),
        letters.Paragraph(say("m05.renew", expires=expires)),
        letters.Paragraph(say("m05.again")),
        letters.Action(say("m05.button"), matter.link("/area-clienti")),
    )
    return matter.Composed(letters.Letter(say("m05.subject", service=service.label), say("m05.summary"), blocks))


def _services(about: matter.Matter, ids: list[int]) -> list[tables.Service]:
    """Services of the reader by id; more than one order's, when the renewal was extended to others of the login."""
    service = tables.Service
    asked = select(service).where(col(service.id).in_(ids), service.account_id == about.account.id)
    return list(about.s.exec(asked.order_by(col(service.id))))


def _debits(about: matter.Matter, services: list[tables.Service]) -> letters.Bill:
    """The next debit of each service: how much, when, for how long, and until when it can be switched off."""
    lines = tuple((service.label, *_debit(about, service)) for service in services)
    return letters.Bill(about.say("product"), about.say("debit.amount"), lines, ())


def _debit(about: matter.Matter, service: tables.Service) -> tuple[str, str]:
    """When and for how long a service will be renewed, and what that costs at the list of the day of the debit."""
    today, say = clock.today(), about.say
    if service.expires_on is None or service.expires_on < today:
        return say("debit.none"), about.money(0)
    choice = about.s.get(tables.RenewalChoice, (service.id, service.expires_on))
    if choice is not None and choice.method_id is None:
        return say("debit.skipped", expires=i18n.date(service.expires_on, about.lang)), about.money(0)
    due = next(renewals.coming(service.expires_on, service.years or 1, today, service.expires_on))
    cost = renewal_costs.of(about.s, [service], due.on).get(service.id or 0)
    product = catalog.current(about.s).price_list.product(service.product_code)
    last = renewals.stop_by(service.expires_on)
    detail = say(
        "debit.later" if today <= last else "debit.now",
        on=i18n.date(due.on, about.lang),
        frequency=facts.years(renewal_costs.frequency(product, service.years), about.lang),
        expires=i18n.date(service.expires_on, about.lang),
        stop=i18n.date(last, about.lang),
    )
    return detail, about.money(cost) if cost is not None else ""


# --- a method comes, goes, or is replaced -----------------------------------------------------------------------------


def m09(about: matter.Matter) -> matter.Composed:
    """«Conferma registrazione metodo di pagamento»: what is kept, what it may be used for, and that it cost nothing."""
    say, method = about.say, about.method(about.params["method_id"])
    shown, ceiling = about.means(method), about.params["ceiling_cents"]
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m09.kept", means=shown)),
        letters.Facts(
            (
                (say("means"), shown),
                (say("card_end"), _end(about, method)),
                (say("ceiling"), _ceiling(about, ceiling)),
                (say("m09.debited"), about.money(0)),
            )
        ),
        letters.Paragraph(say("m09.up_to") if ceiling else say("m09.no_ceiling")),
        letters.Paragraph(say("m09.remove")),
        letters.Action(say("m11.button"), matter.link("/metodi-di-pagamento")),
    )
    return matter.Composed(letters.Letter(say("m09.subject"), say("m09.summary", means=shown), blocks))


def m10(about: matter.Matter) -> matter.Composed:
    """«Metodo di pagamento sostituito»: the old and the new one, and the renewals that have passed to the new one."""
    say, services = about.say, _services(about, about.params["service_ids"])
    old = about.means(about.method(about.params["old_id"]))
    new = about.means(about.method(about.params["new_id"]))
    moved = (letters.Heading(say("m10.moved")), _debits(about, services), letters.Paragraph(say("m10.check")))
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m10.replaced", old=old, new=new)),
        letters.Facts(((say("m10.old"), old), (say("m10.new"), new))),
        *(moved if services else (letters.Paragraph(say("off.none")),)),
        letters.Action(say("m10.button"), matter.link("/area-clienti")),
    )
    return matter.Composed(letters.Letter(say("m10.subject"), say("m10.summary", new=new), blocks))


def m11(about: matter.Matter) -> matter.Composed:
    """«Metodo di pagamento rimosso»: what renews no more, with the expiry of each."""
    say = about.say
    shown = about.means(about.method(about.params["method_id"]))
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m11.gone", means=shown)),
        *_switched_off(about),
        letters.Action(say("m11.button"), matter.link("/metodi-di-pagamento")),
    )
    return matter.Composed(letters.Letter(say("m11.subject"), say("m11.summary", means=shown), blocks))


def m12(about: matter.Matter) -> matter.Composed:
    """«Account PayPal non più collegato»: the customer has cut it off at the gateway; what renews no more.

    The same goes for a method of which a payment is contested (9.21): nothing more is debited on it by itself.
    """
    say = about.say
    method = about.method(about.params["method_id"])
    shown, contested = about.means(method), about.params.get("disputed", "")
    kind = "disputed" if contested else "paypal" if method.gateway == "paypal" else "card"
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"m12.gone.{kind}", means=shown, **({"number": contested} if contested else {}))),
        *_switched_off(about),
        letters.Action(say("m12.button"), matter.link("/area-clienti")),
    )
    summary = say("m12.summary.disputed") if contested else say("m12.summary", means=shown)
    return matter.Composed(letters.Letter(say(f"m12.subject.{kind}"), summary, blocks))


def _end(about: matter.Matter, method: tables.PaymentMethod) -> str:
    """The last day of a card in words; empty for an account."""
    return i18n.date(rules.last_day(method.exp_month, method.exp_year), about.lang) if method.exp_month else ""


def _ceiling(about: matter.Matter, cents: int | None) -> str:
    return about.money(cents) if cents else ""


def _switched_off(about: matter.Matter) -> tuple[letters.Block, ...]:
    """The renewals that the method took with it, and what to do about them."""
    services = _services(about, about.params["service_ids"])
    if not services:
        return (letters.Paragraph(about.say("off.none")),)
    return (
        letters.Heading(about.say("off.title")),
        letters.Facts(tuple(matter.expiry(service, about.lang) for service in services)),
        letters.Paragraph(about.say("off.renew")),
    )


# --- a coming debit is in doubt ---------------------------------------------------------------------------------------


def m14(about: matter.Matter) -> matter.Composed:
    """«La tua carta sta per scadere»: the debits that come after its last day, and where to give us another."""
    say, services = about.say, _services(about, about.params["service_ids"])
    method = about.method(about.params["method_id"])
    shown, end = about.means(method), _end(about, method)
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m14.ends", means=shown, end=end)),
        letters.Facts(((say("means"), shown), (say("card_end"), end))),
        letters.Heading(say("m14.affected")),
        _debits(about, services),
        letters.Paragraph(say("m14.replace")),
        letters.Action(say("update.button"), _replacement(method)),
    )
    return matter.Composed(letters.Letter(say("m14.subject"), say("m14.summary", means=shown, end=end), blocks))


def m15(about: matter.Matter) -> matter.Composed:
    """«Serve una nuova autorizzazione»: the renewal costs more than its owner has authorised, so nothing is debited."""
    say = about.say
    (service,) = _services(about, [about.params["service_id"]])
    method = about.method(about.params["method_id"])
    ceiling, amount = about.params["ceiling_cents"], about.money(about.params["amount_cents"])
    expires_on = service.expires_on or clock.today()
    days = (calendar.debit_on(expires_on), renewals.stop_by(expires_on), expires_on)
    debit, deadline, expires = (i18n.date(day, about.lang) for day in days)
    reason = say("m15.too_low", ceiling=about.money(ceiling)) if ceiling else say("m15.never")
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m15.costs", service=service.label, debit=debit, amount=amount)),
        letters.Paragraph(reason),
        letters.Facts(
            (
                (say("product"), service.label),
                (say("means"), about.means(method)),
                (say("m15.before"), about.money(ceiling or 0)),
                (say("m15.now"), amount),
                (say("m15.deadline"), deadline),
            )
        ),
        letters.Paragraph(say("m15.without", deadline=deadline, debit=debit, expires=expires)),
        letters.Action(say("m15.button"), _replacement(method)),
    )
    summary = say("m15.summary", service=service.label, amount=amount, deadline=deadline)
    return matter.Composed(letters.Letter(say("m15.subject"), summary, blocks))


def _replacement(method: tables.PaymentMethod) -> str:
    """Where another method is given in place of this one, or the same one authorised for more."""
    return matter.link("/metodi-di-pagamento/nuovo", sostituisce=str(method.id))
