"""The simulator as a process: killed and started again, configured from outside."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import stripe

from pecapp.simulator.settings import Settings, from_environment
from tests.simulator import receiver as hooks
from tests.simulator import world as worlds
from tests.simulator.world import GOOD

pytestmark = pytest.mark.anyio
UNKNOWN = "4000007560001007"
SECRET = "whsec_configured"


@pytest.fixture
def configured() -> Iterator[hooks.Receiver]:
    receiver = hooks.Receiver(secret=SECRET)
    server = hooks.serve(receiver)
    yield receiver
    server.shutdown()
    server.server_close()


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


async def test_what_happened_survives_a_kill(
    tmp_path: Path, configured: hooks.Receiver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stripe, "enable_telemetry", False)
    port = worlds.free_port()
    environment = {
        "SIMULATOR_STATE": str(tmp_path / "simulator.db"),
        "SIMULATOR_WEBHOOK_URL": configured.url,
        "SIMULATOR_WEBHOOK_SECRET": SECRET,
        "SIMULATOR_UNKNOWN_DELAY": "0.5",
    }
    process = worlds.start(port, **environment)
    recorder = worlds.Recorder()
    try:
        async with worlds.browser(f"http://127.0.0.1:{port}") as browser:
            world = worlds.World(f"http://127.0.0.1:{port}", browser, recorder)
            paid = await world.paid()
            await configured.wait("checkout.session.completed")
            assert all(delivery.is_signed(SECRET) for delivery in configured.deliveries)
            await world.control("webhooks/hold")
            open_session = await world.session()
            unknown = await world.paid(UNKNOWN)
            before = await world.ledger()
            kill(process)
            configured.deliveries.clear()
            process = worlds.start(port, **environment)
            await recorder.close_async()
            recorder = worlds.Recorder()
            world = worlds.World(world.url, browser, recorder)
            assert (await world.ledger())["charges"][: len(before["charges"])] == before["charges"]
            assert (await world.api.checkout.sessions.retrieve_async(paid["session"])).payment_status == "paid"
            held = await configured.wait("checkout.session.completed")
            assert held.event["data"]["object"]["id"] == unknown["session"]
            await configured.wait("checkout.session.async_payment_succeeded")
            await world.control("sessions/pay", session=open_session.id, number=GOOD)
            assert len((await world.ledger())["charges"]) == 3
    finally:
        await recorder.close_async()
        kill(process)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    assert from_environment() == Settings()
    monkeypatch.setenv("SIMULATOR_PORT", "8123")
    monkeypatch.setenv("SIMULATOR_WEBHOOK_EVENTS", "charge.succeeded, checkout.session.*")
    monkeypatch.setenv("SIMULATOR_WEBHOOK_BACKOFF", "0.5")
    read = from_environment()
    assert read.public_url == "http://localhost:8123"
    assert read.webhook_events == ("charge.succeeded", "checkout.session.*")
    assert read.webhook_backoff == 0.5
