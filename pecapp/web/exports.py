"""The staff's lists as files over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Iterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from pecapp.services.admin import exports, lists
from pecapp.web import session, sheets


async def export(request: Request) -> Response:
    """A list with the filters of its address as CSV, sent while it is read; only for the staff (403, 404).

    Who asks for the headers alone (HEAD) takes nothing away.
    """
    actor = await session.actor_of(request)
    wanted = lists.asked(request.query_params)
    made = exports.Export(actor, request.path_params["name"], wanted, sheets.language(request, actor))
    headers = {
        "content-disposition": f'attachment; filename="{made.filename}"',
        "cache-control": "private, no-store",
        "x-content-type-options": "nosniff",
    }
    body = () if request.method == "HEAD" else _sent(made)
    return StreamingResponse(body, media_type="text/csv; charset=utf-8", headers=headers)


async def _sent(made: exports.Export) -> AsyncIterator[bytes]:
    """The pieces, each read in a thread; whoever breaks the download off has taken away what was sent until then."""
    pieces = made.pieces()
    try:
        while (piece := await asyncio.to_thread(_next, pieces)) is not None:
            yield piece
    finally:
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, made.close))


def _next(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)


routes = [Route("/admin/esporta/{name:str}.csv", export, methods=["GET"])]
