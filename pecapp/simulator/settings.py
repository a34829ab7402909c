"""What the simulator is told at its start: command line first, then SIMULATOR_* of the environment."""

import os
from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8100


@dataclass(frozen=True)
class Settings:
    """All settings. Times are in seconds of the wall clock; `webhook_tries` counts the first attempt too."""

    public_url: str = f"http://localhost:{DEFAULT_PORT}"
    state_file: Path | None = None
    webhook_url: str = ""
    webhook_secret: str = ""
    webhook_events: tuple[str, ...] = ("*",)
    webhook_backoff: float = 2.0
    webhook_tries: int = 16
    webhook_timeout: float = 10.0
    webhook_workers: int = 1
    unknown_delay: float = 20.0
    refund_delay: float = 20.0
    paypal_client_id: str = "simulator-client"
    paypal_client_secret: str = "simulator-secret"
    paypal_merchant_id: str = "SIMMERCHANT01"
    paypal_webhook_url: str = ""
    paypal_webhook_id: str = "WH-SIMULATOR"
    paypal_root_file: Path | None = None


def from_environment() -> Settings:
    """Read SIMULATOR_PUBLIC_URL, _STATE, _WEBHOOK_URL, _WEBHOOK_SECRET, _WEBHOOK_EVENTS (separated by commas),
    _WEBHOOK_BACKOFF, _WEBHOOK_TRIES, _WEBHOOK_TIMEOUT, _WEBHOOK_WORKERS, _UNKNOWN_DELAY, _REFUND_DELAY,
    _PAYPAL_CLIENT_ID, _PAYPAL_CLIENT_SECRET, _PAYPAL_MERCHANT_ID, _PAYPAL_WEBHOOK_URL, _PAYPAL_WEBHOOK_ID and
    _PAYPAL_ROOT_FILE."""

    def read(name: str, default: str) -> str:
        return os.environ.get(f"SIMULATOR_{name}", "") or default

    plain = Settings()
    port = read("PORT", str(DEFAULT_PORT))
    state, root = read("STATE", ""), read("PAYPAL_ROOT_FILE", "")
    return Settings(
        public_url=read("PUBLIC_URL", f"http://localhost:{port}").rstrip("/"),
        state_file=Path(state) if state else None,
        webhook_url=read("WEBHOOK_URL", ""),
        webhook_secret=read("WEBHOOK_SECRET", ""),
        webhook_events=tuple(name.strip() for name in read("WEBHOOK_EVENTS", "*").split(",")),
        webhook_backoff=float(read("WEBHOOK_BACKOFF", str(plain.webhook_backoff))),
        webhook_tries=int(read("WEBHOOK_TRIES", str(plain.webhook_tries))),
        webhook_timeout=float(read("WEBHOOK_TIMEOUT", str(plain.webhook_timeout))),
        webhook_workers=int(read("WEBHOOK_WORKERS", str(plain.webhook_workers))),
        unknown_delay=float(read("UNKNOWN_DELAY", str(plain.unknown_delay))),
        refund_delay=float(read("REFUND_DELAY", str(plain.refund_delay))),
        paypal_client_id=read("PAYPAL_CLIENT_ID", plain.paypal_client_id),
        paypal_client_secret=read("PAYPAL_CLIENT_SECRET", plain.paypal_client_secret),
        paypal_merchant_id=read("PAYPAL_MERCHANT_ID", plain.paypal_merchant_id),
        paypal_webhook_url=read("PAYPAL_WEBHOOK_URL", ""),
        paypal_webhook_id=read("PAYPAL_WEBHOOK_ID", plain.paypal_webhook_id),
        paypal_root_file=Path(root) if root else None,
    )
