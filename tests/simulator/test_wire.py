"""How the API speaks: keys, errors, expansion, lists, idempotency."""

from typing import Any

import anyio
import httpx
import pytest
import stripe

from tests.simulator.world import GOOD, KEY, World

pytestmark = pytest.mark.anyio


async def post(world: World, path: str, form: dict[str, str], key: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {KEY}"} | ({"Idempotency-Key": key} if key else {})
    return await world.browser.post(path, data=form, headers=headers)


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer sk_live_1234567"}, {"Authorization": "Bearer pk_test_1"}]
)
async def test_only_test_keys_open(world: World, header: dict[str, str]):
    answer = await world.browser.get("/v1/customers", headers=header)
    assert answer.status_code == 401
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert answer.headers["Request-Id"].startswith("req_")


async def test_every_answer_has_its_version_and_number(world: World):
    answer = await post(world, "/v1/customers", {"email": "a@example.com"}, "key-1")
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"
    assert answer.headers["Request-Id"].startswith("req_")
    assert answer.headers["Idempotency-Key"] == "key-1"


@pytest.mark.parametrize(
    ("form", "code", "param"),
    [
        ({"foo": "1"}, "parameter_unknown", "foo"),
        ({"address[planet]": "Mars"}, "parameter_unknown", "address[planet]"),
        ({"expand[]": "nonsense"}, None, "expand"),
        ({"metadata": "x"}, None, "metadata"),
        ({"address": "x"}, None, "address"),
        ({"name[a]": "x"}, None, "name"),
    ],
)
async def test_what_is_not_known_is_refused_without_effect(world: World, form: dict[str, str], code: Any, param: str):
    answer = await post(world, "/v1/customers", form)
    error = answer.json()["error"]
    assert (answer.status_code, error.get("code"), error["param"]) == (400, code, param)
    assert await world.told() == []


@pytest.mark.parametrize(
    ("form", "param"),
    [
        ({"amount": "12.08", "currency": "eur"}, "amount"),
        ({"amount": "1208", "currency": "eur", "confirm": "True"}, "confirm"),
        ({"currency": "eur"}, "amount"),
        ({"amount": "1208"}, "currency"),
    ],
)
async def test_values_are_typed(world: World, form: dict[str, str], param: str):
    answer = await post(world, "/v1/payment_intents", form)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)


async def test_unknown_objects_and_addresses_are_not_found(world: World):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.api.payment_intents.retrieve_async("pi_nothing")
    assert (refusal.value.http_status, refusal.value.code) == (404, "resource_missing")
    assert (await post(world, "/v1/subscriptions", {})).status_code == 404


async def test_expansion_goes_through_lists_and_levels(world: World):
    customer, method = await world.saved()
    await world.charge(customer, method)
    listed: Any = await world.api.payment_intents.list_async(
        {"customer": customer, "expand": ["data.latest_charge.customer", "data.payment_method"]}
    )
    [intent] = listed.data
    assert intent.latest_charge.customer.email == "maria@example.com"
    assert intent.payment_method.card.last4 == GOOD[-4:]
    for path in ("data", "latest_charge", "data.amount", "data.latest_charge.payment_intent.latest_charge.customer.x"):
        with pytest.raises(stripe.InvalidRequestError):
            await world.api.payment_intents.list_async({"expand": [path]})


async def test_lists_come_in_pages_newest_first(world: World):
    made = [(await world.api.customers.create_async({"name": str(number)})).id for number in range(5)]
    first = await world.api.customers.list_async({"limit": 2})
    assert [one.id for one in first.data] == made[:2:-1]
    assert first.has_more
    second = await world.api.customers.list_async({"limit": 3, "starting_after": first.data[-1].id})
    assert [one.id for one in second.data] == made[2::-1]
    assert not second.has_more
    before = await world.api.customers.list_async({"limit": 1, "ending_before": made[2]})
    assert [one.id for one in before.data] == [made[3]]
    every = [one.id async for one in (await world.api.customers.list_async({"limit": 2})).auto_paging_iter()]
    assert len(every) == 5
    with pytest.raises(stripe.InvalidRequestError):
        await world.api.customers.list_async({"limit": 101})


async def test_lists_are_cut_by_creation_time(world: World):
    early = await world.api.customers.create_async()
    await world.control("clock", offset_seconds=1000)
    late = await world.api.customers.create_async()
    found = await world.api.customers.list_async({"created": {"gte": late.created}})
    assert [one.id for one in found.data] == [late.id]
    found = await world.api.customers.list_async({"created": {"lt": late.created, "gt": early.created - 1}})
    assert [one.id for one in found.data] == [early.id]


