"""The product is killed in the middle of a day's debits: it goes on by itself, and charges every service once (F37)."""

import random
import subprocess
import sys
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

from pecapp import clock, launch, tables
from pecapp.domain import calendar
from pecapp.services import dunning
from tests.crash import test_saved_methods as kept
from tests.crash.shop import Shop
from tests.e2e import customers
from tests.support import bank as banks
from tests.support import factories

MAILBOXES = 24
KILLS = 4
RECOVERY_SECONDS = 60


class Batch:
    """A customer with mailboxes that are all due today, on one kept card; the product may die at a place of it."""

    def __init__(self, shop: Shop, mailboxes: int = MAILBOXES, dies_at: str = "") -> None:
        self.shop = shop
        self.customer: customers.Customer = shop.customer()
        number = self.customer.order(quantity=mailboxes, form=factories.FORM | {"auto_renew": "yes"})
        shop.pays(shop.goes_to_bank(self.customer, number))
        self.customer.gets(*kept.BOUGHT, "m04")
        self.expires_on = calendar.rome_date(clock.now()) + timedelta(days=calendar.DEBIT_DAYS_BEFORE_EXPIRY)
        self.services = self.mailboxes()
        if dies_at:
            shop.is_trapped(dies_at)
        with customers.inside(shop.site):
            for service in self.services:
                notified(service, self.expires_on)
            for service in self.services:
                factories.change(service, expires_on=self.expires_on)

    def mailboxes(self) -> list[tables.Service]:
        return self.customer.rows(tables.Service, account_id=self.customer.actor.account_id)

    def renewed(self) -> int:
        return sum(service.expires_on != self.expires_on for service in self.mailboxes())

    def goes_on(self, until: int) -> None:
        """Wait until so many services are renewed."""
        banks.eventually(lambda: self.renewed() >= until, f"{until} services are renewed", RECOVERY_SECONDS)

    def orders(self) -> list[str]:
        rows = self.customer.rows(tables.Order, account_id=self.customer.actor.account_id, kind="renewal")
        return [row.number for row in rows]

    def charged(self) -> Counter[str]:
        """How often the bank has taken money, by order."""
        ours = set(self.orders())
        charges = self.shop.bank.look("ledger")["charges"]
        return Counter(one["metadata"]["order"] for one in charges if one["metadata"].get("order") in ours)

    def ends_right(self) -> None:
        """Every service is renewed once, paid once, and told once; the books of both sides agree."""

        def done() -> bool:
            self.shop.leases_end()
            return self.renewed() == len(self.services)

        banks.eventually(done, "all services are renewed", RECOVERY_SECONDS)
        assert sorted(self.charged().values()) == [1] * len(self.services)
        assert {one.expires_on for one in self.mailboxes()} == {calendar.add_years(self.expires_on, 1)}
        self.shop.ends_right(*self.orders())
        told = [
            one.template for one in self.customer.rows(tables.OutboxMail, account_id=self.customer.actor.account_id)
        ]
        assert (told.count("m07"), told.count("m08"), told.count("m06")) == (len(self.services), 0, 0)


def notified(service: tables.Service, expires_on: date) -> None:
    """The legal notice of a service was sent in time."""
    at = clock.now() - timedelta(days=28)
    factories.add(
        tables.OutboxMail(
            dedup_key=dunning.notice_key(service.id or 0, expires_on),
            template="m13",
            account_id=service.account_id,
            to_address="x@example.test",
            lang="it",
            params={},
            status="sent",
            created_at=at,
            ready_at=at,
            sent_at=at,
        )
    )


@pytest.mark.parametrize("point", ["debit_recorded", "debited", "settled", "mail_claimed"])
def test_killed_at_a_named_place_of_a_debit(shop: Shop, point: str) -> None:
    batch = Batch(shop, 3, dies_at=point)
    shop.dies()
    shop.revives()
    batch.ends_right()


def test_killed_at_any_moment_of_a_batch(shop: Shop) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    shop.bank.do("faults", match="POST /v1/payment_intents", behaviour="slow", ms=200, times=banks.FOREVER)
    batch = Batch(shop)
    for _ in range(KILLS):
        batch.goes_on(min(batch.renewed() + chance.randrange(1, 6), len(batch.services)))
        shop.site.app.kill()
        assert max(batch.charged().values()) == 1, f"seed {seed}"
        shop.revives()
    try:
        batch.ends_right()
    except AssertionError as wrong:
        raise AssertionError(f"seed {seed}: {wrong}") from None


def test_two_processes_share_the_work_and_charge_once(shop: Shop, tmp_path: Path) -> None:
    environment = {**shop.site.app.environment, "PECAPP_EXECUTOR_ID": "second"}
    log = tmp_path / "worker.log"
    with log.open("w") as out:
        second = subprocess.Popen(
            [sys.executable, "-m", "pecapp", "worker"], cwd=launch.ROOT, env=environment, stdout=out, stderr=out
        )
    try:
        Batch(shop).ends_right()
        assert second.poll() is None, log.read_text()
    finally:
        second.terminate()
        second.wait(launch.STOP_SECONDS * 3)


def test_a_gateway_that_charges_and_does_not_answer_is_asked_what_it_did(shop: Shop) -> None:
    shop.bank.do("faults", match="POST /v1/payment_intents", behaviour="drop_after", times=6)
    Batch(shop, 3).ends_right()
