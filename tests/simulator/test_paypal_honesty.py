"""The simulated PayPal against PayPal's own descriptions: its OpenAPI documents and its newer official SDK."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import anyio.to_thread
import httpx
import jsonschema_rs
import pytest
from paypalserversdk.api_helper import APIHelper
from paypalserversdk.configuration import Configuration, Environment, Server
from paypalserversdk.exceptions.error_exception import ErrorException
from paypalserversdk.http.auth.o_auth_2 import ClientCredentialsAuthCredentials
from paypalserversdk.models.captured_payment import CapturedPayment
from paypalserversdk.models.customer_vault_payment_tokens_response import CustomerVaultPaymentTokensResponse
from paypalserversdk.models.order import Order
from paypalserversdk.models.order_request import OrderRequest
from paypalserversdk.models.payment_token_request import PaymentTokenRequest
from paypalserversdk.models.payment_token_response import PaymentTokenResponse
from paypalserversdk.models.refund import Refund
from paypalserversdk.models.refund_request import RefundRequest
from paypalserversdk.models.setup_token_request import SetupTokenRequest
from paypalserversdk.models.setup_token_response import SetupTokenResponse
from paypalserversdk.paypal_serversdk_client import PaypalServersdkClient

from pecapp.simulator.paypal import ROUTES
from pecapp.simulator.paypal_errors import DESCRIPTIONS
from tests.simulator import paypal_schemas, schemas
from tests.simulator.paypal_schemas import ORDERS as ORDERS_V2
from tests.simulator.paypal_schemas import PAYMENTS as PAYMENTS_V2
from tests.simulator.paypal_schemas import VAULT as VAULT_V3
from tests.simulator.paypal_shop import (
    CAPTURES,
    CLIENT,
    ORDERS,
    REFUNDS,
    SETUPS,
    TOKENS,
    Shop,
    charge_form,
    eur,
    no_balance,
    order_form,
    setup_form,
    taken,
    unit,
)
from tests.simulator.world import World

pytestmark = pytest.mark.anyio
ANSWERS: dict[tuple[str, str], tuple[str, str, Any]] = {
    ("POST", ORDERS): (ORDERS_V2, "order", Order),
    ("GET", f"{ORDERS}/{{}}"): (ORDERS_V2, "order", Order),
    ("POST", f"{ORDERS}/{{}}/capture"): (ORDERS_V2, "order", Order),
    ("GET", f"{CAPTURES}/{{}}"): (PAYMENTS_V2, "capture-2", CapturedPayment),
    ("POST", f"{CAPTURES}/{{}}/refund"): (PAYMENTS_V2, "refund", Refund),
    ("GET", f"{REFUNDS}/{{}}"): (PAYMENTS_V2, "refund", Refund),
    ("POST", SETUPS): (VAULT_V3, "setup_token_response", SetupTokenResponse),
    ("GET", f"{SETUPS}/{{}}"): (VAULT_V3, "setup_token_response", SetupTokenResponse),
    ("POST", TOKENS): (VAULT_V3, "payment_token_response", PaymentTokenResponse),
    ("GET", f"{TOKENS}/{{}}"): (VAULT_V3, "payment_token_response", PaymentTokenResponse),
    ("GET", TOKENS): (VAULT_V3, "customer_vault_payment_tokens_response", CustomerVaultPaymentTokensResponse),
}
REQUESTS: dict[str, tuple[str, str, Any]] = {
    ORDERS: (ORDERS_V2, "order_request", OrderRequest),
    f"{CAPTURES}/{{}}/refund": (PAYMENTS_V2, "refund_request", RefundRequest),
    SETUPS: (VAULT_V3, "setup_token_request", SetupTokenRequest),
    TOKENS: (VAULT_V3, "payment_token_request", PaymentTokenRequest),
}


def place(request: httpx.Request) -> str:
    """The address of a call with {} for its ids."""
    path = request.url.path
    return next(known for _, known in ANSWERS if re.fullmatch(re.escape(known).replace(r"\{\}", "[^/]+"), path))


def losses(model: Any, shown: Any) -> list[str]:
    """The fields that do not come back from a round trip through a model of the SDK: PayPal does not have them."""
    back = json.loads(str(APIHelper.json_serialize(model.from_dictionary(copy.deepcopy(shown)))))
    return list(_missing(shown, back))


def _missing(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict):
        for name, value in before.items():
            if not isinstance(after, dict) or name not in after:
                yield f"{path}/{name}"
            else:
                yield from _missing(value, after[name], f"{path}/{name}")
    elif isinstance(before, list):
        for number, value in enumerate(before):
            yield from _missing(value, after[number] if len(after) > number else None, f"{path}/{number}")
    elif before != after:
        yield path


async def live_through_everything(shop: Shop) -> None:
    """Every call, every buyer, every status."""
    world = shop.world
    await shop.made(ORDERS, {"intent": "CAPTURE", "purchase_units": [unit()]})
    await shop.read(f"{ORDERS}/{await shop.approved(invoice_id='approved-1')}")
    await no_balance(shop)
    for number, buyer in enumerate(("ok", "pending", "denied", "vault-late", "no-vault", "foreign", "token-revoked")):
        order = await shop.paid(buyer, save=True, invoice_id=f"paid{number}-1")
        await shop.read(f"{CAPTURES}/{taken(order)['id']}")
    pending = taken(await shop.paid("pending", invoice_id="decided-1"))["id"]
    await world.control("paypal/captures/resolve", capture=pending, outcome="denied")
    await shop.read(f"{CAPTURES}/{pending}")
    order = await shop.paid(save=True, invoice_id="back-1")
    capture = taken(order)["id"]
    await world.control("paypal/refunds/next", capture=capture, outcome="completed")
    first = (await shop.refund(capture, amount=eur("1.00"), custom_id="r-1", note_to_payer="Scusi")).json()
    await shop.refund(capture, invoice_id="nota-1")
    await shop.read(f"{REFUNDS}/{first['id']}")
    await shop.read(f"{ORDERS}/{order['id']}")
    await shop.read(f"{CAPTURES}/{capture}")
    await shop.read(f"{SETUPS}/{await shop.set_up()}")
    token = await shop.kept(customer="cliente-1")
    await shop.read(f"{TOKENS}/{token['id']}")
    await shop.read(f"{TOKENS}?customer_id=cliente-1&total_required=true")
    await shop.charge(token["id"], invoice_id="renewal-1")
    await shop.charge(token["id"], present=True, invoice_id="there-1")
    careful = (await shop.kept("confirm"))["id"]
    await shop.charge(careful, invoice_id="away-1")
    waiting = (await shop.charge(careful, present=True, invoice_id="there-2")).json()["id"]
    await shop.read(f"{ORDERS}/{waiting}")
    await shop.approve(waiting, "confirm")
    await shop.capture(waiting)
    await world.control("paypal/vault", allowed=False)
    for answer in (
        await shop.post(SETUPS, setup_form()),
        await shop.post(ORDERS, {}),
        await shop.get(f"{ORDERS}/NOSUCHORDER"),
        await shop.get(f"{TOKENS}/nosuchtoken"),
        await shop.capture(order["id"]),
        await shop.post(TOKENS, {"payment_source": {"token": {"id": "X", "type": "SETUP_TOKEN"}}}),
    ):
        assert answer.status_code >= 400


async def test_every_answer_is_what_paypal_describes(world: World):
    shop = Shop(world)
    await live_through_everything(shop)
    seen: set[tuple[str, str]] = set()
    states: set[str] = set()
    for request, answer in shop.calls:
        known, shown = (request.method, place(request)), answer.json()
        if answer.is_success:
            name, component, model = ANSWERS[known]
            assert schemas.problems(paypal_schemas.judge(name, component), shown) == []
            assert losses(model, shown) == []
            states.add(f"{component} {shown.get('status')}")
            seen.add(known)
        else:
            name = {"/v2/checkout": ORDERS_V2, "/v2/payments": PAYMENTS_V2}.get(known[1][:12], VAULT_V3)
            judge = paypal_schemas.judge(name, f"error_{answer.status_code}")
            assert schemas.problems(judge, shown) == []
    assert seen == set(ANSWERS)
    assert states >= {f"order {status}" for status in ("CREATED", "PAYER_ACTION_REQUIRED", "APPROVED", "COMPLETED")}
    assert states >= {f"refund {status}" for status in ("COMPLETED", "PENDING")}
    assert states >= {f"capture-2 {status}" for status in ("COMPLETED", "PENDING", "DECLINED", "REFUNDED")}


async def test_every_request_of_the_tests_is_what_paypal_describes(world: World):
    shop = Shop(world)
    await live_through_everything(shop)
    judged: set[str] = set()
    for request, answer in shop.calls:
        known = REQUESTS.get(place(request))
        if request.method == "POST" and known and answer.is_success:
            name, component, model = known
            sent = json.loads(request.content)
            assert schemas.problems(paypal_schemas.judge(name, component), sent) == []
            assert losses(model, sent) == []
            judged.add(place(request))
    assert judged == set(REQUESTS)


async def test_events_carry_what_the_api_shows(world: World):
    shop = Shop(world)
    await live_through_everything(shop)
    kinds = {
        "checkout-order": (ORDERS_V2, "order"),
        "capture": (PAYMENTS_V2, "capture-2"),
        "refund": (PAYMENTS_V2, "refund"),
        "payment_token": (VAULT_V3, "payment_token_response"),
    }
    seen = set()
    for event in await shop.events():
        content = event["resource"]
        content.pop("metadata", None)  # the order of a token, which only events tell
        judge = paypal_schemas.judge(*kinds[event["resource_type"]])
        assert schemas.problems(judge, content) == []
        seen.add(event["resource_type"])
    assert seen == set(kinds)


def test_every_refusal_is_one_of_paypals():
    assert set(DESCRIPTIONS) - paypal_schemas.issues() == set()


def test_only_calls_that_paypal_has_are_answered():
    described = {
        (method.upper(), re.sub(r"\{[^}]+\}", "{}", path))
        for name in (ORDERS_V2, PAYMENTS_V2, VAULT_V3)
        for path, calls in paypal_schemas.document(name)["paths"].items()
        for method in calls
    }
    assert {(route.method, route.path) for route in ROUTES} <= described


def planted(good: Any, path: str, value: Any) -> Any:
    """A copy with a field set, or taken away with None, by its dot path."""
    spoiled: Any = copy.deepcopy(good)
    inner = spoiled
    *way, last = path.split(".")
    for step in way:
        inner = inner[int(step)] if step.isdigit() else inner[step]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return spoiled


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("foo", 1),
        ("status", "PAID"),
        ("purchase_units.0.bar", "x"),
        ("purchase_units.0.amount.value", 12.08),
        ("purchase_units.0.payments.captures.0.status", "OK"),
        ("purchase_units.0.payments.captures.0.supplementary_data", {"related_ids": {"order_id": "X"}}),
        ("payment_source.paypal.account_id", "short"),
        ("payment_source.paypal.attributes.vault.token", "x"),
        ("payer.address.country", "IT"),
        ("links.0.rel", None),
    ],
)
async def test_a_planted_fault_is_found(world: World, path: str, value: Any):
    good = await Shop(world).paid(save=True)
    judge: jsonschema_rs.Draft202012Validator = paypal_schemas.judge(ORDERS_V2, "order")
    assert schemas.problems(judge, good) == []
    assert schemas.problems(judge, planted(good, path, value)) != []


@pytest.mark.parametrize("path", ["foo", "purchase_units.0.bar", "payment_source.paypal.attributes.vault.token"])
async def test_a_planted_field_is_lost_on_the_way_through_the_sdk(world: World, path: str):
    good = await Shop(world).paid(save=True)
    assert losses(Order, planted(good, path, "x")) == [f"/{path.replace('.', '/')}"]


@pytest.fixture
def sdk(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """PayPal's newer official client, pointed at the simulator. It says little about its types."""
    monkeypatch.setitem(Configuration.environments[Environment.SANDBOX], Server.DEFAULT, world.url)
    credentials = ClientCredentialsAuthCredentials(*CLIENT)
    return PaypalServersdkClient(client_credentials_auth_credentials=credentials, environment=Environment.SANDBOX)


