"""The mails of the trade (domain rules 7): which words and figures each one carries.

A mail is written from the rows as they are when it leaves; `params` holds only what no row knows. Nothing here sends.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

from sqlmodel import Session

from pecapp import i18n, settings, tables
from pecapp.domain import calendar, orders, payments
from pecapp.gateways import registry
from pecapp.services import (
    debit_mails,
    expiry_mails,
    facts,
    letters,
    matter,
    renewal_mails,
    subscriptions,
    terms,
    withdrawal_mails,
)

_TONES = MappingProxyType(
    {
        orders.Status.AWAITING_PAYMENT: "warning",
        orders.Status.VERIFYING: "progress",
        orders.Status.PAID: "success",
        orders.Status.CANCELLED: "neutral",
        orders.Status.EXPIRED: "neutral",
        orders.Status.REFUNDED: "neutral",
    }
)
_CLOSERS = frozenset({"customer", "staff"})


def compose(s: Session, mail: tables.OutboxMail) -> matter.Composed:
    """The mail of this outbox row, as the rows stand now. Reads only.

    Raises KeyError for a template that does not exist.
    """
    return _COMPOSERS[mail.template](matter.Matter(s, mail, i18n.language(mail.lang)))


# --- the account ------------------------------------------------------------------------------------------------------


def _m01(about: matter.Matter) -> matter.Composed:
    """«Conferma iscrizione»: the username, and the link that confirms the address."""
    say = about.say
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m01.done", brand=settings.load().brand_name)),
        letters.Facts(((say("username"), about.account.login), (say("email"), about.account.email))),
        letters.Paragraph(say("m01.confirm")),
        letters.Action(say("m01.button"), matter.link(about.params["path"])),
        letters.Paragraph(say("m01.once")),
        letters.Action(say("m01.sign_in"), matter.link("/accedi"), main=False),
        letters.Paragraph(say("m01.not_you")),
    )
    return matter.Composed(letters.Letter(say("m01.subject"), say("m01.summary"), blocks))


def _m00(about: matter.Matter) -> matter.Composed:
    """«Recupero delle credenziali»: the username, and the link that sets a new password."""
    say = about.say
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say("m00.asked")),
        letters.Facts(((say("username"), about.account.login),)),
        letters.Action(say("m00.button"), matter.link(about.params["path"])),
        letters.Paragraph(say("m00.once")),
        letters.Paragraph(say("m00.not_you")),
    )
    return matter.Composed(letters.Letter(say("m00.subject"), say("m00.summary"), blocks))


def _s01(about: matter.Matter) -> matter.Composed:
    """«Invito»: what a new member of the staff may do, how they come in, and the link that sets their password."""
    say, brand = about.say, settings.load().brand_name
    role = i18n.text(f"staff.role.{about.params['role']}", about.lang)
    blocks = (
        about.greeting(""),
        letters.Paragraph(say("s01.invited", brand=brand)),
        letters.Facts(((say("s01.role"), role), (say("s01.enters_as"), about.account.email))),
        letters.Paragraph(say("s01.how")),
        letters.Action(say("s01.button"), matter.link(about.params["path"])),
        letters.Paragraph(say("s01.once")),
        letters.Paragraph(say("s01.unexpected")),
    )
    return matter.Composed(letters.Letter(say("s01.subject", brand=brand), say("s01.summary"), blocks))


def _m23(about: matter.Matter) -> matter.Composed:
    """«Accesso o modifica dati»: what was done in a browser that is new, and what to do if it was somebody else."""
    say, what = about.say, about.params["what"]
    at = i18n.instant(datetime.fromisoformat(about.params["at"]), about.lang)
    write, check = say("m23.write", email=settings.load().seller_email), say("m23.check")
    to_methods = letters.Action(say("m11.button"), matter.link("/metodi-di-pagamento"), main=False)
    to_password = letters.Action(say("m23.button"), matter.link("/recupera"))
    lost = what == "email"  # a new password would be sent to the address that somebody else has put there
    blocks = (
        about.greeting(matter.name(about.account)),
        letters.Paragraph(say(f"m23.{what}")),
        letters.Facts(((say("m23.at"), at), (say("m23.device"), about.params["device"]))),
        letters.Paragraph(say("m23.you")),
        letters.Heading(say("m23.not_you")),
        letters.Items((write, check) if lost else (say("m23.change"), check, write)),
        *((to_methods,) if lost else (to_password, to_methods)),
    )
    return matter.Composed(letters.Letter(say("m23.subject"), say(f"m23.{what}.summary", at=at), blocks))


# --- the order --------------------------------------------------------------------------------------------------------


def _m02(about: matter.Matter) -> matter.Composed:
    """«Conferma ordine»: acknowledges the order and confirms the contract on a durable medium."""
    found, say = about.order(), about.say
    order = found.row
    status = orders.Status(order.status)
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say("m02.received")),
        letters.Status(_TONES[status], i18n.text(f"order.status.{status}", about.lang)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("order_date"), i18n.instant(order.created_at, about.lang)),
                (say("holder"), found.holder.display_name),
                (say("address"), facts.postal_address(found.holder)),
                (say("subject"), facts.subject(order.configuration)),
                (say("duration"), facts.years(order.years, about.lang) if order.years else ""),
                (say("means"), facts.means(order.gateway, "", "", about.lang)),
            )
        ),
        _bill(about, found),
        *(_how_to_pay(about, found) if status in orders.PAYABLE else ()),
        letters.Heading(say("m02.renewal")),
        letters.Paragraph(_renewal(about, order)),
        *_withdrawal(about, found),
        letters.Heading(say("m02.accepted")),
        letters.Items(
            tuple(f"«{one.label}» ({i18n.instant(one.at, about.lang)})" for one in found.accepted if one.label)
        ),
        letters.Paragraph(say("m02.enclosed.consumer" if found.holder.consumer else "m02.enclosed")),
    )
    summary = say("m02.summary", number=order.number, amount=about.money(order.gross_cents))
    return matter.Composed(letters.Letter(say("m02.subject"), summary, blocks), _enclosed(about, found))


def _bill(about: matter.Matter, found: facts.OrderFacts) -> letters.Bill:
    order, say = found.row, about.say
    discount = (say("discount", code=order.discount_code or ""), about.money(-order.discount_net_cents))
    totals = [
        (say("net"), about.money(order.net_cents)),
        (say("vat", rate=order.vat_rate), about.money(order.vat_cents)),
        (say("gross"), about.money(order.gross_cents)),
    ]
    return letters.Bill(
        item=say("item"),
        amount=say("amount_net"),
        lines=tuple(
            (line.name, facts.line_text(line, about.lang), about.money(line.net_cents)) for line in found.lines
        ),
        totals=tuple([discount, *totals] if order.discount_net_cents else totals),
    )


def _how_to_pay(about: matter.Matter, found: facts.OrderFacts) -> tuple[letters.Block, ...]:
    order, say = found.row, about.say
    return (
        letters.Heading(say("pay.title")),
        letters.Paragraph(say(_where(), until=i18n.date(calendar.rome_date(order.payable_until_at), about.lang))),
        letters.Action(say("pay.button"), matter.order_link(found)),
        letters.Paragraph(say("pay.quick", number=order.number)),
        letters.Action(say("pay.quick_button"), matter.link("/paga", numero=order.number), main=False),
    )


def _where() -> str:
    return "pay.area.paypal" if "paypal" in registry.gateways() else "pay.area"


def _renewal(about: matter.Matter, order: tables.Order) -> str:
    renewed = about.s.get(tables.Service, order.configuration.get("service") or 0)
    if renewed is not None and renewed.renewal == subscriptions.RENEWAL_ACTIVE:
        return about.say("m02.renewal.stays")
    if order.auto_renew is None:
        return about.say("m02.renewal.none")
    if not order.auto_renew:
        return about.say("m02.renewal.no")
    amount = about.money(order.renewal_gross_cents or 0)
    return about.say("m02.renewal.yes", amount=amount, days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)


def _withdrawal(about: matter.Matter, found: facts.OrderFacts) -> tuple[letters.Block, ...]:
    until = found.row.withdrawal_until_on
    if not found.holder.consumer or until is None:
        return ()
    say = about.say
    return (
        letters.Heading(say("m02.withdrawal")),
        letters.Paragraph(
            say("m02.withdrawal.right", until=i18n.date(until, about.lang), email=settings.load().seller_email)
        ),
        letters.Action(say("m02.withdrawal.button"), matter.link("/recesso", ordine=found.row.number), main=False),
        letters.Paragraph(say("m02.withdrawal.started" if found.row.start_now else "m02.withdrawal.not_started")),
    )


def _enclosed(about: matter.Matter, found: facts.OrderFacts) -> tuple[terms.Document, ...]:
    """The very versions that were accepted, each once; for consumers also the form to withdraw with."""
    accepted = {
        (one.document_id, one.version, one.lang): terms.find(one.document_id, one.version, i18n.language(one.lang))
        for one in found.accepted
        if one.document_id in terms.CONTRACTS
    }
    form = (terms.current("withdrawal", about.lang),) if found.holder.consumer else ()
    return (*accepted.values(), *form)


def _m18(about: matter.Matter) -> matter.Composed:
    """«Ordine annullato»: who did it, and when."""
    found, say = about.order(), about.say
    order = found.row
    closer = about.params.get("by") or order.closed_by
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say(f"m18.by.{closer if closer in _CLOSERS else 'system'}", number=order.number)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("closed"), i18n.instant(order.closed_at, about.lang) if order.closed_at else ""),
                (say("product"), ", ".join(line.name for line in found.lines)),
                (say("amount"), about.money(order.gross_cents)),
            )
        ),
        letters.Paragraph(say("m18.nothing_due")),
        letters.Action(say("m18.button"), matter.link("/servizi"), main=False),
    )
    summary = say("m18.summary", number=order.number)
    return matter.Composed(letters.Letter(say("m18.subject"), summary, blocks))


def _m19(about: matter.Matter) -> matter.Composed:
    """«Ordine in attesa di pagamento»: how to pay it, and until when."""
    found, say, stage = about.order(), about.say, about.params["stage"]
    order = found.row
    amount, until = about.money(order.gross_cents), about.day(calendar.rome_date(order.payable_until_at))
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say(f"m19.stage.{stage}", number=order.number, until=until)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("product"), ", ".join(line.name for line in found.lines)),
                (say("subject"), facts.subject(order.configuration)),
                (say("amount"), amount),
                (say("m19.until"), until),
            )
        ),
        *(_how_to_pay(about, found) if orders.Status(order.status) in orders.PAYABLE else ()),
        letters.Paragraph(say("m19.lapses", until=until)),
    )
    summary = say("m19.summary", number=order.number, amount=amount, until=until)
    return matter.Composed(letters.Letter(say("m19.subject"), summary, blocks))


# --- the payment ------------------------------------------------------------------------------------------------------


def _m03(about: matter.Matter) -> matter.Composed:
    """«Conferma pagamento»: proves the payment; the invoice is another paper."""
    found, say = about.order(), about.say
    order, receipt = found.row, found.receipt
    if receipt is None:
        raise ValueError(f"order {order.number} has no receipt")
    paid = receipt.payment
    expiries = [service for service in found.services if service.expires_on]
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say("m03.registered" if paid else "m03.nothing_due")),
        letters.Status("success", i18n.text(f"order.status.{orders.Status.PAID}", about.lang)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("receipt"), receipt.number),
                (say("amount_paid"), about.money(order.gross_cents)),
                (say("paid_on"), i18n.instant(order.paid_at or receipt.issued_at, about.lang)),
                (say("means"), facts.paid_with(paid, about.lang) if paid else ""),
            )
        ),
        *((letters.Heading(say("m03.expiries")),) if expiries else ()),
        *((letters.Facts(tuple(matter.expiry(service, about.lang) for service in expiries)),) if expiries else ()),
        letters.Paragraph(facts.next_step(about.s, order, about.lang)),
        *((letters.Paragraph(say("m03.not_saved")),) if paid and paid.not_saved else ()),
        letters.Action(say("m03.button"), matter.order_link(found)),
        letters.Paragraph(say("m03.not_invoice")),
    )
    summary = say("m03.summary", number=order.number, amount=about.money(order.gross_cents))
    return matter.Composed(letters.Letter(say("m03.subject"), summary, blocks))


def _m06(about: matter.Matter) -> matter.Composed:
    """«Pagamento non riuscito»: why, in plain words, and how to pay."""
    found, say = about.order(), about.say
    order = found.row
    reason = about.params.get("reason")
    known = reason if reason in set(payments.Reason) else payments.Reason.DECLINED.value
    why = "m06.paypal" if about.params.get("gateway") == "paypal" else f"m06.reason.{known}"
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say("m06.failed", number=order.number)),
        letters.Paragraph(say(why)),
        letters.Facts(
            (
                (say("order"), order.number),
                (say("product"), ", ".join(line.name for line in found.lines)),
                (say("amount"), about.money(order.gross_cents)),
            )
        ),
        *(_how_to_pay(about, found) if orders.Status(order.status) in orders.PAYABLE else ()),
    )
    summary = say("m06.summary", number=order.number)
    return matter.Composed(letters.Letter(say("m06.subject"), summary, blocks))


_COMPOSERS: Mapping[str, Callable[[matter.Matter], matter.Composed]] = MappingProxyType(
    {
        "m00": _m00,
        "m01": _m01,
        "m02": _m02,
        "m03": _m03,
        "m04": renewal_mails.m04,
        "m05": renewal_mails.m05,
        "m06": _m06,
        "m09": renewal_mails.m09,
        "m10": renewal_mails.m10,
        "m11": renewal_mails.m11,
        "m12": renewal_mails.m12,
        "m14": renewal_mails.m14,
        "m15": renewal_mails.m15,
        "m18": _m18,
        "m19": _m19,
        "m20": withdrawal_mails.m20,
        "m21": withdrawal_mails.m21,
        "m23": _m23,
        "s01": _s01,
        **debit_mails.COMPOSERS,
        **expiry_mails.COMPOSERS,
    }
)
TEMPLATES = frozenset(_COMPOSERS)
"""Every mail that can be posted."""
