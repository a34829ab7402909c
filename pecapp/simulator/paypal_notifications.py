"""PayPal's addresses about notifications: its certificate, the check of a signature, the events and their resending."""

import asyncio
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route as Address

from pecapp.simulator import faults, paypal_certs, paypal_events
from pecapp.simulator.faults import Behaviour
from pecapp.simulator.paypal_checks import Part
from pecapp.simulator.paypal_errors import PayPalError
from pecapp.simulator.paypal_events import ALGORITHM, EVENT, EVENTS_PATH
from pecapp.simulator.paypal_objects import Object, epoch, link, new_id
from pecapp.simulator.paypal_wire import Api, Call, Done, Route, fetch, plain
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

VERIFY_PATH = "/v1/notifications/verify-webhook-signature"
SIGNED = ("transmission_id", "transmission_time", "webhook_id", "transmission_sig", "cert_url", "auth_algo")
LONGEST = 2048
PAGE_SIZE, LONGEST_PAGE = 10, 300
BLANKS = " \t\n\r"


def routes(simulation: Simulation) -> list[Address]:
    """All addresses under /v1/notifications/. They must come before Stripe's, which has the rest of /v1/."""
    events = Api(
        simulation,
        [
            Route("GET", EVENTS_PATH, list_events, plain),
            Route("GET", f"{EVENTS_PATH}/{{}}", get_event, plain),
            Route("POST", f"{EVENTS_PATH}/{{}}/resend", resend, plain),
        ],
    )

    async def certificate(request: Request) -> Response:
        return await serve_certificate(simulation, request)

    async def verify(request: Request) -> Response:
        raw = await request.body()  # an Api hands on what it has parsed, and here the very bytes count
        route = Route("POST", VERIFY_PATH, lambda simulation, call: check(simulation, call, raw), plain)
        return await Api(simulation, [route]).serve(request)

    return [
        Address(f"{paypal_certs.PATH}/{{id}}", certificate, methods=["GET"]),
        Address(VERIFY_PATH, verify, methods=["POST"]),
        Address(EVENTS_PATH, events.serve, methods=["GET"]),
        Address(f"{EVENTS_PATH}/{{rest:path}}", events.serve, methods=["GET", "POST"]),
    ]


def start(simulation: Simulation) -> None:
    """After a start, a restart or a reset: the root where it is looked for, and what is still to be delivered."""
    paypal_certs.start(simulation)
    paypal_events.start(simulation)


async def serve_certificate(simulation: Simulation, request: Request) -> Response:
    """The certificate as PEM, for anybody."""
    path = request.url.path
    rule = simulation.faults.take("GET", path)
    answer = await faults.before(rule) if rule else None
    if answer is None:
        if rule and rule.behaviour is Behaviour.SLOW:
            await asyncio.sleep(rule.ms / 1000)
        pem = paypal_certs.certificate(simulation, request.path_params["id"])
        answer = PlainTextResponse(pem or "Not found\n", 200 if pem else 404)
    simulation.traffic.record(
        {
            "gateway": "paypal",
            "at": simulation.clock.wall(),
            "method": "GET",
            "path": path,
            "params": {},
            "idempotency_key": None,
            "status": answer.status_code,
            "request_id": new_id(13),
            "fault": rule.behaviour.value if rule else None,
            "replayed": False,
        }
    )
    return await faults.after(rule, answer) if rule else answer


def check(simulation: Simulation, call: Call, raw: bytes) -> Done:
    """POST /v1/notifications/verify-webhook-signature: over the event's bytes as they stand in the request."""
    body = Part(call.body)
    sent = {name: body.text(name, longest=LONGEST, required=True) or "" for name in SIGNED}
    body.part("webhook_event")
    signed = paypal_events.signed_text(
        sent["transmission_id"], sent["transmission_time"], sent["webhook_id"], value_of(raw, "webhook_event")
    )
    ours = (
        sent["auth_algo"] == ALGORITHM
        and sent["cert_url"] == paypal_certs.url(simulation)
        and sent["webhook_id"] == simulation.settings.paypal_webhook_id
        and paypal_certs.is_signed(simulation, signed, sent["transmission_sig"])
    )
    return Done(200, body={"verification_status": "SUCCESS" if ours else "FAILURE"})


