"""What the services may rely on, whichever gateway takes the money: renewals that are refused, and tried again."""

import pytest

from pecapp.domain.payments import Outcome, Reason, Remedy, Verdict
from pecapp.gateways import base
from tests.gateways.bench import Buyer, Means, SimulatedBench, again, means_of, present, renewal

pytestmark = pytest.mark.anyio


def named(outcome: Outcome) -> base.Reference:
    return base.Reference(outcome.attempt_id, outcome.gateway_ref)


async def refused(simulated: SimulatedBench, means: Means, code: str) -> tuple[base.Charge, Outcome]:
    """A renewal that was refused with this code."""
    await simulated.refuse_next(means.token, code)
    wish = renewal(means)
    return wish, await simulated.gateway.charge(wish)


async def test_a_refusal_says_what_can_be_done(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    for code, remedy in simulated.ways.remedies.items():
        _, outcome = await refused(simulated, means, code)
        assert (code, outcome.verdict, outcome.remedy) == (code, Verdict.DECLINED, remedy)
        assert outcome.reason in Reason
        if outcome.gateway_ref:
            for call in (simulated.gateway.look_up, simulated.gateway.close):
                told = await call(named(outcome))
                assert (told.verdict, told.reason, told.remedy) == (Verdict.DECLINED, outcome.reason, remedy)
    paid = await simulated.gateway.charge(renewal(means))
    assert (paid.verdict, paid.remedy) == (Verdict.SUCCEEDED, None)


async def test_nobody_hears_of_theft_or_fraud(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    for code in [code for code, remedy in simulated.ways.remedies.items() if remedy is Remedy.NEVER]:
        _, outcome = await refused(simulated, means, code)
        assert outcome.reason in {Reason.DECLINED, Reason.REVOKED}


async def test_what_is_gone_must_never_be_charged_again(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    await simulated.end(means.token)
    outcome = await simulated.gateway.charge(renewal(means))
    assert (outcome.verdict, outcome.reason, outcome.remedy) == (Verdict.DECLINED, Reason.REVOKED, Remedy.NEVER)


async def test_a_renewal_that_is_refused_later_says_what_can_be_done(simulated: SimulatedBench) -> None:
    outcome = await simulated.gateway.charge(renewal(await simulated.saved(Buyer.LATER_NO)))
    assert (outcome.verdict, outcome.remedy) == (Verdict.PROCESSING, None)
    await simulated.decide(outcome.payment_ref, taken=False)
    for call in (simulated.gateway.look_up, simulated.gateway.close):
        told = await call(named(outcome))
        assert (told.verdict, told.reason, told.remedy) == (Verdict.DECLINED, simulated.ways.later_no, Remedy.SOFT)


async def test_a_page_that_nobody_pays_has_no_remedy(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    assert (await simulated.gateway.look_up(opened)).remedy is None
    assert (await simulated.pay(opened)).remedy is None


async def test_a_refused_renewal_is_tried_again_until_it_is_paid_once(simulated: SimulatedBench) -> None:
    means, code = await simulated.saved(), next(iter(simulated.ways.remedies))
    wish, outcome = await refused(simulated, means, code)
    await simulated.refuse_next(means.token, code)
    second = again(wish, outcome)
    outcome = await simulated.gateway.charge(second)
    assert (outcome.attempt_id, outcome.verdict, outcome.remedy) == (second.attempt_id, Verdict.DECLINED, Remedy.SOFT)
    if outcome.gateway_ref:  # else nothing was kept of the refusal: the same call is another try
        assert await simulated.gateway.charge(second) == outcome
    third = again(wish, outcome, 3)
    outcome = await simulated.gateway.charge(third)
    assert (outcome.attempt_id, outcome.verdict, outcome.amount_cents) == (third.attempt_id, Verdict.SUCCEEDED, 1208)
    assert (outcome.reason, outcome.remedy) == (None, None)
    for _ in range(2):
        assert await simulated.gateway.charge(third) == outcome
    assert await simulated.gateway.look_up(named(outcome)) == outcome
    assert await simulated.taken() == [1208]
    (charge,) = (await simulated.ledger())["charges"]
    assert charge["metadata"]["attempt"] == third.attempt_id


async def test_an_owner_who_has_to_confirm_does_so_in_person(simulated: SimulatedBench) -> None:
    means = await simulated.saved(Buyer.CAREFUL)
    wish = renewal(means)
    outcome = await simulated.gateway.charge(wish)
    assert (outcome.verdict, outcome.reason, outcome.remedy) == (
        Verdict.DECLINED,
        Reason.AUTHENTICATION,
        Remedy.CONFIRM,
    )

    there = present(means)
    second = again(wish, outcome, lang="it", return_url=there.return_url, cancel_url=there.cancel_url)
    waiting = await simulated.gateway.charge(second)
    assert (waiting.attempt_id, waiting.verdict, waiting.remedy) == (second.attempt_id, Verdict.WAITING, None)
    assert waiting.again_url.startswith(simulated.url)
    assert await simulated.gateway.charge(second) == waiting
    assert await simulated.taken() == []

    assert (await simulated.confirm(waiting)).startswith(second.return_url)
    settled = await simulated.settle(named(waiting))
    assert (settled.attempt_id, settled.verdict, settled.amount_cents) == (second.attempt_id, Verdict.SUCCEEDED, 1208)
    assert await simulated.taken() == [1208]


async def test_another_method_can_pay_what_was_refused(simulated: SimulatedBench) -> None:
    means = await simulated.saved()
    wish, outcome = await refused(simulated, means, next(iter(simulated.ways.remedies)))
    other = await simulated.saved(Buyer.OTHER, customer_ref=means.customer)
    assert other.token != means.token
    paid = await simulated.gateway.charge(again(wish, outcome, token=other.token))
    assert paid.verdict is Verdict.SUCCEEDED
    assert means_of(paid).fingerprint == other.fingerprint
    assert await simulated.taken() == [1208]


async def test_an_attempt_without_an_answer_is_repeated_once(simulated: SimulatedBench) -> None:
    means = await simulated.saved()
    wish, outcome = await refused(simulated, means, next(iter(simulated.ways.remedies)))
    second = again(wish, outcome)
    call = f"POST /v1/payment_intents/{outcome.gateway_ref}/confirm" if outcome.gateway_ref else "charge"
    await simulated.fail(call, "execute_then_hang", ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await simulated.impatient().charge(second)
    assert (await simulated.gateway.charge(second)).verdict is Verdict.SUCCEEDED
    assert await simulated.taken() == [1208]
