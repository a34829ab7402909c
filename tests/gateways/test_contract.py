"""What the services may rely on, whichever gateway takes the money: opening a payment, asking for it, closing it.

Paying, kept methods, refunds and trouble on the way are in the files beside this one. Where the gateways genuinely
differ, `bench.Ways` names the difference.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from tests.gateways.bench import Bench, Buyer, SimulatedBench, definite_no, give_back, purchase

pytestmark = pytest.mark.anyio

MALFORMED = ["../x", "..", "x?y", "x/../../y", "x#y", "é", "x\n", "x" * 3000]


async def test_opening_twice_with_one_key_opens_one_page(bench: Bench) -> None:
    request = purchase()
    first = await bench.gateway.start(request)
    assert first.url.startswith("http")
    assert await bench.gateway.start(request) == first


async def test_the_gateway_itself_has_one_page_however_often_it_is_opened(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    await simulated.gateway.start(request)
    _, other, _ = await simulated.open()
    assert await simulated.has_opened(opened.gateway_ref, other.gateway_ref)


async def test_another_attempt_has_a_page_of_its_own(bench: Bench) -> None:
    _, first, _ = await bench.open()
    _, second, _ = await bench.open()
    assert first.gateway_ref != second.gateway_ref


async def test_an_opened_payment_waits_for_its_customer(bench: Bench) -> None:
    request, opened, _ = await bench.open(amount_cents=1208)
    outcome = await bench.gateway.look_up(opened)
    assert outcome.attempt_id == request.attempt_id
    assert outcome.gateway_ref == opened.gateway_ref
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.WAITING, 1208, "eur")
    assert (outcome.reason, outcome.card, outcome.wallet, outcome.payment_ref) == (None, None, None, "")


@pytest.mark.parametrize("save", [False, True])
async def test_both_languages_and_both_choices_of_saving_open_a_page(bench: Bench, save: bool) -> None:
    for lang in ("it", "en"):
        _, opened, _ = await bench.open(lang=lang, save=save)
        assert (await bench.gateway.look_up(opened)).verdict is Verdict.WAITING


async def test_one_key_never_opens_two_different_payments(bench: Bench) -> None:
    request, opened, url = await bench.open()
    again = bench.gateway.start(replace(request, amount_cents=1208))
    if bench.ways.refuses_a_used_key:
        with pytest.raises(base.OutcomeUnknown):
            await again
    else:
        assert await again == base.Started(opened.gateway_ref, url)
    assert (await bench.gateway.look_up(opened)).amount_cents == request.amount_cents


async def test_a_key_used_twice_leaves_one_payment_of_the_first_amount(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    for _ in range(2):
        again = simulated.gateway.start(replace(request, amount_cents=1208))
        if simulated.ways.refuses_a_used_key:
            with pytest.raises(base.OutcomeUnknown):
                await again
        else:
            await again
    assert await simulated.has_opened(opened.gateway_ref)
    await simulated.pay(opened)
    assert await simulated.taken() == [6039]


async def test_an_attempt_whose_page_was_never_learnt_is_found_or_cannot_be_paid(bench: Bench) -> None:
    request, opened, _ = await bench.open()
    await bench.open()
    lost = base.Reference(request.attempt_id, "")
    if bench.gateway.searches:
        outcome = await bench.gateway.look_up(lost)
        assert outcome.gateway_ref == opened.gateway_ref
        closed = await bench.gateway.close(lost)
        assert (closed.gateway_ref, closed.verdict) == (opened.gateway_ref, Verdict.CANCELLED)
    else:
        for call in (bench.gateway.look_up, bench.gateway.close):
            await definite_no(call(lost))
        await definite_no(bench.gateway.capture(lost, "capture:lost:1"))


async def test_an_attempt_whose_page_was_lost_and_closed_takes_no_money(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    lost = base.Reference(request.attempt_id, "")
    if simulated.gateway.searches:
        await simulated.gateway.close(lost)
        with pytest.raises(AssertionError, match="expired"):
            await simulated.agree(opened)
    else:
        await simulated.agree(opened)
        await definite_no(simulated.gateway.close(lost))
        await definite_no(simulated.gateway.capture(lost, "capture:lost:1"))
    assert await simulated.taken() == []


async def test_what_the_gateway_never_heard_of_is_a_definite_no(bench: Bench) -> None:
    unknown = base.Reference("attempt-x", bench.ways.unknown)
    await definite_no(bench.gateway.look_up(unknown))
    await definite_no(bench.gateway.capture(unknown, "capture:x:1"))
    await definite_no(bench.gateway.finish_saving("saving-x", bench.ways.unknown))
    if bench.ways.unknown_is_over:
        closed = await bench.gateway.close(unknown)
        assert (closed.verdict, closed.attempt_id, closed.amount_cents) == (Verdict.CANCELLED, "attempt-x", 0)
    else:
        await definite_no(bench.gateway.close(unknown))


@pytest.mark.parametrize("name", MALFORMED, ids=lambda name: repr(name)[:12])
async def test_what_cannot_be_a_name_is_a_definite_no(bench: Bench, name: str) -> None:
    for call in (bench.gateway.look_up, bench.gateway.close):
        await definite_no(call(base.Reference("attempt-x", name)))


@pytest.mark.parametrize("name", MALFORMED, ids=lambda name: repr(name)[:12])
async def test_what_cannot_be_a_name_never_reaches_the_wire(simulated: SimulatedBench, name: str) -> None:
    gateway, strange = simulated.gateway, base.Reference("attempt-x", name)
    calls: list[Callable[[], Awaitable[Any]]] = [
        lambda: gateway.look_up(strange),
        lambda: gateway.close(strange),
        lambda: gateway.capture(strange, "capture:x:1"),
        lambda: gateway.finish_saving("saving-x", name),
        lambda: gateway.kept(name),
        lambda: gateway.forget(name),
    ]
    for call in calls:
        await definite_no(call())
    assert await simulated.requests() == []


@pytest.mark.parametrize("name", MALFORMED, ids=lambda name: repr(name)[:12])
async def test_a_refund_of_what_cannot_be_a_payment_is_a_definite_no(simulated: SimulatedBench, name: str) -> None:
    await definite_no(simulated.gateway.refund(give_back(purchase(), name, 100)))
    assert await simulated.given_back() == []
    assert not any(name in one["path"] for one in await simulated.requests())


async def test_an_attempt_that_was_never_opened_is_a_definite_no(simulated: SimulatedBench) -> None:
    for call in (simulated.gateway.look_up, simulated.gateway.close):
        refusal = await definite_no(call(base.Reference("attempt-x", "")))
        assert isinstance(refusal, base.NotThere) is simulated.gateway.searches


# Closing


async def test_an_abandoned_page_is_cancelled_by_closing_it(bench: Bench) -> None:
    _, opened, _ = await bench.open()
    for _ in range(2):
        closed = await bench.gateway.close(opened)
        assert (closed.verdict, closed.reason) == (Verdict.CANCELLED, None)
    after = Verdict.WAITING if bench.ways.waits_after_closing else Verdict.EXPIRED
    assert (await bench.gateway.look_up(opened)).verdict is after


async def test_a_closed_page_takes_no_money(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.gateway.close(opened)
    if simulated.ways.waits_after_closing:  # the customer may agree, and nobody captures
        await simulated.agree(opened)
        for call in (simulated.gateway.look_up, simulated.gateway.close):
            assert (await call(opened)).verdict is Verdict.APPROVED
    else:
        with pytest.raises(AssertionError, match="expired"):
            await simulated.agree(opened)
        assert (await simulated.gateway.look_up(opened)).verdict is Verdict.EXPIRED
    assert await simulated.taken() == []


async def test_a_page_that_nobody_has_paid_on_for_days_is_over(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.later(days=4)
    for _ in range(2):
        assert (await simulated.gateway.close(opened)).verdict is Verdict.CANCELLED
    with pytest.raises(AssertionError):
        await simulated.agree(opened)
    assert await simulated.taken() == []


async def test_closing_a_paid_page_reports_the_success(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened)
    closed = await simulated.gateway.close(opened)
    assert closed == await simulated.gateway.look_up(opened)
    assert closed.verdict is Verdict.SUCCEEDED
    assert await simulated.taken() == [6039]


async def test_closing_what_is_being_decided_leaves_it_alone(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    waiting = await simulated.pay(opened, Buyer.LATER_YES)
    assert (await simulated.gateway.close(opened)).verdict is Verdict.PROCESSING
    await simulated.decide(waiting.payment_ref, taken=True)
    assert (await simulated.gateway.close(opened)).verdict is Verdict.SUCCEEDED
    assert await simulated.taken() == [6039]
