"""The whole product in this process, spoken to as a browser or an attacker does: over HTTP and its websocket."""

import ipaddress
import itertools
import json
import os
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.types import ASGIApp
from starlette.websockets import WebSocketDisconnect

from pecapp import settings
from pecapp.services import access, accounts, throttle
from pecapp.web import session, sockets
from tests.support import factories, people

ORIGIN = "http://localhost:8000"
STATE = "reflex___state____state"
HYDRATE = f"{STATE}.hydrate_and_load"
EXPLAIN = f"{STATE}.pecapp___ui___states___session____session.explain"
_addresses = itertools.count()
_FIRST_ADDRESS = ipaddress.ip_address("198.18.0.1")
"""Of a net for trials: each test has the counts of its own address, also after some hundreds of others."""
SERVING = {"__REFLEX_SKIP_COMPILE": "true", "REFLEX_ENV_MODE": "prod", "PECAPP_WORKERS": "false"}


@pytest.fixture(scope="session")
def product() -> Iterator[ASGIApp]:
    """The product as it is served, without background work; built once."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SERVING.items():
            patch.setitem(os.environ, name, value)
        settings.load.cache_clear()
        from pecapp.pecapp import app  # noqa: PLC0415  (importing it builds the product)

        yield app()
    settings.load.cache_clear()


@pytest.fixture
def client(product: ASGIApp, sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """Speaks to the product from an address of its own."""
    people.quick_passwords(monkeypatch)
    factories.stock()
    monkeypatch.setattr(sockets, "LIMITS", sockets.Limits(events_burst=10_000, connections_burst=10_000))
    address = str(_FIRST_ADDRESS + next(_addresses))
    with TestClient(product, base_url=ORIGIN, client=(address, 50_000)) as speaking:
        yield speaking
    throttle.forget_all()


def registered(email: str, **holder: object) -> str:
    """Register a customer and sign them in; their browser's cookie."""
    cookie = access.new_cookie()
    visitor = access.actor(cookie, "192.0.2.1")
    return access.redeem(visitor, accounts.register(visitor, people.private_person(email=email, **holder)))


class Tab:
    """A tab of a browser, or somebody who pretends to be one."""

    def __init__(self, socket: WebSocketTestSession, place: dict[str, Any]) -> None:
        self.socket = socket
        self.place = place
        self.frames: list[str] = []

    def send(self, frame: str) -> None:
        """Send a frame as it is."""
        self.socket.send_text(frame)

    def emit(self, name: str, payload: dict[str, Any] | None = None, **event: Any) -> None:
        """Call a handler."""
        told = {"name": name, "payload": payload or {}, "router_data": self.place, **event}
        self.send(f"42/_event,{json.dumps(['event', told])}")

    def receive(self) -> str:
        """The next frame; raises WebSocketDisconnect when the connection is closed."""
        frame = self.socket.receive_text()
        self.frames.append(frame)
        return frame

    def until(self, part: str) -> str:
        """Wait for the frame that holds `part`."""
        while part not in (frame := self.receive()):
            pass
        return frame

    def settle(self) -> None:
        """Wait until everything that was sent before has been handled."""
        mark = uuid.uuid4().hex
        self.emit(EXPLAIN, {"code": "ERRORE_INATTESO", "params": {"reference": mark}})
        self.until(mark)

    def leave(self) -> None:
        """Close the page as a browser does; returns when the product knows."""
        from pecapp.pecapp import app  # noqa: PLC0415  (importing it builds the product)

        namespace = app.event_namespace
        assert namespace is not None
        before = len(namespace.token_to_sid)
        self.send("41/_event")
        deadline = time.monotonic() + 10
        while len(namespace.token_to_sid) >= before:
            assert time.monotonic() < deadline, "the product still believes the tab to be open"
            time.sleep(0.005)

    @property
    def seen(self) -> str:
        """Everything that was received, in lower case."""
        return "\n".join(self.frames).lower()


class Browser:
    """Opens tabs with one cookie."""

    def __init__(self, client: TestClient, cookie: str | None) -> None:
        self.client = client
        self.cookie = cookie

    def headers(self, origin: str | None = ORIGIN) -> dict[str, str]:
        sent = {"upgrade": "websocket"}
        if self.cookie is not None:
            sent["cookie"] = f"{session.cookie_name()}={self.cookie}"
        if origin is not None:
            sent["origin"] = origin
        return sent

    def connect(self, token: str | None = None, origin: str | None = ORIGIN) -> WebSocketTestSession:
        """The websocket of a tab; entering it raises WebSocketDisconnect when it is refused."""
        query = f"EIO=4&transport=websocket&token={token or uuid.uuid4()}"
        return self.client.websocket_connect(f"/_event/?{query}", headers=self.headers(origin))


def arrive(socket: WebSocketTestSession, path: str = "/", query: dict[str, str] | None = None) -> Tab:
    """Connect as a page does when it is opened at `path`; returns when the page has been loaded."""
    here = f"{path}?{urlencode(query)}" if query else path
    tab = Tab(socket, {"pathname": path, "asPath": here, "query": query or {}})
    tab.receive()
    greeting = {"event": {"name": HYDRATE, "router_data": tab.place, "payload": {}}}
    tab.send(f"40/_event,{json.dumps(greeting)}")
    tab.until('"is_hydrated_rx_state_":true')
    return tab


def closed(tab: Tab) -> int:
    """Read until the connection is closed; the code of the closing."""
    try:
        while True:
            tab.receive()
    except WebSocketDisconnect as end:
        return end.code
