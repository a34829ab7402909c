"""A browser without scripts, for the pages that the server makes whole."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import BaseRoute

from pecapp.services import access
from pecapp.web import session


class Visitor:
    """Sends requests to some routes, as whoever `who` is at that moment."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self.who = access.Actor()
        self._transport = httpx.ASGITransport(Starlette(routes=list(routes)))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self._send("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self._send("POST", path, **more)

    def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://localhost:8000") as client:
                return await client.request(method, f"http://localhost:8000{path}", **more)

        return asyncio.run(send())


def visiting(monkeypatch: Any, routes: Sequence[BaseRoute]) -> Visitor:
    """A visitor whose session needs no cookie; how cookies become actors is tested elsewhere."""
    made = Visitor(routes)

    async def actor_of(_: Request) -> access.Actor:
        return made.who

    monkeypatch.setattr(session, "actor_of", actor_of)
    return made
