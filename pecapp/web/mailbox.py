"""The embedded mailbox, for developers and tests: every mail that would have left. There is none in production."""

import asyncio
import dataclasses

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from pecapp import errors, settings
from pecapp.services import correspondence, views
from pecapp.web import session, sheets

_SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"
"""What a mail may do beside our pages: be read."""


async def listing(request: Request) -> Response:
    """The newest mails; `a=<address>` for one receiver, `formato=json` for programs."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    if settings.load().production:
        return sheets.missing(lang)
    address = request.query_params.get("a", "")
    mails = await asyncio.to_thread(correspondence.mailbox, 100, address)
    if request.query_params.get("formato") == "json":
        return JSONResponse([dataclasses.asdict(mail) for mail in mails], headers={"cache-control": "no-store"})
    return sheets.sheet("mailbox.html", lang, mails=mails, address=address)


async def one(request: Request) -> Response:
    """One mail: text, HTML in a frame that can do nothing, and what was enclosed; `formato=json` for programs."""
    actor = await session.actor_of(request)
    lang = sheets.language(request, actor)
    mail = await _mail(request)
    if mail is None:
        return sheets.missing(lang)
    if request.query_params.get("formato") == "json":
        return JSONResponse(dataclasses.asdict(mail), headers={"cache-control": "no-store"})
    return sheets.sheet("mail.html", lang, mail=mail)


async def html(request: Request) -> Response:
    """The HTML of one mail as its receiver's program would show it, without scripts and without the network."""
    mail = await _mail(request)
    if mail is None:
        actor = await session.actor_of(request)
        return sheets.missing(sheets.language(request, actor))
    return HTMLResponse(
        mail.html,
        headers={"content-security-policy": _SANDBOX, "x-frame-options": "SAMEORIGIN", "cache-control": "no-store"},
    )


async def _mail(request: Request) -> views.MailView | None:
    if settings.load().production:
        return None
    try:
        return await asyncio.to_thread(correspondence.mail, request.path_params["id"])
    except errors.NotFound:
        return None


routes = [
    Route("/dev/posta", listing, methods=["GET"]),
    Route("/dev/posta/{id:int}", one, methods=["GET"]),
    Route("/dev/posta/{id:int}/html", html, methods=["GET"]),
]
