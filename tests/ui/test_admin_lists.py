"""The staff's lists, search, and pages of a customer and an order: for each of the staff, for nobody else."""

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from starlette.testclient import TestClient

from pecapp import clock, tables
from pecapp.domain import payments
from pecapp.services import access
from pecapp.services.admin import acts, keyset
from tests.support import factories, gateway, people
from tests.ui import conftest as site

ADMIN = f"{site.STATE}.pecapp___ui___states___admin___"
LISTS = {
    "clienti": f"{ADMIN}lists____customers",
    "ordini": f"{ADMIN}lists____orders",
    "pagamenti": f"{ADMIN}lists____payments",
    "servizi": f"{ADMIN}lists____services",
    "metodi": f"{ADMIN}lists____methods",
}
MAILS, REGISTER = f"{ADMIN}lists____mails", f"{ADMIN}lists____register"
SEARCH = f"{ADMIN}search____search"
CUSTOMER = f"{ADMIN}details____customer_page"
ORDER = f"{ADMIN}details____order_page"
ROLES = ("support", "finance", "owner")
NONSENSE = [None, True, 1.5, [], {"$gt": 1}, "x" * 20_000, {"stato": ["paid"]}, {"stato": "'; --", "al": "ieri"}]


@pytest.fixture
def bank() -> Iterator[gateway.FakeGateway]:
    with gateway.installed() as fake:
        yield fake


class Shop:
    """A customer with a kept card, and an order that they have paid with it."""

    def __init__(self) -> None:
        self.customer = access.actor(site.registered("cliente@esempio.test"))
        self.account_id = self.customer.account_id or 0
        card = payments.Card("visa", "4242", 12, 2030, "IT", "fp_visa", "pm_secret", "cus_secret")
        order = factories.order(self.customer, auto_renew=True, save_method=True, renewal_gross_cents=1208)
        factories.settle(factories.attempt(order), card=card)
        self.number = order.number


@pytest.fixture
def shop(bank: gateway.FakeGateway, client: TestClient) -> Shop:
    return Shop()


def opened(browser: site.Browser, address: str, *handlers: str) -> site.Tab:
    """What a browser gets that opens a page and calls these handlers in it."""
    parts = urlsplit(address)
    with browser.connect() as socket:
        tab = site.arrive(socket, parts.path, dict(parse_qsl(parts.query)))
        for handler in handlers:
            tab.emit(f"{handler}.load")
        tab.settle()
    return tab


def last(tab: site.Tab, name: str) -> str:
    """What the page knows under this name at last."""
    return tab.seen.rsplit(f'"{name}_rx_state_":"', 1)[1].split('"', 1)[0]


def member(client: TestClient, role: str) -> site.Browser:
    return site.Browser(client, people.staff_cookie(role))


@pytest.mark.parametrize("role", ROLES)
def test_each_of_the_staff_sees_every_list_and_page(client: TestClient, shop: Shop, role: str) -> None:
    browser = member(client, role)
    for name, handler in LISTS.items():
        seen = opened(browser, f"/admin/{name}", handler).seen
        assert "mario rossi" in seen or shop.number in seen, name
        assert "pm_secret" not in seen
        assert "cus_secret" not in seen
    assert shop.number in opened(browser, f"/admin/ordini/{shop.number}", ORDER).seen
    seen = opened(browser, f"/admin/clienti/{shop.account_id}", CUSTOMER).seen
    assert "rss••••••••••••u" in seen or "rss\\u2022" in seen
    assert "rssmra80a01h501u" not in seen
    assert "mario rossi" in opened(browser, "/admin/cerca?q=4242", SEARCH).seen


@pytest.mark.parametrize("who", ["stranger", "customer"])
def test_nobody_else_learns_anything(client: TestClient, shop: Shop, who: str) -> None:
    cookie = access.new_cookie() if who == "stranger" else site.registered("altro@esempio.test", last_name="Bo")
    browser = site.Browser(client, cookie)
    before = factories.dump()
    pages = {f"/admin/{name}": handler for name, handler in LISTS.items()}
    pages |= {f"/admin/ordini/{shop.number}": ORDER, f"/admin/clienti/{shop.account_id}": CUSTOMER}
    pages["/admin/cerca?q=4242"] = SEARCH
    for address, handler in pages.items():
        tab = opened(browser, address, handler)
        assert "cliente@esempio.test" not in tab.seen
        assert "12,08" not in tab.seen
        assert '"ready_rx_state_":true' not in tab.seen
    after = factories.dump()
    assert {name: rows for name, rows in after.items() if name != "web_session"} == {
        name: rows for name, rows in before.items() if name != "web_session"
    }


@pytest.mark.parametrize("data", NONSENSE)
def test_a_filter_that_makes_no_sense_leads_to_the_list(client: TestClient, shop: Shop, data: object) -> None:
    with member(client, "support").connect() as socket:
        tab = site.arrive(socket, "/admin/ordini")
        tab.emit(f"{LISTS['ordini']}.narrow", {"data": data})
        tab.settle()
    assert "/admin/ordini" in tab.seen
    assert "errore" not in tab.seen.replace("errore_inatteso", "")


