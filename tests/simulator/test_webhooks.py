"""Webhooks: signed, in order, retried; and spoilt when a rule says so."""

import hashlib
import itertools
import json
import time
from typing import Any

import pytest

from tests.simulator.receiver import Receiver
from tests.simulator.world import ASKS, KEY, SHOP, World, typed

pytestmark = pytest.mark.anyio
DONE = "checkout.session.completed"
PAID = "payment_intent.succeeded"


async def test_every_event_is_signed_for_stripes_own_check(world: World, inbox: Receiver):
    await world.paid(ASKS, save=True)
    await inbox.wait(DONE)
    assert all(delivery.is_signed(inbox.secret) for delivery in inbox.deliveries)
    assert not inbox.deliveries[0].is_signed("whsec_other")
    event = inbox.of(DONE)[0].event
    assert (event["api_version"], event["livemode"]) == ("2026-10-28.endive", False)
    assert event["data"]["object"]["payment_status"] == "paid"
    assert abs(inbox.deliveries[0].moment - time.time()) < 30


async def test_events_come_in_the_order_in_which_they_were_told(world: World, inbox: Receiver):
    for _ in range(3):
        await world.paid(ASKS, save=True)
    await inbox.wait(DONE, 3)
    assert inbox.types() == await world.told()


async def test_only_subscribed_types_come(world: World, inbox: Receiver):
    [endpoint] = (await world.api.webhook_endpoints.list_async()).data
    await world.api.webhook_endpoints.update_async(endpoint.id, {"enabled_events": [DONE]})
    await world.paid()
    await inbox.wait(DONE)
    assert inbox.types() == [DONE]


async def test_a_refused_delivery_is_repeated_with_growing_pauses(world: World, inbox: Receiver):
    inbox.statuses = [500, 503, 400]
    await world.api.customers.create_async()
    await inbox.wait("customer.created", 4)
    moments = [delivery.at for delivery in inbox.deliveries]
    pauses = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert pauses[0] >= 0.05
    assert pauses[1] >= 0.1
    assert pauses[2] >= 0.2
    assert len({delivery.event["id"] for delivery in inbox.deliveries}) == 1
    log = await world.delivered()
    assert [(entry["attempt"], entry["status"]) for entry in log] == [(1, 500), (2, 503), (3, 400), (4, 200)]


async def test_an_answer_that_takes_too_long_counts_as_none(world: World, inbox: Receiver):
    await world.control("settings", webhook_timeout=0.1)
    inbox.seconds = 0.3
    await world.api.customers.create_async()
    await inbox.wait("customer.created")
    inbox.seconds = 0
    await inbox.wait("customer.created", 2)
    first = (await world.delivered())[0]
    assert (first["status"], first["error"][:11]) == (None, "ReadTimeout")


async def test_undelivered_events_can_be_found(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event=DONE, behaviour="drop", times=None)
    await world.paid()
    await inbox.wait(PAID)
    undelivered = await world.api.events.list_async({"types": [DONE, PAID], "delivery_success": False})
    assert [(event.type, event.pending_webhooks) for event in undelivered.data] == [(DONE, 1)]
    await world.control("webhooks/faults/clear")
    await inbox.wait(DONE)
    await world.delivered()
    assert (await world.api.events.list_async({"delivery_success": False})).data == []


async def test_a_dropped_event_comes_later(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event=PAID, behaviour="drop", times=2)
    await world.paid()
    await inbox.wait(PAID)
    assert inbox.types().index(PAID) > inbox.types().index(DONE)
    log = await world.delivered()
    assert [entry["error"] for entry in log if entry["type"] == PAID] == ["dropped by a rule"] * 2 + [None]


async def test_a_delayed_event_comes_after_the_others(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event="payment_intent.created", behaviour="delay", ms=150)
    await world.paid()
    await inbox.wait("payment_intent.created")
    assert inbox.types()[-1] == "payment_intent.created"


