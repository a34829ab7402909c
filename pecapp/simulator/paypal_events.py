"""PayPal's events: written down, signed and handed to the delivery."""

import copy
import json
import uuid
import zlib
from datetime import UTC, datetime
from typing import Any

from pecapp.simulator import hooks, paypal_certs
from pecapp.simulator.deliveries import Parcel
from pecapp.simulator.hooks import HookRule, Trouble
from pecapp.simulator.paypal_objects import Object, link, moment, new_id
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

EVENT = "paypal.event"
EVENTS_PATH = "/v1/notifications/webhooks-events"
ALGORITHM = "SHA256withRSA"
DAY = 24 * 3600
GIVEN_UP_AFTER = 3 * DAY
OFFSETS = {Trouble.STALE: -5 * DAY, Trouble.FUTURE: 3600}
OTHER_WEBHOOK = "WH-SOMEBODYELSE"
ELSEWHERE = "https://api.paypal.com.altrove.invalid"
UNKNOWN = {"custom_id": "f" * 32, "invoice_id": "0000000000-1", "metadata": {"order_id": "0" * 17}}
CHANGED = {"summary": "Changed on the way"}


def emit(simulation: Simulation, event_type: str, resource_type: str, resource: Object, *, summary: str = "") -> Record:
    """Write an event down and send it to the shop's receiver, if there is one."""
    key = f"WH-{new_id()}-{new_id()}"
    path = f"{EVENTS_PATH}/{key}"
    event = {
        "id": key,
        "event_version": "1.0",
        "create_time": moment(simulation),
        "resource_type": resource_type,
        "resource_version": "2.0",
        "event_type": event_type,
        "summary": summary,
        "resource": json.loads(json.dumps(resource)),  # a snapshot
        "links": [link(simulation, path, "self"), link(simulation, f"{path}/resend", "resend", "POST")],
    }
    record = Record(EVENT, event, {"waiting": False, "transmission": None})
    send(simulation, record)
    return record


def send(simulation: Simulation, record: Record) -> None:
    """Begin a delivery of a written event: a new transmission, whose id and time all its attempts have in common."""
    record.hidden["transmission"] = {"id": str(uuid.uuid4()), "at": simulation.clock.wall()}
    record.hidden["waiting"] = bool(simulation.settings.paypal_webhook_url)
    simulation.store.save(record)
    if record.hidden["waiting"]:
        simulation.deliveries.post(parcel(simulation, record))


def parcel(simulation: Simulation, record: Record) -> Parcel:
    """The present transmission of a written event."""
    transmission: Object = record.hidden["transmission"]

    def done(delivered: bool) -> None:
        if delivered and record.hidden["waiting"]:
            record.hidden["waiting"] = False
            simulation.store.save(record)

    return Parcel(
        event=record.id,
        type=record.object["event_type"],
        url=simulation.settings.paypal_webhook_url,
        compose=lambda rules: compose(simulation, record.object, transmission, rules),
        done=done,
    )


def compose(
    simulation: Simulation, event: Object, transmission: Object, rules: list[HookRule]
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one attempt, spoilt by the rules."""
    troubles = {rule.behaviour for rule in rules}
    for rule in rules:
        event = spoil(event, rule)
    body = written(event)
    key, at = transmission["id"], transmission["at"] + sum(OFFSETS.get(trouble, 0) for trouble in troubles)
    sent = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    webhook = OTHER_WEBHOOK if Trouble.OTHER_ACCOUNT in troubles else simulation.settings.paypal_webhook_id
    signature = paypal_certs.sign(
        simulation, signed_text(key, sent, webhook, body), foreign=Trouble.WRONG_SECRET in troubles
    )
    address = paypal_certs.url(simulation)
    if Trouble.FOREIGN_CERT in troubles:
        address = ELSEWHERE + address.removeprefix(simulation.settings.public_url)
    for rule in rules:
        if rule.behaviour is Trouble.TAMPERED:
            hooks.change(event := copy.deepcopy(event), rule.changes or CHANGED)
            body = written(event)
    return body, headers(key, sent, signature, address)


def written(event: Object) -> bytes:
    """The body. Its spaces are such that whoever reads and writes it anew gets another one."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ": ")).encode()


def signed_text(transmission_id: str, sent: str, webhook_id: str, body: bytes) -> bytes:
    """What the signature is made over: the body stands in it with its checksum only."""
    return f"{transmission_id}|{sent}|{webhook_id}|{zlib.crc32(body)}".encode()


def headers(transmission_id: str, sent: str, signature: str, cert_url: str) -> dict[str, str]:
    """The headers of a delivery."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "PayPal/AUHR-214.0 simulator",
        "PAYPAL-TRANSMISSION-ID": transmission_id,
        "PAYPAL-TRANSMISSION-TIME": sent,
        "PAYPAL-TRANSMISSION-SIG": signature,
        "PAYPAL-CERT-URL": cert_url,
        "PAYPAL-AUTH-ALGO": ALGORITHM,
        "PAYPAL-AUTH-VERSION": "v2",
    }


def spoil(event: Object, rule: HookRule) -> Object:
    """A copy of the event as the rule wants its content, before it is signed."""
    spoiled = copy.deepcopy(event)
    match rule.behaviour:
        case Trouble.MUTATE:
            hooks.change(spoiled, rule.changes)
        case Trouble.UNKNOWN_ORDER:
            _estrange(spoiled["resource"])
        case Trouble.OVERSIZED:
            spoiled["padding"] = "x" * rule.bytes
        case _:
            return event
    return spoiled


def _estrange(value: Any) -> None:
    """Put names that no shop knows wherever the resource has the shop's own."""
    if isinstance(value, dict):
        value |= {name: unknown for name, unknown in UNKNOWN.items() if name in value}
        for inner in value.values():
            _estrange(inner)
    elif isinstance(value, list):
        for inner in value:
            _estrange(inner)


def start(simulation: Simulation) -> None:
    """Take up again what was not delivered before a restart, unless PayPal would have given up meanwhile."""
    if not simulation.settings.paypal_webhook_url:
        return
    oldest = simulation.clock.wall() - GIVEN_UP_AFTER
    for record in simulation.store.all(EVENT):
        if record.hidden["waiting"] and record.hidden["transmission"]["at"] > oldest:
            simulation.deliveries.post(parcel(simulation, record))
