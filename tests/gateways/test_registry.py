"""The services find each gateway by its name, built from the settings."""

from collections.abc import Iterator

import pytest

from pecapp import errors, settings
from pecapp.gateways import registry, stripe


@pytest.fixture(autouse=True)
def _own_gateways(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(environment="test"))
    registry.use(None)
    yield
    registry.use(None)


def test_cards_go_through_stripe() -> None:
    gateway = registry.get("stripe")
    assert isinstance(gateway, stripe.StripeGateway)
    assert registry.get("stripe") is gateway
    assert list(registry.gateways()) == ["stripe"]


@pytest.mark.parametrize("name", ["", "Stripe", "sella", "__class__"])
def test_an_unknown_gateway_is_not_found(name: str) -> None:
    with pytest.raises(errors.NotFound):
        registry.get(name)


@pytest.mark.anyio
async def test_other_gateways_can_be_put_in_their_place_and_are_closed_with_all() -> None:
    class Closing(stripe.StripeGateway):
        closed = 0

        async def aclose(self) -> None:
            self.closed += 1

    other = Closing("sk_test_other", ())
    registry.use({"other": other})
    assert registry.get("other") is other
    await registry.aclose_all()
    assert other.closed == 1
    with pytest.raises(errors.NotFound):
        registry.get("stripe")
