"""What the services may rely on, whichever gateway takes the money: cards and accounts that are kept for later."""

from dataclasses import replace

import pytest

from pecapp.domain.payments import Reason, Saving, Verdict, Wallet
from tests.gateways.bench import Bench, Buyer, Means, SimulatedBench, definite_no, give_back, means_of, renewal, saving

pytestmark = pytest.mark.anyio


def _saving(means: Means) -> Saving:
    """What came of keeping it; a card says it by its token."""
    if isinstance(means, Wallet):
        return means.saving
    return Saving.SAVED if means.token else Saving.NONE


async def test_nothing_kept_unless_the_customer_has_agreed(simulated: SimulatedBench) -> None:
    _, outcome = await simulated.paid(save=True)
    first = means_of(outcome)
    assert first.token
    assert first.customer
    assert first.fingerprint
    assert first.token not in repr(first)
    assert _saving(first) is Saving.SAVED

    _, outcome = await simulated.paid(save=True, customer_ref=first.customer)
    second = means_of(outcome)
    assert (second.customer, second.fingerprint) == (first.customer, first.fingerprint)
    assert _saving(second) is Saving.SAVED

    _, outcome = await simulated.paid()
    third = means_of(outcome)
    assert (third.token, third.customer, third.fingerprint) == ("", "", first.fingerprint)
    assert _saving(third) is Saving.NONE


async def test_another_card_or_account_has_another_fingerprint(simulated: SimulatedBench) -> None:
    first, second = await simulated.kept(), await simulated.kept(Buyer.OTHER)
    assert first.fingerprint != second.fingerprint
    assert first.token != second.token


