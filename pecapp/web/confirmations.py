"""`/conferma/<token>`: the link of a debit that its owner has to confirm; the bank's page does the rest."""

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pecapp import errors, i18n
from pecapp.services import confirmations
from pecapp.web import session, sheets


async def page(request: Request) -> Response:
    """What is to be confirmed, and the button; the same page for every link that opens nothing."""
    return await _sheet(request)


async def pay(request: Request) -> Response:
    """Charge the same method with its owner there: on to the bank, or straight to the outcome."""
    lang = sheets.language(request, await session.actor_of(request))
    try:
        opened = await confirmations.pay(request.path_params["token"])
    except errors.NotFound:
        return sheets.missing(lang)
    except (errors.Conflict, errors.Unavailable) as refusal:
        return await _sheet(request, problem=i18n.error_text(refusal, lang), status=409)
    if opened.url:
        return sheets.sheet("onward.html", lang, url=opened.url, number=opened.number)
    return RedirectResponse(f"/paga/esito?tentativo={opened.attempt_id}", 303)


async def _sheet(request: Request, problem: str = "", status: int = 200) -> Response:
    lang = sheets.language(request, await session.actor_of(request))
    try:
        view = await asyncio.to_thread(confirmations.view, request.path_params["token"], lang)
    except errors.NotFound:
        return sheets.missing(lang)
    return sheets.sheet("confirm.html", lang, status=status, debit=view, problem=problem)


routes = [
    Route("/conferma/{token:str}", page, methods=["GET"]),
    Route("/conferma/{token:str}", pay, methods=["POST"]),
]
