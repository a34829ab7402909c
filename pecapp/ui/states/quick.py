"""«Paga subito un ordine»: paying by number, without signing in, seeing next to nothing of the order."""

import asyncio
from collections.abc import AsyncIterator
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services import means, orders, payments, views
from pecapp.ui import live
from pecapp.ui.states import session

NO_SUMMARY = views.QuickOrderView("", [], "", "", [])
NO_ORDER = views.OrderView()


class Quick(session.Form, rx.State):
    """Number and means, then the summary, then the bank."""

    _policy: ClassVar[str] = "public"
    means: list[views.MeansView] = []
    gateway: str = ""
    summary: views.QuickOrderView = NO_SUMMARY
    going: bool = False
    ready: bool = False

    @rx.event
    async def load(self) -> None:
        """Start with an empty question; a number in the address (from a mail) is filled in, nothing is looked up."""
        number = session.text(self.router.url.query_parameters.get("numero"), 20)
        self.means = means.new(await session.lang(self), beside=False)
        self.typed = {"number": number} if number else {}
        self.summary, self.errors, self.going, self.gateway = NO_SUMMARY, {}, False, ""
        self.ready = True

    @rx.event
    async def look(self, data: object) -> EventSpec | None:
        """«Paga»: the summary of a payable order, or the same words for every other number."""
        typed = session.form(data)
        self.typed = typed
        try:
            found = await self._found(typed)
        except errors.Invalid as bad:
            return await self._refuse(bad)
        self.errors, self.gateway, self.summary = {}, typed["gateway"], found
        return rx.set_focus("main")

    async def _found(self, typed: dict[str, str]) -> views.QuickOrderView:
        wrong = {"number": "CAMPO_OBBLIGATORIO"} if not typed.get("number") else {}
        if typed.get("gateway") not in means.offered():
            wrong["gateway"] = "METODO_MANCANTE"
        if wrong:
            raise errors.Invalid(wrong)
        number = "".join(typed["number"].split())
        try:
            address = (await session.actor(self)).ip
            return await asyncio.to_thread(orders.quick, number, address, await session.lang(self))
        except (errors.NotFound, errors.TooMany) as problem:
            raise errors.Invalid({"number": problem.code}, "DATI_NON_VALIDI", **problem.params) from problem

    @rx.event
    async def back(self) -> EventSpec:
        """Back to the number, with what was typed."""
        self.summary = NO_SUMMARY
        return rx.set_focus("number")

    @rx.event(background=True, temporal=True)
    async def pay(self) -> AsyncIterator[EventSpec]:
        """«Procedi»: to the bank's page. Nothing is saved, no renewal is touched."""
        async with self:
            if self.going or not self.summary.number:
                return
            self.going = True
            number, gateway, lang = self.summary.number, self.gateway, await session.lang(self)
        try:
            url = await payments.quick_pay(number, gateway)
        except errors.PecError as problem:
            async with self:
                self.going, self.summary = False, NO_SUMMARY
                self.errors = {"number": i18n.error_text(problem, lang)}
        else:
            yield rx.redirect(url)


class QuickOutcome(rx.State):
    """How a quick payment ended, for the browser that made it; moves by itself while the bank decides."""

    _policy: ClassVar[str] = "public"
    ready: bool = False
    attempt_id: str = ""
    order: views.OrderView = NO_ORDER

    @rx.event
    async def load(self) -> None:
        """Show the payment of the address and follow it."""
        self.attempt_id = session.text(self.router.url.query_parameters.get("tentativo"), 64)
        await self._read()
        if self.order.number:
            followed = await asyncio.to_thread(orders.quick_topics, self.attempt_id)
            live.watch(self, QuickOutcome.refresh, topics.order(followed.order_id))
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the payment again."""
        await self._read()

    async def _read(self) -> None:
        try:
            self.order = await asyncio.to_thread(orders.quick_outcome, self.attempt_id, await session.lang(self))
        except errors.NotFound:
            self.order = NO_ORDER
