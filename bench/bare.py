"""The limit: a bare route that checks the signature and inserts one row, with concurrent requests sharing a commit.

And a bare page with a bare websocket, for the push. Settings: BENCH_DATABASE (a file, or a postgresql:// address) and
BENCH_SECRET.
"""

import asyncio
import json
import os
import queue
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import stripe
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

DATABASE = os.environ["BENCH_DATABASE"]
SECRET = os.environ["BENCH_SECRET"]
TABLE = "CREATE TABLE IF NOT EXISTS event (id TEXT PRIMARY KEY, body TEXT NOT NULL)"
PAGE = """<!doctype html><title>bare</title><p id="status">waiting</p><script>
const socket = new WebSocket(`ws://${location.host}/socket`);
socket.onopen = () => document.title = "open";
socket.onmessage = (message) => document.getElementById("status").textContent = message.data;
</script>"""

Row = tuple[str, str]
Waiting = tuple[Row, asyncio.Future[None]]
tabs: set[WebSocket] = set()


def _sqlite() -> Callable[[list[Row]], None]:
    connection = sqlite3.connect(DATABASE, isolation_level=None, check_same_thread=False)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute(TABLE)

    def insert(rows: list[Row]) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO event VALUES (?, ?) ON CONFLICT DO NOTHING", rows)
        connection.execute("COMMIT")

    return insert


def _postgresql() -> Callable[[list[Row]], None]:
    connection = psycopg.connect(DATABASE)
    connection.execute(TABLE)
    connection.commit()

    def insert(rows: list[Row]) -> None:
        with connection.transaction():
            for row in rows:
                connection.execute("INSERT INTO event VALUES (%s, %s) ON CONFLICT DO NOTHING", row)

    return insert


class Writer:
    """One thread that writes whatever is waiting in one transaction."""

    def __init__(self) -> None:
        self.waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()
        self.loop = asyncio.get_running_loop()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        insert = _postgresql() if DATABASE.startswith("postgresql") else _sqlite()
        while True:
            batch = [self.waiting.get()]
            while len(batch) < 64 and not self.waiting.empty():
                batch.append(self.waiting.get())
            insert([row for row, _ in batch])
            self.loop.call_soon_threadsafe(self.answer, [done for _, done in batch])

    def answer(self, done: list[asyncio.Future[None]]) -> None:
        for future in done:
            future.set_result(None)

    async def store(self, row: Row) -> None:
        done = self.loop.create_future()
        self.waiting.put((row, done))
        await done


async def receive(request: Request) -> Response:
    """Check, store, answer; then tell the open tabs."""
    raw = (await request.body()).decode()
    stripe.WebhookSignature.verify_header(raw, request.headers["stripe-signature"], SECRET, 300)
    event = json.loads(raw)
    await request.app.state.writer.store((event["id"], raw))
    for tab in tuple(tabs):
        await tab.send_text(event["id"])
    return Response()


async def page(_request: Request) -> Response:
    """A page that shows the last event."""
    return HTMLResponse(PAGE)


async def socket(tab: WebSocket) -> None:
    """The page's line to the server."""
    await tab.accept()
    tabs.add(tab)
    try:
        await tab.receive_text()
    except WebSocketDisconnect:
        tabs.discard(tab)


async def healthz(_request: Request) -> Response:
    """Ready."""
    return Response()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """One writer for the process."""
    app.state.writer = Writer()
    yield


app = Starlette(
    routes=[
        Route("/webhooks/stripe", receive, methods=["POST"]),
        Route("/", page),
        Route("/healthz", healthz),
        WebSocketRoute("/socket", socket),
    ],
    lifespan=lifespan,
)
