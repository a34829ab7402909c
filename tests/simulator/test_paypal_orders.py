"""PayPal orders from their opening to the money back, and the buyers who behave in their own ways."""

import re
from typing import Any

import pytest

from pecapp.simulator.paypal_buyers import BUYERS, CARD, LETTERS, find
from tests.simulator.paypal_shop import (
    CAPTURES,
    DAY,
    HOUR,
    ORDERS,
    REFUNDS,
    Shop,
    account,
    eur,
    issue,
    links,
    no_balance,
    order_form,
    taken,
    unit,
)
from tests.simulator.world import SHOP, World

pytestmark = pytest.mark.anyio


async def test_an_order_waits_for_its_buyer(world: World):
    shop = Shop(world)
    answer = await shop.post(ORDERS, order_form())
    order = answer.json()
    assert (answer.status_code, order["status"]) == (200, "PAYER_ACTION_REQUIRED")
    assert re.fullmatch(r"[0-9A-Z]{17}", order["id"])
    assert links(order)["payer-action"] == f"{world.url}/checkoutnow?token={order['id']}"
    assert order["purchase_units"][0]["payee"]["merchant_id"] == "SIMMERCHANT01"
    assert "payer" not in order


async def test_an_order_without_a_source_has_the_older_link(world: World):
    shop = Shop(world)
    answer = await shop.post(ORDERS, {"intent": "CAPTURE", "purchase_units": [unit()]})
    assert (answer.status_code, answer.json()["status"]) == (201, "CREATED")
    assert "approve" in links(answer.json())
    assert "payer-action" not in links(answer.json())


async def test_approving_sends_the_buyer_back_and_tells_the_shop(world: World):
    shop = Shop(world)
    order = await shop.made(ORDERS, order_form())
    back = await shop.approve(order["id"])
    assert back == f"{SHOP}/ritorno?token={order['id']}&PayerID={account('ok')}"
    [event] = await shop.events("CHECKOUT.ORDER.APPROVED")
    assert (event["resource_type"], event["resource"]["id"]) == ("checkout-order", order["id"])
    shown = await shop.read(f"{ORDERS}/{order['id']}")
    assert (shown["status"], shown["payer"]["payer_id"]) == ("APPROVED", account("ok"))
    assert "capture" in links(shown)
    assert (await world.ledger())["charges"] == []


async def test_an_approved_order_is_not_approved_again(world: World):
    shop = Shop(world)
    order = await shop.approved()
    wish = {"order": order, "buyer": "ok@compratori.test"}
    assert (await world.browser.post("/_sim/paypal/approve", json=wish)).status_code == 400


