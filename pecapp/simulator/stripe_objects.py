"""Stripe's objects with all the keys that API 2026-10-28.endive shows, as they look when new."""

import hashlib
from typing import Any

from pecapp.simulator.simulation import Simulation
from pecapp.simulator.stripe_cards import Asks, Card
from pecapp.simulator.stripe_forms import EVIDENCE_TEXTS

API_VERSION = "2026-10-28.endive"
CURRENCIES = frozenset(
    (
        "aud",
        "brl",
        "cad",
        "chf",
        "czk",
        "dkk",
        "eur",
        "gbp",
        "hkd",
        "huf",
        "jpy",
        "mxn",
        "nok",
        "nzd",
        "pln",
        "ron",
        "sek",
        "usd",
    )
)
Object = dict[str, Any]


def address(given: Object | None = None) -> Object:
    """An address with all its keys."""
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {name: (given or {}).get(name) for name in names}


def billing(name: str | None = None, email: str | None = None, country: str | None = None) -> Object:
    """Billing details."""
    return {"address": address({"country": country}), "email": email, "name": name, "phone": None, "tax_id": None}


def customer(simulation: Simulation, form: Object) -> Object:
    """A customer from its creation form."""
    settings = form.get("invoice_settings") or {}
    return {
        "id": simulation.new_id("cus_", 14),
        "object": "customer",
        "address": address(form["address"]) if form.get("address") else None,
        "balance": 0,
        "business_name": form.get("business_name"),
        "created": simulation.clock.stamp(),
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": form.get("description"),
        "discount": None,
        "email": form.get("email"),
        "individual_name": form.get("individual_name"),
        "invoice_prefix": simulation.new_id("", 8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": settings.get("default_payment_method"),
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": form.get("metadata") or {},
        "name": form.get("name"),
        "next_invoice_sequence": 1,
        "phone": form.get("phone"),
        "preferred_locales": form.get("preferred_locales") or [],
        "shipping": None,
        "tax_exempt": form.get("tax_exempt") or "none",
        "test_clock": None,
    }


def fingerprint(simulation: Simulation, card: Card) -> str:
    """The same for every use of one number in one world."""
    return hashlib.sha256(f"{simulation.salt()}:{card.number}".encode()).hexdigest()[:16]


def payment_method(simulation: Simulation, card: Card, exp: tuple[int, int], details: Object, redisplay: str) -> Object:
    """A card as PaymentMethod. `exp` is (month, year of four digits)."""
    return {
        "id": simulation.new_id("pm_1"),
        "object": "payment_method",
        "allow_redisplay": redisplay,
        "billing_details": details,
        "card": {
            "brand": card.brand,
            "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": exp[0],
            "exp_year": exp[1],
            "fingerprint": fingerprint(simulation, card),
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": card.brand != "amex"},
            "wallet": None,
        },
        "created": simulation.clock.stamp(),
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
    }


def payment_intent(simulation: Simulation, form: Object) -> Object:
    """A PaymentIntent from its creation form (or from a session's payment_intent_data with amount and currency)."""
    key = simulation.new_id("pi_3")
    allowed = form.get("allowed_payment_method_types")
    return {
        "id": key,
        "object": "payment_intent",
        "allowed_payment_method_types": allowed,
        "amount": form["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": None if allowed else {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": form.get("capture_method") or "automatic_async",
        "client_secret": simulation.new_id(f"{key}_secret_", 25),
        "confirmation_method": form.get("confirmation_method") or "automatic",
        "created": simulation.clock.stamp(),
        "currency": form["currency"],
        "customer": form.get("customer"),
        "customer_account": None,
        "description": form.get("description"),
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": form.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": card_options(form.get("payment_method_options")),
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": form.get("receipt_email"),
        "review": None,
        "setup_future_usage": form.get("setup_future_usage"),
        "shipping": form.get("shipping"),
        "source": None,
        "statement_descriptor": form.get("statement_descriptor"),
        "statement_descriptor_suffix": form.get("statement_descriptor_suffix"),
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


def card_options(form: Object | None) -> Object:
    """payment_method_options as shown."""
    given = (form or {}).get("card") or {}
    plain = {"installments": None, "mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
    return {"card": plain | {name: value for name, value in given.items() if value is not None}}


def setup_intent(simulation: Simulation, form: Object) -> Object:
    """A SetupIntent from a session's setup_intent_data with its customer."""
    key = simulation.new_id("seti_1")
    allowed = form.get("allowed_payment_method_types")
    return {
        "id": key,
        "object": "setup_intent",
        "allowed_payment_method_types": allowed,
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": simulation.new_id(f"{key}_secret_", 25),
        "created": simulation.clock.stamp(),
        "customer": form.get("customer"),
        "customer_account": None,
        "description": form.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": form.get("metadata") or {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }


def three_d_secure(card: Card, *, authenticated: bool) -> Object | None:
    """What a charge tells about authentication, None where there was none."""
    flow = "challenge" if authenticated else "frictionless" if card.asks is Asks.FRICTIONLESS else None
    if flow is None:
        return None
    return {
        "authentication_flow": flow,
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": None,
        "version": "2.2.0",
    }


def _card_of_charge(simulation: Simulation, intent: Object, method: Object, secure: Object | None) -> Object:
    shown = {name: value for name, value in method["card"].items() if name in CARD_ON_CHARGE}
    options = intent["payment_method_options"]["card"]
    usage = {name: options[name] for name in ("setup_credential_usage", "stored_credential_usage") if options.get(name)}
    amount = intent["amount"]
    details = {
        "amount_authorized": amount,
        "authorization_code": simulation.new_id("", 6).upper(),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": method["card"]["brand"],
        "network_token": {"used": False},
        "network_transaction_id": simulation.new_id("", 15).lower(),
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "three_d_secure": secure,
        "transaction_link_id": None,
    }
    return {"card": shown | details | usage, "type": "card"}


def charge(simulation: Simulation, intent: Object, method: Object, secure: Object | None) -> Object:
    """A charge of an intent, paid; the caller turns it into a failed one where needed."""
    key, amount = simulation.new_id("ch_3"), intent["amount"]
    return {
        "id": key,
        "object": "charge",
        "amount": amount,
        "amount_captured": amount,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": simulation.new_id("txn_3"),
        "billing_details": method["billing_details"],
        "calculated_statement_descriptor": "SIMULATORE",
        "captured": True,
        "created": simulation.clock.stamp(),
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "on_behalf_of": None,
        "outcome": outcome("approved_by_network", "authorized", "Payment complete."),
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": _card_of_charge(simulation, intent, method, secure),
        "radar_options": {},
        "receipt_email": intent["receipt_email"],
        "receipt_number": None,
        "receipt_url": f"{simulation.settings.public_url}/receipts/{key}",
        "refunded": False,
        "review": None,
        "shipping": intent["shipping"],
        "source": None,
        "source_transfer": None,
        "statement_descriptor": intent["statement_descriptor"],
        "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
        "status": "succeeded",
        "transfer_data": None,
        "transfer_group": None,
    }


CARD_ON_CHARGE = frozenset(
    (
        *("brand", "checks", "country", "exp_month", "exp_year"),
        *("fingerprint", "funding", "last4", "regulated_status", "wallet"),
    )
)


def outcome(network: str, kind: str, seller: str, reason: str | None = None, advice: str | None = None) -> Object:
    """The outcome of a charge."""
    return {
        "advice_code": advice,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": "highest" if kind == "blocked" else "normal",
        "risk_score": 80 if kind == "blocked" else 12,
        "seller_message": seller,
        "type": kind,
    }


def refund(simulation: Simulation, charged: Object, amount: int, form: Object, status: str) -> Object:
    """A refund of a charge."""
    reference = {"reference_status": "pending", "reference_type": "acquirer_reference_number", "type": "refund"}
    return {
        "id": simulation.new_id("re_3"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": simulation.new_id("txn_3"),
        "charge": charged["id"],
        "created": simulation.clock.stamp(),
        "currency": charged["currency"],
        "customer": charged["customer"],
        "customer_account": None,
        "destination_details": {"card": reference, "type": "card"},
        "metadata": form.get("metadata") or {},
        "payment_intent": charged["payment_intent"],
        "payment_method": charged["payment_method"],
        "reason": form.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": status,
        "transfer_reversal": None,
    }


def dispute(simulation: Simulation, charged: Object, reason: str, *, inquiry: bool) -> Object:
    """A dispute over a charge, waiting for our answer for seven days."""
    card = charged["payment_method_details"]["card"]
    case = "inquiry" if inquiry else "chargeback"
    return {
        "id": simulation.new_id("du_1"),
        "object": "dispute",
        "amount": charged["amount"],
        "balance_transactions": [],
        "charge": charged["id"],
        "created": simulation.clock.stamp(),
        "currency": charged["currency"],
        "enhanced_eligibility_types": [],
        "evidence": dict.fromkeys(EVIDENCE_TEXTS) | {"enhanced_evidence": {}},
        "evidence_details": {
            "due_by": simulation.clock.stamp() + 7 * 86_400,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "payment_intent": charged["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": case,
                "network": card["network"],
                "network_reason_code": "10.4",
            },
            "type": "card",
        },
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }


def listing(data: list[Object], url: str, *, more: bool = False) -> Object:
    """A list object."""
    return {"object": "list", "data": data, "has_more": more, "url": url}
