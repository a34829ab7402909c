"""Prices, promotions and discount codes: what was in force stays as it was; only what is to come can be changed.

A price counts from a day that is not over yet in any order; a promotion that runs can be ended, not rewritten; an order
keeps the prices at which it was registered (9.24, 9.25).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, func, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, money, staff
from pecapp.domain import catalog as rules
from pecapp.services import access, audit, catalog, live

AGAIN_AFTER = timedelta(days=30)
"""How long after its end the same promotion may not come again without a reason of its own (2.3)."""
_CODE = re.compile(r"[A-Z0-9-]{3,20}")
_HIGHEST = 10_000_00
COUNTED = 1_000
"""Up to how many uses of a code are counted: an open page counts them anew at each payment of anybody."""


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
class CodeView:
    """A discount code, and how often it was used."""

    code: str
    what: str
    products: str
    since: str
    until: str
    """The last day on which it counts."""
    uses: str
    state: str


@dataclass(frozen=True)
class SellingView:
    """Everything that is sold, and for how much."""

    products: list[ProductView] = field(default_factory=list)
    codes: list[CodeView] = field(default_factory=list)
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
        codes = s.exec(select(tables.DiscountCode).order_by(col(tables.DiscountCode.starts_at).desc())).all()
        uses = _uses(s)
    names, today = {row.code: _name(row, lang) for row in products}, clock.today()
    return SellingView(
        [_product(row, prices, promotions, lang) for row in products],
        [_code(row, uses.get(row.code, 0), names, lang) for row in codes],
        today.isoformat(),
        _day_after(today).isoformat(),
    )


def cost(net_cents: int | None, lang: i18n.Lang) -> str:
    """What a customer pays for a net price: «9,90 € + IVA = 12,08 €»; empty for what cannot be a price."""
    if net_cents is None or not 0 <= net_cents <= _HIGHEST:
        return ""
    net, gross = i18n.money(net_cents, lang), i18n.money(money.totals(net_cents).gross_cents, lang)
    return i18n.text("staff.selling.cost.with_vat", lang, net=net, gross=gross)


def _name(row: tables.Product, lang: i18n.Lang) -> str:
    return row.name_en if lang == "en" else row.name_it


def _uses(s: Session) -> dict[str, int]:
    """How often each code was used, or one more than `COUNTED`: the index alone answers, it holds all that is read."""
    code, use = tables.DiscountCode, tables.CodeUse
    some = select(use.code).where(use.code == code.code).limit(COUNTED + 1).correlate(code).subquery()
    return dict(s.exec(select(code.code, select(func.count()).select_from(some).scalar_subquery())).all())


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
                until=_until(one.ends_at, lang),
                state=_state(one.starts_at, one.ends_at),
            )
            for one in promotions
            if one.product_code == row.code
        ],
    )


def _code(row: tables.DiscountCode, uses: int, names: Mapping[str, str], lang: i18n.Lang) -> CodeView:
    value = f"{row.value} %" if row.kind == rules.CodeKind.PERCENT else i18n.money(row.value, lang)
    most = i18n.number(row.max_uses, lang) if row.max_uses is not None else "∞"
    used = i18n.number(min(uses, COUNTED), lang)
    if uses > COUNTED:
        used = i18n.text("staff.code.used_over", lang, number=used)
    return CodeView(
        code=row.code,
        what=i18n.text(f"staff.code.kind.{row.kind}", lang, value=value),
        products=", ".join(names.get(one, one) for one in row.product_codes) or i18n.text("staff.code.all", lang),
        since=i18n.date(calendar.rome_date(row.starts_at), lang),
        until=_until(row.ends_at, lang),
        uses=f"{used} / {most}",
        state=_state(row.starts_at, row.ends_at),
    )


def _until(ends_at: datetime, lang: i18n.Lang) -> str:
    """The last day that counts; for what somebody ended in the middle of a day, the moment."""
    day = calendar.rome_date(ends_at)
    return i18n.date(day - timedelta(days=1), lang) if ends_at == _morning(day) else i18n.instant(ends_at, lang)


def _state(starts_at: datetime, ends_at: datetime) -> str:
    now = clock.now()
    return "coming" if now < starts_at else "now" if now < ends_at else "past"


# --- prices -----------------------------------------------------------------------------------------------------------


def add_price(actor: access.Actor, product_code: str, since: date | None, net_cents: int | None, why: object) -> None:
    """A new list price from a day to come on; orders and renewals before it keep the old one.

    `None` for what was typed and is no day or amount. A price of the first year, where there is one, goes on while it
    is the lower one. Raises Forbidden, Invalid with all that is wrong, Conflict when the product has a price from that
    day already.
    """
    access.staff(actor, staff.Right.SELL)
    said, wrong = _reason(why)
    wrong |= {"net": "PREZZO_ERRATO"} if net_cents is None or not 0 <= net_cents <= _HIGHEST else {}
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
        _written(s, actor, "price_added", product_code, was, {"net_cents": net_cents, "since": since.isoformat()}, said)


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
        _written(s, actor, "price_withdrawn", price.product_code, was, {}, said)


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
    said, wrong = _reason(why)
    wrong |= _days_faults(first, last, _day_after(clock.today()), "PROMO_NON_DA_OGGI")
    with db.transaction() as s:
        catalog.hold(s)
        price_list = catalog.current(s).price_list
        wrong |= _promotable(price_list, product_code, net_cents, first or clock.today())
        if wrong or net_cents is None or first is None or last is None:
            raise errors.Invalid(wrong)
        starts_at, ends_at = _morning(first), _morning(_day_after(last))
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
        _written(s, actor, "promotion_added", product_code, {}, after, said)


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
        _end(s, promotion, now)
        _written(s, actor, "promotion_ended", promotion.product_code, was, {"ends_at": now.isoformat()}, said)


def _end(s: Session, offer: tables.Promotion | tables.DiscountCode, now: datetime) -> None:
    if offer.ends_at <= now:
        raise errors.Conflict("OFFERTA_FINITA")
    if offer.starts_at >= now:
        s.delete(offer)
    else:
        offer.ends_at = now
        s.add(offer)


# --- codes ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class NewCode:
    """A discount code as it is asked for; `None` for what was typed and is no number or day."""

    code: str
    kind: str
    value: int | None
    product_codes: tuple[str, ...]
    first: date | None
    last: date | None
    max_uses: int | None = None
    max_uses_per_account: int | None = None
    combinable: bool = False


def add_code(actor: access.Actor, wanted: NewCode, why: object) -> None:
    """A code that customers can type from the morning of its first day to the end of its last.

    Raises Forbidden, Invalid with all that is wrong, Conflict when there is or was a code of that name.
    """
    access.staff(actor, staff.Right.SELL)
    said, wrong = _reason(why)
    with db.transaction() as s:
        catalog.hold(s)
        wrong |= _code_faults(wanted, {product.code for product in catalog.current(s).price_list.products})
        if wrong or wanted.first is None or wanted.last is None:
            raise errors.Invalid(wrong)
        if s.get(tables.DiscountCode, wanted.code) is not None:
            raise errors.Conflict("COD_ESISTE")
        s.add(
            tables.DiscountCode(
                code=wanted.code,
                kind=wanted.kind,
                value=wanted.value or 0,
                product_codes=list(wanted.product_codes),
                starts_at=_morning(wanted.first),
                ends_at=_morning(_day_after(wanted.last)),
                max_uses=wanted.max_uses,
                max_uses_per_account=wanted.max_uses_per_account,
                combinable=wanted.combinable,
            )
        )
        after = {"kind": wanted.kind, "value": wanted.value, "last": wanted.last.isoformat(), "uses": wanted.max_uses}
        _written(s, actor, "code_added", wanted.code, {}, after, said)


def _code_faults(wanted: NewCode, products: set[str]) -> dict[str, str]:
    wrong = {} if _CODE.fullmatch(wanted.code) else {"code": "COD_FORMATO"}
    value, kind = wanted.value, wanted.kind
    if kind not in set(rules.CodeKind):
        wrong["kind"] = "DATI_NON_VALIDI"
    most = 100 if kind == rules.CodeKind.PERCENT else _HIGHEST
    least = 0 if kind == rules.CodeKind.SPECIAL else 1
    if value is None or not least <= value <= most:
        wrong["value"] = "COD_VALORE"
    wrong |= _days_faults(wanted.first, wanted.last, clock.today(), "PROMO_PASSATA")
    if not set(wanted.product_codes) <= products:
        wrong["product"] = "PROD_NON_DISP"
    for name, limit in (("max_uses", wanted.max_uses), ("max_uses_per_account", wanted.max_uses_per_account)):
        if limit is not None and limit < 1:
            wrong[name] = "COD_LIMITE"
    return wrong


def end_code(actor: access.Actor, code: str, why: object) -> None:
    """End a code now: orders that have it keep it. Raises Forbidden, Invalid, NotFound, Conflict (ended)."""
    access.staff(actor, staff.Right.SELL)
    said, now = audit.reason(why), clock.now()
    with db.transaction() as s:
        catalog.hold(s)
        row = s.get(tables.DiscountCode, code)
        if row is None:
            raise errors.NotFound
        was = {"ends_at": row.ends_at.isoformat()}
        _end(s, row, now)
        _written(s, actor, "code_ended", code, was, {"ends_at": now.isoformat()}, said)


# --- what all of them have in common ----------------------------------------------------------------------------------


def _written(
    s: Session, actor: access.Actor, act: str, name: str, before: dict[str, Any], after: dict[str, Any], why: str
) -> None:
    """Write the act down, and let everybody read the catalogue anew."""
    kind = "code" if act.startswith("code") else "product"
    audit.record(s, actor, act, f"{kind}:{name}", before=before, after=after, why=why)
    catalog.changed(s)
    live.publish(s, live.ADMINS)


def _reason(why: object) -> tuple[str, dict[str, str]]:
    """The reason, or what is wrong with it: a form says it together with everything else that is wrong."""
    try:
        return audit.reason(why), {}
    except errors.Invalid as refusal:
        return "", dict(refusal.fields)


def _days_faults(first: date | None, last: date | None, since: date, early: str) -> dict[str, str]:
    """What is wrong with the days of an offer; `early` is the code for one that begins before `since`."""
    wrong = {}
    if first is None or first < since:
        wrong["first"] = early if first else "DATA_MANCANTE"
    if last is None or (first is not None and last < first):
        wrong["last"] = "PROMO_FINE" if last else "DATA_MANCANTE"
    return wrong


def _day_after(day: date) -> date:
    return day + timedelta(days=1)


def _morning(day: date) -> datetime:
    """The first instant of a day in Rome."""
    return datetime.combine(day, time.min, calendar.ROME)
