"""Orders: opened by the shop, approved by the buyer, captured by the shop; or opened and captured in one step."""

import functools
import json

from pecapp.simulator import paypal_captures, paypal_events, paypal_vault
from pecapp.simulator.paypal_buyers import Buyer
from pecapp.simulator.paypal_buyers import find as buyer_of
from pecapp.simulator.paypal_checks import Part
from pecapp.simulator.paypal_errors import PayPalError, missing, refused
from pecapp.simulator.paypal_objects import (
    CAPTURE,
    ORDER,
    REFUND,
    Object,
    link,
    moment,
    money,
    new_id,
    payee,
    payer,
    returning,
    wallet,
)
from pecapp.simulator.paypal_wire import HOUR, Call, Done
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

APPROVAL_SECONDS = 3 * HOUR
UNAPPROVED_SECONDS = 72 * HOUR
WAITING = ("CREATED", "PAYER_ACTION_REQUIRED")
NAMES = {"reference_id": 256, "description": 127, "custom_id": 127, "invoice_id": 127, "soft_descriptor": 22}
CONTEXT = {
    "shipping_preference": "GET_FROM_FILE NO_SHIPPING SET_PROVIDED_ADDRESS",
    "landing_page": "LOGIN GUEST_CHECKOUT NO_PREFERENCE",
    "user_action": "CONTINUE PAY_NOW",
    "payment_method_preference": "UNRESTRICTED IMMEDIATE_PAYMENT_REQUIRED",
}
LOCALE = r"[a-z]{2}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|[0-9]{3}))?"


def create(simulation: Simulation, call: Call) -> Done:
    """POST /v2/checkout/orders."""
    body = Part(call.body)
    if body.text("intent", choices="CAPTURE AUTHORIZE", required=True) == "AUTHORIZE":
        raise body.wrong("intent", "NOT_SUPPORTED")  # by the simulator
    unit = _unit(simulation, body.only("purchase_units"))
    source = body.maybe("payment_source")
    if set(source.content) - {"paypal"}:
        raise body.wrong("payment_source", "NOT_SUPPORTED")  # by the simulator, which has no cards at PayPal
    wish = source.maybe("paypal")
    if "vault_id" in wish:
        return _charge(simulation, call, unit, wish)
    context = wish.maybe("experience_context") if "paypal" in source else body.maybe("application_context")
    vault = wish.maybe("attributes").maybe("vault")
    hidden = _context(context, required=bool(vault.content)) | _vault(simulation, wish, vault)
    status = "PAYER_ACTION_REQUIRED" if "paypal" in source else "CREATED"
    record = _new(simulation, status, unit, hidden)
    if "paypal" in source:
        record.object["payment_source"] = {"paypal": {}}
    simulation.store.save(record)
    return Done(200 if "paypal" in source else 201, record)


def _new(simulation: Simulation, status: str, unit: Object, hidden: Object) -> Record:
    shown = {
        "id": new_id(),
        "intent": "CAPTURE",
        "status": status,
        "purchase_units": [unit],
        "create_time": moment(simulation),
    }
    plain: Object = {
        "created": simulation.clock.now(),
        "return_url": "",
        "cancel_url": "",
        "terms": None,
        "customer": None,
        "buyer": "",
        "funding": "",
        "declined": False,
        "lapses": None,
        "captures": [],
        "token": None,
    }
    return Record(ORDER, shown, plain | hidden)


def _unit(simulation: Simulation, wish: Part) -> Object:
    names = {name: wish.text(name, longest=longest) for name, longest in NAMES.items()}
    shown = {"reference_id": "default"} | {name: text for name, text in names.items() if text is not None}
    return shown | {"amount": money(*wish.part("amount").amount()), "payee": payee(simulation)}


def _context(wish: Part, *, required: bool) -> Object:
    for name, choices in CONTEXT.items():
        wish.text(name, choices=choices)
    brand = wish.text("brand_name", longest=127) or ""
    locale = wish.text("locale", longest=10, pattern=LOCALE) or ""
    return paypal_vault.returns(wish, required=required) | {"brand": brand, "locale": locale}


def _vault(simulation: Simulation, wish: Part, vault: Part) -> Object:
    """The wish to keep the account, if there is one. Raises PayPalError 403 where that is not allowed."""
    if not vault.content:
        return {}
    vault.text("store_in_vault", choices="ON_SUCCESS", required=True)
    terms = paypal_vault.terms(vault)
    paypal_vault.check_allowed(simulation)
    customer = paypal_vault.customer(simulation, wish.maybe("attributes").maybe("customer"))
    return {"terms": terms, "customer": customer}


