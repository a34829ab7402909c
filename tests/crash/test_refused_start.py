"""A configuration that is unsafe for real customers stops the real start, in one line that says what to change."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pecapp import launch

SAFE = {
    "PECAPP_ENVIRONMENT": "production",
    "PECAPP_PUBLIC_URL": "https://pec.example.test",
    "PECAPP_SECRET_KEY": "k" * 40,
    "PECAPP_SMTP_URL": "smtps://mail.example.test",
    "STRIPE_SECRET_KEY": "sk_live_of_a_test",
    "STRIPE_WEBHOOK_SECRET": "whsec_of_a_test",
}
START = ("-m", "pecapp.launch")
SERVE = ("-c", "import pecapp.pecapp")
MIGRATE = ("-m", "pecapp", "migrate")


def started(command: tuple[str, ...], folder: Path, **changes: str | None) -> subprocess.CompletedProcess[str]:
    wanted = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PECAPP_")},
        **SAFE,
        "PECAPP_DATA": str(folder),
        "PECAPP_DATABASE_URL": f"sqlite:///{folder}/pecapp.db",
        **launch.SERVING,
        **changes,
    }
    environment = {name: value for name, value in wanted.items() if value is not None}
    return subprocess.run(
        [sys.executable, *command],
        cwd=launch.ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("command", "changes", "complaint"),
    [
        (START, {"PECAPP_SECRET_KEY": None}, "PECAPP_SECRET_KEY must be set"),
        (START, {"PECAPP_PUBLIC_URL": "http://pec.example.test"}, "PECAPP_PUBLIC_URL must be https"),
        (START, {"STRIPE_API_BASE": "http://localhost:8100"}, "STRIPE_API_BASE must not be set"),
        (START, {"PECAPP_FAIL_AT": "trap"}, "PECAPP_FAIL_AT must not be set"),
        (SERVE, {"STRIPE_WEBHOOK_SECRET": None}, "STRIPE_WEBHOOK_SECRET must be set"),
        (MIGRATE, {"PECAPP_SMTP_URL": None}, "PECAPP_SMTP_URL must be set"),
    ],
    ids=[
        "default secret",
        "http",
        "simulator on",
        "fail points on",
        "server: default webhook secret",
        "migrate: no mail",
    ],
)
def test_an_unsafe_start_is_refused_in_one_line(
    tmp_path: Path, command: tuple[str, ...], changes: dict[str, str | None], complaint: str
) -> None:
    refused = started(command, tmp_path, **changes)
    assert refused.returncode > 0, refused.stdout
    (line,) = refused.stderr.splitlines()
    assert "unsafe in production" in line
    assert complaint in line
    assert not list(tmp_path.glob("*.db"))


def test_a_safe_configuration_is_not_refused(tmp_path: Path) -> None:
    done = started(MIGRATE, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
