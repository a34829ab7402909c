"""Which Chromium the tests drive; `python -m tests.support.browser` fetches one where there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PACKAGES = ("chromium-headless-shell", "chromium")
"""Of the system. The first has no windows to draw, only pages: a third less work."""
NAMES = (*PACKAGES, "google-chrome", "google-chrome-stable", "chromium-browser")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DOWNLOAD_SECONDS = 300
ADVICE = "No Chromium: install the system package `chromium` (or Google Chrome), then run `make test` again."


def find() -> str | None:
    """The path of a Chromium of this machine: the system's, else the driver's own download."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).is_file() else None


def _fetches() -> list[list[str]]:
    own_download = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]
    if not shutil.which("apt-get"):
        return [[sys.executable, "-m", "playwright", "install", "chromium"]]
    as_root = [] if os.geteuid() == 0 else ["sudo", "--non-interactive"]
    apt = [*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes", "--quiet"]
    packages = [[*apt, "install", "--no-install-recommends", package] for package in PACKAGES]
    return [[*apt, "update"], *packages, own_download]


def fetch() -> None:
    """Install a Chromium from the system's packages or the driver's download; what fails is tried another way."""
    for command in _fetches():
        if find() is None:
            try:
                subprocess.run(command, check=False, timeout=DOWNLOAD_SECONDS, stdout=subprocess.DEVNULL)
            except (OSError, subprocess.TimeoutExpired) as problem:
                print(problem, file=sys.stderr)


def main() -> int:
    if find() is None:
        print("Installing Chromium for the end-to-end tests (once) ...", flush=True)
        fetch()
    if find() is None:
        print(ADVICE, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
