"""Kept PayPal accounts: setup tokens that a buyer approves, payment tokens that can be charged, and their end."""

import functools

from pecapp.simulator import paypal_events
from pecapp.simulator.paypal_buyers import Buyer, find
from pecapp.simulator.paypal_checks import NAME, URL, Part
from pecapp.simulator.paypal_errors import PayPalError, forbidden, mocked, refused
from pecapp.simulator.paypal_objects import CUSTOMER, ORDER, SETUP, SMALL, TOKEN, Object, link, new_id, returning
from pecapp.simulator.paypal_wire import Call, Done, fetch
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

ACCOUNT = "paypal.account"
PATTERNS = "IMMEDIATE DEFERRED RECURRING_PREPAID RECURRING_POSTPAID THRESHOLD_PREPAID THRESHOLD_POSTPAID"
PAGE_SIZE = 5


def allow(simulation: Simulation, *, allowed: bool) -> None:
    """Whether PayPal lets this merchant keep accounts."""
    simulation.store.save(Record(ACCOUNT, {"id": ACCOUNT, "vault": allowed}))


def check_allowed(simulation: Simulation) -> None:
    """Raises PayPalError 403 for a merchant who may not keep accounts."""
    record = simulation.store.find(ACCOUNT, ACCOUNT)
    if record and not record.object["vault"]:
        raise forbidden()


def terms(wish: Part) -> Object:
    """What a buyer is asked to agree to, as the kept account shows it afterwards. Raises PayPalError 400."""
    shown: Object = {
        "permit_multiple_payment_tokens": bool(wish.content.get("permit_multiple_payment_tokens", False)),
        "usage_type": wish.text("usage_type", choices="MERCHANT PLATFORM", required=True),
        "customer_type": wish.text("customer_type", choices="CONSUMER BUSINESS") or "CONSUMER",
        "usage_pattern": wish.text("usage_pattern", choices=PATTERNS),
        "description": wish.text("description", longest=128),
    }
    return {name: value for name, value in shown.items() if value is not None}


def customer(simulation: Simulation, wish: Part) -> str:
    """The customer that a request names, known from now on; a new one when it names none. Raises PayPalError 400."""
    key = wish.text("id", longest=22, pattern=NAME) or new_id(10)
    if simulation.store.find(CUSTOMER, key) is None:
        simulation.store.save(Record(CUSTOMER, {"id": key}))
    return key


def returns(wish: Part, *, required: bool) -> dict[str, str]:
    """The shop's addresses of an experience_context. Raises PayPalError 422 without them when they are required."""
    for name in ("return_url", "cancel_url"):
        if required and name not in wish:
            raise refused(f"{name.upper()}_REQUIRED", field=wish.at(name))
    return {name: wish.text(name, longest=4000, pattern=URL) or "" for name in ("return_url", "cancel_url")}


def create_setup(simulation: Simulation, call: Call) -> Done:
    """POST /v3/vault/setup-tokens: a page on which the buyer agrees to later charges."""
    body = Part(call.body)
    wish = body.part("payment_source").part("paypal")
    agreed = terms(wish)
    context = wish.maybe("experience_context")
    context.text("brand_name", longest=300)
    shop = returns(context, required=True)
    check_allowed(simulation)
    shown = {
        "id": new_id(),
        "customer": {"id": customer(simulation, body.maybe("customer"))},
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": agreed},
    }
    hidden = shop | {"brand": context.content.get("brand_name", ""), "locale": context.content.get("locale", "")}
    return Done(201, simulation.store.save(Record(SETUP, shown, hidden)))


def get_setup(simulation: Simulation, call: Call) -> Done:
    """GET /v3/vault/setup-tokens/{id}."""
    return Done(200, fetch(simulation, SETUP, call.ids[0]))


def show_setup(simulation: Simulation, record: Record) -> Object:
    """A setup token with the links that its status offers."""
    links = [link(simulation, f"/v3/vault/setup-tokens/{record.id}", "self")]
    match record.object["status"]:
        case "PAYER_ACTION_REQUIRED":
            links.append(link(simulation, f"/agreements/approve?approval_session_id={record.id}", "approve"))
        case "APPROVED":
            links.append(link(simulation, "/v3/vault/payment-tokens", "confirm", "POST"))
    return record.object | {"links": links}


