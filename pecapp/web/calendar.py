"""A customer's calendar over HTTP: whoever knows its secret address reads it; no session, no cookie."""

import asyncio
import hashlib

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pecapp import errors, i18n
from pecapp.services import calendar_feed
from pecapp.web import sheets

KEPT_SECONDS = 3600


async def feed(request: Request) -> Response:
    """The coming debits as iCalendar, or 304 while they are what the reader has; for any other address, nothing."""
    try:
        content = await asyncio.to_thread(calendar_feed.ics, request.path_params["token"])
    except errors.NotFound:
        return sheets.missing(i18n.negotiate(request.headers.get("accept-language", "")))
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {
        "cache-control": f"private, max-age={KEPT_SECONDS}",
        "etag": tag,
        "x-robots-tag": "noindex, nofollow",
    }
    if _has(request, tag):
        return Response(status_code=304, headers=headers)
    headers["content-disposition"] = 'inline; filename="addebiti.ics"'
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _has(request: Request, tag: str) -> bool:
    """Whether the reader holds this very content."""
    known = [one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")]
    return tag in known or "*" in known


routes = [Route("/calendario/{token:str}.ics", feed, methods=["GET"])]
