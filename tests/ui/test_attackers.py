"""Whoever speaks to the websocket without being a page of ours, or as another's page: nothing read, nothing changed.

Every handler of every State is tried, as the product itself lists them: a new State is covered the day it is written.
"""

import json
import threading
import time
import uuid
from contextlib import ExitStack
from typing import Any

import pytest
from reflex_base.registry import RegistrationContext
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from pecapp.services import access
from pecapp.ui import guard
from pecapp.web import sockets
from tests.support import factories
from tests.ui import conftest as site

CANARY = "canarini"
ADDRESS = f"{CANARY}@esempio.test"
REFUSED = 1008
S = site.STATE
EVERYONE = pytest.mark.parametrize("who", ["stranger", "customer"])


class Victim:
    """A customer with an order to pay and a receipt, and a tab in which both were looked at."""

    def __init__(self, client: TestClient) -> None:
        self.cookie = site.registered(ADDRESS, last_name=CANARY, city=CANARY)
        self.actor = access.actor(self.cookie)
        self.browser = site.Browser(client, self.cookie)
        self.order = factories.order(self.actor, reference_email=ADDRESS)
        self.paid = factories.opened(self.actor, reference_email=ADDRESS)
        factories.settle(self.paid)

    @property
    def place(self) -> dict[str, Any]:
        """Where a browser is that looks at the victim's order."""
        path = f"/ordini/{self.order.number}"
        return {"pathname": path, "asPath": path, "query": {"numero": self.order.number, "errore": "1"}}

    def hostile_values(self) -> list[Any]:
        return [
            {"$gt": 1},
            {"number": self.order.number, "numero": self.order.number, "email": self.actor.account_id},
            "x" * 20_000,
            "",
            None,
            [],
            [[[{}]]],
            "a\0b",
            -1,
            10**30,
            1.5,
            True,
            self.order.number,
        ]


@pytest.fixture
def victim(client: TestClient) -> Victim:
    return Victim(client)


def attacker(client: TestClient, who: str) -> site.Browser:
    """A browser that has opened a page of ours, of a stranger or of another customer."""
    cookie = site.registered("altro@esempio.test", first_name="Altro") if who == "customer" else access.new_cookie()
    return site.Browser(client, cookie)


def possessions(victim: Victim) -> dict[str, list[tuple[Any, ...]]]:
    """All that is stored but for the visits themselves and the attackers' own baskets."""
    stored = factories.dump()
    stored.pop("web_session")
    stored["draft"] = [row for row in stored["draft"] if victim.actor.session_id in row]
    return stored


def handlers() -> list[tuple[str, frozenset[str]]]:
    return [(name, arguments) for name, (arguments, _) in guard.calls().items()]


# --- every handler ----------------------------------------------------------------------------------------------------


@EVERYONE
def test_no_handler_tells_or_changes_anything_of_a_customer(client: TestClient, victim: Victim, who: str) -> None:
    browser = attacker(client, who)
    before = possessions(victim)
    with browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{victim.order.number}", {"numero": victim.order.number})
        tab.place = victim.place
        for name, arguments in handlers():
            for value in victim.hostile_values() if arguments else [None]:
                payload = dict.fromkeys(arguments, value)
                if name.rpartition(".")[2] not in {"hydrate_and_load", "handle_frontend_exception"}:
                    tab.emit(name, payload)
            tab.settle()
        tab.settle()
    assert CANARY not in tab.seen
    assert possessions(victim) == before


def test_the_owner_sees_what_the_others_did_not(client: TestClient, victim: Victim) -> None:
    with victim.browser.connect() as socket:
        tab = site.arrive(socket, f"/ordini/{victim.order.number}", {"numero": victim.order.number})
        tab.settle()
    assert CANARY in tab.seen


