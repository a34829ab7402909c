"""The gateways' notifications: the list, one of them, once more, and what never came."""

from typing import ClassVar, cast
from urllib.parse import urlencode

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.domain import staff
from pecapp.services import live as topics
from pecapp.services.admin import comparison, keyset, lists, webhooks
from pecapp.ui import live
from pecapp.ui.states import session

ROUTE = "/admin/notifiche"
FILTERS = {"stato": "status", "gateway": "gateway", "tipo": "type"}
"""What can be asked of the list, by its name in the address."""
SAID, AT = "cerca", "da"
ASKED = (*FILTERS, lists.SINCE, lists.UNTIL, SAID)
DAYS = ("1", "2", "7", "29")
_LARGEST = 2**53
_LONGEST = 400
NOTHING = webhooks.EventView(webhooks.EventRow(0, "", "", "", "", "", 0, "", "", listed=False), [], [], "", "", False)  # noqa: FBT003


class Events(rx.State):
    """The list. What it shows stands in its address."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    rows: list[webhooks.EventRow] = []
    types: list[str] = []
    chosen: list[int] = []
    """The notifications that are ticked, all of them on this page."""
    asked: dict[str, str] = dict.fromkeys(ASKED, "")
    newer: str = ""
    older: str = ""
    partial: bool = False

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for, and follow what comes."""
        live.watch(self, Events.refresh, topics.ADMINS)
        self.chosen, self.types = [], await session.call(self, webhooks.types)
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again; what is ticked and still there stays ticked."""
        await self._read()
        here = {row.id for row in self.rows}
        self.chosen = [one for one in self.chosen if one in here]

    async def _read(self) -> None:
        query = self.router.url.query_parameters
        said = {name: session.text(query.get(name), _LONGEST) for name in (*ASKED, AT)}
        lang = await session.lang(self)
        self.asked = {name: said[name] for name in ASKED}
        if said[SAID]:
            self.rows = await session.call(self, webhooks.find, said[SAID], lang)
            self.newer, self.older, self.partial = "", "", False
            return
        filters = {column: said[name] for name, column in FILTERS.items() if said[name]}
        since, until = (lists.day(said[name]) for name in (lists.SINCE, lists.UNTIL))
        asked = keyset.Asked(filters=filters, since=since, until=until, at=said[AT])
        page = await session.call(self, webhooks.page, asked, lang)
        self.rows, self.partial = page.rows, page.partial
        self.newer, self.older = (_address({**self.asked, AT: at}) if at else "" for at in (page.before, page.after))

    @rx.event
    async def narrow(self, data: object) -> EventSpec:
        """Show what the form asks for, at an address of its own."""
        typed = session.form(data)
        return cast("EventSpec", rx.redirect(_address({name: typed.get(name, "") for name in ASKED})))

    @rx.event
    async def choose(self, event_id: object, ticked: object) -> None:
        """Tick one of the page, or take it away."""
        number = session.whole(event_id, 1, _LARGEST)
        if number is None or all(row.id != number for row in self.rows):
            return
        others = [one for one in self.chosen if one != number]
        self.chosen = [*others, number] if ticked is True else others

    @rx.event
    async def choose_all(self, ticked: object) -> None:
        """Tick all of the page, or none."""
        self.chosen = [row.id for row in self.rows] if ticked is True else []


def _address(query: dict[str, str]) -> str:
    said = urlencode({name: value for name, value in query.items() if value})
    return f"{ROUTE}?{said}" if said else ROUTE


class OneEvent(rx.State):
    """One notification."""

    _policy: ClassVar[str] = "admin"
    event: webhooks.EventView = NOTHING
    asked: str = ""
    """The number for which `event` is the answer, in the address."""

    @rx.event
    async def load(self) -> None:
        """Show the notification of the address and follow what becomes of it."""
        said = session.text(self.router.url.path.strip("/").rpartition("/")[2], 20)
        live.watch(self, OneEvent.refresh, topics.ADMINS)
        await self._read(session.whole(said, 1, _LARGEST) or 0)
        self.asked = said

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        if self.event.row.id:
            await self._read(self.event.row.id)

    async def _read(self, event_id: int) -> None:
        try:
            self.event = await session.call(self, webhooks.one, event_id, await session.lang(self))
        except errors.NotFound:
            self.event = NOTHING


class Comparing(rx.State):
    """Our notifications beside a gateway's own list."""

    _policy: ClassVar[str] = "admin"
    found: comparison.Comparison = comparison.Comparison()
    busy: bool = False
    problem: str = ""
    days: str = "2"

    @rx.event(temporal=True)
    async def compare(self, data: object) -> None:
        """Ask the gateway of the form for what it has told since then."""
        typed = session.form(data)
        gateway, days = typed.get("compare_gateway", ""), typed.get("days", "")
        self.days = days if days in DAYS else self.days
        await self._look(gateway)

    async def _look(self, gateway: str) -> None:
        since = comparison.days_ago(int(self.days))
        self.found, self.problem = comparison.Comparison(), ""
        try:
            self.found = await session.call(self, comparison.missing, gateway, since, await session.lang(self))
        except (errors.NotFound, errors.TooMany, errors.Unavailable) as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))


class Replaying(rx.State):
    """The acts on notifications: handled once more, fetched. Each is asked first, and wants a reason."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.REPLAY
    problem: str = ""
    answers: int = 0
    """How many acts were done: each time the dialog that asked closes."""

    @rx.event
    async def ask(self) -> None:
        """Open a question: what went wrong with the one before is not said any more."""
        await session.hush(self)
        self.problem = ""

    @rx.event(temporal=True)
    async def replay_chosen(self, data: object) -> EventSpec | None:
        """Have the ticked ones of the list handled again."""
        events = await self.get_state(Events)
        if not events.chosen:
            self.problem = i18n.text("admin.event.replay.none", await session.lang(self))
            return rx.set_focus("replay_why")
        answer = await self._replay(list(events.chosen), data)
        if not self.problem:
            events.chosen = []
            await events._read()  # noqa: SLF001  (its own page, which shows what has changed)
        return answer

    @rx.event(temporal=True)
    async def replay_one(self, data: object) -> EventSpec | None:
        """Have the notification of the page handled again."""
        page = await self.get_state(OneEvent)
        answer = await self._replay([page.event.row.id], data)
        if not self.problem:
            await page._read(page.event.row.id)  # noqa: SLF001  (its own page, which shows what has changed)
        return answer

    async def _replay(self, ids: list[int], data: object) -> EventSpec:
        try:
            count = await session.call(self, webhooks.replay, ids, session.form(data).get("replay_why", ""))
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("replay_why")
        self.problem = ""
        self.answers += 1
        await session.tell(self, "admin.event.replay.done", tone="success", count=count)
        return rx.set_focus("main")

    @rx.event(temporal=True)
    async def fetch(self, data: object) -> EventSpec:
        """Take over what is missing by the comparison on the page."""
        comparing = await self.get_state(Comparing)
        gateway, since = comparing.found.gateway, comparison.days_ago(int(comparing.days))
        why = session.form(data).get("fetch_why", "")
        try:
            count = await session.call(self, comparison.fetch_missing, gateway, since, why)
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("fetch_why")
        self.problem = ""
        self.answers += 1
        await comparing._look(gateway)  # noqa: SLF001  (its own page, which shows what has changed)
        await session.tell(self, "admin.event.fetch.done", tone="success", count=count)
        return rx.set_focus("main")
