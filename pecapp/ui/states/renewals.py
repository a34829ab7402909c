"""The customer's renewals, and «Perché questo addebito?» for one of them."""

from typing import ClassVar

import reflex as rx

from pecapp import errors
from pecapp.services import history, history_views, orders
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = history_views.ChainView()


class Renewals(rx.State):
    """All renewals of the customer, newest first, read again whenever the account changes."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    rows: list[history_views.RenewalRowView] = []
    more: bool = False
    """Whether there may be earlier ones."""

    @rx.event
    async def load(self) -> None:
        """Read the newest and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Renewals.refresh, topics.account(account_id))
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again at as many as are shown."""
        await self._read()

    @rx.event
    async def older(self) -> None:
        """Show the next earlier ones below those that are shown."""
        if self.more:
            added = await session.call(self, history.listing, await session.lang(self), self.rows[-1].number)
            self.rows, self.more = self.rows + added, len(added) == history.PAGE

    async def _read(self) -> None:
        shown = max(len(self.rows), history.PAGE)
        self.rows = await session.call(self, history.listing, await session.lang(self), limit=shown)
        self.more = len(self.rows) == shown


class Chain(rx.State):
    """One renewal with the chain behind it."""

    _policy: ClassVar[str] = "customer"
    asked: str = ""
    """The number that was asked for, once it was looked up."""
    chain: history_views.ChainView = NOTHING
    """Without a number: there is no such renewal, or it is another customer's."""

    @rx.event
    async def load(self) -> None:
        """Show the renewal of the address and follow it from now on."""
        number = session.text(self.router.url.path.strip("/").rpartition("/")[2], 20)
        if number != self.chain.number:
            self.chain = NOTHING
        if await self._follow(number):
            await self._read(number)
        self.asked = number

    async def _follow(self, number: str) -> bool:
        """Follow the order, before it is read: what happens in between is then not missed."""
        try:
            followed = await session.call(self, orders.topics, number)
        except errors.NotFound:
            self.chain = NOTHING
            return False
        live.watch(self, Chain.refresh, topics.order(followed.order_id), topics.account(followed.account_id))
        return True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the renewal again: something may have happened to it."""
        if self.chain.number:
            await self._read(self.chain.number)

    async def _read(self, number: str) -> None:
        try:
            self.chain = await session.call(self, history.chain, number, await session.lang(self))
        except errors.NotFound:
            self.chain = NOTHING
