"""What every State needs: who this tab belongs to, hostile arguments made plain, what the visitor is told."""

import asyncio
import contextvars
import inspect
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Concatenate, ParamSpec, TypeVar, cast, overload

import reflex as rx
from reflex.event import EventSpec
from reflex.state import BaseState
from reflex_base.event.context import EventContext

from pecapp import errors as problems
from pecapp import i18n
from pecapp.domain import staff
from pecapp.services import access, accounts
from pecapp.ui.components import forms
from pecapp.ui.states import visitor

P = ParamSpec("P")
T = TypeVar("T")

LONGEST = 400
MOST_FIELDS = 60
_FRESH_SECONDS = 2.0


@dataclass(frozen=True)
class _Seen:
    """Whom the guard has just found behind an event; good for that event alone, and not for long."""

    event: str
    at: float
    actor: access.Actor


_seen: contextvars.ContextVar[_Seen | None] = contextvars.ContextVar("seen", default=None)


async def identify(router_data: Mapping[str, Any]) -> access.Actor:
    """Who stands behind an event, by the badge that the gate gave its connection, and by the database now.

    What the server itself enqueues (a push) comes without a connection of its own, and keeps no session open.
    """
    headers = router_data.get("headers") or {}
    found = await asyncio.to_thread(
        access.wearer,
        headers.get("cookie", ""),
        router_data.get("ip", ""),
        headers.get("user-agent", ""),
        i18n.negotiate(headers.get("accept-language", "")),
        uses=bool(EventContext.get().router_data),
    )
    _seen.set(_Seen(EventContext.get().txid, time.monotonic(), found))
    return found


async def actor(state: rx.State) -> access.Actor:
    """Who this tab belongs to, by the database and now."""
    seen = _seen.get()
    if seen and seen.event == EventContext.get().txid and time.monotonic() - seen.at < _FRESH_SECONDS:
        return seen.actor
    return await identify(state.router_data)


@overload
async def call(
    state: rx.State,
    service: Callable[Concatenate[access.Actor, P], Coroutine[Any, Any, T]],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T: ...
@overload
async def call(
    state: rx.State, service: Callable[Concatenate[access.Actor, P], T], *args: P.args, **kwargs: P.kwargs
) -> T: ...
async def call(state: rx.State, service: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a service as this tab's actor: a blocking one in a thread, an async one here."""
    who = await actor(state)
    if inspect.iscoroutinefunction(service):
        return await service(who, *args, **kwargs)
    return await asyncio.to_thread(service, who, *args, **kwargs)


async def lang(state: rx.State) -> i18n.Lang:
    """The language of this tab."""
    return i18n.language((await state.get_state(visitor.Language)).lang)


async def tell(state: rx.State, key: str, *, tone: str = "problem", **params: object) -> None:
    """Leave a message at the top of the page, in the tab's language."""
    flash = await state.get_state(visitor.Flash)
    flash.tone, flash.message = tone, i18n.text(key, await lang(state), **params)
    flash.told += 1


async def hush(state: rx.State) -> None:
    """Another act begins: what went well before is said no more. What went wrong stays until it is closed."""
    flash = await state.get_state(visitor.Flash)
    if flash.tone == "success":
        flash.tone, flash.message = "", ""


async def tell_onward(state: rx.State, key: str, *, tone: str = "problem", **params: object) -> None:
    """Leave a message at the top of the page that comes next."""
    await tell(state, key, tone=tone, **params)
    (await state.get_state(visitor.Flash))._onward = True  # noqa: SLF001  (private: a browser has no business with it)


async def turn_page(state: BaseState) -> None:
    """A page is opened: what was said on the one before is not said any more, unless it was meant for this one."""
    flash = await state.get_state(visitor.Flash)
    if not flash._onward:  # noqa: SLF001
        flash.message = ""
    flash._onward = False  # noqa: SLF001


def text(value: object, limit: int = LONGEST) -> str:
    """What a browser sent for a text: one line, trimmed, without control characters; empty for what is no text."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < 10**18 else ""
    if not isinstance(value, str) or len(value) > 10 * limit:
        return ""
    return "".join(c for c in value if c.isprintable()).strip()[:limit]


def whole(value: object, low: int, high: int) -> int | None:
    """What a browser sent for a whole number, None when it is none from `low` to `high`."""
    digits = text(value, 18)
    number = int(digits) if digits.isascii() and digits.removeprefix("-").isdecimal() else None
    return number if number is not None and low <= number <= high else None


def form(value: object, limit: int = MOST_FIELDS) -> dict[str, str]:
    """What a browser sent for a form: at most `limit` fields of plain text; ticked boxes are `yes`."""
    if not isinstance(value, dict):
        return {}
    fields = {}
    for name, entered in list(value.items())[:limit]:
        if isinstance(name, str) and len(name) <= 60 and name.isascii():
            ticked = entered is True or entered == "on"
            fields[name] = "yes" if ticked else text(entered)
    return fields


class Form(rx.State, mixin=True):
    """What a State with a form keeps: the words for each wrong field, and what was typed."""

    errors: rx.Field[dict[str, str]] = rx.field(default_factory=dict)
    typed: rx.Field[dict[str, str]] = rx.field(default_factory=dict)

    async def _refuse(self, bad: problems.Invalid) -> EventSpec:
        """Show what is wrong beside each field and in the summary, and go to the summary."""
        self.errors = i18n.field_texts(bad, await lang(cast("rx.State", self)))
        return rx.set_focus(forms.SUMMARY_ID)

    def _take(self, field: str, value: object) -> None:
        """Keep what was entered in a field; what was wrong with it before is no longer said."""
        self.typed = self.typed | form({field: value})
        self.errors = {name: words for name, words in self.errors.items() if name != field}


class Session(rx.State):
    """The visitor's own session: language, and how long it lasts."""

    _policy: ClassVar[str] = "public"
    _account_id: int | None = None

    async def _arrive(self, found: access.Actor) -> None:
        """Make this tab's state that of `found`: if it was another's before, nothing of theirs is left in it."""
        if self._account_id != found.account_id:
            self._get_root_state().reset()
            self._account_id = found.account_id
        words = await self.get_state(visitor.Language)
        words.lang = found.lang
        shown = await self.get_state(visitor.Visitor)
        shown.signed_in, shown.staff_role = found.signed_in, found.role if staff.is_staff(found.role) else ""
        shown.name = (await asyncio.to_thread(accounts.holder, found)).display_name if found.signed_in else ""

    @rx.event
    async def speak(self, lang: object) -> EventSpec:
        """Speak another language in this browser from now on, and in the mails of its customer.

        The page is visited again where it is, so that what the server has written is read again too.
        """
        words = await self.get_state(visitor.Language)
        words.lang = await call(self, access.set_lang, lang)
        here = self.router.url
        return rx.redirect(f"{here.path}?{here.query}" if here.query else here.path, replace=True)

    @rx.event
    async def explain(self, code: object, params: object = None) -> None:
        """Show the words of an error."""
        key = code if isinstance(code, str) and code.isupper() and code in i18n.words(await lang(self)) else ""
        known = {k: text(v, 80) for k, v in params.items() if isinstance(k, str)} if isinstance(params, dict) else {}
        if not key or i18n.placeholders(i18n.words(await lang(self))[key]) - known.keys():
            key, known = "ERRORE_INATTESO", {"reference": known.get("reference", "")}
        await tell(self, key, **known)
