"""PayPal's own books in the simulator: the search of transactions, the pages of its events, disputes, reversals."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from paypalserversdk.models.search_response import SearchResponse

from tests.simulator import paypal_schemas, schemas
from tests.simulator.paypal_shop import Shop, eur, issue, taken
from tests.simulator.test_paypal_honesty import losses
from tests.simulator.world import World

pytestmark = pytest.mark.anyio
TRANSACTIONS, DISPUTES = "/v1/reporting/transactions", "/v1/customer/disputes"
EVENTS = "/v1/notifications/webhooks-events"
DISPUTE_FIELDS = {
    *("dispute_id", "create_time", "update_time", "disputed_transactions", "reason", "status", "dispute_amount"),
    *("dispute_outcome", "dispute_life_cycle_stage", "dispute_channel", "dispute_state", "messages", "links"),
    "seller_response_due_date",
}
"""As PayPal's disputes API documents them; neither its documents here nor its SDK describe them."""


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def query(path: str, *, days: int = 1, **more: str) -> str:
    """The address of a search around this moment."""
    now = datetime.now(UTC)
    times = {"start_date": written(now - timedelta(days=days)), "end_date": written(now + timedelta(minutes=1))}
    return f"{path}?{urlencode(times | more)}"


async def found(shop: Shop, **more: str) -> list[dict[str, Any]]:
    shown = await shop.read(query(TRANSACTIONS, days=1, **more))
    return [one["transaction_info"] for one in shown["transaction_details"]]


async def test_the_search_shows_what_paypal_describes(world: World):
    shop = Shop(world)
    order = await shop.paid(invoice_id="one-1")
    capture = taken(order)["id"]
    await shop.refund(capture, amount=eur("2.08"), custom_id="r-1")
    await shop.paid("pending", invoice_id="two-1")
    await shop.paid("denied", invoice_id="three-1")
    shown = await shop.read(query(TRANSACTIONS, fields="transaction_info"))
    assert losses(SearchResponse, shown) == []
    infos = [one["transaction_info"] for one in shown["transaction_details"]]
    assert {(one["transaction_event_code"], one["transaction_status"]) for one in infos} == {
        ("T0006", "S"),
        ("T0006", "P"),
        ("T1107", "S"),
    }
    (refund,) = [one for one in infos if one["transaction_event_code"] == "T1107"]
    assert (refund["transaction_amount"], refund["custom_field"]) == (eur("-2.08"), "r-1")
    assert (refund["paypal_reference_id"], refund["paypal_reference_id_type"]) == (capture, "TXN")
    (paid,) = [one for one in infos if one["transaction_id"] == capture]
    assert (paid["transaction_amount"], paid["custom_field"], paid["invoice_id"]) == (eur(), "att-1", "one-1")


async def test_a_payment_that_was_given_back_whole_is_shown_as_reversed(world: World):
    shop = Shop(world)
    capture = taken(await shop.paid())["id"]
    await shop.refund(capture)
    assert [one["transaction_status"] for one in await found(shop)] == ["V", "S"]


async def test_the_search_has_pages_and_limits(world: World):
    shop = Shop(world)
    for number in range(3):
        await shop.paid(invoice_id=f"page{number}-1")
    first = await shop.read(query(TRANSACTIONS, page_size="2"))
    assert (len(first["transaction_details"]), first["total_items"], first["total_pages"]) == (2, 3, 2)
    assert len(await found(shop, page_size="2", page="2")) == 1
    for address in (
        query(TRANSACTIONS, days=32),
        query(TRANSACTIONS, page_size="501"),
        f"{TRANSACTIONS}?start_date=yesterday&end_date=today",
        TRANSACTIONS,
    ):
        assert issue(await shop.get(address))[0] == 400


async def test_transactions_are_found_some_time_later(world: World):
    shop = Shop(world)
    await world.control("paypal/transactions", delay_seconds=3600)
    await shop.paid()
    assert await found(shop) == []
    await shop.move(3601)
    assert len(await found(shop)) == 1


async def test_events_come_in_pages(world: World):
    shop = Shop(world)
    for number in range(3):
        await shop.paid(invoice_id=f"event{number}-1")
    whole = await shop.read(f"{EVENTS}?page_size=100")
    assert schemas.problems(paypal_schemas.judge("notifications_webhooks_v1", "EventList"), whole) == []
    seen, address = [], f"{EVENTS}?page_size=2"
    while address:
        page = await shop.read(address)
        seen += [event["id"] for event in page["events"]]
        after = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
        address = f"{EVENTS}?{urlsplit(after).query}" if after else ""
    assert seen == [event["id"] for event in whole["events"]]
    assert issue(await shop.get(f"{EVENTS}?page_size=2&move_to=next&index_id=nobody"))[0] == 400


@pytest.mark.parametrize("inquiry", [True, False])
@pytest.mark.parametrize("outcome", ["won", "lost", "cancelled"])
async def test_a_dispute_is_opened_told_and_decided(world: World, inquiry: bool, outcome: str):
    shop = Shop(world)
    capture = taken(await shop.paid())["id"]
    key = (await world.control("paypal/disputes", capture=capture, inquiry=inquiry))["dispute_id"]
    shown = await shop.read(f"{DISPUTES}/{key}")
    assert set(shown) <= DISPUTE_FIELDS
    assert shown["disputed_transactions"][0]["seller_transaction_id"] == capture
    assert ("seller_response_due_date" in shown) is not inquiry
    assert (await world.ledger())["charges"][0]["disputed"]
    await world.control("paypal/disputes/update", dispute=key, status="UNDER_REVIEW")
    await world.control("paypal/disputes/close", dispute=key, outcome=outcome)
    closed = await shop.read(f"{DISPUTES}/{key}")
    assert set(closed) <= DISPUTE_FIELDS
    assert (closed["status"], "amount_refunded" in closed["dispute_outcome"]) == ("RESOLVED", outcome == "lost")
    told = [event for event in await shop.events() if event["resource_type"] == "dispute"]
    assert [event["event_type"].rpartition(".")[2] for event in reversed(told)] == ["CREATED", "UPDATED", "RESOLVED"]
    assert {event["resource"]["dispute_id"] for event in told} == {key}
    assert (await world.browser.post("/_sim/paypal/disputes/close", json={"dispute": key, "outcome": "won"})).is_error


async def test_only_what_was_paid_can_be_contested_or_taken_back(world: World):
    shop = Shop(world)
    pending = taken(await shop.paid("pending"))["id"]
    for path in ("paypal/disputes", "paypal/captures/reverse"):
        assert (await world.browser.post(f"/_sim/{path}", json={"capture": pending})).is_error


async def test_a_reversal_tells_of_the_capture_that_it_takes_back(world: World):
    shop = Shop(world)
    capture = taken(await shop.paid())["id"]
    gone = await world.control("paypal/captures/reverse", capture=capture)
    (event,) = await shop.events("PAYMENT.CAPTURE.REVERSED")
    assert event["resource"] == gone
    assert schemas.problems(paypal_schemas.judge(paypal_schemas.PAYMENTS, "refund"), gone) == []
    assert gone["links"][1]["href"].endswith(f"/v2/payments/captures/{capture}")
