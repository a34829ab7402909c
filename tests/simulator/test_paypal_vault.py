"""Kept PayPal accounts: with a purchase and without, charged while their owner is away, and gone."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pecapp.simulator.paypal_buyers import CARD
from tests.simulator import world as worlds
from tests.simulator.paypal_shop import (
    CUSTOMER,
    ORDERS,
    SETUPS,
    TOKENS,
    Shop,
    account,
    charge_form,
    issue,
    links,
    order_form,
    setup_form,
    taken,
    vault,
)
from tests.simulator.world import SHOP, World

pytestmark = pytest.mark.anyio


async def test_a_purchase_can_keep_the_account(world: World):
    shop = Shop(world)
    order = await shop.paid(save=True)
    kept = vault(order)
    assert kept
    assert kept["status"] == "VAULTED"
    token = await shop.read(f"{TOKENS}/{kept['id']}")
    assert token["customer"] == kept["customer"]
    assert token["payment_source"]["paypal"]["payer_id"] == account("ok")
    assert token["payment_source"]["paypal"]["usage_pattern"] == "RECURRING_PREPAID"
    [event] = await shop.events("VAULT.PAYMENT-TOKEN.CREATED")
    assert event["resource"] == token | {"metadata": {"order_id": order["id"]}}
    assert event["resource_type"] == "payment_token"
    [charge] = (await world.ledger())["charges"]
    assert (charge["payment_method"], charge["customer"]) == (token["id"], token["customer"]["id"])


async def test_a_purchase_keeps_nothing_unasked(world: World):
    shop = Shop(world)
    assert vault(await shop.paid()) is None
    assert vault(await shop.paid("no-vault", save=True, invoice_id="other-1")) is None
    assert await shop.events("VAULT.PAYMENT-TOKEN.CREATED") == []


async def test_the_same_account_of_the_same_customer_is_kept_once(world: World):
    shop = Shop(world)
    first = vault(await shop.paid(save=True))
    assert first
    customer = first["customer"]["id"]
    second = vault(await shop.paid(save=True, customer=customer, invoice_id="second-1"))
    assert second
    assert second["id"] == first["id"]
    assert (await shop.kept(customer=customer))["id"] == first["id"]
    assert (await shop.kept("foreign", customer))["id"] != first["id"]
    assert (await shop.kept())["id"] != first["id"]
    listed = await shop.read(f"{TOKENS}?customer_id={customer}&total_required=true")
    assert (len(listed["payment_tokens"]), listed["total_items"], listed["total_pages"]) == (2, 2, 1)
    one = await shop.read(f"{TOKENS}?customer_id={customer}&page_size=1&page=2")
    assert one["payment_tokens"] == listed["payment_tokens"][1:]


async def test_a_token_can_come_late(world: World):
    shop = Shop(world)
    order = await shop.paid("vault-late", save=True)
    kept = vault(order)
    assert kept
    assert (kept["status"], "id" in kept) == ("APPROVED", False)
    customer = kept["customer"]["id"]
    assert (await shop.read(f"{TOKENS}?customer_id={customer}"))["payment_tokens"] == []
    [token] = (await world.control("paypal/tokens/deliver"))["tokens"]
    [event] = await shop.events("VAULT.PAYMENT-TOKEN.CREATED")
    assert (event["resource"]["id"], event["resource"]["metadata"]) == (token, {"order_id": order["id"]})
    [listed] = (await shop.read(f"{TOKENS}?customer_id={customer}"))["payment_tokens"]
    assert listed["id"] == token
    assert (await world.control("paypal/tokens/deliver"))["tokens"] == []
    assert (await world.ledger())["charges"][0]["payment_method"] == token


async def test_a_late_token_comes_by_itself(world: World):
    shop = Shop(world)
    await world.control("settings", unknown_delay=0)
    await shop.paid("vault-late", save=True)
    await world.control("clock", offset_seconds=0)  # what is due happens before the answer
    assert len(await shop.events("VAULT.PAYMENT-TOKEN.CREATED")) == 1


async def test_a_merchant_who_may_not_keep_accounts_still_sells(world: World):
    shop = Shop(world)
    await world.control("paypal/vault", allowed=False)
    assert issue(await shop.post(ORDERS, order_form(save=True))) == (403, "PERMISSION_DENIED")
    assert issue(await shop.post(SETUPS, setup_form())) == (403, "PERMISSION_DENIED")
    assert (await shop.paid())["status"] == "COMPLETED"
    await world.control("paypal/vault", allowed=True)
    assert vault(await shop.paid(save=True, invoice_id="other-1"))


@pytest.mark.parametrize(
    ("name", "value", "status", "wanted"),
    [
        ("store_in_vault", None, 400, "MISSING_REQUIRED_PARAMETER"),
        ("store_in_vault", "ALWAYS", 400, "INVALID_PARAMETER_VALUE"),
        ("usage_type", None, 400, "MISSING_REQUIRED_PARAMETER"),
        ("usage_pattern", "OFTEN", 400, "INVALID_PARAMETER_VALUE"),
        ("return_url", None, 422, "RETURN_URL_REQUIRED"),
        ("cancel_url", None, 422, "CANCEL_URL_REQUIRED"),
    ],
)
async def test_the_wish_to_keep_is_checked(world: World, name: str, value: Any, status: int, wanted: str):
    form = order_form(save=True)
    wallet = form["payment_source"]["paypal"]
    place = wallet["experience_context"] if name.endswith("_url") else wallet["attributes"]["vault"]
    if value is None:
        del place[name]
    else:
        place[name] = value
    assert issue(await Shop(world).post(ORDERS, form)) == (status, wanted)


async def test_an_account_is_kept_without_a_purchase(world: World):
    shop = Shop(world)
    answer = await shop.post(SETUPS, setup_form())
    setup = answer.json()
    assert (answer.status_code, setup["status"]) == (201, "PAYER_ACTION_REQUIRED")
    assert links(setup)["approve"] == f"{world.url}/agreements/approve?approval_session_id={setup['id']}"
    assert issue(await shop.keep(setup["id"])) == (422, "INVALID_PARAMETER_VALUE")
    wish = {"setup_token": setup["id"], "buyer": "ok@compratori.test"}
    back = (await world.control("paypal/setup/approve", **wish))["return_url"]
    assert back == f"{SHOP}/conto?da=paypal&approval_token_id={setup['id']}&approval_session_id={setup['id']}"
    assert (await shop.read(f"{SETUPS}/{setup['id']}"))["status"] == "APPROVED"
    assert (await world.browser.post("/_sim/paypal/setup/approve", json=wish)).status_code == 400
    made = await shop.keep(setup["id"], "keep")
    assert (made.status_code, made.json()["customer"]) == (201, setup["customer"])
    assert (await shop.keep(setup["id"], "keep")).json() == made.json()
    assert issue(await shop.keep(setup["id"])) == (422, "INVALID_PARAMETER_VALUE")
    assert issue(await shop.keep("NOSUCHSETUP")) == (422, "TOKEN_ID_NOT_FOUND")
    assert (await shop.read(f"{SETUPS}/{setup['id']}"))["status"] == "VAULTED"
    [event] = await shop.events("VAULT.PAYMENT-TOKEN.CREATED")
    assert "metadata" not in event["resource"]


@pytest.mark.parametrize(
    ("buyer", "wanted"), [("locked", "PAYER_ACCOUNT_LOCKED_OR_CLOSED"), ("no-vault", "PAYER_CANNOT_PAY")]
)
async def test_not_every_account_can_be_kept(world: World, buyer: str, wanted: str):
    shop = Shop(world)
    assert issue(await shop.keep(await shop.set_up(buyer))) == (422, wanted)


async def test_a_kept_account_is_charged_in_one_step(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    answer = await shop.charge(token, "renew", invoice_id="renewal-1")
    order = answer.json()
    assert (answer.status_code, order["status"], taken(order)["status"]) == (201, "COMPLETED", "COMPLETED")
    assert order["payer"]["payer_id"] == account("ok")
    again = await shop.charge(token, "renew", invoice_id="renewal-1")
    assert (again.status_code, again.json()) == (200, order)
    assert issue(await shop.charge(token, invoice_id="renewal-1")) == (422, "DUPLICATE_INVOICE_ID")
    [charge] = (await world.ledger())["charges"]
    assert (charge["payment_method"], charge["session"]) == (token, order["id"])
    assert charge["customer"]


async def test_a_charge_in_one_step_wants_a_key_and_says_who_starts_it(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    assert issue(await shop.charge(token, "-")) == (400, "PAYPAL_REQUEST_ID_REQUIRED")
    form = charge_form(token)
    form["payment_source"]["paypal"]["stored_credential"] = {"usage": "SUBSEQUENT"}
    assert issue(await shop.post(ORDERS, form)) == (400, "MISSING_REQUIRED_PARAMETER")
    form["payment_source"]["paypal"]["stored_credential"] = {"payment_initiator": "SHOP"}
    assert issue(await shop.post(ORDERS, form)) == (400, "INVALID_PARAMETER_VALUE")
    assert (await world.ledger())["charges"] == []


@pytest.mark.parametrize("buyer", ["pending", "denied"])
async def test_the_owner_of_the_account_decides_how_a_charge_goes(world: World, buyer: str):
    shop = Shop(world)
    order = (await shop.charge((await shop.kept(buyer))["id"])).json()
    assert (order["status"], taken(order)["status"]) == ("COMPLETED", "PENDING")


async def test_a_charge_uses_the_source_that_was_agreed(world: World):
    shop = Shop(world)
    poor = (await shop.kept("no-balance"))["id"]
    assert issue(await shop.charge(poor)) == (422, "INSTRUMENT_DECLINED")
    rich = vault(await shop.paid("no-balance", save=True, funding=CARD))
    assert rich
    assert (await shop.charge(rich["id"])).json()["status"] == "COMPLETED"


async def test_a_revoked_permission_refuses_charges(world: World):
    shop = Shop(world)
    kept = vault(await shop.paid("token-revoked", save=True))
    assert kept
    assert issue(await shop.charge(kept["id"])) == (422, "AGREEMENT_ALREADY_CANCELLED")
    assert issue(await shop.charge("nosuchtoken")) == (422, "TOKEN_ID_NOT_FOUND")
    assert len((await world.ledger())["charges"]) == 1


async def test_an_owner_who_is_there_is_charged_at_once_too(world: World):
    shop = Shop(world)
    answer = await shop.charge((await shop.kept())["id"], present=True)
    order = answer.json()
    assert (answer.status_code, order["status"]) == (201, "COMPLETED")
    assert order["payment_source"]["paypal"]["stored_credential"] == CUSTOMER
    assert issue(await shop.charge((await shop.kept("no-balance"))["id"], present=True)) == (422, "INSTRUMENT_DECLINED")


async def test_some_owners_confirm_a_charge_first(world: World):
    shop = Shop(world)
    token = (await shop.kept("confirm"))["id"]
    answer = await shop.charge(token, "there", present=True, invoice_id="there-1")
    order = answer.json()
    assert (answer.status_code, order["status"]) == (200, "PAYER_ACTION_REQUIRED")
    assert links(order)["payer-action"] == f"{world.url}/checkoutnow?token={order['id']}"
    assert issue(await shop.capture(order["id"])) == (422, "ORDER_NOT_APPROVED")
    assert (await world.ledger())["charges"] == []
    assert (await shop.charge(token, "there", present=True, invoice_id="there-1")).json() == order
    back = await shop.approve(order["id"], "confirm")
    assert back == f"{SHOP}/ritorno?token={order['id']}&PayerID={account('confirm')}"
    paid = (await shop.capture(order["id"])).json()
    assert (paid["status"], taken(paid)["status"], vault(paid)) == ("COMPLETED", "COMPLETED", None)
    assert paid["payment_source"]["paypal"]["stored_credential"] == CUSTOMER
    [charge] = (await world.ledger())["charges"]
    assert (charge["payment_method"], charge["session"]) == (token, order["id"])


async def test_who_confirms_cannot_be_charged_while_away(world: World):
    shop = Shop(world)
    assert issue(await shop.charge((await shop.kept("confirm"))["id"])) == (422, "PAYER_ACTION_REQUIRED")


async def test_refusals_can_be_ordered(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    said = await world.control("paypal/charges/next", token=token, issue="PAYER_CANNOT_PAY", times=2)
    assert said["paypal"] is False
    for _ in range(2):
        assert issue(await shop.charge(token, "renew")) == (422, "PAYER_CANNOT_PAY")
    assert (await shop.charge(token, "renew")).status_code == 201


async def test_refusals_can_be_ordered_for_ever_with_their_status(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    await world.control("paypal/charges/next", token=token, issue="PERMISSION_DENIED", times=None)
    for _ in range(3):
        assert issue(await shop.charge(token)) == (403, "PERMISSION_DENIED")
    await world.control("paypal/charges/next", token=token, issue="PERMISSION_DENIED", times=0)
    assert (await shop.charge(token)).status_code == 201


async def test_a_buyer_can_come_to_confirm_every_charge(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    assert (await world.control("paypal/tokens/ask", token=token))["paypal"] is False
    assert issue(await shop.charge(token)) == (422, "PAYER_ACTION_REQUIRED")
    order = (await shop.charge(token, present=True)).json()
    assert order["status"] == "PAYER_ACTION_REQUIRED"
    await shop.approve(order["id"], "ok")
    assert (await shop.capture(order["id"])).json()["status"] == "COMPLETED"
    await world.control("paypal/tokens/ask", token=token, asks=False)
    assert (await shop.charge(token, invoice_id="away-1")).status_code == 201


async def test_the_buyer_can_remove_the_shop(world: World):
    shop = Shop(world)
    token = (await shop.kept())["id"]
    await world.control("paypal/tokens/revoke", token=token)
    assert issue(await shop.get(f"{TOKENS}/{token}")) == (404, "INVALID_RESOURCE_ID")
    assert issue(await shop.charge(token)) == (422, "TOKEN_ID_NOT_FOUND")
    for kind in ("DELETION-INITIATED", "DELETED"):
        [event] = await shop.events(f"VAULT.PAYMENT-TOKEN.{kind}")
        assert event["resource"]["id"] == token


async def test_the_shop_can_forget_an_account(world: World):
    shop = Shop(world)
    token = await shop.kept()
    for _ in range(2):
        answer = await shop.send("DELETE", f"{TOKENS}/{token['id']}", headers={})
        assert (answer.status_code, answer.content) == (204, b"")
    assert (await shop.get(f"{TOKENS}/{token['id']}")).status_code == 404
    assert len(await shop.events("VAULT.PAYMENT-TOKEN.DELETED")) == 1
    assert (await shop.kept(customer=token["customer"]["id"]))["id"] != token["id"]


@pytest.mark.parametrize("query", ["", "?customer_id=", "?customer_id=abc&page=0", "?customer_id=abc&page_size=x"])
async def test_lists_are_checked(world: World, query: str):
    assert (await Shop(world).get(f"{TOKENS}{query}")).status_code == 400


async def test_what_is_under_way_survives_a_kill(tmp_path: Path):
    port = worlds.free_port()
    environment = {"SIMULATOR_STATE": str(tmp_path / "simulator.db"), "SIMULATOR_UNKNOWN_DELAY": "300"}
    process = worlds.start(port, **environment)
    recorder = worlds.Recorder()
    try:
        async with worlds.browser(f"http://127.0.0.1:{port}") as browser:
            world = World(f"http://127.0.0.1:{port}", browser, recorder)
            shop = Shop(world)
            approved = await shop.approved()
            pending = await shop.paid("pending", invoice_id="pending-1")
            await shop.paid("vault-late", save=True, invoice_id="late-1")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
            process = worlds.start(port, **environment | {"SIMULATOR_UNKNOWN_DELAY": "0"})
            await world.control("clock", offset_seconds=3 * 3600 + 5)
            assert (await shop.read(f"{ORDERS}/{approved}"))["status"] == "VOIDED"
            assert taken(await shop.read(f"{ORDERS}/{pending['id']}"))["status"] == "COMPLETED"
            assert len(await shop.events("VAULT.PAYMENT-TOKEN.CREATED")) == 1
    finally:
        await recorder.close_async()
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)
