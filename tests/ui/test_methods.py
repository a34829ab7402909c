"""The handlers of the pages about means of payment: their owner acts, anybody else changes and learns nothing."""

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import db, tables
from pecapp.domain import payments, savings
from pecapp.gateways import base, registry
from pecapp.services import access, methods
from tests.support import factories, gateway
from tests.ui import conftest as site

S = site.STATE
METHODS = f"{S}.pecapp___ui___states___methods____methods"
NEW = f"{S}.pecapp___ui___states___new_method____new_method"
ORDER = f"{S}.pecapp___ui___states___order____order_page"
CHECKOUT = f"{S}.pecapp___ui___states___checkout____checkout"
LIST, ADD = "/metodi-di-pagamento", "/metodi-di-pagamento/nuovo"
NOBODYS = ["", "abc", "0", "-1", "9" * 30, "1.5", None, True, [], {"$gt": 1}, "x" * 20_000]
"""What names no method, whatever the browser sends."""
KEPT_IS_CHOSEN = '"way_rx_state_":"kept_'
EVERYONE_ELSE = pytest.mark.parametrize("who", ["stranger", "customer"])

CEILING = "12,08\xa0€"
"""What the renewal on the card costs, as the page shows it."""


@pytest.fixture
def gateways() -> Iterator[dict[str, gateway.FakeGateway]]:
    """Both gateways in memory."""
    found = {name: gateway.FakeGateway(name) for name in ("stripe", "paypal")}
    registry.use(dict(found))
    yield found
    registry.use(None)


class Owner:
    """A customer with a card that carries a renewal, and a PayPal account that carries none."""

    def __init__(self, client: TestClient) -> None:
        cookie = site.registered("titolare@esempio.test")
        self.actor = access.actor(cookie)
        self.browser = site.Browser(client, cookie)
        card = payments.Card("visa", "4242", 12, 2030, "IT", "fp_visa", "pm_visa", "cus_1")
        order = factories.order(self.actor, auto_renew=True, save_method=True, renewal_gross_cents=1208)
        factories.settle(factories.attempt(order), card=card)
        self.card: tables.PaymentMethod = factories.the(tables.PaymentMethod)
        wallet = payments.Wallet("paypal", "m•••@d•••.it", "IT", "PAYER1", "tok-1", "cust-1", payments.Saving.SAVED)
        with db.transaction() as s:
            kept = methods.keep(s, account_id=self.actor.account_id or 0, gateway="paypal", means=wallet, consent={})
            self.account_id = kept.id or 0
        self.card_id = self.card.id or 0

    def service(self) -> tables.Service:
        return factories.the(tables.Service)

    def authorises(self, cents: int) -> None:
        """The PayPal account may be debited up to this."""
        with db.transaction() as s:
            account = s.get_one(tables.PaymentMethod, self.account_id)
            account.ceiling_cents = cents
            s.add(account)


@pytest.fixture
def owner(gateways: dict[str, gateway.FakeGateway], client: TestClient) -> Owner:
    return Owner(client)


def another(client: TestClient, who: str) -> site.Browser:
    cookie = site.registered("altro@esempio.test", first_name="Altro") if who == "customer" else access.new_cookie()
    return site.Browser(client, cookie)


