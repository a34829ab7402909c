"""The wizard: one basket, six steps, each with an address of its own so that back, forward and reload simply work."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.domain import identity
from pecapp.services import accounts, baskets, catalog, checkout, configuring, means, views
from pecapp.ui.states import session, visitor

ADDRESS = "/ordine"
STEPS_WITH_DATA = frozenset({"configure", "holder", "billing", "form"})
"""Steps that an order already placed leaves behind: going back to them leads to the order."""
HEADING = "passo"
"""Id of the step's heading, which gets the focus when the step changes."""
MOST_FIELDS = 400
"""Names and domains of 99 mailboxes, and what stands around them."""
REMEMBERED = frozenset(
    {"gateway", "auto_renew", "extend", "save_method", "start_now", "accept_terms", "accept_clauses", "privacy_seen"}
)
"""What is ticked or chosen in the order form, and must outlive a reload."""


@dataclass(frozen=True)
class NameProblem:
    """What is wrong with one mailbox name, for the summary of errors."""

    field: str
    part: str
    """`local` or `domain`."""
    position: int
    text: str


class Checkout(session.Form, rx.State):
    """What the wizard shows. Choices and data are in the basket on the server; this is only their picture."""

    _policy: ClassVar[str] = "public"
    ready: bool = False
    step: str = "service"
    position: int = 0
    back: str = ADDRESS
    """Address of the step before this one."""
    methods: list[str] = []
    basket: views.BasketView = views.BasketView()
    plans: list[views.ProductView] = []
    configuration: views.ConfigurationView = views.ConfigurationView()
    holder: views.HolderView = views.HolderView()
    form: views.OrderFormView = views.OrderFormView()
    availability: dict[str, str] = {}
    """`free` or `taken` by the number of the mailbox, counted from 0."""
    name_problems: list[NameProblem] = []
    correcting: bool = False
    """Whether the holder's data are open for correction."""
    kind: str = "private"
    """Which kind of customer the holder is, as chosen in the form."""
    elsewhere: bool = False
    """Whether somebody else will hold the service."""
    edition: int = 0
    """Counts up when texts or price have changed under the order form: everything in it must be answered again."""
    placing: bool = False

    @rx.var
    def kept(self) -> bool:
        """Whether a method that is kept already is chosen in the order form."""
        return means.kept_id(self.typed.get("gateway", "")) is not None

    @rx.event
    async def load(self) -> EventSpec | None:
        """Show the step of the address, or the first one that still lacks something."""
        query = self.router.url.query_parameters
        lang = await session.lang(self)
        if wanted := session.text(query.get("prodotto"), 40):
            await self._order(wanted, lang)
            return rx.redirect(_address("service"), replace=True)
        basket = await session.call(self, baskets.basket, lang)
        if basket.placed and query.get("passo") in STEPS_WITH_DATA:
            return rx.redirect(f"/ordini/{basket.placed}", replace=True)
        self.basket = views.BasketView() if basket.placed else basket
        step = _permitted(session.text(query.get("passo"), 20), self.basket)
        if step != (query.get("passo") or "service"):
            return rx.redirect(_address(step), replace=True)
        moved = self.ready and step != self.step
        if moved or not self.ready:
            self.errors, self.typed, self.name_problems, self.availability = {}, {}, [], {}
        if moved:
            await self._hush()
        self.placing = self.correcting = False
        await self._read(step, lang)
        self.step, self.ready = step, True
        self.position = self.basket.steps.index(step) if step in self.basket.steps else 0
        self.back = _address(_before(step, self.basket))
        self.methods = means.offered()
        return rx.set_focus(HEADING) if moved else None

    async def _hush(self) -> None:
        """Take away the message of the step before."""
        (await self.get_state(visitor.Flash)).message = ""

    async def _order(self, product: str, lang: i18n.Lang) -> None:
        try:
            basket = await session.call(self, baskets.basket, lang)
            if basket.product != product or basket.placed:
                await session.call(self, baskets.choose, product, 1, {}, lang)
        except errors.PecError as problem:
            await session.tell(self, problem.code, tone="problem", **problem.params)

    async def _read(self, step: str, lang: i18n.Lang) -> None:
        """Read what `step` shows; what was typed and refused stays as it was typed."""
        if step == "service":
            shown = await asyncio.to_thread(catalog.shown, lang)
            kind = next((plan.kind for plan in shown if plan.code == self.basket.product), None)
            self.plans = [plan for plan in shown if kind in {None, plan.kind}]
        elif step == "configure":
            self.configuration = _retyped(await session.call(self, configuring.configuration, lang), self.typed)
        elif step in {"holder", "billing"}:
            known = await session.call(self, accounts.holder)
            self.holder = replace(known, fields=_parcel(known) | known.fields | self.basket.typed | self.typed)
            self.elsewhere = bool(self.holder.fields.get("other_last_name"))
            self.kind = self.holder.fields.get("kind", "private")
        elif step == "form":
            self.form = await session.call(self, checkout.order_form, lang)
            self.basket = self.form.basket

    # --- the basket ---------------------------------------------------------------------------------------------------

    @rx.event
    async def pick(self, product: object) -> None:
        """Choose another plan; the add-ons of the former one go."""
        await self._choose(session.text(product, 40), 1, {})

    @rx.event
    async def set_quantity(self, quantity: object) -> None:
        """Change how many are ordered."""
        wanted = session.whole(quantity, 1, self.basket.quantity_max)
        if wanted is not None:
            await self._choose(self.basket.product, wanted, self._addons())

    @rx.event
    async def set_addon(self, code: object, quantity: object) -> None:
        """Change how many of an add-on go with each unit."""
        addon = session.text(code, 40)
        limits = {known.code: known.quantity_max for known in self.basket.addons}
        wanted = session.whole(quantity, 0, limits.get(addon, -1))
        if wanted is not None:
            await self._choose(self.basket.product, self.basket.quantity, self._addons() | {addon: wanted})

    def _addons(self) -> dict[str, int]:
        return {addon.code: addon.quantity for addon in self.basket.addons}

    async def _choose(self, product: str, quantity: int, addons: dict[str, int]) -> None:
        await self._change(baskets.choose, product, quantity, addons, await session.lang(self))

    @rx.event
    async def set_years(self, years: object) -> None:
        """Change «Frequenza di rinnovo (anni)»; expiry, duration and price follow at once."""
        wanted = session.whole(years, 0, 99)
        if wanted is not None and wanted != self.basket.years:
            await self._change(baskets.set_years, wanted, await session.lang(self))

    @rx.event
    async def apply_code(self, data: object) -> None:
        """«Ok» beside a code: take it, or give it back when the field is empty."""
        code = session.form(data).get("code", "")
        await self._change(baskets.apply_code, code, await session.lang(self))

    async def _change(self, service: Callable[..., Any], *arguments: object) -> None:
        """Change the basket; a refusal is told beside its field and changes nothing."""
        try:
            self.basket = await session.call(self, service, *arguments)
            changed = {"code", "years", "quantity", "addons"}
            self.errors = {name: words for name, words in self.errors.items() if name not in changed}
        except errors.Invalid as bad:
            self.errors = self.errors | i18n.field_texts(bad, await session.lang(self))
            self.basket = await session.call(self, baskets.basket, await session.lang(self))
        if self.step == "form":
            self.form = await session.call(self, checkout.order_form, await session.lang(self))
            self.basket = self.form.basket

    # --- the steps ----------------------------------------------------------------------------------------------------

    @rx.event
    async def proceed(self) -> EventSpec:
        """«Prosegui e completa l'ordine»: to the step after the choice, past the sign-in of who is signed in."""
        known = (await session.actor(self)).signed_in
        return rx.redirect(_address(_after("account" if known else "service", self.basket)))

    @rx.event
    async def name_mailbox(self, field: object, value: object) -> None:
        """A name or a domain was typed: say whether the address is free. Reserves nothing."""
        known = session.text(field, 20)
        part, _, number = known.partition("_")
        if part not in {"local", "domain"} or session.whole(number, 0, self.basket.quantity - 1) is None:
            return
        self._take(known, value)
        self.configuration = _retyped(self.configuration, self.typed)
        self.name_problems = _name_problems(self.errors)
        rows = self.configuration.mailboxes
        row = rows[int(number)] if int(number) < len(rows) else views.MailboxView()
        said = {mailbox: word for mailbox, word in self.availability.items() if mailbox != number}
        if row.local and row.domain:
            free = await session.call(self, configuring.check_name, row.local, row.domain)
            said[number] = "free" if free else "taken"
        self.availability = said

    @rx.event
    async def configure(self, data: object) -> EventSpec | None:
        """Step «Configura il servizio»."""
        return await self._submit("configure", configuring.configure, session.form(data, MOST_FIELDS))

    @rx.event
    async def confirm_holder(self, data: object) -> EventSpec | None:
        """Step «Dati intestatario»."""
        return await self._submit("holder", checkout.confirm_holder, session.form(data))

    @rx.event
    async def confirm_billing(self, data: object) -> EventSpec | None:
        """Step «Dati fatturazione»."""
        return await self._submit("billing", checkout.confirm_billing, session.form(data))

    async def _submit(self, step: str, service: Callable[..., Any], typed: dict[str, str]) -> EventSpec | None:
        self.typed = typed
        try:
            self.basket = await session.call(self, service, typed, await session.lang(self))
        except errors.Invalid as bad:
            self.correcting = step == "holder"
            self.configuration = _retyped(self.configuration, typed)
            self.holder = replace(self.holder, fields=self.holder.fields | typed)
            refused = await self._refuse(bad)
            self.name_problems = _name_problems(self.errors)
            return refused
        self.errors, self.name_problems = {}, []
        return rx.redirect(_address(_after(step, self.basket)))

    @rx.event
    async def correct(self) -> EventSpec:
        """Open the holder's data for correction."""
        self.correcting = True
        return rx.set_focus("first_name")

    @rx.event
    async def choose_kind(self, kind: object) -> None:
        """Ask what a kind of customer is asked."""
        if isinstance(kind, str) and kind in tuple(identity.CustomerKind):
            self.kind = kind

    @rx.event
    async def assign(self, whom: object) -> None:
        """Say whether the service is for the account's holder or for somebody else."""
        self.elsewhere = whom == "other"

    @rx.event
    async def note(self, field: object, value: object) -> None:
        """Keep what is chosen or ticked, so that a reload loses nothing of it."""
        name = session.text(field, 40)
        if name in REMEMBERED or (name.startswith("extend_") and len(self.typed) < MOST_FIELDS):
            self._take(name, value)

    # --- the order ----------------------------------------------------------------------------------------------------

    @rx.event(temporal=True)
    async def place(self, data: object) -> AsyncIterator[EventSpec | None]:
        """«Ordine con obbligo di pagare». Pressed twice it is one order; a click made offline is not sent later."""
        if self.placing:
            return
        self.placing = True
        yield None
        self.typed = session.form(data, MOST_FIELDS)
        try:
            number = await session.call(self, checkout.place, self.typed, await session.lang(self))
        except errors.Invalid as bad:
            self.placing = False
            if "gateway" in bad.fields:  # the method that was chosen may be gone: show what is there now
                await self._read("form", await session.lang(self))
            yield await self._refuse(bad)
        except errors.Conflict as problem:
            await session.tell(self, problem.code, tone="problem", **problem.params)
            self.typed, self.errors, self.placing, self.edition = {}, {}, False, self.edition + 1
            await self._read("form", await session.lang(self))
            yield rx.set_focus("main")
        except errors.PecError:
            self.placing = False
            raise
        else:
            self.typed, self.errors, self.ready = {}, {}, False
            await self._hush()
            yield rx.redirect(f"/ordini/{number}")


