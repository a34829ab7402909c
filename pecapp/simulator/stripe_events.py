"""Stripe's events: written down, signed and handed to the delivery."""

import fnmatch
import hashlib
import hmac
import json
from typing import Any

from pecapp.simulator import hooks
from pecapp.simulator.deliveries import Parcel
from pecapp.simulator.hooks import STALE_SECONDS, HookRule, Trouble
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_objects import API_VERSION, Object

EVENT = "event"
ENDPOINT = "webhook_endpoint"
CONFIGURED = "we_configured"
OTHER_KEY = "whsec_somebody_elses_secret"
OFFSETS = {Trouble.STALE: -STALE_SECONDS, Trouble.FUTURE: STALE_SECONDS}


def signature(secret: str, moment: int, body: bytes) -> str:
    """The value of Stripe-Signature for a body sent at `moment`, seconds of the wall clock."""
    digest = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={moment},v1={digest}"


def compose(
    simulation: Simulation, event: Object, secret: str, rules: list[HookRule], offset: int = 0
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one delivery, spoilt by the rules."""
    for rule in rules:
        event = hooks.spoil(event, rule)
        offset += OFFSETS.get(rule.behaviour, 0)
        secret = OTHER_KEY if rule.behaviour is Trouble.WRONG_SECRET else secret
    body = (json.dumps(event) + "\n").encode()  # no re-serialised body can be equal to it
    return body, headers(signature(secret, int(simulation.clock.wall()) + offset, body))


def headers(signed: str) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks) simulator",
        "Stripe-Signature": signed,
    }


def build(simulation: Simulation, kind: str, content: Object, previous: Object | None = None) -> Object:
    """A snapshot event that nobody has been told of yet."""
    burst = simulation.deliveries.burst
    data = {"object": content} if previous is None else {"object": content, "previous_attributes": previous}
    return {
        "id": simulation.new_id("evt_1"),
        "object": "event",
        "api_version": API_VERSION,
        "created": simulation.clock.stamp(),
        "data": json.loads(json.dumps(data)),  # a snapshot; several times faster than deepcopy
        "livemode": False,
        "pending_webhooks": 0,
        "request": {
            "id": burst.request_id if burst else None,
            "idempotency_key": burst.idempotency_key if burst else None,
        },
        "type": kind,
    }


def emit(simulation: Simulation, kind: str, content: Object, previous: Object | None = None) -> Record:
    """Write an event down and send it to every endpoint that wants it. `previous`: former values of what changed."""
    record = Record(EVENT, build(simulation, kind, content, previous))
    wanting = [endpoint for endpoint in simulation.store.all(ENDPOINT) if wants(endpoint, kind)]
    record.hidden["waiting"] = [endpoint.id for endpoint in wanting]
    record.object["pending_webhooks"] = len(wanting)
    simulation.store.save(record)
    for endpoint in wanting:
        simulation.deliveries.post(parcel(simulation, record, endpoint))
    return record


def wants(endpoint: Record, kind: str) -> bool:
    """Whether an endpoint is enabled and subscribed."""
    if endpoint.object["status"] != "enabled":
        return False
    return any(fnmatch.fnmatch(kind, pattern) for pattern in endpoint.object["enabled_events"])


def parcel(simulation: Simulation, record: Record, endpoint: Record) -> Parcel:
    """The delivery of a written event to one endpoint."""

    def done(delivered: bool) -> None:
        if delivered and endpoint.id in record.hidden["waiting"]:
            record.hidden["waiting"].remove(endpoint.id)
            record.object["pending_webhooks"] = len(record.hidden["waiting"])
            simulation.store.save(record)

    return Parcel(
        event=record.id,
        type=record.object["type"],
        url=endpoint.object["url"],
        compose=lambda rules: compose(simulation, record.object, endpoint.hidden["secret"], rules),
        done=done,
    )


def endpoint(simulation: Simulation, form: dict[str, Any], *, key: str = "", secret: str = "") -> Record:
    """Register a receiver; a secret is made when none is given."""
    shown = {
        "id": key or simulation.new_id("we_1"),
        "object": ENDPOINT,
        "api_version": form.get("api_version"),
        "application": None,
        "created": simulation.clock.stamp(),
        "description": form.get("description"),
        "enabled_events": form["enabled_events"],
        "livemode": False,
        "metadata": form.get("metadata") or {},
        "status": "enabled",
        "url": form["url"],
    }
    return simulation.store.save(Record(ENDPOINT, shown, {"secret": secret or simulation.new_id("whsec_", 32)}))


def start(simulation: Simulation) -> None:
    """Register the configured receiver and take up again what was not delivered before a restart."""
    settings = simulation.settings
    if settings.webhook_url:
        form = {"url": settings.webhook_url, "enabled_events": list(settings.webhook_events)}
        endpoint(simulation, form, key=CONFIGURED, secret=settings.webhook_secret)
    for record in simulation.store.all(EVENT):
        for key in record.hidden["waiting"]:
            if receiver := simulation.store.find(ENDPOINT, key):
                simulation.deliveries.post(parcel(simulation, record, receiver))
