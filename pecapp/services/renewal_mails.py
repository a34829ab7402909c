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


def m12(about: matter.Matter) -> matter.Composed:
    """«Account PayPal non più collegato»: the customer has cut it off at the gateway; what renews no more."""
    say = about.say
    method = about.s.get_one(tables.PaymentMethod, about.params["method_id"])
    shown = facts.means(method.gateway, method.brand, method.last4, about.lang, method.label)
    services = _services(about.s, about.params["service_ids"], about.account.id)
    kind = "paypal" if method.gateway == "paypal" else "card"
    off = (
        letters.Heading(say("m12.off")),
        letters.Facts(tuple(matter.expiry(service, about.lang) for service in services)),
        letters.Paragraph(say("m12.renew")),
    )
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"m12.gone.{kind}", means=shown)),
        *(off if services else (letters.Paragraph(say("m12.none_off")),)),
        letters.Action(say("m12.button"), matter.link("/area-clienti")),
    )
    return matter.Composed(letters.Letter(say(f"m12.subject.{kind}"), say("m12.summary", means=shown), blocks))
