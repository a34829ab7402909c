"""The staff's view of notifications: found, explained, handled once more, fetched when they never came."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, errors, tables
from pecapp.domain.disputes import Status
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import inbox, throttle
from pecapp.services.admin import comparison, keyset, ledger, webhooks
from tests.support import factories
from tests.support import people as persons
from tests.support.factories import KEPT, the
from tests.support.gateway import SIGNED, FakeGateway, event, listed

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]
WHY = "il gateway era fermo"
LONG_AGO = timedelta(days=2)


async def deliver(event_id: str = "evt_1", **facts: Any) -> tables.InboxEvent:
    await inbox.receive("stripe", event(event_id, **facts), SIGNED)
    return the(tables.InboxEvent, event_id=event_id)


async def drained() -> None:
    while await inbox.drain():
        pass


def lost(gateway: FakeGateway, attempt: Any, *names: str, hours: float = 3) -> None:
    """What the gateway has told and nobody delivered."""
    at = clock.now() - timedelta(hours=hours)
    gateway.events += [listed(name, at, attempt_id=attempt.id) for name in names]


# --- who may


ACTS = {
    "page": lambda actor: webhooks.page(actor, keyset.Asked(), "it"),
    "find": lambda actor: webhooks.find(actor, "evt_1", "it"),
    "one": lambda actor: webhooks.one(actor, the(tables.InboxEvent).id, "it"),
    "missing": lambda actor: comparison.missing(actor, "stripe", clock.now() - LONG_AGO, "it"),
    "replay": lambda actor: webhooks.replay(actor, [the(tables.InboxEvent).id], WHY),
    "fetch": lambda actor: comparison.fetch_missing(actor, "stripe", clock.now() - LONG_AGO, WHY),
}
MAY = {"support": {"page", "find", "one", "missing"}, "finance": set(ACTS), "owner": set(ACTS)}


@pytest.mark.parametrize("role", ["stranger", "customer", "support", "finance", "owner"])
@pytest.mark.parametrize("act", ACTS)
async def test_each_role_may_do_what_it_is_for_and_a_refusal_changes_nothing(gateway, role: str, act: str):
    await deliver(attempt_id="b" * 32)
    lost(gateway, factories.opened(), "evt_lost")
    actor = persons.somebody(role)
    before, asked = factories.dump(), list(gateway.calls)

    async def do() -> None:
        done = ACTS[act](actor)
        if asyncio.iscoroutine(done):
            await done

    if act in MAY.get(role, set()):
        await do()
        return
    with pytest.raises(errors.Forbidden):
        await do()
    assert factories.dump() == before
    assert gateway.calls == asked


@pytest.mark.parametrize("why", ["", "  ", "no", None, 7, "x" * 501])
async def test_an_act_without_a_reason_is_refused_and_changes_nothing(gateway, why: Any):
    row = await deliver(attempt_id="b" * 32)
    lost(gateway, factories.opened(), "evt_lost")
    actor = persons.staff("finance")
    before = factories.dump()
    with pytest.raises(errors.Invalid):
        webhooks.replay(actor, [row.id or 0], why)
    with pytest.raises(errors.Invalid):
        await comparison.fetch_missing(actor, "stripe", clock.now() - LONG_AGO, why)
    assert factories.dump() == before


# --- looking


async def test_the_list_shows_what_came_newest_first_a_page_at_a_time(gateway):
    attempt = factories.opened()
    for number in range(keyset.SIZE + 2):
        await deliver(f"evt_{number}", attempt_id=attempt.id)
    actor = persons.staff("support")
    first = webhooks.page(actor, keyset.Asked(), "it")
    assert [row.event_id for row in first.rows] == [f"evt_{number}" for number in range(26, 1, -1)]
    second = webhooks.page(actor, keyset.Asked(at=first.after), "it")
    assert [row.event_id for row in second.rows] == ["evt_1", "evt_0"]
    assert webhooks.page(actor, keyset.Asked(at=second.before), "it").rows == first.rows
    row = first.rows[0]
    assert (row.gateway, row.type, row.status, row.tries) == ("stripe", "checkout.session.completed", "waiting", 0)
    assert (row.order, row.listed) == (the(tables.Order).number, False)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ({"status": "ignored"}, ["evt_other"]),
        ({"status": "waiting"}, ["evt_1"]),
        ({"type": "charge.refunded"}, ["evt_other"]),
        ({"gateway": "other"}, []),
        ({"gateway": "stripe", "status": "waiting"}, ["evt_1"]),
        ({"status": "nonsense", "type": "x' OR 1=1"}, ["evt_other", "evt_1"]),
    ],
)
async def test_the_list_is_filtered(gateway, filters: dict[str, str], names: list[str]):
    await deliver(attempt_id="b" * 32)
    await deliver("evt_other", type="charge.refunded", relevant=False)
    found = webhooks.page(persons.staff("support"), keyset.Asked(filters=filters), "it").rows
    assert [row.event_id for row in found] == names


async def test_a_notification_is_found_by_what_somebody_would_know_of_it(gateway):
    attempt = factories.opened()
    await deliver(attempt_id=attempt.id)
    await deliver("evt_2", attempt_id="b" * 32)
    actor = persons.staff("support")
    for said in ("evt_1", attempt.id, the(tables.Order).number):
        assert [row.event_id for row in webhooks.find(actor, said, "it")] == ["evt_1"]
    for said in ("", "nothing", "%", "evt_", "x" * 500, "f" * 32):
        assert webhooks.find(actor, said, "it") == []


async def test_one_notification_is_shown_with_its_proof_and_what_came_of_it(gateway):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    row = await deliver(attempt_id=attempt.id)
    await drained()
    shown = webhooks.one(persons.staff("support"), row.id or 0, "it")
    assert (shown.row.status, shown.row.tries, shown.can_replay) == ("done", 1, True)
    order = the(tables.Order).number
    assert [(one.kind, one.name, one.status) for one in shown.led_to] == [
        ("order", order, "paid"),
        ("payment", attempt.id, "succeeded"),
    ]
    assert shown.led_to[0].href == f"/admin/ordini/{order}"
    assert any("firma" in fact.value for fact in shown.proof)
    assert json.loads(shown.body) == json.loads(row.body)
    assert "\n  " in shown.body


async def test_news_of_a_dispute_names_the_order_that_is_contested(gateway):
    attempt = factories.opened()
    factories.settle(attempt, card=KEPT)
    known = base.Dispute("du_1", f"pi_{attempt.id}", 1208, "eur", "general", Status.TO_ANSWER, clock.now())
    gateway.disputes["du_1"] = known
    row = await deliver(type="charge.dispute.created", dispute="du_1")
    await drained()
    actor = persons.staff("support")
    assert [one.order for one in webhooks.page(actor, keyset.Asked(), "it").rows] == [the(tables.Order).number]
    shown = webhooks.one(actor, row.id or 0, "en")
    assert [(one.kind, one.name, one.status) for one in shown.led_to] == [("dispute", "du_1", "to_answer")]


@pytest.mark.parametrize("event_id", [0, 999, -1])
async def test_a_notification_that_is_not_there_is_not_found(gateway, event_id: int):
    with pytest.raises(errors.NotFound):
        webhooks.one(persons.staff("support"), event_id, "it")


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("4242424242424242", "•••• 4242"),
        ("card 4000 0038 0000 0008!", "card •••• 0008!"),
        ("3782-822463-10005", "•••• 0005"),
        ("4242424242424241", "4242424242424241"),
        ("pi_4242424242424242", "pi_4242424242424242"),
        ("1700000000", "1700000000"),
        ("60.39", "60.39"),
    ],
)
def test_a_number_that_could_be_a_cards_is_masked_and_nothing_else(words: str, shown: str):
    assert webhooks.masked(words) == shown


async def test_the_headers_of_a_delivery_are_shown_and_none_where_none_were_kept(gateway):
    actor, sent = persons.staff("support"), {"stripe-signature": "t=1,v1=ab", "user-agent": "u" * 5_000}
    await inbox.receive("stripe", event("evt_1", attempt_id="b" * 32), SIGNED | sent | {"cookie": "sid=secret"})
    shown = webhooks.one(actor, the(tables.InboxEvent).id or 0, "it").headers
    assert shown == f"user-agent: {'u' * 1_000}\nstripe-signature: t=1,v1=ab"
    factories.change(the(tables.InboxEvent), headers=None)
    assert webhooks.one(actor, the(tables.InboxEvent).id or 0, "it").headers == ""
    await inbox.take_over("stripe", listed("evt_2", clock.now(), attempt_id="b" * 32).raw)
    assert webhooks.one(actor, the(tables.InboxEvent, event_id="evt_2").id or 0, "it").headers == ""


async def test_a_body_that_is_no_object_is_shown_as_it_is(gateway):
    row = await deliver(attempt_id="b" * 32)
    factories.change(row, body="<html>")
    assert webhooks.one(persons.staff("support"), row.id or 0, "en").body == "<html>"


# --- once more


async def test_an_unmatched_one_is_handled_again_and_written_down(gateway, frozen_clock):
    row = await deliver(attempt_id="c" * 32)
    frozen_clock.advance(days=4)
    await drained()
    assert (the(tables.InboxEvent).status, the(tables.InboxEvent).next_try_at) == ("unmatched", None)
    late = factories.attempt(factories.order(), id="c" * 32)
    gateway.know(late, Verdict.SUCCEEDED, card=KEPT)
    actor = persons.staff("finance")
    assert webhooks.replay(actor, [row.id or 0], WHY) == 1
    await drained()
    assert the(tables.InboxEvent).status == "done"
    assert the(tables.Order).status == "paid"
    (act,) = [act for act in factories.rows(tables.StaffAct) if act.act == "event_replayed"]
    assert (act.by_id, act.subject, act.why) == (actor.account_id, f"event:{row.id}", WHY)
    assert (act.before["status"], act.after["status"]) == ("unmatched", "waiting")


async def test_one_that_is_done_stays_harmless_however_often_it_is_handled(gateway):
    attempt, actor = factories.opened(), persons.staff("owner")
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    row = await deliver(attempt_id=attempt.id)
    await drained()
    before = factories.dump()
    for _ in range(3):
        assert webhooks.replay(actor, [row.id or 0, row.id or 0], WHY) == 1
        await drained()
    after = factories.dump()
    assert {name for name in after if after[name] != before[name]} == {"inbox_event", "staff_act"}
    assert the(tables.InboxEvent).status == "done"


async def test_one_kept_apart_is_read_back_and_never_believed(gateway):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.WAITING)
    row = await deliver(outcome=factories.outcome(attempt), oddity="other API version")
    assert row.status == "quarantined"
    webhooks.replay(persons.staff("finance"), [row.id or 0], WHY)
    await drained()
    assert the(tables.Order).status == "verifying"


async def test_many_are_handled_at_once_and_those_that_name_nothing_are_left_alone(gateway):
    rows = [await deliver(f"evt_{number}", attempt_id="b" * 32) for number in range(3)]
    nothing = await deliver("evt_n", relevant=False)
    ids = [row.id or 0 for row in (*rows, nothing)]
    actor = persons.staff("finance")
    assert webhooks.replay(actor, [*ids, 12345], WHY) == 3
    assert the(tables.InboxEvent, event_id="evt_n").status == "ignored"
    with pytest.raises(errors.Conflict):
        webhooks.replay(actor, [nothing.id or 0], WHY)
    with pytest.raises(errors.NotFound):
        webhooks.replay(actor, [12345], WHY)


# --- what never came


async def test_what_the_gateway_has_and_we_do_not_is_shown_and_changes_nothing(gateway):
    attempt = factories.opened()
    await deliver(attempt_id=attempt.id)
    lost(gateway, attempt, "evt_1", "evt_lost")
    lost(gateway, attempt, "evt_on_its_way", hours=0.01)
    lost(gateway, attempt, "evt_old", hours=24 * 40)
    gateway.events.append(listed("evt_foreign", clock.now() - timedelta(hours=1), relevant=False))
    before = factories.dump()
    actor = persons.staff("support")
    seen = factories.dump()
    found = await comparison.missing(actor, "stripe", clock.now() - timedelta(days=90), "it")
    assert [one.event_id for one in found.missing] == ["evt_lost"]
    assert found.known == 1
    assert factories.dump() == seen
    assert before["inbox_event"] == seen["inbox_event"]


async def test_what_never_came_is_fetched_once_and_handled_as_if_it_had_come(gateway):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    lost(gateway, attempt, "evt_a", "evt_b")
    actor = persons.staff("finance")
    since = clock.now() - LONG_AGO
    assert await comparison.fetch_missing(actor, "stripe", since, WHY) == 2
    assert await comparison.fetch_missing(actor, "stripe", since, WHY) == 0
    await drained()
    assert the(tables.Order).status == "paid"
    assert {row.proof for row in factories.rows(tables.InboxEvent)} == {"listed"}
    first, _ = factories.rows(tables.StaffAct, act="events_fetched")
    assert (first.subject, first.before["missing"], first.after["fetched"]) == ("gateway:stripe", 2, 2)


async def test_a_fetch_that_breaks_off_is_written_down_with_what_was_missing(gateway, monkeypatch):
    lost(gateway, factories.opened(), "evt_a", "evt_b")
    actor = persons.staff("finance")
    take_over = inbox.take_over

    async def broken(gateway_name: str, raw: bytes) -> bool:
        if b"evt_b" in raw:
            raise asyncio.CancelledError
        return await take_over(gateway_name, raw)

    monkeypatch.setattr(inbox, "take_over", broken)
    with pytest.raises(asyncio.CancelledError):
        await comparison.fetch_missing(actor, "stripe", clock.now() - LONG_AGO, WHY)
    act = the(tables.StaffAct, subject="gateway:stripe")
    assert (act.act, act.by_id, act.why) == ("events_fetch_begun", actor.account_id, WHY)
    assert (act.before["missing"], act.after) == (2, act.before)


async def test_the_gateways_are_asked_so_often_by_one_member_and_no_more(gateway):
    eager, other = persons.staff("finance"), persons.staff("owner")
    since = clock.now() - LONG_AGO
    for _ in range(throttle.GATEWAY_ASKED.amount):
        await comparison.missing(eager, "stripe", since, "it")
    asked = list(gateway.calls)
    with pytest.raises(errors.TooMany):
        await comparison.missing(eager, "stripe", since, "it")
    with pytest.raises(errors.TooMany):
        await comparison.fetch_missing(eager, "stripe", since, WHY)
    with pytest.raises(errors.TooMany):
        await ledger.day(eager, None, "it")
    assert gateway.calls == asked
    assert await comparison.missing(other, "stripe", since, "it")
    assert await ledger.day(other, None, "it")


@pytest.mark.parametrize("problem", [base.GatewayError("no"), base.OutcomeUnknown("perhaps")])
async def test_a_gateway_that_does_not_answer_says_so(gateway, problem: Exception):
    gateway.fail("list_events", problem, times=2)
    before = factories.dump()
    actor = persons.staff("finance")
    with pytest.raises(errors.Unavailable):
        await comparison.missing(actor, "stripe", clock.now() - LONG_AGO, "it")
    with pytest.raises(errors.Unavailable):
        await comparison.fetch_missing(actor, "stripe", clock.now() - LONG_AGO, WHY)
    assert factories.dump()["inbox_event"] == before["inbox_event"]
    with pytest.raises(errors.NotFound):
        await comparison.missing(actor, "nope", clock.now(), "it")


async def test_the_hourly_round_is_quiet_when_nothing_is_missing(gateway):
    attempt = factories.opened()
    await deliver(attempt_id=attempt.id)
    lost(gateway, attempt, "evt_1")
    assert await comparison.fetch_recent() == 0
    assert factories.alerts() == []


async def test_the_hourly_round_fetches_what_is_missing_and_says_so(gateway, frozen_clock):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    lost(gateway, attempt, "evt_a", hours=40)
    lost(gateway, attempt, "evt_too_old", hours=60)
    assert await comparison.fetch_recent() == 1
    assert await comparison.fetch_recent() == 0
    assert the(tables.Alert).params == {"gateway": "stripe", "count": 1}
    await drained()
    assert the(tables.Order).status == "paid"


async def test_one_gateway_that_is_away_does_not_keep_the_other_from_being_asked(gateway):
    attempt = factories.opened()
    lost(gateway, attempt, "evt_a")
    other: Any = webhooks.registry.get("other")
    other.fail("list_events", base.OutcomeUnknown())
    assert await comparison.fetch_recent() == 1


@pytest.mark.parametrize(
    "said",
    [
        "4242424242424242 12/28",
        "4242 4242 4242 4242 123",
        "4242424242424242 4242424242424242",
        "4242-4242-4242-4242",
        "PAN4242424242424242",
        "4242424242424242EUR",
        "pan_4242424242424242_exp",
        "x4242 4242 4242 4242y",
        "my_pi_4242424242424242",
        "pi_1 4242424242424242",
    ],
)
def test_a_cards_number_is_masked_whatever_stands_beside_it(said: str) -> None:
    assert "4242424242" not in webhooks.masked(said).replace(" ", "").replace("-", "")


@pytest.mark.parametrize(
    "said",
    [
        "2027-03-31",
        "1717171717",
        "393331234567",
        "evt_4242424242424242",
        "cs_test_4242424242424242",
        "pi_4242424242424242_secret_x",
        "12345678901234",
        "WH-58D329510W468432D-8HN650336L201105X",
        "a4242424242424242bcdef0123456789a",
        "2027-03-31T12:00:00.424242Z",
    ],
)
def test_what_is_no_cards_number_stays(said: str) -> None:
    assert webhooks.masked(said) == said
