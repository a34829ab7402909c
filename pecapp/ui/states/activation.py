"""«Attiva il rinnovo automatico»: every choice shows at once what it will do; nothing is done before the last click."""

from collections.abc import AsyncIterator
from typing import ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import activation, means, portfolio, renewal_views, subscriptions, views
from pecapp.services import live as topics
from pecapp.ui import live
from pecapp.ui.states import service, session

NOTHING = renewal_views.ActivationView()
CHOICES = frozenset({"means", "extend", "consent", "confirm_now"})
EXTENDED = "extend_"
"""How the boxes of the services are called that it is extended to; the service's number follows."""
YES = "yes"
MOST_FIELDS = 400
"""A box for each service of a large office."""


class Activation(session.Form, rx.State):
    """What is filled in, and the server's plan for it."""

    _policy: ClassVar[str] = "customer"
    asked: str = ""
    """The service that was asked for, once it was looked up."""
    plan: renewal_views.ActivationView = NOTHING
    """Without a service: there is none, or it is another customer's."""
    kept: bool = False
    """Whether a method is kept already that can be chosen."""
    chosen: str = ""
    """The means that is chosen, in words; empty while none is."""
    again: bool = False
    """Whether the chosen one is kept already and its data are entered again, to authorise more on it."""
    extendable: bool = False
    """Whether there is another service that it can be extended to."""
    extended: list[views.ExtensionView] = []
    """Those that it is extended to as the form is filled in."""
    changing: bool = False
    """Whether the renewal is on already, and only its frequency or its method is to change."""
    edition: int = 0
    """Counts up when the form begins anew: what is still chosen in the browser goes."""
    going: bool = False
    problem: str = ""
    """Why the last click did nothing, in words."""

    @rx.event
    async def load(self) -> None:
        """Show the plan for the service of the address and follow the account; after a finished visit it is empty."""
        asked = service.named(self)
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Activation.refresh, topics.account(account_id))
        if asked != self.asked or self.going:
            self.typed, self.plan = {}, NOTHING
            self.edition += 1
        wanted = session.text(self.router.url.query_parameters.get("metodo"), 20)
        if wanted and not self.typed:
            self._take("means", wanted)  # chosen on the page that leads here
        self.errors, self.problem, self.going = {}, "", False
        await self._read(service.number(asked))
        self.asked = asked

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Plan again: methods or services may have changed elsewhere."""
        if self.plan.service_id and not self.going:
            await self._read(self.plan.service_id)

    async def _read(self, service_id: int) -> None:
        lang = await session.lang(self)
        try:
            shown = await session.call(self, portfolio.page, service_id, lang)
            self.plan = await session.call(self, activation.plan, service_id, self._filled(), lang)
        except errors.NotFound:
            self.plan = NOTHING
        else:
            self.changing = shown.renewal == subscriptions.RENEWAL_ACTIVE
        plan, filled = self.plan, self._filled()
        self.kept = any(means.kept_id(one.value) for one in plan.means)
        self.chosen = next((one.title for one in plan.means if one.value == plan.chosen), "")
        self.again = bool(plan.ceiling.amount and means.kept_id(plan.chosen))
        self.extendable = bool(self._boxes())
        self.extended = [one for one in plan.extensions if filled.get(f"{EXTENDED}{one.service_id}") == YES]

    def _filled(self) -> dict[str, str]:
        """What is filled in. Extended to all, each service counts until its own box is unticked."""
        boxes = self._boxes() if self.typed.get("extend") == YES else []
        alone = {name: value for name, value in self.typed.items() if not name.startswith(EXTENDED)}
        return alone | {name: self.typed.get(name, YES) for name in boxes}

    def _boxes(self) -> list[str]:
        return [f"{EXTENDED}{one.service_id}" for one in self.plan.extensions if not one.excluded]

    @rx.event
    async def note(self, field: object, value: object) -> None:
        """Something was chosen or ticked: plan again."""
        name = session.text(field, 40)
        if self.plan.service_id and (name in CHOICES or name in self._boxes()):
            self._take(name, value)
            await self._read(self.plan.service_id)

    @rx.event
    async def set_years(self, years: object) -> None:
        """Change «Frequenza di rinnovo (anni)»; price and ceiling follow at once."""
        wanted = session.whole(years, self.plan.freq_min, self.plan.freq_max)
        if self.plan.service_id and wanted is not None and wanted != self.plan.years:
            self._take("years", wanted)
            await self._read(self.plan.service_id)

    @rx.event(background=True, temporal=True)
    async def confirm(self, data: object) -> AsyncIterator[EventSpec]:
        """«Attiva», or «Autorizza e procedi». Pressed twice it is once; a click made offline is not sent later."""
        async with self:
            if self.going:
                return
            self.going, self.problem, self.errors = True, "", {}
            self._send(session.form(data, MOST_FIELDS))
            service_id, filled = self.plan.service_id, self._filled()
            lang = await session.lang(self)
        try:
            url = await session.call(self, activation.activate, service_id, filled, lang)
        except errors.Invalid as bad:
            async with self:
                self.going = False
                await self._read(service_id)
                focus = await self._refuse(bad)
            yield focus
        except errors.PecError as problem:
            async with self:
                self.going = False
                await self._read(service_id)
                self.problem = i18n.error_text(problem, lang)
        else:
            if not url:
                async with self:
                    await self._tell_done(filled)
            yield rx.redirect(url or f"{service.ADDRESS}/{service_id}")

    async def _tell_done(self, filled: dict[str, str]) -> None:
        """Say on the next page what was switched on, or changed, and for how many others."""
        others = [name for name in self._boxes() if filled.get(name) == YES]
        done = "svc.on.saved" if self.changing else "svc.on.done"
        number = {0: "", 1: "_one"}.get(len(others), "_more")
        said = {"service": self.plan.label, "count": len(others)}
        await session.tell_onward(self, f"{done}{number}", tone="success", **said)

    def _send(self, data: dict[str, str]) -> None:
        """Take the form as it was sent: a box that is not in it was not ticked."""
        boxes = self._boxes() if data.get("extend") == YES else []
        self.typed = dict.fromkeys(boxes, "") | data
