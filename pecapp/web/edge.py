"""The HTTP edge: what every answer carries, what every question keeps to, the built pages made fit for this address."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pecapp import settings
from pecapp.services import access
from pecapp.web import session

BODY_LIMIT = 256 * 1024
BODY_SECONDS = 15.0
WEBHOOKS = "/webhooks/"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_INLINE = re.compile(r"<script(?P<attributes>[^>]*)>(?P<code>.*?)</script>", re.DOTALL)
_BAKED = re.compile(r"PING:[`\"'](?P<base>https?://[^/`\"']+)")
_FALLBACKS = ("__spa-fallback", "404")
_ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}
_HSTS = "max-age=63072000"


def origin(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them in `Origin`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()


class Build:
    """What the frontend build left in a folder: its pages, the scripts inside them, the address baked into it."""

    def __init__(self, folder: Path, public_url: str) -> None:
        self.public = origin(public_url)
        self.scripts: dict[str, tuple[str, ...]] = {}
        self.addresses: dict[str, bytes] = {}
        for page in sorted(folder.rglob("*.html")):
            place = page.relative_to(folder)
            name = place.parent if place.stem == "index" else place.with_suffix("")
            self.scripts["" if name == Path() else name.as_posix()] = _hashes(page.read_text("utf-8"))
        for script in folder.glob("assets/reflex-env-*.js"):
            self.addresses[f"/assets/{script.name}"] = self._moved(script.read_text("utf-8")).encode()

    def is_page(self, path: str) -> bool:
        """Whether there is a page with exactly this address."""
        name = path.strip("/")
        return name in self.scripts and name not in _FALLBACKS

    def policy(self, path: str) -> str:
        """The content security policy of the answer to `path`; a page may run its own scripts, and nothing else."""
        name = path.strip("/")
        found = self.scripts.get(name, tuple(s for page in _FALLBACKS for s in self.scripts.get(page, ())))
        inline = " ".join(f"'sha256-{hashed}'" for hashed in sorted(set(found)))
        return "; ".join(
            (
                "default-src 'self'",
                f"script-src 'self' {inline}".rstrip(),
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data:",
                f"connect-src 'self' {_socket(self.public)}",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'self'",
                "frame-ancestors 'none'",
            )
        )

    def _moved(self, script: str) -> str:
        """The script that names our address, with the one of the settings for the one of the build."""
        baked = _BAKED.search(script)
        if baked is None:
            return script
        base = baked["base"]
        return script.replace(base, self.public).replace(_socket(base), _socket(self.public))


def _socket(base: str) -> str:
    return re.sub("^http", "ws", base)


def _hashes(html: str) -> tuple[str, ...]:
    inline = (m["code"] for m in _INLINE.finditer(html) if " src=" not in m["attributes"])
    return tuple(base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in inline)


class Pages:
    """ASGI wrapper: the headers of every answer, the cookie of a new browser, and how the built files are served.

    A page is answered at its own address, without a detour over the one with a slash at the end. A browser without a
    session cookie of ours gets one with the first page; nothing is stored for it.
    """

    def __init__(self, app: ASGIApp, build: Build) -> None:
        self.app = app
        self.build = build

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers that belong to the answer."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._dress(path, scope, MutableHeaders(scope=message), message["status"])
            await send(message)

        if path in self.build.addresses and scope["method"] in {"GET", "HEAD"}:
            answer = Response(self.build.addresses[path], media_type="text/javascript")
            await answer(scope, receive, dressed)
            return
        if scope["method"] in {"GET", "HEAD"} and not path.endswith("/") and self.build.is_page(path):
            scope = {**scope, "path": f"{path}/", "raw_path": f"{path}/".encode()}
        await self.app(scope, receive, dressed)

    def _dress(self, path: str, scope: Scope, headers: MutableHeaders, status: int) -> None:
        for name, value in _ALWAYS.items():
            headers.setdefault(name, value)
        if settings.load().secure:
            headers["strict-transport-security"] = _HSTS
        kind = headers.get("content-type", "")
        if kind.startswith("text/html") or (status == 304 and self.build.is_page(path)):
            headers.setdefault("content-security-policy", self.build.policy(path))
            wanted = b"text/html" in dict(scope["headers"]).get(b"accept", b"")
            if scope["method"] == "GET" and wanted and session.cookie(scope["headers"]) is None:
                headers.append("set-cookie", session.set_cookie(access.new_cookie()))
        headers.setdefault("cache-control", self._kept(path, headers, status))

    def _kept(self, path: str, headers: MutableHeaders, status: int) -> str:
        """How long to keep an answer: for ever with a hash in its name, while its tag holds, or not at all."""
        if path.startswith("/assets/") and path not in self.build.addresses and status in {200, 206, 304}:
            return "public, max-age=31536000, immutable"
        return "no-cache" if "etag" in headers or path in self.build.addresses else "no-store"


class Faults:
    """ASGI wrapper: what the routes have answered and put in the log (`routes.broken`) rises no further."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; the library raises an exception again after the answer to it, which would be one more traceback."""
        try:
            await self.app(scope, receive, send)
        except Exception:
            if scope["type"] != "http":
                raise


class Posts:
    """ASGI wrapper: what is sent to us comes from our own pages (webhooks: from anywhere), whole, small and in time."""

    def __init__(self, app: ASGIApp, *, origin: str, limit: int = BODY_LIMIT, seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.origin = origin
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403, 408 or 413, or pass the whole body on."""
        if scope["type"] != "http" or scope["method"] in _SAFE:
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if not scope["path"].startswith(WEBHOOKS) and headers.get("origin", "").lower() != self.origin:
            await PlainTextResponse("forbidden origin", 403)(scope, receive, send)
            return
        length = headers.get("content-length", "0")
        try:
            if not length.isdecimal() or int(length) > self.limit:
                raise _TooLargeError
            body = await asyncio.wait_for(self._read(receive), self.seconds)
        except TimeoutError:
            await PlainTextResponse("too slow", 408, {"connection": "close"})(scope, receive, send)
        except _TooLargeError:
            await PlainTextResponse("too large", 413, {"connection": "close"})(scope, receive, send)
        else:
            if body is not None:
                await self.app(scope, _replayed(body, receive), send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, or None when the sender went away."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self.limit:
                raise _TooLargeError
            if not message.get("more_body", False):
                return b"".join(parts)


class _TooLargeError(Exception):
    pass


def _replayed(body: bytes, receive: Receive) -> Receive:
    whole: Iterable[Message] = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def again() -> Message:
        for message in whole:
            return message
        return await receive()

    return again
