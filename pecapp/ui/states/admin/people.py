"""Who is of the staff, and what they did: for the owner."""

from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.domain import staff
from pecapp.services import live as topics
from pecapp.services.admin import people, register
from pecapp.ui import live
from pecapp.ui.states import session


class People(session.Form, rx.State):
    """The members of the staff."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.STAFF
    ready: bool = False
    members: list[people.Member] = []
    problem: str = ""
    invited: int = 0
    """How many were invited: each time the form is empty again."""

    @rx.event
    async def load(self) -> None:
        """Show everybody, and follow who comes and goes."""
        live.watch(self, People.refresh, topics.ADMINS)
        self.problem = ""
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        self.members = await session.call(self, people.listing)

    @rx.event(temporal=True)
    async def invite(self, data: object) -> EventSpec | None:
        """Invite somebody."""
        typed = session.form(data)
        try:
            await session.call(
                self, people.invite, typed.get("email", ""), typed.get("role", ""), typed.get("invite_why", "")
            )
        except errors.Invalid as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("email")
        self.problem = ""
        self.invited += 1
        await session.tell(self, "staff.people.invited", tone="success")
        await self._read()
        return None

    @rx.event(temporal=True)
    async def change(self, data: object) -> None:
        """Give a member another role."""
        typed = session.form(data)
        member = session.whole(typed.get("member", ""), 1, 2**53) or 0
        try:
            await session.call(self, people.set_role, member, typed.get("role", ""), typed.get("change_why", ""))
        except errors.PecError as refusal:
            await session.tell(self, refusal.code)
        else:
            await session.tell(self, "staff.people.changed", tone="success")
        await self._read()


class Register(rx.State):
    """What the staff did."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.STAFF
    ready: bool = False
    acts: list[register.Act] = []
    more: bool = False

    @rx.event
    async def load(self) -> None:
        """Show the latest acts."""
        self.acts = await self._page(None)
        self.ready = True

    @rx.event
    async def older(self) -> None:
        """Show the acts before those that are shown."""
        if self.acts:
            self.acts = self.acts + await self._page(self.acts[-1].act_id)

    async def _page(self, before: int | None) -> list[register.Act]:
        found = await session.call(self, register.listing, await session.lang(self), before)
        self.more = len(found) == register.PAGE
        return found
