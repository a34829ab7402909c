"""Live push: which tab shows what, and telling it to look again when that has changed.

A push carries no data. The tab's own handler reads its view through the service under the login of that tab, so that
news never shows anybody more than a reload would.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import reflex as rx
from reflex.event import Event

from pecapp.services import live

Refresh = Callable[..., Any]

_watching: dict[str, dict[str, Refresh]] = defaultdict(dict)
"""Topic -> client token of a tab -> the handler that reads its view again."""
_topics: dict[str, set[str]] = defaultdict(set)
"""Client token -> its topics: a tab that goes to another page watches only that one."""
_own: dict[str, set[str]] = defaultdict(set)
"""Client token -> the topics that are its own, whatever page it shows."""


def watch(state: rx.State, refresh: Refresh, *topics: str) -> None:
    """From now on call `refresh` of this tab when one of `topics` changes; what the tab watched before is forgotten.

    To be called only after the service has let this tab's login see what the topics stand for.
    """
    token = state.router.session.client_token
    leave(token)
    _add(_topics, token, refresh, topics)


def watch_always(state: rx.State, refresh: Refresh, topic: str) -> None:
    """As `watch`, beside it and for as long as the tab is open, whatever page it shows; one topic at a time."""
    token = state.router.session.client_token
    _forget(_own, token)
    _add(_own, token, refresh, (topic,))


def leave(token: str) -> None:
    """Forget what the page of the tab `token` watches."""
    _forget(_topics, token)


def _add(kept: dict[str, set[str]], token: str, refresh: Refresh, topics: Iterable[str]) -> None:
    for topic in topics:
        _watching[topic][token] = refresh
        kept[token].add(topic)


def _forget(kept: dict[str, set[str]], token: str) -> None:
    for topic in kept.pop(token, ()):
        _watching[topic].pop(token, None)
        if not _watching[topic]:
            del _watching[topic]


BOARD_SECONDS = 1.0
"""How long the staff's pages, which hear of everything that happens, wait before they look again."""


class Courier:
    """Carries the news of this process to its tabs, many at once when they come in a burst."""

    def __init__(self, app: rx.App) -> None:
        self.app = app
        self.board_rests = False
        """Whether the staff's pages have just looked: what comes meanwhile is told to them afterwards, at once."""
        self.board_news = False
        self.loop = asyncio.get_running_loop()
        self.news: set[str] = set()
        self.ready = asyncio.Event()

    def hear(self, topics: frozenset[str]) -> None:
        """Take news from any thread; returns at once."""
        self.loop.call_soon_threadsafe(self._note, topics)

    def _note(self, topics: frozenset[str]) -> None:
        self.news |= topics
        self.ready.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        live.listen(self.hear)
        try:
            while True:
                await self.ready.wait()
                self.ready.clear()
                topics, self.news = self.news, set()
                await self._deliver(self._paced(topics))
        finally:
            live.forget(self.hear)

    def _paced(self, topics: set[str]) -> set[str]:
        """The topics that are told now: a rush of payments must not make every open board read all of them."""
        if live.ADMINS not in topics:
            return topics
        if self.board_rests:
            self.board_news = True
            return topics - {live.ADMINS}
        self.board_rests = True
        self.loop.call_later(BOARD_SECONDS, self._rested)
        return topics

    def _rested(self) -> None:
        self.board_rests = False
        if self.board_news:
            self.board_news = False
            self._note(frozenset({live.ADMINS}))

    async def _deliver(self, topics: set[str]) -> None:
        heard = _watching if live.EVERYTHING in topics else topics & _watching.keys()
        tabs = {(token, refresh) for topic in tuple(heard) for token, refresh in _watching[topic].items()}
        if not tabs:
            return
        namespace = self.app.event_namespace
        connected = namespace.token_to_sid if namespace else {}
        for token, refresh in tabs:
            if token in connected:
                await self.app.event_processor.enqueue(token, Event.from_event_type(refresh)[0])
            else:
                leave(token)
                _forget(_own, token)
