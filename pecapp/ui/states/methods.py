"""«Metodi di pagamento»: what the customer has let us keep, how the last registration ended, and removal."""

import asyncio
from typing import ClassVar

import reflex as rx
from reflex.event import EventCallback, EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services import method_forms, methods, renewal_views, views
from pecapp.ui import live
from pecapp.ui.states import session

REPLACE_DIALOG = "sostituisci-metodo"
REMOVE_DIALOG = "rimuovi-metodo"
SWITCHED_OFF = "rinnovi-disattivati"
NOTHING = views.MethodView(0, "", "", "", "")
NO_SAVING = renewal_views.SavingView()
USABLE = frozenset({"valid", "expiring"})
ASK_AGAIN_SECONDS = (2, 4, 8, 16, 30)
"""How long to wait before each further look at a registration that is not confirmed yet; news come sooner."""


class Methods(session.Form, rx.State):
    """The kept methods, read again whenever the account changes, here or at a gateway."""

    _policy: ClassVar[str] = "customer"
    ready: bool = False
    rows: list[views.MethodView] = []
    outdated: list[views.MethodView] = []
    """Those that carry renewals which they may not be able to pay."""
    saving: renewal_views.SavingView = NO_SAVING
    """The registration that the address names, if it is the customer's."""
    chosen: views.MethodView = NOTHING
    """What the dialogs ask about."""
    others: list[views.MethodView] = []
    """Which could take over the renewals of the chosen one."""
    switched_off: list[str] = []
    """The services whose automatic renewal the removal that was just made has switched off."""
    answers: int = 0
    """How many times renewals were moved: each time the dialog that asked closes."""

    @rx.event
    async def load(self) -> EventCallback[()] | None:
        """Read the methods and follow the account."""
        account_id = (await session.actor(self)).account_id
        if account_id is not None:
            live.watch(self, Methods.refresh, topics.account(account_id))
        asked = session.text(self.router.url.query_parameters.get("salvataggio"), 40)
        self.saving, self.errors, self.switched_off = renewal_views.SavingView(id=asked), {}, []
        await self._read()
        self.ready = True
        return Methods.follow() if self.saving.poll else None

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look at the methods again."""
        await self._read()

    @rx.event(background=True, supersedes=True)
    async def follow(self) -> None:
        """Look again at a registration that is not confirmed yet, ever more rarely, should news of it be lost."""
        for seconds in ASK_AGAIN_SECONDS:
            async with self:
                if not self.saving.poll:
                    return
            await asyncio.sleep(seconds)
            async with self:
                await self._read()

    async def _read(self) -> None:
        lang = await session.lang(self)
        if self.saving.id:
            try:
                self.saving = await session.call(self, method_forms.outcome, self.saving.id, lang)
            except errors.NotFound:
                self.saving = NO_SAVING
        self.rows = await session.call(self, methods.listing, lang)
        self.outdated = [row for row in self.rows if row.services and row.state != "valid"]
        self._ask_about(self.chosen.id)

    def _ask_about(self, method_id: int | None) -> None:
        self.chosen = next((row for row in self.rows if row.id == method_id), NOTHING)
        self.others = [row for row in self.rows if row.id != method_id and row.state in USABLE]

    @rx.event
    async def choose(self, method_id: object) -> None:
        """Open a question about one of the methods."""
        self.errors = {}
        self._ask_about(session.whole(method_id, 1, 2**53))

    @rx.event(temporal=True)
    async def remove(self, method_id: object) -> list[EventSpec]:
        """«Rimuovi», confirmed: the method that the question named. What is gone already stays gone."""
        number = session.whole(method_id, 1, 2**53) or 0
        renewed = next((row.services for row in self.rows if row.id == number), [])
        self.switched_off = []
        try:
            await session.call(self, methods.remove, number)
        except (errors.NotFound, errors.Conflict) as problem:
            await session.tell(self, problem.code)
        else:
            if renewed:
                self.switched_off = renewed
            else:
                await session.tell(self, "method.removed", tone="success")
        await self._read()
        said = [rx.set_focus(SWITCHED_OFF), rx.scroll_to(SWITCHED_OFF)]
        return said if self.switched_off else [rx.set_focus("main")]

    @rx.event(temporal=True)
    async def move(self, data: object) -> EventSpec:
        """«Usa un altro metodo»: the renewals pass to the marked one, then the method is removed."""
        typed = session.form(data)
        self.switched_off = []
        method_id, instead = (session.whole(typed.get(name), 1, 2**53) for name in ("method", "instead"))
        try:
            if instead is None:
                raise errors.Conflict("CAMPO_SCELTA")
            await session.call(self, methods.remove, method_id or 0, instead)
        except errors.Conflict as problem:
            self.errors = {"instead": i18n.error_text(problem, await session.lang(self))}
            return rx.set_focus("instead")
        except errors.NotFound as problem:
            await session.tell(self, problem.code)
        else:
            await session.tell(self, "method.moved", tone="success")
        self.answers += 1
        await self._read()
        return rx.set_focus("main")
