"""Where the browser comes back from a page that keeps a method. The address proves nothing: the gateway is asked."""

import asyncio

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pecapp.services import method_forms, savings


async def returned(request: Request) -> Response:
    """After the gateway's page: ask what it kept, and show it."""
    await savings.returned(request.path_params["saving"])
    return await _show(request)


async def gave_up(request: Request) -> Response:
    """After «Annulla» on the gateway's page: nothing has changed, and the page says so."""
    await savings.gave_up(request.path_params["saving"])
    return await _show(request)


async def _show(request: Request) -> Response:
    """The page it was for; how it ended is shown there to its customer alone."""
    path = await asyncio.to_thread(method_forms.back, request.path_params["saving"])
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


routes = [
    Route("/ritorno-metodo/{saving:str}", returned, methods=["GET"]),
    Route("/annullato-metodo/{saving:str}", gave_up, methods=["GET"]),
]
