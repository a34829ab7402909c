"""The pages of one customer and of one order: as fresh as the customer's own."""

from typing import ClassVar

import reflex as rx

from pecapp import errors
from pecapp.services import live as topics
from pecapp.services.admin import customer, timeline, views
from pecapp.ui import live
from pecapp.ui.states import session

NO_CUSTOMER, NO_ORDER = views.CustomerView(), views.OrderPageView()
_HIGHEST = 2**31 - 1


class CustomerPage(rx.State):
    """`/admin/clienti/<id>`."""

    _policy: ClassVar[str] = "admin"
    asked: str = ""
    """What was asked for, once it was looked up."""
    customer: views.CustomerView = NO_CUSTOMER
    """Without an id: there is no such customer."""

    @rx.event
    async def load(self) -> None:
        """Show the customer of the address and follow them from now on."""
        said = session.text(self.router.url.path.strip("/").rpartition("/")[2], 20)
        number = session.whole(said, 1, _HIGHEST) or 0
        if number != self.customer.id:
            self.customer = NO_CUSTOMER
        try:
            followed = await session.call(self, customer.known, number)
        except errors.NotFound:
            self.customer = NO_CUSTOMER
        else:
            live.watch(self, CustomerPage.refresh, topics.account(followed))
            await self._read(followed)
        self.asked = said

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again: something has happened."""
        if self.customer.id:
            await self._read(self.customer.id)

    async def _read(self, number: int) -> None:
        try:
            self.customer = await session.call(self, customer.page, number, await session.lang(self))
        except errors.NotFound:
            self.customer = NO_CUSTOMER


class OrderPage(rx.State):
    """`/admin/ordini/<number>`."""

    _policy: ClassVar[str] = "admin"
    asked: str = ""
    """What was asked for, once it was looked up."""
    order: views.OrderPageView = NO_ORDER
    """Without a number: there is no such order."""

    @rx.event
    async def load(self) -> None:
        """Show the order of the address and follow it from now on."""
        number = session.text(self.router.url.path.strip("/").rpartition("/")[2], 20)
        if number != self.order.number:
            self.order = NO_ORDER
        try:
            followed = await session.call(self, timeline.topics, number)
        except errors.NotFound:
            self.order = NO_ORDER
        else:
            live.watch(self, OrderPage.refresh, topics.order(followed.order_id), topics.account(followed.account_id))
            await self._read(number)
        self.asked = number

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again: something has happened."""
        if self.order.number:
            await self._read(self.order.number)

    async def _read(self, number: str) -> None:
        try:
            self.order = await session.call(self, timeline.order, number, await session.lang(self))
        except errors.NotFound:
            self.order = NO_ORDER
