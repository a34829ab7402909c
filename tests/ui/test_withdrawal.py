"""«Recedere dal contratto qui»: its owner withdraws, a stranger declares and learns nothing, nonsense does nothing."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, tables
from pecapp.services import access, withdrawals
from tests.support import factories
from tests.ui import conftest as site

PAGE = f"{site.STATE}.pecapp___ui___states___withdrawal____declaration"
ADDRESS = "canarini@esempio.test"
NAME = "Mario Canarini"
RECEIVED = '"received":"'
NONSENSE = [{"$gt": 1}, {"name": {}, 1: []}, "x" * 20_000, "", None, [], [[[{}]]], "a\0b", -1, 10**30, 1.5, True]


class Owner:
    """A customer with a mailbox bought today."""

    def __init__(self, client: TestClient) -> None:
        cookie = site.registered(ADDRESS, last_name="Canarini")
        self.actor = access.actor(cookie)
        self.browser = site.Browser(client, cookie)
        holder = factories.people.HOLDER | {"first_name": "Mario", "last_name": "Canarini"}
        until = clock.today() + timedelta(days=14)
        order = factories.order(self.actor, reference_email=ADDRESS, holder=holder, withdrawal_until_on=until)
        factories.settle(factories.attempt(order), card=factories.VISA)
        self.order = factories.again(order)

    def typed(self, **changes: str) -> dict[str, str]:
        return {"name": NAME, "number": self.order.number, "email": ADDRESS} | changes


@pytest.fixture
def owner(client: TestClient) -> Owner:
    return Owner(client)


def someone(client: TestClient, who: str) -> site.Browser:
    cookie = site.registered("altro@esempio.test", first_name="Altro") if who == "customer" else access.new_cookie()
    return site.Browser(client, cookie)


def stands(owner: Owner) -> str:
    return factories.again(owner.order).status


def declare(browser: site.Browser, typed: Any, presses: int = 1) -> str:
    """Open the page, fill in the form, confirm; what the browser was sent, in lower case."""
    with browser.connect() as socket:
        tab = site.arrive(socket, "/recesso")
        tab.emit(f"{PAGE}.review", {"data": typed})
        for _ in range(presses):
            tab.emit(f"{PAGE}.confirm")
        tab.settle()
    return tab.seen


def test_the_owner_sees_their_contracts_and_what_will_happen(owner: Owner) -> None:
    with owner.browser.connect() as socket:
        tab = site.arrive(socket, "/recesso", {"ordine": owner.order.number})
        tab.emit(f"{PAGE}.review", {"data": owner.typed()})
        tab.settle()
    assert f'"number":"{owner.order.number}"' in tab.seen
    assert "ti rimborsiamo 12,08" in tab.seen
    assert stands(owner) == "paid"


def test_the_owner_withdraws_once_however_often_it_is_pressed(owner: Owner) -> None:
    seen = declare(owner.browser, owner.typed(), presses=3)
    assert RECEIVED in seen
    assert stands(owner) == "refunded"
    assert len(factories.rows(tables.Withdrawal)) == len(factories.rows(tables.Refund)) == 1


@pytest.mark.parametrize("who", ["stranger", "customer"])
def test_nobody_else_learns_anything_or_ends_anything(client: TestClient, owner: Owner, who: str) -> None:
    answers = []
    for number in (owner.order.number, "1234567897"):
        seen = declare(
            someone(client, who) if who == "stranger" else owner_of_nothing(client, number),
            {"name": "Altro Nome", "number": number, "email": "altro@esempio.test"},
        )
        assert "canarini" not in seen
        assert "12,08" not in seen
        answers.append(RECEIVED in seen)
    assert answers == [True, True]
    withdrawals.handle_due()
    assert stands(owner) == "paid"
    assert {row.status for row in factories.rows(tables.Withdrawal)} == {"to_check"}


def owner_of_nothing(client: TestClient, number: str) -> site.Browser:
    return site.Browser(client, site.registered(f"altro{number}@esempio.test", first_name="Altro"))


def test_who_knows_name_number_and_address_withdraws_without_signing_in(client: TestClient, owner: Owner) -> None:
    seen = declare(someone(client, "stranger"), owner.typed())
    assert RECEIVED in seen
    assert "12,08" not in seen
    assert stands(owner) == "paid"
    withdrawals.handle_due()
    assert stands(owner) == "refunded"


def test_what_is_wrong_is_said_beside_its_field(client: TestClient) -> None:
    seen = declare(someone(client, "stranger"), {"name": "", "number": "12", "email": "x"})
    assert all(f'"{field}":"' in seen for field in ("name", "number", "email"))
    assert RECEIVED not in seen.replace('"received":""', "")
    assert not factories.rows(tables.Withdrawal)


def test_nonsense_does_nothing(client: TestClient, owner: Owner) -> None:
    for browser in (owner.browser, someone(client, "stranger")):
        with browser.connect() as socket:
            tab = site.arrive(socket, "/recesso")
            for value in NONSENSE:
                tab.emit(f"{PAGE}.review", {"data": value})
                tab.emit(f"{PAGE}.confirm", {})
                tab.settle()
            for handler in ("load", "back", "name_another", "confirm"):
                tab.emit(f"{PAGE}.{handler}")
            tab.settle()
    assert not factories.rows(tables.Withdrawal)
    assert stands(owner) == "paid"


def test_nothing_is_confirmed_that_was_not_shown(owner: Owner) -> None:
    with owner.browser.connect(str(uuid.uuid4())) as socket:
        tab = site.arrive(socket, "/recesso")
        tab.emit(f"{PAGE}.confirm")
        tab.emit(f"{PAGE}.review", {"data": owner.typed()})
        tab.emit(f"{PAGE}.back")
        tab.emit(f"{PAGE}.confirm")
        tab.settle()
    assert stands(owner) == "paid"


def test_whoever_has_tried_too_often_is_told_to_wait(client: TestClient, owner: Owner) -> None:
    tries = [declare(someone(client, "stranger"), owner.typed(number="1234567897")) for _ in range(6)]
    assert '"problem_rx_state_":"' in tries[-1]
    assert len(factories.rows(tables.Withdrawal)) == 5
