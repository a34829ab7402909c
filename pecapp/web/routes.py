"""Every address of ours that is not a page, and the wrappers around the whole application."""

import asyncio
import logging
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from granian.utils.proxies import wrap_asgi_with_proxy_headers
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from pecapp import errors, i18n, settings
from pecapp.services import access, accounts
from pecapp.web import (
    calendar,
    confirmations,
    documents,
    edge,
    exports,
    health,
    mailbox,
    plain,
    rehearsal,
    returns,
    savings,
    session,
    sockets,
    staff,
    webhooks,
)

log = logging.getLogger(__name__)

Wrapper = Callable[[ASGIApp], ASGIApp]

SIGN_IN = "/accedi"
_STATUS: tuple[tuple[type[errors.PecError], int], ...] = (
    (errors.Invalid, 422),
    (errors.NotFound, 404),
    (errors.Forbidden, 403),
    (errors.Conflict, 409),
    (errors.TooMany, 429),
    (errors.Unavailable, 503),
)
_UNAVAILABLE_SECONDS = 5


async def sign_in(request: Request) -> Response:
    """The form of `/accedi`: 303 to where the visitor wanted to go, or back to the form with what was typed."""
    actor = await session.actor_of(request)
    async with request.form(max_files=0, max_fields=10) as form:
        username, password, wanted = (str(form.get(name, "")) for name in ("username", "password", "next"))
    try:
        cookie = await asyncio.to_thread(access.sign_in, actor, username, password)
    except (errors.Invalid, errors.TooMany, errors.Unavailable) as problem:
        notice = {"username": username, "next": access.local(wanted, ""), "code": problem.code}
        notice |= {name: str(value) for name, value in problem.params.items()}
        await asyncio.to_thread(access.leave_notice, actor, notice)
        return RedirectResponse(f"{SIGN_IN}?errore=1", 303)
    if (await asyncio.to_thread(access.actor, cookie)).awaited_id is not None:
        onward = access.local(wanted, staff.BOARD)
        return session.give(RedirectResponse(f"{staff.ENTER}?next={quote(onward, safe='')}", 303), cookie)
    return session.give(RedirectResponse(access.local(wanted), 303), cookie)


async def sign_out(request: Request) -> Response:
    """End the session; the browser gets a new cookie, so that nothing of the old tab states can be reached again."""
    actor = await session.actor_of(request)
    await asyncio.to_thread(access.sign_out, actor)
    return session.give(RedirectResponse("/", 303), access.new_cookie())


async def enter(request: Request) -> Response:
    """Sign in with the ticket of a registration, in the browser that registered; anyone else goes to the form."""
    actor = await session.actor_of(request)
    wanted = access.local(request.query_params.get("next"))
    try:
        cookie = await asyncio.to_thread(access.redeem, actor, request.query_params.get("ticket"))
    except errors.NotFound:
        return RedirectResponse(wanted if actor.signed_in else SIGN_IN, 303)
    return session.give(RedirectResponse(wanted, 303), cookie)


async def confirm_email(request: Request) -> Response:
    """The link of «Conferma iscrizione»."""
    try:
        await asyncio.to_thread(accounts.confirm_email, request.query_params.get("token"))
    except errors.NotFound:
        return RedirectResponse("/recupera?link=scaduto", 303)
    return RedirectResponse(f"{SIGN_IN}?confermata=1", 303)


async def refused(request: Request, problem: Exception) -> Response:
    """What a route could not do, in words: JSON for programs, plain text for people."""
    if not isinstance(problem, errors.PecError):
        raise problem
    lang = i18n.negotiate(request.headers.get("accept-language", ""))
    status = next((number for kind, number in _STATUS if isinstance(problem, kind)), 400)
    headers = {"cache-control": "no-store"}
    if isinstance(problem, errors.TooMany):
        headers["retry-after"] = str(problem.retry_after)
    if isinstance(problem, errors.Unavailable):
        headers["retry-after"] = str(_UNAVAILABLE_SECONDS)
    words = i18n.error_text(problem, lang)
    if "text/html" in request.headers.get("accept", ""):
        return PlainTextResponse(words, status, headers)
    fields = i18n.field_texts(problem, lang) if isinstance(problem, errors.Invalid) else {}
    return JSONResponse({"error": problem.code, "message": words, "fields": fields}, status, headers)


async def broken(request: Request, problem: Exception) -> Response:
    """What nobody expected: an id for the visitor, the same id and the reason in the log."""
    reference = secrets.token_hex(4)
    log.error("fault %s at %s %s", reference, request.method, _place(request), exc_info=problem)
    lang = i18n.negotiate(request.headers.get("accept-language", ""))
    return PlainTextResponse(i18n.text("ERRORE_INATTESO", lang, reference=reference), 500)


def _place(request: Request) -> str:
    """The address of a request, without the secret that opens it if it has one in its path."""
    secret = request.path_params.get("token", "")
    return request.url.path.replace(secret, "…") if secret else request.url.path


def api() -> Starlette:
    """The addresses that are not pages; the pages are mounted behind them."""
    return Starlette(
        routes=[
            Route("/auth/accedi", sign_in, methods=["POST"]),
            Route("/auth/esci", sign_out, methods=["POST"]),
            Route("/auth/entra", enter, methods=["GET"]),
            Route("/conferma-email", confirm_email, methods=["GET"]),
            Route("/healthz", health.healthz, methods=["GET"]),
            *webhooks.routes,
            *returns.routes,
            *savings.routes,
            *documents.routes,
            *calendar.routes,
            *confirmations.routes,
            *exports.routes,
            *staff.routes,
            *(() if settings.load().production else (*mailbox.routes, *rehearsal.routes, *staff.development_routes)),
            *plain.routes,
        ],
        exception_handlers={errors.PecError: refused, Exception: broken},
    )


def wrap(known: sockets.Known) -> list[Starlette | Wrapper]:
    """What goes around the framework's application, from the inside out: for `rx.App(api_transformer=...)`."""
    current = settings.load()
    origin = edge.origin(current.public_url)
    trusted = [host.strip() for host in current.trusted_proxies.split(",") if host.strip()]
    wrappers: list[Wrapper] = [
        edge.Faults,
        partial(edge.Pages, build=edge.Build(Path(current.frontend_dir), current.public_url)),
        partial(edge.Posts, origin=origin),
        partial(sockets.Gate, origin=origin, known=known),
        partial(wrap_asgi_with_proxy_headers, trusted_hosts=trusted),
    ]
    return [api(), *wrappers]
