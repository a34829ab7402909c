"""Servers are started, watched and stopped so that nothing is left behind and every failure says why."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pecapp import frontend, launch
from tests.support import processes
from tests.test_settings import SAFE

SERVER = """
import fcntl, http.server, os, sys, time
held = open(sys.argv[2], "w")
if os.fork() == 0:  # a worker, as the real server has; it holds the lock as long as it lives
    fcntl.flock(held, fcntl.LOCK_EX)
    time.sleep(600)
class Healthy(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Healthy).serve_forever()
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SERVER
FAILING = "print('no such table'); raise SystemExit(3)"


def child(folder: Path, program: str) -> launch.Child:
    port = processes.free_port()
    command = [sys.executable, "-c", program, str(port), str(folder / "held")]
    return launch.Child("the server", port, command, os.environ, folder / "log")


def nobody_holds(file: Path) -> bool:
    deadline = time.monotonic() + 5
    with file.open("w") as mine:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(mine, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.01)
            else:
                return True
    return False


@pytest.mark.parametrize("program", [SERVER, STUBBORN], ids=["willing", "stubborn"])
@pytest.mark.parametrize("ending", [lambda server: server.stop(seconds=0.5), launch.Child.kill], ids=["stop", "kill"])
def test_a_stopped_server_leaves_no_process_and_its_port_free(tmp_path: Path, program: str, ending) -> None:
    server = child(tmp_path, program)
    server.start()
    server.wait_until_ready()
    ending(server)
    assert not server.is_running()
    assert nobody_holds(tmp_path / "held")
    server.start()
    server.wait_until_ready()
    server.kill()


def test_a_server_that_ends_at_its_start_says_why(tmp_path: Path) -> None:
    server = child(tmp_path, FAILING)
    server.start()
    with pytest.raises(launch.LaunchError, match="has ended; its last lines:\nno such table"):
        server.wait_until_ready()


def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    server = child(tmp_path, "import time; time.sleep(600)")
    server.start()
    with pytest.raises(launch.LaunchError, match="does not answer"):
        server.wait_until_ready(seconds=0.2)
    server.kill()


def test_a_busy_port_is_refused_in_one_line(tmp_path: Path) -> None:
    server = child(tmp_path, SERVER)
    with socket.create_server((launch.HOST, server.port)), pytest.raises(launch.LaunchError) as refused:
        server.start()
    assert str(server.port) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert server.process is None


def test_a_port_that_is_no_port_is_refused_in_one_line() -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "pecapp.launch"],
        cwd=launch.ROOT,
        env={**os.environ, "PECAPP_PORT": "http"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr == "PECAPP_PORT must be a port number, not 'http'\n"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"STRIPE_SECRET_KEY": "sk_test_of_our_own"}, "the demonstration's clock moves with the simulator's"),
        (SAFE, "unsafe in production: PECAPP_CLOCK_FILE must not be set"),
    ],
)
def test_the_demonstration_is_refused_where_money_is_real(
    tmp_path: Path, environment: dict[str, str], said: str
) -> None:
    refused = subprocess.run(
        [sys.executable, "-m", "pecapp.launch", "demo"],
        cwd=launch.ROOT,
        env={**os.environ, **environment, "PECAPP_DATA": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode == 1
    assert refused.stderr.startswith(said)
    assert refused.stderr.count("\n") == 1
    assert not [*tmp_path.iterdir()]


@pytest.fixture
def started(tmp_path: Path):
    """`make run` on free ports with data of its own, and the text that it has printed so far."""
    frontend.build()
    ports = processes.free_port(), processes.free_port()
    environment = {
        **os.environ,
        "PECAPP_ENVIRONMENT": "development",
        "PECAPP_PORT": str(ports[0]),
        "SIMULATOR_PORT": str(ports[1]),
        "PECAPP_DATA": str(tmp_path),
    }
    out = tmp_path / "out"
    with out.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "pecapp.launch"],
            cwd=launch.ROOT,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + launch.READY_SECONDS
    while "Ctrl-C" not in out.read_text() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    yield process, out, ports
    process.terminate()
    process.wait(launch.STOP_SECONDS * 3)


@pytest.mark.e2e
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_one_command_starts_everything_and_one_signal_ends_it(started, ending: signal.Signals) -> None:
    process, out, ports = started
    assert f"http://localhost:{ports[0]}" in out.read_text(), out.read_text()
    assert all(launch.answers(port) for port in ports)
    process.send_signal(ending)
    assert process.wait(launch.STOP_SECONDS * 3) == 0
    assert all(launch.port_is_free(port) for port in ports)


@pytest.mark.e2e
def test_when_one_server_dies_everything_stops_and_says_so(started) -> None:
    process, out, ports = started
    simulator = re.search(r"main PID: (\d+)", (out.parent / "logs" / "simulator.log").read_text())
    assert simulator
    os.kill(int(simulator[1]), signal.SIGKILL)
    assert process.wait(launch.STOP_SECONDS * 3) == 1
    assert "the simulator has ended" in out.read_text()
    assert all(launch.port_is_free(port) for port in ports)
