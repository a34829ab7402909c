"""The question before each act of the staff: what it does, on what, and why; and the refund, which asks how much."""

import uuid
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import access, brake
from pecapp.services.admin import acts, batch, board, discount_codes, people, selling
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
        "end_code": lambda actor, subject, why, _key: discount_codes.end_code(actor, subject, why),
        "hold": lambda actor, subject, why, _key: batch.hold(actor, subject, why),
        "release": lambda actor, subject, why, _key: batch.release(actor, subject, why),
        "hold_all": lambda actor, _subject, why, _key: batch.hold(actor, brake.ALL, why),
        "release_all": lambda actor, _subject, why, _key: batch.release(actor, brake.ALL, why),
    }
)
"""What can be asked for, and the service that does it. The words are `staff.ask.<kind>` and its fellows."""
DESTROYING = frozenset(
    {
        "remove_method",
        "cancel_order",
        "dismiss",
        "forget_second_factor",
        "withdraw_price",
        "end_promotion",
        "end_code",
    }
)
"""The acts after which something is lost: they alone look dangerous."""


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
        await session.hush(self)
        wanted = session.text(kind, 30)
        self.kind = wanted if wanted in DOING else ""
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


class Refunds(session.Form, rx.State):
    """«Rimborsa»: everything that is left, some lines, or an amount."""

    _policy: ClassVar[str] = "admin"
    number: str = ""
    left: str = ""
    lines: list[acts.RefundableLine] = []
    renewing: list[str] = []
    """The services of the order that go on renewing by themselves."""
    account_id: int = 0
    how: str = "all"
    """`all`, `lines`, `amount`."""
    problem: str = ""
    """What is wrong and has no field of its own."""
    asked: int = 0
    """How often the question was opened: each time the choice of how much begins anew."""
    answers: int = 0
    _intention: str = ""

    @rx.event
    async def ask(self, number: object) -> None:
        """Open the question, with what of the order can still be given back."""
        await session.hush(self)
        self.asked += 1
        wanted = session.text(number, 20)
        self.number, self.left, self.lines, self.renewing, self.account_id = "", "", [], [], 0
        self.how, self.errors, self.problem, self._intention = "all", {}, "", uuid.uuid4().hex
        try:
            found = await session.call(self, acts.refundable, wanted, await session.lang(self))
        except errors.NotFound:
            return
        if found is not None:
            self.number, self.left, self.lines = wanted, found.left, found.lines
            self.renewing, self.account_id = found.renewing, found.account_id

    @rx.event
    async def choose(self, how: object) -> None:
        """Choose what is given back."""
        wanted = session.text(how, 10)
        self.how, self.errors, self.problem = wanted if wanted in {"all", "lines", "amount"} else "all", {}, ""

    @rx.event(temporal=True)
    async def confirm(self, data: object) -> EventSpec | None:
        """Give it back. Pressed twice, it is one refund."""
        if not self.number:
            return None
        typed, lang = session.form(data), await session.lang(self)
        wanted, unread = _wanted(self.how, typed, lang)
        try:
            why = typed.get("refund_why", "")
            given = await session.call(self, acts.refund, self.number, self._intention, why, **wanted)
        except errors.PecError as refusal:
            said, about = i18n.error_text(refusal, lang), _field(refusal, self.how)
            wrong = {about: said} if about else {}
            self.errors = wrong | {name: i18n.text(code, lang) for name, code in unread.items()}
            self.problem = "" if self.errors else said
            return next((rx.set_focus(name) for name in ("lines", "amount", "refund_why") if name in self.errors), None)
        self.errors, self.problem = {}, ""
        self.answers += 1
        self.number = ""
        await session.tell(self, "staff.done.refund", tone="success", amount=i18n.money(given, lang))
        return rx.set_focus("main")


def _wanted(how: str, typed: dict[str, str], lang: i18n.Lang) -> tuple[dict[str, Any], dict[str, str]]:
    """What a form asks for, and what of it cannot be read, by its field: the service refuses it as an amount of nothing
    and says what else is wrong."""
    if how == "lines":
        numbers = [session.whole(name.removeprefix("line_"), 1, _HIGHEST) for name in typed if name.startswith("line_")]
        chosen = [number for number in numbers if number is not None]
        return ({"line_ids": chosen}, {}) if chosen else ({"cents": 0}, {"lines": "RIMBORSO_RIGHE"})
    if how == "amount":
        cents = i18n.cents(typed.get("amount", ""), lang)
        return {"cents": cents or 0}, {"amount": "IMPORTO_ERRATO"} if cents is None else {}
    return {}, {}


def _field(refusal: errors.PecError, how: str) -> str:
    """Which field of the form a refusal is about; none when it is about the order."""
    if isinstance(refusal, errors.Invalid) and "why" in refusal.fields:
        return "refund_why"
    of_choice = refusal.code in {"RIMBORSO_TROPPO", "RIGA_GIA_RIMBORSATA"}
    return how if of_choice and how in {"lines", "amount"} else ""


class Notes(rx.State):
    """The form that notes something about a customer."""

    _policy: ClassVar[str] = "admin"
    problem: str = ""
    account: str = ""
    """About whom the note is that was refused."""
    written: int = 0
    """How many notes were written: each time the field is empty again."""

    @rx.event(temporal=True)
    async def write(self, data: object) -> EventSpec | None:
        """Keep a note."""
        await session.hush(self)
        typed = session.form(data)
        self.account = typed.get("account", "")
        account_id = session.whole(self.account, 1, _HIGHEST) or 0
        try:
            await session.call(self, acts.note, account_id, typed.get("note", ""))
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus("note")
        self.problem = ""
        self.written += 1
        await session.tell(self, "staff.done.note", tone="success")
        return None
