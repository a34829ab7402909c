"""The list of contested payments."""

from typing import ClassVar, cast
from urllib.parse import urlencode

import reflex as rx
from reflex.event import EventSpec

from pecapp.services import live as topics
from pecapp.services.admin import contests, keyset
from pecapp.ui import live
from pecapp.ui.states import session

ROUTE = "/admin/contestazioni"
STATUS, AT = "stato", "da"
_LONGEST = 400


class Disputes(rx.State):
    """What it shows stands in its address."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    rows: list[contests.DisputeRow] = []
    status: str = ""
    newer: str = ""
    older: str = ""

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for, and follow what comes."""
        live.watch(self, Disputes.refresh, topics.ADMINS)
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        query = self.router.url.query_parameters
        status, at = (session.text(query.get(name), _LONGEST) for name in (STATUS, AT))
        asked = keyset.Asked(filters={"status": status} if status else {}, at=at)
        page = await session.call(self, contests.page, asked, await session.lang(self))
        self.rows, self.status = page.rows, status
        self.newer, self.older = (_address(status, at) if at else "" for at in (page.before, page.after))

    @rx.event
    async def narrow(self, data: object) -> EventSpec:
        """Show what the form asks for, at an address of its own."""
        return cast("EventSpec", rx.redirect(_address(session.form(data).get(STATUS, ""), "")))


def _address(status: str, at: str) -> str:
    said = urlencode({name: value for name, value in ((STATUS, status), (AT, at)) if value})
    return f"{ROUTE}?{said}" if said else ROUTE
