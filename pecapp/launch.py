"""What `make run` does: build the pages, prepare the data, start the simulator and the product, stop them together.

`make demo` does the same over data of its own (.data/demo), with services whose dates are near and a clock to move.

Beside the product's own settings it knows PECAPP_PORT (8000), SIMULATOR_PORT (8100) and PECAPP_DATA, the folder of
databases and logs (.data).
"""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pecapp import frontend, settings

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".data"
SERVING = {
    "__REFLEX_SKIP_COMPILE": "true",
    "__REFLEX_MOUNT_FRONTEND_COMPILED_APP": "true",
    "REFLEX_ENV_MODE": "prod",
}
HOST = "127.0.0.1"
READY_SECONDS = 60
STOP_SECONDS = 8
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ADVICE = """
Ceralacca   {app}
{elsewhere}
Sign in     customer 1000001@login.ceralacca.test, admin admin@ceralacca.test; password ceralacca-demo
Admin       {app}/admin; the code of the second step is at {app}/dev/codice
Mailbox     {app}/dev/posta
"""
CLOCK = """\
Clock       {app}/dev/orologio moves time day by day; sign in as the customer to see what becomes of their services
"""
SIMULATED_PAYPAL = "simulator-client"
"""The client that the simulator's PayPal knows; any other is a real one."""
SIMULATED = """\
Simulator   {simulator}
Test cards  any future expiry, any security code
            4242 4242 4242 4242   pays
            4000 0038 0000 0446   Italian, asks for 3-D Secure
            4000 0000 0000 0002   declined
            4000 0000 0000 9995   insufficient funds
            4000 0075 6000 1007   Swiss, outcome unknown at first, then paid
            4000 0075 6000 2005   Swiss, outcome unknown at first, then declined
Test PayPal any password; without a note below, an address is a new account that pays
            ok@compratori.test           pays
            no-balance@compratori.test   first source refused, another one pays
            pending@compratori.test      kept for review, then paid
"""


class LaunchError(Exception):
    """The product cannot be started; the text says why."""


def port_is_free(port: int) -> bool:
    """Whether nobody listens on this port of this machine."""
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            plug.bind((HOST, port))
        except OSError:
            return False
    return True


