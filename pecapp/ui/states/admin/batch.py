"""The rehearsal of a day's debits, piece by piece, and the brake."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any, ClassVar

import reflex as rx

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services.admin import batch
from pecapp.ui import live
from pecapp.ui.states import session

SHOWN = 200
NO_BRAKE = batch.Brake()


class Batch(rx.State):
    """What one day will debit."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    days: list[tuple[str, str]] = []
    """Each day that can be chosen, and its words."""
    day: str = ""
    brake: batch.Brake = NO_BRAKE
    debits: list[batch.Debit] = []
    """Those to look at first; at most `SHOWN`."""
    done: int = 0
    checking: bool = False
    total: str = ""
    covered: int = 0
    at_risk: int = 0
    uncovered: int = 0
    different: int = 0
    _run: int = 0
    """Which look it is: one that another has taken the place of stops."""
    _again: bool = False
    """Whether something happened during the look that is under way: there is one more after it, however much it was."""

    @rx.event
    async def load(self) -> Any:
        """Show today's debits, and follow the brake."""
        live.watch(self, Batch.refresh, topics.ADMINS)
        lang = await session.lang(self)
        self.days = batch.days(lang)
        self.day = self.day if self.day in dict(self.days) else self.days[0][0]
        self.brake = await session.call(self, batch.stopped, lang)
        self.ready = True
        return Batch.look

    @rx.event
    async def choose(self, day: object) -> Any:
        """Look at another day."""
        wanted = session.text(day, 10)
        if wanted not in dict(self.days):
            return None
        self.day = wanted
        return Batch.look

    @rx.event(supersedes=True)
    async def refresh(self) -> Any:
        """Something was held, released or debited: look again."""
        self.brake = await session.call(self, batch.stopped, await session.lang(self))
        if self.checking:
            self._again = True
            return None
        return Batch.look

    @rx.event(background=True)
    async def look(self) -> AsyncIterator[Any]:
        """Go through the day, a piece at a time, and say how far it is."""
        async with self:
            self._run += 1
            run, day, lang = self._run, date.fromisoformat(self.day), await session.lang(self)
            self.checking, self._again = True, False
        after, seen, cents = 0, [], 0
        lights: dict[str, int] = {}
        different = done = 0
        while True:
            try:
                piece = await session.call(self, batch.rehearse, day, after, lang)
            except errors.PecError:
                break
            done, cents, different = done + len(piece.debits), cents + piece.cents, different + piece.different
            lights = {name: lights.get(name, 0) + piece.lights.get(name, 0) for name in {*lights, *piece.lights}}
            seen = sorted([*seen, *piece.debits], key=_calm)[:SHOWN]
            after = piece.after
            async with self:
                if self._run != run:
                    return
                self.debits, self.done, self.total = seen, done, i18n.money(cents, lang)
                self.covered, self.at_risk = lights.get("covered", 0), lights.get("at_risk", 0)
                self.uncovered, self.different = lights.get("uncovered", 0), different
                self.checking = bool(after)
                again = self._again and not after
            yield Batch.look if again else None
            if not after:
                return
        async with self:
            self.checking = False


def _calm(debit: batch.Debit) -> tuple[bool, bool, bool]:
    """What to look at comes first: held, then what will go wrong, then what differs; else in their own order."""
    return (not debit.held, debit.light == "covered", not debit.before)
