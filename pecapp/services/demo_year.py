"""A year of the demonstration's customer: mailboxes bought in the past, each about to show another end.

They are bought as everybody buys, through the wizard and the simulator's bank page, on a clock that is moved back to
the day of each purchase: orders, receipts, mandates and kept cards are real, and so are the debits that follow.
"""

import asyncio
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from urllib.parse import parse_qsl, urlsplit

from sqlmodel import select

from pecapp import clock, db, errors, tables
from pecapp.domain import calendar, orders
from pecapp.gateways import registry
from pecapp.services import (
    access,
    agreements,
    baskets,
    checkout,
    configuring,
    demo,
    endings,
    outbox,
    payments,
    rehearsal,
)

PRODUCT, DOMAIN = "PEC-STD", "pec-ceralacca.test"
_PAGE = re.compile(r"/c/pay/(cs_\w+)")
_NOON = time(12)
_OPENED = date(2026, 6, 19)
"""Since when the demonstration's price list and legal texts are in force: nothing can be bought before."""


@dataclass(frozen=True)
class Purchase:
    """A mailbox bought a year before it ends."""

    name: str
    ends_in: int
    """Days from today to its last valid day."""
    card: str
    """Number of one of the simulator's cards."""
    renews: bool = True
    declines: bool = False
    """Whether its card has no money for any later charge."""

    @property
    def address(self) -> str:
        """How its owner knows it."""
        return f"{self.name}@{DOMAIN}"


PAYS = Purchase("rinnovo.riuscito", 37, "4242424242424242")
DECLINES = Purchase("carta.senza.fondi", 38, "5555555555554444", declines=True)
BY_HAND = Purchase("rinnovo.manuale", 32, "4242424242424242", renews=False)
EXPIRED = Purchase("gia.scaduta", -20, "4242424242424242", renews=False)


async def load() -> int:
    """Give the demonstration's customer those of these mailboxes that they never had; how many. Safe to repeat.

    Needs catalogue, people and a running simulator. Raises Unavailable without it.
    """
    actor, owned = await db.run(_customer)
    wanted = [one for one in (EXPIRED, BY_HAND, PAYS, DECLINES) if one.address not in owned]
    if not wanted:
        return 0
    present = clock.offset()
    try:
        today = clock.today()
        for purchase in wanted:
            ends_on = today + timedelta(days=purchase.ends_in)
            await _travel(max(calendar.add_years(ends_on, -1), _OPENED))
            await _buy(actor, purchase, ends_on)
    finally:
        clock.move(present)
        await rehearsal.align(present)
        await registry.aclose_all()
    await asyncio.to_thread(endings.expire_due)
    return len(wanted)


def _customer() -> tuple[access.Actor, set[str]]:
    """The demonstration's customer, whose basket is that of no browser, and the names of the services they ever had."""
    with db.reading() as s:
        account = s.exec(select(tables.Account).where(tables.Account.email_key == demo.HOLDER["email"])).one()
        owned = set(s.exec(select(tables.Service.label).where(tables.Service.account_id == account.id)))
    return access.Actor("demo-year", account.id, "customer"), owned


async def _travel(day: date) -> None:
    offset = datetime.combine(day, _NOON, clock.ROME) - clock.machine()
    await rehearsal.align(offset)
    clock.move(offset)


async def _buy(actor: access.Actor, purchase: Purchase, ends_on: date) -> None:
    """Order, pay on the bank's page, come back. Raises Conflict when it does not end paid."""
    number = await db.run(_place, actor, purchase)
    page = _PAGE.search(await payments.pay(actor, number, "stripe"))
    if page is None:
        raise errors.Unavailable("SIMULATORE_ASSENTE")
    paid = await rehearsal.simulator("sessions/pay", session=page[1], number=purchase.card)
    await payments.returned("stripe", dict(parse_qsl(urlsplit(str(paid["return_url"])).query)))
    method = await db.run(_began, number, ends_on)
    if purchase.declines:
        refusal = {"decline_code": "insufficient_funds", "message": "Your card has insufficient funds.", "times": None}
        await rehearsal.simulator("payment_methods/decline_next", payment_method=method, **refusal)
    while await asyncio.to_thread(outbox.send_due):
        pass


def _place(actor: access.Actor, purchase: Purchase) -> str:
    baskets.choose(actor, PRODUCT, 1, {}, "it")
    configuring.configure(actor, {"local_0": purchase.name, "domain_0": DOMAIN}, "it")
    checkout.confirm_holder(actor, {}, "it")
    checkout.confirm_billing(actor, {"sdi_none": agreements.YES}, "it")
    checkout.order_form(actor, "it")
    answers = {"gateway": "stripe", "auto_renew": agreements.YES if purchase.renews else "no"}
    agreed = dict.fromkeys(("accept_terms", "accept_clauses", "privacy_seen"), agreements.YES)
    return checkout.place(actor, agreed | answers, "it")


def _began(number: str, ends_on: date) -> str:
    """Let the service of a paid order end on its day, although it may have been bought less than a year before.

    Gives the card on which it renews; nothing when it renews by hand.
    """
    with db.transaction() as s:
        order = s.exec(select(tables.Order).where(tables.Order.number == number)).one()
        service = s.exec(select(tables.Service).where(tables.Service.order_id == order.id)).first()
        if order.status != orders.Status.PAID or service is None:
            raise errors.Conflict("ORD_NON_PAGABILE")
        service.activated_on, service.expires_on = calendar.add_years(ends_on, -1), ends_on
        s.add(service)
        return s.get_one(tables.PaymentMethod, service.method_id).token if service.method_id else ""