@pytest.mark.parametrize("gap", [0, 100])
async def test_an_event_comes_more_than_once(world: World, inbox: Receiver, gap: int):
    await world.control("webhooks/faults", event=DONE, behaviour="duplicate", copies=5, ms=gap)
    await world.paid()
    await inbox.wait(DONE, 5)
    copies = inbox.of(DONE)
    assert len({delivery.event["id"] for delivery in copies}) == 1
    assert (copies[-1].at - copies[0].at >= 0.3) == (gap > 0)


async def test_a_burst_can_come_backwards(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event=DONE, behaviour="reversed")
    await world.paid()
    await inbox.wait("payment_intent.created")
    expected = ["checkout.session.completed", PAID, "charge.succeeded", "payment_intent.created"]
    assert inbox.types()[1:] == expected


@pytest.mark.parametrize(("behaviour", "age"), [("wrong_secret", 0), ("stale", 301), ("future", -301)])
async def test_a_signature_can_be_wrong_or_out_of_time(world: World, inbox: Receiver, behaviour: str, age: int):
    await world.control("webhooks/faults", event=DONE, behaviour=behaviour)
    await world.paid()
    delivery = await inbox.wait(DONE)
    assert abs(time.time() - delivery.moment - age) < 30
    assert delivery.is_signed(inbox.secret, tolerance=10_000) == (behaviour != "wrong_secret")
    assert delivery.is_signed(inbox.secret) == (behaviour == "future")


async def test_a_body_can_be_changed_under_a_good_signature(world: World, inbox: Receiver):
    changes = {"data.object.amount_total": 1, "data.object.metadata.order_id": "9", "data.object.foo.bar": [1]}
    await world.control("webhooks/faults", event=DONE, behaviour="mutate", changes=changes)
    paid = await world.paid()
    delivery = await inbox.wait(DONE)
    content = delivery.event["data"]["object"]
    assert (content["amount_total"], content["metadata"]["order_id"], content["foo"]) == (1, "9", {"bar": [1]})
    assert delivery.is_signed(inbox.secret)
    assert (await world.api.checkout.sessions.retrieve_async(paid["session"])).amount_total == 1208


@pytest.mark.parametrize("behaviour", ["other_account", "livemode", "unknown_order", "oversized"])
async def test_an_event_can_be_somebody_elses(world: World, inbox: Receiver, behaviour: str):
    await world.control("webhooks/faults", event=DONE, behaviour=behaviour)
    await world.paid()
    delivery = await inbox.wait(DONE)
    event = delivery.event
    assert delivery.is_signed(inbox.secret)
    assert ("account" in event) == (behaviour == "other_account")
    assert (event["livemode"], event["data"]["object"]["livemode"]) == (behaviour == "livemode",) * 2
    assert (event["data"]["object"]["metadata"] == {}) == (behaviour == "unknown_order")
    assert (event["data"]["object"]["client_reference_id"] is None) == (behaviour == "unknown_order")
    assert (len(delivery.body) > 2**20) == (behaviour == "oversized")


async def test_an_event_can_come_before_the_answer_of_the_call(world: World, inbox: Receiver):
    customer, method = await world.saved()
    await world.control("webhooks/faults", event=PAID, behaviour="before_api_answer", times=1)
    inbox.seconds = 0.1
    await world.charge(customer, method)
    answered = time.monotonic()
    assert inbox.of(PAID)
    assert inbox.of(PAID)[0].at + 0.1 <= answered


async def buy(world: World, number: str) -> tuple[str, str]:
    """Walk to the recap. Returns the session's id and the recap's address."""
    session = await world.session()
    answer = await world.browser.post(f"/c/pay/{session.id}", data=typed(number))
    return session.id, answer.headers["Location"]


async def test_an_event_can_come_before_the_buyer_goes_on(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event=DONE, behaviour="before_redirect")
    _, recap = await buy(world, "4000003800000008")
    inbox.seconds = 0.1
    await world.browser.post(recap)
    assert inbox.of(DONE)
    assert inbox.of(DONE)[0].at + 0.1 <= time.monotonic()


