"""The gateways under trial: the simulator as a process, and the makers' own test systems where their keys are given."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from pecapp import launch
from tests.gateways import bench as benches
from tests.support import processes


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
async def simulated(simulator_url: str, anyio_backend: str) -> AsyncIterator[benches.SimulatedBench]:
    """Stripe as the simulator plays it: anything can be made to happen."""
    async with benches.simulated(simulator_url) as bench:
        yield bench


@pytest.fixture(params=["simulator", pytest.param("sandbox", marks=pytest.mark.sandbox)])
async def bench(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[benches.Bench]:
    """Every gateway that can be reached: what is asked of it must hold on the real one too."""
    if request.param == "simulator":
        async with benches.simulated(request.getfixturevalue("simulator_url")) as bench:
            yield bench
    else:
        async with benches.sandbox(os.environ["STRIPE_SANDBOX_KEY"]) as bench:
            yield bench
