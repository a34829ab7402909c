"""«Recedere dal contratto qui»: the declaration, what it brings about, the confirmation; with or without signing in."""

import asyncio
from typing import ClassVar
from uuid import uuid4

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import accounts, withdrawal_views, withdrawals
from pecapp.ui.states import session

NO_PROSPECT = withdrawal_views.ProspectView()
NO_ACKNOWLEDGEMENT = withdrawal_views.AcknowledgementView()
FIELDS = ("name", "number", "email")


class Declaration(session.Form, rx.State):
    """First who, from what and where to confirm it; then what happens; then when it was received."""

    _policy: ClassVar[str] = "public"
    ready: bool = False
    contracts: list[withdrawal_views.ContractView] = []
    """Those of whoever has signed in; empty for strangers."""
    by_number: bool = True
    """Whether the contract is named by its number, not chosen."""
    known: bool = False
    """Whether somebody has signed in."""
    prospect: withdrawal_views.ProspectView = NO_PROSPECT
    """Without a name: nothing was declared yet."""
    done: withdrawal_views.AcknowledgementView = NO_ACKNOWLEDGEMENT
    problem: str = ""
    """Why the confirmation could not be taken, in words."""
    _declaration: str = ""
    """Name of the declaration that is about to be confirmed: pressed twice, it is one."""

    @rx.event
    async def load(self) -> None:
        """Begin anew; for who has signed in with their contracts and data, and the order of the address chosen."""
        who = await session.actor(self)
        self.contracts = await session.call(self, withdrawals.contracts, await session.lang(self))
        number = session.text(self.router.url.query_parameters.get("ordine"), 20)
        typed = {"number": number}
        if who.signed_in:
            holder = await asyncio.to_thread(accounts.holder, who)
            typed |= {"name": holder.display_name.strip(), "email": holder.email}
        numbers = {one.number for one in self.contracts}
        self.by_number = not numbers or (number != "" and number not in numbers)
        self.typed = {name: value for name, value in typed.items() if value}
        self.known, self.errors, self.problem = who.signed_in, {}, ""
        self.prospect, self.done, self._declaration = NO_PROSPECT, NO_ACKNOWLEDGEMENT, ""
        self.ready = True

    @rx.event
    async def name_another(self) -> EventSpec:
        """Name an order that is not among the contracts shown."""
        self.by_number = True
        self._take("number", "")
        return rx.set_focus("number")

    @rx.event
    async def review(self, data: object) -> EventSpec | None:
        """«Prosegui»: show the declaration, and what it brings about where that may be shown."""
        typed = session.form(data)
        self.typed = {name: typed.get(name, "") for name in FIELDS}
        try:
            found = await session.call(self, withdrawals.prepare, self.typed, await session.lang(self))
        except errors.Invalid as bad:
            return await self._refuse(bad)
        self.errors, self.problem, self.prospect, self._declaration = {}, "", found, uuid4().hex
        return rx.set_focus("main")

    @rx.event
    async def back(self) -> EventSpec:
        """Back to the declaration, with what was typed."""
        self.prospect, self.problem, self._declaration = NO_PROSPECT, "", ""
        return rx.set_focus("main")

    @rx.event(temporal=True)
    async def confirm(self) -> EventSpec | None:
        """«Conferma recesso»."""
        if not self._declaration:
            return None
        typed, lang = {name: getattr(self.prospect, name) for name in FIELDS}, await session.lang(self)
        try:
            self.done = await session.call(self, withdrawals.declare, self._declaration, typed, lang)
        except errors.Invalid as bad:
            self.problem = next(iter(i18n.field_texts(bad, lang).values()), i18n.error_text(bad, lang))
        except errors.PecError as problem:
            self.problem = i18n.error_text(problem, lang)
        else:
            self.prospect, self.problem, self._declaration = NO_PROSPECT, "", ""
            return rx.set_focus("main")
        return None
