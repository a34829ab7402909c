"""One simulator for all tests of this folder, reset before each."""

import os
import signal
from collections.abc import AsyncIterator, Iterator

import pytest
import stripe

from tests.simulator import receiver as hooks
from tests.simulator import world as worlds

QUICK = {"webhook_backoff": 0.05, "unknown_delay": 300, "refund_delay": 300, "webhook_timeout": 2}


@pytest.fixture(scope="session")
def simulator() -> Iterator[str]:
    """The address of a running simulator."""
    port = worlds.free_port()
    process = worlds.start(port)
    yield f"http://127.0.0.1:{port}"
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(10)


@pytest.fixture
async def world(simulator: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[worlds.World]:
    """A fresh world with quick retries; unknown outcomes and refunds wait until they are told."""
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    recorder = worlds.Recorder()
    async with worlds.browser(simulator) as browser:
        made = worlds.World(simulator, browser, recorder)
        await made.control("reset")
        await made.control("settings", **QUICK)
        yield made
    await recorder.close_async()


@pytest.fixture
async def inbox(world: worlds.World) -> AsyncIterator[hooks.Receiver]:
    """A receiver that is registered for all events."""
    receiver = hooks.Receiver()
    server = hooks.serve(receiver)
    endpoint = await world.api.webhook_endpoints.create_async({"url": receiver.url, "enabled_events": ["*"]})
    assert endpoint.secret
    receiver.secret = endpoint.secret
    yield receiver
    await world.control("reset")
    server.shutdown()
    server.server_close()