def test_every_state_says_who_may_call_it_or_is_for_customers() -> None:
    for state in RegistrationContext.get().base_states.values():
        if state.__module__.startswith("pecapp."):
            assert getattr(state, "_policy", "customer") in {"public", "customer", "admin"}, state
            assert "_policy" not in state.get_fields(), f"{state}: _policy must be a ClassVar"


# --- tokens and cookies -----------------------------------------------------------------------------------------------


@EVERYONE
@pytest.mark.parametrize("gone", [False, True], ids=["open", "closed"])
def test_a_stolen_tab_token_shows_nothing(client: TestClient, victim: Victim, who: str, *, gone: bool) -> None:
    token = str(uuid.uuid4())
    thief = attacker(client, who)
    path, query = f"/ordini/{victim.order.number}", {"numero": victim.order.number}
    with ExitStack() as closing:
        mine = closing.enter_context(victim.browser.connect(token))
        owners = site.arrive(mine, path, query)
        owners.settle()
        if gone:
            owners.leave()
        tab = site.arrive(closing.enter_context(thief.connect(token)), path, query)
        tab.settle()
    assert CANARY not in tab.seen


@EVERYONE
def test_what_a_visitor_typed_before_signing_in_stays_in_their_own_browser(client: TestClient, who: str) -> None:
    token = str(uuid.uuid4())
    with attacker(client, "stranger").connect(token) as socket:
        tab = site.arrive(socket, "/registrati")
        tab.emit(f"{S}.pecapp___ui___states___accounts____register.submit", {"data": {"first_name": CANARY}})
        tab.settle()
        assert CANARY in tab.seen
        tab.leave()
    with attacker(client, who).connect(token) as socket:
        tab = site.arrive(socket, "/registrati")
        tab.settle()
    assert CANARY not in tab.seen


def test_a_tab_forgets_its_customer_as_soon_as_the_session_is_ended(client: TestClient, victim: Victim) -> None:
    token = str(uuid.uuid4())
    path, query = f"/ordini/{victim.order.number}", {"numero": victim.order.number}
    with victim.browser.connect(token) as socket:
        tab = site.arrive(socket, path, query)
        tab.settle()
        assert CANARY in tab.seen
        tab.leave()
    access.sign_out(victim.actor)
    with victim.browser.connect(token) as socket:
        tab = site.arrive(socket, path, query)
        tab.settle()
    assert CANARY not in tab.seen
    assert "/accedi?next=" in tab.seen


def test_an_open_tab_can_do_nothing_more_once_the_session_is_ended(client: TestClient, victim: Victim) -> None:
    with victim.browser.connect() as socket:
        tab = site.arrive(socket, "/ordini")
        tab.settle()
        access.sign_out(victim.actor)
        before = possessions(victim)
        tab.frames.clear()
        for name, arguments in handlers():
            if "order" in name:
                tab.emit(name, dict.fromkeys(arguments, "stripe"))
        tab.settle()
    assert CANARY not in tab.seen
    assert possessions(victim) == before


def refused(browser: site.Browser, **how: Any) -> bool:
    """Whether a connection is refused before it is open."""
    try:
        with browser.connect(**how):
            return False
    except WebSocketDisconnect as end:
        return end.code == REFUSED


def test_a_token_that_no_page_makes_is_refused(client: TestClient) -> None:
    good = str(uuid.uuid4())
    tokens = ["account-1", " ", "../..", "x" * 5000, f"{good}x", good.upper(), f"{good}&token={good}", f"{good}%00"]
    browser = attacker(client, "stranger")
    assert [token for token in tokens if not refused(browser, token=token)] == []
    assert not refused(browser, token=good)


def test_without_a_cookie_of_ours_there_is_no_connection(client: TestClient) -> None:
    cookies = [None, "", "guess", access.new_cookie()[:-3] + "AAA", "x" * 66]
    assert [cookie for cookie in cookies if not refused(site.Browser(client, cookie))] == []