def _charge(simulation: Simulation, call: Call, unit: Object, wish: Part) -> Done:
    """A kept account is charged, at once or after its owner has confirmed. A refusal leaves no order behind."""
    if not call.key:
        raise PayPalError(400, "PAYPAL_REQUEST_ID_REQUIRED", field="PayPal-Request-Id", location="header")
    said = _stored(wish.maybe("stored_credential"))
    context = _context(wish.maybe("experience_context"), required=False)
    token = paypal_vault.token_to_charge(simulation, wish)
    paypal_captures.check_invoice(simulation, unit)
    buyer = buyer_of(token.hidden["buyer"])
    confirms = buyer.confirms or token.hidden.get("asks", False)
    if confirms and said.get("payment_initiator") != "CUSTOMER":
        raise refused("PAYER_ACTION_REQUIRED")
    customer = token.object["customer"]["id"]
    hidden = {"buyer": buyer.email, "funding": token.hidden["funding"], "token": token.id, "customer": customer}
    status = "PAYER_ACTION_REQUIRED" if confirms else "APPROVED"
    record = _new(simulation, status, unit, hidden | context)
    record.object |= {"payer": payer(buyer), "payment_source": {"paypal": wallet(buyer)}}
    if said:
        record.object["payment_source"]["paypal"]["stored_credential"] = said
    if confirms:
        return Done(200, simulation.store.save(record))
    _complete(simulation, record, buyer)
    return Done(201, record)


def _stored(stored: Part) -> Object:
    """What the shop says of the charge: who began it, and of which kind it is."""
    said = {
        "payment_initiator": stored.text("payment_initiator", choices="CUSTOMER MERCHANT"),
        "usage": stored.text("usage", choices="FIRST SUBSEQUENT DERIVED"),
        "usage_pattern": stored.text("usage_pattern", choices=paypal_vault.PATTERNS),
    }
    if stored.content and said["payment_initiator"] is None:
        raise stored.wrong("payment_initiator", "MISSING_REQUIRED_PARAMETER")
    return {name: text for name, text in said.items() if text is not None}


def get(simulation: Simulation, call: Call) -> Done:
    """GET /v2/checkout/orders/{id}."""
    return Done(200, _present(simulation, call))


def _present(simulation: Simulation, call: Call) -> Record:
    record = find(simulation, call.ids[0])
    if record is None:
        raise missing()
    return record


def find(simulation: Simulation, order_id: str) -> Record | None:
    """The order; PayPal forgets one that nobody has approved for 72 hours."""
    record = simulation.store.find(ORDER, order_id)
    if record is None:
        return None
    forgotten = record.hidden["created"] + UNAPPROVED_SECONDS < simulation.clock.now()
    return None if forgotten and record.object["status"] in WAITING else record


def show(simulation: Simulation, record: Record) -> Object:
    """An order with its payments and the links that its status offers."""
    shown: Object = json.loads(json.dumps(record.object))
    captures = [simulation.store.get(CAPTURE, key) for key in record.hidden["captures"]]
    refunds = [simulation.store.get(REFUND, key).object for capture in captures for key in capture.hidden["refunds"]]
    if captures:
        payments: Object = {"captures": [paypal_captures.inside(capture) for capture in captures]}
        shown["purchase_units"][0]["payments"] = payments | ({"refunds": refunds} if refunds else {})
    path, page = f"/v2/checkout/orders/{record.id}", f"/checkoutnow?token={record.id}"
    shown["links"] = [link(simulation, path, "self")]
    match record.object["status"]:
        case "CREATED":
            shown["links"].append(link(simulation, page, "approve"))
        case "PAYER_ACTION_REQUIRED":
            shown["links"].append(link(simulation, page, "payer-action"))
        case "APPROVED":
            shown["links"].append(link(simulation, f"{path}/capture", "capture", "POST"))
    return shown


def is_open(record: Record) -> bool:
    """Whether the buyer can still do something on the page: nobody has approved, or what they chose was declined."""
    status = record.object["status"]
    return status in WAITING or (status == "APPROVED" and record.hidden["declined"])


def owner(record: Record) -> str:
    """The buyer who alone can approve, because the order charges their kept account; empty for anybody."""
    return record.hidden["buyer"] if record.hidden["token"] else ""