async def test_nobody_reads_what_kept(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    charge = renewal(means)
    assert means.token not in repr(charge)
    assert means.customer not in repr(charge)
    assert not any(private in repr(means) for private in simulated.private)


async def test_what_kept_can_be_charged_later_and_one_key_charges_once(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    assert await simulated.gateway.kept(means.token)
    await simulated.later(days=330)
    wish = renewal(means)
    outcome = await simulated.gateway.charge(wish)
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.SUCCEEDED, 1208, "eur")
    assert (outcome.attempt_id, outcome.reason) == (wish.attempt_id, None)
    assert outcome.payment_ref
    assert outcome.gateway_ref
    assert means_of(outcome).fingerprint == means.fingerprint
    assert await simulated.gateway.charge(wish) == outcome
    assert await simulated.taken() == [6039, 1208]


async def test_another_renewal_is_another_movement(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    first, second = [await simulated.gateway.charge(renewal(means)) for _ in range(2)]
    assert first.payment_ref != second.payment_ref
    assert await simulated.taken() == [6039, 1208, 1208]
    (_, charge, _) = (await simulated.ledger())["charges"]
    assert (charge["metadata"]["attempt"], charge["payment_method"]) == (first.attempt_id, means.token)


async def test_a_charge_that_fails_again_and_again_is_declined_each_time(simulated: SimulatedBench) -> None:
    means = await simulated.saved(Buyer.UNCHARGEABLE)
    for _ in range(2):
        wish = renewal(means)
        outcome = await simulated.gateway.charge(wish)
        assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, simulated.ways.uncharged)
        assert (outcome.attempt_id, outcome.amount_cents, outcome.currency) == (wish.attempt_id, 1208, "eur")
    assert await simulated.taken() == []


async def test_a_refused_charge_says_why_and_the_next_one_can_succeed(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    for code, reason in simulated.ways.refusals.items():
        await simulated.refuse_next(means.token, code)
        outcome = await simulated.gateway.charge(renewal(means))
        assert (code, outcome.verdict, outcome.reason) == (code, Verdict.DECLINED, reason)
    assert await simulated.taken() == [6039]
    assert (await simulated.gateway.charge(renewal(means))).verdict is Verdict.SUCCEEDED
    assert await simulated.taken() == [6039, 1208]


async def test_a_later_charge_can_be_given_back(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    wish = renewal(means)
    outcome = await simulated.gateway.charge(wish)
    await simulated.gateway.refund(give_back(wish, outcome.payment_ref, 1208))
    assert await simulated.given_back() == [1208]


async def test_what_is_forgotten_cannot_be_charged(simulated: SimulatedBench) -> None:
    means = await simulated.kept()
    for _ in range(2):
        await simulated.gateway.forget(means.token)
        assert await simulated.gateway.kept(means.token) is None
    outcome = await simulated.gateway.charge(renewal(means))
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.REVOKED)
    assert await simulated.taken() == [6039]


async def test_forgetting_one_leaves_the_others(simulated: SimulatedBench) -> None:
    first, second = await simulated.kept(), await simulated.kept(Buyer.OTHER)
    await simulated.gateway.forget(first.token)
    assert await simulated.gateway.kept(second.token)


async def test_a_token_that_never_was_is_not_kept_and_cannot_be_charged(simulated: SimulatedBench) -> None:
    means = replace(await simulated.kept(), token=simulated.ways.unknown_token)
    assert await simulated.gateway.kept(means.token) is None
    await simulated.gateway.forget(means.token)
    outcome = await simulated.gateway.charge(renewal(means))
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.REVOKED)
    assert await simulated.taken() == [6039]


# Without a purchase


async def test_a_page_that_keeps_opens_once_and_waits(bench: Bench) -> None:
    wish = saving()
    started = await bench.gateway.start_saving(wish)
    assert started.url.startswith("http")
    assert started.url not in repr(started)
    assert await bench.gateway.start_saving(wish) == started
    assert (await bench.gateway.start_saving(saving(lang="en"))).gateway_ref != started.gateway_ref
    for _ in range(2):
        kept = await bench.gateway.finish_saving(wish.saving_id, started.gateway_ref)
        assert (kept.saving_ref, kept.status) == (started.gateway_ref, "waiting")
        assert (kept.card, kept.wallet) == (None, None)


async def test_what_kept_without_a_purchase_can_be_charged(simulated: SimulatedBench) -> None:
    wish = saving()
    started = await simulated.gateway.start_saving(wish)
    await simulated.agree_saving(started.gateway_ref)
    kept = await simulated.gateway.finish_saving(wish.saving_id, started.gateway_ref)
    assert (kept.saving_ref, kept.status) == (started.gateway_ref, "saved")
    means = kept.card or kept.wallet
    assert means is not None
    assert means.token
    assert means.customer
    assert means.country == "IT"
    assert means.token not in repr(kept)
    assert not any(private in repr(kept) for private in simulated.private)
    assert _saving(means) is Saving.SAVED
    assert kept.sca_ref
    assert await simulated.gateway.finish_saving(wish.saving_id, started.gateway_ref) == kept
    assert await simulated.gateway.kept(means.token) == means
    assert await simulated.taken() == []

    assert (await simulated.gateway.charge(renewal(means))).verdict is Verdict.SUCCEEDED
    assert await simulated.taken() == [1208]


async def test_what_kept_with_and_without_a_purchase_is_the_same_to_us(simulated: SimulatedBench) -> None:
    bought = await simulated.kept()
    means = await simulated.saved(customer_ref=bought.customer)
    assert (means.fingerprint, means.customer) == (bought.fingerprint, bought.customer)


async def test_a_saving_that_nobody_agreed_to_keeps_nothing(simulated: SimulatedBench) -> None:
    wish = saving()
    started = await simulated.gateway.start_saving(wish)
    await simulated.later(days=2)
    kept = await simulated.gateway.finish_saving(wish.saving_id, started.gateway_ref)
    assert (kept.status, kept.card, kept.wallet) == (simulated.ways.abandoned, None, None)
    assert await simulated.taken() == []


async def test_a_payment_is_not_a_saving(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open(save=True)
    await simulated.pay(opened)
    await definite_no(simulated.gateway.finish_saving("saving-x", opened.gateway_ref))
