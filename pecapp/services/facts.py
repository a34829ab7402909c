"""What is known of one order, read once, for everything that is written about it: mails and the receipt.

No sentence is made here: amounts are cents, dates are dates. The words are chosen where the paper is written.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlmodel import Session, col, or_, select

from pecapp import i18n, tables
from pecapp.domain import identity, payments

_BRANDS = MappingProxyType(
    {
        "amex": "American Express",
        "cartes_bancaires": "Cartes Bancaires",
        "diners": "Diners Club",
        "jcb": "JCB",
        "unionpay": "UnionPay",
    }
)
"""Names of circuits that are not simply their code with a capital letter."""


@dataclass(frozen=True)
class Line:
    """One product of the order, in the reader's language."""

    name: str
    quantity: int
    years: int | None
    net_cents: int


@dataclass(frozen=True)
class Payment:
    """How money moved, as far as it may be told: never more of a card than its brand and last four digits."""

    gateway: str
    brand: str
    last4: str
    label: str
    """The account at the gateway, masked; empty for a card."""
    reference: str
    """The gateway's name for the movement of money."""
    not_saved: bool = False
    """Whether the customer had asked to keep the method and the gateway refused."""


@dataclass(frozen=True)
class Receipt:
    """The proof of payment; `payment` is None when there was nothing to pay."""

    number: str
    issued_at: datetime
    payment: Payment | None


@dataclass(frozen=True)
class Service:
    """A service that the order bought or renewed."""

    id: int
    label: str
    expires_on: date | None
    years: int | None


@dataclass(frozen=True)
class Accepted:
    """One acceptance given with the order: the words beside the box, and the document they speak of."""

    label: str
    document_id: str
    version: str
    lang: str
    at: datetime


@dataclass(frozen=True)
class OrderFacts:
    """An order with its lines, receipt, services and acceptances; prices frozen at registration."""

    row: tables.Order
    holder: identity.Holder
    lines: tuple[Line, ...]
    receipt: Receipt | None
    services: tuple[Service, ...]
    accepted: tuple[Accepted, ...]


def receipt_number(year: int, number: int) -> str:
    """A receipt's number as people read it: «2026/000123»."""
    return f"{year}/{number:06d}"


def holder(data: dict[str, Any]) -> identity.Holder:
    """The holder stored with an order, as validated then: today's rules do not judge yesterday's data."""
    kind = identity.CustomerKind(data.get("kind", identity.CustomerKind.PRIVATE))
    return identity.Holder.model_construct(None, **data | {"kind": kind})


def of_order(s: Session, order_id: int, lang: i18n.Lang) -> OrderFacts:
    """All that is written about the order `order_id`, which must exist."""
    order = s.get_one(tables.Order, order_id)
    lines = s.exec(
        select(tables.OrderLine).where(tables.OrderLine.order_id == order_id).order_by(col(tables.OrderLine.id))
    )
    bought = or_(col(tables.Service.order_id) == order_id, col(tables.Service.id) == order.configuration.get("service"))
    services = s.exec(select(tables.Service).where(bought).order_by(col(tables.Service.id)))
    accepted = s.exec(
        select(tables.Acceptance).where(tables.Acceptance.order_id == order_id).order_by(col(tables.Acceptance.id))
    )
    return OrderFacts(
        row=order,
        holder=holder(order.holder),
        lines=tuple(
            Line(row.name_en if lang == "en" else row.name_it, row.quantity, row.years, row.net_cents) for row in lines
        ),
        receipt=_receipt(s, order_id),
        services=tuple(Service(row.id or 0, row.label, row.expires_on, row.years) for row in services),
        accepted=tuple(
            Accepted(row.label, row.document_id, row.version, row.lang, row.accepted_at) for row in accepted
        ),
    )


def subject(configuration: Mapping[str, Any]) -> str:
    """What an order is for, as its customer typed it: the mailboxes, the signer, or the address for notices."""
    typed = configuration.get("typed", {})
    signer = f"{typed.get('signer_first_name', '')} {typed.get('signer_last_name', '')}".strip()
    return ", ".join(configuration.get("names", ())) or signer or str(typed.get("notice_pec", ""))


def next_step(s: Session, order: tables.Order, lang: i18n.Lang) -> str:
    """What happens to a paid order now, in a sentence; empty where there is nothing to say."""
    if order.configuration.get("service"):
        return i18n.text("next.renewed", lang)
    product = s.get(tables.Product, order.configuration["product"])
    key = f"next.{product.kind}" if product else ""
    return i18n.text(key, lang) if key in i18n.words(lang) else ""


def payment(s: Session, attempt_id: str) -> Payment:
    """How the attempt `attempt_id`, which must exist, was paid."""
    attempt = s.get_one(tables.PaymentAttempt, attempt_id)
    return Payment(
        gateway=attempt.gateway,
        brand=attempt.card_brand,
        last4=attempt.card_last4,
        label=attempt.wallet_label,
        reference=attempt.payment_ref or "",
        not_saved=attempt.saving == payments.Saving.REFUSED,
    )


def postal_address(who: identity.Holder) -> str:
    """A holder's address on one line: «Via Roma 1, 00100 Roma (RM)»."""
    province = f" ({who.province})" if who.province else ""
    country = f", {who.country}" if who.country not in {"", identity.ITALY} else ""
    return f"{who.address}, {who.postal_code} {who.city}{province}{country}".strip(", ")


def means(gateway: str, brand: str, last4: str, lang: i18n.Lang, label: str = "") -> str:
    """A means of payment as people know it: «Visa •••• 4242», «PayPal m•••@d•••.it»; «Carta di credito» or «PayPal»
    while no more is known."""
    if last4:
        return f"{_BRANDS.get(brand, brand.capitalize())} •••• {last4}"
    return f"{i18n.text('paper.means.paypal' if gateway == 'paypal' else 'paper.means.card', lang)} {label}".strip()


def paid_with(paid: Payment, lang: i18n.Lang) -> str:
    """What a payment was made with, as people know it."""
    return means(paid.gateway, paid.brand, paid.last4, lang, paid.label)


def years(count: int, lang: i18n.Lang) -> str:
    """A number of years in words: «1 anno», «2 anni»."""
    return i18n.text("paper.years.one" if count == 1 else "paper.years.more", lang, count=count)


def line_text(line: Line, lang: i18n.Lang) -> str:
    """What a line's amount is for, besides its name: «5 pezzi, 2 anni»; empty for one piece without a term."""
    parts = [i18n.text("paper.pieces", lang, count=line.quantity)] if line.quantity > 1 else []
    parts += [years(line.years, lang)] if line.years else []
    return ", ".join(parts)


def _receipt(s: Session, order_id: int) -> Receipt | None:
    row = s.get(tables.Receipt, order_id)
    if row is None:
        return None
    paid = payment(s, row.attempt_id) if row.attempt_id else None
    return Receipt(receipt_number(row.year, row.number), row.issued_at, paid)
