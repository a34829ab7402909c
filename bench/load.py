"""A load generator for one address of this machine: keep-alive connections that each send the next request at once."""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench import report


@dataclass(frozen=True)
class Measured:
    """What a run came to. `seconds` is the whole run, latencies are in milliseconds."""

    requests: int
    errors: int
    seconds: float
    p50: float
    p99: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def request(port: int, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A whole HTTP request, ready to be sent."""
    lines = [f"POST {path} HTTP/1.1", f"Host: localhost:{port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def run(port: int, requests: list[bytes], connections: int) -> Measured:
    """Send `requests` over `connections` connections; anything but 200 is an error."""
    waiting = iter(requests)
    latencies: list[float] = []
    errors = 0

    async def one(left: Iterator[bytes]) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for message in left:
            started = time.perf_counter()
            writer.write(message)
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0].strip()
            if length and length != b"0":
                await reader.readexactly(int(length))
            latencies.append((time.perf_counter() - started) * 1000)
            errors += b" 200 " not in head[:20]
        writer.close()
        await writer.wait_closed()

    started = time.perf_counter()
    await asyncio.gather(*(one(waiting) for _ in range(connections)))
    seconds = time.perf_counter() - started
    return Measured(len(latencies), errors, seconds, report.percentile(latencies, 50), report.percentile(latencies, 99))
