"""What the services may rely on, whichever gateway takes the money: calls that go wrong have one effect or none."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from tests.gateways.bench import (
    Buyer,
    SimulatedBench,
    definite_no,
    give_back,
    present,
    purchase,
    reference,
    renewal,
    saving,
)

pytestmark = pytest.mark.anyio

NEVER_MADE = ["error_before", "drop_before", "html_502", "conflict_409"]
MADE_UNHEARD = ["error_after", "drop_after"]


@dataclass(frozen=True)
class Errand:
    """One call, always with the same content, and what must be true at the gateway however often it was made."""

    make: Callable[[base.Gateway], Awaitable[Any]]
    truth: Callable[[Any], Awaitable[bool]]


async def _start(bench: SimulatedBench) -> Errand:
    request = purchase()
    return Errand(lambda gateway: gateway.start(request), lambda started: bench.has_opened(started.gateway_ref))


async def _look_up(bench: SimulatedBench) -> Errand:
    _, opened, _ = await bench.open()

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.WAITING and await bench.taken() == []

    return Errand(lambda gateway: gateway.look_up(opened), truth)


async def _close(bench: SimulatedBench) -> Errand:
    _, opened, _ = await bench.open()

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.CANCELLED and await bench.taken() == []

    return Errand(lambda gateway: gateway.close(opened), truth)


async def _capture(bench: SimulatedBench) -> Errand:
    _, opened, _ = await bench.open()
    await bench.agree(opened)

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.SUCCEEDED and await bench.taken() == [6039]

    return Errand(lambda gateway: gateway.capture(opened, "capture:x:1"), truth)


async def _charge(bench: SimulatedBench) -> Errand:
    wish = renewal(await bench.kept())

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.SUCCEEDED and await bench.taken() == [6039, 1208]

    return Errand(lambda gateway: gateway.charge(wish), truth)


async def _charge_present(bench: SimulatedBench) -> Errand:
    wish = present(await bench.kept(Buyer.CAREFUL))
    before = await bench.made("charge_present")

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.WAITING and await bench.made("charge_present") == before + 1

    return Errand(lambda gateway: gateway.charge(wish), truth)


async def _to_confirm(bench: SimulatedBench) -> base.Reference:
    """A charge that waits for its owner."""
    wish = present(await bench.kept(Buyer.CAREFUL))
    return base.Reference(wish.attempt_id, (await bench.gateway.charge(wish)).gateway_ref)


async def _look_up_charge(bench: SimulatedBench) -> Errand:
    opened = await _to_confirm(bench)

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.WAITING and outcome.gateway_ref == opened.gateway_ref

    return Errand(lambda gateway: gateway.look_up(opened), truth)


async def _close_charge(bench: SimulatedBench) -> Errand:
    opened = await _to_confirm(bench)

    async def truth(outcome: Any) -> bool:
        return outcome.verdict is Verdict.CANCELLED and await bench.taken() == [6039]

    return Errand(lambda gateway: gateway.close(opened), truth)


async def _refund(bench: SimulatedBench) -> Errand:
    request, outcome = await bench.paid()
    wish = give_back(request, outcome.payment_ref, 1000)

    async def truth(refunded: Any) -> bool:
        return refunded.status == "succeeded" and await bench.given_back() == [1000]

    return Errand(lambda gateway: gateway.refund(wish), truth)


async def _start_saving(bench: SimulatedBench) -> Errand:
    wish = saving()

    async def truth(_: Any) -> bool:
        return await bench.made("start_saving") == 1

    return Errand(lambda gateway: gateway.start_saving(wish), truth)


async def _finish_saving(bench: SimulatedBench) -> Errand:
    wish = saving()
    started = await bench.gateway.start_saving(wish)
    await bench.agree_saving(started.gateway_ref)

    async def truth(kept: Any) -> bool:
        return await bench.gateway.kept((kept.card or kept.wallet).token) == (kept.card or kept.wallet)

    return Errand(lambda gateway: gateway.finish_saving(wish.saving_id, started.gateway_ref), truth)


async def _kept(bench: SimulatedBench) -> Errand:
    means = await bench.kept()

    async def truth(kept: Any) -> bool:
        return kept.token == means.token

    return Errand(lambda gateway: gateway.kept(means.token), truth)


async def _forget(bench: SimulatedBench) -> Errand:
    means = await bench.kept()

    async def truth(_: Any) -> bool:
        return await bench.gateway.kept(means.token) is None

    return Errand(lambda gateway: gateway.forget(means.token), truth)


ERRANDS = {
    "start": _start,
    "look_up": _look_up,
    "close": _close,
    "capture": _capture,
    "charge": _charge,
    "charge_present": _charge_present,
    "look_up_charge": _look_up_charge,
    "close_charge": _close_charge,
    "refund": _refund,
    "start_saving": _start_saving,
    "finish_saving": _finish_saving,
    "kept": _kept,
    "forget": _forget,
}


@pytest.mark.parametrize("behaviour", [*MADE_UNHEARD, "execute_then_hang"])
@pytest.mark.parametrize("call", ERRANDS)
async def test_without_an_answer_the_outcome_is_unknown_and_repeating_has_one_effect(
    simulated: SimulatedBench, call: str, behaviour: str
) -> None:
    errand, gateway = await ERRANDS[call](simulated), simulated.impatient()
    await simulated.fail(call, behaviour, ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await errand.make(gateway)
    first = await errand.make(gateway)
    assert await errand.make(simulated.gateway) == first
    assert await errand.truth(first)


@pytest.mark.parametrize("behaviour", [*NEVER_MADE, "rate_limit_429"])
@pytest.mark.parametrize("call", ERRANDS)
async def test_what_never_happened_is_unknown_too_and_can_be_repeated(
    simulated: SimulatedBench, call: str, behaviour: str
) -> None:
    errand, gateway = await ERRANDS[call](simulated), simulated.impatient()
    await simulated.fail(call, behaviour)
    with pytest.raises(base.OutcomeUnknown):
        await errand.make(gateway)
    assert await errand.truth(await errand.make(gateway))


@pytest.mark.parametrize("behaviour", [*NEVER_MADE, *MADE_UNHEARD])
@pytest.mark.parametrize("call", ERRANDS)
async def test_one_failure_on_the_way_is_overcome(
    simulated: SimulatedBench, call: str, behaviour: str, short_pauses: None
) -> None:
    errand = await ERRANDS[call](simulated)
    await simulated.fail(call, behaviour)
    assert await errand.truth(await errand.make(simulated.gateway))


async def test_a_failure_that_the_gateway_remembers_is_overcome(simulated: SimulatedBench, short_pauses: None) -> None:
    await simulated.fail("start", "error_after", stored=True)
    _, opened, _ = await simulated.open()
    assert await simulated.has_opened(opened.gateway_ref)


@pytest.mark.parametrize("call", ["start", "charge", "charge_present", "refund"])
async def test_told_that_it_asks_too_often_it_waits_or_says_that_it_does_not_know(
    simulated: SimulatedBench, call: str, short_pauses: None
) -> None:
    errand = await ERRANDS[call](simulated)
    await simulated.fail(call, "rate_limit_429")
    if not simulated.ways.slows_down:
        with pytest.raises(base.OutcomeUnknown):
            await errand.make(simulated.gateway)
    assert await errand.truth(await errand.make(simulated.gateway))


@pytest.mark.parametrize("call", ["start", "capture", "charge", "charge_present", "refund"])
async def test_a_failure_that_lasts_is_unknown_and_has_no_effect(
    simulated: SimulatedBench, call: str, short_pauses: None
) -> None:
    errand = await ERRANDS[call](simulated)
    await simulated.fail(call, "error_before", times=None)
    with pytest.raises(base.OutcomeUnknown):
        await errand.make(simulated.gateway)
    await simulated.tell("faults/clear")
    assert await errand.truth(await errand.make(simulated.gateway))


@pytest.mark.parametrize("call", ["start", "capture", "charge", "charge_present", "refund"])
async def test_the_same_call_made_many_times_at_once_has_one_effect(simulated: SimulatedBench, call: str) -> None:
    errand = await ERRANDS[call](simulated)
    answers = await asyncio.gather(*(errand.make(simulated.gateway) for _ in range(5)), return_exceptions=True)
    refusals = [answer for answer in answers if isinstance(answer, BaseException)]
    assert all(isinstance(refusal, base.OutcomeUnknown) for refusal in refusals)
    assert await errand.truth(await errand.make(simulated.gateway))


async def test_an_opened_page_waits_after_all_that(simulated: SimulatedBench) -> None:
    gateway, request = simulated.impatient(), purchase()
    await simulated.fail("start", "execute_then_hang", ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)
    assert await simulated.made("start") == 1
    started = await gateway.start(request)
    assert (await gateway.look_up(reference(request, started))).verdict is Verdict.WAITING


async def test_nobody_answers(simulated: SimulatedBench) -> None:
    gateway, means = simulated.unreachable(), await simulated.kept()
    opened = base.Reference("attempt-x", simulated.ways.unknown)
    for call in (
        gateway.start(purchase()),
        gateway.look_up(opened),
        gateway.close(opened),
        gateway.capture(opened, "capture:x:1"),
        gateway.charge(renewal(means)),
        gateway.refund(give_back(purchase(), "x", 100)),
        gateway.start_saving(saving()),
        gateway.finish_saving("saving-x", simulated.ways.unknown),
        gateway.kept(means.token),
        gateway.forget(means.token),
    ):
        with pytest.raises(base.OutcomeUnknown):
            await call


async def test_a_wrong_key_is_a_definite_no_and_is_told_to_nobody(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    gateway = simulated.stranger("sk_wrong_simulator_key")
    for call in (
        gateway.start(purchase()),
        gateway.look_up(base.Reference("attempt-x", simulated.ways.unknown)),
        gateway.charge(renewal(means)),
        gateway.kept(means.token),
    ):
        refusal = await definite_no(call)
        assert "simulator_key" not in f"{refusal!r}{refusal.__cause__!r}"
    assert await simulated.taken() == [6039]


async def test_nothing_private_is_logged(
    simulated: SimulatedBench, caplog: pytest.LogCaptureFixture, short_pauses: None
) -> None:
    caplog.set_level(logging.DEBUG)
    for call, prepare in ERRANDS.items():
        errand = await prepare(simulated)
        await simulated.fail(call, "error_after")
        await errand.make(simulated.gateway)
    means = await simulated.kept()
    await simulated.refuse_next(means.token, next(iter(simulated.ways.refusals)))
    await simulated.gateway.charge(renewal(means))
    await simulated.gateway.kept(means.token)
    await simulated.gateway.forget(means.token)
    _, opened, url = await simulated.open()
    await simulated.pay(opened, Buyer.POOR)
    await definite_no(simulated.stranger("sk_wrong_simulator_key").start(purchase()))
    assert caplog.records  # by the test's own client at least
    for private in (
        *simulated.private,
        *simulated.secrets(),
        means.token,
        means.customer,
        url,
        "sk_wrong_simulator_key",
    ):
        assert private not in caplog.text
