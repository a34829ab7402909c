"""The parameters that the simulator knows, call by call; a real one that is missing here answers parameter_unknown."""

from pecapp.simulator.stripe_params import Flag, Many, Metadata, Text, Tree, Whole, choice

EXPAND = {"expand": Many(Text())}
CREATED = Tree({"gt": Whole(), "gte": Whole(), "lt": Whole(), "lte": Whole()})
PAGE = EXPAND | {"limit": Whole(), "starting_after": Text(), "ending_before": Text()}
DATED = PAGE | {"created": CREATED}
ADDRESS = Tree({name: Text() for name in ("city", "country", "line1", "line2", "postal_code", "state")})
SHIPPING = Tree({"address": ADDRESS, "name": Text(), "phone": Text(), "carrier": Text(), "tracking_number": Text()})
TYPES = Many(choice("card link paypal sepa_debit bancontact satispay"))
LATER = choice("off_session on_session")
REDISPLAY = choice("always limited unspecified")
CARD_OPTIONS = Tree(
    {
        "card": Tree(
            {
                "request_three_d_secure": choice("any automatic challenge"),
                "setup_credential_usage": choice("installment recurring unscheduled"),
                "setup_future_usage": choice("none off_session on_session"),
                "stored_credential_usage": choice("installment recurring unscheduled"),
            }
        )
    }
)
SESSION_CARD_OPTIONS = Tree(
    {"card": Tree({"request_three_d_secure": choice("any automatic challenge"), "setup_future_usage": LATER})}
)
LOCALES = choice(
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk"
    " sl sv th tr vi zh zh-HK zh-TW"
)
PRODUCT = Tree({"name": Text(), "description": Text(), "metadata": Metadata(), "images": Many(Text())}, ("name",))
PRICE = Tree(
    {
        "currency": Text(3),
        "product_data": PRODUCT,
        "tax_behavior": choice("exclusive inclusive unspecified"),
        "unit_amount": Whole(),
    },
    ("currency", "product_data", "unit_amount"),
)

CUSTOMER = Tree(
    EXPAND
    | {
        "address": ADDRESS,
        "business_name": Text(),
        "description": Text(),
        "email": Text(512),
        "individual_name": Text(),
        "invoice_settings": Tree({"default_payment_method": Text()}),
        "metadata": Metadata(),
        "name": Text(),
        "payment_method": Text(),
        "phone": Text(20),
        "preferred_locales": Many(Text()),
        "tax_exempt": choice("exempt none reverse"),
    }
)
CUSTOMER_UPDATE = Tree({name: spec for name, spec in CUSTOMER.fields.items() if name != "payment_method"})
CUSTOMER_LIST = Tree(DATED | {"email": Text()})
CUSTOMER_METHODS = Tree(PAGE | {"type": choice("card link"), "allow_redisplay": REDISPLAY})

METHOD_LIST = Tree({**CUSTOMER_METHODS.fields, "customer": Text()})
METHOD_UPDATE = Tree(
    EXPAND
    | {
        "allow_redisplay": REDISPLAY,
        "billing_details": Tree({"address": ADDRESS, "email": Text(), "name": Text(), "phone": Text()}),
        "card": Tree({"exp_month": Whole(), "exp_year": Whole()}),
        "metadata": Metadata(),
    }
)
METHOD_ATTACH = Tree(EXPAND | {"customer": Text()}, ("customer",))

SESSION_CREATE = Tree(
    EXPAND
    | {
        "adaptive_pricing": Tree({"enabled": Flag()}),
        "allowed_payment_method_types": TYPES,
        "billing_address_collection": choice("auto required"),
        "cancel_url": Text(),
        "client_reference_id": Text(200),
        "currency": Text(3),
        "customer": Text(),
        "customer_creation": choice("always if_required"),
        "customer_email": Text(800),
        "expires_at": Whole(),
        "line_items": Many(Tree({"price_data": PRICE, "quantity": Whole(), "metadata": Metadata()})),
        "locale": LOCALES,
        "metadata": Metadata(),
        "mode": choice("payment setup"),
        "payment_intent_data": Tree(
            {
                "capture_method": choice("automatic automatic_async"),
                "description": Text(1000),
                "metadata": Metadata(),
                "receipt_email": Text(),
                "setup_future_usage": LATER,
                "statement_descriptor": Text(22),
                "statement_descriptor_suffix": Text(22),
            }
        ),
        "payment_method_data": Tree({"allow_redisplay": REDISPLAY}),
        "payment_method_options": SESSION_CARD_OPTIONS,
        "saved_payment_method_options": Tree({"payment_method_save": choice("disabled enabled")}),
        "setup_intent_data": Tree({"description": Text(1000), "metadata": Metadata()}),
        "submit_type": choice("auto book donate pay"),
        "success_url": Text(),
        "ui_mode": choice("hosted_page"),
        "wallet_options": Tree({"link": Tree({"display": choice("auto never")})}),
    },
    ("mode",),
)
SESSION_UPDATE = Tree(EXPAND | {"metadata": Metadata()})
SESSION_LIST = Tree(DATED | {"customer": Text(), "payment_intent": Text(), "status": choice("complete expired open")})

