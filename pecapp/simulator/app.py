"""The simulator as an ASGI application."""

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pecapp.simulator import pages, paypal, paypal_buyers, settings, stripe, stripe_cards
from pecapp.simulator.control import Control
from pecapp.simulator.settings import Settings
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.stripe_objects import API_VERSION

STYLE = (pages.FOLDER / "simulator.css").read_text()


def create(chosen: Settings) -> Starlette:
    """A simulator with its own world. Bind it to the loopback address only: it refuses nobody."""
    simulation = Simulation(chosen)

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with simulation.running():
            yield

    async def healthz(request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css")

    async def index(request: Request) -> Response:
        shown = {"public_url": chosen.public_url, "version": API_VERSION, "cards": stripe_cards.CARDS}
        return pages.show("index.html", buyers=paypal_buyers.BUYERS, **shown)

    routes = [
        Route("/", index),
        Route("/healthz", healthz),
        Route("/simulator.css", style),
        *Control(simulation, chosen).routes(),
        *paypal.install(simulation),  # first: of /v1/ it has a few addresses, Stripe has all the others
        *stripe.install(simulation),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def from_environment() -> Starlette:
    """The simulator that `python -m pecapp.simulator` serves."""
    return create(settings.from_environment())
