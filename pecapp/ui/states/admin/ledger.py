"""Reconciliation: a day's books side by side, and what is done about a difference."""

from datetime import date
from typing import ClassVar, cast

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.domain import staff
from pecapp.services.admin import differences
from pecapp.services.admin import ledger as services
from pecapp.ui.states import session

ROUTE = "/admin/quadratura"
DAY = "giorno"
ASK, ADOPT, VERIFY = "ask", "adopt", "verify"
NOTHING = services.DayView()


class Books(rx.State):
    """The day of the address; today without one."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    day: services.DayView = NOTHING
    problem: str = ""

    @rx.var
    def numbered(self) -> list[tuple[int, services.DifferenceView]]:
        """The differences with their places, by which acts name them."""
        return list(enumerate(self.day.differences))

    @rx.event
    async def load(self) -> None:
        """Show the day that the address asks for."""
        self.ready = False
        await self._read(_day(self.router.url.query_parameters.get(DAY)))
        self.ready = True

    async def _read(self, on: date | None) -> None:
        lang = await session.lang(self)
        try:
            self.day, self.problem = await session.call(self, services.day, on, lang), ""
        except (errors.Invalid, errors.TooMany, errors.Unavailable) as refusal:
            self.day, self.problem = NOTHING, i18n.error_text(refusal, lang)

    @rx.event
    async def show(self, data: object) -> EventSpec:
        """Show the day of the form, at an address of its own."""
        said = _day(session.form(data).get(DAY, ""))
        return cast("EventSpec", rx.redirect(f"{ROUTE}?{DAY}={said.isoformat()}" if said else ROUTE))


def _day(said: object) -> date | None:
    """A day as the address says it; None for what is none."""
    try:
        return date.fromisoformat(session.text(said, 10))
    except ValueError:
        return None


class Settling(rx.State):
    """The acts on a difference: asked first, with a reason. Which one it is, the page's own picture of it says."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.REFUND
    kind: str = ""
    """`ask`, `adopt` or `verify`."""
    name: str = ""
    problem: str = ""
    answers: int = 0
    """How many acts were done: each time the dialog that asked closes."""
    _place: int = -1
    """Of the difference, on the page."""

    @rx.event
    async def ask(self, kind: object, place: object) -> None:
        """Open the question about the difference at that place of the page."""
        await session.hush(self)
        said, books = session.text(kind, 10), await self.get_state(Books)
        number = session.whole(place, 0, len(books.day.differences) - 1)
        self.kind, self._place, self.problem, self.name = "", -1, "", ""
        if number is None:
            return
        one = books.day.differences[number]
        if not {ASK: one.can_ask, ADOPT: one.can_adopt, VERIFY: True}.get(said, False):
            return
        self.kind, self._place, self.name = said, number, one.ref or one.own_id

    @rx.event(temporal=True)
    async def confirm(self, data: object) -> EventSpec | None:
        """Do what was asked for. What is refused stays open, with the reason for it."""
        books = await self.get_state(Books)
        if not self.kind or self._place >= len(books.day.differences):
            return None
        one, why = books.day.differences[self._place], session.form(data).get("settle_why", "")
        try:
            told, tone, facts = await self._settle(one, books, why)
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("settle_why")
        self.kind = ""
        self.answers += 1
        await session.tell(self, told, tone=tone, **facts)
        return rx.set_focus("main")

    async def _settle(self, one: services.DifferenceView, books: Books, why: object) -> tuple[str, str, dict[str, str]]:
        """What came of it, in words, how good that is, and the facts in the words. The page shows what has changed."""
        on = date.fromisoformat(books.day.iso)
        answered = True
        if self.kind == ASK:
            answered = await session.call(self, differences.ask_again, one.gateway, one.kind, one.own_id, why)
        elif self.kind == ADOPT:
            answered = await session.call(self, differences.adopt, one.gateway, one.ref, why)
        else:
            name, amounts = one.ref or one.own_id, (one.ours_cents, one.theirs_cents)
            await session.call(self, differences.verify, one.gateway, one.kind, name, amounts, on, why)
        await books._read(on)  # noqa: SLF001  (its own page)
        if self.kind == VERIFY:
            return "admin.ledger.verify.done", "success", {}
        return _compared(books.day, one) if answered else ("admin.ledger.ask.silent", "warning", {})


def _compared(day: services.DayView, asked: services.DifferenceView) -> tuple[str, str, dict[str, str]]:
    """What became of a difference once its gateway was asked, as `_settle` says it: an answer settles nothing yet."""
    left = services.same(day, asked)
    if left is not None and left.theirs:
        return "admin.ledger.ask.remains", "neutral", {"theirs": left.theirs}
    if left is not None:
        return "admin.ledger.ask.remains_none", "neutral", {}
    seen = not day.more and any(side.gateway == asked.gateway and not side.away for side in day.sides)
    return ("admin.ledger.ask.gone", "success", {}) if seen else ("admin.ledger.ask.done", "neutral", {})
