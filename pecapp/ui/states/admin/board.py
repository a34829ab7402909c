"""The board: read when it is opened and whenever anything happens."""

from typing import ClassVar

import reflex as rx

from pecapp.services import live as topics
from pecapp.services.admin import board as services
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = services.BoardView()


class Board(rx.State):
    """What is happening now."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    board: services.BoardView = NOTHING

    @rx.event
    async def load(self) -> None:
        """Show the board and follow it from now on."""
        live.watch(self, Board.refresh, topics.ADMINS)
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        self.board = await session.call(self, services.figures, await session.lang(self))
