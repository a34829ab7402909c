"""What a cart costs, now and at its renewal: every page and every order takes its figures from here (2.2-2.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pecapp import errors
from pecapp.domain import calendar, catalog, money


@dataclass(frozen=True)
class Cart:
    """One main product and its add-ons, as a customer asks for them: nothing here is trusted before `validate`.

    `years` is the frequency, None where the product has none. A yearly add-on is counted per unit of the main product:
    three mailboxes with `{"PEC-GB": 1}` are three mailboxes of one more GB each. `start_offer` is the id of a chosen
    start offer. `domain_certified` says that the customer's domain was set up before, so the one-off is not due again;
    it is for a service to decide, never for a form.
    """

    product_code: str
    quantity: int = 1
    years: int | None = None
    addons: Mapping[str, int] = field(default_factory=dict, hash=False)
    start_offer: str | None = None
    domain_certified: bool = False


@dataclass(frozen=True)
class QuoteLine:
    """One line: `net_cents` for all `quantity` and `years`, promotion included, code not; list price beside it."""

    product_code: str
    quantity: int
    years: int | None
    net_cents: int
    list_net_cents: int


@dataclass(frozen=True)
class Quote:
    """What a cart costs now and later. `totals` is IVA on the sum of the lines less `discount_net_cents`.

    `list_totals` is the ordinary price: the price list's, first-year prices included, without promotion and code.
    `renewal` is what the whole cart would cost at its next renewal at today's list price, each service in an order of
    its own as it will be; `renewal_each` is one service with its add-ons. Both are None where nothing renews.
    `freq_max` is already lowered by a promotion. `months` is the length of the first term under a start offer.
    """

    cart: Cart
    lines: tuple[QuoteLine, ...]
    discount_net_cents: int
    totals: money.Totals
    list_totals: money.Totals
    renewal: money.Totals | None
    renewal_each: money.Totals | None
    promotion: catalog.Promotion | None
    code: str | None
    freq_min: int
    freq_max: int
    months: int | None

    def expires_on(self, activated_on: date) -> date | None:
        """The last valid day of a service activated on `activated_on`; None for one-off products."""
        if self.months is not None:
            return calendar.add_months(activated_on, self.months)
        return None if self.cart.years is None else calendar.expiry(activated_on, self.cart.years)


def validate(price_list: catalog.PriceList, cart: Cart, *, at: datetime) -> catalog.Product:
    """The cart's product, if what is asked for can be sold at `at`; otherwise the error says what cannot.

    `PROD_NON_DISP`, `QUANT_FUORI`, `FREQ_NON_PREVISTA`, `FREQ_FUORI`, `OPZ_NON_PREVISTA`, `OFFERTA_NON_DISP`.
    """
    product = price_list.product(cart.product_code)
    if product.parent_codes or product.automatic or not product.sellable:
        raise errors.NotFound("PROD_NON_DISP")
    _require_between(cart.quantity, 1, product.quantity_max, "QUANT_FUORI")
    _validate_years(price_list, product, cart, at)
    for code, quantity in cart.addons.items():
        limit = price_list.product(code).quantity_limit(product.code)
        if not limit:
            raise errors.PecError("OPZ_NON_PREVISTA")
        _require_between(quantity, 0, limit, "QUANT_FUORI")
    return product


def quote(
    price_list: catalog.PriceList,
    cart: Cart,
    *,
    at: datetime,
    code: catalog.DiscountCode | None = None,
    vat_rate: int = money.STANDARD_VAT_RATE,
) -> Quote:
    """What `cart` costs if it is ordered at `at` (aware). Validates it first, and `code` as far as it is known here.

    `COD_NON_VALIDO` for a code out of its time or scope, or that lowers nothing; `COD_NON_CUMULABILE` for one that does
    not go with the promotion. How often a code was used is for the caller (`DiscountCode.exhausted`).
    """
    product = validate(price_list, cart, at=at)
    on = calendar.rome_date(at)
    promotion = _promotion(price_list, cart, at)
    months = promotion.months if promotion else None
    lines = (
        _main_line(price_list.price(product.code, on), cart, promotion),
        *_addon_lines(price_list, product, cart, on, months),
        *_automatic_lines(price_list, product, cart, on),
    )
    discount = _discount(price_list, lines, code, promotion, at) if code else 0
    each = renewal_totals(price_list, cart, on=on, vat_rate=vat_rate)
    freq_min, freq_max = _frequency_limits(product, promotion)
    return Quote(
        cart=cart,
        lines=lines,
        discount_net_cents=discount,
        totals=money.totals(sum(line.net_cents for line in lines) - discount, vat_rate),
        list_totals=money.totals(sum(line.list_net_cents for line in lines), vat_rate),
        renewal=each.times(cart.quantity) if each else None,
        renewal_each=each,
        promotion=promotion,
        code=code.code if code else None,
        freq_min=freq_min,
        freq_max=freq_max,
        months=months,
    )


def renewal_totals(
    price_list: catalog.PriceList, cart: Cart, *, on: date, vat_rate: int = money.STANDARD_VAT_RATE
) -> money.Totals | None:
    """What one service of `cart`, with its yearly add-ons, costs to renew for `cart.years` years at the list of `on`.

    Promotions, codes and first-year prices never count here. None where nothing renews.
    """
    lines = renewal_lines(price_list, cart, on=on)
    return money.totals(sum(line.net_cents for line in lines), vat_rate) if lines else None


def renewal_lines(price_list: catalog.PriceList, cart: Cart, *, on: date) -> tuple[QuoteLine, ...]:
    """What `renewal_totals` adds up, line by line: the service, then each yearly add-on. Empty where nothing renews."""
    if cart.years is None or not price_list.product(cart.product_code).yearly:
        return ()
    units = [(cart.product_code, 1), *((code, n) for code, n in cart.addons.items() if price_list.product(code).yearly)]
    nets = [price_list.price(code, on).net_cents * n * cart.years for code, n in units]
    return tuple(QuoteLine(code, n, cart.years, net, net) for (code, n), net in zip(units, nets, strict=True))


def addon_share_cents(year_cents: int, months_started: int) -> int:
    """The net price of an add-on bought in mid-term, for the months begun until its parent's expiry (at least 1)."""
    return money.proportion(year_cents, max(months_started, 1), 12)