def approve(simulation: Simulation, record: Record, buyer: Buyer, funding: str = "") -> None:
    """The buyer agrees to pay from `funding`, one of theirs. Raises ValueError when that is not possible any more."""
    if not is_open(record) or find(simulation, record.id) is None:
        raise ValueError(f"the order is {record.object['status']}")
    funding = funding or buyer.funding[0]
    if funding not in buyer.funding:
        raise ValueError(f"{funding!r} is none of {', '.join(buyer.funding)}")
    if owner(record) not in ("", buyer.email):
        raise ValueError(f"the order charges the account of {owner(record)}")
    known = record.object.get("payment_source", {}).get("paypal", {})
    record.object |= {
        "status": "APPROVED",
        "payer": payer(buyer),
        "payment_source": {"paypal": known | wallet(buyer)},
        "update_time": moment(simulation),
    }
    lapses = simulation.clock.now() + APPROVAL_SECONDS
    record.hidden |= {"buyer": buyer.email, "funding": funding, "declined": False, "lapses": lapses}
    simulation.store.save(record)
    schedule_lapse(simulation, record)
    _tell(simulation, record, "APPROVED", "An order has been approved by buyer")


def _tell(simulation: Simulation, record: Record, what: str, summary: str) -> None:
    shown = show(simulation, record)
    paypal_events.emit(simulation, f"CHECKOUT.ORDER.{what}", "checkout-order", shown, summary=summary)


def return_address(record: Record) -> str:
    """Where the shop wants the buyer back after approving."""
    account = record.object.get("payer", {}).get("payer_id", "")
    return returning(record.hidden["return_url"], token=record.id, PayerID=account)


def cancel_address(record: Record) -> str:
    """Where the shop wants the buyer back after cancelling."""
    return returning(record.hidden["cancel_url"], token=record.id)


def schedule_lapse(simulation: Simulation, record: Record) -> None:
    """An approval that is not captured ends after three simulated hours."""
    job = functools.partial(lapse, simulation, record)
    simulation.agenda.at(record.hidden["lapses"], f"paypal-approval:{record.id}", job)


def lapse(simulation: Simulation, record: Record) -> None:
    """The buyer's approval ends without a capture."""
    if record.object["status"] != "APPROVED":
        return
    record.object |= {"status": "VOIDED", "update_time": moment(simulation)}
    simulation.store.save(record)
    shown = {
        "order_id": record.id,
        "purchase_units": record.object["purchase_units"],
        "payment_source": record.object["payment_source"],
    }
    kind, summary = "CHECKOUT.PAYMENT-APPROVAL.REVERSED", "A payment has been reversed after approval."
    paypal_events.emit(simulation, kind, "checkout-order", shown, summary=summary)


def capture(simulation: Simulation, call: Call) -> Done:
    """POST /v2/checkout/orders/{id}/capture."""
    record = _present(simulation, call)
    if record.object["status"] == "COMPLETED":
        raise refused("ORDER_ALREADY_CAPTURED")
    if record.object["status"] != "APPROVED":
        raise refused("ORDER_NOT_APPROVED")
    paypal_captures.check_invoice(simulation, record.object["purchase_units"][0])
    buyer = buyer_of(record.hidden["buyer"])
    if buyer.locked:
        raise refused("PAYER_ACCOUNT_LOCKED_OR_CLOSED")
    if buyer.is_declined(record.hidden["funding"]):
        record.hidden["declined"] = True
        simulation.store.save(record)
        raise refused("INSTRUMENT_DECLINED", link(simulation, f"/checkoutnow?token={record.id}", "redirect"))
    _complete(simulation, record, buyer)
    return Done(201, record)


def _complete(simulation: Simulation, record: Record, buyer: Buyer) -> None:
    """Take the money, keep the account if that was agreed, tell both."""
    simulation.agenda.cancel(f"paypal-approval:{record.id}")
    taken = paypal_captures.create(simulation, record.id, record.object["purchase_units"][0], buyer)
    record.hidden["captures"].append(taken.id)
    record.object |= {"status": "COMPLETED", "update_time": moment(simulation)}
    if kept := paypal_vault.vault_order(simulation, record, buyer):
        record.object["payment_source"]["paypal"]["attributes"] = {"vault": kept}
    simulation.store.save(record)
    _tell(simulation, record, "COMPLETED", "Checkout Order Completed")
