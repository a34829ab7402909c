"""Faults of the API: what the real SDK makes of them, and what has really happened."""

import time
from typing import Any

import anyio
import httpx
import pytest
import stripe

from tests.simulator.world import KEY, World

pytestmark = pytest.mark.anyio
INTENTS = "POST /v1/payment_intents"


async def attempts(world: World, path: str) -> list[dict[str, Any]]:
    return [call for call in (await world.look("requests"))["requests"] if call["path"] == path]


@pytest.mark.parametrize("behaviour", ["error_before", "drop_before", "conflict_409", "html_502"])
async def test_a_fault_before_the_effect_is_retried_with_the_same_key(world: World, behaviour: str):
    customer, method = await world.saved()
    await world.control("faults", match=INTENTS, behaviour=behaviour)
    intent = await world.charge(customer, method)
    first, second = await attempts(world, "/v1/payment_intents")
    assert (first["fault"], second["fault"]) == (behaviour, None)
    assert first["idempotency_key"] == second["idempotency_key"]
    assert not second["replayed"]
    assert [charge["payment_intent"] for charge in (await world.ledger())["charges"]] == [intent.id]


@pytest.mark.parametrize("behaviour", ["error_after", "drop_after"])
async def test_a_fault_after_the_effect_is_healed_by_the_key(world: World, behaviour: str):
    customer, method = await world.saved()
    await world.control("faults", match=INTENTS, behaviour=behaviour)
    intent = await world.charge(customer, method)
    _, second = await attempts(world, "/v1/payment_intents")
    assert second["replayed"]
    assert [charge["payment_intent"] for charge in (await world.ledger())["charges"]] == [intent.id]


async def test_a_stored_failure_hides_an_effect_from_its_key(world: World):
    customer, method = await world.saved()
    await world.control("faults", match=INTENTS, behaviour="error_after", stored=True)
    with pytest.raises(stripe.APIError):
        await world.charge(customer, method)
    assert [call["replayed"] for call in await attempts(world, "/v1/payment_intents")] == [False, True, True]
    assert len((await world.ledger())["charges"]) == 1


async def test_too_many_requests_are_not_retried_by_the_sdk(world: World):
    await world.control("faults", match="POST /v1/customers", behaviour="rate_limit_429")
    with pytest.raises(stripe.RateLimitError):
        await world.customer()
    await world.control("faults", match="POST /v1/customers", behaviour="rate_limit_429")
    answer = await world.browser.post("/v1/customers", headers={"Authorization": f"Bearer {KEY}"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")


@pytest.mark.parametrize(("behaviour", "charges"), [("hang", 0), ("execute_then_hang", 1)])
async def test_an_answer_that_does_not_come_in_time(world: World, behaviour: str, charges: int):
    customer, method = await world.saved()
    await world.control("faults", match=INTENTS, behaviour=behaviour, ms=1500)
    form = {"amount": "1208", "currency": "eur", "customer": customer, "payment_method": method}
    form |= {"confirm": "true", "off_session": "true"}
    headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": "renew:1:1"}
    with pytest.raises(httpx.ReadTimeout):
        await world.browser.post("/v1/payment_intents", data=form, headers=headers, timeout=0.3)
    assert len((await world.ledger())["charges"]) == charges
    again = await world.browser.post("/v1/payment_intents", data=form, headers=headers)
    assert again.json()["status"] == "succeeded"
    assert again.headers.get("Idempotent-Replayed") == ("true" if charges else None)
    assert len((await world.ledger())["charges"]) == 1


async def test_a_caller_who_gave_up_does_not_stop_the_webhooks(world: World, inbox: Any):
    customer, method = await world.saved()
    await world.control("faults", match=INTENTS, behaviour="execute_then_hang", ms=1000)
    form = {"amount": "1208", "currency": "eur", "customer": customer, "payment_method": method}
    form |= {"confirm": "true", "off_session": "true"}
    headers = {"Authorization": f"Bearer {KEY}"}
    with pytest.raises(httpx.ReadTimeout):
        await world.browser.post("/v1/payment_intents", data=form, headers=headers, timeout=0.2)
    await inbox.wait("payment_intent.succeeded")


async def test_a_slow_call_is_answered_late(world: World):
    await world.control("faults", match="* /v1/customers", behaviour="slow", ms=200)
    started = time.monotonic()
    await world.customer()
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize("path", ["/v1/customers", "/v1/oauth2/token"])
async def test_a_call_that_outlives_its_world_is_unknown_to_the_next(world: World, path: str):
    await world.control("faults", match=f"POST {path}", behaviour="hang", ms=300)

    async def call() -> None:
        with pytest.raises(httpx.RemoteProtocolError):
            await world.browser.post(path, headers={"Authorization": f"Bearer {KEY}"})

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        while (await world.look("faults"))["rules"]:
            pass
        await world.control("reset")
    assert (await world.look("requests"))["requests"] == []


async def test_rules_meet_their_method_and_path_as_often_as_they_say(world: World):
    await world.control("faults", rules=[{"match": "GET /v1/customers", "behaviour": "conflict_409", "times": 2}])
    customer = await world.customer()
    assert [rule["times"] for rule in (await world.look("faults"))["rules"]] == [2]
    await world.api.customers.retrieve_async(customer)
    assert (await world.look("faults"))["rules"] == []
    await world.control("faults", match="GET /v1/customers", behaviour="html_502", times=None)
    with pytest.raises(stripe.APIError):
        await world.api.customers.retrieve_async(customer)
    await world.control("faults/clear")
    await world.api.customers.retrieve_async(customer)


@pytest.mark.parametrize("wish", [{"match": "POST /v1", "behaviour": "explode"}, {"behaviour": "slow"}])
async def test_a_rule_that_cannot_be_is_refused(world: World, wish: dict[str, str]):
    assert (await world.browser.post("/_sim/faults", json=wish)).status_code == 400


async def test_many_callers_at_once_are_served(world: World):
    async with anyio.create_task_group() as group:
        for _ in range(30):
            group.start_soon(world.paid)
    assert len((await world.ledger())["charges"]) == 30
