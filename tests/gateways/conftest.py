"""The gateways under trial: the simulator as a process, and the makers' own test systems where their keys are given."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from pecapp import launch
from tests.gateways import bench as benches
from tests.gateways import bench_paypal, bench_stripe
from tests.support import processes

SIMULATED = ["stripe", "paypal"]
SANDBOXES = [pytest.param(f"{name} sandbox", marks=pytest.mark.sandbox(name)) for name in SIMULATED]


@pytest.fixture(scope="session")
def simulator_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a simulator that sends its webhooks nowhere."""
    port = processes.free_port()
    url = f"http://{launch.HOST}:{port}"
    environment = {**os.environ, "SIMULATOR_PUBLIC_URL": url}
    simulator = launch.simulator(port, environment, tmp_path_factory.mktemp("simulator") / "simulator.log")
    try:
        simulator.start()
        simulator.wait_until_ready()
        yield url
    finally:
        simulator.stop()


@pytest.fixture
async def on_stripe(simulator_url: str, anyio_backend: str) -> AsyncIterator[bench_stripe.StripeBench]:
    """Stripe as the simulator plays it, for what is Stripe's own."""
    async with bench_stripe.simulated(simulator_url) as bench:
        yield bench


@pytest.fixture
async def on_paypal(simulator_url: str, anyio_backend: str) -> AsyncIterator[bench_paypal.PayPalBench]:
    """PayPal as the simulator plays it, for what is PayPal's own."""
    async with bench_paypal.simulated(simulator_url) as bench:
        yield bench


@pytest.fixture(params=SIMULATED)
async def simulated(
    request: pytest.FixtureRequest, simulator_url: str, anyio_backend: str
) -> AsyncIterator[benches.SimulatedBench]:
    """Each gateway as the simulator plays it: anything can be made to happen."""
    place = bench_paypal if request.param == "paypal" else bench_stripe
    async with place.simulated(simulator_url) as bench:
        yield bench


@pytest.fixture(params=[*SIMULATED, *SANDBOXES])
async def bench(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[benches.Bench]:
    """Every gateway that can be reached: what is asked of it must hold on the real one too."""
    async with _reached(request, request.param) as bench:
        yield bench


@pytest.fixture(params=["stripe", SANDBOXES[0]])
async def any_stripe(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[benches.Bench]:
    """As `bench`, for what is Stripe's own."""
    async with _reached(request, request.param) as bench:
        yield bench


def _reached(request: pytest.FixtureRequest, where: str) -> AbstractAsyncContextManager[benches.Bench]:
    match where:
        case "stripe":
            return bench_stripe.simulated(request.getfixturevalue("simulator_url"))
        case "paypal":
            return bench_paypal.simulated(request.getfixturevalue("simulator_url"))
        case "stripe sandbox":
            return bench_stripe.sandbox(os.environ["STRIPE_SANDBOX_KEY"])
        case _:
            keys = os.environ["PAYPAL_SANDBOX_CLIENT_ID"], os.environ["PAYPAL_SANDBOX_CLIENT_SECRET"]
            return bench_paypal.sandbox(*keys)


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patience stays as it is in production, but the waits between two tries are cut short."""
    monkeypatch.setattr("pecapp.gateways.paypal_client.PAUSE", 0.01)
    monkeypatch.setattr("stripe.HTTPClient.INITIAL_DELAY", 0.01)