async def ask(call: Callable[[Any], Any], name: str = "", **options: Any) -> Any:
    """One call of the SDK, which blocks: its options, or only the `name` in its address. Returns its model."""
    wanted = name or {"prefer": "return=representation"} | options
    return (await anyio.to_thread.run_sync(call, wanted)).body


async def test_the_newer_sdk_buys_keeps_renews_and_gives_back(world: World, sdk: Any):
    orders, payments, tokens = sdk.orders, sdk.payments, sdk.vault
    opened = OrderRequest.from_dictionary(order_form(save=True))
    order = await ask(orders.create_order, body=opened, paypal_request_id="order")
    assert order.status == "PAYER_ACTION_REQUIRED"
    await world.control("paypal/approve", order=order.id, buyer="ok@compratori.test")
    paid = await ask(orders.capture_order, id=order.id, paypal_request_id="capture")
    capture = paid.purchase_units[0].payments.captures[0]
    assert (paid.status, capture.status, capture.amount.value) == ("COMPLETED", "COMPLETED", "12.08")
    kept = paid.payment_source.paypal.attributes.vault
    assert kept.status == "VAULTED"
    body = OrderRequest.from_dictionary(charge_form(kept.id, invoice_id="renewal-1"))
    renewed = await ask(orders.create_order, body=body, paypal_request_id="renewal")
    assert renewed.payment_source.paypal.stored_credential.payment_initiator == "MERCHANT"
    part = RefundRequest.from_dictionary({"amount": eur("2.08"), "custom_id": "r-1"})
    refund = await ask(payments.refund_captured_payment, capture_id=capture.id, body=part, paypal_request_id="refund")
    assert (refund.status, refund.amount.value) == ("COMPLETED", "2.08")
    assert (await ask(payments.get_captured_payment, capture_id=capture.id)).status == "PARTIALLY_REFUNDED"
    assert (await ask(payments.get_refund, refund_id=refund.id)).custom_id == "r-1"
    listed = await ask(tokens.list_customer_payment_tokens, customer_id=kept.customer.id)
    assert [token.id for token in listed.payment_tokens] == [kept.id]
    assert [charge["amount"] for charge in (await world.ledger())["charges"]] == [1208, 1208]


