"""The production pages: built by Reflex, again only when something that they are made of has changed."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pecapp import settings

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / ".data"
WEB = ROOT / ".web"
PAGE_SOURCES = (
    "pecapp/ui",
    "pecapp/pecapp.py",
    "pecapp/i18n.py",
    "pecapp/locales",
    "pecapp/domain",
    "pecapp/errors.py",
    "pecapp/legal",
    "pecapp/services/admin",
    "pecapp/services/configuring.py",
    "pecapp/services/history_views.py",
    "pecapp/services/live.py",
    "pecapp/services/renewal_views.py",
    "pecapp/services/terms.py",
    "pecapp/services/views.py",
    "pecapp/services/withdrawal_views.py",
    "rxconfig.py",
    "assets",
    "reflex.lock",
    "requirements.txt",
)
REFLEX_ENVIRONMENT = {
    "REFLEX_USE_NPM": "1",
    "REFLEX_TELEMETRY_ENABLED": "false",
    "REFLEX_CHECK_LATEST_VERSION": "false",
    "REFLEX_HTTP_CLIENT_BIND_ADDRESS": "0.0.0.0",  # spares a probe of a machine outside
    "REFLEX_SOCKET_INTERVAL": "10s",
    "REFLEX_SOCKET_TIMEOUT": "15s",
    "REFLEX_SOCKET_MAX_HTTP_BUFFER_SIZE": "65536",
}
NPM = {
    "npm_config_omit_lockfile_registry_resolved": "true",  # the lock names versions and hashes, not machines
    "npm_config_fetch_retries": "3",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
    "npm_config_update_notifier": "false",
}


class BuildError(Exception):
    """The pages could not be built; the text says why."""


def fingerprint() -> str:
    """A hash of all that the built pages depend on."""
    digest = hashlib.sha256()
    for source in PAGE_SOURCES:
        start = ROOT / source
        for file in sorted(start.rglob("*")) if start.is_dir() else [start]:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    shown = settings.load().model_dump(include={name for name in settings.Settings.model_fields if _is_shown(name)})
    digest.update(repr(sorted(shown.items())).encode())
    return digest.hexdigest()


def _is_shown(name: str) -> bool:
    return name.startswith(("brand_", "seller_")) or name == "login_domain"


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(say: Callable[[str], None] = print) -> None:
    """Build the production pages, if their sources changed since the last build; several callers build once.

    Raises BuildError with the end of the build's log.
    """
    with _alone(DATA / "build.lock"):
        stamp, wanted = WEB / "built-from", fingerprint()
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        say("Building the pages (about 20 seconds; again only when their sources change) ...")
        stamp.unlink(missing_ok=True)
        log = DATA / "build.log"
        with log.open("w") as out:
            made = subprocess.run(
                [sys.executable, "-m", "reflex", "export", "--env", "prod", "--no-zip"],
                cwd=ROOT,
                env=_build_environment(),
                stdout=out,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if made.returncode:
            raise BuildError(f"the pages could not be built:\n{tail(log)}")
        stamp.write_text(wanted)


def _build_environment() -> dict[str, str]:
    """The pages are the same wherever they are served, so what depends on the place is left at its default."""
    placed = {"PECAPP_ENVIRONMENT", "PECAPP_PUBLIC_URL", "REFLEX_REDIS_URL"}
    environment = {name: value for name, value in os.environ.items() if name not in placed} | REFLEX_ENVIRONMENT | NPM
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    if "NPM_CONFIG_REGISTRY" not in environment and (npm := shutil.which("npm", path=environment["PATH"])):
        asked = subprocess.run(
            [npm, "config", "get", "registry"], env=environment, capture_output=True, text=True, check=False
        )
        environment["NPM_CONFIG_REGISTRY"] = asked.stdout.strip()  # unset, Reflex would measure several outside
    return environment


def tail(log: Path, lines: int = 30) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.is_file() else ""
