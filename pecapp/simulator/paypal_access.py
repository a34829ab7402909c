"""Access tokens: issued for the client's secret, valid for nine simulated hours or until they are revoked."""

import base64
import binascii
from urllib.parse import parse_qs

from pecapp.simulator.paypal_errors import AccessError, PayPalError
from pecapp.simulator.paypal_objects import Object, new_id
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

ACCESS = "paypal.access"
SECONDS = 9 * 3600


def issue(simulation: Simulation, authorization: str, form: str) -> Object:
    """Answer a request for a token. Raises AccessError."""
    settings = simulation.settings
    if _basic(authorization) != f"{settings.paypal_client_id}:{settings.paypal_client_secret}":
        raise AccessError(401, "invalid_client", "Client Authentication failed")
    if parse_qs(form).get("grant_type") != ["client_credentials"]:
        raise AccessError(400, "unsupported_grant_type", "Grant Type is NULL")
    now = simulation.clock.now()
    for old in simulation.store.all(ACCESS):
        if old.object["until"] < now:
            simulation.store.remove(ACCESS, old.id)
    token = simulation.new_id("A21AA", 60)
    simulation.store.save(Record(ACCESS, {"id": token, "until": now + SECONDS}))
    return {
        "scope": "https://uri.paypal.com/services/payments/payment https://uri.paypal.com/services/vault",
        "access_token": token,
        "token_type": "Bearer",
        "app_id": f"APP-{new_id()}",
        "expires_in": SECONDS,
        "nonce": f"{simulation.clock.stamp()}{new_id(20)}",
    }


def _basic(authorization: str) -> str:
    kind, _, encoded = authorization.partition(" ")
    try:
        return base64.b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
    except (binascii.Error, UnicodeDecodeError):
        return ""


def check(simulation: Simulation, authorization: str) -> None:
    """Let a call with a valid token pass. Raises PayPalError 401."""
    kind, _, token = authorization.partition(" ")
    if kind.lower() != "bearer" or not token:
        raise PayPalError(401)
    known = simulation.store.find(ACCESS, token)
    if known is None or known.object["until"] < simulation.clock.now():
        raise AccessError(401, "invalid_token", "Token signature verification failed")


def revoke(simulation: Simulation) -> int:
    """Make all tokens invalid. Returns how many there were."""
    tokens = simulation.store.all(ACCESS)
    for token in tokens:
        simulation.store.remove(ACCESS, token.id)
    return len(tokens)
