"""`python -m pecapp.simulator`: starts the simulator on 127.0.0.1."""

import argparse
import os

from granian import Granian
from granian.constants import Interfaces

from pecapp.simulator import settings


def main() -> None:
    """Parse the command line and serve until interrupted. The worker reads its settings from the environment."""
    parser = argparse.ArgumentParser(prog="python -m pecapp.simulator", description=__doc__)
    parser.add_argument("--port", default=os.environ.get("SIMULATOR_PORT", str(settings.DEFAULT_PORT)))
    for option, meaning in (
        ("--public-url", "address under which browsers reach the simulator"),
        ("--state", "SQLite file that keeps the money truth over a restart"),
        ("--webhook-url", "webhook receiver, as if registered in the dashboard"),
        ("--webhook-secret", "its signing secret (whsec_...)"),
    ):
        aliases = [option, "--webhook"] if option == "--webhook-url" else [option]
        parser.add_argument(*aliases, default="", help=meaning)
    chosen = parser.parse_args()
    for name, value in vars(chosen).items():
        if value:
            os.environ[f"SIMULATOR_{name.upper()}"] = str(value)
    Granian(
        "pecapp.simulator.app:from_environment",
        address="127.0.0.1",
        port=int(chosen.port),
        interface=Interfaces.ASGI,
        factory=True,
        workers=1,
        websockets=False,
    ).serve()


if __name__ == "__main__":
    main()
