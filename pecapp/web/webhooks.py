"""The gateways' notifications: POST /webhooks/<gateway>, answered only after a durable commit."""

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from pecapp import errors
from pecapp.services import inbox

log = logging.getLogger(__name__)

MAX_BODY = 256 * 1024


async def receive(request: Request) -> Response:
    """Take in one notification.

    200 when it is stored (or was before), 400 when it is not authentic, 413 when it is too large, 503 when we cannot
    store it now: then nothing is kept, and the gateway sends it again.
    """
    try:
        raw = await _body(request)
    except ClientDisconnect:
        return Response(status_code=400)
    if raw is None:
        return Response(status_code=413)
    try:
        await inbox.receive(request.path_params["gateway"], raw, request.headers)
    except inbox.NotAuthentic as refusal:
        log.warning("notification for %s refused: %s", request.path_params["gateway"], refusal)
        return Response(status_code=400)
    except errors.NotFound:
        return Response(status_code=404)
    except errors.Unavailable:
        return Response(status_code=503, headers={"Retry-After": "5"})
    return Response(status_code=200)


async def _body(request: Request) -> bytes | None:
    """The raw body, None when it is too large: what is beyond the limit is not even read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    return bytes(body)


routes = [Route("/webhooks/{gateway:str}", receive, methods=["POST"])]
