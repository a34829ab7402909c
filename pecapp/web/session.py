"""The session cookie on the wire, and who sends a request."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from pecapp import i18n, settings
from pecapp.services import access

KEPT = timedelta(days=30)
Headers = Iterable[tuple[bytes, bytes]]


def cookie_name() -> str:
    """The cookie's name; over https the prefix makes the browser refuse it from a neighbour's domain."""
    return "__Host-sid" if settings.load().secure else "sid"


def cookie(headers: Headers) -> str | None:
    """The session cookie of a request, if it is one that we made."""
    start = f"{cookie_name()}=".encode()
    for name, value in headers:
        if name == b"cookie":
            for part in value.split(b";"):
                found = part.strip()
                if found.startswith(start):
                    sent = found.removeprefix(start).decode("latin1")
                    return sent if access.genuine(sent) else None
    return None


def set_cookie(value: str) -> str:
    """The `Set-Cookie` line that gives a browser its session."""
    secure = "; Secure" if settings.load().secure else ""
    return f"{cookie_name()}={value}; Path=/; Max-Age={int(KEPT.total_seconds())}; HttpOnly; SameSite=Lax{secure}"


def give(response: Response, value: str) -> Response:
    """Put a new session cookie on a response."""
    response.headers.append("set-cookie", set_cookie(value))
    return response


async def actor_of(request: Request) -> access.Actor:
    """Who sends this request, by its cookie and the database."""
    return await asyncio.to_thread(
        access.actor,
        cookie(request.scope["headers"]),
        request.client.host if request.client else "",
        request.headers.get("user-agent", ""),
        i18n.negotiate(request.headers.get("accept-language", "")),
    )
