"""Notifications, reconciliation and disputes in the browser: each role sees and does what it may, whatever it sends."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, tables
from pecapp.domain import payments
from pecapp.gateways import base
from pecapp.services import access, inbox
from pecapp.ui.pages.admin import disputes, event, events, ledger
from pecapp.ui.states.admin import events as states
from tests.support import factories, gateway, people
from tests.ui import conftest as site

ADMIN = f"{site.STATE}.pecapp___ui___states___admin___"
EVENTS, EVENT = f"{ADMIN}events____events", f"{ADMIN}events____one_event"
COMPARING, REPLAYING = f"{ADMIN}events____comparing", f"{ADMIN}events____replaying"
BOOKS, SETTLING = f"{ADMIN}ledger____books", f"{ADMIN}ledger____settling"
DISPUTES = f"{ADMIN}disputes____disputes"
WHY = "lo ha chiesto la banca"
HOSTILE = [None, "", "x" * 20_000, "a\0b", -1, 0, 10**30, 1.5, True, [], [[[{}]]], {"$gt": 1}, "../../etc", "%"]
ROLES = ["stranger", "customer", "support", "finance", "owner"]


@pytest.fixture
def bank() -> Iterator[gateway.FakeGateway]:
    with gateway.installed() as fake:
        yield fake


class Shop:
    """A notification that is waiting, one that never came, a payment that our books do not have, a dispute."""

    def __init__(self, bank: gateway.FakeGateway) -> None:
        customer = access.actor(site.registered("cliente@esempio.test"))
        self.attempt = factories.attempt(factories.order(customer))
        bank.know(self.attempt, payments.Verdict.SUCCEEDED)
        raw = gateway.event("evt_here", attempt_id=self.attempt.id)
        asyncio.run(inbox.receive("stripe", raw, gateway.SIGNED))
        self.row = factories.the(tables.InboxEvent)
        factories.change(self.row, status=inbox.UNMATCHED, next_try_at=None)
        at = clock.now() - timedelta(hours=2)
        bank.events.append(gateway.listed("evt_lost", at, attempt_id=self.attempt.id))
        ref = f"pi_{self.attempt.id}"
        bank.books.append(base.Movement("payment", ref, 1208, "eur", clock.now(), self.attempt.id))
        factories.add(
            tables.Dispute(
                gateway="stripe",
                dispute_ref="du_here",
                attempt_id=self.attempt.id,
                order_id=self.attempt.order_id,
                amount_cents=1208,
                status="to_answer",
                opened_at=clock.now(),
                noted_at=clock.now(),
            )
        )


@pytest.fixture
def shop(bank: gateway.FakeGateway, client: TestClient) -> Shop:
    return Shop(bank)


def anybody(client: TestClient, role: str) -> site.Browser:
    if role == "stranger":
        return site.Browser(client, access.new_cookie())
    if role == "customer":
        return site.Browser(client, site.registered("altro@esempio.test"))
    return site.Browser(client, people.staff_cookie(role))


def stored() -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves."""
    kept = factories.dump()
    kept.pop("web_session")
    return kept


def acts() -> list[str]:
    return [act.act for act in factories.rows(tables.StaffAct) if act.act != "second_factor_set"]


def replay(tab: site.Tab, shop: Shop, why: object = WHY) -> None:
    tab.emit(f"{EVENTS}.choose", {"event_id": shop.row.id, "ticked": True})
    tab.emit(f"{REPLAYING}.ask")
    tab.emit(f"{REPLAYING}.replay_chosen", {"data": {"replay_why": why}})
    tab.settle()


def fetch(tab: site.Tab, why: object = WHY) -> None:
    tab.emit(f"{COMPARING}.compare", {"data": {"compare_gateway": "stripe", "days": "2"}})
    tab.emit(f"{REPLAYING}.fetch", {"data": {"fetch_why": why}})
    tab.settle()


def settle(tab: site.Tab, kind: object, why: object = WHY, place: object = 0) -> None:
    tab.emit(f"{SETTLING}.ask", {"kind": kind, "place": place})
    tab.emit(f"{SETTLING}.confirm", {"data": {"settle_why": why}})
    tab.settle()


