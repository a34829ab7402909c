"""What the services may rely on, whichever gateway takes the money: its own lists of news and money, its disputes."""

from datetime import UTC, datetime, timedelta
from secrets import token_hex

import pytest

from pecapp.domain.disputes import Status
from pecapp.gateways import base, paypal_books, stripe_books
from tests.gateways.bench import Buyer, SimulatedBench, definite_no, give_back
from tests.gateways.bench_paypal import PayPalBench
from tests.gateways.bench_stripe import StripeBench

pytestmark = pytest.mark.anyio

HOUR = timedelta(hours=1)


def around() -> tuple[datetime, datetime]:
    """The hour before and the hour after this moment."""
    now = datetime.now(UTC)
    return now - HOUR, now + HOUR


def in_days(days: int) -> datetime:
    """When a page should expire that is opened after so many days."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=days, minutes=45)


async def books(bench: SimulatedBench) -> base.Ledger:
    return await bench.gateway.ledger(*around())


# The list of notifications


async def test_what_was_never_delivered_is_in_the_gateways_own_list(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid(attempt_id=token_hex(16))
    listed = await simulated.gateway.list_events(*around())
    assert listed == sorted(listed, key=lambda one: one.created_at)
    read = [simulated.gateway.read_listed(one.raw) for one in listed]
    assert [(one.event_id, one.type) for one in listed] == [(one.event_id, one.type) for one in read]
    assert paid.attempt_id in {one.attempt_id for one in read}
    assert {one.relevant for one in read} == {True}
    assert {one.outcome for one in read} == {None}
    assert outcome.payment_ref


async def test_only_what_happened_in_the_time_is_listed(simulated: SimulatedBench) -> None:
    await simulated.paid()
    now = datetime.now(UTC)
    assert await simulated.gateway.list_events(now - 3 * HOUR, now - 2 * HOUR) == []
    await simulated.later(days=3)
    await simulated.paid(expires_at=in_days(3))
    first = await simulated.gateway.list_events(now - HOUR, now + HOUR)
    later = await simulated.gateway.list_events(now + timedelta(days=2), now + timedelta(days=4))
    assert first
    assert later
    assert not {one.event_id for one in first} & {one.event_id for one in later}


async def test_a_long_list_comes_whole(simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(4):
        await simulated.paid()
    whole = await simulated.gateway.list_events(*around())
    monkeypatch.setattr(stripe_books, "PAGE_LENGTH", 3)
    monkeypatch.setattr(paypal_books, "EVENTS_AT_ONCE", 3)
    assert len(whole) > 6
    assert await simulated.gateway.list_events(*around()) == whole


async def test_a_list_that_is_too_long_is_said_to_be(
    simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        await simulated.paid()
    for module in (stripe_books, paypal_books):
        monkeypatch.setattr(module, "MOST_PAGES", 1)
    monkeypatch.setattr(stripe_books, "PAGE_LENGTH", 2)
    monkeypatch.setattr(paypal_books, "EVENTS_AT_ONCE", 2)
    await definite_no(simulated.gateway.list_events(*around()))


async def test_a_list_that_does_not_come_is_an_unknown_answer(simulated: SimulatedBench) -> None:
    for call in ("list_events", "ledger"):
        await simulated.fail(call, "error_before", times=10)
    gateway = simulated.impatient()
    for answer in (gateway.list_events(*around()), gateway.ledger(*around())):
        with pytest.raises(base.OutcomeUnknown):
            await answer


# The books


async def test_the_books_name_payments_and_refunds_as_we_do(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid()
    wish = give_back(paid, outcome.payment_ref, 1000)
    given = await simulated.gateway.refund(wish)
    payment, refund = sorted((await books(simulated)).movements, key=lambda one: one.kind)
    assert (payment.kind, payment.ref, payment.attempt_id) == ("payment", outcome.payment_ref, paid.attempt_id)
    assert (payment.amount_cents, payment.currency) == (6039, "eur")
    assert (refund.kind, refund.ref, refund.refund_id) == ("refund", given.refund_ref, wish.refund_id)
    assert (refund.amount_cents, refund.currency, refund.payment_ref) == (1000, "eur", outcome.payment_ref)


async def test_what_was_given_back_whole_has_come_in_all_the_same(simulated: SimulatedBench) -> None:
    paid, outcome = await simulated.paid()
    await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 6039))
    assert sorted(one.kind for one in (await books(simulated)).movements) == ["payment", "refund"]


async def test_money_that_did_not_move_is_in_no_books(simulated: SimulatedBench) -> None:
    await simulated.open()
    _, poor, _ = await simulated.open()
    await simulated.pay(poor, Buyer.POOR)
    _, waiting, _ = await simulated.open()
    outcome = await simulated.pay(waiting, Buyer.LATER_NO)
    await simulated.decide(outcome.payment_ref, taken=False)
    paid, done = await simulated.paid()
    await simulated.hold_refund(done.payment_ref)
    pending = await simulated.gateway.refund(give_back(paid, done.payment_ref, 1000))
    await simulated.decide_refund(pending.refund_ref, given=False)
    assert [one.ref for one in (await books(simulated)).movements] == [done.payment_ref]


async def test_a_day_has_its_own_books(simulated: SimulatedBench) -> None:
    now = datetime.now(UTC)
    _, first = await simulated.paid()
    await simulated.later(days=45)
    _, second = await simulated.paid(expires_at=in_days(45))
    later = await simulated.gateway.ledger(now + timedelta(days=44), now + timedelta(days=46))
    assert [one.ref for one in later.movements] == [second.payment_ref]
    both = await simulated.gateway.ledger(now - HOUR, now + timedelta(days=46))
    assert [one.ref for one in both.movements] == [first.payment_ref, second.payment_ref]


async def test_long_books_come_whole(simulated: SimulatedBench, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        paid, outcome = await simulated.paid()
        await simulated.gateway.refund(give_back(paid, outcome.payment_ref, 100))
    monkeypatch.setattr(stripe_books, "PAGE_LENGTH", 2)
    monkeypatch.setattr(paypal_books, "TRANSACTIONS_AT_ONCE", 2)
    assert len((await books(simulated)).movements) == 6


async def test_stripes_books_leave_out_what_another_application_took(on_stripe: StripeBench) -> None:
    await on_stripe.paid()
    customer = await on_stripe.post("/v1/customers", email="altra@example.com")
    card = await on_stripe.tell("payment_methods", customer=customer["id"], number="4242424242424242")
    form = {"amount": 999, "currency": "eur", "customer": customer["id"], "payment_method": card["id"]}
    other = await on_stripe.post("/v1/payment_intents", **form, confirm="true", off_session="true")
    await on_stripe.post("/v1/refunds", payment_intent=other["id"])
    assert [one.amount_cents for one in (await books(on_stripe)).movements] == [6039]


async def test_a_refund_made_at_the_gateway_itself_is_in_the_books_and_in_the_list(simulated: SimulatedBench) -> None:
    _, outcome = await simulated.paid()
    name = await simulated.give_back_there(outcome.payment_ref, 500)
    refund = next(one for one in (await books(simulated)).movements if one.kind == "refund")
    assert (refund.ref, refund.refund_id, refund.payment_ref) == (name, "", outcome.payment_ref)
    assert refund.at == (await simulated.gateway.look_up_refund(name)).made_at
    read = [simulated.gateway.read_listed(one.raw) for one in await simulated.gateway.list_events(*around())]
    assert {(one.refund_ref, one.relevant) for one in read if one.refund_ref} == {(name, True)}


async def test_paypal_says_how_far_its_books_go(on_paypal: PayPalBench) -> None:
    await on_paypal.tell("paypal/transactions", delay_seconds=2 * 3600)
    await on_paypal.paid()
    found = await books(on_paypal)
    assert found.movements == ()
    assert timedelta(minutes=119) < datetime.now(UTC) - found.complete_until < timedelta(minutes=121)


async def test_stripes_books_are_complete(on_stripe: StripeBench) -> None:
    since, until = around()
    assert (await on_stripe.gateway.ledger(since, until)).complete_until == until


# Disputes


async def test_a_dispute_says_what_is_contested_and_until_when_to_answer(simulated: SimulatedBench) -> None:
    _, outcome = await simulated.paid()
    name = await simulated.contest(outcome.payment_ref)
    found = await simulated.gateway.look_up_dispute(name)
    assert (found.dispute_ref, found.payment_ref) == (name, outcome.payment_ref)
    assert (found.amount_cents, found.currency, found.status) == (6039, "eur", Status.TO_ANSWER)
    assert found.reason
    assert found.respond_by_at is not None
    assert found.opened_at < found.respond_by_at


@pytest.mark.parametrize("won", [True, False], ids=["won", "lost"])
@pytest.mark.parametrize("inquiry", [True, False], ids=["inquiry", "claim"])
async def test_a_dispute_is_decided(simulated: SimulatedBench, won: bool, inquiry: bool) -> None:
    _, outcome = await simulated.paid()
    name = await simulated.contest(outcome.payment_ref, inquiry=inquiry)
    assert (await simulated.gateway.look_up_dispute(name)).status is Status.TO_ANSWER
    await simulated.decide_dispute(name, won=won)
    assert (await simulated.gateway.look_up_dispute(name)).status is (Status.WON if won else Status.LOST)


async def test_every_step_of_a_dispute_is_in_the_list_and_names_it(simulated: SimulatedBench) -> None:
    _, outcome = await simulated.paid()
    name = await simulated.contest(outcome.payment_ref)
    await simulated.decide_dispute(name, won=True)
    read = [simulated.gateway.read_listed(one.raw) for one in await simulated.gateway.list_events(*around())]
    told = [one for one in read if one.dispute_ref]
    assert len(told) >= 2
    assert {(one.dispute_ref, one.relevant, one.refund_ref, one.method_ref) for one in told} == {(name, True, "", "")}


async def test_paypal_has_other_hands_in_a_dispute(on_paypal: PayPalBench) -> None:
    _, outcome = await on_paypal.paid()
    name = await on_paypal.contest(outcome.payment_ref)
    for status, ours in (("UNDER_REVIEW", Status.IN_REVIEW), ("WAITING_FOR_SELLER_RESPONSE", Status.TO_ANSWER)):
        await on_paypal.tell("paypal/disputes/update", dispute=name, status=status)
        assert (await on_paypal.gateway.look_up_dispute(name)).status is ours
    await on_paypal.tell("paypal/disputes/close", dispute=name, outcome="cancelled")
    assert (await on_paypal.gateway.look_up_dispute(name)).status is Status.WON


async def test_a_payment_that_paypal_takes_back_is_told_by_its_capture(on_paypal: PayPalBench) -> None:
    _, outcome = await on_paypal.paid()
    await on_paypal.tell("paypal/captures/reverse", capture=outcome.payment_ref)
    read = [on_paypal.gateway.read_listed(one.raw) for one in await on_paypal.gateway.list_events(*around())]
    (event,) = [one for one in read if one.taken_back]
    assert (event.type, event.gateway_ref, event.by_ref) == ("PAYMENT.CAPTURE.REVERSED", outcome.payment_ref, True)


async def test_a_dispute_that_nobody_opened_is_a_definite_no(simulated: SimulatedBench) -> None:
    for name in ("du_1Nobody", "../charges", "", "x/../y"):
        await definite_no(simulated.gateway.look_up_dispute(name))
