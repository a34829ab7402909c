"""The price list, promotions and codes, and the forms that add to them."""

from collections.abc import Callable
from datetime import date
from typing import Any, ClassVar

import reflex as rx
from reflex.event import EventSpec

from pecapp import errors, i18n
from pecapp.services import live as topics
from pecapp.services.admin import selling as services
from pecapp.ui import live
from pecapp.ui.states import session

NOTHING = services.SellingView()


class Selling(session.Form, rx.State):
    """Everything that is sold."""

    _policy: ClassVar[str] = "admin"
    ready: bool = False
    selling: services.SellingView = NOTHING
    problem: str = ""
    """What is wrong with a form as a whole."""
    form: str = ""
    """Which form was sent last: `price`, `promotion`, `code`."""
    written: int = 0
    """How often something was added: each time the forms are empty again."""

    @rx.event
    async def load(self) -> None:
        """Show the list and follow it."""
        live.watch(self, Selling.refresh, topics.ADMINS)
        self.errors, self.problem, self.form = {}, "", ""
        await self._read()
        self.ready = True

    @rx.event(supersedes=True)
    async def refresh(self) -> None:
        """Look again."""
        await self._read()

    async def _read(self) -> None:
        self.selling = await session.call(self, services.shown, await session.lang(self))

    @rx.event(temporal=True)
    async def add_price(self, data: object) -> EventSpec | None:
        """A new price from a day on."""
        typed, lang = session.form(data), await session.lang(self)
        since = _day(typed.get("since", "")) or date.min
        net = i18n.cents(typed.get("net", ""), lang)
        return await self._add(
            "price", typed, services.add_price, typed.get("product", ""), since, net, typed.get("price_why", "")
        )

    @rx.event(temporal=True)
    async def add_promotion(self, data: object) -> EventSpec | None:
        """A new promotion."""
        typed, lang = session.form(data), await session.lang(self)
        first, last = (_day(typed.get(name, "")) or date.min for name in ("first", "last"))
        net = i18n.cents(typed.get("net", ""), lang)
        why, again = typed.get("promotion_why", ""), typed.get("again") == "yes"
        return await self._add(
            "promotion", typed, services.add_promotion, typed.get("product", ""), first, last, net, why, again=again
        )

    @rx.event(temporal=True)
    async def add_code(self, data: object) -> EventSpec | None:
        """A new discount code."""
        typed, lang = session.form(data), await session.lang(self)
        kind = typed.get("kind", "")
        value = session.whole(typed.get("value", ""), 0, 100) if kind == "percent" else None
        product = typed.get("product", "")
        wanted = services.NewCode(
            code=typed.get("code", "").upper(),
            kind=kind,
            value=value if kind == "percent" else i18n.cents(typed.get("value", ""), lang),
            product_codes=(product,) if product else (),
            first=_day(typed.get("first", "")),
            last=_day(typed.get("last", "")),
            max_uses=_limit(typed.get("max_uses", "")),
            max_uses_per_account=_limit(typed.get("max_uses_per_account", "")),
            combinable=typed.get("combinable") == "yes",
        )
        return await self._add("code", typed, services.add_code, wanted, typed.get("code_why", ""))

    async def _add(
        self, form: str, typed: dict[str, str], service: Callable[..., None], *given: Any, **more: Any
    ) -> EventSpec | None:
        self.form, self.typed, self.errors, self.problem = form, typed, {}, ""
        try:
            await session.call(self, service, *given, **more)
        except errors.Invalid as refusal:
            lang = await session.lang(self)
            self.errors = i18n.field_texts(refusal, lang)
            self.problem = " ".join(dict.fromkeys(self.errors.values())) or i18n.error_text(refusal, lang)
        except errors.PecError as refusal:
            self.problem = i18n.error_text(refusal, await session.lang(self))
        else:
            self.typed = {}
            self.written += 1
            await session.tell(self, f"staff.selling.{form}.added", tone="success")
            await self._read()
            return rx.set_focus("main")
        return rx.set_focus(f"problem-{form}")


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
