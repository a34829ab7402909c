"""What the services may rely on, whichever gateway takes the money: giving it back, once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tests.gateways.bench import Buyer, SimulatedBench, definite_no, give_back

pytestmark = pytest.mark.anyio


async def test_all_is_given_back_once_however_often_it_is_asked(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid(Buyer.OTHER)
    wish = give_back(paid, outcome.payment_ref, 6039)
    first = await simulated.gateway.refund(wish)
    assert first.status == "succeeded"
    assert await simulated.gateway.refund(wish) == first
    await simulated.later(days=3)
    assert await simulated.gateway.refund(replace(wish, idempotency_key="forgotten")) == first
    assert await simulated.given_back() == [6039]


@pytest.mark.parametrize("days", [3, 46, 400])
async def test_a_key_that_the_gateway_has_forgotten_still_gives_back_once(simulated: SimulatedBench, days: int) -> None:
    paid, outcome = await simulated.paid()
    part, rest = (give_back(paid, outcome.payment_ref, cents) for cents in (1000, 5039))
    first = await simulated.gateway.refund(part)
    await simulated.later(days=days)
    assert await simulated.gateway.refund(part) == first
    second = await simulated.gateway.refund(rest)
    await simulated.later(days=2 * days)
    assert [await simulated.gateway.refund(wish) for wish in (part, rest)] == [first, second]
    assert await simulated.given_back() == [1000, 5039]


async def test_parts_are_given_back_once_each(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid(Buyer.OTHER)
    first, second = (give_back(paid, outcome.payment_ref, cents) for cents in (1000, 5039))
    one = await simulated.gateway.refund(first)
    two = await simulated.gateway.refund(second)
    assert one.refund_ref != two.refund_ref
    await simulated.later(days=3)
    assert await simulated.gateway.refund(first) == one
    assert await simulated.given_back() == [1000, 5039]


async def test_two_equal_parts_are_two_refunds(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid()
    one, two = [await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 1000)) for _ in range(2)]
    assert one.refund_ref != two.refund_ref
    assert await simulated.given_back() == [1000, 1000]


async def test_the_gateways_own_books_name_the_refund(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid()
    wish = give_back(paid, outcome.payment_ref, 1000)
    refunded = await simulated.gateway.refund(wish)
    (entry,) = (await simulated.ledger())["refunds"]
    assert (entry["refund"], entry["payment_intent"]) == (refunded.refund_ref, outcome.payment_ref)
    assert (entry["amount"], entry["currency"], entry["status"]) == (1000, "eur", "succeeded")
    assert (entry["metadata"]["refund"], entry["metadata"]["attempt"]) == (wish.refund_id, paid.attempt_id)


async def test_what_was_given_back_does_not_count_as_paid(simulated: SimulatedBench) -> None:
    paid, opened, _ = await simulated.open()
    outcome = await simulated.pay(opened)
    await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 1000))
    assert await simulated.gateway.look_up(opened) == replace(outcome, amount_cents=5039)
    await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 5039))
    assert await simulated.gateway.look_up(opened) == replace(outcome, amount_cents=0)


async def test_a_refund_that_failed_leaves_the_payment_whole(simulated: SimulatedBench) -> None:
    paid, opened, _ = await simulated.open()
    outcome = await simulated.pay(opened)
    await simulated.hold_refund(outcome.payment_ref)
    pending = await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 1000))
    await simulated.decide_refund(pending.refund_ref, given=False)
    assert await simulated.gateway.look_up(opened) == outcome


async def test_two_who_give_back_at_the_same_moment_give_back_once(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid(Buyer.OTHER)
    wish = give_back(paid, outcome.payment_ref, 6039)
    await simulated.fail("refund", "slow", ms=200)
    both = await asyncio.gather(
        simulated.gateway.refund(wish), simulated.gateway.refund(replace(wish, idempotency_key="other"))
    )
    assert both[0] == both[1]
    assert await simulated.given_back() == [6039]


@pytest.mark.parametrize("taken", [0, 3000, 6039])
async def test_more_than_is_left_is_a_definite_no(simulated: SimulatedBench, taken: int) -> None:
    paid, outcome = await simulated.paid(Buyer.OTHER)
    if taken:
        await simulated.gateway.refund(give_back(paid, outcome.payment_ref, taken))
    await definite_no(simulated.gateway.refund(give_back(paid, outcome.payment_ref, 6040)))
    assert sum(await simulated.given_back()) == taken


async def test_a_refund_of_an_unknown_payment_is_a_definite_no(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid()
    unknown = outcome.payment_ref[:-1] + ("1" if outcome.payment_ref.endswith("0") else "0")
    await definite_no(simulated.gateway.refund(give_back(paid, unknown, 100)))
    assert await simulated.given_back() == []


@pytest.mark.parametrize("given", [True, False], ids=["given", "failed"])
async def test_a_refund_that_takes_time(simulated: SimulatedBench, given: bool) -> None:
    paid, outcome = await simulated.paid()
    await simulated.hold_refund(outcome.payment_ref)
    wish = give_back(paid, outcome.payment_ref, 6039)
    pending = await simulated.gateway.refund(wish)
    assert pending.status == "pending"
    assert await simulated.gateway.refund(wish) == pending
    await simulated.decide_refund(pending.refund_ref, given=given)
    assert await simulated.gateway.refund(wish) == replace(pending, status="succeeded" if given else "failed")
    assert await simulated.given_back() == [6039]


@pytest.mark.parametrize("given", [True, False], ids=["given", "failed"])
async def test_a_refund_is_looked_up_by_the_gateways_own_name(simulated: SimulatedBench, given: bool) -> None:
    paid, outcome = await simulated.paid()
    await simulated.hold_refund(outcome.payment_ref)
    wish = give_back(paid, outcome.payment_ref, 1000)
    pending = await simulated.gateway.refund(wish)
    assert await simulated.gateway.look_up_refund(pending.refund_ref) == pending
    assert pending.refund_id == wish.refund_id
    await simulated.decide_refund(pending.refund_ref, given=given)
    ended = replace(pending, status="succeeded" if given else "failed")
    assert await simulated.gateway.look_up_refund(pending.refund_ref) == ended


async def test_a_refund_tells_what_it_gives_back_however_it_is_asked_for(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid(Buyer.OTHER)
    wish = give_back(paid, outcome.payment_ref, 1000)
    told = await simulated.gateway.refund(wish)
    assert (told.payment_ref, told.amount_cents, told.currency) == (outcome.payment_ref, 1000, "eur")
    assert told.made_at is not None
    assert abs(datetime.now(UTC) - told.made_at) < timedelta(minutes=1)
    assert await simulated.gateway.look_up_refund(told.refund_ref) == told
    assert await simulated.gateway.refund(wish) == told


async def test_a_refund_made_at_the_gateway_itself_tells_what_it_gives_back(simulated: SimulatedBench) -> None:
    _, outcome = await simulated.paid()
    name = await simulated.give_back_there(outcome.payment_ref, 1000)
    told = await simulated.gateway.look_up_refund(name)
    assert (told.refund_ref, told.status, told.refund_id) == (name, "succeeded", "")
    assert (told.payment_ref, told.amount_cents, told.currency) == (outcome.payment_ref, 1000, "eur")


async def test_a_refund_that_the_gateway_does_not_know_is_a_definite_no(simulated: SimulatedBench) -> None:
    await definite_no(simulated.gateway.look_up_refund("nothing"))
    await definite_no(simulated.gateway.look_up_refund("../charges"))