async def test_events_are_found_by_type_and_moment(world: World):
    await world.paid()
    wanted = ["payment_intent.succeeded", "charge.succeeded"]
    found = await world.api.events.list_async({"types": wanted, "created": {"gte": 1}, "delivery_success": True})
    assert sorted(event.type for event in found.data) == sorted(wanted)
    event = await world.api.events.retrieve_async(found.data[0].id)
    assert (event.api_version, event.livemode, event.pending_webhooks) == ("2026-10-28.endive", False, 0)


async def test_the_same_key_gives_the_same_answer_and_one_effect(world: World):
    form = {"amount": "1208", "currency": "eur"}
    first = await post(world, "/v1/payment_intents", form, "pay:1")
    second = await post(world, "/v1/payment_intents", form, "pay:1")
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (await world.told()).count("payment_intent.created") == 1


async def test_a_decline_is_replayed_too(world: World):
    customer, method = await world.saved("4000000000000341")
    options = {"idempotency_key": "renew:1:1"}
    form: Any = {"amount": 1208, "currency": "eur", "customer": customer, "payment_method": method}
    form |= {"confirm": True, "off_session": True}
    refusals = []
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            await world.api.payment_intents.create_async(form, options)  # type: ignore[arg-type] # options as a dict
        refusals.append(refusal.value)
    assert refusals[0].json_body == refusals[1].json_body
    assert (await world.told()).count("charge.failed") == 1


async def test_one_key_for_two_purposes_is_refused(world: World):
    await post(world, "/v1/payment_intents", {"amount": "1208", "currency": "eur"}, "pay:1")
    for path, form in (
        ("/v1/payment_intents", {"amount": "1209", "currency": "eur"}),
        ("/v1/customers", {"email": "a@example.com"}),
    ):
        answer = await post(world, path, form, "pay:1")
        assert (answer.status_code, answer.json()["error"]["type"]) == (400, "idempotency_error")


async def test_a_key_in_use_is_refused(world: World):
    await world.control("faults", match="POST /v1/customers", behaviour="slow", ms=300)
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await post(world, "/v1/customers", {"email": "a@example.com"}, "same"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    refused, answered = sorted(answers, key=lambda answer: -answer.status_code)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert answered.status_code == 200
    assert len(await world.events("customer.created")) == 1


async def test_a_refused_form_does_not_use_up_its_key(world: World):
    wrong = await post(world, "/v1/payment_intents", {"amount": "1208", "currency": "eur", "foo": "1"}, "pay:1")
    assert wrong.status_code == 400
    assert (await post(world, "/v1/payment_intents", {"amount": "1208", "currency": "eur"}, "pay:1")).status_code == 200


async def test_a_key_is_forgotten_after_a_day(world: World):
    form = {"amount": "1208", "currency": "eur"}
    first = await post(world, "/v1/payment_intents", form, "pay:1")
    await world.control("clock", offset_seconds=25 * 3600)
    second = await post(world, "/v1/payment_intents", form, "pay:1")
    assert first.json()["id"] != second.json()["id"]


async def test_keys_that_are_too_long_are_refused(world: World):
    assert (await post(world, "/v1/customers", {}, "k" * 256)).status_code == 400


async def test_the_traffic_is_recorded_without_secrets(world: World):
    await world.session()
    calls = (await world.look("requests"))["requests"]
    assert [(call["method"], call["path"], call["status"]) for call in calls] == [
        ("POST", "/v1/customers", 200),
        ("POST", "/v1/checkout/sessions", 200),
    ]
    assert calls[1]["params"]["line_items"][0]["price_data"]["unit_amount"] == "1208"
    assert calls[1]["idempotency_key"]
    assert KEY not in str(calls)
    await post(world, "/v1/payment_methods", {"type": "card", "card[number]": GOOD, "card[cvc]": "123"})
    assert GOOD not in str(await world.look("requests"))


async def test_endpoints_can_be_listed_changed_and_removed(world: World):
    made = await world.api.webhook_endpoints.create_async({"url": "http://127.0.0.1:9/x", "enabled_events": ["*"]})
    assert made.secret
    read = await world.api.webhook_endpoints.retrieve_async(made.id)
    assert not hasattr(read, "secret")
    off = await world.api.webhook_endpoints.update_async(made.id, {"disabled": True})
    assert off.status == "disabled"
    assert (await world.api.webhook_endpoints.delete_async(made.id)).deleted
    assert (await world.api.webhook_endpoints.list_async()).data == []
