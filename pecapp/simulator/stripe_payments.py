"""The state machine of PaymentIntents and SetupIntents: what the bank says, what follows, which events tell it."""

import dataclasses
import functools
from datetime import UTC, datetime

from pecapp.simulator import stripe_disputes, stripe_objects
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_cards import BY_KEY, EXPIRED, Asks, Decline, Effect, Outcome, judge
from pecapp.simulator.stripe_errors import DOCS, StripeError
from pecapp.simulator.stripe_events import emit
from pecapp.simulator.stripe_objects import Object

INTENT, SETUP, CHARGE, METHOD = "payment_intent", "setup_intent", "charge", "payment_method"
SESSION = "checkout.session"
REFUSED = Decline(
    "payment_intent_authentication_failure",
    None,
    None,
    "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new PaymentMethod"
    " to attempt to fulfill this PaymentIntent again.",
)
SETUP_REFUSED = Decline(
    "setup_intent_authentication_failure", None, None, REFUSED.message.replace("PaymentIntent", "SetupIntent")
)
NEVER_KNOWN = Decline("card_declined", "issuer_not_available", "try_again_later")
EFFECTS_DECIDED = {Effect.UNKNOWN_THEN_SUCCEEDED: True, Effect.UNKNOWN_THEN_FAILED: False}


def create(simulation: Simulation, form: Object, session: Record | None = None) -> Record:
    """A new PaymentIntent, told by payment_intent.created."""
    record = Record(INTENT, stripe_objects.payment_intent(simulation, form))
    record.hidden = {"session": session.id if session else None}
    simulation.store.save(record)
    emit(simulation, "payment_intent.created", record.object)
    return record


def create_setup(simulation: Simulation, form: Object, session: Record) -> Record:
    """A new SetupIntent, told by setup_intent.created."""
    record = Record(SETUP, stripe_objects.setup_intent(simulation, form), {"session": session.id})
    simulation.store.save(record)
    emit(simulation, "setup_intent.created", record.object)
    return record


def attempt(
    simulation: Simulation,
    intent: Record,
    method: Record,
    *,
    off_session: bool = False,
    return_url: str | None = None,
    authenticated: bool = False,
) -> None:
    """Try to charge, or to set up, once. Afterwards the intent's status says what came of it.

    A challenge leaves `requires_action` with a link to the authentication page.
    """
    shown = intent.object
    shown["payment_method"] = method.id
    shown["next_action"] = None
    intent.hidden |= {"off_session": off_session, "return_url": return_url, "challenge": None}
    card = BY_KEY[method.hidden["card"]]
    verdict = judge(
        dataclasses.replace(card, asks=Asks.ALWAYS) if method.hidden.get("asks") else card,
        off_session=off_session,
        set_up=method.hidden.get("set_up", False),
        authenticated=authenticated,
        saving_only=intent.kind == SETUP,
    )
    if intent.kind == INTENT and (scripted := _scripted(simulation, method)):
        return decline(simulation, intent, method, scripted)
    if intent.kind == INTENT and _is_expired(simulation, method):
        return decline(simulation, intent, method, EXPIRED)
    if verdict.decline:
        return decline(simulation, intent, method, verdict.decline, authenticated=authenticated)
    if verdict.outcome is Outcome.CHALLENGE:
        return _challenge(simulation, intent, return_url)
    if verdict.outcome is Outcome.UNKNOWN:
        return _leave_unknown(simulation, intent, card.effect)
    return succeed(simulation, intent, method, authenticated=authenticated)


def _scripted(simulation: Simulation, method: Record) -> Decline | None:
    """The refusal that the control API has ordered, one time fewer to come."""
    ordered = method.hidden.get("declines")
    if not ordered or ordered["times"] == 0:
        return None
    ordered["times"] -= ordered["times"] > 0
    simulation.store.save(method)
    return Decline(**ordered["why"])


