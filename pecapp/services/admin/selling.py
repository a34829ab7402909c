"""Prices and promotions: what was in force stays as it was; only what is to come can be changed.

A price counts from a day that is not over yet in any order; a promotion that runs can be ended, not rewritten; an order
keeps the prices at which it was registered (9.24, 9.25).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from uuid import uuid4

from sqlmodel import col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, money, staff
from pecapp.domain import catalog as rules
from pecapp.services import access, audit, catalog
from pecapp.services.admin import discount_codes, offers

AGAIN_AFTER = timedelta(days=30)
"""How long after its end the same promotion may not come again without a reason of its own (2.3)."""


@dataclass(frozen=True)
class PriceView:
    """A price in the list of a product."""

    price_id: int
    since: str
    cost: str
    """Without and with VAT, as `cost` says it."""
    first_year: str
    state: str
    """`past`, `now`, `coming`."""


@dataclass(frozen=True)
class PromotionView:
    """A promotion of a product."""

    promotion_id: str
    cost: str
    since: str
    until: str
    """The last day on which it counts."""
    state: str


@dataclass(frozen=True)
class ProductView:
    """A product with all its prices, newest first, and its promotions."""

    code: str
    name: str
    now: str
    prices: list[PriceView] = field(default_factory=list)
    promotions: list[PromotionView] = field(default_factory=list)


@dataclass(frozen=True)
class SellingView:
    """Everything that is sold, and for how much."""

    products: list[ProductView] = field(default_factory=list)
    codes: list[discount_codes.CodeView] = field(default_factory=list)
    today: str = ""
    tomorrow: str = ""
    """The first days that can be asked for, as a browser's own field for days wants them."""


def shown(actor: access.Actor, lang: i18n.Lang) -> SellingView:
    """All prices, promotions and codes. Raises Forbidden."""
    access.staff(actor, staff.Right.READ)
    with db.reading() as s:
        products = s.exec(select(tables.Product).order_by(col(tables.Product.position))).all()
        prices = s.exec(select(tables.Price).order_by(col(tables.Price.valid_from).desc())).all()
        promotions = s.exec(select(tables.Promotion).order_by(col(tables.Promotion.starts_at).desc())).all()
        codes = discount_codes.listed(s, {row.code: _name(row, lang) for row in products}, lang)
    today = clock.today()
    return SellingView(
        [_product(row, prices, promotions, lang) for row in products],
        codes,
        today.isoformat(),
        offers.day_after(today).isoformat(),
    )


def cost(net_cents: int | None, lang: i18n.Lang) -> str:
    """What a customer pays for a net price: «9,90 € + IVA = 12,08 €»; empty for what cannot be a price."""
    if net_cents is None or not 0 <= net_cents <= offers.HIGHEST:
        return ""
    net, gross = i18n.money(net_cents, lang), i18n.money(money.totals(net_cents).gross_cents, lang)
    return i18n.text("staff.selling.cost.with_vat", lang, net=net, gross=gross)


def _name(row: tables.Product, lang: i18n.Lang) -> str:
    return row.name_en if lang == "en" else row.name_it


def _product(
    row: tables.Product, prices: Sequence[tables.Price], promotions: Sequence[tables.Promotion], lang: i18n.Lang
) -> ProductView:
    today = clock.today()
    mine = [price for price in prices if price.product_code == row.code]
    in_force = next((price for price in mine if price.valid_from <= today), None)
    return ProductView(
        code=row.code,
        name=_name(row, lang),
        now=cost(in_force.net_cents, lang) if in_force else "",
        prices=[
            PriceView(
                price_id=price.id or 0,
                since=i18n.date(price.valid_from, lang),
                cost=cost(price.net_cents, lang),
                first_year=cost(price.first_year_net_cents, lang) if price.first_year_net_cents else "",
                state="coming" if price.valid_from > today else "now" if price is in_force else "past",
            )
            for price in mine
        ],
        promotions=[
            PromotionView(
                promotion_id=one.id,
                cost=cost(one.net_cents, lang),
                since=i18n.date(calendar.rome_date(one.starts_at), lang),
                until=offers.until(one.ends_at, lang),
                state=offers.state(one.starts_at, one.ends_at),
            )
            for one in promotions
            if one.product_code == row.code
        ],
    )


# --- prices -----------------------------------------------------------------------------------------------------------


