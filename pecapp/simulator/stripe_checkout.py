"""Checkout Sessions: opened by the shop, paid by the buyer, or expired."""

import functools
from dataclasses import dataclass

from pecapp.simulator import stripe_objects, stripe_payments, stripe_session
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_cards import Card
from pecapp.simulator.stripe_errors import invalid, missing, required
from pecapp.simulator.stripe_events import emit
from pecapp.simulator.stripe_objects import Object
from pecapp.simulator.stripe_payments import INTENT, METHOD, SESSION, SETUP

CUSTOMER = "customer"
PLACEHOLDER = "{CHECKOUT_SESSION_ID}"


@dataclass(frozen=True)
class Entry:
    """What the buyer has typed, without the security code. `exp` is (month, year of four digits)."""

    card: Card
    exp: tuple[int, int]
    name: str
    email: str


def create(simulation: Simulation, form: Object) -> Record:
    """Open a session. Raises StripeError 400 when the form does not fit its mode."""
    if not form.get("success_url"):
        raise required("success_url")
    if form.get("customer") and not simulation.store.find(CUSTOMER, form["customer"]):
        raise missing("customer", form["customer"], "customer", status=400)
    if form["mode"] == "payment":
        items = _priced(simulation, form)
    else:
        items = []
        _check_setup(form)
    record = Record(SESSION, stripe_session.build(simulation, form, items))
    record.hidden = {
        "line_items": items,
        "payment_intent_data": form.get("payment_intent_data") or {},
        "redisplay": (form.get("payment_method_data") or {}).get("allow_redisplay") or "limited",
        "message": None,
    }
    simulation.store.save(record)
    if form["mode"] == "setup":
        wish = (form.get("setup_intent_data") or {}) | {
            "customer": form.get("customer"),
            "allowed_payment_method_types": form.get("allowed_payment_method_types"),
        }
        record.object["setup_intent"] = stripe_payments.create_setup(simulation, wish, record).id
        simulation.store.save(record)
    schedule_expiry(simulation, record)
    return record


def _priced(simulation: Simulation, form: Object) -> list[Object]:
    if not form.get("line_items"):
        raise required("line_items")
    items = stripe_session.line_items(simulation, form["line_items"])
    stripe_session.amount(sum(item["amount_total"] for item in items), "line_items")
    return items


def _check_setup(form: Object) -> None:
    for name in ("line_items", "payment_intent_data", "submit_type"):
        if form.get(name):
            raise invalid(f"You can not pass `{name}` in `setup` mode.", name)
    if form.get("currency"):
        form["currency"] = stripe_session.currency(form["currency"])
    elif not form.get("allowed_payment_method_types"):
        raise required("currency")


def schedule_expiry(simulation: Simulation, session: Record) -> None:
    """The session expires by itself, by the simulated clock."""
    job = functools.partial(expire, simulation, session)
    simulation.agenda.at(session.object["expires_at"], f"expire:{session.id}", job)


def expire(simulation: Simulation, session: Record) -> None:
    """End an open session unpaid; its intent is canceled. Does nothing to a session that has ended."""
    if session.object["status"] != "open":
        return
    simulation.agenda.cancel(f"expire:{session.id}")
    session.object |= {"status": "expired", "url": None}
    simulation.store.save(session)
    if (intent := intent_of(simulation, session)) and intent.object["status"] != "canceled":
        stripe_payments.cancel(simulation, intent, "expired" if intent.kind == INTENT else "abandoned")
    emit(simulation, "checkout.session.expired", session.object)


def intent_of(simulation: Simulation, session: Record) -> Record | None:
    """The session's PaymentIntent or SetupIntent, if there is one yet."""
    shown = session.object
    return simulation.store.find(INTENT, shown["payment_intent"]) or simulation.store.find(SETUP, shown["setup_intent"])


def submit(simulation: Simulation, session: Record, entry: Entry) -> Record:
    """The buyer sends the card: one attempt. Returns the intent, whose status tells what came of it.

    The session must be open; it is complete afterwards when the bank said yes or did not say.
    """
    session.hidden["message"] = None
    _name_customer(simulation, session, entry)
    details = stripe_objects.billing(entry.name, entry.email, entry.card.country)
    shown = stripe_objects.payment_method(simulation, entry.card, entry.exp, details, session.hidden["redisplay"])
    method = simulation.store.save(Record(METHOD, shown, {"card": entry.card.key}))
    session.object["customer_details"] = stripe_session.customer_details(entry.name, entry.email, entry.card.country)
    intent = intent_of(simulation, session) or _intent(simulation, session)
    stripe_payments.attempt(simulation, intent, method, return_url=_page(simulation, session))
    settle(simulation, session, intent)
    return intent


def _page(simulation: Simulation, session: Record) -> str:
    return f"{simulation.settings.public_url}/c/pay/{session.id}"


def _name_customer(simulation: Simulation, session: Record, entry: Entry) -> None:
    shown = session.object
    saving = session.hidden["payment_intent_data"].get("setup_future_usage") or shown["mode"] == "setup"
    if shown["customer"] is None and (saving or shown["customer_creation"] == "always"):
        form = {"email": entry.email, "name": entry.name}
        customer = simulation.store.save(Record(CUSTOMER, stripe_objects.customer(simulation, form)))
        shown["customer"] = customer.id
        emit(simulation, "customer.created", customer.object)
    if (setup := simulation.store.find(SETUP, shown["setup_intent"])) and setup.object["customer"] is None:
        setup.object["customer"] = shown["customer"]


def _intent(simulation: Simulation, session: Record) -> Record:
    shown = session.object
    options = dict(shown["payment_method_options"]["card"])
    later = options.pop("setup_future_usage", None)
    form = {"setup_future_usage": later} | session.hidden["payment_intent_data"]
    form |= {
        "amount": shown["amount_total"],
        "currency": shown["currency"],
        "customer": shown["customer"],
        "allowed_payment_method_types": shown["allowed_payment_method_types"],
        "payment_method_options": {"card": options},
    }
    intent = stripe_payments.create(simulation, form, session)
    shown["payment_intent"] = intent.id
    simulation.store.save(session)
    return intent


def settle(simulation: Simulation, session: Record, intent: Record) -> None:
    """Bring the session up to its intent after an attempt. Safe to repeat."""
    if session.object["status"] != "open":
        return
    match intent.object["status"]:
        case "succeeded":
            _complete(simulation, session, "paid" if intent.kind == INTENT else "no_payment_required")
        case "processing":
            _complete(simulation, session, "unpaid")
        case "requires_payment_method":
            problem = intent.object.get("last_payment_error") or intent.object.get("last_setup_error") or {}
            session.hidden["message"] = problem.get("decline_code") or problem.get("code")
            simulation.store.save(session)
        case _:
            simulation.store.save(session)


def _complete(simulation: Simulation, session: Record, payment_status: str) -> None:
    simulation.agenda.cancel(f"expire:{session.id}")
    session.object |= {"status": "complete", "payment_status": payment_status, "url": None}
    simulation.store.save(session)
    emit(simulation, "checkout.session.completed", session.object)


def shop_url(session: Record) -> str:
    """Where the buyer goes after a completed session."""
    return str(session.object["success_url"]).replace(PLACEHOLDER, session.id)