async def test_the_newer_sdk_keeps_an_account_without_a_purchase(world: World, sdk: Any):
    tokens = sdk.vault
    wish = SetupTokenRequest.from_dictionary(setup_form())
    setup = await ask(tokens.create_setup_token, body=wish, paypal_request_id="setup")
    await world.control("paypal/setup/approve", setup_token=setup.id, buyer="ok@compratori.test")
    assert (await ask(tokens.get_setup_token, setup.id)).status == "APPROVED"
    body = PaymentTokenRequest.from_dictionary({"payment_source": {"token": {"id": setup.id, "type": "SETUP_TOKEN"}}})
    token = await ask(tokens.create_payment_token, body=body, paypal_request_id="keep")
    assert token.payment_source.paypal.email_address == "ok@compratori.test"
    assert (await ask(tokens.get_payment_token, token.id)).customer.id == setup.customer.id
    await ask(tokens.delete_payment_token, token.id)
    with pytest.raises(ErrorException):
        await ask(tokens.get_payment_token, token.id)


async def test_the_newer_sdk_understands_refusals(world: World, sdk: Any):
    opened = OrderRequest.from_dictionary(order_form())
    order = await ask(sdk.orders.create_order, body=opened, paypal_request_id="order")
    with pytest.raises(ErrorException) as refusal:
        await ask(sdk.orders.capture_order, id=order.id, paypal_request_id="capture")
    problem: Any = refusal.value
    assert (problem.name, problem.details[0].issue) == ("UNPROCESSABLE_ENTITY", "ORDER_NOT_APPROVED")
    assert problem.debug_id