def _is_expired(simulation: Simulation, method: Record) -> bool:
    today = datetime.fromtimestamp(simulation.clock.now(), UTC)
    card = method.object["card"]
    return (card["exp_year"], card["exp_month"]) < (today.year, today.month)


def _challenge(simulation: Simulation, intent: Record, return_url: str | None) -> None:
    token = simulation.new_id("", 32)
    intent.hidden["challenge"] = token
    url = f"{simulation.settings.public_url}/3ds/{intent.id}/{token}"
    shown = intent.object
    shown["status"] = "requires_action"
    if return_url:
        shown["next_action"] = {"redirect_to_url": {"return_url": return_url, "url": url}, "type": "redirect_to_url"}
    else:
        script = {"source": simulation.new_id("src_1"), "stripe_js": url, "type": "three_d_secure_redirect"}
        shown["next_action"] = {"type": "use_stripe_sdk", "use_stripe_sdk": script}
    simulation.store.save(intent)
    emit(simulation, f"{intent.kind}.requires_action", shown)


def authenticate(simulation: Simulation, intent: Record, *, passed: bool) -> None:
    """The buyer's answer to a challenge; does nothing when none is open."""
    if intent.object["status"] != "requires_action":
        return
    method = simulation.store.get(METHOD, intent.object["payment_method"])
    if passed:
        attempt(
            simulation,
            intent,
            method,
            off_session=False,
            return_url=intent.hidden.get("return_url"),
            authenticated=True,
        )
    else:
        refusal = REFUSED if intent.kind == INTENT else SETUP_REFUSED
        decline(simulation, intent, method, refusal, charged=False)


def _leave_unknown(simulation: Simulation, intent: Record, effect: Effect) -> None:
    intent.object["status"] = "processing"
    intent.hidden["resolve"] = EFFECTS_DECIDED[effect]
    simulation.store.save(intent)
    emit(simulation, "payment_intent.processing", intent.object)
    schedule_resolution(simulation, intent)


def schedule_resolution(simulation: Simulation, intent: Record) -> None:
    """An unknown outcome becomes known by itself after the settings' delay."""
    job = functools.partial(resolve, simulation, intent, succeeded=intent.hidden["resolve"])
    simulation.agenda.after(simulation.settings.unknown_delay, f"resolve:{intent.id}", job)


def resolve(simulation: Simulation, intent: Record, *, succeeded: bool) -> None:
    """Make an unknown outcome known. Does nothing when it is known already."""
    if intent.object["status"] != "processing":
        return
    simulation.agenda.cancel(f"resolve:{intent.id}")
    method = simulation.store.get(METHOD, intent.object["payment_method"])
    if succeeded:
        succeed(simulation, intent, method)
    else:
        decline(simulation, intent, method, NEVER_KNOWN)
    session = simulation.store.find(SESSION, intent.hidden.get("session"))
    if session and session.object["status"] == "complete":
        session.object["payment_status"] = "paid" if succeeded else "unpaid"
        simulation.store.save(session)
        word = "succeeded" if succeeded else "failed"
        emit(simulation, f"checkout.session.async_payment_{word}", session.object)


def succeed(simulation: Simulation, intent: Record, method: Record, *, authenticated: bool = False) -> None:
    """The bank says yes: charge, saved card, effects of the card."""
    shown = intent.object
    charge = None
    if intent.kind == INTENT:
        secure = stripe_objects.three_d_secure(BY_KEY[method.hidden["card"]], authenticated=authenticated)
        charge = Record(CHARGE, stripe_objects.charge(simulation, shown, method.object, secure))
        simulation.store.save(charge)
        shown |= {"latest_charge": charge.id, "amount_received": shown["amount"], "last_payment_error": None}
    shown |= {"status": "succeeded", "next_action": None}
    intent.hidden["challenge"] = None
    method.hidden["used"] = True
    simulation.store.save(intent)
    simulation.store.save(method)
    if charge:
        emit(simulation, "charge.succeeded", charge.object)
    emit(simulation, f"{intent.kind}.succeeded", shown)
    if intent.kind == SETUP or shown["setup_future_usage"]:
        _keep_card(simulation, method, shown["customer"])
    if charge:
        stripe_disputes.follow(simulation, charge, BY_KEY[method.hidden["card"]].effect)


