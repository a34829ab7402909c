"""POST /webhooks/<gateway>: 200 only for what is stored, a clear no for the rest, and never a flood in memory."""

import asyncio
import sqlite3
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette

from pecapp import db, tables
from pecapp.services.admin import webhooks as inspector
from pecapp.web import webhooks
from tests.support import factories, people
from tests.support import gateway as support_gateway
from tests.support.factories import outcome, the
from tests.support.gateway import SIGNED, event

pytestmark = pytest.mark.anyio

APP = Starlette(routes=webhooks.routes)


@pytest.fixture(autouse=True)
def gateway():
    with support_gateway.installed() as fake:
        yield fake


@pytest.fixture
async def client():
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test", headers=SIGNED) as opened:
        yield opened


async def _chunks(size: int, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_notification_is_answered_when_it_is_stored_and_settled(database, client):
    attempt = factories.opened()
    for _ in range(2):
        answer = await client.post("/webhooks/stripe", content=event("evt_1", outcome(attempt)))
        assert (answer.status_code, answer.content) == (200, b"")
    assert the(tables.InboxEvent).status == "done"
    assert the(tables.Order, id=attempt.order_id).status == "paid"


async def test_the_headers_that_prove_it_are_kept_with_it_and_shown_to_the_staff(database, client, frozen_clock):
    proving = {
        "Stripe-Signature": "t=1,v1=abc",
        "PAYPAL-TRANSMISSION-ID": "tr-1",
        "PAYPAL-TRANSMISSION-TIME": "2027-03-10T12:00:00Z",
        "PAYPAL-TRANSMISSION-SIG": "c2ln",
        "PAYPAL-CERT-URL": "https://api.paypal.com/cert",
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
        "User-Agent": "Stripe/1.0",
        "Content-Type": "application/json",
    }
    opening = {"Cookie": "sid=secret", "Authorization": "Bearer secret", "X-Other": "secret"}
    raw = event("evt_1", attempt_id="a" * 32)
    assert (await client.post("/webhooks/stripe", content=raw, headers=proving | opening)).status_code == 200
    stored = the(tables.InboxEvent)
    assert stored.headers == {name.lower(): value for name, value in proving.items()}
    shown = inspector.one(people.staff("support"), stored.id or 0, "it").headers
    assert set(shown.splitlines()) == {f"{name.lower()}: {value}" for name, value in proving.items()}


async def test_fifty_copies_at_once_are_all_answered_and_count_once(database, client):
    attempt = factories.opened()
    raw = event("evt_1", outcome(attempt))
    answers = await asyncio.gather(*[client.post("/webhooks/stripe", content=raw) for _ in range(50)])
    assert {answer.status_code for answer in answers} == {200}
    assert len(factories.rows(tables.InboxEvent)) == len(factories.rows(tables.Receipt)) == 1


async def test_a_large_notification_within_the_limit_is_taken(sqlite_database, client):
    raw = event("evt_1", attempt_id="a" * 32)
    raw += b" " * (webhooks.MAX_BODY - len(raw))
    assert (await client.post("/webhooks/stripe", content=raw)).status_code == 200
    assert len(the(tables.InboxEvent).body) == webhooks.MAX_BODY


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("POST", "/webhooks/stripe", {"signature": "bad"}, 400),
        ("POST", "/webhooks/stripe", {"signature": ""}, 400),
        ("POST", "/webhooks/nobody", {}, 404),
        ("POST", "/webhooks/stripe/more", {}, 404),
        ("GET", "/webhooks/stripe", {}, 405),
    ],
)
async def test_what_is_not_a_notification_of_ours_is_refused_and_leaves_no_trace(
    sqlite_database, client, method, path, headers, status
):
    before = factories.dump()
    answer = await client.request(method, path, content=event("evt_1"), headers=headers)
    assert answer.status_code == status
    assert factories.dump() == before


@pytest.mark.parametrize("size", [webhooks.MAX_BODY + 1, 1_000_000])
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_that_is_too_large_is_refused_with_or_without_its_length(sqlite_database, client, size, chunked):
    content = _chunks(1000, size // 1000 + 1) if chunked else b"x" * size
    assert (await client.post("/webhooks/stripe", content=content)).status_code == 413
    assert not factories.rows(tables.InboxEvent)


async def test_an_endless_body_is_not_read_beyond_the_limit_nor_kept_in_memory():
    asked = 0

    async def receive():
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 16_384, "more_body": True}

    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/webhooks/stripe", "headers": [], "query_string": b"",
        "root_path": "", "http_version": "1.1", "scheme": "http", "server": ("shop.test", 80),
    }  # fmt: skip
    tracemalloc.start()
    try:
        await APP(scope, receive, send)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sent[0]["status"] == 413
    assert asked * 16_384 <= webhooks.MAX_BODY + 16_384
    assert peak < 4 * webhooks.MAX_BODY


async def test_a_sender_who_goes_away_in_mid_sentence_leaves_no_trace(sqlite_database):
    begun = {"type": "http.request", "body": event("evt_1")[:20], "more_body": True}
    messages = iter([begun, {"type": "http.disconnect"}])

    async def receive():
        return next(messages)

    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/webhooks/stripe", "query_string": b"", "root_path": "",
        "headers": [(b"signature", b"good")], "http_version": "1.1", "scheme": "http", "server": ("shop.test", 80),
    }  # fmt: skip
    await APP(scope, receive, send)
    assert sent[0]["status"] == 400
    assert not factories.rows(tables.InboxEvent)


async def test_while_the_database_is_held_by_others_the_gateway_is_told_to_come_back(
    monkeypatch, sqlite_database, client
):
    monkeypatch.setattr(db, "BUSY_SECONDS", 0.3)
    attempt = factories.opened()
    raw = event("evt_1", outcome(attempt))
    beats = 0

    async def beat():
        nonlocal beats
        while True:
            await asyncio.sleep(0.01)
            beats += 1

    other = sqlite3.connect(sqlite_database.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    heart = asyncio.create_task(beat())
    answers = await asyncio.gather(*[client.post("/webhooks/stripe", content=raw) for _ in range(8)])
    heart.cancel()
    assert {(answer.status_code, answer.headers["retry-after"]) for answer in answers} == {(503, "5")}
    assert beats >= 5
    other.close()
    assert not factories.rows(tables.InboxEvent)
    assert (await client.post("/webhooks/stripe", content=raw)).status_code == 200
    assert the(tables.Order, id=attempt.order_id).status == "paid"