def stored() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves."""
    kept = factories.dump()
    kept.pop("web_session")
    return kept


def states() -> list[str]:
    return sorted(row.status for row in factories.rows(tables.PaymentMethod))


# --- the list ---------------------------------------------------------------------------------------------------------


def test_the_owner_sees_every_method_with_the_renewals_on_it(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST)
        tab.settle()
    assert "4242" in tab.seen
    assert '"12/30"' in tab.seen
    assert "pec standard, scadenza" in tab.seen


@EVERYONE_ELSE
def test_nobody_else_sees_or_changes_a_method(client: TestClient, owner: Owner, who: str) -> None:
    with another(client, who).connect() as socket:
        tab = site.arrive(socket, LIST)
        before = stored()
        for method_id in (owner.card_id, owner.account_id):
            tab.emit(f"{METHODS}.choose", {"method_id": method_id})
            tab.emit(f"{METHODS}.remove", {"method_id": method_id})
        tab.emit(f"{METHODS}.move", {"data": {"method": owner.card_id, "instead": owner.account_id}})
        for handler in ("load", "refresh", "follow"):
            tab.emit(f"{METHODS}.{handler}")
        tab.settle()
    assert "4242" not in tab.seen
    assert stored() == before


def test_what_names_no_method_changes_nothing(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST)
        before = stored()
        for value in NOBODYS:
            tab.emit(f"{METHODS}.choose", {"method_id": value})
            tab.emit(f"{METHODS}.remove", {"method_id": value})
            tab.emit(f"{METHODS}.move", {"data": value})
            tab.emit(f"{METHODS}.move", {"data": {"method": value, "instead": owner.account_id}})
            tab.emit(f"{METHODS}.move", {"data": {"method": owner.card_id, "instead": value}})
        tab.settle()
    assert stored() == before


def test_removal_takes_the_method_that_the_question_named_and_switches_its_renewal_off(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST)
        tab.emit(f"{METHODS}.choose", {"method_id": owner.account_id})
        tab.emit(f"{METHODS}.remove", {"method_id": owner.card_id})
        tab.until('"switched_off_rx_state_":["PEC Standard, scadenza')
        tab.settle()
        assert "metodo di pagamento rimosso." not in tab.seen
        tab.emit(f"{METHODS}.remove", {"method_id": owner.account_id})
        tab.until("Metodo di pagamento rimosso.")
        tab.settle()
    assert factories.again(owner.card).status == methods.REMOVED
    assert states() == [methods.REMOVED, methods.REMOVED]
    assert owner.service().renewal == "disabled"


def test_a_method_on_which_a_debit_runs_stays_and_the_page_says_why(owner: Owner) -> None:
    factories.attempt(factories.order(owner.actor), method_id=owner.card_id, gateway_ref=None)
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST)
        before = stored()
        tab.emit(f"{METHODS}.remove", {"method_id": owner.card_id})
        tab.until("in corso un addebito su questo metodo")
        tab.emit(f"{METHODS}.move", {"data": {"method": owner.card_id, "instead": owner.account_id}})
        tab.until("in corso un addebito su questo metodo")
        tab.settle()
    assert stored() == before


def test_renewals_pass_only_to_a_method_that_may_pay_them(owner: Owner) -> None:
    wish = {"method": owner.card_id, "instead": owner.account_id}
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST)
        before = stored()
        tab.emit(f"{METHODS}.move", {"data": {"method": owner.card_id}})
        tab.until("Scegli una delle possibilit")
        tab.emit(f"{METHODS}.move", {"data": wish})
        tab.until("supera quello autorizzato")
        tab.settle()
        assert stored() == before

        owner.authorises(1208)
        tab.emit(f"{METHODS}.move", {"data": wish})
        tab.until("I rinnovi ora usano")
        tab.settle()
    service = owner.service()
    assert (service.renewal, service.method_id) == ("active", owner.account_id)
    assert factories.again(owner.card).status == methods.REMOVED


def test_renewals_never_pass_to_another_customers_method(client: TestClient, owner: Owner) -> None:
    owner.authorises(100_000)
    cookie = site.registered("altro@esempio.test", first_name="Altro")
    card = payments.Card("visa", "1881", 12, 2030, "IT", "fp_other", "pm_other", "cus_2")
    with db.transaction() as s:
        account_id = access.actor(cookie).account_id or 0
        mine = methods.keep(s, account_id=account_id, gateway="stripe", means=card, consent={}).id
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, LIST)
        before = stored()
        tab.emit(f"{METHODS}.move", {"data": {"method": mine, "instead": owner.account_id}})
        tab.emit(f"{METHODS}.move", {"data": {"method": owner.card_id, "instead": mine}})
        tab.settle()
    assert stored() == before


# --- a registration ---------------------------------------------------------------------------------------------------


@pytest.fixture
def saving(owner: Owner, gateways: dict[str, gateway.FakeGateway]) -> tables.MethodSaving:
    """A card that its customer is about to register, on the bank's page."""
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        tab.emit(f"{NEW}.begin", {"data": {"gateway": "stripe", "consent": "on", "ceiling": CEILING}})
        tab.until("bank.test/save_")
    return factories.the(tables.MethodSaving)


def test_the_owner_is_told_how_a_registration_stands(owner: Owner, saving: tables.MethodSaving) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, LIST, {"salvataggio": saving.id})
        tab.settle()
    assert "stiamo verificando la registrazione" in tab.seen


