"""The mails about withdrawal: that a declaration was received, and that money goes back."""

from pecapp import i18n, tables
from pecapp.services import facts, letters, matter


def m20(about: matter.Matter) -> matter.Composed:
    """«Conferma ricezione recesso»: the declaration on a durable medium, with date and time of receipt (art. 54-bis).

    What it brings about is told only at an address that is known to be the customer's.
    """
    say = about.say
    row = about.s.get_one(tables.Withdrawal, about.params["withdrawal_id"])
    at = i18n.instant(row.received_at, about.lang)
    told = tuple(row.told) if _known(about, row) else ()
    blocks = (
        about.greeting(row.name),
        letters.Paragraph(say("m20.received", at=at)),
        letters.Heading(say("m20.declaration")),
        letters.Paragraph(say("m20.words")),
        letters.Facts(
            (
                (say("m20.name"), row.name),
                (say("order"), row.number),
                (say("m20.email"), row.email),
                (say("m20.at"), at),
            )
        ),
        *((letters.Heading(say("m20.effects")), letters.Items(told)) if told else ()),
        letters.Heading(say("m20.refund")),
        letters.Paragraph(say("m20.when")),
        letters.Paragraph(say("m20.not_you")),
    )
    return matter.Composed(letters.Letter(say("m20.subject"), say("m20.summary", number=row.number), blocks))


def _known(about: matter.Matter, row: tables.Withdrawal) -> bool:
    if row.account_id is None or row.order_id is None:
        return False
    order = about.s.get_one(tables.Order, row.order_id)
    return row.email.lower() in {order.reference_email.lower(), about.account.email_key}


def m21(about: matter.Matter) -> matter.Composed:
    """«Rimborso disposto»: how much goes back, and by which way."""
    found, say = about.order(), about.say
    refund = about.s.get_one(tables.Refund, about.params["refund_id"])
    paid = facts.payment(about.s, refund.attempt_id)
    why = refund.reason if refund.reason in {"surplus", "withdrawal"} else "sent"
    blocks = (
        about.greeting(found.holder.display_name),
        letters.Paragraph(say(f"m21.{why}", number=found.row.number)),
        letters.Facts(
            (
                (say("order"), found.row.number),
                (say("refunded"), about.money(refund.amount_cents)),
                (say("means"), facts.paid_with(paid, about.lang)),
                (say("credit_note"), str(about.params.get("credit_note", ""))),
            )
        ),
        letters.Paragraph(say("m21.when")),
        letters.Action(say("m21.button"), matter.order_link(found), main=False),
    )
    summary = say("m21.summary", number=found.row.number, amount=about.money(refund.amount_cents))
    return matter.Composed(letters.Letter(say("m21.subject"), summary, blocks))
