"""The basket: what a browser has chosen so far, priced by the server each time it is looked at."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlmodel import Session, col, delete, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, quotes
from pecapp.domain import catalog as rules
from pecapp.services import access, catalog, facts, views

IDLE = timedelta(hours=24)
"""How long a basket lasts without being touched."""
STEPS = ("service", "account", "configure", "holder", "billing", "form")


@dataclass(frozen=True)
class Priced:
    """A draft with the catalogue's answer to it."""

    draft: tables.Draft
    catalogue: rules.Catalogue
    product: rules.Product
    quote: quotes.Quote

    @property
    def data(self) -> dict[str, Any]:
        """What was chosen and typed."""
        return self.draft.data


def basket(actor: access.Actor, lang: i18n.Lang) -> views.BasketView:
    """The basket of this browser; an empty one when nothing was chosen, or too long ago."""
    with db.reading() as s:
        priced = find(s, actor)
    return view(priced, actor, lang) if priced else views.BasketView()


def choose(
    actor: access.Actor,
    product: str,
    quantity: int,
    addons: dict[str, int],
    lang: i18n.Lang,
    start_offer: str | None = None,
) -> views.BasketView:
    """Put a product with its add-ons into the basket, in place of what was there.

    What was typed in later steps stays if the product stays. Raises Invalid, with the field that is wrong.
    """
    with db.transaction() as s:
        draft = _draft(s, actor)
        if draft.data.get("product") != product or draft.data.get("placed"):
            draft.data = {"product": product}
            draft.idempotency_key = uuid4().hex
        chosen = catalog.current(s).price_list.product(product)
        years = draft.data.get("years", chosen.freq_min) if chosen.yearly else None
        changed: dict[str, Any] = {
            "quantity": quantity,
            "years": years,
            "addons": {code: number for code, number in addons.items() if number},
            "start_offer": start_offer,
        }
        if quantity != draft.data.get("quantity"):
            changed["configured"] = False
        return _changed(s, actor, draft, changed, lang, {"QUANT_FUORI": "quantity", "OPZ_NON_PREVISTA": "addons"})


def set_years(actor: access.Actor, years: int, lang: i18n.Lang) -> views.BasketView:
    """Change «Frequenza di rinnovo (anni)». Raises Invalid."""
    with db.transaction() as s:
        draft = require(s, actor).draft
        fields = {"FREQ_FUORI": "years", "FREQ_NON_PREVISTA": "years"}
        return _changed(s, actor, draft, {"years": years}, lang, fields)


def apply_code(actor: access.Actor, code: str, lang: i18n.Lang) -> views.BasketView:
    """Take a discount code into the basket, or remove it when `code` is empty. Raises Invalid."""
    typed = code.strip().upper()
    with db.transaction() as s:
        draft = require(s, actor).draft
        if typed and not usable(s, typed, actor.account_id):
            raise errors.Invalid({"code": "COD_NON_VALIDO"})
        fields = {"COD_NON_VALIDO": "code", "COD_NON_CUMULABILE": "code"}
        return _changed(s, actor, draft, {"code": typed or None}, lang, fields)


def find(s: Session, actor: access.Actor) -> Priced | None:
    """The browser's draft with its prices, None when there is nothing in it that can be ordered."""
    if not actor.session_id:
        return None
    draft = s.exec(select(tables.Draft).where(tables.Draft.session_id == actor.session_id)).one_or_none()
    if draft is None or not draft.data.get("product") or draft.updated_at < clock.now() - IDLE:
        return None
    with s.no_autoflush:  # whoever only looks must not write
        try:
            return priced(s, draft)
        except errors.PecError:
            # what was chosen is no longer sold like this; the code may have ended
            draft.data = draft.data | {"code": None}
            try:
                return priced(s, draft)
            except errors.PecError:
                return None


def require(s: Session, actor: access.Actor) -> Priced:
    """As `find`. Raises Conflict when the basket is empty."""
    found = find(s, actor)
    if found is None:
        raise errors.Conflict("CARRELLO_VUOTO")
    return found


def priced(s: Session, draft: tables.Draft) -> Priced:
    """Price a draft with the catalogue of this moment. Raises PecError when it cannot be sold."""
    data = draft.data
    catalogue = catalog.current(s)
    cart = quotes.Cart(
        data["product"], data["quantity"], data["years"], data.get("addons", {}), data.get("start_offer")
    )
    code = next((known for known in catalogue.codes if known.code == data.get("code")), None)
    quote = quotes.quote(catalogue.price_list, cart, at=clock.now(), code=code)
    return Priced(draft, catalogue, catalogue.price_list.product(data["product"]), quote)


def usable(s: Session, code: str, account_id: int | None) -> bool:
    """Whether a discount code exists and has uses left, in all and for this account."""
    known = next((known for known in catalog.current(s).codes if known.code == code), None)
    if known is None:
        return False
    uses = s.exec(select(tables.CodeUse.account_id).where(tables.CodeUse.code == code)).all()
    return not known.exhausted(uses=len(uses), account_uses=sum(1 for used_by in uses if used_by == account_id))


def save(s: Session, draft: tables.Draft, changed: dict[str, Any]) -> None:
    """Store what the browser changed in its draft."""
    draft.data = draft.data | changed
    draft.updated_at = clock.now()
    s.add(draft)
    s.flush()


