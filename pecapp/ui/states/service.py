"""«Gestisci»: one service of the customer, its renewal and its orders."""

from collections.abc import Callable
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors
from pecapp.domain import orders
from pecapp.services import (
    access,
    auto_renewal,
    failed_renewals,
    lifecycle,
    method_forms,
    portfolio,
    renewal_views,
    subscriptions,
    views,
)
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import session

ADDRESS = "/area-clienti/servizi"
NOTHING = renewal_views.ServicePageView()
NO_SAVING = renewal_views.SavingView()
NO_ORDER = views.OrderRowView("", "", "", "", "")
DISABLE_DIALOG = "disattiva-rinnovo"
CANCEL_DIALOG = "annulla-rinnovo"


def named(state: rx.State) -> str:
    """The service that the address names, `12` in /area-clienti/servizi/12/rinnovo, as it stands there."""
    parts = state.router.url.path.strip("/").split("/")
    return session.text(parts[2], 20) if len(parts) > 2 else ""


def number(part: str) -> int:
    """The service's number; 0, which no service has, for what is none."""
    return session.whole(part, 1, 2**53) or 0


class ServicePage(rx.State):
    """One service, the same in all the tabs of its customer."""

    _policy: ClassVar[str] = "customer"
    asked: str = ""
    """The service that was asked for, once it was looked up."""
    service: renewal_views.ServicePageView = NOTHING
    """Without an id: there is no such service, or it is another customer's."""
    saving: renewal_views.SavingView = NO_SAVING
    """How the way to the gateway's page ended from which the customer comes back; without an id: there was none."""
    unpaid: list[views.OrderRowView] = []
    """Those of its orders that wait to be paid."""
    chosen: views.OrderRowView = NO_ORDER
    """The order that the dialog asks about."""

    @rx.event
    async def load(self) -> None:
        """Show the service of the address and follow it from now on."""
        asked = named(self)
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, ServicePage.refresh, topics.account(account_id))
        self.chosen = NO_ORDER
        await self._read(number(asked))
        await self._look(session.text(self.router.url.query_parameters.get("salvataggio"), 40))
        self.asked = asked

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the service again, and at a saving that was still waited for."""
        if self.service.id:
            await self._read(self.service.id)
        if self.saving.poll:
            await self._look(self.saving.id)

    async def _read(self, service_id: int) -> None:
        before = self.service
        try:
            self.service = await session.call(self, portfolio.page, service_id, await session.lang(self))
        except errors.NotFound:
            self.service = NOTHING
        if subscriptions.RENEWAL_ACTIVE == before.renewal != self.service.renewal:
            self.saving = NO_SAVING  # «rinnovo automatico attivo» is not true any more
        self.unpaid = [order for order in self.service.orders if order.status == orders.Status.AWAITING_PAYMENT]

    async def _look(self, saving_id: str) -> None:
        try:
            lang = await session.lang(self)
            self.saving = await session.call(self, method_forms.outcome, saving_id, lang) if saving_id else NO_SAVING
        except errors.NotFound:
            self.saving = NO_SAVING

    @rx.event(temporal=True)
    async def disable(self) -> EventSpec:
        """«Disattiva», confirmed: nothing will be debited, unless a debit was already on its way."""
        service_id = self.service.id
        try:
            runs = await session.call(self, auto_renewal.disable, service_id)
        except errors.NotFound:
            await session.tell(self, "SER_NON_TROVATO")
        else:
            said = ("svc.disabled_late", "warning") if runs else ("svc.disabled", "success")
            await session.tell(self, said[0], tone=said[1])
        await self._read(service_id)
        return rx.set_focus("main")  # the button that was pressed is gone

    @rx.event
    async def choose(self, order_number: object) -> None:
        """Open the question about one of the orders."""
        asked = session.text(order_number, 20)
        self.chosen = next((order for order in self.service.orders if order.number == asked), NO_ORDER)

    @rx.event(temporal=True)
    async def cancel(self) -> None:
        """«Annulla l'ordine», confirmed. A paid order, or one being paid, stays as it is and the page says so."""
        await self._call_off(lifecycle.cancel, "svc.cancelled")

    @rx.event(temporal=True)
    async def cancel_and_disable(self) -> None:
        """«Annulla e disattiva il rinnovo automatico», confirmed: both, or neither when the order is being paid."""
        await self._call_off(failed_renewals.cancel_and_disable, "svc.cancelled_and_disabled")

    async def _call_off(self, way: Callable[[access.Actor, str], None], done: str) -> None:
        try:
            await session.call(self, way, self.chosen.number)
        except (errors.Conflict, errors.NotFound) as problem:
            await session.tell(self, problem.code, tone="problem", **problem.params)
        else:
            await session.tell(self, done, tone="success", number=self.chosen.number)
        await self._read(self.service.id)
