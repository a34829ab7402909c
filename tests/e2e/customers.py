"""Customers made on the site's own database, for tests whose subject is not how one becomes a customer."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from playwright.sync_api import Page

from pecapp import clock, db, tables
from pecapp.gateways import registry
from pecapp.services import access
from tests.support import bank, factories, gateway, processes


@contextmanager
def inside(site: processes.Site) -> Iterator[None]:
    """The services of this process work on the site's database while this lasts, for a shop with both gateways."""
    db.configure(site.database_url)
    registry.use({name: gateway.FakeGateway(name) for name in ("stripe", "paypal")})
    try:
        yield
    finally:
        registry.use(None)
        db.dispose()


def letters(site: processes.Site, email: str) -> list[dict[str, Any]]:
    """What was written to an address, oldest first, as the embedded mailbox shows it."""
    found = httpx.get(f"{site.url}/dev/posta", params={"a": email, "formato": "json"}).raise_for_status().json()
    return found[::-1]


def gets(site: processes.Site, email: str, *templates: str) -> list[dict[str, Any]]:
    """Wait until exactly these letters have left for an address, in whatever order; fails on any other."""
    wanted = sorted(templates)

    def sent() -> list[dict[str, Any]] | None:
        found = [letter for letter in letters(site, email) if letter["status"] == "sent"]
        return found if sorted(letter["template"] for letter in found) == wanted else None

    try:
        return bank.eventually(sent, f"letters {wanted}") or []
    except AssertionError as missing:
        there = [(letter["template"], letter["status"]) for letter in letters(site, email)]
        raise AssertionError(f"{missing}; there are {there}") from None


@dataclass(frozen=True)
class Customer:
    """A private customer, signed in."""

    actor: access.Actor
    cookie: str
    email: str
    site: processes.Site
    new_page: Callable[..., Page]

    def page(self, **options: Any) -> Page:
        """A page in a browser of its own, signed in. Arguments are those of `Browser.new_context`."""
        page = self.new_page(**options)
        page.context.add_cookies([{"name": "sid", "value": self.cookie, "url": self.site.url}])
        return page

    def order(self, **chosen: Any) -> str:
        """An order that waits for payment; its number. Arguments are those of `factories.placed`."""
        with inside(self.site):
            return factories.placed(self.actor, **chosen)

    def basket(self, **chosen: Any) -> None:
        """Go through the wizard up to «Modulo ordine». Arguments are those of `factories.basket`."""
        with inside(self.site):
            factories.basket(self.actor, **chosen)

    def row(self, number: str) -> tables.Order:
        """The order as it is stored now."""
        with inside(self.site):
            return factories.the(tables.Order, number=number)

    def rows(self, table: type[Any], **equal: object) -> list[Any]:
        """Rows as they are stored now."""
        with inside(self.site):
            return factories.rows(table, **equal)

    def gets(self, *templates: str) -> list[dict[str, Any]]:
        """Wait until exactly these letters have left for this customer."""
        return gets(self.site, self.email, *templates)


def make(site: processes.Site, new_page: Callable[..., Page], lang: str = "it") -> Customer:
    """A new customer of the site, signed in, with an address of their own."""
    cookie = access.new_cookie()
    session_id = hashlib.sha256(cookie.encode()).hexdigest()
    with inside(site):
        known = factories.customer(lang=lang)
        now = clock.now()
        with db.transaction() as s:
            account = s.get_one(tables.Account, known.account_id)
            s.add(
                tables.WebSession(
                    id=session_id,
                    account_id=known.account_id,
                    lang=lang,
                    created_at=now,
                    seen_at=now,
                    expires_at=now + access.IDLE,
                )
            )
        actor = access.actor(cookie, factories.IP, factories.USER_AGENT)
    return Customer(actor, cookie, account.email, site, new_page)
