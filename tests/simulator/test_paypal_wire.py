"""How PayPal's API speaks: tokens, JSON, Prefer, request ids, errors, faults, what is recorded."""

import base64
import json
from typing import Any

import anyio
import httpx
import pytest

from tests.simulator.paypal_shop import (
    CAPTURES,
    CLIENT,
    DAY,
    HOUR,
    ORDERS,
    SETUPS,
    Shop,
    issue,
    order_form,
    setup_form,
    taken,
)
from tests.simulator.world import World

pytestmark = pytest.mark.anyio
GRANT = {"grant_type": "client_credentials"}


async def test_a_token_is_given_for_the_secret_only(world: World):
    answer = await world.browser.post("/v1/oauth2/token", data=GRANT, auth=CLIENT)
    shown = answer.json()
    assert (answer.status_code, shown["token_type"]) == (200, "Bearer")
    assert shown["expires_in"] > HOUR
    assert shown["access_token"].startswith("A21AA")


@pytest.mark.parametrize(
    ("header", "form", "status", "error"),
    [
        ("Basic " + base64.b64encode(b"simulator-client:wrong").decode(), GRANT, 401, "invalid_client"),
        ("Basic nonsense", GRANT, 401, "invalid_client"),
        ("", GRANT, 401, "invalid_client"),
        ("Basic " + base64.b64encode(b"simulator-client:simulator-secret").decode(), {}, 400, "unsupported_grant_type"),
    ],
)
async def test_refusals_of_a_token_speak_as_oauth(world: World, header: str, form: Any, status: int, error: str):
    answer = await world.browser.post("/v1/oauth2/token", data=form, headers={"Authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["Paypal-Debug-Id"]


async def test_only_a_valid_token_opens(world: World):
    shop = Shop(world)
    missing = await world.browser.get(f"{ORDERS}/X")
    assert (missing.status_code, missing.json()["name"]) == (401, "AUTHENTICATION_FAILURE")
    unknown = await world.browser.get(f"{ORDERS}/X", headers={"Authorization": "Bearer A21AAnothing"})
    assert (unknown.status_code, unknown.json()["error"]) == (401, "invalid_token")
    assert (await shop.get(f"{ORDERS}/X")).status_code == 404


async def test_tokens_end_by_themselves_and_by_revocation(world: World):
    shop = Shop(world)
    old = await shop.log_in()
    await world.control("clock", offset_seconds=9 * HOUR + 1)
    assert (await shop.get(f"{ORDERS}/X")).json()["error"] == "invalid_token"
    await world.control("clock", offset_seconds=0)
    assert (await shop.get(f"{ORDERS}/X")).status_code == 404
    assert (await world.control("paypal/access/revoke"))["revoked"] == 1
    assert (await shop.get(f"{ORDERS}/X")).json()["error"] == "invalid_token"
    assert await shop.log_in() != old
    assert (await shop.get(f"{ORDERS}/X")).status_code == 404


async def test_every_answer_is_plain_json_with_a_debug_id(world: World):
    shop = Shop(world)
    answers = [await shop.post(ORDERS, order_form()), await shop.post(ORDERS, {}), await shop.get("/v2/nothing")]
    assert [answer.status_code for answer in answers] == [200, 400, 404]
    assert {answer.headers["Content-Type"] for answer in answers} == {"application/json"}
    numbers = [answer.headers["Paypal-Debug-Id"] for answer in answers]
    assert len(set(numbers)) == 3
    assert answers[1].json()["debug_id"] == numbers[1]


async def test_a_body_must_be_json_and_say_so(world: World):
    shop = Shop(world)
    kind = {"Content-Type": "application/json"}
    other = await shop.send("POST", ORDERS, headers={"Content-Type": "text/plain"}, content="{}")
    assert (other.status_code, other.json()["name"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    broken = await shop.send("POST", ORDERS, headers=kind, content='{"intent":')
    assert issue(broken) == (400, "MALFORMED_REQUEST_JSON")
    assert issue(await shop.send("POST", ORDERS, headers=kind, content="[]")) == (400, "INVALID_PARAMETER_SYNTAX")


async def test_without_prefer_an_answer_is_minimal(world: World):
    shop = Shop(world)
    made = (await shop.post(ORDERS, order_form(), whole=False)).json()
    assert set(made) == {"id", "status", "links"}
    await shop.approve(made["id"])
    captured = (await shop.post(f"{ORDERS}/{made['id']}/capture", whole=False)).json()
    assert set(captured) == {"id", "status", "links"}
    whole = await shop.read(f"{ORDERS}/{made['id']}")
    refund = (await shop.post(f"{CAPTURES}/{taken(whole)['id']}/refund", whole=False)).json()
    assert set(refund) == {"id", "status", "links"}
    assert {"purchase_units", "payer", "payment_source"} <= set(whole)


async def test_the_same_key_gives_the_present_state_of_one_order(world: World):
    shop = Shop(world)
    first = await shop.made(ORDERS, order_form(), "one")
    await shop.approve(first["id"])
    again = await shop.post(ORDERS, order_form(), "one")
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, first["id"], "APPROVED")
    taken_once = [(await shop.capture(first["id"], "cap")).json() for _ in range(2)]
    assert taken(taken_once[0]) == taken(taken_once[1])
    await shop.refund(taken(taken_once[0])["id"])
    assert taken((await shop.capture(first["id"], "cap")).json())["status"] == "REFUNDED"
    assert len((await world.ledger())["charges"]) == 1


async def test_another_key_makes_another_order(world: World):
    shop = Shop(world)
    assert (await shop.made(ORDERS, order_form()))["id"] != (await shop.made(ORDERS, order_form()))["id"]


async def test_a_refused_call_does_not_use_up_its_key(world: World):
    shop = Shop(world)
    assert (await shop.post(ORDERS, {"intent": "CAPTURE"}, "one")).status_code == 400
    order = await shop.made(ORDERS, order_form(), "one")
    assert issue(await shop.capture(order["id"], "cap")) == (422, "ORDER_NOT_APPROVED")
    await shop.approve(order["id"])
    assert (await shop.capture(order["id"], "cap")).status_code == 201


async def test_keys_are_kept_for_their_time_only(world: World):
    shop = Shop(world)
    order = await shop.made(ORDERS, order_form(), "order")
    setup = await shop.made(SETUPS, setup_form(), "setup")
    capture = taken(await shop.paid(invoice_id="other-1"))["id"]
    refund = (await shop.refund(capture, "refund", amount={"currency_code": "EUR", "value": "1.00"})).json()

    async def same() -> tuple[bool, bool, bool]:
        return (
            (await shop.made(ORDERS, order_form(), "order"))["id"] == order["id"],
            (await shop.made(SETUPS, setup_form(), "setup"))["id"] == setup["id"],
            (await shop.refund(capture, "refund")).json()["id"] == refund["id"],
        )

    await shop.move(2 * HOUR)
    assert await same() == (True, True, True)
    await shop.move(5 * HOUR)
    assert await same() == (True, False, True)
    await shop.move(7 * HOUR)
    assert await same() == (False, False, True)
    await shop.move(44 * DAY)
    assert await same() == (False, False, True)
    await shop.move(46 * DAY)
    assert await same() == (False, False, False)


async def test_a_key_in_use_is_refused(world: World):
    shop = Shop(world)
    await shop.log_in()
    await world.control("faults", match=f"POST {ORDERS}", behaviour="slow", ms=300)
    answers: list[httpx.Response] = []

    async def ask() -> None:
        answers.append(await shop.post(ORDERS, order_form(), "same"))

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        group.start_soon(ask)
    refused, answered = sorted(answers, key=lambda answer: -answer.status_code)
    assert issue(refused) == (409, "PREVIOUS_REQUEST_IN_PROGRESS")
    assert answered.status_code == 200


async def test_the_vault_wants_a_key(world: World):
    shop = Shop(world)
    assert issue(await shop.post(SETUPS, setup_form(), "-")) == (400, "PAYPAL_REQUEST_ID_REQUIRED")


@pytest.mark.parametrize(
    ("code", "status"), [("INSTRUMENT_DECLINED", 422), ("PERMISSION_DENIED", 403), ("INTERNAL_SERVER_ERROR", 500)]
)
async def test_the_mock_header_of_the_sandbox_is_honoured(world: World, code: str, status: int):
    shop = Shop(world)
    order = await shop.approved()
    mock = json.dumps({"mock_application_codes": code})
    assert issue(await shop.capture(order, mock=mock)) == (status, code)
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "APPROVED"
    assert issue(await shop.capture(order, mock="nonsense")) == (400, "INVALID_PARAMETER_SYNTAX")
    assert (await shop.post(SETUPS, setup_form(), mock=mock)).status_code == 201


@pytest.mark.parametrize(
    ("behaviour", "status", "name", "made"),
    [
        ("error_before", 500, "INTERNAL_SERVER_ERROR", 0),
        ("error_after", 500, "INTERNAL_SERVER_ERROR", 1),
        ("conflict_409", 409, "RESOURCE_CONFLICT", 0),
        ("rate_limit_429", 429, "RATE_LIMIT_REACHED", 0),
    ],
)
async def test_faults_speak_as_paypal(world: World, behaviour: str, status: int, name: str, made: int):
    shop = Shop(world)
    order = await shop.approved()
    await world.control("faults", match=f"POST {ORDERS}/", behaviour=behaviour)
    answer = await shop.capture(order, "cap")
    assert (answer.status_code, answer.json()["name"]) == (status, name)
    assert answer.headers["Paypal-Debug-Id"] == answer.json()["debug_id"]
    assert len((await world.ledger())["charges"]) == made
    assert (await shop.capture(order, "cap")).json()["status"] == "COMPLETED"
    assert len((await world.ledger())["charges"]) == 1


@pytest.mark.parametrize(("behaviour", "made"), [("drop_before", 0), ("drop_after", 1), ("hang", 0)])
async def test_connections_break_before_and_after_the_effect(world: World, behaviour: str, made: int):
    shop = Shop(world)
    order = await shop.approved()
    await world.control("faults", match=f"POST {ORDERS}/", behaviour=behaviour, ms=50)
    with pytest.raises(httpx.HTTPError):
        await shop.capture(order, "cap")
    assert len((await world.ledger())["charges"]) == made


async def test_a_proxy_in_trouble_answers_html(world: World):
    shop = Shop(world)
    await world.control("faults", match=f"POST {ORDERS}", behaviour="html_502")
    answer = await shop.post(ORDERS, order_form())
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")


async def test_a_call_can_be_executed_and_answered_late(world: World):
    shop = Shop(world)
    order = await shop.approved()
    await world.control("faults", match=f"POST {ORDERS}/", behaviour="execute_then_hang", ms=100)
    assert (await shop.capture(order)).json()["status"] == "COMPLETED"


async def test_getting_a_token_can_fail_too(world: World):
    await world.control("faults", match="POST /v1/oauth2/token", behaviour="error_before")
    assert (await world.browser.post("/v1/oauth2/token", data=GRANT, auth=CLIENT)).status_code == 500
    assert (await world.browser.post("/v1/oauth2/token", data=GRANT, auth=CLIENT)).status_code == 200


async def test_the_traffic_is_recorded_without_secrets(world: World):
    shop = Shop(world)
    await shop.made(ORDERS, order_form(), "one")
    await shop.made(ORDERS, order_form(), "one")
    calls = (await world.look("requests"))["requests"]
    assert [(call["gateway"], call["method"], call["path"], call["status"]) for call in calls] == [
        ("paypal", "POST", "/v1/oauth2/token", 200),
        ("paypal", "POST", ORDERS, 200),
        ("paypal", "POST", ORDERS, 200),
    ]
    assert [call["idempotency_key"] for call in calls] == [None, "one", "one"]
    assert [call["replayed"] for call in calls] == [False, False, True]
    assert calls[1]["params"] == order_form()
    assert calls[1]["request_id"] == shop.calls[0][1].headers["Paypal-Debug-Id"]
    assert shop.access not in str(calls)
    assert CLIENT[1] not in str(calls)


async def test_stripes_addresses_stay_stripes(world: World):
    assert (await world.browser.get("/v1/customers")).json()["error"]["type"] == "invalid_request_error"
