"""Stripe in the simulator: its addresses, its share of the ledger, what it takes up again after a restart."""

from typing import Any

from starlette.routing import BaseRoute, Route

from pecapp.simulator import stripe_checkout, stripe_events, stripe_payments, stripe_refunds
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.stripe_api import ROUTES
from pecapp.simulator.stripe_control import StripeControl
from pecapp.simulator.stripe_pages import HostedPages
from pecapp.simulator.stripe_payments import CHARGE, INTENT, SESSION
from pecapp.simulator.stripe_wire import Api


def install(simulation: Simulation) -> list[BaseRoute]:
    """Hook Stripe into the simulation. Returns its routes."""
    simulation.ledgers.append(lambda: ledger(simulation))
    simulation.starters.append(lambda: start(simulation))
    api = Api(simulation, ROUTES)
    return [
        Route("/v1/{rest:path}", api.serve, methods=["GET", "POST", "DELETE"]),
        *HostedPages(simulation).routes(),
        *StripeControl(simulation).routes(),
    ]


def start(simulation: Simulation) -> None:
    """Register the configured receiver; take up expiry, unknown outcomes and refunds that a restart interrupted."""
    stripe_events.start(simulation)
    for session in simulation.store.all(SESSION):
        if session.object["status"] == "open":
            stripe_checkout.schedule_expiry(simulation, session)
    for intent in simulation.store.all(INTENT):
        if intent.object["status"] == "processing":
            stripe_payments.schedule_resolution(simulation, intent)
    for refund in simulation.store.all(stripe_refunds.REFUND):
        if refund.hidden["later"]:
            stripe_refunds.schedule(simulation, refund)


def ledger(simulation: Simulation) -> dict[str, list[dict[str, Any]]]:
    """Succeeded charges and all refunds, oldest first; amounts in the smallest unit."""
    charges = []
    for record in simulation.store.all(CHARGE):
        shown = record.object
        if shown["status"] != "succeeded":
            continue
        intent = simulation.store.find(INTENT, shown["payment_intent"])
        charges.append(
            {
                "gateway": "stripe",
                "charge": record.id,
                "payment_intent": shown["payment_intent"],
                "session": intent.hidden["session"] if intent else None,
                "customer": shown["customer"],
                "payment_method": shown["payment_method"],
                "amount": shown["amount"],
                "currency": shown["currency"],
                "metadata": shown["metadata"],
                "refunded": shown["amount_refunded"],
                "disputed": shown["disputed"],
                "created": shown["created"],
            }
        )
    kept = ("charge", "payment_intent", "amount", "currency", "status", "metadata", "created")
    refunds = [
        {"gateway": "stripe", "refund": record.id} | {name: record.object[name] for name in kept}
        for record in simulation.store.all(stripe_refunds.REFUND)
    ]
    return {"charges": charges, "refunds": refunds}
