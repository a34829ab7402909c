"""The product and the simulator as processes of their own, to be used, killed and started again by a test."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pecapp import frontend, launch

HASTE = {
    "PECAPP_RECONCILE_DELAYS": "1,2,3,4,5,6,8,10,12,15,20,30",
    "PECAPP_SWEEP_SECONDS": "1",
    "SIMULATOR_WEBHOOK_BACKOFF": "0.2",
    "SIMULATOR_UNKNOWN_DELAY": "2",
    "SIMULATOR_REFUND_DELAY": "1",
}
"""What takes minutes in life takes a second or two here."""

PULSE = {"REFLEX_SOCKET_INTERVAL": "3s", "REFLEX_SOCKET_TIMEOUT": "6s"}
"""How soon a page and its server notice that the line between them is cut."""


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as plug:
        plug.bind((launch.HOST, 0))
        return plug.getsockname()[1]


class Site:
    """A product and a simulator that know each other, on ports and over databases of their own.

    `app` and `simulator` are `launch.Child`: kill(), start(), wait_until_ready(), stop(), log (a path), environment.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] = {}) -> None:
        ports = free_port(), free_port()
        self.commands: tuple[str, ...] = ("migrate", "demo")
        """What is run of `python -m pecapp` before the product is started."""
        environment = {
            **os.environ,
            **launch.addresses(*ports, folder),
            "PECAPP_DATABASE_URL": f"sqlite:///{folder}/pecapp.db",
            "PECAPP_BACKGROUND_DATABASE_URL": f"sqlite:///{folder}/background.db",
            "SIMULATOR_STATE": f"{folder}/simulator.db",
            "PECAPP_WORKERS": "true",  # another suite of the same process may have switched them off for itself
            **HASTE,
            **settings,
        }
        self.app = launch.app(ports[0], environment, folder / "app.log")
        self.app.environment = {**self.app.environment, **PULSE}
        self.simulator = launch.simulator(ports[1], environment, folder / "simulator.log")
        self.url = environment["PECAPP_PUBLIC_URL"]
        self.simulator_url = environment["SIMULATOR_PUBLIC_URL"]
        self.database_url = environment["PECAPP_DATABASE_URL"]

    def start(self) -> None:
        """Load the demo data, start both and return when both answer."""
        frontend.build()
        self.simulator.start()
        self.simulator.wait_until_ready()
        launch.prepare(self.app.environment, *self.commands)
        self.app.start()
        self.app.wait_until_ready()

    def restart_app(self, settings: Mapping[str, str] = {}) -> None:
        """Stop the product if it still runs, and start it again on its port, with `settings` changed."""
        self.app.stop()
        self.app.environment = {**self.app.environment, **settings}
        self.app.start()
        self.app.wait_until_ready()

    def stop(self) -> None:
        self.app.stop()
        self.simulator.stop()


@contextmanager
def running_site(folder: Path, settings: Mapping[str, str] = {}) -> Iterator[Site]:
    """A started site, gone on exit. `settings` are environment variables, such as PECAPP_DATABASE_URL."""
    site = Site(folder, settings)
    try:
        site.start()
        yield site
    finally:
        site.stop()
