"""The Checkout Session and its line items as objects."""

from pecapp.simulator.simulation import Simulation
from pecapp.simulator.stripe_errors import invalid, required
from pecapp.simulator.stripe_objects import CURRENCIES, Object

MINIMUM_CENTS = 50
MAXIMUM_CENTS = 99_999_999
SHORTEST_SECONDS = 30 * 60
LONGEST_SECONDS = 24 * 3600


def currency(given: str | None, param: str = "currency") -> str:
    """The currency in lower case. Raises StripeError 400 when it is none."""
    if (word := (given or "").lower()) in CURRENCIES:
        return word
    supported = ", ".join(sorted(CURRENCIES))
    raise invalid(f"Invalid currency: {given}. Stripe currently supports these currencies: {supported}", param)


def amount(cents: int, param: str = "amount") -> int:
    """The amount in cents. Raises StripeError 400 when it is too small or too large; zero is too small."""
    if cents < MINIMUM_CENTS:
        raise invalid("Amount must be at least €0.50 eur", param, "amount_too_small")
    if cents > MAXIMUM_CENTS:
        raise invalid("Amount must be no more than €999,999.99", param, "amount_too_large")
    return cents


def line_items(simulation: Simulation, wishes: list[Object]) -> list[Object]:
    """Line items with an inline price. Raises StripeError 400 on mixed currencies or negative amounts."""
    items: list[Object] = []
    for number, wish in enumerate(wishes):
        if "price_data" not in wish:
            raise required(f"line_items[{number}][price_data]")
        price = wish["price_data"]
        word = currency(price["currency"], f"line_items[{number}][price_data][currency]")
        if items and word != items[0]["currency"]:
            raise invalid("All line items must have the same currency.", f"line_items[{number}][price_data][currency]")
        quantity = wish.get("quantity") or 1
        if price["unit_amount"] < 0 or quantity < 0:
            raise invalid("Invalid non-negative integer", f"line_items[{number}]", "parameter_invalid_integer")
        items.append(_line_item(simulation, price, word, quantity, wish.get("metadata")))
    return items


def _line_item(simulation: Simulation, price: Object, word: str, quantity: int, metadata: Object | None) -> Object:
    total = price["unit_amount"] * quantity
    return {
        "id": simulation.new_id("li_1"),
        "object": "item",
        "adjustable_quantity": None,
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": word,
        "description": price["product_data"]["name"],
        "metadata": metadata or {},
        "price": {
            "id": simulation.new_id("price_1"),
            "object": "price",
            "active": False,
            "billing_scheme": "per_unit",
            "created": simulation.clock.stamp(),
            "currency": word,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": simulation.new_id("prod_", 14),
            "recurring": None,
            "tax_behavior": price.get("tax_behavior") or "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "one_time",
            "unit_amount": price["unit_amount"],
            "unit_amount_decimal": str(price["unit_amount"]),
        },
        "quantity": quantity,
    }


def expiry(simulation: Simulation, wish: int | None) -> int:
    """When the session expires. Raises StripeError 400 outside of 30 minutes to 24 hours from now."""
    now = simulation.clock.stamp()
    moment = now + LONGEST_SECONDS if wish is None else wish
    if moment < now + SHORTEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation.", "expires_at"
        )
    if moment > now + LONGEST_SECONDS:
        raise invalid(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.", "expires_at"
        )
    return moment


NEVER_SET = dict.fromkeys(
    (
        *("after_expiration", "allow_promotion_codes", "branding_settings", "client_secret", "collected_information"),
        *("consent", "consent_collection", "currency_conversion", "customer_account", "integration_identifier"),
        *("invoice", "invoice_creation", "origin_context", "payment_intent", "payment_link"),
        *("payment_method_configuration_details", "permissions", "recovered_from", "setup_intent"),
        *("shipping_address_collection", "shipping_cost", "subscription"),
    )
)
"""What a new session of ours does not have; some of it comes later."""
AS_TYPED = (
    *("allowed_payment_method_types", "billing_address_collection", "cancel_url", "client_reference_id", "customer"),
    *("customer_email", "locale", "submit_type", "wallet_options"),
)


def build(simulation: Simulation, form: Object, items: list[Object]) -> Object:
    """A new open session from its checked form."""
    key = simulation.new_id("cs_test_a1", 58)
    shown = NEVER_SET | {name: form.get(name) for name in AS_TYPED}
    shown |= _setup(form) if form["mode"] == "setup" else _payment(form, items)
    options = (form.get("payment_method_options") or {}).get("card") or {}
    save = (form.get("saved_payment_method_options") or {}).get("payment_method_save")
    texts = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
    return shown | {
        "id": key,
        "object": "checkout.session",
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "created": simulation.clock.stamp(),
        "custom_fields": [],
        "custom_text": dict.fromkeys(texts),
        "customer_details": _details(form.get("customer_email")),
        "expires_at": expiry(simulation, form.get("expires_at")),
        "livemode": False,
        "managed_payments": {"enabled": False},
        "metadata": form.get("metadata") or {},
        "mode": form["mode"],
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"} | options},
        "payment_method_types": ["card"],
        "phone_number_collection": {"enabled": False},
        "saved_payment_method_options": {
            "allow_redisplay_filters": ["always"],
            "payment_method_remove": "disabled",
            "payment_method_save": save,
        },
        "shipping_options": [],
        "status": "open",
        "success_url": form["success_url"],
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": f"{simulation.settings.public_url}/c/pay/{key}",
    }


def _payment(form: Object, items: list[Object]) -> Object:
    total = sum(item["amount_total"] for item in items)
    pricing = form.get("adaptive_pricing") or {"enabled": True}
    return {
        "adaptive_pricing": {"enabled": bool(pricing.get("enabled"))},
        "amount_subtotal": total,
        "amount_total": total,
        "currency": items[0]["currency"],
        "customer_creation": None if form.get("customer") else form.get("customer_creation") or "if_required",
        "discounts": [],
        "payment_method_collection": "if_required",
        "payment_status": "unpaid",
    }


def _setup(form: Object) -> Object:
    nothing = ("adaptive_pricing", "amount_subtotal", "amount_total", "customer_creation", "discounts")
    return dict.fromkeys(nothing) | {
        "currency": form.get("currency"),
        "payment_method_collection": "always",
        "payment_status": "no_payment_required",
    }


def _details(email: str | None) -> Object | None:
    return customer_details(None, email, None) if email else None


def customer_details(name: str | None, email: str | None, country: str | None) -> Object:
    """What the buyer has typed."""
    place = {"city": None, "country": country, "line1": None, "line2": None, "postal_code": None, "state": None}
    return {
        "address": place if country else None,
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": name,
        "phone": None,
        "tax_exempt": "none",
        "tax_ids": None,
    }
