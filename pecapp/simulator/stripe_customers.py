"""Customers and their saved cards."""

from pecapp.simulator import stripe_objects
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_cards import BY_ALIAS, BY_KEY, GENERIC, Card
from pecapp.simulator.stripe_errors import StripeError, invalid, missing
from pecapp.simulator.stripe_events import emit
from pecapp.simulator.stripe_objects import Object
from pecapp.simulator.stripe_params import merged
from pecapp.simulator.stripe_payments import METHOD

CUSTOMER = "customer"
PLAIN = ("address", "business_name", "description", "email", "individual_name", "name", "phone", "preferred_locales")
SPENT = (
    "This PaymentMethod was previously used without being attached to a Customer or was detached from a Customer, and"
    " may not be used again."
)


def create(simulation: Simulation, form: Object) -> Record:
    """A new customer, with `payment_method` attached when given."""
    given = form.pop("payment_method", None)
    record = simulation.store.save(Record(CUSTOMER, stripe_objects.customer(simulation, form)))
    if given:
        attach(simulation, method(simulation, given), record.id)
    emit(simulation, "customer.created", record.object)
    return record


def update(simulation: Simulation, record: Record, form: Object) -> None:
    """Change what the form names. The default card must belong to the customer."""
    previous = {}
    changes = {name: form[name] for name in PLAIN if name in form}
    if "metadata" in form:
        changes["metadata"] = merged(record.object["metadata"], form["metadata"])
    if "default_payment_method" in (form.get("invoice_settings") or {}):
        key = form["invoice_settings"]["default_payment_method"]
        owned = simulation.store.find(METHOD, key)
        if key and (owned is None or owned.object["customer"] != record.id):
            message = (
                f"The customer does not have a payment method with the ID {key}."
                " The payment method must be attached to the customer."
            )
            raise invalid(message, "invoice_settings[default_payment_method]", "resource_missing")
        changes["invoice_settings"] = record.object["invoice_settings"] | {"default_payment_method": key}
    for name, value in changes.items():
        if record.object[name] != value:
            previous[name] = record.object[name]
    record.object |= changes
    simulation.store.save(record)
    emit(simulation, "customer.updated", record.object, previous)


def method(simulation: Simulation, key: str, *, param: str = "payment_method", status: int = 400) -> Record:
    """A payment method by id or by Stripe's ready-made names (pm_card_visa …), which make a new one each time."""
    if card := BY_ALIAS.get(key):
        return mint(simulation, card)
    record = simulation.store.find(METHOD, key)
    if record is None:
        raise missing("PaymentMethod", key, param, status=status)
    return record


def mint(simulation: Simulation, card: Card, exp: tuple[int, int] | None = None) -> Record:
    """A new payment method that belongs to nobody. `exp`: month and year; December 2034 without it."""
    shown = stripe_objects.payment_method(simulation, card, exp or (12, 2034), stripe_objects.billing(), "unspecified")
    return simulation.store.save(Record(METHOD, shown, {"card": card.key}))


def attach(simulation: Simulation, record: Record, customer: str) -> None:
    """Save a card with a customer. Raises StripeError 402 when its bank refuses, 400 when it may not be attached."""
    if simulation.store.find(CUSTOMER, customer) is None:
        raise missing("customer", customer, "customer", status=400)
    owner = record.object["customer"]
    if owner == customer:
        return
    if owner:
        raise invalid("The payment method you provided has already been attached to a customer.", "payment_method")
    check_fresh(record)
    card = BY_KEY[record.hidden["card"]]
    if not card.attachable:
        why = card.decline or GENERIC
        raise StripeError(
            402,
            why.message,
            type="card_error",
            code=why.code,
            decline_code=why.decline_code,
            advice_code=why.advice_code,
        )
    record.object["customer"] = customer
    simulation.store.save(record)
    emit(simulation, "payment_method.attached", record.object)


def check_fresh(record: Record) -> None:
    """Raises StripeError 400 for a card that was detached, or used without being saved."""
    spent = record.hidden.get("detached") or (record.hidden.get("used") and not record.object["customer"])
    if spent:
        raise invalid(SPENT, "payment_method", "payment_method_unexpected_state")


def detach(simulation: Simulation, record: Record) -> None:
    """Take a card from its customer, for good."""
    owner = simulation.store.find(CUSTOMER, record.object["customer"])
    if owner is None:
        message = "The payment method you provided is not attached to a customer so detachment is impossible."
        raise invalid(message, "payment_method")
    record.object["customer"] = None
    record.hidden["detached"] = True
    simulation.store.save(record)
    if owner.object["invoice_settings"]["default_payment_method"] == record.id:
        owner.object["invoice_settings"]["default_payment_method"] = None
        simulation.store.save(owner)
    emit(simulation, "payment_method.detached", record.object, {"customer": owner.id})


def change(simulation: Simulation, record: Record, form: Object, *, by_network: bool = False) -> None:
    """Change expiry, holder, metadata. `by_network`: told as payment_method.automatically_updated."""
    shown = record.object
    previous: Object = {}
    if card := form.get("card"):
        previous["card"] = {name: shown["card"][name] for name in card}
        shown["card"] = shown["card"] | card
    if details := form.get("billing_details"):
        previous["billing_details"] = {name: shown["billing_details"][name] for name in details}
        shown["billing_details"] = shown["billing_details"] | details
        shown["billing_details"]["address"] = stripe_objects.address(shown["billing_details"]["address"])
    if form.get("allow_redisplay"):
        previous["allow_redisplay"], shown["allow_redisplay"] = shown["allow_redisplay"], form["allow_redisplay"]
    if "metadata" in form:
        previous["metadata"] = shown["metadata"]
        shown["metadata"] = merged(shown["metadata"], form["metadata"])
    simulation.store.save(record)
    kind = "payment_method.automatically_updated" if by_network else "payment_method.updated"
    emit(simulation, kind, shown, previous)
