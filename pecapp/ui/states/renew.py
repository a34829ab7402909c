"""«Rinnova»: the order form of a renewal. Nothing in it is chosen or ticked by us."""

from collections.abc import AsyncIterator
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors
from pecapp.services import live as topics
from pecapp.services import means, renewal_views, renewals
from pecapp.ui import live
from pecapp.ui.states import service, session

NOTHING = renewal_views.RenewalFormView()
CHOICES = frozenset({"gateway", "auto_renew", "accept_terms", "accept_clauses", "privacy_seen"})


class RenewalOrder(session.Form, rx.State):
    """What is filled in, and what the renewal costs for it."""

    _policy: ClassVar[str] = "customer"
    asked: str = ""
    """The service that was asked for, once it was looked up."""
    form: renewal_views.RenewalFormView = NOTHING
    """Without a service: there is none, or it is another customer's."""
    edition: int = 0
    """Counts up when the form begins anew: everything in it must be answered again."""
    placing: bool = False

    @rx.var
    def kept(self) -> bool:
        """Whether a method that is kept already is chosen."""
        return means.kept_id(self.typed.get("gateway", "")) is not None

    @rx.event
    async def load(self) -> None:
        """Show the form for the service of the address and follow the account; after an order it is empty."""
        asked = service.named(self)
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, RenewalOrder.refresh, topics.account(account_id))
        if asked != self.asked or self.placing:
            self._begin()
        self.errors = {}
        await self._read(service.number(asked))
        self.asked = asked

    def _begin(self) -> None:
        self.typed, self.errors, self.placing = {}, {}, False
        self.edition += 1

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again: methods, or the service, may have changed elsewhere."""
        if self.form.service_id and not self.placing:
            await self._read(self.form.service_id)

    async def _read(self, service_id: int) -> None:
        try:
            self.form = await session.call(self, renewals.form, service_id, self.typed, await session.lang(self))
        except errors.NotFound:
            self.form = NOTHING

    @rx.event
    async def note(self, field: object, value: object) -> None:
        """Keep what is chosen or ticked, so that a reload loses nothing of it."""
        name = session.text(field, 40)
        if self.form.service_id and name in CHOICES:
            self._take(name, value)

    @rx.event
    async def set_years(self, years: object) -> None:
        """Change «Frequenza di rinnovo (anni)»; expiry and price follow at once."""
        wanted = session.whole(years, self.form.freq_min, self.form.freq_max)
        if self.form.service_id and wanted is not None and wanted != self.form.years:
            self._take("years", wanted)
            await self._read(self.form.service_id)

    @rx.event(temporal=True)
    async def place(self, data: object) -> AsyncIterator[EventSpec | None]:
        """«Ordine con obbligo di pagare». Pressed twice it is one order; a click made offline is not sent later."""
        if self.placing:
            return
        self.placing = True
        yield None
        self.typed = session.form(data)
        service_id, lang = self.form.service_id, await session.lang(self)
        try:
            number = await session.call(self, renewals.place, service_id, self.typed, lang)
        except errors.Invalid as bad:
            self.placing = False
            await self._read(service_id)
            yield await self._refuse(bad)
        except (errors.Conflict, errors.NotFound) as problem:
            await session.tell(self, problem.code, tone="problem", **problem.params)
            self._begin()
            await self._read(service_id)
            yield rx.set_focus("main")
        except errors.PecError:
            self.placing = False
            raise
        else:
            yield rx.redirect(f"/ordini/{number}")