async def test_money_moves_at_the_capture(world: World):
    shop = Shop(world)
    order = await shop.paid()
    capture = taken(order)
    assert (order["status"], capture["status"], capture["final_capture"]) == ("COMPLETED", "COMPLETED", True)
    assert (capture["amount"], capture["custom_id"], capture["invoice_id"]) == (eur(), "att-1", "1234567897-1")
    parts = capture["seller_receivable_breakdown"]
    cents = {name: int(amount["value"].replace(".", "")) for name, amount in parts.items()}
    assert cents["gross_amount"] == cents["paypal_fee"] + cents["net_amount"] == 1208
    assert order["payment_source"]["paypal"]["account_id"] == account("ok")
    [charge] = (await world.ledger())["charges"]
    assert charge | {"created": 0} == {
        "gateway": "paypal",
        "charge": capture["id"],
        "payment_intent": capture["id"],
        "session": order["id"],
        "customer": None,
        "payment_method": None,
        "amount": 1208,
        "currency": "eur",
        "metadata": {"app": "pecapp", "order": "1234567897", "attempt": "att-1"},
        "refunded": 0,
        "disputed": False,
        "created": 0,
    }
    assert await shop.told() == ["CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "PAYMENT.CAPTURE.COMPLETED"]


async def test_a_capture_names_its_order(world: World):
    shop = Shop(world)
    order = await shop.paid()
    shown = await shop.read(f"{CAPTURES}/{taken(order)['id']}")
    assert shown["supplementary_data"] == {"related_ids": {"order_id": order["id"]}}
    [event] = await shop.events("PAYMENT.CAPTURE.COMPLETED")
    assert (event["resource_type"], event["resource"]) == ("capture", shown)
    assert "supplementary_data" not in taken(order)


async def test_an_order_is_captured_once(world: World):
    shop = Shop(world)
    waiting = await shop.made(ORDERS, order_form())
    assert issue(await shop.capture(waiting["id"])) == (422, "ORDER_NOT_APPROVED")
    order = await shop.paid()
    assert issue(await shop.capture(order["id"])) == (422, "ORDER_ALREADY_CAPTURED")
    assert issue(await shop.capture("NOSUCHORDER")) == (404, "INVALID_RESOURCE_ID")


async def test_an_invoice_is_paid_once(world: World):
    shop = Shop(world)
    first, second = await shop.approved(), await shop.approved()
    assert (await shop.capture(first)).status_code == 201
    assert issue(await shop.capture(second)) == (422, "DUPLICATE_INVOICE_ID")
    assert (await shop.paid(invoice_id="1234567897-2"))["status"] == "COMPLETED"


async def test_a_denied_payment_does_not_use_up_its_invoice(world: World):
    shop = Shop(world)
    denied = await shop.paid("denied")
    await world.control("paypal/captures/resolve", capture=taken(denied)["id"], outcome="denied")
    assert (await shop.paid())["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("changes", "status", "wanted"),
    [
        ({"intent": None}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"intent": "AUTHORIZE"}, 400, "NOT_SUPPORTED"),
        ({"intent": "SELL"}, 400, "INVALID_PARAMETER_VALUE"),
        ({"purchase_units": None}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"purchase_units": []}, 400, "INVALID_ARRAY_MIN_ITEMS"),
        ({"purchase_units": [unit(), unit()]}, 400, "INVALID_ARRAY_MAX_ITEMS"),
        ({"purchase_units": "one"}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"purchase_units": [unit(amount=None)]}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"purchase_units": [unit(amount={"currency_code": "EUR"})]}, 400, "MISSING_REQUIRED_PARAMETER"),
        ({"purchase_units": [unit(amount={"currency_code": "EUR", "value": 12.08})]}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"purchase_units": [unit(amount=eur("12,08"))]}, 400, "INVALID_PARAMETER_SYNTAX"),
        ({"purchase_units": [unit(amount=eur("12.1"))]}, 422, "DECIMAL_PRECISION"),
        ({"purchase_units": [unit(amount=eur("12.081"))]}, 422, "DECIMAL_PRECISION"),
        ({"purchase_units": [unit(amount=eur("0.00"))]}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"purchase_units": [unit(amount=eur("-1.00"))]}, 422, "CANNOT_BE_ZERO_OR_NEGATIVE"),
        ({"purchase_units": [unit(amount=eur() | {"currency_code": "XXX"})]}, 422, "INVALID_CURRENCY_CODE"),
        ({"purchase_units": [unit(invoice_id="x" * 128)]}, 400, "INVALID_STRING_LENGTH"),
        ({"payment_source": {"card": {}}}, 400, "NOT_SUPPORTED"),
    ],
)
async def test_orders_are_checked(world: World, changes: dict[str, Any], status: int, wanted: str):
    shop = Shop(world)
    form = {name: value for name, value in (order_form() | changes).items() if value is not None}
    answer = await shop.post(ORDERS, form)
    assert issue(answer) == (status, wanted)
    [detail] = answer.json()["details"]
    assert detail["field"].startswith("/")
    assert (detail["location"], bool(detail["description"])) == ("body", True)
    assert await shop.told() == []


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("user_action", "BUY", "INVALID_PARAMETER_VALUE"),
        ("shipping_preference", "NONE", "INVALID_PARAMETER_VALUE"),
        ("landing_page", "BILLING", "INVALID_PARAMETER_VALUE"),
        ("payment_method_preference", "NOW", "INVALID_PARAMETER_VALUE"),
        ("locale", "italiano", "INVALID_PARAMETER_SYNTAX"),
        ("return_url", "/ritorno", "INVALID_PARAMETER_SYNTAX"),
        ("brand_name", "", "INVALID_STRING_LENGTH"),
    ],
)
async def test_the_context_of_the_page_is_checked(world: World, name: str, value: str, wanted: str):
    shop = Shop(world)
    form = order_form()
    form["payment_source"]["paypal"]["experience_context"][name] = value
    assert issue(await shop.post(ORDERS, form)) == (400, wanted)


async def test_an_approval_lapses_after_three_hours(world: World):
    shop = Shop(world)
    order = await shop.approved()
    await shop.move(3 * HOUR - 5)
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "APPROVED"
    await shop.move(3 * HOUR + 5)
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "VOIDED"
    [event] = await shop.events("CHECKOUT.PAYMENT-APPROVAL.REVERSED")
    assert event["resource"]["order_id"] == order
    assert event["resource"]["purchase_units"][0]["custom_id"] == "att-1"
    assert issue(await shop.capture(order)) == (422, "ORDER_NOT_APPROVED")


async def test_a_captured_order_does_not_lapse(world: World):
    shop = Shop(world)
    order = await shop.paid()
    await shop.move(4 * HOUR)
    assert (await shop.read(f"{ORDERS}/{order['id']}"))["status"] == "COMPLETED"
    assert await shop.events("CHECKOUT.PAYMENT-APPROVAL.REVERSED") == []


