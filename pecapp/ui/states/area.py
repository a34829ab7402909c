"""Area Clienti: the services, the orders to pay, and the letters that were sent."""

from typing import ClassVar

import reflex as rx

from pecapp import errors
from pecapp.services import live as topics
from pecapp.services import orders, outbox, subscriptions, views
from pecapp.ui import live
from pecapp.ui.states import session

DISABLE_DIALOG = "disattiva-rinnovo"
NOTHING = views.ServiceView(0, "", "", "", "", "", "")
LETTERS = 30
"""How many of the newest letters the area shows."""


class Area(rx.State):
    """What the customer has with us, read again whenever it changes."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    services: list[views.ServiceView] = []
    unpaid: list[views.OrderRowView] = []
    mails: list[views.MailView] = []
    chosen: views.ServiceView = NOTHING
    """What the dialog asks about."""

    @rx.event
    async def load(self) -> None:
        """Read the area and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Area.refresh, topics.account(account_id))
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the area again."""
        await self._read()

    async def _read(self) -> None:
        lang = await session.lang(self)
        self.services = await session.call(self, orders.services, lang)
        self.unpaid = await session.call(self, orders.unpaid, lang)
        self.mails = await session.call(self, outbox.of_account, LETTERS)

    @rx.event
    async def choose(self, service_id: object) -> None:
        """Open the question about the renewal of one of the services."""
        asked = session.whole(service_id, 1, 2**53)
        self.chosen = next((service for service in self.services if service.id == asked), NOTHING)

    @rx.event(temporal=True)
    async def disable(self) -> None:
        """«Disattiva», confirmed: nothing will be debited for the service."""
        try:
            await session.call(self, subscriptions.disable, self.chosen.id)
        except errors.NotFound:
            await session.tell(self, "SER_NON_TROVATO")
        else:
            await session.tell(self, "area.disabled", tone="success")
        await self._read()
