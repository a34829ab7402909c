"""The price list, promotions and codes, and the forms that add to them."""

import functools
from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services.admin import discount_codes
from pecapp.services.admin import selling as services
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = services.SellingView()
FORMS = {
    "price": ("product", "since", "net", "why"),
    "promotion": ("product", "first", "last", "net", "again", "why"),
    "code": (
        "code",
        "kind",
        "value",
        "product",
        "first",
        "last",
        "max_uses",
        "max_uses_per_account",
        "combinable",
        "why",
    ),
}
"""The fields of each form as they stand; in the page each is `<form>_<field>`, for some are in all of them."""
_ABOUT = {"PREZZO_GIA_DA_QUEL_GIORNO": "since", "PROMO_SOVRAPPOSTA": "first", "COD_ESISTE": "code"}
"""Which field is to be changed when what it says is taken already."""


class Selling(session.Form, rx.State):
    """Everything that is sold."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    selling: services.SellingView = NOTHING
    problem: str = ""
    """What is wrong with a form as a whole."""
    form: str = ""
    """Which form was sent last, of `FORMS`."""
    reckoned: dict[str, str] = {}
    """What a customer would pay for the price that stands in a form."""
    written: int = 0
    """How often something was added: each time the forms are empty again."""

    @rx.event
    async def load(self) -> None:
        """Show the list and follow it."""
        live.watch(self, Selling.refresh, topics.ADMINS)
        self.errors, self.problem, self.form, self.reckoned = {}, "", "", {}
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        self.selling = await session.call(self, services.shown, await session.lang(self))

    @rx.event
    async def reckon(self, form: object, typed: object) -> None:
        """Say what a customer would pay for the price that was typed."""
        name, lang = session.text(form, 20), await session.lang(self)
        if name in FORMS:
            said = services.cost(i18n.cents(session.text(typed, 20), lang), lang)
            self.reckoned = self.reckoned | {name: said}

    @rx.event(temporal=True)
    async def add_price(self, data: object) -> EventSpec | None:
        """A new price from a day on."""
        typed, lang = _typed("price", data), await session.lang(self)
        net = i18n.cents(typed["net"], lang)
        given = (typed["product"], _day(typed["since"]), net, typed["why"])
        return await self._add("price", services.add_price, *given, told={"price": services.cost(net, lang)})

    @rx.event(temporal=True)
    async def add_promotion(self, data: object) -> EventSpec | None:
        """A new promotion."""
        typed, lang = _typed("promotion", data), await session.lang(self)
        net = i18n.cents(typed["net"], lang)
        given = (typed["product"], _day(typed["first"]), _day(typed["last"]), net, typed["why"])
        service = functools.partial(services.add_promotion, again=typed["again"] == "yes")
        return await self._add("promotion", service, *given, told={"price": services.cost(net, lang)})

    @rx.event(temporal=True)
    async def add_code(self, data: object) -> EventSpec | None:
        """A new discount code."""
        typed, lang = _typed("code", data), await session.lang(self)
        percent = typed["kind"] == "percent"
        wanted = discount_codes.NewCode(
            code=typed["code"].upper(),
            kind=typed["kind"],
            value=session.whole(typed["value"], 0, 100) if percent else i18n.cents(typed["value"], lang),
            product_codes=(typed["product"],) if typed["product"] else (),
            first=_day(typed["first"]),
            last=_day(typed["last"]),
            max_uses=_limit(typed["max_uses"]),
            max_uses_per_account=_limit(typed["max_uses_per_account"]),
            combinable=typed["combinable"] == "yes",
        )
        return await self._add("code", discount_codes.add_code, wanted, typed["why"], told={})

    async def _add(
        self, form: str, service: Callable[..., None], *given: Any, told: dict[str, str]
    ) -> EventSpec | None:
        await session.hush(self)
        self.form, self.errors, self.problem = form, {}, ""
        try:
            await session.call(self, service, *given)
        except errors.PecError as refusal:
            wrong = _wrong(refusal, await session.lang(self))
            self.errors = {f"{form}_{name}": said for name, said in wrong.items()}
            self.problem = "" if wrong else i18n.error_text(refusal, await session.lang(self))
            return rx.set_focus(f"problem-{form}")
        self.reckoned = {}
        self.written += 1
        await session.tell(self, f"staff.selling.{form}.added", tone="success", **told)
        await self._read()
        return rx.set_focus("main")


def _typed(form: str, data: object) -> dict[str, str]:
    """What was sent for each field of a form, empty for nothing."""
    sent = session.form(data)
    return {name: sent.get(f"{form}_{name}", "") for name in FORMS[form]}


def _wrong(refusal: errors.PecError, lang: i18n.Lang) -> dict[str, str]:
    """What is wrong with each field; nothing for a refusal that is about none of them."""
    if isinstance(refusal, errors.Invalid):
        return i18n.field_texts(refusal, lang)
    return {_ABOUT[refusal.code]: i18n.error_text(refusal, lang)} if refusal.code in _ABOUT else {}


def _day(typed: str) -> date | None:
    """A day as a browser's own field for days sends it."""
    try:
        found = date.fromisoformat(typed)
    except ValueError:
        return None
    return found if 2000 <= found.year <= 2100 else None


def _limit(typed: str) -> int | None:
    """How often at most; nothing typed is no limit, and what is no number is a limit that is refused."""
    return None if not typed else session.whole(typed, 1, 10**9) or 0