async def test_an_order_that_nobody_approves_is_forgotten(world: World):
    shop = Shop(world)
    waiting, paid = await shop.made(ORDERS, order_form()), await shop.paid()
    await shop.move(3 * DAY + 5)
    assert issue(await shop.get(f"{ORDERS}/{waiting['id']}")) == (404, "INVALID_RESOURCE_ID")
    assert (await shop.read(f"{ORDERS}/{paid['id']}"))["status"] == "COMPLETED"


async def test_a_declined_source_sends_the_buyer_back_to_choose(world: World):
    shop = Shop(world)
    order = await shop.approved("no-balance")
    answer = await shop.capture(order)
    assert issue(answer) == (422, "INSTRUMENT_DECLINED")
    assert links(answer.json())["redirect"] == f"{world.url}/checkoutnow?token={order}"
    assert issue(await shop.capture(order)) == (422, "INSTRUMENT_DECLINED")
    await shop.approve(order, "no-balance", CARD)
    assert (await shop.capture(order)).json()["status"] == "COMPLETED"
    assert len(await shop.events("CHECKOUT.ORDER.APPROVED")) == 2
    assert (await no_balance(shop))["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("buyer", "outcome", "status", "event"),
    [
        ("pending", "completed", "COMPLETED", "PAYMENT.CAPTURE.COMPLETED"),
        ("denied", "denied", "DECLINED", "PAYMENT.CAPTURE.DENIED"),
        ("pending", "declined", "DECLINED", "PAYMENT.CAPTURE.DECLINED"),
    ],
)
async def test_a_pending_capture_is_no_money_yet(world: World, buyer: str, outcome: str, status: str, event: str):
    shop = Shop(world)
    order = await shop.paid(buyer)
    capture = taken(order)
    assert (order["status"], capture["status"]) == ("COMPLETED", "PENDING")
    assert capture["status_details"] == {"reason": "PENDING_REVIEW"}
    assert "PAYMENT.CAPTURE.PENDING" in await shop.told()
    assert (await world.ledger())["charges"] == []
    assert issue(await shop.refund(capture["id"])) == (422, "PENDING_CAPTURE")
    await world.control("paypal/captures/resolve", capture=capture["id"], outcome=outcome)
    shown = taken(await shop.read(f"{ORDERS}/{order['id']}"))
    assert (shown["status"], "status_details" in shown) == (status, False)
    assert len(await shop.events(event)) == 1
    assert len((await world.ledger())["charges"]) == (status == "COMPLETED")
    again = await world.browser.post(
        "/_sim/paypal/captures/resolve", json={"capture": capture["id"], "outcome": "denied"}
    )
    assert again.status_code == 400


@pytest.mark.parametrize(("buyer", "status"), [("pending", "COMPLETED"), ("denied", "DECLINED")])
async def test_a_pending_capture_is_decided_by_itself(world: World, buyer: str, status: str):
    shop = Shop(world)
    await world.control("settings", unknown_delay=0)
    order = await shop.paid(buyer)
    await world.control("clock", offset_seconds=0)  # what is due happens before the answer
    assert taken(await shop.read(f"{ORDERS}/{order['id']}"))["status"] == status


async def test_a_locked_account_cannot_pay(world: World):
    shop = Shop(world)
    order = await shop.approved("locked")
    assert issue(await shop.capture(order)) == (422, "PAYER_ACCOUNT_LOCKED_OR_CLOSED")
    assert (await world.ledger())["charges"] == []


async def test_a_foreign_buyer_has_another_country(world: World):
    order = await Shop(world).paid("foreign")
    assert order["payer"]["address"] == order["payment_source"]["paypal"]["address"] == {"country_code": "CH"}


def test_unknown_addresses_are_new_accounts():
    new = find("Giulia@example.com")
    assert (new, new.email) == (find("giulia@example.com "), "giulia@example.com")
    assert new.payer_id != find("giulio@example.com").payer_id
    assert set(new.payer_id) <= set(LETTERS)
    assert len(new.payer_id) == 13
    assert find("pending@anywhere.example").settles == "completed"
    assert len({buyer.payer_id for buyer in BUYERS}) == len(BUYERS)
    assert all(buyer.note for buyer in BUYERS)


