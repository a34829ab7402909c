"""What operators do from a terminal: `python -m pecapp <command>`."""

import argparse
import asyncio
import getpass
import logging
import signal
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

from pecapp import db, errors, migrations, settings, workflows
from pecapp.services import accounts, catalog, demo, demo_year, live, rehearsal, second_factor

CATALOGUE = Path(__file__).parent / "demo" / "catalog.toml"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0 when it did what it says."""
    parser = argparse.ArgumentParser(prog="python -m pecapp", description="Ceralacca, from the terminal.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("migrate", help="bring the database to this version's tables, without loss")
    commands.add_parser("demo", help="load the demonstration catalogue and its two people; refused in production")
    commands.add_parser("demo-year", help="give its customer services whose dates are near, as `make demo` does")
    catalogue = commands.add_parser("catalogue", help="load a catalogue file")
    catalogue.add_argument("file", type=Path)
    admin = commands.add_parser("create-admin", help="make a member of staff who owns the place; asks for the password")
    admin.add_argument("email")
    lost = commands.add_parser("reset-second-factor", help="let a member of staff who lost their app set up another")
    lost.add_argument("email")
    commands.add_parser("worker", help="run the background work in a process of its own")
    chosen = parser.parse_args(arguments)
    try:
        current = settings.load()
        rehearsal.restore()
        db.configure(current.database_url)
        _COMMANDS[chosen.command](chosen, current)
    except (settings.SettingsError, migrations.MigrationError, OSError, ValueError) as problem:
        print(f"pecapp: {' '.join(str(problem).split())}", file=sys.stderr)
        return 1
    except errors.PecError as problem:
        details = getattr(problem, "fields", None) or problem.params
        print(f"pecapp: {problem.code} {details or ''}".rstrip(), file=sys.stderr)
        return 1
    finally:
        db.dispose()
    return 0


def _migrate(_chosen: argparse.Namespace, _current: settings.Settings) -> None:
    migrations.upgrade()


def _demo(_chosen: argparse.Namespace, current: settings.Settings) -> None:
    if current.production:
        raise ValueError("the demonstration data have a known password: refused in production")
    _load(CATALOGUE)
    demo.people()


def _demo_year(_chosen: argparse.Namespace, current: settings.Settings) -> None:
    if current.production or not current.stripe_api_base:
        raise ValueError("the demonstration's year is bought from the simulator: refused in production and without it")
    asyncio.run(demo_year.load())


def _catalogue(chosen: argparse.Namespace, _current: settings.Settings) -> None:
    _load(chosen.file)


def _load(file: Path) -> None:
    catalog.load(tomllib.loads(file.read_text(encoding="utf-8")))


def _create_admin(chosen: argparse.Namespace, _current: settings.Settings) -> None:
    print(accounts.create_admin(chosen.email, getpass.getpass("Password: ")))


def _reset_second_factor(chosen: argparse.Namespace, _current: settings.Settings) -> None:
    second_factor.reset(chosen.email)


def _worker(_chosen: argparse.Namespace, current: settings.Settings) -> None:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    live.connect(current.redis_url)
    try:
        asyncio.run(_work())
    finally:
        live.disconnect()


async def _work() -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with workflows.running():
        print("pecapp: at work", flush=True)
        await stopped.wait()


_COMMANDS = {
    "migrate": _migrate,
    "demo": _demo,
    "demo-year": _demo_year,
    "catalogue": _catalogue,
    "create-admin": _create_admin,
    "reset-second-factor": _reset_second_factor,
    "worker": _worker,
}
