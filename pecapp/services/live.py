"""News of what changed, for open tabs and for the background work: published after a commit, lost without harm.

Inside one process by default; over Redis when several processes serve the same customers. Whoever hears a topic reads
the database again under its own login, so that news carries no data and widens nobody's access.
"""

import logging
import threading
from collections.abc import Callable, Iterable

import redis
from redis.client import PubSub
from redis.exceptions import RedisError
from sqlmodel import Session

from pecapp import db

log = logging.getLogger(__name__)

CHANNEL = "pecapp.live"
ADMINS = "admins"
EVERYTHING = "*"
"""News was lost: whoever shows anything should look again."""
WORK_INBOX = "work:inbox"
WORK_PAYMENTS = "work:payments"
WORK_MAIL = "work:mail"
WORK_RENEWALS = "work:renewals"

Listener = Callable[[frozenset[str]], None]
_listeners: list[Listener] = []
_bus: "_RedisBus | None" = None


def order(order_id: int) -> str:
    """Topic of one order."""
    return f"order:{order_id}"


def account(account_id: int) -> str:
    """Topic of everything that one customer sees."""
    return f"account:{account_id}"


def session(session_id: str) -> str:
    """Topic of how long one session of the staff still lasts."""
    return f"session:{session_id}"


def listen(listener: Listener) -> None:
    """Call `listener` with the topics of every publication, from whatever thread published them; it must not block."""
    _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Undo `listen`."""
    _listeners.remove(listener)


def publish(s: Session, *topics: str) -> None:
    """Publish `topics` once the transaction of `s` is committed."""
    waiting: set[str] = s.info.setdefault("live_topics", set())
    if not waiting:
        db.after_commit(s, lambda: announce(waiting))
    waiting.update(topics)


def announce(topics: Iterable[str]) -> None:
    """Publish `topics` now, to this process and, over Redis, to the others."""
    told = frozenset(topics)
    _tell(told)
    if _bus is not None:
        _bus.send(told)


def _tell(topics: frozenset[str]) -> None:
    for listener in tuple(_listeners):
        listener(topics)


def connect(redis_url: str | None) -> None:
    """Join the other processes at `redis_url`, if there are any."""
    global _bus  # noqa: PLW0603  (one process has one bus)
    disconnect()
    if redis_url:
        _bus = _RedisBus(redis_url)


def disconnect() -> None:
    """Leave the other processes."""
    global _bus  # noqa: PLW0603  (one process has one bus)
    if _bus is not None:
        _bus.close()
        _bus = None


class _RedisBus:
    """A thread that listens and a connection that speaks; both come back by themselves when Redis does."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2, decode_responses=True)
        self.identity = f"{id(self):x}-{threading.get_ident():x}"
        self.closed = threading.Event()
        self.thread = threading.Thread(target=self._hear, name="live-redis", daemon=True)
        self.thread.start()

    def send(self, topics: frozenset[str]) -> None:
        try:
            self.client.publish(CHANNEL, " ".join([self.identity, *topics]))
        except RedisError as problem:
            log.warning("news did not reach the other processes: %s", problem)

    def close(self) -> None:
        self.closed.set()
        self.thread.join(timeout=5)
        self.client.close()

    def _hear(self) -> None:
        missed = False
        while not self.closed.is_set():
            try:
                with self.client.pubsub(ignore_subscribe_messages=True) as channel:
                    channel.subscribe(CHANNEL)
                    if missed:
                        _tell(frozenset({EVERYTHING}))
                    self._follow(channel)
            except RedisError as problem:
                log.warning("no news from the other processes: %s", problem)
                missed = True
                self.closed.wait(1)

    def _follow(self, channel: PubSub) -> None:
        while not self.closed.is_set():
            message = channel.get_message(timeout=1)
            if message is None:
                continue
            sender, *topics = str(message["data"]).split(" ")
            if sender != self.identity:
                _tell(frozenset(topics))
