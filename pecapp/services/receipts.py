"""The receipt of a payment as a PDF: proves the payment, is not an invoice, and is served only to who may see it."""

from dataclasses import dataclass
from typing import Any

from sqlmodel import select

from pecapp import db, errors, i18n, settings, tables
from pecapp.domain import identity, staff
from pecapp.services import access, facts, printing


@dataclass(frozen=True)
class Printed:
    """A receipt ready to be handed out: the name under which it is saved, and the PDF."""

    filename: str
    content: bytes


def pdf(actor: access.Actor, number: str, lang: i18n.Lang) -> Printed:
    """The receipt of the order `number`, for its owner or a member of staff.

    Raises NotFound for everybody else and for an order that has none: the two cannot be told apart.
    """
    wanted = select(tables.Order.id).join(tables.Receipt).where(tables.Order.number == number)
    if not staff.may(actor.role, staff.Right.READ):
        wanted = wanted.where(tables.Order.account_id == actor.account_id)
    with db.reading() as s:
        order_id = s.exec(wanted).one_or_none() if actor.signed_in else None
        if order_id is None:
            raise errors.NotFound
        found = facts.of_order(s, order_id, lang)
    if found.receipt is None:
        raise errors.NotFound
    name = f"{i18n.text('receipt.file', lang)}-{found.receipt.number.replace('/', '-')}.pdf"
    return Printed(name, make(found, found.receipt, lang))


def make(found: facts.OrderFacts, receipt: facts.Receipt, lang: i18n.Lang) -> bytes:
    """Print a receipt: tagged PDF, the same bytes every time. What people typed is shown, never obeyed."""
    order = found.row
    data: dict[str, Any] = {
        "lang": lang,
        "title": i18n.text("receipt.title", lang, number=receipt.number),
        "heading": i18n.text("receipt.heading", lang),
        "number": receipt.number,
        "gross": i18n.money(order.gross_cents, lang),
        "imprint": printing.imprint(lang),
        "words": {name: i18n.text(f"receipt.{name}", lang) for name in _WORDS},
        "seller": _seller(lang),
        "holder": _holder(found.holder, lang),
        "facts": _facts(order, receipt, lang),
        "lines": [
            {
                "name": line.name,
                "detail": facts.years(line.years, lang) if line.years else "",
                "quantity": line.quantity,
                "net": i18n.money(line.net_cents, lang),
            }
            for line in found.lines
        ],
        "totals": _totals(order, lang),
    }
    return printing.pdf("receipt.typ", data, receipt.issued_at)


_WORDS = (
    "number",
    "paid",
    "lines",
    "item",
    "quantity",
    "amount_net",
    "gross",
    "not_invoice",
    "not_invoice_why",
    "keep",
)


def _seller(lang: i18n.Lang) -> dict[str, Any]:
    current = settings.load()
    return {
        "role": i18n.text("receipt.seller", lang),
        "name": current.seller_name,
        "lines": [
            current.seller_address,
            i18n.text("receipt.vat_number", lang, number=current.seller_vat_number),
            current.seller_email,
            current.seller_phone,
        ],
    }


def _holder(who: identity.Holder, lang: i18n.Lang) -> dict[str, Any]:
    lines = [facts.postal_address(who)]
    if who.vat_number:
        lines.append(i18n.text("receipt.vat_number", lang, number=who.vat_number))
    if who.tax_code and who.tax_code != who.vat_number:
        lines.append(i18n.text("receipt.tax_code", lang, number=identity.mask_tax_code(who.tax_code)))
    return {"role": i18n.text("receipt.holder", lang), "name": who.display_name, "lines": lines}


def _facts(order: tables.Order, receipt: facts.Receipt, lang: i18n.Lang) -> list[tuple[str, str]]:
    paid = receipt.payment
    means = facts.paid_with(paid, lang) if paid else i18n.text("receipt.nothing_due", lang)
    rows = [
        (i18n.text("receipt.order", lang), order.number),
        (i18n.text("receipt.date", lang), i18n.instant(order.paid_at or receipt.issued_at, lang)),
        (i18n.text("receipt.means", lang), means),
    ]
    if paid and paid.reference:
        rows.append((i18n.text("receipt.reference", lang), paid.reference))
    return rows


def _totals(order: tables.Order, lang: i18n.Lang) -> list[tuple[str, str]]:
    rows = [
        (i18n.text("receipt.net", lang), i18n.money(order.net_cents, lang)),
        (i18n.text("receipt.vat", lang, rate=order.vat_rate), i18n.money(order.vat_cents, lang)),
    ]
    if not order.discount_net_cents:
        return rows
    code = i18n.text("receipt.discount", lang, code=order.discount_code or "")
    return [(code, i18n.money(-order.discount_net_cents, lang)), *rows]
