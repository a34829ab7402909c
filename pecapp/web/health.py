"""Whether this process can do its work, for whoever decides to send it visitors."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.requests import Request
from starlette.responses import JSONResponse

from pecapp import errors
from pecapp.services import vitals

PATIENCE_SECONDS = 0.25

_own_thread = ThreadPoolExecutor(1, "health")  # the shared ones may be busy with visitors, which is no illness


async def healthz(_: Request) -> JSONResponse:
    """200 when the database answers a question within a quarter of a second, else 503."""
    try:
        await asyncio.wait_for(
            asyncio.get_running_loop().run_in_executor(_own_thread, vitals.ask_database), PATIENCE_SECONDS
        )
    except (TimeoutError, errors.Unavailable):
        return JSONResponse({"status": "unavailable"}, 503, {"retry-after": "5"})
    return JSONResponse({"status": "ok"})
