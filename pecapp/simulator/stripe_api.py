"""The calls of Stripe's API that the simulator has."""

import fnmatch
from collections.abc import Callable

from pecapp.simulator import (
    stripe_checkout,
    stripe_customers,
    stripe_disputes,
    stripe_events,
    stripe_intents,
    stripe_refunds,
)
from pecapp.simulator import stripe_forms as forms
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_errors import invalid, missing
from pecapp.simulator.stripe_expand import page
from pecapp.simulator.stripe_objects import Object, listing
from pecapp.simulator.stripe_params import Tree, merged
from pecapp.simulator.stripe_wire import Call, Route

MOST_TYPES = 20

Handler = Callable[[Simulation, Call], Object]


def fetch(simulation: Simulation, kind: str, key: str) -> Record:
    """The record in the address. Raises StripeError 404."""
    record = simulation.store.find(kind, key)
    if record is None:
        raise missing(kind, key)
    return record


def get(kind: str) -> Handler:
    """Retrieve."""
    return lambda simulation, call: fetch(simulation, kind, call.ids[0]).object


def list_of(kind: str, *filters: str) -> Handler:
    """List, filtered by fields of that name."""

    def handle(simulation: Simulation, call: Call) -> Object:
        wanted = {name: call.form[name] for name in filters if call.form.get(name) is not None}

        def keep(record: Record) -> bool:
            return all(record.object[name] == value for name, value in wanted.items())

        return page(simulation, kind, call.form, call.path, keep)

    return handle


def act(kind: str, action: Callable[[Simulation, Record, Object], None]) -> Handler:
    """Do something with the record in the address and show it."""

    def handle(simulation: Simulation, call: Call) -> Object:
        record = fetch(simulation, kind, call.ids[0])
        action(simulation, record, call.form)
        return record.object

    return handle


def make(creator: Callable[[Simulation, Object], Record]) -> Handler:
    """Create and show."""
    return lambda simulation, call: creator(simulation, call.form).object


def _note(simulation: Simulation, record: Record, form: Object) -> None:
    if "metadata" in form:
        record.object["metadata"] = merged(record.object["metadata"], form["metadata"])
        simulation.store.save(record)


def _attach(simulation: Simulation, call: Call) -> Object:
    record = stripe_customers.method(simulation, call.ids[0], status=404)
    stripe_customers.attach(simulation, record, call.form["customer"])
    return record.object


def _change_method(simulation: Simulation, record: Record, form: Object) -> None:
    if record.object["customer"] is None:
        raise invalid("You must save this PaymentMethod to a customer before you can update it.")
    stripe_customers.change(simulation, record, form)


def _methods_of_customer(simulation: Simulation, call: Call) -> Object:
    fetch(simulation, "customer", call.ids[0])
    return _methods(simulation, call, call.ids[0])


def _methods(simulation: Simulation, call: Call, customer: str | None) -> Object:
    kind, redisplay = call.form.get("type"), call.form.get("allow_redisplay")

    def keep(record: Record) -> bool:
        shown = record.object
        return (
            shown["customer"] == customer
            and kind in (None, shown["type"])
            and redisplay in (None, shown["allow_redisplay"])
        )

    return page(simulation, "payment_method", call.form, call.path, keep)


def _method_of_customer(simulation: Simulation, call: Call) -> Object:
    record = fetch(simulation, "payment_method", call.ids[1])
    if record.object["customer"] != call.ids[0]:
        raise missing("PaymentMethod", call.ids[1])
    return record.object


def _expire(simulation: Simulation, record: Record, form: Object) -> None:
    if (status := record.object["status"]) != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired.'
            f" This Checkout Session has a status of {status}."
        )
        raise invalid(message)
    stripe_checkout.expire(simulation, record)


def _line_items(simulation: Simulation, call: Call) -> Object:
    record = fetch(simulation, "checkout.session", call.ids[0])
    return listing(record.hidden["line_items"], call.path)


def _close(simulation: Simulation, record: Record, form: Object) -> None:
    if record.object["status"] in ("won", "lost", "warning_closed"):
        raise invalid("This dispute is already closed.", code="dispute_already_closed")
    inquiry = record.object["status"].startswith("warning")
    stripe_disputes.close(simulation, record, "warning_closed" if inquiry else "lost")


def _events(simulation: Simulation, call: Call) -> Object:
    form = call.form
    if form.get("type") and form.get("types"):
        raise invalid("You may only specify one of these parameters: type, types.", "types")
    if len(form.get("types") or ()) > MOST_TYPES:
        raise invalid(f"You may only specify up to {MOST_TYPES} types.", "types")
    types = form.get("types") or ([form["type"]] if form.get("type") else None)
    delivered = form.get("delivery_success")

    def keep(record: Record) -> bool:
        shown = record.object
        wanted = types is None or any(fnmatch.fnmatch(shown["type"], pattern) for pattern in types)
        return wanted and delivered in (None, shown["pending_webhooks"] == 0)

    return page(simulation, "event", form, call.path, keep)


def _new_endpoint(simulation: Simulation, call: Call) -> Object:
    record = stripe_events.endpoint(simulation, call.form)
    return record.object | {"secret": record.hidden["secret"]}


