"""Who is of the staff: for the owner."""

from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.domain import staff
from pecapp.services import live as topics
from pecapp.services.admin import people
from pecapp.ui import live
from pecapp.ui.states import session

INVITATION = ("email", "role", "invite_why")
"""The fields of the form that invites, as they stand."""


class People(session.Form, rx.State):
    """The members of the staff."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.STAFF
    ready: bool = False
    members: list[people.Member] = []
    invited: int = 0
    """How many were invited: each time the form is empty again."""

    @rx.event
    async def load(self) -> None:
        """Show everybody, and follow who comes and goes."""
        live.watch(self, People.refresh, topics.ADMINS)
        self.errors = {}
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
        await session.hush(self)
        typed = session.form(data)
        email, role, why = (typed.get(name, "") for name in INVITATION)
        try:
            await session.call(self, people.invite, email, role, why)
        except errors.Invalid as refusal:
            _, wrong = people.check_address(email)
            # the service names the first thing that it meets; who has filled in nothing is told of everything
            found = _named(refusal) | ({"email": wrong} if wrong else {})
            self.errors = i18n.field_texts(errors.Invalid(found), await session.lang(self))
            return next((rx.set_focus(name) for name in INVITATION if name in found), None)
        self.errors = {}
        self.invited += 1
        await session.tell(self, "staff.people.invited", tone="success")
        await self._read()
        return None

    @rx.event(temporal=True)
    async def change(self, data: object) -> None:
        """Give a member another role."""
        await session.hush(self)
        typed = session.form(data)
        member = session.whole(typed.get("member", ""), 1, 2**53) or 0
        try:
            await session.call(self, people.set_role, member, typed.get("role", ""), typed.get("change_why", ""))
        except errors.PecError as refusal:
            await session.tell(self, refusal.code)
        else:
            await session.tell(self, "staff.people.changed", tone="success")
        await self._read()


def _named(refusal: errors.Invalid) -> dict[str, str]:
    """What is wrong with an invitation, by the names of its form."""
    return {"invite_why" if name == "why" else name: code for name, code in refusal.fields.items()}
