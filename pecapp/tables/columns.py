"""What every table is made of: instants that keep their zone, names, columns of JSON and text."""

import re
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, DateTime, Dialect, Text, TypeDecorator, text
from sqlalchemy.orm import declared_attr
from sqlmodel import Field, SQLModel

_NAMES = {"Order": "customer_order"}


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept in UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse instants without a zone: they would be read as another moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs its time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back an aware UTC instant."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Row(SQLModel):
    """A table named after its class."""

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805  # pyright: ignore[reportIncompatibleVariableOverride]
        """`PaymentAttempt` -> `payment_attempt`; `Order` alone would be a reserved word of SQL."""
        return _NAMES.get(cls.__name__) or re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def instant(**kwargs: Any) -> Any:
    """An aware instant; with `optional=True` it may be missing."""
    optional = kwargs.pop("optional", False)
    if optional:
        return Field(default=None, sa_type=Instant, nullable=True, **kwargs)
    return Field(sa_type=Instant, nullable=False, **kwargs)


def later(default: str | int) -> Any:
    """A column that came after the first rows: the database itself gives them the value that they lack."""
    return Field(default=default, sa_column_kwargs={"server_default": text(repr(default))})


def json(default: type = dict) -> Any:
    """Plain data: a mapping, or what `default` makes."""
    return Field(default_factory=default, sa_column=Column(JSON, nullable=False))


def words() -> Any:
    """Text of any length."""
    return Field(default="", sa_column=Column(Text, nullable=False))
