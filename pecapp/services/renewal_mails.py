"""The mails about kept methods and automatic renewal: what will be debited, and what will not be any more."""

from sqlmodel import Session, col, select

from pecapp import i18n, tables
from pecapp.services import facts, letters, matter


def m04(about: matter.Matter) -> matter.Composed:
    """«Attivazione rinnovo automatico»: what will be debited, when, on what, and how to stop it."""
    found, say = about.order(), about.say
    services = _services(about.s, about.params["service_ids"], about.account.id)
    method = about.s.get_one(tables.PaymentMethod, about.params["method_id"])
    ceiling = method.consent.get("ceiling_cents")
    debits = tuple(_debit(service, about.lang) for service in services)
    amount = found.row.renewal_gross_cents
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say("m04.on")),
        letters.Facts(
            (
                (say("means"), facts.means(method.gateway, method.brand, method.last4, about.lang, method.label)),
                (say("frequency"), facts.years(found.row.years, about.lang) if found.row.years else ""),
                (say("renewal_amount"), about.money(amount) if amount is not None else ""),
                (say("ceiling"), about.money(ceiling) if ceiling is not None else ""),
            )
        ),
        letters.Heading(say("m04.debits")),
        letters.Facts(debits),
        letters.Paragraph(say("m04.notice")),
        letters.Heading(say("m04.stop")),
        letters.Paragraph(say("m04.how_to_stop")),
        letters.Action(say("m04.button"), matter.link("/area-clienti")),
    )
    first = services[0].label
    more = len(services) - 1
    subject = say("m04.subject", service=first) if not more else say("m04.subject.more", service=first, count=more)
    return matter.Composed(letters.Letter(subject, say("m04.summary"), blocks))


def _services(s: Session, ids: list[int], account_id: int | None) -> tuple[facts.Service, ...]:
    """Services by id; more than one order's, when the renewal was extended to others of the same login."""
    service = tables.Service
    asked = select(service).where(col(service.id).in_(ids), service.account_id == account_id).order_by(col(service.id))
    return tuple(facts.Service(row.id or 0, row.label, row.expires_on, row.years) for row in s.exec(asked))


def _debit(service: facts.Service, lang: i18n.Lang) -> tuple[str, str]:
    on = facts.next_debit_on(service)
    if on is None or service.expires_on is None:
        return service.label, i18n.text("mail.m04.no_expiry", lang)
    return service.label, i18n.text(
        "mail.m04.debit", lang, on=i18n.date(on, lang), expires=i18n.date(service.expires_on, lang)
    )


def m05(about: matter.Matter) -> matter.Composed:
    """«Disattivazione rinnovo automatico»: nothing will be debited, and what happens at the expiry."""
    say = about.say
    (service,) = _services(about.s, [about.params["service_id"]], about.account.id)
    expires = i18n.date(service.expires_on, about.lang) if service.expires_on else ""
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m05.off", service=service.label)),
        letters.Facts(((say("product"), service.label), (say("m05.expires"), expires))),
        letters.Paragraph(say("m05.renew", expires=expires)),
        letters.Paragraph(say("m05.again")),
        letters.Action(say("m05.button"), matter.link("/area-clienti")),
    )
    return matter.Composed(letters.Letter(say("m05.subject", service=service.label), say("m05.summary"), blocks))


def m11(about: matter.Matter) -> matter.Composed:
    """«Metodo di pagamento rimosso»: what renews no more, with the expiry of each."""
    say = about.say
    shown = _shown(about)
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m11.gone", means=shown)),
        *_switched_off(about),
        letters.Action(say("m11.button"), matter.link("/metodi-di-pagamento")),
    )
    return matter.Composed(letters.Letter(say("m11.subject"), say("m11.summary", means=shown), blocks))


def m12(about: matter.Matter) -> matter.Composed:
    """«Account PayPal non più collegato»: the customer has cut it off at the gateway; what renews no more."""
    say = about.say
    shown = _shown(about)
    method = about.s.get_one(tables.PaymentMethod, about.params["method_id"])
    kind = "paypal" if method.gateway == "paypal" else "card"
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"m12.gone.{kind}", means=shown)),
        *_switched_off(about),
        letters.Action(say("m12.button"), matter.link("/area-clienti")),
    )
    return matter.Composed(letters.Letter(say(f"m12.subject.{kind}"), say("m12.summary", means=shown), blocks))


def _shown(about: matter.Matter) -> str:
    method = about.s.get_one(tables.PaymentMethod, about.params["method_id"])
    return facts.means(method.gateway, method.brand, method.last4, about.lang, method.label)


def _switched_off(about: matter.Matter) -> tuple[letters.Block, ...]:
    """The renewals that the method took with it, and what to do about them."""
    services = _services(about.s, about.params["service_ids"], about.account.id)
    if not services:
        return (letters.Paragraph(about.say("off.none")),)
    return (
        letters.Heading(about.say("off.title")),
        letters.Facts(tuple(matter.expiry(service, about.lang) for service in services)),
        letters.Paragraph(about.say("off.renew")),
    )
