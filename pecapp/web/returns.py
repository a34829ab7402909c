"""Where the browser comes back from a gateway. The address proves nothing: the gateway is asked what happened."""

import re
from contextlib import suppress

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from pecapp import errors
from pecapp.services import payments
from pecapp.web import session

_ATTEMPT = re.compile(r"[0-9a-f]{32}")


async def returned(request: Request) -> Response:
    """After the gateway's receipt: read the outcome back, settle it, and show the order.

    A payment that needs another source of funds leads straight back to the gateway.
    """
    back = await payments.returned(request.path_params["gateway"], request.query_params)
    if back.again_url:
        return RedirectResponse(back.again_url, status_code=303, headers={"Cache-Control": "no-store"})
    return await _show(request, back.attempt_id)


async def gave_up(request: Request) -> Response:
    """After «Annulla» on the gateway's page: close the attempt there, and show the order."""
    attempt_id = request.path_params["attempt"]
    if not _ATTEMPT.fullmatch(attempt_id):
        raise errors.NotFound
    with suppress(errors.Unavailable):  # the order's page says how it stands, and the gateway is asked again
        await payments.gave_up(attempt_id)
    return await _show(request, attempt_id)


async def _show(request: Request, attempt_id: str) -> Response:
    """The customer's own order page, or, for whoever paid without signing in, the outcome and nothing else."""
    number = await payments.number_for(await session.actor_of(request), attempt_id)
    path = f"/ordini/{number}" if number else f"/paga/esito?tentativo={attempt_id}"
    return RedirectResponse(path, status_code=303, headers={"Cache-Control": "no-store"})


routes = [
    Route("/ritorno/{gateway:str}", returned, methods=["GET"]),
    Route("/annullato/{gateway:str}/{attempt:str}", gave_up, methods=["GET"]),
]
