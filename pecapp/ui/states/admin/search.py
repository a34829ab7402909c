"""The search of the staff."""

from typing import ClassVar

import reflex as rx

from pecapp.services.admin import search, views
from pecapp.ui.states import session

NOTHING = views.FoundView()
_LONGEST = 120


class Search(rx.State):
    """`/admin/cerca?q=`: what was found for what was typed."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    typed: str = ""
    found: views.FoundView = NOTHING

    @rx.var
    def nothing(self) -> bool:
        """Whether nothing was found."""
        return self.found == NOTHING

    @rx.event
    async def load(self) -> None:
        """Look for what the address asks for."""
        self.typed = session.text(self.router.url.query_parameters.get("q"), _LONGEST)
        self.found = await session.call(self, search.find, self.typed, await session.lang(self))
        self.ready = True