def sweep(limit: int = 500) -> int:
    """Forget the baskets that nobody has touched for long. Tells how many."""
    with db.transaction() as s:
        old = select(tables.Draft.id).where(col(tables.Draft.updated_at) < clock.now() - IDLE).limit(limit)
        ids = s.exec(old).all()
        s.exec(delete(tables.Draft).where(col(tables.Draft.id).in_(ids)))
    return len(ids)


def _draft(s: Session, actor: access.Actor) -> tables.Draft:
    session_id = access.browser(actor)
    draft = s.exec(db.locked(select(tables.Draft).where(tables.Draft.session_id == session_id))).one_or_none()
    return draft or tables.Draft(session_id=session_id, idempotency_key=uuid4().hex, updated_at=clock.now())


def _changed(
    s: Session,
    actor: access.Actor,
    draft: tables.Draft,
    changed: dict[str, Any],
    lang: i18n.Lang,
    fields: dict[str, str],
) -> views.BasketView:
    save(s, draft, changed)
    try:
        result = priced(s, draft)
    except errors.PecError as problem:
        if problem.code not in fields:
            raise
        raise errors.Invalid({fields[problem.code]: problem.code}, "DATI_NON_VALIDI", **problem.params) from problem
    save(s, draft, {"seen_gross": result.quote.totals.gross_cents})
    return view(result, actor, lang)


def steps(product: rules.Product) -> list[str]:
    """The names of the wizard's steps for `product`: what needs no configuration has no such step."""
    return [step for step in STEPS if step != "configure" or product.config is not rules.Config.NONE]


def reached(data: dict[str, Any], product: rules.Product, actor: access.Actor) -> str:
    """The first step that still lacks something."""
    done = {
        "service": True,
        "account": actor.signed_in,
        "configure": bool(data.get("configured")),
        "holder": bool(data.get("holder_confirmed")),
        "billing": bool(data.get("billing_confirmed")),
    }
    return next((step for step in steps(product) if not done.get(step, False)), "form")


def view(priced: Priced, actor: access.Actor, lang: i18n.Lang) -> views.BasketView:
    """The basket as every step of the wizard shows it."""
    quote, product = priced.quote, priced.product
    today = clock.today()
    expires = quote.expires_on(today)
    return views.BasketView(
        product=product.code,
        family=product.family.value,
        name=catalog.name(product, lang),
        config=product.config.value,
        quantity=quote.cart.quantity,
        quantity_max=product.quantity_max,
        years=quote.cart.years or 0,
        freq_min=quote.freq_min,
        freq_max=quote.freq_max,
        lines=[line_view(priced.catalogue.price_list, line, lang) for line in quote.lines],
        addons=_addons(priced, lang),
        totals=totals_view(quote, lang),
        duration=_duration(quote, lang),
        expires=i18n.date(expires, lang) if expires else "",
        promotion=catalog.promotion_text(quote.promotion, lang),
        renewal=_renewal(quote, lang),
        renewal_gross=i18n.money(quote.renewal.gross_cents, lang) if quote.renewal else "",
        debit_on=i18n.date(calendar.debit_on(expires), lang) if expires and product.auto_renewable else "",
        auto_renewable=product.auto_renewable,
        needs_shipping=product.needs_shipping,
        steps=steps(product),
        reached=reached(priced.data, product, actor),
        typed=priced.data.get("service_holder", {}) | priced.data.get("shipping", {}),
        placed=priced.data.get("placed", ""),
    )


def line_view(price_list: rules.PriceList, line: quotes.QuoteLine, lang: i18n.Lang) -> views.LineView:
    """One line of a quote in words."""
    return views.LineView(
        name=catalog.name(price_list.product(line.product_code), lang),
        detail=facts.years(line.years, lang) if line.years else "",
        quantity=line.quantity,
        net=i18n.money(line.net_cents, lang),
    )


def totals_view(quote: quotes.Quote, lang: i18n.Lang) -> views.TotalsView:
    """The totals of a quote in words."""
    totals = quote.totals
    reduced = quote.list_totals.gross_cents > totals.gross_cents
    return views.TotalsView(
        net=i18n.money(totals.net_cents, lang),
        vat_rate=f"{totals.vat_rate}%",
        vat=i18n.money(totals.vat_cents, lang),
        gross=i18n.money(totals.gross_cents, lang),
        discount=i18n.money(-quote.discount_net_cents, lang) if quote.discount_net_cents else "",
        discount_code=quote.code or "",
        ordinary_gross=i18n.money(quote.list_totals.gross_cents, lang) if reduced else "",
    )


def _addons(priced: Priced, lang: i18n.Lang) -> list[views.AddonView]:
    price_list, product = priced.catalogue.price_list, priced.product
    on = clock.today()
    return [
        views.AddonView(
            code=addon.code,
            name=catalog.name(addon, lang),
            price=i18n.money(price_list.price(addon.code, on).net_cents, lang),
            quantity=priced.quote.cart.addons.get(addon.code, 0),
            quantity_max=addon.quantity_limit(product.code),
        )
        for addon in price_list.addons(product.code)
    ]


def _duration(quote: quotes.Quote, lang: i18n.Lang) -> str:
    if quote.months is not None:
        return i18n.text("basket.months", lang, months=quote.months)
    return facts.years(quote.cart.years, lang) if quote.cart.years else ""


def _renewal(quote: quotes.Quote, lang: i18n.Lang) -> str:
    if quote.renewal is None:
        return ""
    amount, years = i18n.money(quote.renewal.gross_cents, lang), quote.cart.years or 1
    key = "basket.renewal.one" if years == 1 else "basket.renewal.more"
    return i18n.text(key, lang, amount=amount, years=years)
