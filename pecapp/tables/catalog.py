"""What is sold, at which price, with which promotions and codes."""

from datetime import date, datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from pecapp.tables import columns


class Product(columns.Row, table=True):
    """What is sold; meaning of the columns in `domain.catalog.Product`."""

    code: str = Field(primary_key=True)
    family: str
    kind: str
    name_it: str
    name_en: str
    summary_it: str = columns.words()
    summary_en: str = columns.words()
    period: str
    freq_min: int = 0
    freq_max: int = 0
    auto_renewable: bool = False
    grace_days: int | None = None
    quantity_max: int = 1
    parent_codes: list[str] = columns.json(list)
    parent_limits: dict[str, int] = columns.json()
    needs_shipping: bool = False
    config: str = "none"
    sellable: bool = True
    position: int = 0


class Price(columns.Row, table=True):
    """A net price from a day on. Rows are added, never changed."""

    __table_args__ = (UniqueConstraint("product_code", "valid_from"), CheckConstraint("net_cents >= 0"))
    id: int | None = Field(default=None, primary_key=True)
    product_code: str = Field(foreign_key="product.code")
    valid_from: date
    net_cents: int
    first_year_net_cents: int | None = None


class Promotion(columns.Row, table=True):
    """A price for the first term only, between two instants."""

    id: str = Field(primary_key=True)
    product_code: str = Field(foreign_key="product.code", index=True)
    starts_at: datetime = columns.instant()
    ends_at: datetime = columns.instant()
    net_cents: int
    promo_years: int = 1
    months: int | None = None


class CertifiedDomain(columns.Row, table=True):
    """A domain on which new mailboxes can be opened."""

    name: str = Field(primary_key=True)
    position: int = 0


class DiscountCode(columns.Row, table=True):
    """A code that a customer types; meaning of the columns in `domain.catalog.DiscountCode`."""

    code: str = Field(primary_key=True)
    kind: str
    value: int
    product_codes: list[str] = columns.json(list)
    starts_at: datetime = columns.instant()
    ends_at: datetime = columns.instant()
    max_uses: int | None = None
    max_uses_per_account: int | None = None
    combinable: bool = False
