"""The rehearsal of a day's debits, piece by piece, and the brake."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, cast

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services.admin import batch
from pecapp.ui import live
from pecapp.ui.states import session

ROUTE, DAY = "/admin/addebiti", "giorno"
SHOWN = 200
NO_BRAKE = batch.Brake()


class Batch(rx.State):
    """What the day of the address will debit; today without one."""

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
    held: int = 0
    held_total: str = ""
    different: int = 0
    _run: int = 0
    """Which look it is: one that another has taken the place of stops."""
    _again: bool = False
    """Whether something happened during the look that is under way: there is one more after it, however much it was."""

    @rx.event
    async def load(self) -> Any:
        """Show the debits of the day, and follow the brake."""
        live.watch(self, Batch.refresh, topics.ADMINS)
        lang = await session.lang(self)
        self.days = batch.days(lang)
        asked = session.text(self.router.url.query_parameters.get(DAY), 10)
        self.day = asked if asked in dict(self.days) else self.days[0][0]
        self.brake = await session.call(self, batch.stopped, lang)
        self.ready = True
        return Batch.look

    @rx.event
    async def choose(self, day: object) -> EventSpec | None:
        """Look at another day, at an address of its own."""
        wanted = session.text(day, 10)
        if wanted not in dict(self.days):
            return None
        return cast("EventSpec", rx.redirect(f"{ROUTE}?{DAY}={wanted}"))

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
        try:
            async for seen in _pieces(self, day, lang):
                async with self:
                    if self._run != run:
                        return
                    self._show(seen, lang)
                yield None
        except errors.PecError:
            pass  # nobody is there any more who may look
        finally:  # whatever went wrong, the page must not say for ever that it is looking
            async with self:
                mine = self._run == run
                self.checking = self.checking and not mine
                again = mine and self._again
        if again:
            yield Batch.look

    def _show(self, seen: "_Seen", lang: i18n.Lang) -> None:
        self.debits, self.done, self.total = seen.debits, seen.done, i18n.money(seen.cents, lang)
        self.covered, self.at_risk = seen.lights["covered"], seen.lights["at_risk"]
        self.uncovered, self.different = seen.lights["uncovered"], seen.different
        self.held, self.held_total = seen.held, i18n.money(seen.held_cents, lang)


@dataclass
class _Seen:
    """What was seen of a day so far."""

    debits: list[batch.Debit] = field(default_factory=list)
    done: int = 0
    cents: int = 0
    lights: Counter[str] = field(default_factory=Counter)
    held: int = 0
    held_cents: int = 0
    different: int = 0


async def _pieces(state: rx.State, day: date, lang: i18n.Lang) -> AsyncIterator[_Seen]:
    """What was seen so far, after each piece of a day."""
    seen, after = _Seen(), ""
    while True:
        piece = await session.call(state, batch.rehearse, day, after, lang)
        seen.done, seen.cents = seen.done + len(piece.debits), seen.cents + piece.cents
        seen.lights.update(piece.lights)
        seen.held, seen.held_cents = seen.held + piece.held, seen.held_cents + piece.held_cents
        seen.different += piece.different
        seen.debits = sorted([*seen.debits, *piece.debits], key=_calm)[:SHOWN]
        yield seen
        after = piece.after
        if not after:
            return


def _calm(debit: batch.Debit) -> tuple[bool, bool, bool]:
    """What to look at comes first: held, then what will go wrong, then what differs; else in their own order."""
    return (not debit.stopped, debit.light == "covered", not debit.before)
