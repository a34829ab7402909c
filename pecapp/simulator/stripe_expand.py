"""Stripe's `expand` and its lists with pages."""

from collections.abc import Callable

from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_errors import invalid, missing
from pecapp.simulator.stripe_objects import Object, listing

DEEPEST = 4
MOST = 100
LINKS = {
    "checkout.session": {
        "customer": "customer",
        "payment_intent": "payment_intent",
        "setup_intent": "setup_intent",
        "line_items": "line_items",
    },
    "payment_intent": {"customer": "customer", "payment_method": "payment_method", "latest_charge": "charge"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "charge": {"customer": "customer", "payment_intent": "payment_intent"},
    "refund": {
        "charge": "charge",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "payment_method": {"customer": "customer"},
    "customer": {"invoice_settings": "invoice_settings"},
    "invoice_settings": {"default_payment_method": "payment_method"},
}


def verify(kind: str, paths: list[str]) -> None:
    """Check `expand` against what a call shows ("list payment_intent" for a list). Raises StripeError 400."""
    for path in paths:
        steps = path.split(".")
        outer, _, inner = kind.rpartition(" ")
        if outer == "list" and steps[0] == "data":
            steps = steps[1:]
        elif outer == "list":
            inner = outer
        if len(steps) > DEEPEST:
            raise invalid(f"You cannot expand more than {DEEPEST} levels of a property.", "expand", stored=False)
        for step in steps:
            inner = LINKS.get(inner, {}).get(step, "")
        if not steps or inner in ("", "invoice_settings"):
            raise invalid(f"This property cannot be expanded ({path}).", "expand", stored=False)


def expand(simulation: Simulation, shown: Object, paths: list[str]) -> Object:
    """The object with ids replaced by objects along verified paths, a copy where needed."""
    for path in paths:
        shown = _expand(simulation, shown, shown["object"], path.split("."))
    return shown


def _expand(simulation: Simulation, shown: Object, kind: str, steps: list[str]) -> Object:
    step, *rest = steps
    if kind == "list":
        return shown | {"data": [_expand(simulation, item, item["object"], rest) for item in shown["data"]]}
    target = LINKS[kind][step]
    value = _value(simulation, shown, step, target)
    if value is not None and rest:
        value = _expand(simulation, value, target, rest)
    return shown | {step: value}


def _value(simulation: Simulation, shown: Object, step: str, target: str) -> Object | None:
    if target == "line_items":
        session = simulation.store.find("checkout.session", shown["id"])
        items = session.hidden["line_items"] if session else []
        return listing(items, f"/v1/checkout/sessions/{shown['id']}/line_items")
    value = shown[step]
    if isinstance(value, str):
        record = simulation.store.find(target, value)
        return record.object if record else None
    return value


def page(
    simulation: Simulation, kind: str, form: Object, url: str, keep: Callable[[Record], bool] = lambda record: True
) -> Object:
    """One page of a kind, newest first, with limit, starting_after, ending_before and created."""
    limit = 10 if form.get("limit") is None else form["limit"]
    if not 1 <= limit <= MOST:
        raise invalid(f"Invalid integer: limit must be between 1 and {MOST}", "limit", "parameter_invalid_integer")
    created = form.get("created") or {}
    found = [
        record
        for record in simulation.store.newest(kind)
        if _created(record.object.get("created", 0), created) and keep(record)
    ]
    ids = [record.id for record in found]
    if cursor := form.get("starting_after"):
        start = _position(ids, kind, cursor, "starting_after") + 1
        chosen, more = found[start : start + limit], len(found) > start + limit
    elif cursor := form.get("ending_before"):
        end = _position(ids, kind, cursor, "ending_before")
        chosen, more = found[max(0, end - limit) : end], end > limit
    else:
        chosen, more = found[:limit], len(found) > limit
    return listing([record.object for record in chosen], url, more=more)


def _position(ids: list[str], kind: str, cursor: str, param: str) -> int:
    if cursor not in ids:
        raise missing(kind, cursor, param, status=400)
    return ids.index(cursor)


def _created(moment: int, limits: Object) -> bool:
    return (
        moment >= (limits.get("gte") or moment)
        and moment <= (limits.get("lte") or moment)
        and moment > (limits["gt"] if limits.get("gt") is not None else moment - 1)
        and moment < (limits["lt"] if limits.get("lt") is not None else moment + 1)
    )
