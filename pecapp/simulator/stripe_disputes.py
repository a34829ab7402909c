"""Disputes and early fraud warnings."""

from pecapp.simulator import stripe_objects
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_cards import Effect
from pecapp.simulator.stripe_errors import invalid
from pecapp.simulator.stripe_events import emit
from pecapp.simulator.stripe_objects import Object
from pecapp.simulator.stripe_params import merged

DISPUTE, WARNING, CHARGE = "dispute", "radar.early_fraud_warning", "charge"
REASONS = {
    Effect.DISPUTE_FRAUDULENT: "fraudulent",
    Effect.DISPUTE_NOT_RECEIVED: "product_not_received",
    Effect.INQUIRY: "fraudulent",
}
WINNING, LOSING, ESCALATE = "winning_evidence", "losing_evidence", "escalate_inquiry_evidence"


def follow(simulation: Simulation, charge: Record, effect: Effect) -> None:
    """What the card's table entry makes of a succeeded charge."""
    if effect is Effect.EARLY_WARNING:
        warn(simulation, charge)
    elif effect in REASONS:
        open_dispute(simulation, charge, REASONS[effect], inquiry=effect is Effect.INQUIRY)


def warn(simulation: Simulation, charge: Record) -> Record:
    """An early fraud warning on a charge."""
    warning = {
        "id": simulation.new_id("issfr_1"),
        "object": WARNING,
        "actionable": True,
        "charge": charge.id,
        "created": simulation.clock.stamp(),
        "fraud_type": "misc",
        "livemode": False,
        "payment_intent": charge.object["payment_intent"],
    }
    record = simulation.store.save(Record(WARNING, warning))
    emit(simulation, "radar.early_fraud_warning.created", warning)
    return record


def open_dispute(simulation: Simulation, charge: Record, reason: str, *, inquiry: bool) -> Record:
    """Dispute a charge. A real dispute takes the money at once, an inquiry does not."""
    record = Record(DISPUTE, stripe_objects.dispute(simulation, charge.object, reason, inquiry=inquiry))
    simulation.store.save(record)
    charge.object["disputed"] = True
    simulation.store.save(charge)
    emit(simulation, "charge.dispute.created", record.object)
    if not inquiry:
        _move_funds(simulation, record, "withdrawn")
    return record


def _move_funds(simulation: Simulation, dispute: Record, word: str) -> None:
    cents = dispute.object["amount"] * (-1 if word == "withdrawn" else 1)
    fee = 2000 if word == "withdrawn" else 0
    dispute.object["balance_transactions"].append(
        {
            "id": simulation.new_id("txn_1"),
            "object": "balance_transaction",
            "amount": cents,
            "available_on": simulation.clock.stamp(),
            "balance_type": "payments",
            "created": simulation.clock.stamp(),
            "currency": dispute.object["currency"],
            "description": f"Chargeback {word} for {dispute.object['charge']}",
            "exchange_rate": None,
            "fee": fee,
            "fee_details": [],
            "net": cents - fee,
            "reporting_category": "dispute",
            "source": dispute.id,
            "status": "pending",
            "type": "adjustment",
        }
    )
    simulation.store.save(dispute)
    emit(simulation, f"charge.dispute.funds_{word}", dispute.object)


def update(simulation: Simulation, dispute: Record, form: Object) -> None:
    """Evidence and metadata; evidence is submitted unless `submit` is false, and its magic words decide the case."""
    shown = dispute.object
    if shown["status"] not in ("needs_response", "warning_needs_response", "under_review", "warning_under_review"):
        raise invalid("This dispute is already closed.", code="dispute_already_closed")
    if "metadata" in form:
        shown["metadata"] = merged(shown["metadata"], form["metadata"])
    evidence = {name: text for name, text in (form.get("evidence") or {}).items() if text is not None}
    if not evidence:
        simulation.store.save(dispute)
        return
    shown["evidence"] |= evidence
    shown["evidence_details"] |= {"has_evidence": True}
    if form.get("submit") is not False:
        shown["evidence_details"]["submission_count"] += 1
        shown["evidence_details"]["submission_method"] = "manual"
        shown["status"] = "warning_under_review" if shown["status"].startswith("warning") else "under_review"
    simulation.store.save(dispute)
    emit(simulation, "charge.dispute.updated", shown)
    if form.get("submit") is not False:
        _decide(simulation, dispute, shown["evidence"]["uncategorized_text"])


def _decide(simulation: Simulation, dispute: Record, text: str | None) -> None:
    inquiry = dispute.object["status"].startswith("warning")
    if text == WINNING:
        close(simulation, dispute, "warning_closed" if inquiry else "won")
    elif text == LOSING:
        close(simulation, dispute, "warning_closed" if inquiry else "lost")
    elif text == ESCALATE and inquiry:
        dispute.object |= {"status": "needs_response", "is_charge_refundable": False}
        dispute.object["payment_method_details"]["card"]["case_type"] = "chargeback"
        simulation.store.save(dispute)
        emit(simulation, "charge.dispute.updated", dispute.object)
        _move_funds(simulation, dispute, "withdrawn")


def close(simulation: Simulation, dispute: Record, status: str) -> None:
    """End a dispute: won, lost or warning_closed. A won one brings the money back."""
    dispute.object |= {"status": status, "is_charge_refundable": False}
    simulation.store.save(dispute)
    emit(simulation, "charge.dispute.closed", dispute.object)
    if status == "won":
        _move_funds(simulation, dispute, "reinstated")