def find_setup(simulation: Simulation, token: str) -> Record | None:
    """The setup token of the buyer's page."""
    return simulation.store.find(SETUP, token)


def approve_setup(simulation: Simulation, record: Record, buyer: Buyer) -> None:
    """The buyer agrees. Raises ValueError when there is nothing to agree to any more."""
    if record.object["status"] != "PAYER_ACTION_REQUIRED":
        raise ValueError(f"the setup token is {record.object['status']}")
    record.object["status"] = "APPROVED"
    record.object["payment_source"]["paypal"] |= _shown_account(buyer)
    record.hidden["buyer"] = buyer.email
    simulation.store.save(record)


def return_address(record: Record) -> str:
    """Where the shop wants the buyer back after agreeing."""
    return returning(record.hidden["return_url"], approval_token_id=record.id, approval_session_id=record.id)


def cancel_address(record: Record) -> str:
    """Where the shop wants the buyer back after cancelling."""
    return returning(record.hidden["cancel_url"], approval_token_id=record.id, approval_session_id=record.id)


def create_token(simulation: Simulation, call: Call) -> Done:
    """POST /v3/vault/payment-tokens: an approved setup token becomes a payment token, once."""
    wish = Part(call.body).part("payment_source").part("token")
    wish.text("type", choices="SETUP_TOKEN", required=True)
    setup = simulation.store.find(SETUP, wish.text("id", required=True))
    check_allowed(simulation)
    if setup is None:
        raise refused("TOKEN_ID_NOT_FOUND", field=wish.at("id"))
    if setup.object["status"] != "APPROVED":
        raise refused("INVALID_PARAMETER_VALUE", field=wish.at("id"))
    buyer = find(setup.hidden["buyer"])
    if buyer.locked:
        raise refused("PAYER_ACCOUNT_LOCKED_OR_CLOSED")
    if buyer.vault == "never":
        raise refused("PAYER_CANNOT_PAY")
    setup.object["status"] = "VAULTED"
    simulation.store.save(setup)
    agreed = setup.object["payment_source"]["paypal"]
    return Done(201, keep(simulation, setup.object["customer"]["id"], buyer, agreed, buyer.funding[0]))


def keep(simulation: Simulation, customer: str, buyer: Buyer, agreed: Object, funding: str, order: str = "") -> Record:
    """The payment token of this account for this customer: the one that is there, else a new one, told by an event."""
    for record in simulation.store.all(TOKEN):
        same = record.object["customer"]["id"] == customer and record.hidden["payer"] == buyer.payer_id
        if same and not agreed["permit_multiple_payment_tokens"]:
            return record
    shown = {
        "id": new_id(8, SMALL),
        "customer": {"id": customer},
        "payment_source": {"paypal": agreed | _shown_account(buyer)},
    }
    hidden = {"payer": buyer.payer_id, "buyer": buyer.email, "funding": funding, "order": order}
    record = simulation.store.save(Record(TOKEN, shown, hidden))
    _tell(simulation, record, "CREATED", "A payment token has been created.")
    return record


def _shown_account(buyer: Buyer) -> Object:
    return {
        "email_address": buyer.email,
        "payer_id": buyer.payer_id,
        "account_id": buyer.payer_id,
        "name": buyer.name,
        "address": {"country_code": buyer.country},
    }


def _tell(simulation: Simulation, record: Record, what: str, summary: str) -> None:
    """The event of a token. Unlike the API's answers it names the order that the token was made with."""
    resource = show_token(simulation, record)
    if order := record.hidden["order"]:
        resource["metadata"] = {"order_id": order}
    paypal_events.emit(simulation, f"VAULT.PAYMENT-TOKEN.{what}", "payment_token", resource, summary=summary)


def show_token(simulation: Simulation, record: Record) -> Object:
    """A payment token with its links."""
    path = f"/v3/vault/payment-tokens/{record.id}"
    return record.object | {"links": [link(simulation, path, "self"), link(simulation, path, "delete", "DELETE")]}


def get_token(simulation: Simulation, call: Call) -> Done:
    """GET /v3/vault/payment-tokens/{id}."""
    return Done(200, fetch(simulation, TOKEN, call.ids[0]))


