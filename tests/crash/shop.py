"""A shop that is killed and started again, and its customers: without a browser, forms and links suffice."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx
from sqlalchemy import update

from pecapp import clock, db, tables
from tests.crash import checker
from tests.e2e import customers
from tests.support import bank as banks
from tests.support import factories, processes

_PAGES = {"stripe": re.compile(r"/c/pay/(cs_\w+)"), "paypal": re.compile(r"/checkoutnow\?token=(\w+)")}
RECOVERY_SECONDS = 20


@dataclass
class Shop:
    """The running product, the bank, and the trap in which the product dies."""

    site: processes.Site
    bank: banks.Bank
    trap: Path
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.site.url, headers={"Origin": self.site.url}, timeout=10)

    def close(self) -> None:
        self.http.close()
        self.bank.close()

    # --- customers

    def customer(self) -> customers.Customer:
        return customers.make(self.site, _no_browser)

    def goes_to_bank(self, customer: customers.Customer, number: str, gateway: str = "stripe") -> str:
        """The customer presses «Paga»; gives the gateway's page, or nothing when no answer came."""
        try:
            answer = self.http.post(
                f"/ordini/{number}/paga", data={"gateway": gateway}, headers={"Cookie": f"sid={customer.cookie}"}
            )
        except httpx.TransportError:
            return ""
        found = _PAGES[gateway].search(answer.text)
        return found[1] if found else ""

    def visits(self, address: str) -> None:
        """A browser goes there; there may be nobody to answer."""
        try:
            self.http.get(address)
        except httpx.TransportError:
            return

    def pays(self, session: str) -> None:
        """The customer pays on the bank's page."""
        paid = self.bank.do("sessions/pay", session=session, number=banks.GOOD)
        assert paid["payment_status"] == "paid", paid

    def approves(self, order: str) -> None:
        """The customer agrees on PayPal's page, and closes the tab."""
        self.bank.do("paypal/approve", order=order, buyer="ok@compratori.test")

    def attempt(self, number: str) -> tables.PaymentAttempt:
        """The newest attempt to pay an order."""
        with customers.inside(self.site):
            order = factories.the(tables.Order, number=number)
            return max(factories.rows(tables.PaymentAttempt, order_id=order.id), key=lambda one: one.number)

    # --- death and life

    def is_trapped(self, point: str) -> None:
        """The product will die when it next reaches `point`."""
        self.trap.write_text(point)

    def dies(self) -> None:
        """Wait until the product is dead by its trap."""
        banks.eventually(lambda: not self.site.app.is_running(), f"dead at {self.trap.name}")
        assert not self.trap.exists()

    def revives(self) -> None:
        """Start the product again, as its supervisor would."""
        self.site.restart_app()

    def leases_end(self) -> None:
        """What somebody dead had taken up is due again: minutes pass in a moment."""
        now = clock.now()
        with customers.inside(self.site), db.transaction() as s:
            mail, event, refund = (db.table(t) for t in (tables.OutboxMail, tables.InboxEvent, tables.Refund))
            s.execute(update(mail).where(mail.c.status == "waiting").values(ready_at=now))
            s.execute(update(event).where(event.c.next_try_at.is_not(None)).values(next_try_at=now))
            s.execute(update(refund).where(refund.c.status == "requested").values(next_try_at=now))

    # --- the verdict

    def paid(self, *numbers: str) -> set[str]:
        """Which of these orders are paid."""
        with customers.inside(self.site):
            return checker.paid_orders(numbers)

    def violations(self) -> list[str]:
        """What is wrong now."""
        with customers.inside(self.site):
            return checker.violations(self.bank)

    def ends_right(self, *numbers: str) -> None:
        """All of these orders become paid, and everything in the house is as it must be."""
        banks.eventually(lambda: self.paid(*numbers) == {*numbers}, f"{numbers} are paid", RECOVERY_SECONDS)
        deadline = clock.now() + timedelta(seconds=RECOVERY_SECONDS)
        while (wrong := self.violations()) and clock.now() < deadline:
            self.leases_end()
        assert not wrong, "\n".join(wrong)


def _no_browser() -> NoReturn:
    raise AssertionError("these customers have no browser")
