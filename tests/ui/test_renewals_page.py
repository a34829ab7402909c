"""«Perché questo addebito?» in the browser: its owner sees renewals and chains; nobody else, whatever they send."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, db, i18n, tables
from pecapp.services import access, history, live
from pecapp.ui.pages import charge, renewals
from tests.support import factories, renewing
from tests.ui import conftest as site

LIST = f"{site.STATE}.pecapp___ui___states___renewals____renewals"
CHAIN = f"{site.STATE}.pecapp___ui___states___renewals____chain"
REFUSED = 1008
LABEL = "canarini@pec-ceralacca.test"
HOSTILE = [None, "", "x" * 20_000, "a\0b", -1, 0, 10**30, 1.5, True, [], [[[{}]]], {"$gt": 1}]
HANDLERS = [f"{LIST}.{name}" for name in ("load", "refresh", "older")] + [
    f"{CHAIN}.{name}" for name in ("load", "refresh")
]


class Owner:
    """A customer with a mailbox whose debit was refused."""

    def __init__(self, client: TestClient, email: str = "titolare@esempio.test", label: str = LABEL) -> None:
        self.cookie = site.registered(email)
        self.actor = access.actor(self.cookie)
        self.visa = renewing.card(self.actor, last4="4242")
        self.mailbox = renewing.service(self.actor, self.visa, clock.today() + timedelta(days=6), label=label)
        self.order = self.renewal()
        factories.attempt(
            self.order,
            channel="renewal",
            method_id=self.visa.id,
            status="declined",
            reason="insufficient_funds",
            finished_at=clock.now(),
        )
        self.browser = site.Browser(client, self.cookie)

    @property
    def address(self) -> str:
        return f"{renewals.ROUTE}/{self.order.number}"

    def renewal(self, term: int = 0, **values: Any) -> tables.Order:
        """A renewal order of the mailbox that waits for its payment."""
        order = factories.order(self.actor, kind="renewal", **values)
        expires_on = (self.mailbox.expires_on or clock.today()) + timedelta(days=term)
        facts: dict[str, Any] = {
            "service_id": self.mailbox.id,
            "expires_on": expires_on,
            "automatic": True,
            "debits": 1,
        }
        factories.add(tables.Renewal(order_id=order.id or 0, trouble="insufficient_funds", **facts))
        return order


def opening(opened: ExitStack, browser: site.Browser, path: str) -> site.Tab:
    tab = site.arrive(opened.enter_context(browser.connect()), path)
    tab.settle()
    return tab


def acting(tab: site.Tab, handler: str, **arguments: Any) -> str:
    """Call a handler and wait for it; what came back."""
    tab.frames.clear()
    tab.emit(handler, arguments)
    tab.settle()
    return tab.seen


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def owner(client: TestClient) -> Owner:
    return Owner(client)


@pytest.mark.parametrize(
    ("page", "keys"),
    [
        (renewals, ("history.service", "history.empty", "history.more", "history.no_method")),
        (charge, ("history.coming", "history.see_all", "history.missing.title")),
    ],
)
def test_the_pages_are_drawn_in_both_languages(page: Any, keys: tuple[str, ...]) -> None:
    drawn = str(page.page().render())
    words = [i18n.words(lang)[key] for key in keys for lang in i18n.LANGS]
    assert [said for said in words if said not in drawn] == []


def test_its_owner_sees_the_list_and_the_chain(owner: Owner, opened: ExitStack) -> None:
    seen = opening(opened, owner.browser, renewals.ROUTE).seen
    wanted = (LABEL, "4242", owner.order.number, "disponibilit", '"status":"awaiting_payment"')
    assert [part for part in wanted if part not in seen] == []
    seen = opening(opened, owner.browser, owner.address).seen
    wanted = (
        LABEL,
        "4242",
        f'"asked_rx_state_":"{owner.order.number}"',
        '"steps":[{',
        '"kind":"answer"',
        '"can_pay":true',
    )
    assert [part for part in wanted if part not in seen] == []


def test_a_full_page_is_followed_by_the_earlier_ones_and_stays_when_it_is_read_again(
    owner: Owner, opened: ExitStack
) -> None:
    oldest = owner.order.number
    for term in range(1, history.PAGE + 1):
        owner.renewal(term, created_at=clock.now() + timedelta(minutes=term))
    tab = opening(opened, owner.browser, renewals.ROUTE)
    assert oldest not in tab.seen
    said = acting(tab, f"{LIST}.older")
    assert oldest in said
    assert '"more_rx_state_":false' in said
    newer = owner.renewal(50, created_at=clock.now() + timedelta(days=1)).number
    said = acting(tab, f"{LIST}.refresh")
    assert newer in said
    assert '"more_rx_state_":true' in said
    assert oldest in acting(tab, f"{LIST}.older")


@pytest.mark.parametrize("page", ["list", "chain"])
def test_what_happens_is_seen_at_once(owner: Owner, opened: ExitStack, page: str) -> None:
    tab = opening(opened, owner.browser, renewals.ROUTE if page == "list" else owner.address)
    tab.frames.clear()
    (attempt,) = factories.rows(tables.PaymentAttempt)
    with db.transaction() as s:
        s.get_one(tables.PaymentAttempt, attempt.id).card_last4 = "1881"
        live.publish(s, live.account(owner.actor.account_id or 0))
    assert "1881" in tab.until("1881")


@pytest.mark.parametrize("who", ["stranger", "customer"])
def test_nobody_else_sees_or_changes_anything(client: TestClient, owner: Owner, opened: ExitStack, who: str) -> None:
    cookie = site.registered("altro@esempio.test") if who == "customer" else access.new_cookie()
    before = factories.dump()
    tabs = [opening(opened, site.Browser(client, cookie), path) for path in (renewals.ROUTE, owner.address)]
    for tab in tabs:
        for handler in HANDLERS:
            acting(tab, handler)
            assert "canarini" not in tab.seen
    after = factories.dump()
    for kept in (before, after):
        kept.pop("web_session")
    assert after == before


def test_a_chain_of_ones_own_does_not_lead_to_anothers(client: TestClient, owner: Owner, opened: ExitStack) -> None:
    other = Owner(client, "altro@esempio.test", "altra@pec-ceralacca.test")
    tab = opening(opened, other.browser, other.address)
    tab.place = {"pathname": owner.address, "asPath": owner.address, "query": {"numero": owner.order.number}}
    said = acting(tab, f"{CHAIN}.load")
    assert "canarini" not in said
    assert '"number":""' in said
    assert "canarini" not in acting(tab, f"{CHAIN}.refresh")


@pytest.mark.parametrize("handler", HANDLERS)
def test_arguments_that_nobody_asked_for_end_the_conversation(owner: Owner, handler: str) -> None:
    before = factories.dump()
    for value in HOSTILE:
        with owner.browser.connect() as socket:
            tab = site.arrive(socket, owner.address)
            tab.emit(handler, {"limit": value})
            assert site.closed(tab) == REFUSED
    assert factories.dump() == before


@pytest.mark.parametrize("number", ["0000", "..", "%00", "x" * 300, "' OR 1=1 --"])
def test_an_address_that_names_no_renewal_shows_none(owner: Owner, opened: ExitStack, number: str) -> None:
    seen = opening(opened, owner.browser, f"{renewals.ROUTE}/{number}").seen
    assert "canarini" not in seen
    assert '"steps":[{' not in seen


def test_a_purchase_is_no_renewal(owner: Owner, opened: ExitStack) -> None:
    bought = factories.order(owner.actor)
    assert '"steps":[{' not in opening(opened, owner.browser, f"{renewals.ROUTE}/{bought.number}").seen
