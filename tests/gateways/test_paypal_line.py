"""PayPal's line: what the official SDK lacks, against a server that misbehaves as the simulator does not."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pecapp.gateways import base, paypal
from tests.gateways.bench import definite_no, purchase, renewal
from tests.gateways.bench_paypal import IN_A_MOMENT, PayPalBench, adapter

JSON = {"Content-Type": "application/json"}
ACCESS = json.dumps({"token_type": "Bearer", "access_token": "A21AA", "expires_in": 32400}).encode()
OPENED = {"id": "0ORDER0123456789A", "links": [{"rel": "payer-action", "href": "http://127.0.0.1:9/checkoutnow"}]}


@dataclass
class Server:
    """Gives this access token to everybody, and this answer to everything else."""

    url: str = ""
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))
    body: bytes = json.dumps(OPENED).encode()
    access: bytes = ACCESS
    asked: list[str] = field(default_factory=list)
    connections: set[tuple[str, int]] = field(default_factory=set)


@pytest.fixture
def server() -> Iterator[Server]:
    told = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            told.asked.append(f"{self.command} {self.path}")
            told.connections.add(self.client_address)
            access = self.path == "/v1/oauth2/token"
            body = told.access if access else told.body
            self.send_response(200 if access else told.status)
            for name, value in (JSON if access else told.headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the library's own name)
            """Silence."""

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    told.url = f"http://127.0.0.1:{httpd.server_address[1]}"
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield told
    httpd.shutdown()
    thread.join()
    httpd.server_close()


@pytest.fixture
def line(server: Server) -> paypal.PayPalGateway:
    return adapter(server.url, timeout=IN_A_MOMENT, retries=0)


@pytest.mark.anyio
async def test_a_plain_answer_is_understood(server: Server, line: paypal.PayPalGateway) -> None:
    assert (await line.start(purchase())).gateway_ref == OPENED["id"]
    await line.aclose()
    assert server.asked == ["POST /v1/oauth2/token", "POST /v2/checkout/orders"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"Content-Type": "text/html"}, b"<html>Welcome to our Wi-Fi</html>"),
        ({"Content-Type": "text/html"}, json.dumps(OPENED).encode()),
        ({}, json.dumps(OPENED).encode()),
        (JSON, b""),
        (JSON, b"<html>"),
        (JSON, b"[]"),
        (JSON, b"null"),
        (JSON, b"{}"),
        (JSON, b'{"id": "X", "links": [7]}'),
        (JSON, b'{"id": "X", "links": []}'),
        (JSON, b"\xff\xfe"),
    ],
    ids=str,
)
async def test_a_success_that_is_not_paypals_is_no_answer(
    server: Server, line: paypal.PayPalGateway, headers: dict[str, str], body: bytes
) -> None:
    server.headers, server.body = headers, body
    with pytest.raises(base.OutcomeUnknown):
        await line.start(purchase())
    await line.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(server: Server, line: paypal.PayPalGateway, status: int) -> None:
    server.status, server.headers = status, {"Location": f"{server.url}/elsewhere"}
    for call in (line.start(purchase()), line.look_up(base.Reference("attempt-x", "0ORDER0123456789A"))):
        with pytest.raises(base.OutcomeUnknown):
            await call
    await line.aclose()
    assert not any("elsewhere" in asked for asked in server.asked)


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b'{"details": [7], "links": [7], "name": 7}'], ids=str)
async def test_a_refusal_that_cannot_be_read_is_still_a_refusal(
    server: Server, line: paypal.PayPalGateway, body: bytes
) -> None:
    server.status, server.body = 422, body
    await definite_no(line.start(purchase()))
    await line.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize("body", [b'{"details": 7}', b'{"details": "x"}', b'{"links": 7}'], ids=str)
async def test_a_refusal_of_a_strange_shape_is_still_a_refusal(
    server: Server, line: paypal.PayPalGateway, body: bytes
) -> None:
    server.status, server.body = 422, body
    await definite_no(line.start(purchase()))
    await line.aclose()


@pytest.mark.anyio
@pytest.mark.parametrize(
    "access",
    [
        {},
        {"token_type": "Bearer", "expires_in": 9},
        {"access_token": "A", "expires_in": 9},
        {"token_type": "Bearer", "access_token": "A"},
        {"token_type": "Bearer", "access_token": "A", "expires_in": "soon"},
        {"token_type": "Bearer", "access_token": "A", "expires_in": None},
    ],
    ids=str,
)
async def test_without_an_access_token_nothing_is_asked(
    server: Server, line: paypal.PayPalGateway, access: dict[str, object]
) -> None:
    server.access = json.dumps(access).encode()
    with pytest.raises(base.OutcomeUnknown):
        await line.start(purchase())
    await line.aclose()
    assert server.asked == ["POST /v1/oauth2/token"]


@pytest.mark.anyio
async def test_connections_are_used_again(server: Server, line: paypal.PayPalGateway) -> None:
    for _ in range(10):
        await line.start(purchase())
    await line.aclose()
    assert len(server.connections) == 1


@pytest.mark.anyio
@pytest.mark.parametrize("match", ["POST /v1/oauth2/token", "POST /v2/checkout/orders"])
async def test_a_server_that_hangs_is_left_in_time_and_not_asked_again(on_paypal: PayPalBench, match: str) -> None:
    gateway = on_paypal.other(retries=2)
    await on_paypal.fail(match, "hang", ms=5000)
    before = time.monotonic()
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(purchase())
    assert time.monotonic() - before < 2


@pytest.mark.anyio
async def test_a_charge_that_hangs_is_left_in_time_and_repeating_charges_once(on_paypal: PayPalBench) -> None:
    gateway, wish = on_paypal.impatient(), renewal(await on_paypal.kept())
    await on_paypal.fail("charge", "execute_then_hang", ms=5000)
    before = time.monotonic()
    with pytest.raises(base.OutcomeUnknown):
        await gateway.charge(wish)
    assert time.monotonic() - before < 2
    await gateway.charge(wish)
    assert await on_paypal.taken() == [6039, 1208]


@pytest.mark.anyio
async def test_a_caller_who_goes_away_leaves_a_call_that_still_counts(on_paypal: PayPalBench) -> None:
    wish = renewal(await on_paypal.kept())
    await on_paypal.fail("charge", "slow", ms=300)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(on_paypal.gateway.charge(wish), 0.1)
    outcome = await on_paypal.gateway.charge(wish)  # waits for the first one: «a previous request is in progress»
    assert outcome.payment_ref
    assert await on_paypal.taken() == [6039, 1208]


def test_one_gateway_serves_several_event_loops(simulator_url: str) -> None:
    gateway = adapter(simulator_url)

    async def once() -> base.Started:
        try:
            return await gateway.start(purchase())
        finally:
            await gateway.aclose()

    assert asyncio.run(once()).gateway_ref != asyncio.run(once()).gateway_ref