@pytest.mark.parametrize("role", ROLES)
def test_who_may_look_sees_the_pages_and_nobody_else(client: TestClient, shop: Shop, role: str) -> None:
    sees, browser = role in {"support", "finance", "owner"}, anybody(client, role)
    for path, word in (
        (events.ROUTE, "evt_here"),
        (event.ROUTE.replace("[notifica]", str(shop.row.id)), "evt_here"),
        (ledger.ROUTE, f"pi_{shop.attempt.id}"),
        (disputes.ROUTE, "du_here"),
    ):
        with browser.connect() as socket:
            tab = site.arrive(socket, path)
            for handler in (f"{EVENTS}.load", f"{EVENT}.load", f"{BOOKS}.load", f"{DISPUTES}.load"):
                tab.emit(handler)
            tab.settle()
        assert (word in tab.seen) is sees


@pytest.mark.parametrize("role", ROLES)
def test_who_may_replay_and_fetch_does_and_a_refusal_changes_nothing(
    client: TestClient, shop: Shop, bank: gateway.FakeGateway, role: str
) -> None:
    may = role in {"finance", "owner"}
    with anybody(client, role).connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        tab.emit(f"{EVENTS}.load")
        tab.settle()
        before = stored()
        replay(tab, shop)
        fetch(tab)
    assert factories.again(shop.row).status == ("waiting" if may else "unmatched")
    if may:
        assert acts() == ["event_replayed", "events_fetch_begun", "events_fetched"]
        assert {row.event_id for row in factories.rows(tables.InboxEvent)} == {"evt_here", "evt_lost"}
        return
    assert stored() == before
    assert ("list_events" in {call for call, _ in bank.calls}) is (role == "support")


@pytest.mark.parametrize("role", ROLES)
def test_who_may_settle_a_difference_does_and_a_refusal_changes_nothing(
    client: TestClient, shop: Shop, role: str
) -> None:
    may = role in {"finance", "owner"}
    with anybody(client, role).connect() as socket:
        tab = site.arrive(socket, ledger.ROUTE)
        tab.emit(f"{BOOKS}.load")
        tab.settle()
        before = stored()
        settle(tab, "verify")
        settle(tab, "ask")
    if not may:
        assert stored() == before
        return
    assert acts() == ["difference_checked", "ledger_ask_begun", "ledger_asked"]
    assert factories.the(tables.LedgerCheck).why == WHY
    assert factories.the(tables.Order).status == "paid"
    assert '"differences":[]' in tab.seen.replace(" ", "")


@pytest.fixture
def given_there(shop: Shop, bank: gateway.FakeGateway) -> tables.PaymentAttempt:
    """A payment that is in both books, of which somebody gave 2.08 back at the gateway itself."""
    factories.settle(shop.attempt)
    attempt = factories.again(shop.attempt)
    ref = bank.give_back_there(attempt)
    bank.books.append(base.Movement("refund", ref, 208, "eur", clock.now(), payment_ref=attempt.payment_ref or ""))
    return attempt


@pytest.mark.parametrize("role", ROLES)
def test_who_may_take_a_refund_of_the_gateway_into_our_books_does_and_a_refusal_changes_nothing(
    client: TestClient, given_there: tables.PaymentAttempt, bank: gateway.FakeGateway, role: str
) -> None:
    may = role in {"finance", "owner"}
    with anybody(client, role).connect() as socket:
        tab = site.arrive(socket, ledger.ROUTE)
        tab.emit(f"{BOOKS}.load")
        tab.settle()
        before = stored()
        settle(tab, "ask")
        assert stored() == before
        settle(tab, "adopt")
    assert ("look_up_refund" in {call for call, _ in bank.calls}) is may
    if not may:
        assert stored() == before
        return
    assert acts() == ["refund_adopt_begun", "refund_adopted"]
    assert (factories.the(tables.Refund).gateway_ref, factories.alerts()) == ("re_x", ["refund_elsewhere"])
    assert "la differenza non c'è più" in tab.seen


