"""The question before each act of the staff: what it does, on what, and why; and the refund, which asks how much."""

import uuid
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import access, brake
from pecapp.services.admin import acts, batch, board, people, selling
from pecapp.ui.states import session

_HIGHEST = 2**53
Doing = Callable[[access.Actor, str, str, str], object]


def _numbered(service: Callable[[access.Actor, int, str], object]) -> Doing:
    """A service that takes the number of a row, as an act on what a browser named."""

    def do(actor: access.Actor, subject: str, why: str, _key: str) -> object:
        number = session.whole(subject, 1, _HIGHEST)
        if number is None:
            raise errors.NotFound
        return service(actor, number, why)

    return do


def _resend(actor: access.Actor, subject: str, why: str, key: str) -> None:
    acts.resend(actor, session.whole(subject, 1, _HIGHEST) or 0, key, why)


def _dismiss(actor: access.Actor, account_id: int, why: str) -> None:
    people.set_role(actor, account_id, access.FORMER, why)


DOING: MappingProxyType[str, Doing] = MappingProxyType(
    {
        "remove_method": _numbered(acts.remove_method),
        "switch_off": _numbered(acts.switch_off),
        "cancel_order": lambda actor, subject, why, _key: acts.cancel_order(actor, subject, why),
        "resend": _resend,
        "dismiss": _numbered(_dismiss),
        "forget_second_factor": _numbered(people.forget_second_factor),
        "invite_again": _numbered(people.invite_again),
        "resolve": _numbered(board.resolve),
        "withdraw_price": _numbered(selling.withdraw_price),
        "end_promotion": lambda actor, subject, why, _key: selling.end_promotion(actor, subject, why),
        "end_code": lambda actor, subject, why, _key: selling.end_code(actor, subject, why),
        "hold": lambda actor, subject, why, _key: batch.hold(actor, subject, why),
        "release": lambda actor, subject, why, _key: batch.release(actor, subject, why),
        "hold_all": lambda actor, _subject, why, _key: batch.hold(actor, brake.ALL, why),
        "release_all": lambda actor, _subject, why, _key: batch.release(actor, brake.ALL, why),
    }
)
"""What can be asked for, and the service that does it. The words are `staff.ask.<kind>` and its fellows."""


class Acts(rx.State):
    """One act at a time: asked, confirmed with a reason, done. The page itself hears of it as every open page does."""

    _policy: ClassVar[str] = "admin"
    kind: str = ""
    subject: str = ""
    name: str = ""
    """What the act is done to, as the page that asks names it."""
    problem: str = ""
    answers: int = 0
    """How many acts were done: each time the dialog that asked closes."""
    _intention: str = ""

    @rx.event
    async def ask(self, kind: object, subject: object, name: object) -> None:
        """Open the question."""
        asked = session.text(kind, 30)
        self.kind = asked if asked in DOING else ""
        self.subject, self.name, self.problem = session.text(subject, 80), session.text(name, 200), ""
        self._intention = uuid.uuid4().hex

    @rx.event(temporal=True)
    async def confirm(self, data: object) -> EventSpec | None:
        """Do what was asked for. What is refused stays open, with the reason for it; pressed twice, it is done once."""
        if self.kind not in DOING:
            return None
        why = session.form(data).get("why", "")
        try:
            await session.call(self, _acting, self.kind, self.subject, why, self._intention)
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("why")
        done, self.kind = self.kind, ""
        self.answers += 1
        await session.tell(self, f"staff.done.{done}", tone="success")
        return rx.set_focus("main")


def _acting(actor: access.Actor, kind: str, subject: str, why: str, key: str) -> object:
    return DOING[kind](actor, subject, why, key)


class Refunds(rx.State):
    """«Rimborsa»: everything that is left, some lines, or an amount."""

    _policy: ClassVar[str] = "admin"
    number: str = ""
    left: str = ""
    lines: list[acts.RefundableLine] = []
    how: str = "all"
    """`all`, `lines`, `amount`."""
    problem: str = ""
    answers: int = 0
    _intention: str = ""

    @rx.event
    async def ask(self, number: object) -> None:
        """Open the question, with what of the order can still be given back."""
        wanted = session.text(number, 20)
        self.number, self.left, self.lines = "", "", []
        self.how, self.problem, self._intention = "all", "", uuid.uuid4().hex
        try:
            found = await session.call(self, acts.refundable, wanted, await session.lang(self))
        except errors.NotFound:
            return
        if found is not None:
            self.number, self.left, self.lines = wanted, found.left, found.lines

    @rx.event
    async def choose(self, how: object) -> None:
        """Choose what is given back."""
        wanted = session.text(how, 10)
        self.how = wanted if wanted in {"all", "lines", "amount"} else "all"

    @rx.event(temporal=True)
    async def confirm(self, data: object) -> EventSpec | None:
        """Give it back. Pressed twice, it is one refund."""
        if not self.number:
            return None
        typed, lang = session.form(data), await session.lang(self)
        wanted, why = _wanted(self.how, typed, lang), typed.get("refund_why", "")
        try:
            given = await session.call(self, acts.refund, self.number, self._intention, why, **wanted)
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, lang)
            return rx.set_focus("refund_why")
        self.answers += 1
        self.number = ""
        await session.tell(self, "staff.done.refund", tone="success", amount=i18n.money(given, lang))
        return rx.set_focus("main")


def _wanted(how: str, typed: dict[str, str], lang: i18n.Lang) -> dict[str, Any]:
    """What a form asks for; nothing at all is refused by the service, as an amount of nothing is."""
    if how == "lines":
        numbers = [session.whole(name.removeprefix("line_"), 1, _HIGHEST) for name in typed if name.startswith("line_")]
        chosen = [number for number in numbers if number is not None]
        return {"line_ids": chosen} if chosen else {"cents": 0}
    if how == "amount":
        return {"cents": i18n.cents(typed.get("amount", ""), lang) or 0}
    return {}


class Notes(rx.State):
    """The form that notes something about a customer."""

    _policy: ClassVar[str] = "admin"
    problem: str = ""
    written: int = 0
    """How many notes were written: each time the field is empty again."""

    @rx.event(temporal=True)
    async def write(self, data: object) -> EventSpec | None:
        """Keep a note."""
        typed = session.form(data)
        account_id = session.whole(typed.get("account", ""), 1, _HIGHEST) or 0
        try:
            await session.call(self, acts.note, account_id, typed.get("note", ""))
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("note")
        self.problem = ""
        self.written += 1
        await session.tell(self, "staff.done.note", tone="success")
        return None