def add_price(actor: access.Actor, product_code: str, since: date | None, net_cents: int | None, why: object) -> None:
    """A new list price from a day to come on; orders and renewals before it keep the old one.

    `None` for what was typed and is no day or amount. A price of the first year, where there is one, goes on while it
    is the lower one. Raises Forbidden, Invalid with all that is wrong, Conflict when the product has a price from that
    day already.
    """
    access.staff(actor, staff.Right.SELL)
    said, wrong = offers.reason(why)
    wrong |= {"net": "PREZZO_ERRATO"} if net_cents is None or not 0 <= net_cents <= offers.HIGHEST else {}
    if since is None or since <= clock.today():
        wrong["since"] = "PREZZO_NON_DA_OGGI" if since else "DATA_MANCANTE"
    with db.transaction() as s:
        catalog.hold(s)
        wrong |= {} if s.get(tables.Product, product_code) else {"product": "PROD_NON_DISP"}
        if wrong or net_cents is None or since is None:
            raise errors.Invalid(wrong)
        price = tables.Price
        before = s.exec(
            select(price)
            .where(price.product_code == product_code, price.valid_from <= since)
            .order_by(col(price.valid_from).desc())
            .limit(1)
        ).one_or_none()
        if before is not None and before.valid_from == since:
            raise errors.Conflict("PREZZO_GIA_DA_QUEL_GIORNO")
        first_year = before.first_year_net_cents if before else None
        if first_year is not None and first_year >= net_cents:
            first_year = None  # a first year is never dearer than the others
        s.add(price(product_code=product_code, valid_from=since, net_cents=net_cents, first_year_net_cents=first_year))
        was = {"net_cents": before.net_cents} if before else {}
        offers.written(
            s, actor, "price_added", product_code, was, {"net_cents": net_cents, "since": since.isoformat()}, said
        )


def withdraw_price(actor: access.Actor, price_id: int, why: object) -> None:
    """Take back a price whose day has not come. Raises Forbidden, Invalid without a reason, NotFound, Conflict."""
    access.staff(actor, staff.Right.SELL)
    said = audit.reason(why)
    with db.transaction() as s:
        catalog.hold(s)
        price = s.get(tables.Price, price_id)
        if price is None:
            raise errors.NotFound
        if price.valid_from <= clock.today():
            raise errors.Conflict("PREZZO_IN_VIGORE")
        s.delete(price)
        was = {"net_cents": price.net_cents, "since": price.valid_from.isoformat()}
        offers.written(s, actor, "price_withdrawn", price.product_code, was, {}, said)


# --- promotions -------------------------------------------------------------------------------------------------------


def add_promotion(
    actor: access.Actor,
    product_code: str,
    first: date | None,
    last: date | None,
    net_cents: int | None,
    why: object,
    *,
    again: bool = False,
) -> None:
    """A lower price for first terms, from the morning of `first` to the end of `last`.

    `None` for what was typed and is no day or amount. The same one that ended less than 30 days before is refused
    unless `again` says that the reason is one for that: serial "last days" mislead (2.3). Raises Forbidden, Invalid
    with all that is wrong, Conflict when another promotion of the product runs in these days.
    """
    access.staff(actor, staff.Right.SELL)
    said, wrong = offers.reason(why)
    wrong |= offers.days_faults(first, last, offers.day_after(clock.today()), "PROMO_NON_DA_OGGI")
    with db.transaction() as s:
        catalog.hold(s)
        price_list = catalog.current(s).price_list
        wrong |= _promotable(price_list, product_code, net_cents, first or clock.today())
        if wrong or net_cents is None or first is None or last is None:
            raise errors.Invalid(wrong)
        starts_at, ends_at = offers.morning(first), offers.morning(offers.day_after(last))
        promotion = tables.Promotion
        others = s.exec(select(promotion).where(promotion.product_code == product_code)).all()
        if any(one.starts_at < ends_at and starts_at < one.ends_at for one in others):
            raise errors.Conflict("PROMO_SOVRAPPOSTA")
        since = starts_at - AGAIN_AFTER
        same = any(one.net_cents == net_cents and one.months is None and one.ends_at > since for one in others)
        if same and not again:
            raise errors.Invalid({"again": "PROMO_RIPETUTA"}, "PROMO_RIPETUTA")
        made = {"product_code": product_code, "starts_at": starts_at, "ends_at": ends_at, "net_cents": net_cents}
        s.add(promotion(id=f"promo-{uuid4().hex[:12]}", **made))
        after = {"net_cents": net_cents, "first": first.isoformat(), "last": last.isoformat(), "again": same}
        offers.written(s, actor, "promotion_added", product_code, {}, after, said)


def _promotable(price_list: rules.PriceList, product_code: str, net_cents: int | None, first: date) -> dict[str, str]:
    """What is wrong with the price of a promotion: it must be one, and lower than the list's of that day."""
    try:
        product, price = price_list.product(product_code), price_list.price(product_code, first)
    except errors.PecError:
        return {"product": "PROD_NON_DISP"}
    if product.parent_codes or product.automatic or not product.sellable:
        return {"product": "PROD_NON_DISP"}
    if net_cents is None or net_cents < 0:
        return {"net": "PREZZO_ERRATO"}
    return {} if net_cents < price.net_cents else {"net": "PROMO_NON_MINORE"}


def end_promotion(actor: access.Actor, promotion_id: str, why: object) -> None:
    """End a promotion now; one that has not begun never does. Raises Forbidden, Invalid, NotFound, Conflict (ended)."""
    access.staff(actor, staff.Right.SELL)
    said, now = audit.reason(why), clock.now()
    with db.transaction() as s:
        catalog.hold(s)
        promotion = s.get(tables.Promotion, promotion_id)
        if promotion is None:
            raise errors.NotFound
        was = {"ends_at": promotion.ends_at.isoformat()}
        offers.end(s, promotion, now)
        offers.written(s, actor, "promotion_ended", promotion.product_code, was, {"ends_at": now.isoformat()}, said)