def test_a_payment_is_not_taken_into_our_books_as_a_refund(client: TestClient, shop: Shop) -> None:
    with anybody(client, "owner").connect() as socket:
        tab = site.arrive(socket, ledger.ROUTE)
        tab.emit(f"{BOOKS}.load")
        tab.settle()
        before = stored()
        settle(tab, "adopt")
    assert stored() == before


def test_a_refund_of_which_the_gateway_says_nothing_stays_a_difference(
    client: TestClient, given_there: tables.PaymentAttempt, bank: gateway.FakeGateway
) -> None:
    bank.fail("look_up_refund", base.OutcomeUnknown())
    with anybody(client, "finance").connect() as socket:
        tab = site.arrive(socket, ledger.ROUTE)
        tab.emit(f"{BOOKS}.load")
        tab.settle()
        settle(tab, "adopt")
    assert "il gateway non ha risposto" in tab.seen
    assert factories.rows(tables.Refund) == []


def ask(client: TestClient) -> str:
    """Ask the gateway once more about the only difference of today; all that the page was told."""
    with anybody(client, "finance").connect() as socket:
        tab = site.arrive(socket, ledger.ROUTE)
        tab.emit(f"{BOOKS}.load")
        tab.settle()
        settle(tab, "ask")
    return tab.seen.replace("\\u00a0", " ").replace("\xa0", " ")


def test_asking_says_that_the_difference_is_gone(client: TestClient, shop: Shop) -> None:
    assert "la differenza non c'è più" in ask(client)


def test_asking_says_that_the_difference_remains(client: TestClient, shop: Shop, bank: gateway.FakeGateway) -> None:
    bank.books[0] = replace(bank.books[0], amount_cents=1207)
    seen = ask(client)
    assert "il gateway conferma 12,07 €: la differenza resta" in seen
    assert "la differenza non c'è più" not in seen


def test_asking_says_that_the_gateway_has_no_such_movement(
    client: TestClient, shop: Shop, bank: gateway.FakeGateway
) -> None:
    factories.settle(shop.attempt)
    bank.books.clear()
    assert "il gateway conferma che questo movimento nei suoi conti non c'è" in ask(client)


def test_asking_says_nothing_of_the_difference_when_the_books_cannot_be_read(
    client: TestClient, shop: Shop, bank: gateway.FakeGateway
) -> None:
    bank.meanwhile("look_up", lambda: bank.fail("ledger", base.OutcomeUnknown()))
    seen = ask(client)
    assert "non siamo riusciti a confrontare di nuovo i conti" in seen
    assert "la differenza non c'è più" not in seen


def test_an_act_without_a_reason_stays_open_and_changes_nothing(client: TestClient, shop: Shop) -> None:
    with anybody(client, "finance").connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        for handler in (f"{EVENTS}.load", f"{BOOKS}.load"):
            tab.emit(handler)
        tab.settle()
        before = stored()
        for why in ("", "no", None, 7, []):
            replay(tab, shop, why)
            fetch(tab, why)
            settle(tab, "ask", why)
            settle(tab, "verify", why)
            settle(tab, "adopt", why)
    assert stored() == before
    assert "scrivi il motivo" in tab.seen


def test_whatever_is_sent_breaks_nothing(client: TestClient, shop: Shop) -> None:
    with anybody(client, "owner").connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        for handler in (f"{EVENTS}.load", f"{BOOKS}.load"):
            tab.emit(handler)
        tab.settle()
        before = stored()
        for value in HOSTILE:
            tab.emit(f"{EVENTS}.narrow", {"data": value})
            tab.emit(f"{EVENTS}.choose", {"event_id": value, "ticked": value})
            tab.emit(f"{EVENTS}.choose_all", {"ticked": value if value is not True else None})
            tab.emit(f"{COMPARING}.compare", {"data": value})
            tab.emit(f"{REPLAYING}.fetch", {"data": value})
            tab.emit(f"{REPLAYING}.replay_chosen", {"data": value})
            tab.emit(f"{REPLAYING}.replay_one", {"data": value})
            tab.emit(f"{BOOKS}.show", {"data": value})
            tab.emit(f"{SETTLING}.ask", {"kind": value, "place": value})
            tab.emit(f"{SETTLING}.confirm", {"data": value})
            tab.emit(f"{DISPUTES}.narrow", {"data": value})
            tab.settle()
    assert stored() == before


