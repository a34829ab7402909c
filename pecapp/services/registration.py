"""What every registration of an order has in common: its number, its lines, and the mail that acknowledges it."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session

from pecapp import db, tables
from pecapp.domain import catalog, quotes
from pecapp.services import live, numbering, outbox

_ORDER = db.table(tables.Order)
_NUMBERED = select(_ORDER.c.id).where(_ORDER.c.number == bindparam("wanted"))
_LINE = insert(db.table(tables.OrderLine))


def free_number(s: Session) -> str:
    """An order number that nobody has."""
    while True:
        number = numbering.new_order_number()
        if db.core(s).execute(_NUMBERED, {"wanted": number}).first() is None:
            return number


def add_lines(s: Session, order_id: int, price_list: catalog.PriceList, lines: Iterable[quotes.QuoteLine]) -> None:
    """Store what a stored order consists of, named as it is named today."""
    rows = [_line(order_id, price_list.product(line.product_code), line) for line in lines]
    db.core(s).execute(_LINE, rows)


def _line(order_id: int, product: catalog.Product, line: quotes.QuoteLine) -> dict[str, Any]:
    return {
        "order_id": order_id,
        "product_code": product.code,
        "name_it": product.name_it,
        "name_en": product.name_en,
        "quantity": line.quantity,
        "years": line.years,
        "net_cents": line.net_cents,
        "list_net_cents": line.list_net_cents,
    }


def acknowledge(s: Session, order: tables.Order) -> None:
    """«Conferma ordine» (M02), once, and the customer's open pages look again."""
    outbox.post(
        s,
        template="m02",
        dedup_key=f"m02:order:{order.id}",
        account_id=order.account_id,
        order_id=order.id,
        to_address=order.reference_email,
        lang=order.lang,
        params={},
    )
    live.publish(s, live.account(order.account_id), live.WORK_MAIL)