def test_filters_stand_in_the_address_and_pages_lead_to_each_other(
    client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset.cut, "__defaults__", (2,))
    made = [factories.order(shop.customer, gateway="paypal").number for _ in range(5)]
    browser, handler = member(client, "support"), LISTS["ordini"]
    with browser.connect() as socket:
        tab = site.arrive(socket, "/admin/ordini")
        tab.emit(f"{handler}.narrow", {"data": {"gateway": "paypal", "stato": "", "other": "x"}})
        tab.settle()
    assert "/admin/ordini?gateway=paypal" in tab.seen
    first = opened(browser, "/admin/ordini?gateway=paypal", handler)
    assert [number in first.seen for number in reversed(made)] == [True, True, False, False, False]
    assert shop.number not in first.seen
    assert last(first, "newer") == ""
    second = opened(browser, last(first, "older"), handler)
    assert [number in second.seen for number in reversed(made)] == [False, False, True, True, False]
    assert last(second, "newer").startswith("/admin/ordini?gateway=paypal&pagina=prima")
    assert last(second, "export").startswith("/admin/esporta/ordini.csv?gateway=paypal")


def cancelled(client: TestClient, shop: Shop) -> str:
    """The number of an order that somebody of the staff has cancelled."""
    number = factories.order(shop.customer).number
    acts.cancel_order(people.staff("support", "collega@esempio.test"), number, "lo ha chiesto al telefono")
    return number


def test_the_owner_looks_for_an_act_by_who_did_it_which_it_was_and_to_what(client: TestClient, shop: Shop) -> None:
    number, browser = cancelled(client, shop), member(client, "owner")
    for asked, found in (
        ("", True),
        ("chi=collega@esempio.test", True),
        ("chi=owner@esempio.test", False),
        ("atto=order_cancelled", True),
        ("atto=refunded", False),
        (f"su={number}", True),
        ("su=cliente@esempio.test", True),
        ("su=9999999999", False),
    ):
        seen = opened(browser, f"/admin/registro?{asked}", REGISTER).seen
        assert (f'"subject":"ordine {number}"' in seen) is found, asked
        assert "collega@esempio.test" in seen, "who there is to choose from"
    narrowed = opened(browser, f"/admin/registro?atto=order_cancelled&su={number}", REGISTER)
    assert last(narrowed, "export").startswith(f"/admin/esporta/registro.csv?atto=order_cancelled&su={number}")


@pytest.mark.parametrize("who", ["stranger", "customer", "support", "finance"])
def test_nobody_but_an_owner_reads_the_register(client: TestClient, shop: Shop, who: str) -> None:
    cancelled(client, shop)
    cookies = {"stranger": access.new_cookie, "customer": lambda: site.registered("altro@esempio.test", last_name="Bo")}
    browser = site.Browser(client, cookies[who]()) if who in cookies else member(client, who)
    with browser.connect() as socket:
        tab = site.arrive(socket, "/admin/registro")
        tab.emit(f"{REGISTER}.load")
        tab.emit(f"{REGISTER}.narrow", {"data": {"su": "cliente@esempio.test"}})
        tab.settle()
    assert "lo ha chiesto al telefono" not in tab.seen
    assert "collega@esempio.test" not in tab.seen
    assert "su=cliente" not in tab.seen


@pytest.mark.parametrize("data", NONSENSE)
def test_a_search_of_the_register_that_makes_no_sense_leads_to_it(client: TestClient, shop: Shop, data: object) -> None:
    with member(client, "owner").connect() as socket:
        tab = site.arrive(socket, "/admin/registro")
        tab.emit(f"{REGISTER}.narrow", {"data": data})
        tab.settle()
    assert "/admin/registro" in tab.seen
    assert "errore" not in tab.seen.replace("errore_inatteso", "")


def test_mails_of_every_state_are_shown_unless_one_is_asked_for(client: TestClient, shop: Shop) -> None:
    browser = member(client, "support")
    for status in ("waiting", "sent", "failed"):
        factories.add(
            tables.OutboxMail(
                dedup_key=status, template="m21", to_address=f"{status}@altrove.test", lang="it", status=status,
                created_at=clock.now(), ready_at=clock.now(),
            )
        )  # fmt: skip
    for asked, shown in (
        ("", {"waiting", "sent", "failed"}),
        ("stato=failed", {"failed"}),
        ("destinatario=Sent@altrove.test", {"sent"}),
        ("destinatario=nessuno@altrove.test", set()),
    ):
        seen = opened(browser, f"/admin/posta?{asked}", MAILS).seen
        found = {status for status in ("waiting", "sent", "failed") if f'"to_address":"{status}@altrove.test"' in seen}
        assert found == shown, asked


@pytest.mark.parametrize("name", ["0", "-1", "abc", "9" * 30, "999999", "%00", "1%27--"])
def test_a_page_of_nothing_says_so(client: TestClient, shop: Shop, name: str) -> None:
    browser = member(client, "support")
    for place, handler in (("clienti", CUSTOMER), ("ordini", ORDER)):
        tab = opened(browser, f"/admin/{place}/{name}", handler)
        assert "mario rossi" not in tab.seen
        assert "errore_inatteso" not in tab.seen.replace('"code"', "")


def test_an_open_page_follows_its_order_and_its_customer(client: TestClient, shop: Shop) -> None:
    order = factories.opened(shop.customer)
    number = factories.the(tables.Order, id=order.order_id).number
    browser = member(client, "finance")
    with browser.connect() as one, browser.connect() as other:
        of_order = site.arrive(one, f"/admin/ordini/{number}")
        of_order.emit(f"{ORDER}.load")
        of_order.settle()
        of_customer = site.arrive(other, f"/admin/clienti/{shop.account_id}")
        of_customer.emit(f"{CUSTOMER}.load")
        of_customer.settle()
        factories.settle(order, card=factories.VISA)
        of_order.until('"status":"succeeded"')
        of_customer.until('"status":"paid"')
