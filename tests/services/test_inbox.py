"""Notifications: kept before they are answered, followed up until they are settled, each with one effect."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from pecapp import clock, errors, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import inbox, live
from tests.support import factories
from tests.support.factories import VISA, again, outcome, the
from tests.support.gateway import SIGNED, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]


async def _deliver(raw):
    await inbox.receive("stripe", raw, SIGNED)


def _order(attempt):
    return the(tables.Order, id=attempt.order_id)


async def test_a_final_success_is_stored_and_settled_by_the_time_it_is_answered(gateway):
    attempt = factories.opened()
    raw = event("evt_1", outcome(attempt))
    await _deliver(raw)
    stored = the(tables.InboxEvent)
    assert (stored.gateway, stored.event_id, stored.status, stored.body) == ("stripe", "evt_1", "done", raw.decode())
    assert (stored.attempt_id, stored.handled_at) == (attempt.id, clock.now())
    assert _order(attempt).status == "paid"
    assert gateway.calls == []


async def test_a_duplicate_has_no_second_effect(gateway):
    attempt = factories.opened()
    raw = event("evt_1", outcome(attempt))
    await _deliver(raw)
    before = factories.dump()
    await _deliver(raw)
    assert factories.dump() == before


async def test_fifty_copies_at_once_have_one_effect_and_no_error(gateway):
    attempt = factories.opened()
    raw = event("evt_1", outcome(attempt))
    await asyncio.gather(*[_deliver(raw) for _ in range(50)])
    assert the(tables.InboxEvent).status == "done"
    assert len(factories.rows(tables.Receipt)) == len(factories.rows(tables.Service)) == 1
    assert factories.mails() == [f"m03:order:{attempt.order_id}"]


async def test_many_different_payments_at_once_are_all_settled(gateway):
    attempts = [factories.opened() for _ in range(12)]
    await asyncio.gather(*[_deliver(event(f"evt_{i}", outcome(one))) for i, one in enumerate(attempts)])
    assert {_order(attempt).status for attempt in attempts} == {"paid"}
    assert sorted(row.number for row in factories.rows(tables.Receipt)) == [*range(1, 13)]


async def test_one_payment_told_by_three_kinds_of_event_in_any_order_is_one_payment(gateway):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await _deliver(event("evt_3", attempt_id=attempt.id, type="charge.succeeded"))
    await _deliver(event("evt_1", outcome(attempt)))
    await _deliver(event("evt_2", attempt_id=attempt.id, type="payment_intent.succeeded"))
    while await inbox.drain():
        pass
    assert {row.status for row in factories.rows(tables.InboxEvent)} == {"done"}
    assert len(factories.rows(tables.Receipt)) == 1


async def test_what_is_not_authentic_leaves_no_trace(gateway):
    before = factories.dump()
    with pytest.raises(inbox.NotAuthentic):
        await inbox.receive("stripe", event("evt_1"), {"signature": "bad"})
    with pytest.raises(errors.NotFound):
        await inbox.receive("nope", event("evt_1"), SIGNED)
    assert factories.dump() == before


async def test_hints_are_followed_with_one_question_for_each_payment(gateway):
    attempts = [factories.opened() for _ in range(2)]
    for attempt in attempts:
        gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
        for i in range(5):
            await _deliver(event(f"evt_{attempt.id}_{i}", attempt_id=attempt.id, type="payment_intent.processing"))
    assert {_order(attempt).status for attempt in attempts} == {"verifying"}
    assert await inbox.drain() == 10
    assert await inbox.drain() == 0
    assert sorted(gateway.asked("look_up")) == sorted(attempt.id for attempt in attempts)
    assert {_order(attempt).status for attempt in attempts} == {"paid"}
    assert {row.status for row in factories.rows(tables.InboxEvent)} == {"done"}


async def test_hints_of_a_payment_that_has_succeeded_cost_nothing(gateway):
    attempt = factories.opened()
    factories.settle(attempt, card=VISA)
    await _deliver(event("evt_1", attempt_id=attempt.id))
    assert the(tables.InboxEvent).status == "done"
    assert gateway.calls == []


async def test_a_hint_is_followed_later_when_the_gateway_is_down(gateway, frozen_clock):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await _deliver(event("evt_1", attempt_id=attempt.id))
    gateway.fail("look_up", base.OutcomeUnknown())
    assert await inbox.drain() == 1
    assert (_order(attempt).status, the(tables.InboxEvent).status) == ("verifying", "waiting")
    assert await inbox.drain() == 0
    frozen_clock.advance(seconds=30)
    assert await inbox.drain() == 1
    assert (_order(attempt).status, the(tables.InboxEvent).status) == ("paid", "done")


async def test_a_crash_between_storing_and_following_is_made_good(gateway, frozen_clock):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await _deliver(event("evt_1", attempt_id=attempt.id))
    inbox._claim(10)
    frozen_clock.advance(seconds=30)
    assert await inbox.drain() == 1
    assert _order(attempt).status == "paid"


@pytest.mark.parametrize("final", [True, False])
async def test_news_of_an_order_that_is_not_here_yet_is_kept_and_matched_later(gateway, frozen_clock, final):
    order = factories.order()
    attempt = factories.opened()
    early = replace(outcome(attempt), attempt_id="a" * 32, gateway_ref="cs_early", payment_ref="pi_early")
    await _deliver(event("evt_1", early, final=final))
    assert await inbox.drain() == 1
    assert the(tables.InboxEvent).status == "unmatched"
    assert factories.alerts() == []
    late = factories.attempt(order, id="a" * 32, gateway_ref="cs_early")
    gateway.know(late, Verdict.SUCCEEDED, card=VISA)
    frozen_clock.advance(seconds=5)
    assert await inbox.drain() == 1
    assert (the(tables.InboxEvent).status, again(order).status) == ("done", "paid")


async def test_the_staff_is_told_once_of_what_stays_unmatched_and_it_is_asked_ever_less_often(gateway, frozen_clock):
    await _deliver(event("evt_1", attempt_id="b" * 32))
    tried = []
    for _ in range(14):
        await inbox.drain()
        due = the(tables.InboxEvent).next_try_at
        tried.append(due - clock.now())
        assert bool(factories.alerts()) == (clock.now() - the(tables.InboxEvent).received_at >= timedelta(minutes=10))
        frozen_clock.set(due)
    assert tried == sorted(tried)
    assert factories.alerts() == ["event_unmatched"]
    frozen_clock.advance(days=3)
    await inbox.drain()
    assert (the(tables.InboxEvent).status, the(tables.InboxEvent).next_try_at) == ("unmatched", None)


async def test_oddities_are_kept_apart_for_a_person_and_change_nothing(gateway):
    attempt = factories.opened()
    await _deliver(event("evt_1", outcome(attempt), oddity="other API version"))
    await _deliver(event("evt_1", outcome(attempt), oddity="other API version"))
    stored = the(tables.InboxEvent)
    assert (stored.status, stored.oddity) == ("quarantined", "other API version")
    assert _order(attempt).status == "verifying"
    assert factories.alerts() == ["event_quarantined"]
    assert await inbox.drain() == 0


async def test_kinds_that_do_not_concern_us_are_kept_and_left_alone(gateway):
    await _deliver(event("evt_1", type="customer.created", relevant=False))
    assert the(tables.InboxEvent).status == "ignored"
    assert await inbox.drain() == 0
    assert gateway.calls == []


async def test_what_is_left_to_do_wakes_the_background_work(gateway):
    heard: list[frozenset[str]] = []
    listener = heard.append
    live.listen(listener)
    try:
        await _deliver(event("evt_1", attempt_id="c" * 32))
    finally:
        live.forget(listener)
    assert live.WORK_INBOX in set().union(*heard)


@pytest.mark.parametrize("text", ["nul \u0000 inside", "emoji 🙂", "è"])
async def test_whatever_text_a_gateway_sends_can_be_stored(gateway, text):
    raw = event("evt_1", attempt_id="d" * 32, extra=text).replace(b"\\u0000", b"\x00")
    await inbox.receive("stripe", b" " + event("evt_1", attempt_id="d" * 32, extra=text), SIGNED)
    assert the(tables.InboxEvent).event_id == "evt_1"
    assert raw
