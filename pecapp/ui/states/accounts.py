"""Sign-in, registration, lost passwords: what their pages show and do."""

import asyncio
from types import MappingProxyType
from typing import ClassVar
from urllib.parse import quote

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors as problems
from pecapp import i18n
from pecapp.domain import identity
from pecapp.services import access, accounts
from pecapp.ui.states import session

AREA = "/area-clienti"
_NEWS = MappingProxyType({"confermata": "confirmed", "cambiata": "changed", "finita": "ended"})
_KINDS = frozenset(identity.CustomerKind)
_NEVER_KEPT = frozenset({"password", "password_again"})


def _raw(data: object, name: str) -> str:
    """A password is taken as it was typed, blanks and all."""
    value = data.get(name) if isinstance(data, dict) else None
    return value if isinstance(value, str) else ""


class SignIn(rx.State):
    """The form of `/accedi`; the browser itself posts it, so that it works before and without the scripts."""

    _policy: ClassVar[str] = "public"
    username: rx.Field[str] = rx.field(default="")
    problem: rx.Field[str] = rx.field(default="")
    news: rx.Field[str] = rx.field(default="")
    """`confirmed` or `changed`: what a link has just done; `ended`: that the session is over."""
    next_path: rx.Field[str] = rx.field(default="")
    register_path: rx.Field[str] = rx.field(default="/registrati")

    @rx.event
    async def load(self) -> EventSpec | None:
        """Show the form, with what was typed and what was wrong with it."""
        query = self.router.url.query_parameters
        self.next_path = access.local(query.get("next"), "")
        if (await session.actor(self)).signed_in:
            return rx.redirect(self.next_path or AREA, replace=True)
        self.problem, self.username = "", ""
        self.news = next((news for name, news in _NEWS.items() if query.get(name)), "")
        if query.get("errore"):
            await self._recall()
        self.register_path = f"/registrati?next={quote(self.next_path, safe='')}" if self.next_path else "/registrati"
        return rx.set_focus("username") if self.problem else None

    async def _recall(self) -> None:
        notice = await session.call(self, access.take_notice)
        lang = await session.lang(self)
        code = notice.get("code", "CREDENZIALI_ERRATE")
        known = code in i18n.words(lang) and i18n.placeholders(i18n.words(lang)[code]) <= notice.keys()
        self.problem = i18n.text(code, lang, **notice) if known else i18n.text("CREDENZIALI_ERRATE", lang)
        self.username = notice.get("username", "")
        self.next_path = access.local(notice.get("next"), self.next_path)


class Register(session.Form, rx.State):
    """The form of `/registrati`."""

    _policy: ClassVar[str] = "public"
    ready: rx.Field[bool] = rx.field(default=False)
    kind: rx.Field[str] = rx.field(default="private")
    doubts: rx.Field[list[str]] = rx.field(default_factory=list)
    """What the person is asked to look at once more; sending the form again confirms it."""
    entry: rx.Field[str] = rx.field(default="")
    """Where the browser goes to be signed in, once registration is done."""

    @rx.event
    async def load(self) -> EventSpec | None:
        """Show the form with what was typed before a reload; nothing to do for who is signed in."""
        if (await session.actor(self)).signed_in:
            return rx.redirect(self._wanted(), replace=True)
        self.entry = ""
        self.ready = True
        return None

    def _wanted(self) -> str:
        return access.local(self.router.url.query_parameters.get("next"), AREA)

    @rx.event
    async def choose_kind(self, kind: object) -> None:
        """Ask what a kind of customer is asked."""
        if isinstance(kind, str) and kind in _KINDS:
            self.kind = kind

    @rx.event
    async def submit(self, data: object) -> EventSpec | None:
        """Register, then let the browser fetch its new session; or say all that is wrong."""
        if self.entry:
            return None
        typed = session.form(data)
        self.typed = {name: value for name, value in typed.items() if name not in _NEVER_KEPT}
        lang = await session.lang(self)
        if fresh := self._new_doubts(await asyncio.to_thread(accounts.doubts, typed), lang):
            self.doubts = fresh
            return rx.set_focus("dubbi")
        sent = {**typed, **{name: _raw(data, name) for name in _NEVER_KEPT}, "lang": lang}
        try:
            ticket = await session.call(self, accounts.register, sent)
        except problems.Invalid as bad:
            return await self._refuse(bad)
        self.errors, self.doubts, self.typed = {}, [], {}
        self.entry = f"/auth/entra?ticket={ticket}&next={quote(self._wanted(), safe='')}"
        return None

    def _new_doubts(self, found: dict[str, str], lang: i18n.Lang) -> list[str]:
        words = [i18n.text(code, lang) for code in found.values()]
        return words if set(words) - set(self.doubts) else []


class Recover(session.Form, rx.State):
    """The form of `/recupera`; what it answers is the same whether or not there is an account."""

    _policy: ClassVar[str] = "public"
    sent: rx.Field[bool] = rx.field(default=False)
    expired: rx.Field[bool] = rx.field(default=False)

    @rx.event
    async def load(self) -> None:
        """Start again; say so when a link that was too old led here."""
        self.sent, self.errors = False, {}
        self.expired = self.router.url.query_parameters.get("link") == "scaduto"

    @rx.event
    async def submit(self, data: object) -> EventSpec | None:
        """Ask for the mail with the username and the link."""
        email = session.form(data).get("email", "")
        try:
            await session.call(self, accounts.request_access, email)
        except problems.Invalid as bad:
            return await self._refuse(bad)
        self.errors, self.sent, self.expired = {}, True, False
        return rx.set_focus("inviata")


class Password(session.Form, rx.State):
    """The form of `/password`, reached by the link of a mail."""

    _policy: ClassVar[str] = "public"
    ready: rx.Field[bool] = rx.field(default=False)
    _token: str = ""

    @rx.event
    async def load(self) -> EventSpec | None:
        """Take the link's token; a link that opens nothing leads to where another can be asked for."""
        self._token = session.text(self.router.url.query_parameters.get("token"), 100)
        self.errors = {}
        try:
            await session.call(self, accounts.check_link, self._token)
        except problems.NotFound:
            return rx.redirect("/recupera?link=scaduto", replace=True)
        self.ready = True
        return None

    @rx.event
    async def submit(self, data: object) -> EventSpec | None:
        """Set the new password; every session of the account ends, so the person signs in with it."""
        chosen, again = _raw(data, "password"), _raw(data, "password_again")
        try:
            await session.call(self, accounts.set_password, self._token, chosen, again)
        except problems.Invalid as bad:
            return await self._refuse(bad)
        except problems.NotFound:
            return rx.redirect("/recupera?link=scaduto", replace=True)
        self._token, self.ready = "", False
        return rx.redirect("/accedi?cambiata=1", replace=True)
