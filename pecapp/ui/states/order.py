"""The live order page, and the lists of orders."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import ClassVar

import reflex as rx
import segno
from reflex.event import EventSpec

from pecapp import errors, i18n, settings
from pecapp.services import access, failed_renewals, lifecycle, means, orders, paid_by_hand, payments, views
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = views.OrderView()
CANCEL_DIALOG = "annulla-ordine"
METHOD_QUESTION = "metodo-del-rinnovo"


class OrderPage(rx.State):
    """One order of the customer, the same in all their tabs and on all their devices."""

    _policy: ClassVar[str] = "customer"
    asked: str = ""
    """The number that was asked for, once it was looked up."""
    order: views.OrderView = NOTHING
    """Without a number: there is no such order, or it is another customer's."""
    chosen: str = ""
    """The means to pay with now: a gateway, or a kept method such as `m12`."""
    going: bool = False
    """Whether the gateway's page is being opened."""
    problem: str = ""
    """Why the last act on the payment could not be done, in words."""
    qr: str = ""
    renewal: str = ""
    """The answer to the question about automatic renewal, where it is asked again: `yes`, `no`, empty for none."""

    @rx.var
    def way(self) -> str:
        """How the chosen means pays: `card`, `paypal`, `kept_card`, `kept_paypal`; empty when none is chosen."""
        kinds = {one.value: one.kind for one in self.order.means}
        kept = "kept_" if means.kept_id(self.chosen) else ""
        return kept + kinds[self.chosen] if self.chosen in kinds else ""

    @rx.event
    async def load(self) -> None:
        """Show the order of the address and follow it from now on."""
        number = session.text(self.router.url.path.strip("/").rpartition("/")[2], 20)
        self.going, self.problem = False, ""
        if number != self.order.number:
            self.order, self.renewal = NOTHING, ""
        if await self._follow(number):
            await self._read(number)
            self.qr = await asyncio.to_thread(_qr, number)
        self.asked = number

    async def _follow(self, number: str) -> bool:
        """Follow the order, before it is read: what happens in between is then not missed."""
        try:
            followed = await session.call(self, orders.topics, number)
        except errors.NotFound:
            self.order = NOTHING
            return False
        live.watch(self, OrderPage.refresh, topics.order(followed.order_id), topics.account(followed.account_id))
        return True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the order again: something may have happened to it."""
        if self.order.number:
            await self._read(self.order.number)

    async def _read(self, number: str) -> None:
        asked_already = self.order.can_pay
        try:
            self.order = await session.call(self, orders.page, number, await session.lang(self))
        except errors.NotFound:
            self.order = NOTHING
        if not asked_already:
            self.chosen = self.order.chosen
        if self.chosen not in self._offered():
            self.chosen = ""  # a kept method that has gone meanwhile is not replaced by what nobody chose

    def _offered(self) -> set[str]:
        return {one.value for one in self.order.means}

    @rx.event
    async def choose(self, value: object) -> None:
        """Choose the means for this payment."""
        name = session.text(value, 20)
        if name in self._offered():
            self.chosen = name

    @rx.event
    async def answer(self, value: object) -> None:
        """Answer whether the service shall renew by itself."""
        said = session.text(value, 5)
        self.renewal = said if said in {"yes", "no"} else ""

    @rx.event(background=True, temporal=True)
    async def pay(self) -> AsyncIterator[EventSpec]:
        """«Paga ora»: to the gateway's page, the same when pressed twice; a click made offline is not sent later.

        A kept method is charged at once; only a bank that wants a confirmation shows a page.
        """
        if not self.chosen:
            await self._failed(errors.Conflict("METODO_MANCANTE"))
            return
        number = await self._begin()
        if number:
            try:
                if self.renewal == "yes" and self.order.renewal_offer:
                    kept = means.kept_id(self.chosen)
                    await session.call(self, lifecycle.ask_for_renewal, number, kept, await session.lang(self))
                url = await session.call(self, payments.pay, number, self.chosen)
            except errors.PecError as problem:
                await self._failed(problem)
            else:
                if url:
                    yield rx.redirect(url)
                else:
                    await self._done(number)

    @rx.event(background=True, temporal=True)
    async def resume(self) -> AsyncIterator[EventSpec]:
        """«Riprendi il pagamento»: back to the gateway's page that is still open."""
        number = await self._begin()
        if number:
            try:
                url = await session.call(self, payments.resume, number)
            except errors.PecError as problem:
                await self._failed(problem)
            else:
                yield rx.redirect(url)

    @rx.event(background=True, temporal=True)
    async def stop(self) -> None:
        """«Interrompi il pagamento»: the gateway's page cannot be used any more, the order can be paid again."""
        number = await self._begin()
        if number:
            try:
                await session.call(self, payments.stop, number)
            except errors.PecError as problem:
                await self._failed(problem)
            else:
                await self._done(number)

    async def _begin(self) -> str:
        """The order's number, unless the gateway is already being asked."""
        async with self:
            if self.going:
                return ""
            self.going, self.problem = True, ""
            return self.order.number

    async def _done(self, number: str) -> None:
        async with self:
            self.going = False
            await self._read(number)

    async def _failed(self, problem: errors.PecError) -> None:
        async with self:
            self.going = False
            self.problem = i18n.error_text(problem, await session.lang(self))
            await self._read(self.order.number)

    @rx.event(temporal=True)
    async def cancel(self) -> None:
        """«Annulla», confirmed. A paid order, or one being paid, stays as it is and the page says so."""
        await self._call_off(lifecycle.cancel)

    @rx.event(temporal=True)
    async def cancel_and_disable(self) -> None:
        """«Annulla e disattiva il rinnovo automatico», confirmed: both, or neither when the order is being paid."""
        await self._call_off(failed_renewals.cancel_and_disable)

    async def _call_off(self, way: Callable[[access.Actor, str], None]) -> None:
        try:
            await session.call(self, way, self.order.number)
        except (errors.Conflict, errors.NotFound) as problem:
            self.problem = i18n.error_text(problem, await session.lang(self))
        await self._read(self.order.number)

    @rx.event(temporal=True)
    async def use_method(self) -> EventSpec | None:
        """«Sì»: what paid the renewal by hand is debited from now on."""
        return await self._decide(paid_by_hand.use, "ord.method.used")

    @rx.event(temporal=True)
    async def leave_method(self) -> EventSpec | None:
        """«No»: the renewal stays on its usual method."""
        return await self._decide(paid_by_hand.leave, "ord.method.left")

    async def _decide(self, way: Callable[[access.Actor, str, i18n.Lang], None], done: str) -> EventSpec | None:
        number, lang = self.order.number, await session.lang(self)
        try:
            await session.call(self, way, number, lang)
        except (errors.Conflict, errors.NotFound) as problem:
            self.problem = i18n.error_text(problem, lang)
        else:
            self.problem = ""
            await session.tell(self, done, tone="success")
        await self._read(number)
        return rx.set_focus("main") if self.order.number else None  # the button that was pressed is gone


class Orders(rx.State):
    """The customer's orders: first those to pay, then all of them, newest first."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    unpaid: list[views.OrderRowView] = []
    rows: list[views.OrderRowView] = []
    more: bool = False

    @rx.event
    async def load(self) -> None:
        """Read the lists and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Orders.refresh, topics.account(account_id))
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the lists again."""
        await self._read()

    async def _read(self) -> None:
        lang = await session.lang(self)
        self.unpaid = await session.call(self, orders.unpaid, lang)
        self.rows = await session.call(self, orders.listing, lang)
        self.more = len(self.rows) == orders.PAGE

    @rx.event
    async def older(self) -> None:
        """Show the next older orders below the ones that are shown."""
        if self.rows:
            added = await session.call(self, orders.listing, await session.lang(self), self.rows[-1].number)
            self.rows = self.rows + added
            self.more = len(added) == orders.PAGE


def _qr(number: str) -> str:
    """The order's address as a picture that a phone reads; it holds the number and nothing else."""
    address = f"{settings.load().public_url}/ordini/{number}"
    return segno.make(address, error="m").svg_data_uri(scale=4, border=2, dark="#1b1d23", light="#ffffff")
