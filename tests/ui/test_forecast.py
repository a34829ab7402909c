"""«Prossimi addebiti» in the browser: its owner sees, skips, puts back, chooses; nobody else, whatever they send."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, i18n, tables
from pecapp.services import access, calendar_feed, forecast
from pecapp.ui.pages import forecast as page
from tests.support import factories, renewing
from tests.ui import conftest as site

HERE = f"{site.STATE}.pecapp___ui___states___forecast____forecast"
HOSTILE = [None, "", "x" * 20_000, "a\0b", -1, 0, 10**30, 1.5, True, [], [[[{}]]], {"$gt": 1}]


class Owner:
    """A customer with a mailbox that renews in two months, a second card, and the page open."""

    def __init__(self, client: TestClient, opened: ExitStack) -> None:
        self.cookie = site.registered("titolare@esempio.test")
        self.actor = access.actor(self.cookie)
        self.visa = renewing.card(self.actor, last4="4242")
        self.other = renewing.card(self.actor, last4="1111")
        self.mailbox = renewing.service(self.actor, self.visa, clock.today() + timedelta(days=60))
        self.browser = site.Browser(client, self.cookie)
        self.tab = opening(opened, self.browser)

    @property
    def choices(self) -> list[Any]:
        """Methods chosen for the next term; None: skipped."""
        return [choice.method_id for choice in factories.rows(tables.RenewalChoice)]


def opening(opened: ExitStack, browser: site.Browser) -> site.Tab:
    tab = site.arrive(opened.enter_context(browser.connect()), page.ROUTE)
    tab.settle()
    return tab


def acting(tab: site.Tab, name: str, **arguments: Any) -> str:
    """Call a handler and wait for it; what came back."""
    tab.frames.clear()
    tab.emit(f"{HERE}.{name}", arguments)
    tab.settle()
    return "\n".join(tab.frames)


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def owner(client: TestClient, opened: ExitStack) -> Owner:
    return Owner(client, opened)


def test_the_page_is_drawn_in_both_languages() -> None:
    drawn = str(page.page().render())
    keys = (
        "forecast.total",
        "forecast.skip_title",
        "forecast.use_title",
        "feed.title",
        "forecast.empty",
        "feed.replace_title",
        "debit.status.by_hand",
    )
    words = [i18n.words(lang)[key] for key in keys for lang in i18n.LANGS]
    assert [said for said in words if said not in drawn] == []


def test_its_owner_sees_what_is_coming(owner: Owner) -> None:
    assert [part for part in (owner.mailbox.label, "4242", '"light":"covered"') if part not in owner.tab.seen] == []


def test_a_debit_is_skipped_and_put_back(owner: Owner) -> None:
    acting(owner.tab, "choose", service_id=owner.mailbox.id)
    said = acting(owner.tab, "skip")
    assert owner.choices == [None]
    assert i18n.text("forecast.skip_done", "it") in said
    assert '"skipped"' in said
    said = acting(owner.tab, "keep", service_id=owner.mailbox.id)
    assert owner.choices == []
    assert i18n.text("forecast.keep_done", "it") in said


def test_another_method_is_marked_and_used(owner: Owner) -> None:
    acting(owner.tab, "choose", service_id=owner.mailbox.id)
    said = acting(owner.tab, "use")
    assert owner.choices == []
    assert i18n.text("CAMPO_SCELTA", "it") in said
    said = acting(owner.tab, "pick", value=f"m{owner.other.id}")
    assert '"errors_rx_state_":{}' in said
    said = acting(owner.tab, "use")
    assert owner.choices == [owner.other.id]
    assert "_set_focus" in said


def test_a_debit_that_is_not_coming_any_more_is_shown_as_to_be_paid_by_hand(owner: Owner) -> None:
    order = factories.order(owner.actor, kind="renewal")
    values = {"service_id": owner.mailbox.id, "expires_on": owner.mailbox.expires_on, "debits": 1}
    factories.add(tables.Renewal(order_id=order.id or 0, trouble="declined", remedy="never", **values))
    said = acting(owner.tab, "refresh")
    assert f'"by_hand":[{{"service_id":{owner.mailbox.id},' in said
    assert f'"order_number":"{order.number}"' in said
    assert '"months":[]' in said


def test_what_is_decided_in_one_tab_is_seen_in_the_other(client: TestClient, owner: Owner, opened: ExitStack) -> None:
    second = opening(opened, owner.browser)
    second.frames.clear()
    acting(owner.tab, "choose", service_id=owner.mailbox.id)
    acting(owner.tab, "skip")
    assert '"light":"skipped"' in second.until('"skipped"')


def test_the_calendars_address_is_shown_once(client: TestClient, owner: Owner, opened: ExitStack) -> None:
    said = acting(owner.tab, "make_feed")
    found = re.search(r"/calendario/([\w-]{43})\.ics", said)
    assert found
    answer = client.get(found[0])
    assert (answer.status_code, owner.mailbox.label in answer.text.replace("\r\n ", "")) == (200, True)
    assert "/calendario/" not in opening(opened, owner.browser).seen
    acting(owner.tab, "revoke_feed")
    assert client.get(found[0]).status_code == 404
    assert "/calendario/" not in acting(owner.tab, "refresh")


def test_an_address_that_was_replaced_elsewhere_is_not_shown_any_more(frozen_clock, owner: Owner) -> None:
    acting(owner.tab, "make_feed")
    frozen_clock.advance(minutes=1)
    calendar_feed.create(owner.actor)
    said = acting(owner.tab, "refresh")
    assert '"address_rx_state_":""' in said


def test_the_address_is_sent_as_nobodys_to_search_engines(client: TestClient, owner: Owner) -> None:
    address = calendar_feed.create(owner.actor)
    answer = client.get(address.removeprefix(site.ORIGIN), headers={"accept": "text/html"})
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert "noindex" in answer.headers["x-robots-tag"]


@pytest.mark.parametrize("who", ["stranger", "customer"])
def test_nobody_else_sees_or_decides_anything(client: TestClient, owner: Owner, opened: ExitStack, who: str) -> None:
    cookie = site.registered("altro@esempio.test") if who == "customer" else access.new_cookie()
    tab = opening(opened, site.Browser(client, cookie))
    forecast.skip(owner.actor, owner.mailbox.id)
    before = factories.dump()
    for value in (owner.mailbox.id, str(owner.mailbox.id), f"m{owner.other.id}", *HOSTILE):
        for name, argument in (("choose", "service_id"), ("pick", "value"), ("keep", "service_id")):
            acting(tab, name, **{argument: value})
        for name in ("skip", "use", "note_copy", "refresh", "load"):
            acting(tab, name)
    after = factories.dump()
    for kept in (before, after):
        kept.pop("web_session")
    assert after == before
    assert owner.mailbox.label not in tab.seen


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_no_service_and_no_method_changes_nothing(owner: Owner, value: Any) -> None:
    before = factories.dump()
    acting(owner.tab, "choose", service_id=value)
    acting(owner.tab, "pick", value=value)
    acting(owner.tab, "skip")
    acting(owner.tab, "use")
    said = acting(owner.tab, "keep", service_id=value)
    assert factories.dump() == before
    assert i18n.text("SER_NON_TROVATO", "it") in said
