"""A webhook receiver on this machine that keeps every delivery and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
from stripe import SignatureVerificationError, WebhookSignature

PATIENCE = 5.0


@dataclass(frozen=True)
class Delivery:
    """One POST: its body, its headers with small letters, when it came (monotonic seconds)."""

    body: bytes
    headers: dict[str, str]
    at: float

    @property
    def event(self) -> dict[str, Any]:
        return json.loads(self.body)

    @property
    def type(self) -> str:
        return self.event["type"]

    @property
    def moment(self) -> int:
        """The timestamp of the signature."""
        return int(self.headers["stripe-signature"].split(",")[0].removeprefix("t="))

    def is_signed(self, secret: str, tolerance: int = 300) -> bool:
        """Judged by Stripe's own code."""
        try:
            header = self.headers.get("stripe-signature", "")
            return WebhookSignature.verify_header(self.body.decode(), header, secret, tolerance)
        except SignatureVerificationError:
            return False


@dataclass
class Receiver:
    """`statuses` are the answers to come, 200 when there are none left; `seconds` is how long each answer takes."""

    statuses: list[int] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    url: str = ""
    secret: str = ""
    seconds: float = 0.0

    def types(self) -> list[str]:
        return [delivery.type for delivery in self.deliveries]

    def of(self, kind: str) -> list[Delivery]:
        return [delivery for delivery in list(self.deliveries) if delivery.type == kind]

    async def until(self, check: Callable[[], object], patience: float = PATIENCE) -> None:
        """Wait until the check holds; what came so far is in the failure."""
        deadline = time.monotonic() + patience
        while not check():
            assert time.monotonic() < deadline, f"not in time; came: {self.types()}"
            await anyio.sleep(0.005)

    async def wait(self, kind: str, times: int = 1) -> Delivery:
        """The last of so many deliveries of a type."""
        await self.until(lambda: len(self.of(kind)) >= times)
        return self.of(kind)[times - 1]


class _Handler(BaseHTTPRequestHandler):
    receiver: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.receiver.deliveries.append(Delivery(body, headers, time.monotonic()))
        time.sleep(self.receiver.seconds)
        self.send_response(self.receiver.statuses.pop(0) if self.receiver.statuses else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # the library's name
        """Quiet."""


def serve(receiver: Receiver) -> ThreadingHTTPServer:
    """Start it on a free port, in a thread; the caller shuts it down."""
    handler = type("Handler", (_Handler,), {"receiver": receiver})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    receiver.url = f"http://127.0.0.1:{server.server_port}/hook"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    return server
