"""The line to Stripe: an answer comes whole or is an error that the SDK tries again, and no redirect is followed."""

import asyncio
import gc
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
import stripe as sdk
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pecapp.gateways import stripe, stripe_line
from tests.support.paypal import Authority

pytestmark = pytest.mark.anyio

IN_A_MOMENT = aiohttp.ClientTimeout(sock_connect=2, sock_read=0.3)
Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def _served(answer: Answer, security: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that gives every call this answer: its address, and the heads of the calls."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                heads.append(await reader.readuntil(b"\r\n\r\n"))
                await answer(writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=security)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


def _says(text: str) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())

    return answer


async def _hangs_up(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n{")
    writer.close()


async def _breaks_off(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def _asked(url: str) -> tuple[bytes, int]:
    line = stripe_line.Line(IN_A_MOMENT)
    try:
        body, status, _ = await line.request_async("GET", url, {"Authorization": "Bearer sk_test_line"})
        return body, status
    finally:
        await line.close_async()


@pytest.mark.parametrize(
    "answer",
    [
        _hangs_up,
        _breaks_off,
        _says(""),
        _says("HTTP/1.1 200 OK\r\nContent-Length: 2048\r\n\r\n{"),
        _says("no HTTP\r\n\r\n"),
    ],
    ids=["breaks off in it", "breaks off before it", "never comes", "stops in the middle", "is not HTTP"],
)
async def test_an_answer_that_does_not_come_whole_can_be_asked_for_again(answer: Answer) -> None:
    async with _served(answer) as (address, _):
        with pytest.raises(sdk.APIConnectionError) as problem:
            await _asked(f"http://{address}/v1/charges")
    assert problem.value.should_retry


async def test_nobody_is_followed_elsewhere_and_no_cookie_is_kept() -> None:
    away = "HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with _served(_says(away)) as (address, heads):
        line = stripe_line.Line(IN_A_MOMENT)
        for _ in range(2):
            _, status, _ = await line.request_async("GET", f"http://{address}/v1/charges", {})
            assert status == 302
        await line.close_async()
    assert [head.split(b" ")[1] for head in heads] == [b"/v1/charges", b"/v1/charges"]
    assert b"cookie" not in b"".join(heads).lower()


async def test_who_cannot_prove_to_be_stripe_gets_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority("localhost", datetime.now(UTC) - timedelta(days=1))
    key = authority.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "server.pem").write_bytes(authority.leaf + key)
    (tmp_path / "root.pem").write_bytes(authority.root)
    security = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    security.load_cert_chain(tmp_path / "server.pem")
    async with _served(_says("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), security) as (address, heads):
        url = f"https://localhost:{address.rpartition(':')[2]}/v1/charges"
        with pytest.raises(sdk.APIConnectionError):
            await _asked(url)
        assert heads == []
        monkeypatch.setattr(sdk, "ca_bundle_path", str(tmp_path / "root.pem"))
        assert await _asked(url) == (b"{}", 200)
        with pytest.raises(sdk.APIConnectionError):
            await _asked(url.replace("localhost", "127.0.0.1"))


def test_the_end_of_a_loop_is_the_end_of_its_line(simulator_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def asked() -> stripe_line.Line:
        line = stripe_line.Line(stripe.TIMEOUT)
        await asyncio.gather(*(line.request_async("GET", f"{simulator_url}/healthz", {}) for _ in range(3)))
        return line

    assert asyncio.run(asked())._session.closed
    gc.collect()
    assert not caplog.records


async def test_the_patience_in_production() -> None:
    assert (stripe.TIMEOUT.sock_connect, stripe.TIMEOUT.sock_read, stripe.TIMEOUT.total) == (5, 20, None)