def answers(port: int, path: str = "/healthz") -> bool:
    """Whether GET `path` on this port says 200 now."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class Child:
    """A server of ours: a process group of its own, its output in a file, its health at /healthz."""

    name: str
    port: int
    command: list[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def require_free_port(self) -> None:
        """Raises LaunchError when somebody listens on its port: two servers there would share the visitors."""
        if not port_is_free(self.port):
            raise LaunchError(
                f"port {self.port} of {self.name} is busy: free it, or choose others by PECAPP_PORT and SIMULATOR_PORT"
            )

    def start(self) -> None:
        """Start it and return at once. Raises LaunchError when the port is taken."""
        self.require_free_port()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Return when it answers. Raises LaunchError, with its last lines, when it ends or takes longer."""
        deadline = time.monotonic() + seconds
        while not answers(self.port):
            if not self.is_running() or time.monotonic() > deadline:
                ended = "does not answer" if self.is_running() else "has ended"
                raise LaunchError(f"{self.name} {ended}; its last lines:\n{frontend.tail(self.log)}")
            time.sleep(0.05)

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and end it if it does not; nothing of its group is left."""
        if self.is_running():
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._wait(seconds)
        self.kill()

    def kill(self) -> None:
        """End it and all that it started, as a power cut would; its port is free again when this returns."""
        self._signal(signal.SIGKILL)
        self._wait(STOP_SECONDS)
        deadline = time.monotonic() + STOP_SECONDS
        while self.process is not None and not port_is_free(self.port) and time.monotonic() < deadline:
            time.sleep(0.01)  # its workers end a moment after it

    def _signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)

    def _wait(self, seconds: float) -> None:
        if self.process is not None:
            self.process.wait(seconds)


def app(port: int, environment: Mapping[str, str], log: Path) -> Child:
    """The product itself, serving the built pages."""
    command = [
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", HOST, "--port", str(port)),
        *("--workers", "1", "--workers-kill-timeout", "5", "--no-access-log", "pecapp.pecapp:app"),
    ]
    return Child("the product", port, command, {**environment, **frontend.REFLEX_ENVIRONMENT, **SERVING}, log)


def simulator(port: int, environment: Mapping[str, str], log: Path) -> Child:
    """The stand-in for the payment gateways."""
    command = [sys.executable, "-m", "pecapp.simulator", "--port", str(port)]
    return Child("the simulator", port, command, environment, log)


def addresses(app_port: int, simulator_port: int, data: Path) -> dict[str, str]:
    """The settings by which a product and a simulator on these ports find each other.

    In the folder `data` the simulator leaves the root of its certificate authority, which the product trusts.
    """
    authority = str(data.absolute() / "simulator-authority.pem")
    return {
        "PECAPP_PUBLIC_URL": f"http://localhost:{app_port}",
        "STRIPE_SECRET_KEY": "sk_test_simulator",
        "STRIPE_API_BASE": f"http://localhost:{simulator_port}",
        "STRIPE_WEBHOOK_SECRET": settings.DEVELOPMENT_WEBHOOK_SECRET,
        "SIMULATOR_PUBLIC_URL": f"http://localhost:{simulator_port}",
        "SIMULATOR_WEBHOOK_URL": f"http://localhost:{app_port}/webhooks/stripe",
        "SIMULATOR_WEBHOOK_SECRET": settings.DEVELOPMENT_WEBHOOK_SECRET,
        "PAYPAL_CLIENT_ID": SIMULATED_PAYPAL,
        "PAYPAL_CLIENT_SECRET": "simulator-secret",
        "PAYPAL_WEBHOOK_ID": "WH-SIMULATOR",
        "PAYPAL_MERCHANT_ID": "SIMMERCHANT01",
        "PAYPAL_API_BASE": f"http://localhost:{simulator_port}",
        "PAYPAL_WEBHOOK_ROOTS": authority,
        "SIMULATOR_PAYPAL_WEBHOOK_URL": f"http://localhost:{app_port}/webhooks/paypal",
        "SIMULATOR_PAYPAL_ROOT_FILE": authority,
    }


def prepare(environment: Mapping[str, str], *commands: str) -> None:
    """Run commands of `python -m pecapp` in turn. Raises LaunchError with what one that fails has said."""
    in_one_process = "import sys; from pecapp import cli; sys.exit(any(cli.main([each]) for each in sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", in_one_process, *commands],
        cwd=ROOT,
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise LaunchError(f"`python -m pecapp {' / '.join(commands)}` failed:\n{done.stdout}{done.stderr}".rstrip())


def _port(name: str, default: int) -> int:
    given = os.environ.get(name, str(default))
    if not given.isdecimal() or not 0 < int(given) < 65536:
        raise LaunchError(f"{name} must be a port number, not {given!r}")
    return int(given)


def _complete_environment(app_port: int, simulator_port: int, data: Path) -> None:
    """Fill in what this shell leaves open; a real key without a base address means the real gateway."""
    defaults = addresses(app_port, simulator_port, data) | {
        "PECAPP_DATABASE_URL": f"sqlite:///{data / 'pecapp.db'}",
        "PECAPP_BACKGROUND_DATABASE_URL": f"sqlite:///{data / 'background.db'}",
        "PECAPP_SMS_FILE": str(data / "sms.jsonl"),
        "SIMULATOR_STATE": str(data / "simulator.db"),
    }
    if os.environ.get("STRIPE_SECRET_KEY", "sk_test_simulator") != "sk_test_simulator":
        defaults.pop("STRIPE_API_BASE")
        for name in [name for name in defaults if name.startswith("PAYPAL_")]:
            defaults.pop(name)  # real cards beside play money would be a trap: PayPal is real too, or not offered
    elif os.environ.get("PAYPAL_CLIENT_ID", SIMULATED_PAYPAL) != SIMULATED_PAYPAL:
        defaults.pop("PAYPAL_API_BASE")
        defaults.pop("PAYPAL_WEBHOOK_ROOTS")
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _rehearse(data: Path) -> None:
    """Let the clock be moved. Raises LaunchError where real money would move with it."""
    os.environ.setdefault("PECAPP_CLOCK_FILE", str(data / "clock"))
    if not settings.load().stripe_api_base:
        raise LaunchError("the demonstration's clock moves with the simulator's: unset STRIPE_SECRET_KEY")


def _greet(current: settings.Settings, logs: Path) -> None:
    if not current.production:
        elsewhere = SIMULATED.format(simulator=current.stripe_api_base) if current.simulated else "Gateway     Stripe\n"
        print(ADVICE.format(app=current.public_url, elsewhere=elsewhere.rstrip()))
        if current.rehearsed:
            print(CLOCK.format(app=current.public_url))
    print(f"Logs are in {logs}; Ctrl-C stops everything.", flush=True)


def _watch(children: list[Child]) -> None:
    """Return never; raises LaunchError when one of them ends."""
    while True:
        for child in children:
            if not child.is_running():
                raise LaunchError(f"{child.name} has ended; its last lines:\n{frontend.tail(child.log)}")
        time.sleep(0.2)


def run(*, demo: bool = False) -> None:
    """Start everything and stay until stopped. Raises LaunchError, BuildError or SettingsError when it cannot go on.

    With `demo` the clock can be moved and the demonstration's customer has services whose dates are near.
    """
    app_port, simulator_port = _port("PECAPP_PORT", 8000), _port("SIMULATOR_PORT", 8100)
    data = Path(os.environ.get("PECAPP_DATA", DATA / "demo" if demo else DATA)).resolve()
    _complete_environment(app_port, simulator_port, data)
    if demo:
        _rehearse(data)
    current = settings.load()
    product = app(app_port, os.environ, data / "logs" / "app.log")
    gateways = [simulator(simulator_port, os.environ, data / "logs" / "simulator.log")] if current.simulated else []
    children = [product, *gateways]
    for child in children:
        child.require_free_port()
        child.log.unlink(missing_ok=True)
    frontend.build()
    print("Preparing the data ...", flush=True)
    try:
        for gateway in gateways:
            gateway.start()
        for gateway in gateways if demo else []:
            gateway.wait_until_ready()  # what the demonstration has bought was paid there
        prepare(os.environ, "migrate", *([] if current.production else ["demo"]), *(["demo-year"] if demo else []))
        product.start()
        for child in children:
            child.wait_until_ready()
        _greet(current, product.log.parent)
        _watch(children)
    finally:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)
        for child in children:
            child.stop()


def _interrupt(_number: int, _frame: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Run until Ctrl-C or a request to end (exit code 0), or until something fails (1, with one clear message).

    The word `demo` on the command line is `make demo`.
    """
    for number in STOPPING:
        signal.signal(number, _interrupt)
    try:
        run(demo=sys.argv[1:] == ["demo"])
    except KeyboardInterrupt:
        print("Stopped.")
    except (LaunchError, frontend.BuildError, settings.SettingsError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