def list_tokens(simulation: Simulation, call: Call) -> Done:
    """GET /v3/vault/payment-tokens?customer_id=, in pages."""
    key = call.query.get("customer_id", "")
    if not key:
        raise PayPalError(400, "MISSING_REQUIRED_PARAMETER", field="customer_id", location="query")
    size, page = _number(call, "page_size", PAGE_SIZE), _number(call, "page", 1)
    found = [record for record in simulation.store.all(TOKEN) if record.object["customer"]["id"] == key]
    shown = [show_token(simulation, record) for record in found[(page - 1) * size : page * size]]
    path = f"/v3/vault/payment-tokens?customer_id={key}&page={page}&page_size={size}"
    body: Object = {"customer": {"id": key}, "payment_tokens": shown, "links": [link(simulation, path, "self")]}
    if call.query.get("total_required") == "true":
        body |= {"total_items": len(found), "total_pages": -(-len(found) // size)}
    return Done(200, body=body)


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise PayPalError(400, "INVALID_PARAMETER_VALUE", field=name, location="query")
    return int(text)


def delete_token(simulation: Simulation, call: Call) -> Done:
    """DELETE /v3/vault/payment-tokens/{id}. PayPal's documents know no 404 here: what is gone is gone."""
    if record := simulation.store.find(TOKEN, call.ids[0]):
        end(simulation, record)
    return Done(204)


def end(simulation: Simulation, record: Record) -> None:
    """A token ends, deleted by the shop or revoked by the buyer at PayPal."""
    simulation.store.remove(TOKEN, record.id)
    _tell(simulation, record, "DELETION-INITIATED", "A request to delete a payment token has been submitted.")
    _tell(simulation, record, "DELETED", "A payment token has been deleted.")


def vault_order(simulation: Simulation, order: Record, buyer: Buyer) -> Object | None:
    """Keep the account that has paid an order, if that was asked for. Returns what the order says about it."""
    if order.hidden["terms"] is None or buyer.vault == "never":
        return None
    up = link(simulation, f"/v2/checkout/orders/{order.id}", "up")
    kept = {"id": order.hidden["customer"]}
    if buyer.vault == "late":
        order.hidden["late"] = True
        schedule_late(simulation, order)
        return {"status": "APPROVED", "customer": kept, "links": [up]}
    token = _keep_of(simulation, order)
    return {
        "id": token.id,
        "status": "VAULTED",
        "customer": kept,
        "links": [*show_token(simulation, token)["links"], up],
    }


def _keep_of(simulation: Simulation, order: Record) -> Record:
    hidden = order.hidden
    token = keep(simulation, hidden["customer"], find(hidden["buyer"]), hidden["terms"], hidden["funding"], order.id)
    hidden["token"] = token.id
    return token


def schedule_late(simulation: Simulation, order: Record) -> None:
    """The token of an order that waits for it comes by itself after the settings' delay."""
    job = functools.partial(deliver_late, simulation, order)
    simulation.agenda.after(simulation.settings.unknown_delay, f"paypal-token:{order.id}", job)


def deliver_late(simulation: Simulation, order: Record) -> None:
    """The token comes now. The order goes on saying APPROVED: only the event and the customer's list have the token."""
    simulation.agenda.cancel(f"paypal-token:{order.id}")
    if order.hidden.pop("late", False):
        _keep_of(simulation, order)
        simulation.store.save(order)


def waiting(simulation: Simulation) -> list[Record]:
    """The orders whose token is still to come."""
    return [order for order in simulation.store.all(ORDER) if order.hidden.get("late")]


def token_to_charge(simulation: Simulation, wish: Part) -> Record:
    """The token that a merchant-initiated order names. Raises PayPalError 422 when it cannot be charged."""
    token = simulation.store.find(TOKEN, wish.text("vault_id", pattern=NAME, required=True))
    if token is None:
        raise refused("TOKEN_ID_NOT_FOUND", field=wish.at("vault_id"))
    ordered = token.hidden.get("refusals")
    if ordered and ordered["times"] != 0:
        ordered["times"] -= ordered["times"] > 0
        simulation.store.save(token)
        raise mocked(ordered["issue"])
    buyer = find(token.hidden["buyer"])
    if buyer.revoked:
        raise refused("AGREEMENT_ALREADY_CANCELLED", field=wish.at("vault_id"))
    if buyer.is_declined(token.hidden["funding"]):
        raise refused("INSTRUMENT_DECLINED")
    return token
