"""How long the session of a member of staff still lasts, in every page of theirs that is open."""

import asyncio
from typing import Any, ClassVar
from urllib.parse import quote

import reflex as rx

from pecapp import errors
from pecapp.services import access
from pecapp.services import live as topics
from pecapp.services.admin import lasting as services
from pecapp.ui import live
from pecapp.ui.states import session

SIGN_IN = "/accedi"


class Lasting(rx.State):
    """What a page says of its session when that is about to end; once it has ended, the page leaves."""

    _policy: ClassVar[str] = "public"  # whose session has ended is nobody any more, and must be told
    ends: str = ""
    """When the session ends; empty while that is far."""
    final: bool = False
    """Whether it can be prolonged no more."""
    way_back: str = ""
    """Once the session has ended: where one signs in again and comes back here."""
    _of_staff: bool = False
    """Whether this tab belongs to a member of staff."""

    async def _follow(self, found: access.Actor) -> None:
        """The tab was opened by a member of staff: follow their session, whatever page it shows."""
        self._of_staff = True
        live.watch_always(self, Lasting.refresh, topics.session(found.session_id))
        await self._look(found)

    @rx.event
    async def refresh(self) -> None:
        """Look again: the session is about to end, has ended, or goes on."""
        if self._of_staff:
            await self._look(await session.actor(self))

    @rx.event
    async def prolong(self) -> Any:
        """Stay signed in: to ask for it is a use of the session, as every other act is."""
        who = await session.actor(self)
        access.staff(who)
        await self._look(who)
        if not self.ends:
            await session.tell(self, "staff.session.goes_on", tone="success")
        return rx.set_focus("main")

    async def _look(self, who: access.Actor) -> None:
        self.ends, self.final, self.way_back = "", False, ""
        try:
            near = await asyncio.to_thread(services.ending, who, await session.lang(self))
        except errors.Forbidden:
            here = self.router.url
            path = f"{here.path}?{here.query}" if here.query else here.path
            self.way_back = f"{SIGN_IN}?finita=1&next={quote(path, safe='')}"
            return
        if near is not None:
            self.ends, self.final = near.at, near.final
