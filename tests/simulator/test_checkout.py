"""Checkout Sessions, as the product opens and reads them."""

import time
from typing import Any

import pytest
import stripe

from tests.simulator.world import ASKS, GOOD, World

pytestmark = pytest.mark.anyio
REFUSED = "4000000000000002"


async def test_a_new_session_is_open_and_has_no_payment_intent_yet(world: World):
    session = await world.session()
    assert (session.status, session.payment_status, session.payment_intent) == ("open", "unpaid", None)
    assert (session.amount_total, session.currency, session.mode) == (1208, "eur", "payment")
    assert session.url == f"{world.url}/c/pay/{session.id}"
    assert session.metadata["attempt_id"] == session.client_reference_id == "att_1"
    assert await world.told() == ["customer.created"]


async def test_a_payment_is_told_step_by_step(world: World):
    await world.paid(ASKS, save=True)
    assert (await world.told())[1:] == [
        "payment_intent.created",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_method.attached",
        "checkout.session.completed",
    ]


async def test_a_card_is_kept_only_when_the_session_says_so(world: World):
    paid = await world.paid()
    assert "payment_method.attached" not in await world.told()
    intent = await world.api.payment_intents.retrieve_async(paid["intent"], {"expand": ["payment_method"]})
    assert intent.payment_method.customer is None  # type: ignore[union-attr] # expanded


async def test_a_paid_session_can_be_read_with_everything_inside(world: World):
    paid = await world.paid(save=True)
    wanted = ["payment_intent.payment_method", "payment_intent.latest_charge", "line_items"]
    session: Any = await world.api.checkout.sessions.retrieve_async(paid["session"], {"expand": wanted})
    assert (session.status, session.payment_status, session.url) == ("complete", "paid", None)
    intent = session.payment_intent
    assert (intent.status, intent.amount_received, intent.metadata["attempt_id"]) == ("succeeded", 1208, "att_1")
    assert intent.payment_method.card.last4 == "0008"
    assert intent.payment_method.allow_redisplay == "always"
    assert intent.latest_charge.paid
    assert intent.latest_charge.metadata["order_id"] == "1234567897"
    assert session.line_items.data[0].amount_total == 1208
    assert session.customer_details.email == "maria.rossi@example.com"


async def test_each_failed_try_is_told_and_leaves_the_session_open(world: World):
    session = await world.session()
    for number in (REFUSED, "4000000000009995"):
        outcome = await world.control("sessions/pay", session=session.id, number=number)
        assert (outcome["status"], outcome["intent_status"]) == ("open", "requires_payment_method")
    assert outcome["decline_code"] == "insufficient_funds"
    failures = await world.events("payment_intent.payment_failed")
    assert [event["data"]["object"]["last_payment_error"]["decline_code"] for event in failures] == [
        "generic_decline",
        "insufficient_funds",
    ]
    assert len(await world.events("charge.failed")) == 2
    await world.control("sessions/pay", session=session.id, number=GOOD)
    assert len(await world.events("payment_intent.created")) == 1
    assert [charge["session"] for charge in (await world.ledger())["charges"]] == [session.id]


async def test_the_ledger_tells_who_paid_what(world: World):
    paid = await world.paid()
    [charge] = (await world.ledger())["charges"]
    assert (charge["payment_intent"], charge["session"], charge["amount"]) == (paid["intent"], paid["session"], 1208)
    assert (charge["currency"], charge["refunded"], charge["metadata"]["attempt_id"]) == ("eur", 0, "att_1")


@pytest.mark.parametrize("seconds", [29 * 60, 24 * 3600 + 60])
async def test_expiry_must_lie_between_half_an_hour_and_a_day(world: World, seconds: int):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.session(expires_at=int(time.time()) + seconds)
    assert refusal.value.param == "expires_at"


async def test_a_session_expires_by_the_simulated_clock(world: World):
    session = await world.session()
    await world.control("clock", offset_seconds=39 * 60)
    assert (await world.api.checkout.sessions.retrieve_async(session.id)).status == "open"
    await world.control("clock", offset_seconds=41 * 60)
    expired = await world.api.checkout.sessions.retrieve_async(session.id)
    assert (expired.status, expired.url) == ("expired", None)
    assert [event["data"]["object"]["id"] for event in await world.events("checkout.session.expired")] == [session.id]


async def test_expiring_ends_the_session_and_cancels_its_intent(world: World):
    session = await world.session()
    tried = await world.control("sessions/pay", session=session.id, number=REFUSED)
    expired = await world.api.checkout.sessions.expire_async(session.id)
    assert expired.status == "expired"
    intent = await world.api.payment_intents.retrieve_async(tried["intent"])
    assert (intent.status, intent.cancellation_reason) == ("canceled", "expired")
    with pytest.raises(stripe.InvalidRequestError, match="status of expired"):
        await world.api.checkout.sessions.expire_async(session.id)


