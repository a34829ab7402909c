"""The gateways that this installation uses, built once from the settings."""

from collections.abc import Mapping

from pecapp import errors, settings
from pecapp.gateways import base, paypal, paypal_client, paypal_proof, stripe

_gateways: Mapping[str, base.Gateway] | None = None


def gateways() -> Mapping[str, base.Gateway]:
    """All gateways by name."""
    global _gateways  # noqa: PLW0603  (one process has one set of connections)
    if _gateways is None:
        _gateways = _built(settings.load())
    return _gateways


def get(name: str) -> base.Gateway:
    """The gateway called `name`. Raises NotFound."""
    gateway = gateways().get(name)
    if gateway is None:
        raise errors.NotFound
    return gateway


def use(mapping: Mapping[str, base.Gateway] | None) -> None:
    """Take these gateways instead; None goes back to those of the settings. Closes nothing."""
    global _gateways  # noqa: PLW0603  (one process has one set of connections)
    _gateways = mapping


async def aclose_all() -> None:
    """Close the connections that were opened on the running event loop."""
    for gateway in (_gateways or {}).values():
        await gateway.aclose()


def _built(chosen: settings.Settings) -> dict[str, base.Gateway]:
    card = stripe.StripeGateway(
        chosen.stripe_secret_key,
        chosen.stripe_webhook_secrets,
        api_base=chosen.stripe_api_base,
        account=chosen.stripe_account,
    )
    built: dict[str, base.Gateway] = {card.name: card}
    if chosen.paypal_client_id:
        built[paypal.PayPalGateway.name] = _paypal(chosen, chosen.paypal_client_id)
    return built


def _paypal(chosen: settings.Settings, client_id: str) -> paypal.PayPalGateway:
    place = paypal_proof.LIVE if chosen.paypal_mode == "live" else paypal_proof.SANDBOX
    trust, api = place.trust, place.api
    if chosen.paypal_api_base:
        api = chosen.paypal_api_base
        trust = paypal_proof.Trust(frozenset({api}), trust.host, chosen.paypal_webhook_roots)
    client = paypal_client.Client(client_id, chosen.paypal_client_secret, api)
    proof = paypal_proof.Proof(client, chosen.paypal_webhook_ids, trust)
    return paypal.PayPalGateway(client, proof, merchant_id=chosen.paypal_merchant_id, brand=chosen.brand_name)