def _require_between(number: object, least: int, most: int, code: str) -> None:
    if type(number) is not int or not least <= number <= most:
        raise errors.PecError(code, min=least, max=most)


def _validate_years(price_list: catalog.PriceList, product: catalog.Product, cart: Cart, at: datetime) -> None:
    promotion = _promotion(price_list, cart, at)
    if product.yearly:
        freq_min, freq_max = _frequency_limits(product, promotion)
        _require_between(cart.years, freq_min, freq_max, "FREQ_FUORI")
    elif cart.years is not None:
        raise errors.PecError("FREQ_NON_PREVISTA")


def _frequency_limits(product: catalog.Product, promotion: catalog.Promotion | None) -> tuple[int, int]:
    most = min(product.freq_max, catalog.PROMOTION_MAX_YEARS) if promotion else product.freq_max
    return product.freq_min, most


def _promotion(price_list: catalog.PriceList, cart: Cart, at: datetime) -> catalog.Promotion | None:
    if cart.start_offer is None:
        return price_list.promotion(cart.product_code, at)
    for offer in price_list.start_offers(cart.product_code, at):
        if offer.id == cart.start_offer:
            return offer
    raise errors.PecError("OFFERTA_NON_DISP")


def _main_line(price: catalog.Price, cart: Cart, promotion: catalog.Promotion | None) -> QuoteLine:
    years = None if promotion and promotion.months is not None else cart.years
    ladder = _ladder(price, years, promotion)
    promoted = promotion.promo_years if promotion else 0
    lowered = [min(promotion.net_cents, step) for step in ladder[:promoted]] if promotion else []
    net = sum(lowered) + sum(ladder[promoted:])
    return QuoteLine(cart.product_code, cart.quantity, years, net * cart.quantity, sum(ladder) * cart.quantity)


def _ladder(price: catalog.Price, years: int | None, promotion: catalog.Promotion | None) -> list[int]:
    """The list price of each step of a first term: its years, or the one piece or the months that it consists of."""
    if promotion and promotion.months is not None:
        return [money.proportion(price.net_cents, promotion.months, 12)]
    first = price.net_cents if price.first_year_net_cents is None else price.first_year_net_cents
    return [first, *[price.net_cents] * ((years or 1) - 1)]


def _addon_lines(
    price_list: catalog.PriceList, product: catalog.Product, cart: Cart, on: date, months: int | None
) -> tuple[QuoteLine, ...]:
    lines = []
    for addon in price_list.addons(product.code):
        wanted = cart.addons.get(addon.code, 0)
        if not wanted:
            continue
        net = price_list.price(addon.code, on).net_cents
        quantity, years = wanted, None
        if addon.yearly:
            quantity, years = wanted * cart.quantity, cart.years if months is None else None
            net = addon_share_cents(net, months) if months is not None else net * (cart.years or 1)
        lines.append(QuoteLine(addon.code, quantity, years, net * quantity, net * quantity))
    return tuple(lines)


def _automatic_lines(
    price_list: catalog.PriceList, product: catalog.Product, cart: Cart, on: date
) -> tuple[QuoteLine, ...]:
    """What is due once per order without being chosen: the set-up of a new domain, the courier."""
    kinds = set()
    if product.needs_shipping:
        kinds.add(catalog.Kind.SHIPPING)
    if product.kind is catalog.Kind.PEC_DOMAIN and not cart.domain_certified:
        kinds.add(catalog.Kind.DOMAIN_SETUP)
    due = [price_list.price(other.code, on) for other in price_list.products if other.kind in kinds]
    return tuple(QuoteLine(price.product_code, 1, None, price.net_cents, price.net_cents) for price in due)


def _discount(
    price_list: catalog.PriceList,
    lines: tuple[QuoteLine, ...],
    code: catalog.DiscountCode,
    promotion: catalog.Promotion | None,
    at: datetime,
) -> int:
    """Net cents off, more than 0 and never more than the lines it applies to."""
    within = [line for line in lines if _in_scope(price_list.product(line.product_code), code)]
    discount = min(_reduction(within, code), sum(line.net_cents for line in within))
    if discount <= 0 or not code.starts_at <= at < code.ends_at:
        raise errors.PecError("COD_NON_VALIDO")
    if promotion and not code.combinable:
        raise errors.PecError("COD_NON_CUMULABILE")
    return discount


def _in_scope(product: catalog.Product, code: catalog.DiscountCode) -> bool:
    if code.product_codes:
        return product.code in code.product_codes
    return product.kind is not catalog.Kind.SHIPPING


def _reduction(lines: list[QuoteLine], code: catalog.DiscountCode) -> int:
    match code.kind:
        case catalog.CodeKind.PERCENT:
            return money.percentage(sum(line.net_cents for line in lines), code.value)
        case catalog.CodeKind.FIXED:
            return code.value
        case catalog.CodeKind.SPECIAL:
            return sum(max(line.net_cents - code.value * line.quantity * (line.years or 1), 0) for line in lines)
