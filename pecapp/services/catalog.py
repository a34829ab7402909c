"""The catalogue in the database: price list, promotions, codes and certified domains."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import URL, bindparam
from sqlmodel import Session, SQLModel, col, select

from pecapp import clock, db, i18n, tables
from pecapp.domain import catalog, quotes
from pecapp.services import numbering, views

VERSION = "catalogue-version"
_PARTS: Mapping[str, type[SQLModel]] = {
    "product": tables.Product,
    "price": tables.Price,
    "promotion": tables.Promotion,
    "code": tables.DiscountCode,
}
_VERSION = select(numbering.COUNTER.c.value).where(numbering.COUNTER.c.name == bindparam("counter"))
_read: dict[tuple[URL, int], catalog.Catalogue] = {}
"""The catalogue last read, under its database and version."""


def current(s: Session) -> catalog.Catalogue:
    """Everything for sale. Read again only when a load has counted the version up."""
    version = db.core(s).execute(_VERSION, {"counter": VERSION}).scalar_one_or_none() or 0
    key = (db.engine().url, version)
    known = _read.get(key)
    if known is None:
        known = catalog.from_mapping(_mapping(s))
        _read.clear()
        _read[key] = known
    return known


def _mapping(s: Session) -> dict[str, object]:
    parts = {
        part: [row.model_dump(exclude={"id"} if table is tables.Price else None) for row in s.exec(select(table))]
        for part, table in _PARTS.items()
    }
    domains = s.exec(select(tables.CertifiedDomain.name).order_by(col(tables.CertifiedDomain.position))).all()
    return {**parts, "domains": domains}


def load(data: Mapping[str, Any]) -> None:
    """Add a catalogue file to the database: new rows are added, texts and flags updated, prices never changed.

    Raises ValueError when the file contradicts itself. Safe to repeat.
    """
    read = catalog.from_mapping(data)
    with db.transaction() as s:
        for part, table in _PARTS.items():
            _merge(s, table, data.get(part, ()))
        for position, domain in enumerate(read.domains):
            s.merge(tables.CertifiedDomain(name=domain, position=position))
        changed(s)


def hold(s: Session) -> None:
    """Let nobody else change the catalogue up to the end of this transaction, in which nothing of it was read yet."""
    s.exec(db.locked(select(tables.Counter).where(tables.Counter.name == VERSION))).one_or_none()


def changed(s: Session) -> None:
    """Something of the catalogue was written: whoever reads it next reads it anew.

    Raises ValueError when it contradicts itself now.
    """
    s.flush()
    catalog.from_mapping(_mapping(s))
    numbering.take(s, VERSION)


def _merge(s: Session, table: type[SQLModel], rows: Iterable[Mapping[str, Any]]) -> None:
    for row in rows:
        if table is tables.Price:
            known = s.exec(
                select(tables.Price).where(
                    tables.Price.product_code == row["product_code"], tables.Price.valid_from == row["valid_from"]
                )
            ).one_or_none()
            if known is None:
                s.add(tables.Price(**row))
        else:
            s.merge(table(**row))
    s.flush()


def name(product: catalog.Product, lang: i18n.Lang) -> str:
    """The product's name in the reader's language."""
    return product.name_en if lang == "en" else product.name_it


def shown(lang: i18n.Lang) -> list[views.ProductView]:
    """The products that can be ordered, in the order of the catalogue, with today's prices."""
    at = clock.now()
    with db.reading() as s:
        price_list = current(s).price_list
    mains = [p for p in price_list.products if p.sellable and not p.parent_codes and not p.automatic]
    return [_view(price_list, product, at, lang) for product in mains]


def _view(price_list: catalog.PriceList, product: catalog.Product, at: datetime, lang: i18n.Lang) -> views.ProductView:
    years = product.freq_min if product.yearly else None
    quote = quotes.quote(price_list, quotes.Cart(product.code, 1, years), at=at)
    reduced = quote.list_totals.gross_cents > quote.totals.gross_cents
    return views.ProductView(
        code=product.code,
        family=product.family.value,
        kind=product.kind.value,
        name=name(product, lang),
        summary=product.summary_en if lang == "en" else product.summary_it,
        period=product.period.value,
        net=i18n.money(quote.totals.net_cents, lang),
        gross=i18n.money(quote.totals.gross_cents, lang),
        ordinary_gross=i18n.money(quote.list_totals.gross_cents, lang) if reduced else "",
        promotion=promotion_text(quote.promotion, lang),
        renewal=i18n.text("catalog.renewal", lang, amount=i18n.money(quote.renewal.gross_cents, lang))
        if quote.renewal
        else "",
        auto_renewable=product.auto_renewable,
        freq_min=quote.freq_min,
        freq_max=quote.freq_max,
        quantity_max=product.quantity_max,
    )


def promotion_text(promotion: catalog.Promotion | None, lang: i18n.Lang) -> str:
    """What a promotion is and until when, or nothing."""
    if promotion is None:
        return ""
    return i18n.text("catalog.promotion", lang, until=i18n.date(promotion.ends_at.astimezone(clock.ROME).date(), lang))