def _keep_card(simulation: Simulation, method: Record, customer: str | None) -> None:
    method.hidden["set_up"] = True
    if customer and method.object["customer"] is None:
        method.object["customer"] = customer
        simulation.store.save(method)
        emit(simulation, "payment_method.attached", method.object)
    simulation.store.save(method)


def decline(
    simulation: Simulation,
    intent: Record,
    method: Record,
    why: Decline,
    *,
    charged: bool = True,
    authenticated: bool = False,
) -> None:
    """The bank says no. The intent waits for another payment method; `charged`: a failed charge tells of it."""
    shown = intent.object
    intent.hidden["challenge"] = None
    failed = None
    if charged and intent.kind == INTENT:
        failed = _failed_charge(simulation, intent, method, why, authenticated)
    problem = error(why, method.object, failed)
    shown |= {"status": "requires_payment_method", "next_action": None, "payment_method": None}
    if intent.kind == INTENT:
        shown["last_payment_error"] = problem
        if failed:
            shown["latest_charge"] = failed["id"]
    else:
        shown["last_setup_error"] = problem
    simulation.store.save(intent)
    if failed:
        emit(simulation, "charge.failed", failed)
    emit(simulation, "payment_intent.payment_failed" if intent.kind == INTENT else "setup_intent.setup_failed", shown)


def _failed_charge(simulation: Simulation, intent: Record, method: Record, why: Decline, authenticated: bool) -> Object:
    secure = stripe_objects.three_d_secure(BY_KEY[method.hidden["card"]], authenticated=authenticated)
    failed = stripe_objects.charge(simulation, intent.object, method.object, secure)
    seller = "Stripe blocked this payment as too risky." if why.blocked else "The bank did not return further details."
    network = "not_sent_to_network" if why.blocked else "declined_by_network"
    kind = "blocked" if why.blocked else "issuer_declined"
    reason = "highest_risk_level" if why.blocked else why.decline_code or why.code
    failed |= {
        "amount_captured": 0,
        "balance_transaction": None,
        "captured": False,
        "failure_code": why.code,
        "failure_message": why.message,
        "outcome": stripe_objects.outcome(network, kind, seller, reason, why.advice_code),
        "paid": False,
        "receipt_url": None,
        "status": "failed",
    }
    failed["payment_method_details"]["card"]["authorization_code"] = None
    simulation.store.save(Record(CHARGE, failed))
    return failed


def error(why: Decline, method: Object, charge: Object | None) -> Object:
    """A decline as last_payment_error."""
    fields = {
        "advice_code": why.advice_code,
        "charge": charge["id"] if charge else None,
        "code": why.code,
        "decline_code": why.decline_code,
        "doc_url": DOCS + why.code.replace("_", "-"),
        "message": why.message,
        "payment_method": method,
        "type": "invalid_request_error" if why in (REFUSED, SETUP_REFUSED) else "card_error",
    }
    return {name: value for name, value in fields.items() if value is not None}


def card_error(problem: Object, intent: Object) -> StripeError:
    """402 for a declined confirmation, with the whole intent in it."""
    fields = {name: value for name, value in problem.items() if name not in ("message", "doc_url")}
    return StripeError(402, problem["message"], **fields).about(intent)


def cancel(simulation: Simulation, intent: Record, reason: str | None) -> None:
    """Cancel an intent that has not ended."""
    intent.object |= {
        "status": "canceled",
        "canceled_at": simulation.clock.stamp(),
        "cancellation_reason": reason,
        "next_action": None,
    }
    intent.hidden["challenge"] = None
    if intent.kind == SETUP:
        del intent.object["canceled_at"]
    simulation.store.save(intent)
    emit(simulation, f"{intent.kind}.canceled", intent.object)
