"""Refunds: at once, pending, or undone after they looked done."""

import functools

from pecapp.simulator import stripe_objects
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_cards import BY_KEY, Effect
from pecapp.simulator.stripe_errors import invalid, missing, required
from pecapp.simulator.stripe_events import emit
from pecapp.simulator.stripe_objects import Object
from pecapp.simulator.stripe_payments import CHARGE, INTENT, METHOD

REFUND = "refund"
LATER = {Effect.REFUND_PENDING: "succeeded", Effect.REFUND_FAILS: "failed"}


def create(simulation: Simulation, form: Object) -> Record:
    """Refund a charge wholly or partly; amounts in cents. Raises StripeError 400 beyond what is left to refund."""
    charge = _charge(simulation, form)
    shown = charge.object
    left = shown["amount"] - shown["amount_refunded"]
    if left == 0:
        raise invalid(f"Charge {charge.id} has already been refunded.", code="charge_already_refunded")
    if shown["disputed"] and not _refundable(simulation, charge):
        raise invalid(f"Charge {charge.id} has been charged back; cannot issue a refund.", code="charge_disputed")
    cents = left if form.get("amount") is None else form["amount"]
    if cents < 1:
        raise invalid("Invalid positive integer", "amount", "parameter_invalid_integer")
    if cents > left:
        message = f"Refund amount ({cents} cents) is greater than unrefunded amount on charge ({left} cents)"
        raise invalid(message, "amount", "amount_too_large")
    method = simulation.store.find(METHOD, shown["payment_method"])
    effect = BY_KEY[method.hidden["card"]].effect if method else Effect.NONE
    later = charge.hidden.pop("next_refund", None) or LATER.get(effect)
    pending = later is not None and effect is not Effect.REFUND_FAILS
    refund = Record(
        REFUND,
        stripe_objects.refund(simulation, shown, cents, form, "pending" if pending else "succeeded"),
        {"later": later},
    )
    simulation.store.save(refund)
    _count(simulation, charge, cents)
    emit(simulation, "refund.created", refund.object)
    emit(simulation, "charge.refunded", shown)
    if later:
        schedule(simulation, refund)
    return refund


def _charge(simulation: Simulation, form: Object) -> Record:
    key = form.get("charge")
    if intent_key := form.get("payment_intent"):
        intent = simulation.store.find(INTENT, intent_key)
        if not intent:
            raise missing("payment_intent", intent_key, "payment_intent", status=400)
        key = intent.object["latest_charge"]
        if intent.object["status"] != "succeeded":
            message = "This PaymentIntent does not have a successful charge to refund."
            raise invalid(message, "payment_intent", "payment_intent_unexpected_state")
    if not key:
        raise required("payment_intent")
    charge = simulation.store.find(CHARGE, key)
    if not charge or charge.object["status"] != "succeeded":
        raise missing("charge", key, "charge", status=400)
    return charge


def _refundable(simulation: Simulation, charge: Record) -> bool:
    disputes = [record.object for record in simulation.store.all("dispute") if record.object["charge"] == charge.id]
    return all(
        dispute["is_charge_refundable"] or dispute["status"] in ("won", "warning_closed") for dispute in disputes
    )


def _count(simulation: Simulation, charge: Record, cents: int) -> None:
    charge.object["amount_refunded"] += cents
    charge.object["refunded"] = charge.object["amount_refunded"] == charge.object["amount"]
    simulation.store.save(charge)


def schedule(simulation: Simulation, refund: Record) -> None:
    """The rest happens by itself after the settings' delay."""
    job = functools.partial(finish, simulation, refund, refund.hidden["later"])
    simulation.agenda.after(simulation.settings.refund_delay, f"refund:{refund.id}", job)


def finish(simulation: Simulation, refund: Record, status: str) -> None:
    """A refund becomes `succeeded` or `failed` for good; a failed one puts the money back on our balance."""
    simulation.agenda.cancel(f"refund:{refund.id}")
    refund.hidden["later"] = None
    if refund.object["status"] in (status, "failed"):
        return
    refund.object["status"] = status
    if status == "failed":
        refund.object |= {"failure_reason": "unknown", "failure_balance_transaction": simulation.new_id("txn_3")}
        charge = simulation.store.get(CHARGE, refund.object["charge"])
        _count(simulation, charge, -refund.object["amount"])
    simulation.store.save(refund)
    emit(simulation, "refund.failed" if status == "failed" else "refund.updated", refund.object)
    emit(simulation, "charge.refund.updated", refund.object)
