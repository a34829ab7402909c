"""Disputes at PayPal: a buyer contests a payment, PayPal decides; and payments that PayPal takes back by itself."""

from datetime import UTC, datetime

from starlette.routing import Route as Address

from pecapp.simulator import paypal_events
from pecapp.simulator.paypal_objects import Object, link, moment, money, new_id, payee
from pecapp.simulator.paypal_wire import Api, Call, Done, Route, fetch, plain
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

DISPUTE = "paypal.dispute"
PATH = "/v1/customer/disputes"
ANSWER_WITHIN = 10 * 24 * 3600
OUTCOMES = {
    "won": "RESOLVED_SELLER_FAVOUR",
    "lost": "RESOLVED_BUYER_FAVOUR",
    "cancelled": "CANCELED_BY_BUYER",
}
STATUSES = ("WAITING_FOR_SELLER_RESPONSE", "WAITING_FOR_BUYER_RESPONSE", "UNDER_REVIEW")


def routes(simulation: Simulation) -> list[Address]:
    """All addresses of disputes. They must come before Stripe's, which has the rest of /v1/."""
    api = Api(simulation, [Route("GET", f"{PATH}/{{}}", get, plain)])
    return [Address(f"{PATH}/{{rest:path}}", api.serve, methods=["GET"])]


def get(simulation: Simulation, call: Call) -> Done:
    """GET /v1/customer/disputes/{id}."""
    return Done(200, body=_shown(fetch(simulation, DISPUTE, call.ids[0])))


def _shown(record: Record) -> Object:
    """A dispute as PayPal shows it, whose name is not called `id`."""
    return {name: value for name, value in record.object.items() if name != "id"}


def open_dispute(simulation: Simulation, capture: Record, reason: str, *, inquiry: bool) -> Record:
    """A buyer contests a capture: by asking the seller first (an inquiry), or by a claim that we have to answer."""
    key, now = f"PP-D-{new_id(9, '0123456789')}", moment(simulation)
    shown: Object = {
        "dispute_id": key,
        "create_time": now,
        "update_time": now,
        "disputed_transactions": [_transaction(simulation, capture)],
        "reason": reason,
        "status": "OPEN" if inquiry else "WAITING_FOR_SELLER_RESPONSE",
        "dispute_amount": dict(capture.object["amount"]),
        "dispute_state": "OPEN_INQUIRIES" if inquiry else "REQUIRED_ACTION",
        "dispute_life_cycle_stage": "INQUIRY" if inquiry else "CHARGEBACK",
        "dispute_channel": "INTERNAL",
        "messages": [],
        "links": [link(simulation, f"{PATH}/{key}", "self")],
    }
    if not inquiry:
        due = datetime.fromtimestamp(simulation.clock.stamp() + ANSWER_WITHIN, UTC)
        shown["seller_response_due_date"] = due.strftime("%Y-%m-%dT%H:%M:%SZ")
    record = Record(DISPUTE, {"id": key} | shown, {"capture": capture.id})
    simulation.store.save(record)
    capture.hidden["disputed"] = True
    simulation.store.save(capture)
    _tell(simulation, record, "CREATED", f"A new dispute opened with Case # {key}")
    return record


def _transaction(simulation: Simulation, capture: Record) -> Object:
    shown, seller = capture.object, payee(simulation)
    about = {
        "seller_transaction_id": capture.id,
        "buyer_transaction_id": new_id(),
        "create_time": shown["create_time"],
        "transaction_status": "COMPLETED",
        "gross_amount": dict(shown["amount"]),
        "seller": {"email": seller["email_address"], "merchant_id": seller["merchant_id"], "name": "Negozio"},
        "items": [],
        "seller_protection_eligible": True,
    }
    about |= {"custom": shown["custom_id"]} if "custom_id" in shown else {}
    return about | ({"invoice_number": shown["invoice_id"]} if "invoice_id" in shown else {})


def update(simulation: Simulation, record: Record, status: str) -> None:
    """It goes on: somebody else's turn."""
    record.object |= {"status": status, "update_time": moment(simulation)}
    simulation.store.save(record)
    _tell(simulation, record, "UPDATED", f"A dispute was updated with case # {record.id}")


def close(simulation: Simulation, record: Record, outcome: str) -> None:
    """PayPal decides, or the buyer gives up. The money of a lost one goes to the buyer."""
    decided: Object = {"outcome_code": OUTCOMES[outcome]}
    if outcome == "lost":
        decided["amount_refunded"] = record.object["dispute_amount"]
    record.object |= {
        "status": "RESOLVED",
        "dispute_state": "RESOLVED",
        "dispute_outcome": decided,
        "update_time": moment(simulation),
    }
    record.object.pop("seller_response_due_date", None)
    simulation.store.save(record)
    _tell(simulation, record, "RESOLVED", f"A dispute was resolved with case # {record.id}")


def reverse(simulation: Simulation, capture: Record) -> Object:
    """PayPal takes a payment back without a refund of the seller. What is told of is the money that left."""
    key, shown = new_id(), capture.object
    amount, nothing = dict(shown["amount"]), money(0, shown["amount"]["currency_code"])
    gone: Object = {
        "id": key,
        "status": "COMPLETED",
        "amount": amount,
        "seller_payable_breakdown": {
            "gross_amount": amount,
            "paypal_fee": nothing,
            "net_amount": amount,
            "total_refunded_amount": amount,
        },
        "create_time": moment(simulation),
        "update_time": moment(simulation),
        "links": [
            link(simulation, f"/v2/payments/refunds/{key}", "self"),
            link(simulation, f"/v2/payments/captures/{capture.id}", "up"),
        ],
    }
    summary = "A {value} {currency_code} capture payment was reversed".format(**shown["amount"])
    paypal_events.emit(simulation, "PAYMENT.CAPTURE.REVERSED", "refund", gone, summary=summary)
    return gone


def _tell(simulation: Simulation, record: Record, word: str, summary: str) -> None:
    paypal_events.emit(simulation, f"CUSTOMER.DISPUTE.{word}", "dispute", _shown(record), summary=summary)
