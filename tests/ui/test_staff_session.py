"""The pages of the staff say in time that their session ends, let it be prolonged, and lead back after its end."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, i18n, tables
from pecapp.services import access, live
from pecapp.services.admin import lasting
from tests.support import factories, people
from tests.ui import conftest as site

LASTING = f"{site.STATE}.pecapp___ui___states___admin___lasting____lasting"
BOARD = f"{site.STATE}.pecapp___ui___states___admin___board____board"
ENDS, ENDED, FAR = '"ends_rx_state_":"1', '"way_back_rx_state_":"/', '"ends_rx_state_":""'


@pytest.fixture
def cookie(client: TestClient, frozen_clock: Any) -> str:
    return people.staff_cookie("support")


def seen(cookie: str) -> access.Actor:
    return access.wearer(access.badge(cookie), uses=False)


def test_every_open_page_says_when_the_session_ends_and_keeps_it_open_by_nothing(
    client: TestClient, cookie: str, frozen_clock: Any
) -> None:
    browser = site.Browser(client, cookie)
    with browser.connect() as one, browser.connect() as other:
        tabs = [site.arrive(one, "/admin"), site.arrive(other, "/admin/ordini")]
        for tab in tabs:
            tab.settle()
        ends = seen(cookie).expires_at
        assert ends is not None
        frozen_clock.advance(minutes=55)
        for _ in range(2):
            lasting.tell_due()
        for tab in tabs:
            assert i18n.instant(ends, "it") in tab.until(ENDS)
            tab.settle()
        assert seen(cookie).expires_at == ends


def test_who_stays_is_signed_in_for_another_hour_in_every_page(
    client: TestClient, cookie: str, frozen_clock: Any
) -> None:
    browser = site.Browser(client, cookie)
    with browser.connect() as one, browser.connect() as other:
        tabs = [site.arrive(one, "/admin/ordini"), site.arrive(other, "/admin/ordini")]
        frozen_clock.advance(minutes=55)
        lasting.tell_due()
        for tab in tabs:
            tab.until(ENDS)
        tabs[0].emit(f"{LASTING}.prolong")
        for tab in tabs:
            tab.until(FAR)
        assert seen(cookie).expires_at == clock.now() + access.STAFF_IDLE


def test_the_last_end_cannot_be_put_off(client: TestClient, cookie: str, frozen_clock: Any) -> None:
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, "/admin/ordini")
        row = factories.the(tables.WebSession, id=seen(cookie).session_id)
        factories.change(row, created_at=row.created_at - access.STAFF_LONGEST + timedelta(minutes=63))
        frozen_clock.advance(minutes=58)
        ends = clock.now() + timedelta(minutes=5)
        tab.emit(f"{LASTING}.prolong")
        frame = tab.until(ENDS)
        assert i18n.instant(ends, "it") in frame
        assert '"final_rx_state_":true' in frame
        assert seen(cookie).expires_at == ends


@pytest.mark.parametrize("news", ["session", "shop", "own act"])
def test_after_the_end_the_page_leaves_for_the_sign_in_that_leads_back_to_it(
    client: TestClient, cookie: str, frozen_clock: Any, news: str
) -> None:
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, "/admin", {"da": "2027-03-01"})
        tab.settle()
        frozen_clock.advance(minutes=61)
        if news == "session":
            lasting.tell_due()
        elif news == "shop":
            live.announce({live.ADMINS})
        else:
            tab.emit(f"{BOARD}.load")
        assert "/accedi?finita=1&next=%2Fadmin%3Fda%3D2027-03-01" in tab.until(ENDED)
        tab.settle()
    assert "_redirect" not in tab.seen, "the router would keep what the page has shown"


@pytest.mark.parametrize("role", ["stranger", "customer"])
def test_nobody_else_prolongs_or_hears_anything(client: TestClient, frozen_clock: Any, role: str) -> None:
    cookie = access.new_cookie() if role == "stranger" else site.registered("altro@esempio.test")
    with site.Browser(client, cookie).connect() as socket:
        tab = site.arrive(socket, "/")
        before = factories.dump()
        tab.emit(f"{LASTING}.refresh")
        tab.emit(f"{LASTING}.prolong")
        tab.settle()
    assert factories.dump() == before
    assert (ENDS in tab.seen, ENDED in tab.seen) == (False, False)


def test_who_signs_in_again_is_led_back_by_way_of_the_password(client: TestClient) -> None:
    answer = client.get("/admin/entra?next=/admin/ordini/12%3Fa%3Db", follow_redirects=False)
    assert answer.headers["location"] == "/accedi?next=/admin/ordini/12%3Fa%3Db"


def test_a_tab_that_was_never_the_staffs_is_led_to_the_sign_in_as_ever(client: TestClient) -> None:
    with site.Browser(client, access.new_cookie()).connect() as socket:
        tab = site.arrive(socket, "/admin")
        tab.emit(f"{BOARD}.load")
        tab.settle()
    assert "/accedi?next=" in tab.seen
    assert "finita" not in tab.seen