def _address(step: str) -> str:
    return f"{ADDRESS}?passo={step}"


def _permitted(wanted: str, basket: views.BasketView) -> str:
    """The step that may be shown: the wanted one unless an earlier one lacks something."""
    steps = basket.steps or ["service"]
    if wanted in baskets.STEPS and wanted not in steps and len(steps) > 1:
        wanted = next(step for step in baskets.STEPS[baskets.STEPS.index(wanted) :] if step in steps)
    if wanted not in steps or basket.reached not in steps:
        return steps[0]
    return steps[min(steps.index(wanted), steps.index(basket.reached))]


def _parcel(holder: views.HolderView) -> dict[str, str]:
    """Where a parcel would go if nothing else is said: to the holder, when the holder is in Italy."""
    fields = holder.fields
    if fields.get("country") != "IT":
        return {}
    parts = ("address", "postal_code", "city", "province")
    return {"shipping_name": holder.display_name} | {f"shipping_{part}": fields.get(part, "") for part in parts}


def _name_problems(wrong: dict[str, str]) -> list[NameProblem]:
    """What is wrong with mailbox names and domains, in the order of the form."""
    parts = {field: field.partition("_") for field in wrong}
    found = [
        NameProblem(field, part, int(number) + 1, wrong[field])
        for field, (part, _, number) in parts.items()
        if number.isdecimal()
    ]
    return sorted(found, key=lambda problem: (problem.position, problem.part != "local"))


def _retyped(known: views.ConfigurationView, typed: dict[str, str]) -> views.ConfigurationView:
    """The configuration with what was typed over it, right or wrong."""
    mailboxes = [
        views.MailboxView(typed.get(f"local_{i}", row.local), typed.get(f"domain_{i}", row.domain))
        for i, row in enumerate(known.mailboxes)
    ]
    return replace(
        known,
        mailboxes=mailboxes,
        domain_name=typed.get("domain_name", known.domain_name),
        notice_pec=typed.get("notice_pec", known.notice_pec),
        recognition=typed.get("recognition", known.recognition),
        signer={name: typed.get(name, value) for name, value in known.signer.items()},
    )


def _before(step: str, basket: views.BasketView) -> str:
    """The step to go back to; whoever is past the sign-in is not asked to sign in again."""
    steps = [known for known in basket.steps if known in {step, "service"} or known != "account"]
    return steps[max(steps.index(step) - 1, 0)] if step in steps else "service"


def _after(step: str, basket: views.BasketView) -> str:
    steps = basket.steps or ["service"]
    place = steps.index(step) + 1 if step in steps else 0
    return steps[min(place, len(steps) - 1)]
