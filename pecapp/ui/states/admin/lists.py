"""The staff's lists. What a list shows stands in its address: a link, a reload and «back» show the same rows."""

from typing import Any, ClassVar, cast
from urllib.parse import urlencode

import reflex as rx
from reflex.event import EventSpec

from pecapp.domain import staff
from pecapp.services.admin import lists, people, register, views
from pecapp.ui.states import session

_ASKED = (lists.CUSTOMER, lists.SORT, lists.SINCE, lists.UNTIL, *lists.ADDRESSED, *lists.TYPED)
_LONGEST = 400


class Paged(rx.State, mixin=True):
    """What every list keeps beside its rows."""

    _name: ClassVar[str] = ""
    ready: rx.Field[bool] = rx.field(default=False)
    chosen: rx.Field[dict[str, str]] = rx.field(default_factory=lambda: dict.fromkeys(_ASKED, ""))
    """What is asked for, by its name in the address; empty for what is not."""
    newer: rx.Field[str] = rx.field(default="")
    """The address of the page before this one; empty where this is the first."""
    older: rx.Field[str] = rx.field(default="")
    export: rx.Field[str] = rx.field(default="")
    partial: rx.Field[bool] = rx.field(default=False)

    @rx.event
    async def narrow(self, data: object) -> EventSpec:
        """Show what the form asks for: the first page of it, at an address of its own."""
        typed = session.form(data)
        if typed.get(lists.SORT) == lists.usual_sort(self._name):
            del typed[lists.SORT]
        return cast("EventSpec", rx.redirect(_address(self._name, {name: typed.get(name, "") for name in _ASKED})))

    async def _look(self) -> list[Any]:
        """The rows of the page that the address asks for."""
        state = cast("rx.State", self)
        query = state.router.url.query_parameters
        said = {name: session.text(query.get(name), _LONGEST) for name in (*_ASKED, lists.AT)}
        lang = await session.lang(state)
        page = await session.call(state, lists.page, self._name, lists.asked(said), lang)
        self.chosen = {name: said[name] for name in _ASKED}
        self.newer, self.older = (
            _address(self._name, {**self.chosen, lists.AT: at}) if at else "" for at in (page.before, page.after)
        )
        self.export = _address(f"esporta/{self._name}.csv", {**self.chosen, "lang": lang})
        self.partial, self.ready = page.partial, True
        return page.rows


def _address(path: str, query: dict[str, str]) -> str:
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"/admin/{path}?{asked}" if asked else f"/admin/{path}"


class Customers(Paged, rx.State):
    """`/admin/clienti`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "clienti"
    rows: list[views.CustomerRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Orders(Paged, rx.State):
    """`/admin/ordini`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "ordini"
    rows: list[views.OrderRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Payments(Paged, rx.State):
    """`/admin/pagamenti`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "pagamenti"
    rows: list[views.PaymentRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Services(Paged, rx.State):
    """`/admin/servizi`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "servizi"
    rows: list[views.ServiceRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Methods(Paged, rx.State):
    """`/admin/metodi`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "metodi"
    rows: list[views.MethodRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Mails(Paged, rx.State):
    """`/admin/posta`."""

    _policy: ClassVar[str] = "admin"
    _name: ClassVar[str] = "posta"
    rows: list[views.MailRow] = []

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.rows = await self._look()


class Register(Paged, rx.State):
    """`/admin/registro`."""

    _policy: ClassVar[str] = "admin"
    _right: ClassVar[staff.Right] = staff.Right.STAFF
    _name: ClassVar[str] = "registro"
    rows: list[register.Act] = []
    people: list[str] = []
    """The addresses of those who are or were of the staff."""

    @rx.event
    async def load(self) -> None:
        """Show the page that the address asks for."""
        self.people = [member.email for member in await session.call(self, people.listing)]
        self.rows = await self._look()