def test_a_badge_is_not_a_cookie(client: TestClient, victim: Victim) -> None:
    with (
        pytest.raises(WebSocketDisconnect),
        site.Browser(client, access.badge(victim.cookie)).connect(),
    ):
        pass


def test_the_cookie_is_not_kept_where_states_are_kept(client: TestClient, victim: Victim) -> None:
    from pecapp.pecapp import app  # noqa: PLC0415  (importing it builds the product)

    with victim.browser.connect() as socket:
        site.arrive(socket).settle()
        kept = repr([vars(state) for state in app.state_manager.states.values()])  # pyright: ignore[reportAttributeAccessIssue]
    assert victim.cookie not in kept
    assert access.badge(victim.cookie) in kept


def test_only_our_own_pages_connect(client: TestClient, victim: Victim) -> None:
    origins = ["https://evil.example", "null", None, "http://localhost:8000.evil.example", "", "http://localhost"]
    assert [origin for origin in origins if not refused(victim.browser, origin=origin)] == []


# --- what no page sends -----------------------------------------------------------------------------------------------


def _event(name: Any, payload: Any = None, **more: Any) -> str:
    told = {"name": name, "payload": {} if payload is None else payload, **more}
    return f"42/_event,{json.dumps(['event', told])}"


NOT_OURS = {
    "unknown event": _event("nobody.knows"),
    "no name": _event(None),
    "a list for a name": _event([]),
    "private method": _event(f"{S}.pecapp___ui___states___session____session._arrive"),
    "framework's setter": _event(
        f"{S}.pecapp___ui___states___session____session.setvar", {"var_name": "x", "value": 1}
    ),
    "framework's reset": _event(f"{S}.reset"),
    "framework's flag": _event(f"{S}.set_is_hydrated", {"value": True}),
    "update_vars": _event(
        f"{S}.reflex___state____update_vars_internal_state.update_vars_internal",
        {"vars": {f"{S}.pecapp___ui___states___visitor____visitor.admin": True}},
    ),
    "vars at arrival": _event(site.HYDRATE, {"vars": {f"{S}.pecapp___ui___states___visitor____visitor.admin": True}}),
    "hashes of another kind": _event(site.HYDRATE, {"hashes": {"a": 1}}),
    "unknown argument": _event(site.EXPLAIN, {"code": "A", "params": {}, "evil": 1}),
    "missing argument": _event(site.EXPLAIN, {}),
    "payload of another kind": _event(site.EXPLAIN, "text"),
    "place of another kind": _event(site.EXPLAIN, {"code": "A"}, router_data="text"),
    "headers from the browser": _event(site.EXPLAIN, {"code": "A"}, router_data={"headers": {"cookie": "x"}}),
    "query of another kind": _event(site.EXPLAIN, {"code": "A"}, router_data={"query": {"a": {"$gt": 1}}}),
    "extra field": _event(site.EXPLAIN, {"code": "A"}, evil=1),
    "event as text": "42/_event," + json.dumps(["event", "text"]),
    "two events": "42/_event," + json.dumps(["event", {}, {}]),
    "unknown socket event": "42/_event," + json.dumps(["evil", {}]),
    "error report of another kind": "42/_event," + json.dumps(["client_error", {"message": {"$gt": 1}}]),
    "no JSON": "42/_event,[",
    "deep JSON": "42/_event," + "[" * 30_000,
    "other namespace": "42/evil,[]",
    "no namespace": '42["event",{}]',
    "binary event": '451-/_event,["event",{"_placeholder":true,"num":0}]',
    "acknowledgement": "43/_event,1[]",
    "upgrade": "5",
    "strange digit": "٤2/_event,[]",
    "nothing": "",
    "too long": _event(site.EXPLAIN, {"code": "x" * 70_000}),
}


