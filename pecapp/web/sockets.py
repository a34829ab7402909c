"""The gate in front of the pages' websocket: who may connect, as which tab, and what may be sent how often.

The framework takes any token as a tab, any name as an event and any value as an argument. Here a connection must come
from our own pages with a cookie that we made, its token is bound to that cookie, and a message must be one that our
own pages could send. Whoever sends another kind is not a page: the connection is closed (1008).
"""

import json
import logging
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pecapp.services import access, throttle
from pecapp.web import session

log = logging.getLogger(__name__)

PATH = "/_event"
POLICY_VIOLATION = 1008
LONGEST = 64_000
_TOKEN = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
"""As the pages make it: the shape of a UUID, with any digit in any place."""
_PACKET = re.compile(r"4(?P<type>[012])/_event(?:,(?P<data>[\[{].*)?)?", re.DOTALL)
_CONNECT, _LEAVE, _EVENT = "0", "1", "2"
_KEPT_HEADERS = frozenset(
    {b"host", b"origin", b"upgrade", b"connection", b"user-agent", b"accept-language", b"accept-encoding"}
)
_EVENT_FIELDS = frozenset({"name", "payload", "router_data", "token", "event_actions"})
_ADDRESSES = 10_000


Known = Callable[[], Mapping[str, tuple[frozenset[str], frozenset[str]]]]
"""The handlers that a page may call: name -> names of the arguments, and of those that must be there."""