async def test_a_paid_session_can_neither_expire_nor_be_paid_again(world: World):
    paid = await world.paid()
    with pytest.raises(stripe.InvalidRequestError, match="status of complete"):
        await world.api.checkout.sessions.expire_async(paid["session"])
    again = await world.browser.post("/_sim/sessions/pay", json={"session": paid["session"], "number": GOOD})
    assert again.status_code == 400
    await world.control("clock", offset_seconds=3 * 24 * 3600)
    assert "checkout.session.expired" not in await world.told()


async def test_a_session_expires_at_once_when_told(world: World):
    session = await world.session()
    assert (await world.control("sessions/expire", session=session.id))["status"] == "expired"


async def test_the_intent_of_a_session_belongs_to_the_session(world: World):
    session = await world.session()
    tried = await world.control("sessions/pay", session=session.id, number=REFUSED)
    with pytest.raises(stripe.InvalidRequestError, match="Expire the Checkout Session"):
        await world.api.payment_intents.cancel_async(tried["intent"])
    with pytest.raises(stripe.InvalidRequestError, match="managed by a Checkout Session"):
        await world.api.payment_intents.confirm_async(tried["intent"], {"payment_method": "pm_card_visa"})


async def test_a_card_is_saved_without_a_payment(world: World):
    session: Any = await world.session(setup=True)
    assert session.setup_intent
    done = await world.control("sessions/pay", session=session.id, number="4000002500003155")
    assert (done["status"], done["payment_status"]) == ("complete", "no_payment_required")
    intent = await world.api.setup_intents.retrieve_async(session.setup_intent, {"expand": ["payment_method"]})
    method: Any = intent.payment_method
    assert (intent.status, method.customer) == ("succeeded", session.customer)
    assert intent.to_dict()["metadata"] == {"account_id": "1"}
    assert [kind for kind in await world.told() if kind != "customer.created"] == [
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.succeeded",
        "payment_method.attached",
        "checkout.session.completed",
    ]
    assert (await world.charge(session.customer, method.id)).status == "succeeded"
    assert len((await world.ledger())["charges"]) == 1


async def test_a_card_that_may_not_be_saved_fails_the_setup(world: World):
    session: Any = await world.session(setup=True)
    outcome = await world.control("sessions/pay", session=session.id, number=REFUSED)
    assert (outcome["status"], outcome["code"]) == ("open", "card_declined")
    [failed] = await world.events("setup_intent.setup_failed")
    assert failed["data"]["object"]["last_setup_error"]["decline_code"] == "generic_decline"


async def test_refusing_at_three_d_secure_fails_setup_and_payment(world: World):
    for setup, kind in ((True, "setup_intent"), (False, "payment_intent")):
        session = await world.session(setup=setup)
        refused = await world.control("sessions/pay", session=session.id, number=ASKS, authenticate=False)
        assert (refused["status"], refused["code"]) == ("open", f"{kind}_authentication_failure")
    assert await world.events("charge.failed") == []


async def test_a_guest_who_saves_a_card_becomes_a_customer(world: World):
    paid = await world.paid(save=True, customer=None)
    session: Any = await world.api.checkout.sessions.retrieve_async(paid["session"])
    methods = await world.api.customers.payment_methods.list_async(session.customer)
    assert len(methods.data) == 1


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"line_items": None}, "line_items"),
        ({"success_url": None}, "success_url"),
        ({"customer": "cus_nobody"}, "customer"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"ui_mode": "hosted"}, "ui_mode"),
        ({"locale": "xx"}, "locale"),
        ({"wallet_options": {"link": {"shown": "never"}}}, "wallet_options[link][shown]"),
    ],
)
async def test_what_stripe_refuses_is_refused(world: World, changes: dict[str, Any], param: str):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.session(**changes)
    assert refusal.value.param == param


async def test_sessions_are_listed_by_intent_customer_and_status(world: World):
    paid = await world.paid()
    await world.session()
    listed = await world.api.checkout.sessions.list_async({"payment_intent": paid["intent"]})
    assert [session.id for session in listed.data] == [paid["session"]]
    assert len((await world.api.checkout.sessions.list_async({"status": "open"})).data) == 1
    items = await world.api.checkout.sessions.line_items.list_async(paid["session"])
    assert items.data[0].description == "Casella PEC, un anno"


async def test_metadata_of_a_session_can_be_changed(world: World):
    session = await world.session()
    changed = await world.api.checkout.sessions.update_async(session.id, {"metadata": {"attempt_id": "", "x": "y"}})
    assert changed.metadata
    assert changed.metadata.to_dict() == {"order_id": "1234567897", "x": "y"}
