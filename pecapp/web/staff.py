"""`/admin/entra`: the second factor of the staff, between the password and everything else."""

import asyncio
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from pecapp import errors, i18n
from pecapp.services import access, demo, second_factor
from pecapp.web import session, sheets

ENTER = "/admin/entra"
BOARD = "/admin"


async def page(request: Request) -> Response:
    """Ask for the code; who has no authenticator app yet sets one up here."""
    return await _ask(request, await session.actor_of(request), access.local(request.query_params.get("next"), BOARD))


async def enter(request: Request) -> Response:
    """Take the code and open the session; the first time the recovery codes are shown, once."""
    actor = await session.actor_of(request)
    async with request.form(max_files=0, max_fields=5) as form:
        code, wanted = form.get("code"), access.local(form.get("next"), BOARD)
    try:
        entered = await asyncio.to_thread(second_factor.enter, actor, code)
    except errors.Forbidden:
        return _password_first(wanted)
    except (errors.Invalid, errors.TooMany) as refusal:
        problem = i18n.error_text(refusal, sheets.language(request, actor))
        return await _ask(request, actor, wanted, problem, 429 if isinstance(refusal, errors.TooMany) else 422)
    if entered.recovery_codes:
        lang = sheets.language(request, actor)
        shown = sheets.sheet("recovery_codes.html", lang, codes=entered.recovery_codes, onward=wanted)
        return session.give(shown, entered.cookie)
    return session.give(RedirectResponse(wanted, 303), entered.cookie)


async def _ask(request: Request, actor: access.Actor, wanted: str, problem: str = "", status: int = 200) -> Response:
    if actor.signed_in:
        return RedirectResponse(wanted, 303)
    try:
        enrolment = await asyncio.to_thread(second_factor.enrolment, actor)
    except errors.Forbidden:
        return _password_first(wanted)
    lang = sheets.language(request, actor)
    return sheets.sheet("second_factor.html", lang, status=status, enrolment=enrolment, onward=wanted, problem=problem)


def _password_first(wanted: str) -> Response:
    return RedirectResponse(f"/accedi?next={quote(wanted)}", 303)


routes = [
    Route(ENTER, page, methods=["GET"]),
    Route(ENTER, enter, methods=["POST"]),
]


async def code(_request: Request) -> Response:
    """The code that the authenticator app of the demonstration's admin would show."""
    return PlainTextResponse(second_factor.code_of(demo.ADMIN_SECRET))


development_routes = [Route("/dev/codice", code, methods=["GET"])]
"""Outside production only."""
