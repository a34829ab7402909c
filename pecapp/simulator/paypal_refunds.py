"""Refunds: at once, or pending first when the control API has said so."""

import functools

from pecapp.simulator import paypal_events
from pecapp.simulator.paypal_captures import LOST
from pecapp.simulator.paypal_checks import Part
from pecapp.simulator.paypal_errors import refused
from pecapp.simulator.paypal_objects import CAPTURE, REFUND, Object, cents, link, moment, money, new_id, payee
from pecapp.simulator.paypal_wire import Call, Done, fetch
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

OUTCOMES = {"completed": "COMPLETED", "failed": "FAILED"}
EVENTS = {
    "COMPLETED": "PAYMENT.CAPTURE.REFUNDED",
    "FAILED": "PAYMENT.REFUND.FAILED",
    "PENDING": "PAYMENT.REFUND.PENDING",
}


def create(simulation: Simulation, call: Call) -> Done:
    """POST /v2/payments/captures/{id}/refund: what is left, or the amount that is given."""
    capture = fetch(simulation, CAPTURE, call.ids[0])
    body = Part(call.body)
    names = {
        "invoice_id": body.text("invoice_id", longest=127),
        "custom_id": body.text("custom_id", longest=127, pattern=r"[A-Za-z0-9_.,-]*"),
        "note_to_payer": body.text("note_to_payer"),
    }
    value = _value(capture, body)
    _check_invoice(simulation, names["invoice_id"])
    capture.hidden["refunded"] += value
    later, capture.hidden["next_refund"] = capture.hidden["next_refund"], ""
    now = moment(simulation)
    shown = {"id": new_id(), "status": "PENDING" if later else "COMPLETED"}
    shown |= ({"status_details": {"reason": "ECHECK"}} if later else {}) | _figures(capture, value)
    shown |= {name: text for name, text in names.items() if text is not None}
    shown |= {"payer": payee(simulation), "create_time": now, "update_time": now}
    shown["links"] = [
        link(simulation, f"/v2/payments/refunds/{shown['id']}", "self"),
        link(simulation, f"/v2/payments/captures/{capture.id}", "up"),
    ]
    record = simulation.store.save(Record(REFUND, shown, {"capture": capture.id, "later": later}))
    capture.hidden["refunds"].append(record.id)
    _count(simulation, capture)
    _tell(simulation, record)
    if later:
        schedule(simulation, record)
    return Done(201, record)


def _value(capture: Record, body: Part) -> int:
    """How much to give back, in cents. Raises PayPalError 422."""
    shown = capture.object
    whole = cents(shown["amount"])
    left = whole - capture.hidden["refunded"]
    if shown["status"] == "PENDING":
        raise refused("PENDING_CAPTURE")
    if shown["status"] in LOST:
        raise refused("REFUND_NOT_ALLOWED")
    if left == 0:
        raise refused("CAPTURE_FULLY_REFUNDED")
    if "amount" not in body:
        return left
    value, currency = body.part("amount").amount()
    if currency != shown["amount"]["currency_code"]:
        raise refused("REFUND_CAPTURE_CURRENCY_MISMATCH", field="/amount/currency_code")
    if value > left:
        raise refused("REFUND_AMOUNT_EXCEEDED", field="/amount/value")
    return value


def _check_invoice(simulation: Simulation, invoice: str | None) -> None:
    if invoice and any(record.object.get("invoice_id") == invoice for record in simulation.store.all(REFUND)):
        raise refused("DUPLICATE_INVOICE_ID", field="/invoice_id")


def _figures(capture: Record, value: int) -> Object:
    currency = capture.object["amount"]["currency_code"]
    amount = money(value, currency)
    return {
        "amount": amount,
        "seller_payable_breakdown": {
            "gross_amount": amount,
            "paypal_fee": money(0, currency),
            "net_amount": amount,
            "total_refunded_amount": money(capture.hidden["refunded"], currency),
        },
    }


def _count(simulation: Simulation, capture: Record) -> None:
    """The capture says how much of it has been given back."""
    gone, whole = capture.hidden["refunded"], cents(capture.object["amount"])
    status = "REFUNDED" if gone == whole else "PARTIALLY_REFUNDED" if gone else "COMPLETED"
    capture.object |= {"status": status, "update_time": moment(simulation)}
    simulation.store.save(capture)


def _tell(simulation: Simulation, record: Record) -> None:
    shown = record.object
    summary = "A {value} {currency_code} capture payment refund is {}".format(shown["status"], **shown["amount"])
    paypal_events.emit(simulation, EVENTS[shown["status"]], "refund", shown, summary=summary)


def schedule(simulation: Simulation, record: Record) -> None:
    """A pending refund is decided by itself after the settings' delay."""
    job = functools.partial(resolve, simulation, record, record.hidden["later"])
    simulation.agenda.after(simulation.settings.refund_delay, f"paypal-refund:{record.id}", job)


def resolve(simulation: Simulation, record: Record, outcome: str) -> None:
    """Decide a pending refund: completed or failed. Does nothing when it is decided already."""
    if record.object["status"] != "PENDING":
        return
    simulation.agenda.cancel(f"paypal-refund:{record.id}")
    del record.object["status_details"]
    record.object |= {"status": OUTCOMES[outcome], "update_time": moment(simulation)}
    simulation.store.save(record)
    if outcome == "failed":
        capture = simulation.store.get(CAPTURE, record.hidden["capture"])
        capture.hidden["refunded"] -= cents(record.object["amount"])
        _count(simulation, capture)
    _tell(simulation, record)


def get(simulation: Simulation, call: Call) -> Done:
    """GET /v2/payments/refunds/{id}."""
    return Done(200, fetch(simulation, REFUND, call.ids[0]))