def _change_endpoint(simulation: Simulation, record: Record, form: Object) -> None:
    for name in ("description", "enabled_events", "url"):
        if form.get(name):
            record.object[name] = form[name]
    if form.get("disabled") is not None:
        record.object["status"] = "disabled" if form["disabled"] else "enabled"
    _note(simulation, record, form)
    simulation.store.save(record)


def _delete_endpoint(simulation: Simulation, call: Call) -> Object:
    record = fetch(simulation, "webhook_endpoint", call.ids[0])
    simulation.store.remove(record.kind, record.id)
    return {"id": record.id, "object": record.kind, "deleted": True}


def _routes(kind: str, path: str, *rows: tuple[str, str, Tree, Handler]) -> list[Route]:
    return [
        Route(method, path + rest, form, f"list {kind}" if method == "GET" and not rest else kind, handle)
        for method, rest, form, handle in rows
    ]


ROUTES = [
    *_routes(
        "customer",
        "/v1/customers",
        ("POST", "", forms.CUSTOMER, make(stripe_customers.create)),
        ("GET", "", forms.CUSTOMER_LIST, list_of("customer", "email")),
        ("GET", "/{}", forms.GET, get("customer")),
        ("POST", "/{}", forms.CUSTOMER_UPDATE, act("customer", stripe_customers.update)),
    ),
    Route(
        "GET", "/v1/customers/{}/payment_methods", forms.CUSTOMER_METHODS, "list payment_method", _methods_of_customer
    ),
    Route("GET", "/v1/customers/{}/payment_methods/{}", forms.GET, "payment_method", _method_of_customer),
    *_routes(
        "payment_method",
        "/v1/payment_methods",
        ("GET", "", forms.METHOD_LIST, lambda simulation, call: _methods(simulation, call, call.form.get("customer"))),
        ("GET", "/{}", forms.GET, get("payment_method")),
        ("POST", "/{}", forms.METHOD_UPDATE, act("payment_method", _change_method)),
        ("POST", "/{}/attach", forms.METHOD_ATTACH, _attach),
        (
            "POST",
            "/{}/detach",
            forms.GET,
            act("payment_method", lambda simulation, record, form: stripe_customers.detach(simulation, record)),
        ),
    ),
    *_routes(
        "checkout.session",
        "/v1/checkout/sessions",
        ("POST", "", forms.SESSION_CREATE, make(stripe_checkout.create)),
        ("GET", "", forms.SESSION_LIST, list_of("checkout.session", "customer", "payment_intent", "status")),
        ("GET", "/{}", forms.GET, get("checkout.session")),
        ("POST", "/{}", forms.SESSION_UPDATE, act("checkout.session", _note)),
        ("POST", "/{}/expire", forms.GET, act("checkout.session", _expire)),
    ),
    Route("GET", "/v1/checkout/sessions/{}/line_items", forms.LIST, "list item", _line_items),
    *_routes(
        "payment_intent",
        "/v1/payment_intents",
        ("POST", "", forms.INTENT_CREATE, make(stripe_intents.create)),
        ("GET", "", forms.INTENT_LIST, list_of("payment_intent", "customer")),
        ("GET", "/{}", forms.INTENT_GET, get("payment_intent")),
        ("POST", "/{}", forms.INTENT_UPDATE, act("payment_intent", stripe_intents.update)),
        ("POST", "/{}/confirm", forms.INTENT_CONFIRM, act("payment_intent", stripe_intents.confirm)),
        ("POST", "/{}/cancel", forms.INTENT_CANCEL, act("payment_intent", stripe_intents.cancel)),
    ),
    Route("GET", "/v1/setup_intents/{}", forms.INTENT_GET, "setup_intent", get("setup_intent")),
    *_routes(
        "charge",
        "/v1/charges",
        ("GET", "", forms.CHARGE_LIST, list_of("charge", "customer", "payment_intent")),
        ("GET", "/{}", forms.GET, get("charge")),
    ),
    *_routes(
        "refund",
        "/v1/refunds",
        ("POST", "", forms.REFUND_CREATE, make(stripe_refunds.create)),
        ("GET", "", forms.REFUND_LIST, list_of("refund", "charge", "payment_intent")),
        ("GET", "/{}", forms.GET, get("refund")),
        ("POST", "/{}", forms.REFUND_UPDATE, act("refund", _note)),
    ),
    *_routes(
        "dispute",
        "/v1/disputes",
        ("GET", "", forms.DISPUTE_LIST, list_of("dispute", "charge", "payment_intent")),
        ("GET", "/{}", forms.GET, get("dispute")),
        ("POST", "/{}", forms.DISPUTE_UPDATE, act("dispute", stripe_disputes.update)),
        ("POST", "/{}/close", forms.GET, act("dispute", _close)),
    ),
    *_routes(
        "event",
        "/v1/events",
        ("GET", "", forms.EVENT_LIST, _events),
        ("GET", "/{}", forms.GET, get("event")),
    ),
    *_routes(
        "webhook_endpoint",
        "/v1/webhook_endpoints",
        ("POST", "", forms.ENDPOINT_CREATE, _new_endpoint),
        ("GET", "", forms.LIST, list_of("webhook_endpoint")),
        ("GET", "/{}", forms.GET, get("webhook_endpoint")),
        ("POST", "/{}", forms.ENDPOINT_UPDATE, act("webhook_endpoint", _change_endpoint)),
        ("DELETE", "/{}", forms.DELETE, _delete_endpoint),
    ),
]
