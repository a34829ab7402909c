"""The line to Stripe for its SDK: aiohttp, because with many calls at once httpx costs twenty times the processor.

The SDK's own client on aiohttp follows redirects, keeps cookies, and lets an answer that breaks off, or comes too late,
pass as an error that is not one of its own and is not tried again.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import aiohttp
import stripe

CONNECTIONS = 200
"""As many calls as there can be at once; more of them wait."""


class Line(stripe.HTTPClient):
    """Connections of one event loop, made inside it, that are used again until they or the loop are closed."""

    name = "aiohttp"

    def __init__(self, timeout: aiohttp.ClientTimeout) -> None:
        super().__init__()
        authorities = ssl.create_default_context(cafile=stripe.ca_bundle_path)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=authorities),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=timeout,
        )
        self._life: AsyncGenerator[None] | None = None

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """One call: body, status and headers of its answer. Raises APIConnectionError when none has come whole."""
        if self._life is None:
            self._life = _lived(self._session)
            await anext(self._life)
        call = self._session.request(method, url, headers=headers, data=post_data, allow_redirects=False)
        try:
            async with call as answer:
                return await answer.read(), answer.status, answer.headers
        except (aiohttp.ClientError, OSError) as problem:  # a time-out is an OSError
            raise stripe.APIConnectionError(type(problem).__name__, should_retry=True) from problem

    def sleep_async(self, secs: float) -> Any:
        """The pause before the SDK tries again."""
        return asyncio.sleep(secs)

    async def close_async(self) -> None:
        """Close the connections."""
        if self._life:
            await self._life.aclose()
        await self._session.close()


async def _lived(session: aiohttp.ClientSession) -> AsyncGenerator[None]:
    """Close the session with its loop, which ends the generators that wait: aiohttp complains of one left open."""
    try:
        yield
    finally:
        await session.close()