@EVERYONE_ELSE
def test_nobody_else_is_told_of_a_registration(client: TestClient, saving: tables.MethodSaving, who: str) -> None:
    with another(client, who).connect() as socket:
        tab = site.arrive(socket, LIST, {"salvataggio": saving.id})
        for handler in ("load", "refresh", "follow"):
            tab.emit(f"{METHODS}.{handler}")
        tab.settle()
    assert "stiamo verificando" not in tab.seen
    assert f'"saving_rx_state_":{{"id":"{saving.id}"' not in tab.seen


def test_an_address_that_names_no_registration_shows_the_list_alone(owner: Owner) -> None:
    for asked in ("x", "0" * 32, "x" * 5_000, "🦭"):
        with owner.browser.connect() as socket:
            tab = site.arrive(socket, LIST, {"salvataggio": asked})
            tab.settle()
        assert "registrazione" not in tab.seen
        assert "4242" in tab.seen


# --- adding and replacing ---------------------------------------------------------------------------------------------


def test_before_the_banks_page_the_customer_reads_what_they_authorise(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        tab.settle()
    assert "acconsento che questo metodo" in tab.seen
    assert "12,08" in tab.seen


def test_nothing_begins_without_a_choice_and_a_consent(owner: Owner, gateways: dict[str, gateway.FakeGateway]) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        before = stored()
        for data in (None, [], {}, {"gateway": "bitcoin", "consent": "no"}, {"gateway": {"$gt": 1}, "consent": []}):
            tab.emit(f"{NEW}.begin", {"data": data})
            tab.until("Per conservare il metodo serve il tuo consenso")
        tab.settle()
    assert "scegli come pagare" in tab.seen
    assert stored() == before
    assert gateways["stripe"].calls == gateways["paypal"].calls == []


def test_pressed_twice_or_begun_again_it_is_one_page(owner: Owner, gateways: dict[str, gateway.FakeGateway]) -> None:
    wish = {"data": {"gateway": "stripe", "consent": True, "ceiling": CEILING}}
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        tab.emit(f"{NEW}.begin", wish)
        tab.emit(f"{NEW}.begin", wish)
        tab.until("bank.test/save_")
        tab.settle()
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        tab.emit(f"{NEW}.begin", wish)
        tab.until("bank.test/save_")
    assert len(factories.rows(tables.MethodSaving)) == 1
    assert len(gateways["stripe"].savings) == 1


def test_a_gateway_that_does_not_answer_is_said_and_the_customer_can_try_again(
    owner: Owner, gateways: dict[str, gateway.FakeGateway]
) -> None:
    wish = {"data": {"gateway": "paypal", "consent": "yes", "ceiling": CEILING}}
    gateways["paypal"].fail("start_saving", base.GatewayError("no"))
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD)
        tab.emit(f"{NEW}.begin", wish)
        tab.until("Il gestore dei pagamenti non risponde")
        tab.emit(f"{NEW}.begin", wish)
        tab.until("bank.test/save_")


def test_replacing_names_the_method_and_is_for_that_one_only(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, ADD, {"sostituisce": str(owner.card_id)})
        assert "4242" in tab.seen
        wish = {"gateway": "stripe", "consent": "yes", "ceiling": CEILING, "replaces": str(owner.account_id)}
        tab.emit(f"{NEW}.begin", {"data": wish})
        tab.until("bank.test/save_")
    begun = factories.the(tables.MethodSaving)
    assert (begun.purpose, begun.replaces_id) == (savings.Purpose.REPLACE, owner.card_id)


@pytest.mark.parametrize("asked", ["theirs", "0", "-1", "abc", "9" * 18, "9" * 30, "1 OR 1=1"])
def test_a_method_that_is_not_theirs_cannot_be_replaced(client: TestClient, owner: Owner, asked: str) -> None:
    other = another(client, "customer")
    with other.connect() as socket:
        wanted = str(owner.card_id) if asked == "theirs" else asked
        tab = site.arrive(socket, ADD, {"sostituisce": wanted})
        before = stored()
        wish = {"gateway": "stripe", "consent": "yes", "ceiling": CEILING, "replaces": str(owner.card_id)}
        tab.emit(f"{NEW}.begin", {"data": wish})
        tab.settle()
    assert "4242" not in tab.seen
    assert stored() == before


