"""Area Clienti: the services, the orders to pay, and the letters that were sent."""

from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp.services import correspondence, orders, portfolio, renewal_views, views
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import session

LETTERS = 30
"""How many of the newest letters the area shows."""
LETTERS_ID = "comunicazioni"
"""The place of the letters, which other pages lead to."""


class Area(rx.State):
    """What the customer has with us, read again whenever it changes."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    services: list[renewal_views.ServiceView] = []
    unpaid: list[views.OrderRowView] = []
    mails: list[views.MailView] = []

    @rx.event
    async def load(self) -> EventSpec | None:
        """Read the area and follow the account; who was led to the letters arrives at them."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Area.refresh, topics.account(account_id))
        await self._read()
        self.ready = True
        return rx.set_focus(LETTERS_ID) if self.router.url.fragment == LETTERS_ID else None

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the area again."""
        await self._read()

    async def _read(self) -> None:
        lang = await session.lang(self)
        self.services = await session.call(self, portfolio.listing, lang)
        self.unpaid = await session.call(self, orders.unpaid, lang)
        self.mails = await session.call(self, correspondence.of_account, LETTERS)
