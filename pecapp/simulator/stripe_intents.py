"""PaymentIntents as API calls: create, confirm, update, cancel."""

from pecapp.simulator import stripe_customers, stripe_objects, stripe_payments, stripe_session
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_errors import StripeError, invalid, missing, unexpected
from pecapp.simulator.stripe_objects import Object
from pecapp.simulator.stripe_params import merged

OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
CHANGEABLE = (
    *("allowed_payment_method_types", "description", "receipt_email", "setup_future_usage", "shipping"),
    *("statement_descriptor", "statement_descriptor_suffix"),
)
NEEDS_RETURN = (
    "This PaymentIntent is configured to accept payment methods enabled in your Dashboard. Because some of these"
    " payment methods might redirect your customer off of your page, you must provide a `return_url`."
)


def create(simulation: Simulation, form: Object) -> Record:
    """A new intent, confirmed at once with `confirm`. Raises StripeError 402 when the bank declines."""
    form["amount"] = stripe_session.amount(form["amount"])
    form["currency"] = stripe_session.currency(form["currency"])
    customer = form.get("customer")
    if customer and simulation.store.find(stripe_customers.CUSTOMER, customer) is None:
        raise missing("customer", customer, "customer", status=400)
    if form.get("off_session") and not form.get("confirm"):
        raise invalid("You can only set `off_session` when `confirm` is true.", "off_session")
    if form.get("return_url") and not form.get("confirm"):
        raise invalid("You can only set `return_url` when `confirm` is true.", "return_url")
    _check_usage(form)
    method = _usable(simulation, form["payment_method"], customer) if form.get("payment_method") else None
    automatic = form.get("automatic_payment_methods")
    if form.get("confirm"):
        _check_return(form, automatic or {"enabled": not form.get("allowed_payment_method_types")})
    intent = stripe_payments.create(simulation, form)
    if automatic:
        intent.object["automatic_payment_methods"] = {"allow_redirects": "always"} | automatic
    if method:
        intent.object |= {"payment_method": method.id, "status": "requires_confirmation"}
        simulation.store.save(intent)
    if form.get("confirm"):
        confirm(simulation, intent, {name: form[name] for name in ("off_session", "return_url") if name in form})
    return intent


def _check_usage(form: Object) -> None:
    card = (form.get("payment_method_options") or {}).get("card") or {}
    later = form.get("setup_future_usage")
    if later and card.get("stored_credential_usage"):
        message = "`stored_credential_usage` cannot be combined with `setup_future_usage`."
        raise invalid(message, "payment_method_options[card][stored_credential_usage]")
    if later and is_off_session(form):
        message = "You cannot set `setup_future_usage` on a payment that is made `off_session`."
        raise invalid(message, "setup_future_usage")


def is_off_session(form: Object) -> bool:
    """Whether the buyer is absent."""
    return form.get("off_session") not in (None, "false")


def _check_return(form: Object, automatic: Object | None) -> None:
    redirects = automatic and automatic["enabled"] and automatic.get("allow_redirects") != "never"
    if redirects and not is_off_session(form) and not form.get("return_url"):
        raise invalid(NEEDS_RETURN, "return_url")


def _usable(simulation: Simulation, key: str, customer: str | None) -> Record:
    method = stripe_customers.method(simulation, key)
    stripe_customers.check_fresh(method)
    owner = method.object["customer"]
    if owner and owner != customer:
        message = f"The payment method supplied ({method.id}) belongs to a different Customer ({owner})."
        raise invalid(message, "payment_method")
    return method


def confirm(simulation: Simulation, intent: Record, form: Object) -> None:
    """One attempt. Raises StripeError 402 when the bank declines, 400 when the state forbids it."""
    shown = intent.object
    if shown["status"] not in OPEN:
        raise unexpected("PaymentIntent", shown["status"], "confirm", shown)
    if intent.hidden["session"]:
        raise invalid("This PaymentIntent is managed by a Checkout Session and cannot be confirmed directly.")
    _check_usage(form)
    if form.get("payment_method"):
        shown["payment_method"] = _usable(simulation, form["payment_method"], shown["customer"]).id
    if shown["payment_method"] is None:
        message = (
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again directly with one."
        )
        raise StripeError(400, message, code="payment_intent_unexpected_state", payment_intent=shown)
    if form.get("payment_method_options"):
        shown["payment_method_options"] = stripe_objects.card_options(form["payment_method_options"])
    for name in ("allowed_payment_method_types", "setup_future_usage", "receipt_email", "shipping"):
        if name in form:
            shown[name] = form[name]
    _check_return(form, shown["automatic_payment_methods"])
    method = stripe_customers.method(simulation, shown["payment_method"])
    off_session = is_off_session(form)
    stripe_payments.attempt(simulation, intent, method, off_session=off_session, return_url=form.get("return_url"))
    if shown["status"] == "requires_payment_method":
        raise stripe_payments.card_error(shown["last_payment_error"], shown)


def update(simulation: Simulation, intent: Record, form: Object) -> None:
    """Change what the form names; amount, currency, customer and card only while the intent is open.

    Whatever is changed, the error of the last confirmation is forgotten.
    """
    shown = intent.object
    open_only = {
        name for name in ("amount", "currency", "customer", "payment_method", "setup_future_usage") if name in form
    }
    if open_only and shown["status"] not in OPEN:
        raise unexpected("PaymentIntent", shown["status"], "update", shown)
    if "amount" in form:
        shown["amount"] = stripe_session.amount(form["amount"])
    if "currency" in form:
        shown["currency"] = stripe_session.currency(form["currency"])
    if form.get("customer"):
        shown["customer"] = form["customer"]
    if form.get("payment_method"):
        shown["payment_method"] = _usable(simulation, form["payment_method"], shown["customer"]).id
        shown["status"] = "requires_confirmation"
    if "metadata" in form:
        shown["metadata"] = merged(shown["metadata"], form["metadata"])
    if form.get("payment_method_options"):
        shown["payment_method_options"] = stripe_objects.card_options(form["payment_method_options"])
    for name in CHANGEABLE:
        if name in form:
            shown[name] = form[name]
    shown["last_payment_error"] = None
    simulation.store.save(intent)


def cancel(simulation: Simulation, intent: Record, form: Object) -> None:
    """Cancel an open intent. One that belongs to a session ends with its session only."""
    shown = intent.object
    if intent.hidden["session"]:
        message = (
            "You cannot cancel this PaymentIntent because it was created by a Checkout Session."
            " Expire the Checkout Session instead."
        )
        raise StripeError(400, message, code="payment_intent_unexpected_state", payment_intent=shown)
    if shown["status"] not in OPEN:
        raise unexpected("PaymentIntent", shown["status"], "cancel", shown)
    stripe_payments.cancel(simulation, intent, form.get("cancellation_reason"))
