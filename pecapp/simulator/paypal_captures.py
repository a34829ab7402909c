"""Captures: the money of an order, there at once or held back and decided later."""

import functools

from pecapp.simulator import paypal_events
from pecapp.simulator.paypal_buyers import Buyer
from pecapp.simulator.paypal_errors import refused
from pecapp.simulator.paypal_objects import CAPTURE, Object, cents, link, moment, money, new_id, payee
from pecapp.simulator.paypal_wire import Call, Done, fetch
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

LOST = ("DECLINED", "FAILED")
SUMMARY = "Payment {} for {value} {currency_code}"
OUTCOMES = {
    "completed": ("COMPLETED", "PAYMENT.CAPTURE.COMPLETED"),
    "denied": ("DECLINED", "PAYMENT.CAPTURE.DENIED"),
    "declined": ("DECLINED", "PAYMENT.CAPTURE.DECLINED"),
}
ONLY_ALONE = ("payee", "supplementary_data")
"""What a capture shows by itself and not inside its order."""


def check_invoice(simulation: Simulation, unit: Object) -> None:
    """Raises PayPalError 422 when another order has been paid under the same invoice number."""
    invoice = unit.get("invoice_id")
    for record in simulation.store.all(CAPTURE) if invoice else ():
        if record.object.get("invoice_id") == invoice and record.object["status"] not in LOST:
            raise refused("DUPLICATE_INVOICE_ID", field="/purchase_units/0/invoice_id")


def create(simulation: Simulation, order: str, unit: Object, buyer: Buyer) -> Record:
    """Take the money of a purchase unit, or hold it back where the buyer is one of those. Told by its event."""
    key, now = new_id(), moment(simulation)
    path = f"/v2/payments/captures/{key}"
    shown: Object = {
        "id": key,
        "status": "PENDING" if buyer.settles else "COMPLETED",
        "amount": dict(unit["amount"]),
        "final_capture": True,
        "seller_protection": {
            "status": "ELIGIBLE",
            "dispute_categories": ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"],
        },
        "links": [
            link(simulation, path, "self"),
            link(simulation, f"{path}/refund", "refund", "POST"),
            link(simulation, f"/v2/checkout/orders/{order}", "up"),
        ],
        "create_time": now,
        "update_time": now,
        "payee": payee(simulation),
        "supplementary_data": {"related_ids": {"order_id": order}},
    }
    shown |= {name: unit[name] for name in ("invoice_id", "custom_id") if name in unit}
    if buyer.settles:
        shown["status_details"] = {"reason": "PENDING_REVIEW"}
    else:
        shown["seller_receivable_breakdown"] = _receivable(shown["amount"])
    hidden = {"order": order, "later": buyer.settles, "refunds": [], "refunded": 0, "next_refund": ""}
    record = simulation.store.save(Record(CAPTURE, shown, hidden))
    _tell(simulation, record, f"PAYMENT.CAPTURE.{shown['status']}")
    if buyer.settles:
        schedule(simulation, record)
    return record


def _receivable(amount: Object) -> Object:
    gross, currency = cents(amount), amount["currency_code"]
    fee = min(gross, round(gross * 0.034) + 35)
    return {
        "gross_amount": amount,
        "paypal_fee": money(fee, currency),
        "net_amount": money(gross - fee, currency),
    }


def _tell(simulation: Simulation, record: Record, kind: str) -> None:
    word = kind.rpartition(".")[2].lower()
    summary = SUMMARY.format(word, **record.object["amount"])
    paypal_events.emit(simulation, kind, "capture", record.object, summary=summary)


def schedule(simulation: Simulation, record: Record) -> None:
    """A capture that is held back is decided by itself after the settings' delay."""
    job = functools.partial(resolve, simulation, record, record.hidden["later"])
    simulation.agenda.after(simulation.settings.unknown_delay, f"paypal-capture:{record.id}", job)


def resolve(simulation: Simulation, record: Record, outcome: str) -> None:
    """Decide a capture that is held back: completed, denied or declined. Does nothing when it is decided already."""
    if record.object["status"] != "PENDING":
        return
    simulation.agenda.cancel(f"paypal-capture:{record.id}")
    status, kind = OUTCOMES[outcome]
    del record.object["status_details"]
    record.object |= {"status": status, "update_time": moment(simulation)}
    if status == "COMPLETED":
        record.object["seller_receivable_breakdown"] = _receivable(record.object["amount"])
    simulation.store.save(record)
    _tell(simulation, record, kind)


def get(simulation: Simulation, call: Call) -> Done:
    """GET /v2/payments/captures/{id}."""
    return Done(200, fetch(simulation, CAPTURE, call.ids[0]))


def inside(record: Record) -> Object:
    """A capture as its order shows it."""
    return {name: value for name, value in record.object.items() if name not in ONLY_ALONE}
