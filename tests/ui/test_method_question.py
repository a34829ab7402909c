"""«Vuoi usare questo metodo d'ora in poi?» on the page of a paid renewal: asked, answered once, by its owner only."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, i18n, tables
from pecapp.domain import calendar
from pecapp.gateways import registry
from pecapp.services import access, orders, paid_by_hand
from pecapp.ui.pages import order as page
from tests.support import factories, renewing
from tests.support import gateway as gateways
from tests.ui import conftest as site

PAGE = f"{site.STATE}.pecapp___ui___states___order____order_page"
LABEL = "canarini@pec-ceralacca.test"
REFUSED = 1008
ANSWERS = ("use_method", "leave_method")


@pytest.fixture(autouse=True)
def bank(client: TestClient) -> Iterator[gateways.FakeGateway]:
    fake = gateways.FakeGateway()
    registry.use({"stripe": fake, "paypal": gateways.FakeGateway("paypal")})
    yield fake
    registry.use(None)


class Owner:
    """A customer who has just paid a refused renewal by hand, with another kept card."""

    def __init__(self, client: TestClient, email: str = "titolare@esempio.test", label: str = LABEL) -> None:
        self.cookie = site.registered(email)
        self.actor = access.actor(self.cookie)
        self.usual, self.other = renewing.card(self.actor, last4="4242"), renewing.card(self.actor, last4="1111")
        before = clock.today() + timedelta(days=5)
        self.mailbox = renewing.service(self.actor, self.usual, calendar.renewed_expiry(before, 1), label=label)
        self.order = factories.order(self.actor, kind="renewal", status="paid", paid_at=clock.now())
        term: dict[str, Any] = {"service_id": self.mailbox.id, "expires_on": before, "debits": 1, "status": "done"}
        factories.add(tables.Renewal(order_id=self.order.id or 0, **term))
        paid = factories.attempt(self.order, status="succeeded", method_id=self.other.id)
        proof: dict[str, Any] = {"year": 2026, "number": self.order.id, "issued_at": clock.now()}
        factories.add(tables.Receipt(order_id=self.order.id or 0, attempt_id=paid.id, **proof))
        self.browser = site.Browser(client, self.cookie)
        self.address = f"/ordini/{self.order.number}"

    @property
    def method_id(self) -> int | None:
        """What the renewal is debited on now."""
        return factories.again(self.mailbox).method_id


@pytest.fixture
def owner(client: TestClient) -> Owner:
    return Owner(client)


def at(socket: Any, address: str) -> site.Tab:
    tab = site.arrive(socket, address)
    tab.settle()
    return tab


def possessions() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves."""
    stored = factories.dump()
    del stored["web_session"]
    return stored


def test_the_question_is_drawn_with_both_answers() -> None:
    drawn = str(page.page().render())
    keys = ("ord.method.title", "ord.method.yes", "ord.method.no", "ord.method.yes_authorise")
    assert [said for key in keys if (said := i18n.text(key, "en")) not in drawn] == []


def test_yes_pressed_twice_links_the_method_once_in_every_tab(owner: Owner) -> None:
    with owner.browser.connect() as one, owner.browser.connect() as two:
        tab, watching = at(one, owner.address), at(two, owner.address)
        assert "hai pagato con visa •••• 1111" in tab.seen
        for _ in range(2):
            tab.emit(f"{PAGE}.use_method")
        tab.until("Fatto: il rinnovo automatico")
        watching.until('"method_question":{"text":""')
        tab.settle()
    assert owner.method_id == owner.other.id
    assert (len(factories.mails("m04")), len(factories.rows(tables.Acceptance, kind="auto_renew"))) == (1, 1)


def test_no_is_asked_once_and_changes_no_method(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address)
        for _ in range(2):
            tab.emit(f"{PAGE}.leave_method")
        tab.until("resta sul metodo di prima")
        tab.settle()
    assert (owner.method_id, factories.mails("m04")) == (owner.usual.id, [])
    assert len(factories.rows(tables.Acceptance, kind=paid_by_hand.ANSWER)) == 1
    with owner.browser.connect() as socket:
        assert "hai pagato con visa •••• 1111" not in at(socket, owner.address).seen


def test_who_answers_too_late_is_told_and_nothing_changes(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address)
        factories.change(owner.mailbox, renewal="disabled")
        before = possessions()
        for answer in ANSWERS:
            tab.frames.clear()
            tab.emit(f"{PAGE}.{answer}")
            tab.settle()
            assert "nel frattempo il rinnovo automatico" in tab.seen
    assert possessions() == before


def test_what_is_not_authorised_is_refused_even_if_the_button_is_not_there(owner: Owner) -> None:
    factories.change(owner.other, ceiling_cents=500)
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address)
        assert (
            f'"authorise_url":"/area-clienti/servizi/{owner.mailbox.id}/rinnovo?metodo=m{owner.other.id}"' in tab.seen
        )
        tab.emit(f"{PAGE}.use_method")
        tab.until("supera quello autorizzato")
        tab.settle()
    assert possessions() == before


@pytest.mark.parametrize("who", ["stranger", "other customer"])
def test_nobody_else_sees_or_answers_it(client: TestClient, owner: Owner, who: str) -> None:
    cookie = site.registered("altro@esempio.test") if who == "other customer" else access.new_cookie()
    before = possessions()
    with site.Browser(client, cookie).connect() as socket:
        tab = at(socket, owner.address)
        for answer in ANSWERS:
            tab.emit(f"{PAGE}.{answer}")
            tab.settle()
    assert LABEL not in tab.seen
    assert possessions() == before


@pytest.mark.parametrize("sent", [{"number": "0000000000"}, {"lang": "it", "x": [{}]}, {"way": None}, {"": 10**30}])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_takes_nothing_with_it(owner: Owner, answer: str, sent: dict[str, Any]) -> None:
    before = possessions()
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address)
        tab.emit(f"{PAGE}.{answer}", sent)
        assert site.closed(tab) == REFUSED
    assert possessions() == before


def test_a_page_of_ones_own_answers_no_other_question(client: TestClient, owner: Owner) -> None:
    other = Owner(client, "altra@esempio.test", "altra@pec-ceralacca.test")
    with owner.browser.connect() as socket:
        tab = at(socket, owner.address)
        tab.place = {"pathname": other.address, "asPath": other.address, "query": {"numero": other.order.number}}
        tab.emit(f"{PAGE}.use_method")
        tab.settle()
    assert other.method_id == other.usual.id
    assert orders.page(other.actor, other.order.number, "it").method_question.text
