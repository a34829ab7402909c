"""What is sold: products, versioned prices, promotions and codes, as data (domain rules 2.1, 2.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import ClassVar, NamedTuple

from pydantic import ConfigDict, TypeAdapter

from pecapp import errors

PROMOTION_MAX_YEARS = 2
"""A promoted product is sold for at most two years at a time."""
_EXACT = ConfigDict(extra="forbid")
"""A misspelt key of a catalogue file is an error, not a default."""


class Family(StrEnum):
    """Which order form a product has; one cart never mixes the two."""

    A = "a"
    """Certified mail, invoicing, identity, preservation: with a frequency."""
    B = "b"
    """Signatures and time stamps: never a frequency, never automatic renewal."""


class Kind(StrEnum):
    """What a product is."""

    PEC = "pec"
    PEC_DOMAIN = "pec_domain"
    DOMAIN_SETUP = "domain_setup"
    SPACE = "space"
    ARCHIVE = "archive"
    INVOICING = "invoicing"
    INVOICING_EXTRA = "invoicing_extra"
    SPID = "spid"
    PRESERVATION = "preservation"
    SIGNATURE = "signature"
    TIMESTAMP = "timestamp"
    SHIPPING = "shipping"
    RECOGNITION = "recognition"


class Period(StrEnum):
    """What a price pays for: a year of service, or the thing itself."""

    YEAR = "year"
    ONCE = "once"


class Config(StrEnum):
    """What the step «Configura il servizio» asks for."""

    PEC = "pec"
    PEC_DOMAIN = "pec_domain"
    INVOICING = "invoicing"
    SIGNER = "signer"
    NONE = "none"


class CodeKind(StrEnum):
    """How a discount code lowers a price."""

    PERCENT = "percent"
    FIXED = "fixed"
    SPECIAL = "special"


@dataclass(frozen=True)
class Product:
    """A product of the catalogue. With `parent_codes` it is an add-on, sold only together with one of those.

    `freq_min` and `freq_max` are years, 0 for one-off products; `grace_days` is how long after its expiry a service
    can be reactivated (0: never, None: it has no expiry of ours); `quantity_max` is per order, for a yearly add-on per
    unit of its parent; `parent_limits` lowers it for single parents.
    """

    code: str
    family: Family
    kind: Kind
    name_it: str
    name_en: str
    summary_it: str
    summary_en: str
    period: Period
    freq_min: int = 0
    freq_max: int = 0
    auto_renewable: bool = False
    grace_days: int | None = None
    quantity_max: int = 1
    parent_codes: tuple[str, ...] = ()
    needs_shipping: bool = False
    config: Config = Config.NONE
    sellable: bool = True
    position: int = 0
    parent_limits: Mapping[str, int] = field(default_factory=dict, hash=False)

    __pydantic_config__: ClassVar[ConfigDict] = _EXACT

    @property
    def yearly(self) -> bool:
        """Whether it is a service paid by the year."""
        return self.period is Period.YEAR

    @property
    def automatic(self) -> bool:
        """Whether it is due when its order needs it (the courier, the set-up of a domain) and never a choice."""
        return self.kind in {Kind.SHIPPING, Kind.DOMAIN_SETUP}

    def quantity_limit(self, parent_code: str) -> int:
        """The most that a customer can add to one `parent_code`; 0 where it cannot be added at all."""
        if self.automatic or not self.sellable or parent_code not in self.parent_codes:
            return 0
        return self.parent_limits.get(parent_code, self.quantity_max)


@dataclass(frozen=True)
class Price:
    """The list price from `valid_from` on, net cents per year or per piece.

    `first_year_net_cents`, where there is one, is the list price of the first year of a first purchase.
    """

    product_code: str
    valid_from: date
    net_cents: int
    first_year_net_cents: int | None = None

    __pydantic_config__: ClassVar[ConfigDict] = _EXACT


@dataclass(frozen=True)
class Promotion:
    """A lower price for the first term of orders registered from `starts_at` until just before `ends_at`.

    `net_cents` is per year for the first `promo_years` years, or per piece. With `months` it is a start offer: the
    whole first term lasts so many months and costs `net_cents`; it is taken only by a cart that asks for it.
    """

    id: str
    product_code: str
    starts_at: datetime
    ends_at: datetime
    net_cents: int
    promo_years: int = 1
    months: int | None = None

    __pydantic_config__: ClassVar[ConfigDict] = _EXACT

    def runs(self, at: datetime) -> bool:
        """Whether it can be had at the instant `at`."""
        return self.starts_at <= at < self.ends_at


@dataclass(frozen=True)
class DiscountCode:
    """A code that a customer types. It lowers the first term only.

    `value` is percent, or net cents off, or the special net price per year or piece. An empty `product_codes` means
    every product (never the courier). A limit of None is no limit. Only a `combinable` code goes with a promotion.
    """

    code: str
    kind: CodeKind
    value: int
    product_codes: tuple[str, ...]
    starts_at: datetime
    ends_at: datetime
    max_uses: int | None = None
    max_uses_per_account: int | None = None
    combinable: bool = False

    __pydantic_config__: ClassVar[ConfigDict] = _EXACT

    def exhausted(self, *, uses: int, account_uses: int) -> bool:
        """Whether it has been used up, in all or by the account that asks."""
        return (self.max_uses is not None and uses >= self.max_uses) or (
            self.max_uses_per_account is not None and account_uses >= self.max_uses_per_account
        )


@dataclass(frozen=True)
class PriceList:
    """Everything that is for sale, with every version of every price."""

    products: tuple[Product, ...]
    prices: tuple[Price, ...]
    promotions: tuple[Promotion, ...] = ()

    def product(self, code: str) -> Product:
        """The product `code`; `PROD_NON_DISP` where there is none."""
        for product in self.products:
            if product.code == code:
                return product
        raise errors.NotFound("PROD_NON_DISP")

    def price(self, code: str, on: date) -> Price:
        """The price of `code` in force on `on`; `PREZZO_ASSENTE` where there is none yet."""
        versions = [price for price in self.prices if price.product_code == code and price.valid_from <= on]
        if not versions:
            raise errors.PecError("PREZZO_ASSENTE")
        return max(versions, key=lambda price: price.valid_from)

    def promotion(self, code: str, at: datetime) -> Promotion | None:
        """The promotion that applies by itself to `code` at `at`: the cheapest, where several run."""
        running = [promotion for promotion in self._running(code, at) if promotion.months is None]
        return min(running, key=lambda promotion: (promotion.net_cents, promotion.id), default=None)

    def start_offers(self, code: str, at: datetime) -> tuple[Promotion, ...]:
        """The start offers of `code` that a customer can choose at `at`."""
        return tuple(promotion for promotion in self._running(code, at) if promotion.months is not None)

    def addons(self, parent_code: str) -> tuple[Product, ...]:
        """What a customer can add to `parent_code`, in the order of the catalogue; nothing of it is preselected."""
        found = (product for product in self.products if product.quantity_limit(parent_code))
        return tuple(sorted(found, key=lambda product: product.position))

    def _running(self, code: str, at: datetime) -> list[Promotion]:
        return [promotion for promotion in self.promotions if promotion.product_code == code and promotion.runs(at)]


class Catalogue(NamedTuple):
    """A whole catalogue as it is loaded: the price list, the codes, and the certified domains for new mailboxes."""

    price_list: PriceList
    codes: tuple[DiscountCode, ...]
    domains: tuple[str, ...]


@dataclass(frozen=True)
class _File:
    domains: tuple[str, ...]
    product: tuple[Product, ...]
    price: tuple[Price, ...]
    promotion: tuple[Promotion, ...] = ()
    code: tuple[DiscountCode, ...] = ()

    __pydantic_config__: ClassVar[ConfigDict] = _EXACT


def from_mapping(data: Mapping[str, object]) -> Catalogue:
    """The catalogue that a parsed catalogue file describes; ValueError says what is wrong with it."""
    file = TypeAdapter(_File).validate_python(data)
    problems = [*_product_problems(file), *_price_problems(file)]
    if problems:
        raise ValueError("; ".join(problems))
    return Catalogue(PriceList(file.product, file.price, file.promotion), file.code, file.domains)


def _product_problems(file: _File) -> Iterator[str]:
    codes = [product.code for product in file.product]
    shipping = [product for product in file.product if product.kind is Kind.SHIPPING]
    for product in file.product:
        if codes.count(product.code) > 1:
            yield f"{product.code} is there twice"
        if not {*product.parent_codes, *product.parent_limits} <= {*codes}:
            yield f"{product.code} is added to an unknown product"
        if product.needs_shipping and len(shipping) != 1:
            yield f"{product.code} needs the one product of kind shipping"
        if product.yearly != (1 <= product.freq_min <= product.freq_max):
            yield f"{product.code} has a period and a frequency that contradict each other"
        if product.auto_renewable and not product.yearly:
            yield f"{product.code} renews by itself and is not paid by the year"
        if product.family is Family.B and product.yearly:
            yield f"{product.code} is of family B, which has no frequency"


def _price_problems(file: _File) -> Iterator[str]:
    codes = {product.code for product in file.product}
    if codes != {price.product_code for price in file.price}:
        yield "each product needs a price, each price a product"
    if len({(price.product_code, price.valid_from) for price in file.price}) != len(file.price):
        yield "a product has two prices from the same day"
    if any(price.net_cents < 0 or (price.first_year_net_cents or 0) < 0 for price in file.price):
        yield "a price is negative"
    mains = {product.code for product in file.product if not product.parent_codes and not product.automatic}
    for promotion in file.promotion:
        if promotion.product_code not in mains:
            yield f"{promotion.id} promotes what is not a main product"
        if promotion.net_cents < 0 or not 1 <= promotion.promo_years <= PROMOTION_MAX_YEARS:
            yield f"{promotion.id} has an impossible price or number of years"
    for offer in (*file.promotion, *file.code):
        if not {offer.starts_at.tzinfo, offer.ends_at.tzinfo}.isdisjoint({None}) or offer.starts_at >= offer.ends_at:
            yield f"{offer} needs two instants with a time zone, the earlier first"
