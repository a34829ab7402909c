"""The edge as it stands around the product, here around something smaller."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from pecapp.web import routes


def around(pages: ASGIApp, extra: Sequence[BaseRoute] = ()) -> ASGIApp:
    """`pages` with our routes (`extra` before them) and all the wrappers of the product."""
    for wrapper in routes.wrap(dict):
        if isinstance(wrapper, Starlette):
            wrapper.routes[:0] = extra
            wrapper.mount("", pages)
            pages = wrapper
        else:
            pages = wrapper(pages)
    return plainly_async(pages)


def plainly_async(app: ASGIApp) -> ASGIApp:
    """`app` as a coroutine function, by which the test client knows an application."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)

    return called