@dataclass
class Bucket:
    """So many at once, so many a second from then on."""

    burst: float
    rate: float
    level: float = field(init=False)
    filled_at: float = field(init=False, default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.level = self.burst

    def take(self) -> bool:
        """Whether one more is allowed now."""
        now = time.monotonic()
        self.level = min(self.burst, self.level + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass(frozen=True)
class Limits:
    """How much one browser and one address may do."""

    events_burst: float = 80
    events_rate: float = 20
    connections_burst: float = 200
    connections_rate: float = 20
    per_browser: int = 40
    per_address: int = 500


LIMITS = Limits()


class Gate:
    """ASGI wrapper around the whole application; only websockets concern it."""

    def __init__(self, app: ASGIApp, *, origin: str, known: Known) -> None:
        self.app = app
        self.origin = origin
        self.known = known
        self.open: Counter[str] = Counter()
        self.arrivals: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what is not a websocket, and a websocket that keeps to the rules."""
        if scope["type"] != "websocket":
            await self.app(scope, receive, send)
            return
        address = throttle.place(scope["client"][0] if scope.get("client") else "")
        cookie = session.cookie(scope["headers"])
        tab = self._tab(scope)
        if cookie is None or tab is None or not self._arrives(address):
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        holders = (f"browser:{access.badge(cookie)}", f"address:{address}")
        if self.open[holders[0]] >= LIMITS.per_browser or self.open[holders[1]] >= LIMITS.per_address:
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return
        self.open.update(holders)
        try:
            line = _Line(self, receive, send, address)
            await self.app(_bound(scope, cookie, tab), line.receive, line.send)
        finally:
            for holder in holders:
                self.open[holder] -= 1
                if not self.open[holder]:
                    del self.open[holder]

    def _tab(self, scope: Scope) -> str | None:
        """The tab's token when the handshake is one of our own pages'."""
        headers = dict(scope["headers"])
        if not scope["path"].startswith(PATH) or headers.get(b"origin", b"").decode("latin1") != self.origin:
            return None
        tokens = parse_qs(scope["query_string"].decode("latin1"), max_num_fields=10).get("token", [])
        return tokens[0] if len(tokens) == 1 and _TOKEN.fullmatch(tokens[0]) else None

    def _arrives(self, address: str) -> bool:
        bucket = self.arrivals.get(address)
        if bucket is None:
            bucket = self.arrivals[address] = Bucket(LIMITS.connections_burst, LIMITS.connections_rate)
            if len(self.arrivals) > _ADDRESSES:
                self.arrivals.popitem(last=False)
        self.arrivals.move_to_end(address)
        return bucket.take()

    def allows(self, text: str) -> bool:
        """Whether our own pages could have sent this frame."""
        if text == "3":  # the answer to a ping
            return True
        packet = _PACKET.fullmatch(text)
        if packet is None:
            return text == "1"
        try:
            data = json.loads(packet["data"]) if packet["data"] else None
        except (ValueError, RecursionError):
            return False
        if packet["type"] == _CONNECT:
            return self._greets(data)
        if packet["type"] == _LEAVE:
            return data is None
        return self._tells(data)

    def _greets(self, auth: Any) -> bool:
        if auth is None:
            return True
        if not isinstance(auth, dict) or not all(isinstance(auth[key], str) for key in auth.keys() - {"event"}):
            return False
        return "event" not in auth or self._calls(auth["event"])

    def _tells(self, data: Any) -> bool:
        match data:
            case ["event", dict(event)]:
                return self._calls(event)
            case ["client_error", dict(complaint)]:
                return all(isinstance(value, str) for value in complaint.values())
            case ["ping"]:
                return True
        return False

    def _calls(self, event: Any) -> bool:
        if not isinstance(event, dict) or not event.keys() <= _EVENT_FIELDS:
            return False
        name, payload = event.get("name"), event.get("payload", {})
        call = self.known().get(name) if isinstance(name, str) else None
        if call is None or not isinstance(payload, dict) or not _is_place(event.get("router_data", {})):
            return False
        arguments, required = call
        return required <= payload.keys() <= arguments and _is_framework_sound(str(name), payload)


def _is_framework_sound(name: str, payload: Mapping[str, Any]) -> bool:
    """Whether the framework's own events, which check nothing, carry what the framework's page sends.

    Our pages keep nothing in the browser's storage, so `vars` is always empty.
    """
    match name.rpartition(".")[2]:
        case "hydrate_and_load":
            hashes = payload.get("hashes") or []
            return not payload.get("vars") and isinstance(hashes, list) and all(isinstance(h, str) for h in hashes)
        case "handle_frontend_exception":
            return all(isinstance(value, str) for value in payload.values())
    return True


def _is_place(router_data: Any) -> bool:
    """Whether it says where in the site a page is, and nothing else."""
    if not isinstance(router_data, dict) or not router_data.keys() <= {"pathname", "asPath", "query"}:
        return False
    query = router_data.get("query", {})
    if not isinstance(query, dict):
        return False
    # the page for what is not there says its address in parts, as a list
    asked = [one for value in query.values() for one in (value if isinstance(value, list) else [value])]
    places = [router_data.get("pathname", ""), router_data.get("asPath", "")]
    return all(isinstance(one, str) for one in (*asked, *places)) and not any("\0" in one for one in places)


def _bound(scope: Scope, cookie: str, tab: str) -> Scope:
    """The handshake as the framework may see it: our name for the tab, a badge for the cookie, no other secret."""
    query = parse_qs(scope["query_string"].decode("latin1"))
    plain = {name: values[0] for name, values in query.items() if name in {"EIO", "transport"}}
    plain["token"] = str(access.bound(cookie, tab))
    headers = [(name, value) for name, value in scope["headers"] if name in _KEPT_HEADERS]
    headers += [(name, value) for name, value in scope["headers"] if name.startswith(b"sec-websocket-")]
    headers.append((b"cookie", access.badge(cookie).encode()))
    return {**scope, "query_string": urlencode(plain).encode(), "headers": headers}


class _Line:
    """One connection: every frame is judged before the application sees it."""

    def __init__(self, gate: Gate, receive: Receive, send: Send, address: str) -> None:
        self.gate = gate
        self._receive = receive
        self._send = send
        self.address = address
        self.bucket = Bucket(LIMITS.events_burst, LIMITS.events_rate)
        self.closed = False

    async def receive(self) -> Message:
        if self.closed:
            return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
        message = await self._receive()
        if message["type"] != "websocket.receive":
            return message
        text = message.get("text")
        if text is not None and len(text) <= LONGEST and self.bucket.take() and self.gate.allows(text):
            return message
        log.warning("a websocket from %s was closed: it sent what no page sends, or too much", self.address)
        self.closed = True
        await self._send({"type": "websocket.close", "code": POLICY_VIOLATION})
        return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}

    async def send(self, message: Message) -> None:
        if not self.closed:
            await self._send(message)