async def test_money_is_given_back_in_parts(world: World):
    shop = Shop(world)
    order = await shop.paid()
    capture = taken(order)["id"]
    answer = await shop.refund(capture, amount=eur("2.08"), custom_id="ref-1", note_to_payer="Scusi")
    refund = answer.json()
    assert (answer.status_code, refund["status"], refund["amount"]) == (201, "COMPLETED", eur("2.08"))
    assert links(refund)["up"] == f"{world.url}{CAPTURES}/{capture}"
    assert await shop.read(f"{REFUNDS}/{refund['id']}") == refund
    assert (await shop.read(f"{CAPTURES}/{capture}"))["status"] == "PARTIALLY_REFUNDED"
    assert issue(await shop.refund(capture, amount=eur("10.01"))) == (422, "REFUND_AMOUNT_EXCEEDED")
    rest = (await shop.refund(capture, custom_id="ref-2", invoice_id="nota-2")).json()
    assert rest["seller_payable_breakdown"]["total_refunded_amount"] == eur()
    assert issue(await shop.refund(capture)) == (422, "CAPTURE_FULLY_REFUNDED")
    shown = await shop.read(f"{ORDERS}/{order['id']}")
    assert taken(shown)["status"] == "REFUNDED"
    listed = shown["purchase_units"][0]["payments"]["refunds"]
    assert [(one["custom_id"], one.get("invoice_id")) for one in listed] == [("ref-1", None), ("ref-2", "nota-2")]
    ledger = await world.ledger()
    assert ledger["charges"][0]["refunded"] == 1208
    assert [(one["amount"], one["status"], one["metadata"]) for one in ledger["refunds"]] == [
        (208, "succeeded", {"attempt": "att-1", "refund": "ref-1"}),
        (1000, "succeeded", {"attempt": "att-1", "refund": "ref-2"}),
    ]
    told = await shop.events("PAYMENT.CAPTURE.REFUNDED")
    assert {event["resource_type"] for event in told} == {"refund"}
    assert sorted(event["resource"]["id"] for event in told) == sorted([refund["id"], rest["id"]])


async def test_refunds_are_checked(world: World):
    shop = Shop(world)
    capture = taken(await shop.paid())["id"]
    assert issue(await shop.refund("NOSUCHCAPTURE")) == (404, "INVALID_RESOURCE_ID")
    assert issue(await shop.refund(capture, amount=eur("1.5"))) == (422, "DECIMAL_PRECISION")
    other = {"currency_code": "USD", "value": "1.00"}
    assert issue(await shop.refund(capture, amount=other)) == (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    assert (await shop.refund(capture, amount=eur("1.00"), invoice_id="nota-1")).status_code == 201
    assert issue(await shop.refund(capture, amount=eur("1.00"), invoice_id="nota-1")) == (422, "DUPLICATE_INVOICE_ID")
    denied = taken(await shop.paid("denied", invoice_id="denied-1"))["id"]
    await world.control("paypal/captures/resolve", capture=denied, outcome="denied")
    assert issue(await shop.refund(denied)) == (422, "REFUND_NOT_ALLOWED")
    assert issue(await shop.get(f"{REFUNDS}/NOSUCHREFUND")) == (404, "INVALID_RESOURCE_ID")


@pytest.mark.parametrize(
    ("outcome", "status", "state", "left"),
    [("completed", "COMPLETED", "succeeded", "REFUNDED"), ("failed", "FAILED", "failed", "COMPLETED")],
)
async def test_a_refund_can_be_pending_first(world: World, outcome: str, status: str, state: str, left: str):
    shop = Shop(world)
    capture = taken(await shop.paid())["id"]
    await world.control("paypal/refunds/next", capture=capture, outcome=outcome)
    refund = (await shop.refund(capture)).json()
    assert refund["status"] == "PENDING"
    assert [one["status"] for one in (await world.ledger())["refunds"]] == ["pending"]
    await world.control("paypal/refunds/resolve", refund=refund["id"], outcome=outcome)
    assert (await shop.read(f"{REFUNDS}/{refund['id']}"))["status"] == status
    assert (await shop.read(f"{CAPTURES}/{capture}"))["status"] == left
    assert [one["status"] for one in (await world.ledger())["refunds"]] == [state]


async def test_wishes_that_cannot_be_fulfilled_are_refused(world: World):
    shop = Shop(world)
    order = (await shop.made(ORDERS, order_form()))["id"]
    for path, wish in {
        "approve": {"order": order},
        "captures/resolve": {"capture": "X", "outcome": "completed"},
        "setup/approve": {"setup_token": "X", "buyer": "ok@compratori.test"},
        "tokens/revoke": {"token": "X"},
        "vault": {"allowed": "no"},
    }.items():
        assert (await world.browser.post(f"/_sim/paypal/{path}", json=wish)).status_code == 400
    other = {"order": order, "buyer": "ok@compratori.test", "funding": "Contanti"}
    assert (await world.browser.post("/_sim/paypal/approve", json=other)).status_code == 400
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