@pytest.mark.parametrize(
    "query",
    [{"stato": "x' or 1=1", "tipo": "?", "da": "dopo~zzz"}, {"cerca": "%"}, {"giorno": "x"}, {"giorno": "2026-02-30"}],
)
def test_an_address_that_makes_no_sense_shows_the_usual_page(
    client: TestClient, shop: Shop, query: dict[str, str]
) -> None:
    with anybody(client, "support").connect() as socket:
        tab = site.arrive(socket, events.ROUTE, query)
        for handler in (f"{EVENTS}.load", f"{BOOKS}.load", f"{DISPUTES}.load"):
            tab.emit(handler)
        tab.settle()
    assert ("evt_here" in tab.seen) is ("cerca" not in query)
    assert f"pi_{shop.attempt.id}" in tab.seen


def test_only_what_is_on_the_page_can_be_ticked(client: TestClient, shop: Shop) -> None:
    with anybody(client, "owner").connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        tab.emit(f"{EVENTS}.load")
        tab.settle()
        tab.frames.clear()
        tab.emit(f"{EVENTS}.choose", {"event_id": 999, "ticked": True})
        tab.emit(f"{EVENTS}.choose_all", {"ticked": True})
        tab.settle()
        before = stored()
        tab.emit(f"{EVENTS}.choose_all", {"ticked": False})
        tab.emit(f"{REPLAYING}.replay_chosen", {"data": {"replay_why": WHY}})
        tab.settle()
    assert json.dumps([shop.row.id]).replace(" ", "") in tab.seen.replace(" ", "")
    assert "999" not in tab.seen
    assert stored() == before


def test_one_notification_is_handled_again_from_its_own_page(client: TestClient, shop: Shop) -> None:
    with anybody(client, "finance").connect() as socket:
        tab = site.arrive(socket, event.ROUTE.replace("[notifica]", str(shop.row.id)))
        tab.emit(f"{EVENT}.load")
        tab.emit(f"{REPLAYING}.replay_one", {"data": {"replay_why": WHY}})
        tab.settle()
    assert acts() == ["event_replayed"]
    assert factories.again(shop.row).status == "waiting"


@pytest.mark.parametrize("said", ["0", "999", "-1", "abc", "9" * 30])
def test_a_notification_that_is_not_there_is_said_to_be_missing(client: TestClient, shop: Shop, said: str) -> None:
    with anybody(client, "support").connect() as socket:
        tab = site.arrive(socket, f"{events.ROUTE}/{said}")
        tab.emit(f"{EVENT}.load")
        tab.settle()
    assert "evt_here" not in tab.seen


def test_a_gateway_that_does_not_answer_is_said_to_be_away(
    client: TestClient, shop: Shop, bank: gateway.FakeGateway
) -> None:
    bank.fail("list_events", base.OutcomeUnknown())
    bank.fail("ledger", base.OutcomeUnknown())
    with anybody(client, "support").connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        tab.emit(f"{COMPARING}.compare", {"data": {"compare_gateway": "stripe", "days": "7"}})
        tab.emit(f"{BOOKS}.load")
        tab.settle()
    assert "il gateway non risponde" in tab.seen
    assert '"away":true' in tab.seen.replace(" ", "")


def test_the_list_follows_what_comes(client: TestClient, shop: Shop) -> None:
    with anybody(client, "support").connect() as socket:
        tab = site.arrive(socket, events.ROUTE)
        tab.emit(f"{EVENTS}.load")
        tab.settle()
        raw = gateway.event("evt_later", attempt_id=shop.attempt.id)
        asyncio.run(inbox.receive("stripe", raw, gateway.SIGNED))
        tab.until("evt_later")


def test_the_days_that_can_be_compared_are_within_what_gateways_remember() -> None:
    assert max(map(int, states.DAYS)) <= 29
