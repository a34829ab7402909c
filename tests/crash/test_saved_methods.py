"""The product dies while a method is kept, replaced, used or deleted: it ends as wanted, or as it was, and once."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from pecapp import tables
from pecapp.domain import savings
from tests.crash.shop import Shop
from tests.e2e import customers
from tests.support import bank as banks
from tests.support import factories

STRIPE, PAYPAL = "stripe", "paypal"
OTHER_CARD, ALWAYS_ASKS = "5555 5555 5555 4444", "4000 0027 6000 3184"
CONFIRMS = "confirm@compratori.test"
ADD, REPLACE, ACTIVATE = "add", "replace", "activate"
BOUGHT = ["m02", "m03"]
LETTERS = {ADD: ["m09"], REPLACE: [*BOUGHT, "m04", "m10"], ACTIVATE: [*BOUGHT, "m04", "m09"]}
"""All that a customer is written until their wish has come true."""


@dataclass
class Case:
    """A customer who wants a method to be kept: just so, instead of the card that renews a mailbox, or to renew it."""

    shop: Shop
    wish: str
    gateway: str
    customer: customers.Customer = field(init=False)
    before: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.customer = self.shop.customer()
        if self.wish != ADD:
            buys(self.shop, self.customer, renewing=self.wish == REPLACE)
        self.before = self.facts()

    def rows(self, table: type[Any]) -> list[Any]:
        return self.customer.rows(table, account_id=self.customer.actor.account_id)

    def facts(self) -> dict[str, Any]:
        """What must be as it was until the gateway has kept the method, and our own books say so."""
        return {
            "methods": [(one.status, one.token, one.ceiling_cents) for one in self.rows(tables.PaymentMethod)],
            "services": [(one.renewal, one.method_id) for one in self.rows(tables.Service)],
            "mandates": [one.source for one in self.rows(tables.Mandate)],
            "letters": sorted(one.template for one in self.rows(tables.OutboxMail)),
        }

    def goes(self) -> str:
        """Up to the gateway's page; nothing when no answer came."""
        if self.wish == ACTIVATE:
            (service,) = self.rows(tables.Service)
            return self.shop.activates(self.customer, service.id, self.gateway)
        old = [one.id for one in self.rows(tables.PaymentMethod)]
        return self.shop.adds(self.customer, self.gateway, *old)

    def agrees(self, page: str) -> str:
        return self.shop.agrees(self.gateway, page, OTHER_CARD if self.gateway == STRIPE else "")

    def comes_true(self) -> None:
        """Wait until nothing is left to do; then the wish is fulfilled, once."""
        banks.eventually(self._is_saved, "the method is kept", 20)
        self.shop.ends_right()
        *old, new = self.rows(tables.PaymentMethod)
        (saving,) = self.rows(tables.MethodSaving)
        assert (saving.status, saving.method_id, new.status) == ("saved", new.id, "valid")
        assert len(self._openings(saving)) == 1
        given = [one for one in self.rows(tables.Mandate) if one.source.startswith("saving:")]
        assert [(one.source, one.method_id, one.ceiling_cents) for one in given] == (
            [] if self.wish == ADD else [(f"saving:{saving.id}", new.id, 1208)]
        )
        assert new.ceiling_cents == (None if self.wish == ADD else 1208)
        assert [(one.status, one.token) for one in old] == ([("removed", "")] if self.wish == REPLACE else [])
        for service in self.rows(tables.Service):
            assert (service.renewal, service.method_id) == ("active", new.id)
        self.customer.gets(*LETTERS[self.wish])

    def _openings(self, saving: tables.MethodSaving) -> list[dict[str, Any]]:
        """The calls that opened the gateway's page, and were not mere repetitions."""
        calls = self.shop.bank.look("requests")["requests"]
        return [one for one in calls if one["idempotency_key"] == saving.idempotency_key and not one["replayed"]]

    def _is_saved(self) -> bool:
        self.shop.leases_end()
        return [one.status for one in self.rows(tables.MethodSaving)] == ["saved"]


def buys(shop: Shop, customer: customers.Customer, *, renewing: bool) -> None:
    """A mailbox, paid with a card; when it is to renew by itself, the card is kept for that."""
    number = customer.order(form=factories.FORM | {"auto_renew": "yes" if renewing else "no"})
    shop.pays(shop.goes_to_bank(customer, number))
    customer.gets(*BOUGHT, *(["m04"] if renewing else []))


def kept(shop: Shop, customer: customers.Customer, gateway: str, means: str = "") -> tables.PaymentMethod:
    """A method that the customer has let us keep; it carries no renewal."""
    shop.visits(shop.agrees(gateway, shop.adds(customer, gateway), means))
    (method,) = customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id, status="valid")
    return method


# --- keeping ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("point", "wish", "gateway"),
    [
        ("saving_recorded", ADD, PAYPAL),
        ("saving_recorded", REPLACE, STRIPE),
        ("saving_recorded", ACTIVATE, STRIPE),
        ("saving_opened", ADD, STRIPE),
        ("saving_opened", REPLACE, PAYPAL),
        ("saving_opened", ACTIVATE, PAYPAL),
    ],
)
def test_dead_on_the_way_to_the_page_that_keeps_a_method(shop: Shop, point: str, wish: str, gateway: str) -> None:
    case = Case(shop, wish, gateway)
    shop.is_trapped(point)
    assert not case.goes()
    shop.dies()
    assert case.facts() == case.before
    shop.revives()
    shop.visits(case.agrees(case.goes()))
    case.comes_true()