def test_a_frame_that_no_page_sends_ends_the_connection(client: TestClient, victim: Victim) -> None:
    before = possessions(victim)
    browser = attacker(client, "stranger")
    ended: dict[str, int] = {}
    for what, frame in NOT_OURS.items():
        with browser.connect() as socket:
            tab = site.arrive(socket)
            tab.send(frame)
            ended[what] = site.closed(tab)
    assert ended == dict.fromkeys(NOT_OURS, REFUSED)
    assert possessions(victim) == before
    assert client.get("/healthz").status_code == 200


def test_a_binary_frame_ends_the_connection(client: TestClient) -> None:
    with attacker(client, "stranger").connect() as socket:
        tab = site.arrive(socket)
        socket.send_bytes(b"42/_event,[]")
        assert site.closed(tab) == REFUSED


def test_what_greets_with_a_forbidden_event_gets_nothing(client: TestClient) -> None:
    with attacker(client, "stranger").connect() as socket:
        tab = site.Tab(socket, {})
        tab.receive()
        tab.send("40/_event," + json.dumps({"event": {"name": f"{S}.reset", "payload": {}}}))
        assert site.closed(tab) == REFUSED


def test_a_browsers_own_report_becomes_one_short_warning(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with attacker(client, "stranger").connect() as socket:
        tab = site.arrive(socket)
        name = f"{S}.reflex___state____frontend_event_exception_state.handle_frontend_exception"
        tab.emit(name, {"info": "bad\nline\n" + "x" * 5000, "component_stack": "y" * 5000})
        tab.settle()
    reports = [record for record in caplog.records if "a browser reports" in record.getMessage()]
    assert len(reports) == 1
    assert "\n" not in reports[0].getMessage()
    assert len(reports[0].getMessage()) < 400


# --- floods -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def usual_limits(monkeypatch: pytest.MonkeyPatch, client: TestClient) -> sockets.Limits:
    limits = sockets.Limits(events_burst=80, connections_burst=30, connections_rate=0.1, per_browser=5)
    monkeypatch.setattr(sockets, "LIMITS", limits)
    return limits


def test_too_many_events_end_the_connection(client: TestClient, usual_limits: sockets.Limits) -> None:
    with attacker(client, "stranger").connect() as socket:
        tab = site.arrive(socket)
        for _ in range(300):
            tab.emit(site.EXPLAIN, {"code": "NON_TROVATO"})
        assert site.closed(tab) == REFUSED


def test_one_browser_opens_only_so_many_tabs(client: TestClient, usual_limits: sockets.Limits) -> None:
    browser = attacker(client, "stranger")
    tabs = [browser.connect() for _ in range(usual_limits.per_browser)]
    for tab in tabs:
        tab.__enter__()
    with pytest.raises(WebSocketDisconnect) as refusal, browser.connect():
        pass
    assert refusal.value.code == REFUSED
    for tab in tabs:
        tab.__exit__(None, None, None)
    with browser.connect() as socket:
        site.arrive(socket)


def test_one_address_connects_only_so_often(client: TestClient, usual_limits: sockets.Limits) -> None:
    for _ in range(int(usual_limits.connections_burst)):
        with attacker(client, "stranger").connect():
            pass
    with pytest.raises(WebSocketDisconnect), attacker(client, "stranger").connect():
        pass


def test_the_product_answers_while_it_is_flooded(client: TestClient, usual_limits: sockets.Limits) -> None:
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            try:
                with attacker(client, "stranger").connect() as socket:
                    tab = site.arrive(socket)
                    for _ in range(500):
                        tab.emit(site.EXPLAIN, {"code": "NON_TROVATO"})
                    site.closed(tab)
            except WebSocketDisconnect:
                continue

    floods = [threading.Thread(target=flood) for _ in range(4)]
    for one in floods:
        one.start()
    try:
        slowest = 0.0
        for _ in range(20):
            began = time.perf_counter()
            assert client.get("/healthz").status_code == 200
            slowest = max(slowest, time.perf_counter() - began)
    finally:
        stop.set()
        for one in floods:
            one.join()
    assert slowest < 5, "seconds: whoever floods the product does not keep it from answering others"
