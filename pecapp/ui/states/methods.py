"""«Metodi di pagamento»: what the customer has let us keep, and its removal."""

from typing import ClassVar

import reflex as rx

from pecapp import errors
from pecapp.services import live as topics
from pecapp.services import methods, views
from pecapp.ui import live
from pecapp.ui.states import session

REMOVE_DIALOG = "rimuovi-metodo"
NOTHING = views.MethodView(0, "", "", "", "")


class Methods(rx.State):
    """The kept methods, read again whenever the account changes, here or at a gateway."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    rows: list[views.MethodView] = []
    chosen: views.MethodView = NOTHING
    """What the dialog asks about."""

    @rx.event
    async def load(self) -> None:
        """Read the methods and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Methods.refresh, topics.account(account_id))
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the methods again."""
        await self._read()

    async def _read(self) -> None:
        self.rows = await session.call(self, methods.listing, await session.lang(self))
        self.chosen = next((row for row in self.rows if row.id == self.chosen.id), NOTHING)

    @rx.event
    async def choose(self, method_id: object) -> None:
        """Open the question about one of the methods."""
        asked = session.whole(method_id, 1, 2**53)
        self.chosen = next((row for row in self.rows if row.id == asked), NOTHING)

    @rx.event(temporal=True)
    async def remove(self) -> None:
        """«Rimuovi», confirmed. What is gone already stays gone."""
        try:
            await session.call(self, methods.remove, self.chosen.id)
        except errors.NotFound:
            await session.tell(self, "MET_NON_TROVATO")
        else:
            await session.tell(self, "method.removed", tone="success")
        await self._read()
