"""«Prossimi addebiti»: what will be debited, what is decided for the next time, and the calendar's address."""

from collections.abc import Callable
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import calendar_feed, forecast, means, renewal_views
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import session

SKIP_DIALOG = "salta-rinnovo"
METHOD_DIALOG = "altro-metodo"
REVOKE_DIALOG = "revoca-calendario"
REPLACE_DIALOG = "nuovo-indirizzo"
METHODS = "metodo-questa-volta"
CALENDAR = "calendario"
NOTHING = renewal_views.ChargeView(0, "", "", "", "", "", "", "", "", "", "", "", first=False, changeable=False)


class Forecast(session.Form, rx.State):
    """The coming debits, read again whenever the account changes."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    view: renewal_views.ForecastView = renewal_views.ForecastView()
    chosen: renewal_views.ChargeView = NOTHING
    """What the open dialog asks about."""
    asked: int = 0
    """How often a dialog was opened: each time its choice begins anew."""
    picked: str = ""
    """The method that is chosen in the dialog."""
    answers: int = 0
    """How many times a method was decided on: each time the dialog that asked closes."""
    address: str = ""
    """The calendar's address, while it is new: it cannot be read again."""
    copied: bool = False
    _made: str = ""
    """Since when that address holds."""

    @rx.event
    async def load(self) -> None:
        """Read the forecast and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Forecast.refresh, topics.account(account_id))
        self.address, self.copied, self.picked = "", False, ""
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the forecast again."""
        await self._read()

    async def _read(self) -> None:
        self.view = await session.call(self, forecast.upcoming, await session.lang(self))
        self.chosen = self._next_of(self.chosen.service_id)
        if self.view.feed_since != self._made:
            self.address, self.copied = "", False  # revoked or replaced elsewhere

    def _next_of(self, service_id: int | None) -> renewal_views.ChargeView:
        """The next debit of a service."""
        mine = (charge for charge in self.view.charges if charge.first and charge.service_id == service_id)
        return next(mine, NOTHING)

    async def _act(self, done: str, service: Callable[..., None], *args: int) -> EventSpec:
        """Decide on the next debit of a service; what cannot be decided any more is said, and the page is fresh.

        What was pressed may be gone then, so the focus goes to the page.
        """
        try:
            await session.call(self, service, *args)
        except (errors.NotFound, errors.Conflict) as problem:
            await session.tell(self, problem.code)
        else:
            await session.tell(self, done, tone="success")
        await self._read()
        return rx.set_focus("main")

    @rx.event
    async def choose(self, service_id: object) -> None:
        """Open a question about the next debit of one of the services."""
        self.chosen = self._next_of(session.whole(service_id, 1, 2**53))
        self.asked, self.picked, self.errors = self.asked + 1, "", {}

    @rx.event
    async def pick(self, value: object) -> None:
        """Mark one of the kept methods in the dialog."""
        self.picked, self.errors = session.text(value, 20), {}

    @rx.event(temporal=True)
    async def skip(self) -> EventSpec:
        """«Salta questa volta», confirmed."""
        return await self._act("forecast.skip_done", forecast.skip, self.chosen.service_id)

    @rx.event(temporal=True)
    async def keep(self, service_id: object) -> EventSpec:
        """«Annulla la scelta»: the next debit is made as usual."""
        return await self._act("forecast.keep_done", forecast.keep, session.whole(service_id, 1, 2**53) or 0)

    @rx.event(temporal=True)
    async def use(self) -> EventSpec:
        """«Usa un altro metodo questa volta», confirmed with the one that was marked; without one it asks again."""
        method_id = means.kept_id(self.picked)
        if method_id is None:
            problem = errors.Conflict("CAMPO_SCELTA")
            self.errors = {METHODS: i18n.error_text(problem, await session.lang(self))}
            return rx.set_focus(METHODS)
        self.answers += 1
        return await self._act("forecast.use_done", forecast.use, self.chosen.service_id, method_id)

    @rx.event(temporal=True)
    async def make_feed(self) -> None:
        """«Crea indirizzo»: a new address for the calendar, shown until the page is left."""
        address = await session.call(self, calendar_feed.create)
        await self._read()
        self.address, self.copied, self._made = address, False, self.view.feed_since

    @rx.event
    async def note_copy(self) -> None:
        """The browser has copied the address."""
        self.copied = self.address != ""

    @rx.event(temporal=True)
    async def revoke_feed(self) -> EventSpec:
        """«Revoca», confirmed: the calendar's address opens nothing any more."""
        await session.call(self, calendar_feed.revoke)
        await session.tell(self, "feed.revoked", tone="success")
        await self._read()
        return rx.set_focus(CALENDAR)
