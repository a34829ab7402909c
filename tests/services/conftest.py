from collections.abc import Iterator

import pytest

from pecapp.gateways import registry
from pecapp.services import access
from tests.support import factories
from tests.support import gateway as support_gateway


@pytest.fixture
def gateway() -> Iterator[support_gateway.FakeGateway]:
    """The card gateway, under the test's control."""
    with support_gateway.installed() as fake:
        yield fake


@pytest.fixture
def bank() -> support_gateway.FakeGateway:
    """The card gateway that stands beside `paypal`."""
    return support_gateway.FakeGateway()


@pytest.fixture
def paypal(database: str, bank: support_gateway.FakeGateway, frozen_clock) -> Iterator[support_gateway.FakeGateway]:
    """A shop with both gateways and its catalogue, on each engine; its PayPal."""
    factories.stock()
    fake = support_gateway.FakeGateway("paypal")
    registry.use({"stripe": bank, "paypal": fake})
    yield fake
    registry.use(None)


@pytest.fixture
def actor(database: str) -> access.Actor:
    return factories.customer()


@pytest.fixture
def counter(sqlite_database: str, gateway: support_gateway.FakeGateway, frozen_clock) -> support_gateway.FakeGateway:
    """A shop with its catalogue, on one engine, for tests whose subject is not storage; its gateway."""
    factories.stock()
    return gateway


@pytest.fixture
def shop(database: str, gateway: support_gateway.FakeGateway, frozen_clock) -> support_gateway.FakeGateway:
    """A shop with its catalogue, on each engine; its gateway."""
    factories.stock()
    return gateway
