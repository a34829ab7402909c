"""The page that adds or replaces a means of payment: what it will do, and the way to the gateway's page."""

from collections.abc import AsyncIterator
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services import method_forms, renewal_views
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = renewal_views.SavingPlanView()


class NewMethod(session.Form, rx.State):
    """What keeping a new method will do, read again whenever the account changes."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    asked: str = ""
    """The method that the address wants replaced, once it was looked up; empty to add one."""
    found: bool = False
    """Whether there is something to do: not when the asked method is gone, or another customer's."""
    plan: renewal_views.SavingPlanView = NOTHING
    going: bool = False
    """Whether the gateway's page is being opened."""
    problem: str = ""
    """Why it could not be opened, in words."""

    @rx.event
    async def load(self) -> None:
        """Say what the address asks for, and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, NewMethod.refresh, topics.account(account_id))
        self.asked = session.text(self.router.url.query_parameters.get("sostituisce"), 20)
        self.errors, self.going, self.problem = {}, False, ""
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again: other renewals, another amount."""
        await self._read()

    async def _read(self) -> None:
        replaces = session.whole(self.asked, 1, 2**53)
        try:
            if self.asked and replaces is None:
                raise errors.NotFound("MET_NON_TROVATO")
            self.plan = await session.call(self, method_forms.plan, await session.lang(self), replaces)
            self.found = True
        except errors.NotFound:
            self.plan, self.found = NOTHING, False

    @rx.event(background=True, temporal=True)
    async def begin(self, data: object) -> AsyncIterator[EventSpec]:
        """«Prosegui»: to the gateway's page, the same when pressed twice; a click made offline is not sent later."""
        async with self:
            if self.going or not self.found:
                return
            self.going, self.errors, self.problem = True, {}, ""
            typed = session.form(data) | {"replaces": self.asked}
            lang = await session.lang(self)
        try:
            url = await session.call(self, method_forms.begin, typed, lang)
        except errors.Invalid as bad:
            async with self:
                self.going = False
                focus = await self._refuse(bad)
            yield focus
        except errors.PecError as problem:
            async with self:
                self.going, self.problem = False, i18n.error_text(problem, lang)
                await self._read()
        else:
            yield rx.redirect(url)
