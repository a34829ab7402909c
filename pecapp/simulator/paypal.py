"""PayPal in the simulator: its addresses, its share of the ledger, what it takes up again after a restart."""

from typing import Any

from starlette.routing import BaseRoute
from starlette.routing import Route as Address

from pecapp.simulator import (
    paypal_captures,
    paypal_disputes,
    paypal_notifications,
    paypal_orders,
    paypal_pages,
    paypal_refunds,
    paypal_reports,
    paypal_vault,
)
from pecapp.simulator.paypal_captures import LOST
from pecapp.simulator.paypal_control import PayPalControl
from pecapp.simulator.paypal_objects import CAPTURE, ORDER, REFUND, Object, cents, epoch
from pecapp.simulator.paypal_wire import ORDER_KEYS, REFUND_KEYS, VAULT_KEYS, Api, Route, plain
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

ORDERS, CAPTURES = "/v2/checkout/orders", "/v2/payments/captures"
SETUPS, TOKENS = "/v3/vault/setup-tokens", "/v3/vault/payment-tokens"
ROUTES = [
    Route("POST", ORDERS, paypal_orders.create, paypal_orders.show, ORDER_KEYS),
    Route("GET", f"{ORDERS}/{{}}", paypal_orders.get, paypal_orders.show),
    Route("POST", f"{ORDERS}/{{}}/capture", paypal_orders.capture, paypal_orders.show, ORDER_KEYS),
    Route("GET", f"{CAPTURES}/{{}}", paypal_captures.get, plain),
    Route("POST", f"{CAPTURES}/{{}}/refund", paypal_refunds.create, plain, REFUND_KEYS),
    Route("GET", "/v2/payments/refunds/{}", paypal_refunds.get, plain),
    Route("POST", SETUPS, paypal_vault.create_setup, paypal_vault.show_setup, VAULT_KEYS, keyed=True),
    Route("GET", f"{SETUPS}/{{}}", paypal_vault.get_setup, paypal_vault.show_setup),
    Route("POST", TOKENS, paypal_vault.create_token, paypal_vault.show_token, VAULT_KEYS, keyed=True),
    Route("GET", TOKENS, paypal_vault.list_tokens, paypal_vault.show_token),
    Route("GET", f"{TOKENS}/{{}}", paypal_vault.get_token, paypal_vault.show_token),
    Route("DELETE", f"{TOKENS}/{{}}", paypal_vault.delete_token, paypal_vault.show_token),
]
REFUND_STATES = {"COMPLETED": "succeeded", "PENDING": "pending", "FAILED": "failed"}


def install(simulation: Simulation) -> list[BaseRoute]:
    """Hook PayPal into the simulation. Returns its routes, which must come before Stripe's: both have some of /v1/."""
    simulation.ledgers.append(lambda: ledger(simulation))
    simulation.starters.append(lambda: start(simulation))
    api = Api(simulation, ROUTES)
    methods = ["GET", "POST", "DELETE"]
    return [
        Address("/v1/oauth2/token", api.token, methods=["POST"]),
        Address("/v2/{rest:path}", api.serve, methods=methods),
        Address("/v3/{rest:path}", api.serve, methods=methods),
        *PayPalControl(simulation).routes(),
        *paypal_notifications.routes(simulation),
        *paypal_disputes.routes(simulation),
        *paypal_reports.routes(simulation),
        *paypal_pages.routes(simulation),
    ]


def start(simulation: Simulation) -> None:
    """Take up approvals, pending captures and refunds, late tokens and notifications that a restart interrupted."""
    paypal_notifications.start(simulation)
    for order in simulation.store.all(ORDER):
        if order.object["status"] == "APPROVED":
            paypal_orders.schedule_lapse(simulation, order)
    for order in paypal_vault.waiting(simulation):
        paypal_vault.schedule_late(simulation, order)
    for capture in simulation.store.all(CAPTURE):
        if capture.object["status"] == "PENDING":
            paypal_captures.schedule(simulation, capture)
    for refund in simulation.store.all(REFUND):
        if refund.object["status"] == "PENDING":
            paypal_refunds.schedule(simulation, refund)


def ledger(simulation: Simulation) -> dict[str, list[dict[str, Any]]]:
    """Captures that brought money, and all refunds, oldest first; amounts in the smallest unit."""
    captures = [one for one in simulation.store.all(CAPTURE) if one.object["status"] not in ("PENDING", *LOST)]
    return {
        "charges": [_charge(simulation, capture) for capture in captures],
        "refunds": [_refund(simulation, refund) for refund in simulation.store.all(REFUND)],
    }


def _charge(simulation: Simulation, record: Record) -> Object:
    shown, order = record.object, simulation.store.get(ORDER, record.hidden["order"])
    invoice = shown.get("invoice_id", "")
    return {
        "gateway": "paypal",
        "charge": record.id,
        "payment_intent": record.id,
        "session": order.id,
        "customer": order.hidden["customer"],
        "payment_method": order.hidden["token"],
        "amount": cents(shown["amount"]),
        "currency": shown["amount"]["currency_code"].lower(),
        # The application numbers its attempts: the order's own number is what comes before the last hyphen.
        "metadata": {
            "app": "pecapp",
            "order": invoice.rpartition("-")[0] or invoice,
            "attempt": shown.get("custom_id", ""),
        },
        "refunded": record.hidden["refunded"],
        "disputed": bool(record.hidden.get("disputed")),
        "created": epoch(shown["create_time"]),
    }


def _refund(simulation: Simulation, record: Record) -> Object:
    shown, capture = record.object, simulation.store.get(CAPTURE, record.hidden["capture"])
    return {
        "gateway": "paypal",
        "refund": record.id,
        "charge": capture.id,
        "payment_intent": capture.id,
        "amount": cents(shown["amount"]),
        "currency": shown["amount"]["currency_code"].lower(),
        "status": REFUND_STATES[shown["status"]],
        "metadata": {"attempt": capture.object.get("custom_id", ""), "refund": shown.get("custom_id", "")},
        "created": epoch(shown["create_time"]),
    }