def test_dead_on_the_way_and_nobody_comes_back(shop: Shop) -> None:
    case = Case(shop, REPLACE, STRIPE)
    shop.is_trapped("saving_opened")
    assert not case.goes()
    shop.dies()
    shop.revives()
    shop.pages_lapse()
    banks.eventually(lambda: case.rows(tables.MethodSaving)[0].status == savings.Status.EXPIRED, "the wish is over")
    assert case.facts() == case.before
    shop.ends_right()


@pytest.mark.parametrize(
    ("wish", "gateway", "told"),
    [
        (ADD, STRIPE, "notified"),
        (REPLACE, STRIPE, "never notified"),
        (REPLACE, STRIPE, "notified early"),
        (REPLACE, PAYPAL, "by return only"),
        (ACTIVATE, PAYPAL, "by return only"),
    ],
)
def test_dead_when_the_gateway_has_kept_it_and_we_do_not_know_yet(
    shop: Shop, wish: str, gateway: str, told: str
) -> None:
    case = Case(shop, wish, gateway)
    page = case.goes()
    if told == "never notified":
        shop.bank.spoil_webhooks("drop")
    if told == "notified early":
        shop.bank.do("webhooks/hold")
    shop.is_trapped("saving_asked")
    back = case.agrees(page)
    if told == "notified early":
        shop.bank.do("webhooks/release", order="reversed")
    elif told != "notified":
        shop.visits(back)
    shop.dies()
    assert case.facts() == case.before
    shop.revives()
    case.comes_true()
    shop.visits(back)
    case.comes_true()


def test_dead_when_it_is_kept_and_the_notification_that_told_it_is_not_ticked_off(shop: Shop) -> None:
    case = Case(shop, REPLACE, STRIPE)
    page = case.goes()
    shop.is_trapped("hint_followed")
    back = case.agrees(page)
    shop.dies()
    shop.revives()
    shop.visits(back)
    case.comes_true()


# --- deleting ---------------------------------------------------------------------------------------------------------


def test_dead_when_the_gateway_has_deleted_a_replaced_card(shop: Shop) -> None:
    case = Case(shop, REPLACE, PAYPAL)
    page = case.goes()
    shop.is_trapped("token_forgotten")
    shop.visits(case.agrees(page))
    shop.dies()
    shop.revives()
    case.comes_true()


def test_dead_when_the_gateway_has_deleted_a_removed_account(shop: Shop) -> None:
    customer = shop.customer()
    method = kept(shop, customer, PAYPAL)
    shop.is_trapped("token_forgotten")
    shop.removes(customer, method)
    shop.dies()
    assert not shop.vault.tokens(PAYPAL, method.customer_ref)
    shop.revives()
    banks.eventually(lambda: is_ticked_off(shop, customer, method), "its deletion is ticked off")
    shop.ends_right()
    customer.gets("m09", "m11")


def is_ticked_off(shop: Shop, customer: customers.Customer, method: tables.PaymentMethod) -> bool:
    """Whether we know that the gateway has deleted a method; if not, it is asked again at once."""
    shop.leases_end()
    (removal,) = customer.rows(tables.TokenRemoval, token=method.token)
    return removal.done_at is not None


# --- paying -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("point", "gateway"), [("attempt_recorded", STRIPE), ("charged", STRIPE), ("settled", PAYPAL)])
def test_dead_while_a_kept_method_pays(shop: Shop, point: str, gateway: str) -> None:
    customer = shop.customer()
    method = kept(shop, customer, gateway)
    number = customer.order()
    shop.is_trapped(point)
    assert not shop.pays_with(customer, number, method)
    shop.dies()
    shop.revives()
    is_paid_once(shop, customer, number, method)


def test_dead_when_paypal_has_taken_the_money_and_its_answer_is_under_way(shop: Shop) -> None:
    customer = shop.customer()
    method = kept(shop, customer, PAYPAL)
    number = customer.order()
    shop.bank.do("faults", match="POST /v2/checkout/orders", behaviour="execute_then_hang", ms=3000)
    shop.starts_to_pay_with(customer, number, method)
    banks.eventually(lambda: shop.bank.charges(number), "the money is taken")
    shop.site.app.kill()
    assert not shop.paid(number)
    shop.revives()
    is_paid_once(shop, customer, number, method)


@pytest.mark.parametrize(("gateway", "means"), [(STRIPE, ALWAYS_ASKS), (PAYPAL, CONFIRMS)])
def test_dead_when_the_bank_wants_a_confirmation(shop: Shop, gateway: str, means: str) -> None:
    customer = shop.customer()
    method = kept(shop, customer, gateway, means)
    number = customer.order()
    shop.is_trapped("charged")
    assert not shop.pays_with(customer, number, method)
    shop.dies()
    assert not shop.bank.charges(number)
    shop.revives()
    page = banks.eventually(lambda: shop.resumes(customer, number, gateway), "the payment can be gone on with")
    if gateway == PAYPAL:
        shop.approves(page, CONFIRMS)
        shop.visits(f"/ritorno/paypal?token={page}")
    else:
        shop.bank.do("payment_intents/authenticate", payment_intent=page, passed=True)
    is_paid_once(shop, customer, number, method)


def is_paid_once(shop: Shop, customer: customers.Customer, number: str, method: tables.PaymentMethod) -> None:
    shop.ends_right(number)
    (charge,) = shop.bank.charges(number)
    assert (charge["payment_method"], charge["amount"], charge["refunded"]) == (method.token, 1208, 0)
    customer.gets("m09", *BOUGHT)
