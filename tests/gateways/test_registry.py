"""The services find each gateway by its name, built from the settings."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pecapp import errors, settings
from pecapp.gateways import paypal, paypal_client, paypal_proof, registry, stripe

PAYPAL = settings.Settings(
    environment="test",
    PAYPAL_CLIENT_ID="client",
    PAYPAL_CLIENT_SECRET="secret",
    PAYPAL_WEBHOOK_ID=("WH-1", "WH-2"),
    PAYPAL_MERCHANT_ID="MERCHANT01",
    brand_name="Ceralacca",
)
SIMULATOR = "http://127.0.0.1:8100"


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


def _paypal(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> paypal.PayPalGateway:
    """PayPal as these settings have it."""
    monkeypatch.setattr(settings, "load", lambda: PAYPAL.model_copy(update=changes))
    gateway = registry.get("paypal")
    assert isinstance(gateway, paypal.PayPalGateway)
    return gateway


def _environment(client: paypal_client.Client) -> tuple[str, str, str]:
    known = client._http.environment
    return known.client_id, known.client_secret, known.base_url


def test_paypal_is_offered_only_where_it_has_been_set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = _paypal(monkeypatch)
    assert registry.get("paypal") is gateway
    assert list(registry.gateways()) == ["stripe", "paypal"]
    for missing in (None, ""):
        registry.use(None)
        without = PAYPAL.model_copy(update={"paypal_client_id": missing})
        monkeypatch.setattr(settings, "load", lambda without=without: without)
        assert list(registry.gateways()) == ["stripe"]
        with pytest.raises(errors.NotFound):
            registry.get("paypal")


def test_paypal_is_built_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    gateway = _paypal(monkeypatch)
    assert _environment(gateway._client)[:2] == ("client", "secret")
    assert gateway._proof._client is gateway._client
    assert gateway._proof._webhook_ids == ("WH-1", "WH-2")
    assert (gateway._merchant_id, gateway._brand) == ("MERCHANT01", "Ceralacca")


@pytest.mark.parametrize(
    ("mode", "host"), [("live", "paypal.com"), ("sandbox", "sandbox.paypal.com")], ids=["live", "sandbox"]
)
def test_the_mode_decides_where_paypal_is_and_whose_certificates_it_has(
    monkeypatch: pytest.MonkeyPatch, mode: str, host: str
) -> None:
    gateway = _paypal(monkeypatch, paypal_mode=mode)
    assert _environment(gateway._client)[2] == f"https://api-m.{host}"
    assert gateway._proof._trust == paypal_proof.Trust(
        frozenset({f"https://api.{host}", f"https://api-m.{host}"}), f"messageverificationcerts.{host}", None
    )


def test_without_a_mode_paypal_is_its_sandbox() -> None:
    assert PAYPAL.paypal_mode == "sandbox"


def test_the_roots_of_the_simulator_are_believed_only_with_its_address(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    roots = tmp_path / "roots.pem"
    gateway = _paypal(monkeypatch, paypal_webhook_roots=roots)
    assert gateway._proof._trust.roots is None
    assert _environment(gateway._client)[2] == "https://api-m.sandbox.paypal.com"

    registry.use(None)
    gateway = _paypal(monkeypatch, paypal_webhook_roots=roots, paypal_api_base=SIMULATOR)
    assert _environment(gateway._client)[2] == SIMULATOR
    assert gateway._proof._trust == paypal_proof.Trust(
        frozenset({SIMULATOR}), "messageverificationcerts.sandbox.paypal.com", roots
    )