async def test_an_event_can_wait_until_the_buyer_is_back(world: World, inbox: Receiver):
    await world.control("webhooks/faults", event=DONE, behaviour="after_redirect")
    session, recap = await buy(world, "4000003800000008")
    receipt = (await world.browser.post(recap)).headers["Location"]
    await inbox.wait(PAID)
    await world.browser.get(receipt)
    assert not inbox.of(DONE)
    back = await world.browser.get(f"/c/pay/{session}/torna")
    assert back.headers["Location"] == f"{SHOP}/ritorno?cs={session}"
    await inbox.wait(DONE)


async def test_events_can_be_held_and_released_in_either_order(world: World, inbox: Receiver):
    for order in ("emission", "reversed"):
        inbox.deliveries.clear()
        await world.control("webhooks/hold")
        await world.paid()
        assert (await world.look("deliveries"))["held"] == 5
        assert inbox.types() == []
        assert (await world.control("webhooks/release", order=order))["released"] == 5
        await inbox.until(lambda: len(inbox.deliveries) == 5)
        expected = ["customer.created", "payment_intent.created", "charge.succeeded", PAID, DONE]
        assert inbox.types() == (expected if order == "emission" else expected[::-1])


async def test_an_event_can_be_sent_again(world: World, inbox: Receiver):
    await world.paid()
    first = await inbox.wait(DONE)
    again = await world.control("webhooks/redeliver", event=first.event["id"], copies=3)
    assert again["statuses"] == [200, 200, 200]
    assert len({delivery.event["id"] for delivery in inbox.of(DONE)}) == 1
    assert len(inbox.of(DONE)) == 4


async def test_any_event_can_be_forged(world: World, inbox: Receiver):
    paid = await world.paid()
    sent = await world.control(
        "webhooks/emit",
        type=PAID,
        object_id=paid["intent"],
        changes={"data.object.amount": 1207, "data.object.currency": "jpy"},
        copies=3,
        id="evt_forged",
    )
    assert sent == {"event": "evt_forged", "statuses": [200, 200, 200]}
    forged = [delivery for delivery in inbox.of(PAID) if delivery.event["id"] == "evt_forged"]
    assert [delivery.event["data"]["object"]["currency"] for delivery in forged] == ["jpy"] * 3
    assert all(delivery.is_signed(inbox.secret) for delivery in forged)
    assert "evt_forged" not in [event["id"] for event in await world.events()]


async def test_a_delivery_can_be_forged_badly(world: World, inbox: Receiver):
    plain: dict[str, Any] = {"type": "x.y", "object": {"id": "x", "object": "x"}}
    await world.control("webhooks/emit", **plain, secret="whsec_wrong")
    await world.control("webhooks/emit", **plain, offset_seconds=-301)
    await world.control("webhooks/emit", **plain, headers={"Stripe-Signature": None})
    await world.control("webhooks/emit", **plain, headers={"Stripe-Signature": "t=1,v0=abc"})
    assert [delivery.is_signed(inbox.secret) for delivery in inbox.deliveries] == [False] * 4
    await world.control("webhooks/emit", **plain, body="{not json")
    await world.control("webhooks/emit", **plain, bytes=100_000, url=inbox.url, secret=inbox.secret)
    *_, broken, large = inbox.deliveries
    assert broken.body == b"{not json"
    assert broken.is_signed(inbox.secret)
    assert large.is_signed(inbox.secret)
    assert len(large.body) > 100_000


async def test_the_request_that_caused_an_event_is_named_in_it(world: World, inbox: Receiver):
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "key-7"}
    answer = await world.browser.post("/v1/customers", headers=headers)
    event = (await inbox.wait("customer.created")).event
    assert event["request"] == {"id": answer.headers["Request-Id"], "idempotency_key": "key-7"}


async def test_a_snapshot_does_not_change_afterwards(world: World, inbox: Receiver):
    paid = await world.paid()
    created = (await inbox.wait("payment_intent.created")).event
    [stored] = await world.events("payment_intent.created")
    assert stored["data"]["object"]["status"] == created["data"]["object"]["status"] == "requires_payment_method"
    assert created["data"]["object"]["id"] == paid["intent"]
    digests = [hashlib.sha256(json.dumps(event["data"], sort_keys=True).encode()) for event in (stored, created)]
    assert digests[0].digest() == digests[1].digest()
