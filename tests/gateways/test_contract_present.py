"""What the services may rely on, whichever gateway takes the money: charges of what is kept, its owner being there."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest

from pecapp.domain.payments import Card, Outcome, Reason, Verdict
from pecapp.gateways import base
from tests.gateways.bench import Buyer, SimulatedBench, definite_no, give_back, means_of, present, renewal

pytestmark = pytest.mark.anyio


def named(outcome: Outcome) -> base.Reference:
    return base.Reference(outcome.attempt_id, outcome.gateway_ref)


async def waiting(simulated: SimulatedBench) -> tuple[base.Charge, Outcome]:
    """A charge that its owner has to confirm."""
    wish = present(await simulated.kept(Buyer.CAREFUL))
    outcome = await simulated.gateway.charge(wish)
    assert outcome.verdict is Verdict.WAITING
    return wish, outcome


async def test_what_needs_no_confirmation_is_paid_at_once(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    wish = present(means)
    outcome = await simulated.gateway.charge(wish)
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.SUCCEEDED, 1208, "eur")
    assert (outcome.attempt_id, outcome.reason, outcome.again_url) == (wish.attempt_id, None, "")
    assert outcome.gateway_ref
    assert outcome.payment_ref
    assert means_of(outcome).fingerprint == means.fingerprint
    assert await simulated.gateway.charge(wish) == outcome
    assert await simulated.gateway.look_up(named(outcome)) == outcome
    assert await simulated.gateway.close(named(outcome)) == outcome
    assert await simulated.taken() == [6039, 1208]


async def test_what_needs_confirmation_waits_for_its_owner_and_is_paid_once(simulated: SimulatedBench) -> None:
    wish, outcome = await waiting(simulated)
    assert (outcome.attempt_id, outcome.amount_cents, outcome.reason) == (wish.attempt_id, 1208, None)
    assert outcome.again_url.startswith(simulated.url)
    assert outcome.again_url not in repr(outcome)
    assert await simulated.gateway.charge(wish) == outcome
    assert await simulated.gateway.look_up(named(outcome)) == outcome
    assert await simulated.taken() == [6039]

    back = await simulated.confirm(outcome)
    assert back.startswith(wish.return_url)
    assert simulated.gateway.returned_ref(dict(parse_qsl(urlsplit(back).query))) == outcome.gateway_ref
    for _ in range(2):
        settled = await simulated.settle(named(outcome))
        assert (settled.verdict, settled.amount_cents, settled.again_url) == (Verdict.SUCCEEDED, 1208, "")
        assert (settled.attempt_id, settled.gateway_ref) == (wish.attempt_id, outcome.gateway_ref)
    assert await simulated.taken() == [6039, 1208]


async def test_a_confirmation_that_is_refused_takes_nothing(simulated: SimulatedBench) -> None:
    _, outcome = await waiting(simulated)
    await simulated.confirm(outcome, agreed=False)
    told = await simulated.gateway.look_up(named(outcome))
    assert (told.verdict, told.reason) == simulated.ways.unconfirmed
    for _ in range(2):
        closed = await simulated.gateway.close(named(outcome))
        assert (closed.verdict, closed.reason, closed.again_url) == (*simulated.ways.given_up, "")
    assert await simulated.taken() == [6039]


async def test_a_confirmation_that_is_left_is_cancelled_by_closing_it(simulated: SimulatedBench) -> None:
    _, outcome = await waiting(simulated)
    for _ in range(2):
        closed = await simulated.gateway.close(named(outcome))
        assert (closed.verdict, closed.reason, closed.again_url) == (Verdict.CANCELLED, None, "")
    assert bool(await simulated.confirm(outcome)) is simulated.ways.waits_after_closing
    assert await simulated.taken() == [6039]


async def test_closing_a_charge_that_was_confirmed_meanwhile_takes_nothing_back(simulated: SimulatedBench) -> None:
    _, outcome = await waiting(simulated)
    await simulated.confirm(outcome)
    settled = await simulated.settle(named(outcome))
    assert await simulated.gateway.close(named(outcome)) == settled
    assert settled.verdict is Verdict.SUCCEEDED


async def test_who_has_to_confirm_cannot_be_charged_while_away(simulated: SimulatedBench) -> None:
    outcome = await simulated.gateway.charge(renewal(await simulated.kept(Buyer.CAREFUL)))
    assert (outcome.verdict, outcome.reason, outcome.again_url) == (Verdict.DECLINED, Reason.AUTHENTICATION, "")
    assert await simulated.taken() == [6039]


async def test_a_refused_charge_says_why_and_the_next_one_can_succeed(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    for code, reason in simulated.ways.refusals.items():
        await simulated.refuse_next(means.token, code)
        wish = present(means)
        outcome = await simulated.gateway.charge(wish)
        assert (code, outcome.verdict, outcome.reason) == (code, Verdict.DECLINED, reason)
        assert (outcome.attempt_id, outcome.amount_cents, outcome.again_url) == (wish.attempt_id, 1208, "")
    assert (await simulated.gateway.charge(present(means))).verdict is Verdict.SUCCEEDED


async def test_a_charge_of_what_is_gone_is_revoked(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    await simulated.end(means.token)
    outcome = await simulated.gateway.charge(present(means))
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.REVOKED)
    assert await simulated.taken() == [6039]


async def test_what_went_back_is_not_counted(simulated: SimulatedBench) -> None:
    wish = present(await simulated.kept())
    outcome = await simulated.gateway.charge(wish)
    await simulated.gateway.refund(give_back(wish, outcome.payment_ref, 208))
    told = await simulated.gateway.look_up(named(outcome))
    assert (told.verdict, told.amount_cents) == (Verdict.SUCCEEDED, 1000)


# A charge without an answer


@pytest.mark.parametrize("make", [present, renewal], ids=["present", "away"])
async def test_a_charge_without_an_answer_is_found_by_its_attempt(simulated: SimulatedBench, make) -> None:
    means = await simulated.kept()
    await simulated.gateway.charge(make(means))
    wish = make(means)
    await simulated.fail("charge", "execute_then_hang", ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await simulated.impatient().charge(wish)
    await simulated.gateway.charge(make(means))
    lost = base.Reference(wish.attempt_id, "", customer_ref=wish.customer_ref)
    assert wish.customer_ref not in repr(lost)
    if not simulated.gateway.searches:
        await definite_no(simulated.gateway.look_up(lost))
        return
    found = await simulated.gateway.look_up(lost)
    assert (found.verdict, found.attempt_id, found.amount_cents) == (Verdict.SUCCEEDED, wish.attempt_id, 1208)
    assert await simulated.gateway.charge(wish) == found
    assert await simulated.gateway.close(lost) == found


async def test_a_charge_that_was_never_made_is_a_definite_no(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    wish = renewal(means)
    await simulated.fail("charge", "error_before")
    with pytest.raises(base.OutcomeUnknown):
        await simulated.impatient().charge(wish)
    for call in (simulated.gateway.look_up, simulated.gateway.close):
        refusal = await definite_no(call(base.Reference(wish.attempt_id, "", customer_ref=means.customer)))
        assert isinstance(refusal, base.NotThere) is simulated.gateway.searches
    with pytest.raises(base.GatewayError) as refusal:
        await simulated.stranger("sk_wrong").look_up(base.Reference(wish.attempt_id, "", customer_ref=means.customer))
    assert not isinstance(refusal.value, base.NotThere)


async def test_a_refused_charge_is_found_refused(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    await simulated.refuse_next(means.token, next(iter(simulated.ways.refusals)))
    outcome = await simulated.gateway.charge(present(means))
    if outcome.gateway_ref:
        for call in (simulated.gateway.look_up, simulated.gateway.close):
            told = await call(named(outcome))
            assert (told.verdict, told.reason) == (Verdict.DECLINED, outcome.reason)
    assert await simulated.taken() == [6039]


# What is kept, as the gateway has it now


async def test_what_is_kept_is_read_back_as_it_was_told(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    now = await simulated.gateway.kept(means.token)
    assert now == (replace(means, network_ref="") if isinstance(means, Card) else means)
    assert means.token not in repr(now)


async def test_what_is_gone_is_gone(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    await simulated.end(means.token)
    assert await simulated.gateway.kept(means.token) is None