_INTENT = {
    "allowed_payment_method_types": TYPES,
    "payment_method": Text(),
    "payment_method_options": CARD_OPTIONS,
    "receipt_email": Text(),
    "setup_future_usage": LATER,
    "shipping": SHIPPING,
}
_CONFIRM = {
    "off_session": choice("true false one_off recurring"),
    "return_url": Text(),
}
_DESCRIBED = {
    "description": Text(1000),
    "metadata": Metadata(),
    "statement_descriptor": Text(22),
    "statement_descriptor_suffix": Text(22),
}
INTENT_CREATE = Tree(
    EXPAND
    | _INTENT
    | _CONFIRM
    | _DESCRIBED
    | {
        "amount": Whole(),
        "capture_method": choice("automatic automatic_async"),
        "automatic_payment_methods": Tree({"enabled": Flag(), "allow_redirects": choice("always never")}, ("enabled",)),
        "confirm": Flag(),
        "confirmation_method": choice("automatic manual"),
        "currency": Text(3),
        "customer": Text(),
    },
    ("amount", "currency"),
)
INTENT_UPDATE = Tree(
    EXPAND | _INTENT | _DESCRIBED | {"amount": Whole(), "currency": Text(3), "customer": Text()},
)
INTENT_CONFIRM = Tree(EXPAND | _INTENT | _CONFIRM)
INTENT_CANCEL = Tree(EXPAND | {"cancellation_reason": choice("abandoned duplicate fraudulent requested_by_customer")})
INTENT_GET = Tree(EXPAND | {"client_secret": Text()})
INTENT_LIST = Tree(DATED | {"customer": Text()})

CHARGE_LIST = Tree(DATED | {"customer": Text(), "payment_intent": Text()})
REFUND_CREATE = Tree(
    EXPAND
    | {
        "amount": Whole(),
        "charge": Text(),
        "metadata": Metadata(),
        "payment_intent": Text(),
        "reason": choice("duplicate fraudulent requested_by_customer"),
    }
)
REFUND_UPDATE = Tree(EXPAND | {"metadata": Metadata()})
REFUND_LIST = Tree(DATED | {"charge": Text(), "payment_intent": Text()})
EVIDENCE_TEXTS = tuple(
    "access_activity_log billing_address cancellation_policy cancellation_policy_disclosure cancellation_rebuttal"
    " customer_communication customer_email_address customer_name customer_purchase_ip customer_signature"
    " duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id product_description receipt"
    " refund_policy refund_policy_disclosure refund_refusal_explanation service_date service_documentation"
    " shipping_address shipping_carrier shipping_date shipping_documentation shipping_tracking_number"
    " uncategorized_file uncategorized_text".split()
)
DISPUTE_UPDATE = Tree(
    EXPAND
    | {"evidence": Tree({name: Text(20_000) for name in EVIDENCE_TEXTS}), "metadata": Metadata(), "submit": Flag()}
)
DISPUTE_LIST = Tree(DATED | {"charge": Text(), "payment_intent": Text()})
EVENT_LIST = Tree(DATED | {"delivery_success": Flag(), "type": Text(), "types": Many(Text())})
ENDPOINT_CREATE = Tree(
    EXPAND
    | {
        "api_version": Text(),
        "description": Text(),
        "enabled_events": Many(Text()),
        "metadata": Metadata(),
        "url": Text(),
    },
    ("enabled_events", "url"),
)
ENDPOINT_UPDATE = Tree(
    EXPAND
    | {
        "description": Text(),
        "disabled": Flag(),
        "enabled_events": Many(Text()),
        "metadata": Metadata(),
        "url": Text(),
    }
)
GET = Tree(EXPAND)
LIST = Tree(PAGE)
DELETE = Tree()
