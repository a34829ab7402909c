import tomllib
from datetime import UTC, datetime
from importlib import resources

import pytest

from pecapp import demo
from pecapp.domain import catalog

AT = datetime(2026, 9, 22, 10, tzinfo=UTC)


@pytest.fixture(scope="session")
def catalogue() -> catalog.Catalogue:
    """The demonstration catalogue, as shipped."""
    return catalog.from_mapping(tomllib.loads(resources.files(demo).joinpath("catalog.toml").read_text("utf-8")))


@pytest.fixture(scope="session")
def price_list(catalogue) -> catalog.PriceList:
    return catalogue.price_list


@pytest.fixture(scope="session")
def at() -> datetime:
    """An instant without automatic promotions in the demonstration catalogue."""
    return AT
