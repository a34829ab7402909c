"""A shop that is killed and started again, and its customers: without a browser, forms and links suffice."""

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import httpx
from sqlalchemy import update

from pecapp import clock, db, tables
from tests.crash import checker, tabs, vaults
from tests.e2e import customers
from tests.support import bank as banks
from tests.support import factories, processes

_PAGES = {"stripe": re.compile(r"/c/pay/(cs_\w+)"), "paypal": re.compile(r"/checkoutnow\?token=(\w+)")}
_KEEPING = {"stripe": _PAGES["stripe"], "paypal": re.compile(r"/agreements/approve\?approval_session_id=(\w+)")}
_CONFIRMING = {"stripe": re.compile(r"/3ds/(pi_\w+)/"), "paypal": _PAGES["paypal"]}
_ANSWERED = r'"_redirect"|"going_rx_state_":false|"tone_rx_state_"'
"""What ends an act on a page: it leads on, its button can be pressed again, or a message is shown."""
OK = "ok@compratori.test"
YEARLY = "12,08 €"
"""What a mailbox costs a year."""
RECOVERY_SECONDS = 20


@dataclass
class Shop:
    """The running product, the bank, and the trap in which the product dies."""

    site: processes.Site
    bank: banks.Bank
    trap: Path
    http: httpx.Client = field(init=False)
    vault: vaults.Vaults = field(init=False)

    def __post_init__(self) -> None:
        self.vault = vaults.Vaults(self.site.simulator_url)
        self.http = httpx.Client(base_url=self.site.url, headers={"Origin": self.site.url}, timeout=10)

    def close(self) -> None:
        self.http.close()
        self.vault.close()
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

    def approves(self, order: str, buyer: str = OK) -> None:
        """The customer agrees on PayPal's page, and closes the tab."""
        self.bank.do("paypal/approve", order=order, buyer=buyer)

    def adds(self, customer: customers.Customer, gateway: str = "stripe", replaces: int | None = None) -> str:
        """«Aggiungi» or «Sostituisci», up to the gateway's page; nothing when no answer came."""
        page = "/metodi-di-pagamento/nuovo" + (f"?sostituisce={replaces}" if replaces else "")
        form = {"gateway": gateway, "consent": "yes", "ceiling": YEARLY}
        return self._led(_KEEPING[gateway], customer, page, tabs.Press("new_method.new_method.begin", {"data": form}))

    def activates(self, customer: customers.Customer, service_id: int, gateway: str = "stripe") -> str:
        """«Attiva» with a new card or account, up to the gateway's page; nothing when no answer came."""
        page = f"/area-clienti/servizi/{service_id}/rinnovo"
        form = {"means": gateway, "consent": "yes", "amount": YEARLY, "ceiling": YEARLY}
        return self._led(_KEEPING[gateway], customer, page, tabs.Press("activation.activation.confirm", {"data": form}))

    def agrees(self, gateway: str, page: str, means: str = "") -> str:
        """The customer lets the gateway keep their card or account; the address that leads back to the shop."""
        if gateway == "paypal":
            return self.bank.do("paypal/setup/approve", setup_token=page, buyer=means or OK)["return_url"]
        done = self.bank.do("sessions/pay", session=page, number=means or banks.GOOD)
        assert done["payment_status"] == "no_payment_required", done
        return done["return_url"]

    def pays_with(self, customer: customers.Customer, number: str, method: tables.PaymentMethod) -> str:
        """«Paga ora» with a kept method; the page where it has to be confirmed, or nothing."""
        return self._led(_CONFIRMING[method.gateway], customer, f"/ordini/{number}", *_paying(method))

    def starts_to_pay_with(self, customer: customers.Customer, number: str, method: tables.PaymentMethod) -> None:
        """As `pays_with`; the customer closes the tab as soon as they have pressed."""
        buttons = _paying(method)
        assert self.presses(customer, f"/ordini/{number}", *buttons, until='"going_rx_state_":true')

    def resumes(self, customer: customers.Customer, number: str, gateway: str) -> str:
        """«Riprendi il pagamento», up to the page where it has to be confirmed; nothing when there is none."""
        resume = tabs.Press("order.order_page.resume", {})
        return self._led(_CONFIRMING[gateway], customer, f"/ordini/{number}", resume)

    def removes(self, customer: customers.Customer, method: tables.PaymentMethod) -> None:
        """«Rimuovi», confirmed."""
        remove = tabs.Press("methods.methods.remove", {"method_id": method.id})
        self.presses(customer, "/metodi-di-pagamento", remove)

    def presses(self, customer: customers.Customer, page: str, *buttons: tabs.Press, until: str = _ANSWERED) -> str:
        """Open a page of the shop and press its buttons; the answer that fits `until`, nothing when none came."""
        return tabs.press(self.site.url, customer.cookie, page, *buttons, until=until)

    def _led(self, to: re.Pattern[str], customer: customers.Customer, page: str, *buttons: tabs.Press) -> str:
        found = to.search(self.presses(customer, page, *buttons))
        return found[1] if found else ""

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
        leases = (
            (tables.InboxEvent, "next_try_at"),
            (tables.MethodSaving, "next_check_at"),
            (tables.PaymentAttempt, "next_check_at"),
            (tables.TokenRemoval, "next_try_at"),
        )
        with customers.inside(self.site), db.transaction() as s:
            mail, refund = db.table(tables.OutboxMail), db.table(tables.Refund)
            s.execute(update(mail).where(mail.c.status == "waiting").values(ready_at=now))
            s.execute(update(refund).where(refund.c.status == "requested").values(next_try_at=now))
            for leased, due in leases:
                table = db.table(leased)
                s.execute(update(table).where(table.c[due].is_not(None)).values({due: now}))

    def pages_lapse(self) -> None:
        """Nobody uses the gateways' pages that keep a method any more: hours pass in a moment."""
        now = clock.now()
        with customers.inside(self.site), db.transaction() as s:
            saving = db.table(tables.MethodSaving)
            s.execute(update(saving).where(saving.c.finished_at.is_(None)).values(expires_at=now, next_check_at=now))

    # --- the verdict

    def paid(self, *numbers: str) -> set[str]:
        """Which of these orders are paid."""
        with customers.inside(self.site):
            return checker.paid_orders(numbers)

    def violations(self) -> list[str]:
        """What is wrong now."""
        with customers.inside(self.site):
            return checker.violations(self.bank, self.vault)

    def ends_right(self, *numbers: str) -> None:
        """All of these orders become paid, and everything in the house is as it must be.

        What somebody dead had taken up may have to wait for the end of its lease.
        """
        with suppress(AssertionError):
            banks.eventually(lambda: self.paid(*numbers) == {*numbers}, "all are paid", RECOVERY_SECONDS)
        deadline = clock.now() + timedelta(seconds=RECOVERY_SECONDS)
        while (unpaid := {*numbers} - self.paid(*numbers)) and clock.now() < deadline:
            self.leases_end()
        assert not unpaid, f"{sorted(unpaid)} are not paid after {RECOVERY_SECONDS} s"
        deadline = clock.now() + timedelta(seconds=RECOVERY_SECONDS)
        while (wrong := self.violations()) and clock.now() < deadline:
            self.leases_end()
        assert not wrong, "\n".join(wrong)
        banks.eventually(self._has_deleted_all, "what had to be deleted at the gateways is ticked off")

    def _has_deleted_all(self) -> bool:
        self.leases_end()
        with customers.inside(self.site):
            return all(one.next_try_at is None for one in factories.rows(tables.TokenRemoval))


def _paying(method: tables.PaymentMethod) -> tuple[tabs.Press, tabs.Press]:
    choose = tabs.Press("order.order_page.choose", {"value": f"m{method.id}"})
    return choose, tabs.Press("order.order_page.pay", {})


def _no_browser() -> NoReturn:
    raise AssertionError("these customers have no browser")