def test_a_stranger_begins_nothing(client: TestClient, owner: Owner) -> None:
    with another(client, "stranger").connect() as socket:
        tab = site.arrive(socket, ADD, {"sostituisce": str(owner.card_id)})
        before = stored()
        for handler, payload in (("load", {}), ("refresh", {}), ("begin", {"data": {"gateway": "stripe"}})):
            tab.emit(f"{NEW}.{handler}", payload)
        tab.settle()
    assert "4242" not in tab.seen
    assert "/accedi?next=" in tab.seen
    assert stored() == before


# --- paying with what is kept -----------------------------------------------------------------------------------------


def test_an_order_is_paid_at_once_with_a_kept_card(owner: Owner, gateways: dict[str, gateway.FakeGateway]) -> None:
    order = factories.order(owner.actor)
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{order.number}")
        tab.emit(f"{ORDER}.choose", {"value": f"m{owner.card_id}"})
        tab.emit(f"{ORDER}.pay")
        tab.emit(f"{ORDER}.pay")
        tab.until("Pagamento registrato")
        tab.settle()
    assert factories.again(order).status == "paid"
    assert len(gateways["stripe"].charges) == 1


@EVERYONE_ELSE
def test_a_method_pays_only_its_owners_orders(
    client: TestClient, owner: Owner, gateways: dict[str, gateway.FakeGateway], who: str
) -> None:
    browser = another(client, who)
    mine = factories.order(access.actor(browser.cookie or "")) if who == "customer" else factories.order(owner.actor)
    with browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{mine.number}")
        for value in (f"m{owner.card_id}", f"m{owner.account_id}"):
            tab.emit(f"{ORDER}.choose", {"value": value})
            tab.settle()
        assert KEPT_IS_CHOSEN not in tab.seen
        assert "4242" not in tab.seen
    assert gateways["stripe"].charges == {}


def test_what_is_no_means_is_not_chosen(owner: Owner, gateways: dict[str, gateway.FakeGateway]) -> None:
    order = factories.order(owner.actor)
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{order.number}")
        for value in [*NOBODYS, "m0", "m-1", f"M{owner.card_id}", f"mm{owner.card_id}", "m999999", "bitcoin"]:
            tab.emit(f"{ORDER}.choose", {"value": value})
        tab.settle()
        assert KEPT_IS_CHOSEN not in tab.seen
        tab.emit(f"{ORDER}.pay")
        tab.until("bank.test/cs_")  # the card of the order form is still the one that is chosen
    assert gateways["stripe"].charges == {}


def test_a_kept_method_that_is_removed_elsewhere_is_not_replaced_by_another_choice(
    owner: Owner, gateways: dict[str, gateway.FakeGateway]
) -> None:
    order = factories.order(owner.actor)
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{order.number}")
        tab.emit(f"{ORDER}.choose", {"value": f"m{owner.card_id}"})
        tab.until("kept_card")
        methods.remove(owner.actor, owner.card_id)
        tab.emit(f"{ORDER}.refresh")
        tab.settle()
        tab.emit(f"{ORDER}.pay")
        tab.until("Scegli come pagare")
    assert gateways["stripe"].calls == []
    assert factories.again(order).status == "awaiting_payment"


def test_an_order_form_takes_a_kept_method_and_saves_nothing_new(owner: Owner) -> None:
    factories.basket(owner.actor)
    form = factories.ACCEPTED | {"gateway": f"m{owner.card_id}", "auto_renew": "no"}
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, "/ordine", {"passo": "form"})
        assert "4242" in tab.seen
        tab.emit(f"{CHECKOUT}.note", {"field": "gateway", "value": f"m{owner.card_id}"})
        tab.until('"kept_rx_state_":true')
        tab.emit(f"{CHECKOUT}.place", {"data": form})
        tab.until("/ordini/")
    order = factories.rows(tables.Order)[-1]
    assert (order.gateway, order.method_id, order.save_method) == ("stripe", owner.card_id, False)


def test_an_order_form_refuses_another_customers_method(client: TestClient, owner: Owner) -> None:
    browser = another(client, "customer")
    mine = access.actor(browser.cookie or "")
    factories.basket(mine)
    with browser.connect() as socket:
        tab = site.arrive(socket, "/ordine", {"passo": "form"})
        form = factories.ACCEPTED | {"gateway": f"m{owner.card_id}", "auto_renew": "no"}
        tab.emit(f"{CHECKOUT}.place", {"data": form})
        tab.until("Scegli come pagare")
        tab.settle()
    assert "4242" not in tab.seen
    assert factories.rows(tables.Order, account_id=mine.account_id) == []