def value_of(raw: bytes, name: str) -> bytes:
    """The bytes of a member's value in a well-formed JSON object, as they stand there; the last one counts."""
    text, decoder, found = raw.decode(json.detect_encoding(raw)), json.JSONDecoder(), ""
    at = _skip(text, _skip(text, 0) + 1)
    while text[at] != "}":
        key, at = decoder.raw_decode(text, at)
        begin = _skip(text, _skip(text, at) + 1)
        _, end = decoder.raw_decode(text, begin)
        if key == name:
            found = text[begin:end]
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    return found.encode()


def _skip(text: str, at: int) -> int:
    while text[at] in BLANKS:
        at += 1
    return at


def list_events(simulation: Simulation, call: Call) -> Done:
    """GET /v1/notifications/webhooks-events: newest first, of a time, a type or a transaction when asked for."""
    size = call.query.get("page_size", str(PAGE_SIZE))
    if not size.isdigit() or not 1 <= int(size) <= LONGEST_PAGE:
        raise _wrong("page_size", "INVALID_PARAMETER_VALUE")
    since, until = _moment(call, "start_time"), _moment(call, "end_time")
    found = [
        record.object
        for record in simulation.store.newest(EVENT)
        if (since is None or epoch(record.object["create_time"]) >= since)
        and (until is None or epoch(record.object["create_time"]) <= until)
        and call.query.get("event_type", record.object["event_type"]) == record.object["event_type"]
        and ("transaction_id" not in call.query or _mentions(record.object["resource"], call.query["transaction_id"]))
    ]
    first = _place(found, call) + 1
    shown = found[first : first + int(size)]
    links = [link(simulation, EVENTS_PATH, "self")]
    if len(found) > first + len(shown):
        place = {"move_to": "next", "index_time": shown[-1]["create_time"], "index_id": shown[-1]["id"]}
        links.append(link(simulation, f"{EVENTS_PATH}?{urlencode(call.query | place)}", "next"))
    return Done(200, body={"events": shown, "count": len(shown), "links": links})


def _place(found: list[Object], call: Call) -> int:
    """Where the page before this one ended, -1 for the first page."""
    key = call.query.get("index_id")
    if key is None:
        return -1
    place = next((number for number, event in enumerate(found) if event["id"] == key), None)
    if place is None or call.query.get("move_to") != "next":
        raise _wrong("index_id", "INVALID_PARAMETER_VALUE")
    return place


def _moment(call: Call, name: str) -> float | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError as problem:
        raise _wrong(name, "INVALID_PARAMETER_SYNTAX") from problem


def _wrong(name: str, issue: str) -> PayPalError:
    return PayPalError(400, issue, field=name, location="query")


def _mentions(value: Any, key: str) -> bool:
    """Whether the id stands anywhere in the resource."""
    if isinstance(value, dict):
        return any(_mentions(inner, key) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions(inner, key) for inner in value)
    return value == key


def get_event(simulation: Simulation, call: Call) -> Done:
    """GET /v1/notifications/webhooks-events/{id}."""
    return Done(200, fetch(simulation, EVENT, call.ids[0]))


def resend(simulation: Simulation, call: Call) -> Done:
    """POST /v1/notifications/webhooks-events/{id}/resend: to the receivers that are named, else to all."""
    record: Record = fetch(simulation, EVENT, call.ids[0])
    named = call.body.get("webhook_ids") or [simulation.settings.paypal_webhook_id]
    if simulation.settings.paypal_webhook_id in named:
        paypal_events.send(simulation, record)
    return Done(202, body=record.object)
