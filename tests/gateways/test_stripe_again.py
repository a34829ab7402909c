"""What is Stripe's own about refused charges that are tried again: one payment for the order, under its newest name."""

from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from pecapp.domain.payments import Outcome, Reason, Remedy, Verdict
from pecapp.gateways import base, stripe_bodies, stripe_charges
from tests.gateways.bench import Buyer, Means, again, definite_no, present, renewal
from tests.gateways.bench_stripe import StripeBench

pytestmark = pytest.mark.anyio

INTENTS = "/v1/payment_intents"


async def _refused(on_stripe: StripeBench) -> tuple[Means, base.Charge, Outcome]:
    """A renewal that was refused, and the card."""
    means = await on_stripe.saved()
    await on_stripe.refuse_next(means.token, "insufficient_funds")
    wish = renewal(means)
    return means, wish, await on_stripe.gateway.charge(wish)


async def _intents(on_stripe: StripeBench, means: Means) -> list[dict[str, Any]]:
    """All payments of a customer, the newest first."""
    return (await on_stripe.ask(INTENTS, customer=means.customer))["data"]


async def _posts(on_stripe: StripeBench, name: str) -> list[dict[str, Any]]:
    """What was asked to be done to a payment that was made."""
    calls = await on_stripe.requests()
    return [one for one in calls if one["method"] == "POST" and one["path"].startswith(f"{INTENTS}/{name}")]


async def test_the_payment_gets_its_new_name_and_is_confirmed_again(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome)
    assert (await on_stripe.gateway.charge(second)).verdict is Verdict.SUCCEEDED
    update, confirm = await _posts(on_stripe, outcome.gateway_ref)
    assert update["idempotency_key"] == f"{second.idempotency_key}:name"
    failed = update["params"]["metadata"].pop("refused")
    assert failed.startswith("ch_")
    tags = {"app": "pecapp", "order": wish.order_number, "attempt": second.attempt_id}
    assert update["params"] == {"metadata": tags}
    assert confirm["path"].endswith("/confirm")
    assert confirm["idempotency_key"] == second.idempotency_key
    assert confirm["params"] == {
        "payment_method": means.token,
        "off_session": "true",
        "payment_method_options": {"card": {"stored_credential_usage": "recurring"}},
        "expand": ["latest_charge", "payment_method"],
    }


async def test_the_owner_confirms_the_same_payment(on_stripe: StripeBench) -> None:
    means = await on_stripe.saved(Buyer.CAREFUL)
    wish = renewal(means)
    outcome = await on_stripe.gateway.charge(wish)
    second = again(wish, outcome, return_url=present(means).return_url)
    waiting = await on_stripe.gateway.charge(second)
    _, confirm = await _posts(on_stripe, outcome.gateway_ref)
    assert (confirm["params"]["off_session"], confirm["params"]["return_url"]) == ("false", second.return_url)
    assert (waiting.verdict, waiting.gateway_ref) == (Verdict.WAITING, outcome.gateway_ref)
    await on_stripe.confirm(waiting, agreed=False)
    told = await on_stripe.gateway.look_up(base.Reference(second.attempt_id, waiting.gateway_ref))
    assert (told.verdict, told.reason, told.remedy) == (Verdict.DECLINED, Reason.AUTHENTICATION, Remedy.CONFIRM)
    third = await on_stripe.gateway.charge(again(wish, told, 3, return_url=second.return_url))
    await on_stripe.confirm(third)
    assert [one["status"] for one in await _intents(on_stripe, means)] == ["succeeded"]
    assert await on_stripe.taken() == [1208]


async def test_however_often_it_is_refused_there_is_one_payment(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    for number in range(2, 5):
        await on_stripe.refuse_next(means.token, "do_not_honor")
        second = again(wish, outcome, number)
        assert (await on_stripe.gateway.charge(second)).gateway_ref == outcome.gateway_ref
    paid = await on_stripe.gateway.charge(again(wish, outcome, 5))
    assert [one["id"] for one in await _intents(on_stripe, means)] == [paid.gateway_ref] == [outcome.gateway_ref]
    lost = base.Reference(paid.attempt_id, "", customer_ref=means.customer)
    assert await on_stripe.gateway.look_up(lost) == paid
    with pytest.raises(base.NotThere):
        await on_stripe.gateway.look_up(base.Reference(wish.attempt_id, "", customer_ref=means.customer))


@pytest.mark.parametrize("step", ["", "/confirm"], ids=["before the name", "between the name and the confirmation"])
@pytest.mark.parametrize("behaviour", ["error_before", "error_after", "drop_after", "execute_then_hang"])
async def test_interrupted_anywhere_it_goes_on(on_stripe: StripeBench, step: str, behaviour: str) -> None:
    means, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome)
    await on_stripe.fail(f"POST {INTENTS}/{outcome.gateway_ref}{step}", behaviour, ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await on_stripe.impatient().charge(second)
    paid = await on_stripe.gateway.charge(second)
    assert (paid.verdict, paid.attempt_id) == (Verdict.SUCCEEDED, second.attempt_id)
    assert await on_stripe.gateway.charge(second) == paid
    assert len(await _intents(on_stripe, means)) == 1
    assert await on_stripe.taken() == [1208]


class _Killed(Exception):
    """The process ends here."""


async def _only_named(on_stripe: StripeBench, second: base.Charge, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process that tries again is killed between the name and the confirmation."""
    ask = stripe_charges.ask

    async def killed(what: str, call: Coroutine[Any, Any, Any]) -> Any:
        if what == "charge":
            call.close()
            raise _Killed
        return await ask(what, call)

    with monkeypatch.context() as patch:
        patch.setattr(stripe_charges, "ask", killed)
        with pytest.raises(_Killed):
            await on_stripe.gateway.charge(second)


async def test_nobody_hears_the_old_refusal_for_a_try_that_was_not_made(
    on_stripe: StripeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    means, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome)
    await _only_named(on_stripe, second, monkeypatch)
    lost = base.Reference(second.attempt_id, "", customer_ref=means.customer)
    for reference in (lost, base.Reference(second.attempt_id, outcome.gateway_ref)):
        with pytest.raises(base.NotThere):
            await on_stripe.gateway.look_up(reference)
    paid = await on_stripe.gateway.charge(second)
    assert (paid.verdict, paid.gateway_ref) == (Verdict.SUCCEEDED, outcome.gateway_ref)
    assert await on_stripe.gateway.look_up(lost) == paid


async def test_a_try_that_was_not_made_is_closed_as_such(
    on_stripe: StripeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome)
    await _only_named(on_stripe, second, monkeypatch)
    closed = await on_stripe.gateway.close(base.Reference(second.attempt_id, outcome.gateway_ref))
    assert (closed.verdict, closed.attempt_id, closed.reason) == (Verdict.CANCELLED, second.attempt_id, None)


async def test_the_refusal_of_the_new_try_is_its_own(on_stripe: StripeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    means, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome)
    await _only_named(on_stripe, second, monkeypatch)
    await on_stripe.refuse_next(means.token, "stolen_card")
    assert (await on_stripe.gateway.charge(second)).remedy is Remedy.NEVER
    told = await on_stripe.gateway.look_up(base.Reference(second.attempt_id, "", customer_ref=means.customer))
    assert (told.verdict, told.attempt_id, told.remedy) == (Verdict.DECLINED, second.attempt_id, Remedy.NEVER)


_ERROR = {"code": "card_declined", "charge": "ch_1"}
_FAILED_3DS = {"code": "payment_intent_authentication_failure"}


@pytest.mark.parametrize(
    ("refused", "latest", "error", "untried"),
    [
        ("ch_1", "ch_1", None, True),
        ("ch_1", {"id": "ch_1"}, _ERROR, True),
        ("none", None, None, True),
        ("ch_1", "ch_1", _FAILED_3DS, False),
        ("none", None, _FAILED_3DS, False),
        ("ch_1", "ch_2", None, False),
        ("", None, _FAILED_3DS, False),
        ("", None, None, False),
    ],
)
def test_whatever_stripe_forgets_with_a_new_name_a_try_is_told_from_none(
    refused: str, latest: Any, error: Any, untried: bool
) -> None:
    intent = {
        "status": "requires_payment_method",
        "metadata": {"refused": refused} if refused else {},
        "latest_charge": latest,
        "last_payment_error": error,
    }
    assert stripe_bodies.is_untried(intent) is untried
    assert not stripe_bodies.is_untried(intent | {"status": "succeeded"})


async def test_a_failure_that_the_gateway_repeats_is_looked_behind(on_stripe: StripeBench) -> None:
    _, wish, outcome = await _refused(on_stripe)
    second, gateway = again(wish, outcome), on_stripe.impatient()
    await on_stripe.fail(f"POST {INTENTS}/{outcome.gateway_ref}/confirm", "error_after", stored=True)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.charge(second)
    assert (await gateway.charge(second)).verdict is Verdict.SUCCEEDED
    assert await on_stripe.taken() == [1208]


# What became of the earlier payment


async def test_one_that_was_paid_meanwhile_is_told_under_its_own_name(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    await on_stripe.post(f"{INTENTS}/{outcome.gateway_ref}/confirm", payment_method=means.token, off_session="true")
    paid = await on_stripe.gateway.charge(again(wish, outcome))
    assert (paid.verdict, paid.attempt_id, paid.gateway_ref) == (
        Verdict.SUCCEEDED,
        wish.attempt_id,
        outcome.gateway_ref,
    )
    assert len(await _posts(on_stripe, outcome.gateway_ref)) == 1
    assert await on_stripe.taken() == [1208]


async def test_one_that_is_paid_in_that_very_moment_is_paid_once(
    on_stripe: StripeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    means, wish, outcome = await _refused(on_stripe)
    ask = stripe_charges.ask

    async def overtaken(what: str, call: Awaitable[Any]) -> Any:
        answer = await ask(what, call)
        if what == "name a charge":
            path = f"{INTENTS}/{outcome.gateway_ref}/confirm"
            await on_stripe.post(path, payment_method=means.token, off_session="true")
        return answer

    monkeypatch.setattr(stripe_charges, "ask", overtaken)
    second = again(wish, outcome)
    paid = await on_stripe.gateway.charge(second)
    assert (paid.verdict, paid.attempt_id) == (Verdict.SUCCEEDED, second.attempt_id)
    assert await on_stripe.gateway.charge(second) == paid
    assert await on_stripe.taken() == [1208]


async def test_one_that_was_cancelled_makes_way_for_a_new_one(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    await on_stripe.gateway.close(base.Reference(wish.attempt_id, outcome.gateway_ref))
    second = again(wish, outcome)
    paid = await on_stripe.gateway.charge(second)
    assert (paid.verdict, paid.attempt_id) == (Verdict.SUCCEEDED, second.attempt_id)
    assert paid.gateway_ref != outcome.gateway_ref
    assert await on_stripe.gateway.charge(second) == paid
    assert [one["status"] for one in await _intents(on_stripe, means)] == ["succeeded", "canceled"]


@pytest.mark.parametrize(
    "changes",
    [{"again_ref": "pi_nobody"}, {"amount_cents": 1300}, {"order_number": "0000000000"}],
    ids=["gone", "another sum", "another order"],
)
async def test_one_that_does_not_fit_makes_way_for_a_new_one(on_stripe: StripeBench, changes: dict[str, Any]) -> None:
    _, wish, outcome = await _refused(on_stripe)
    second = again(wish, outcome, **changes)
    paid = await on_stripe.gateway.charge(second)
    assert (paid.verdict, paid.attempt_id, paid.amount_cents) == (
        Verdict.SUCCEEDED,
        second.attempt_id,
        second.amount_cents,
    )
    assert await on_stripe.gateway.charge(second) == paid
    assert await on_stripe.taken() == [second.amount_cents]


async def test_the_card_of_another_customer_gets_a_payment_of_its_own(on_stripe: StripeBench) -> None:
    _, wish, outcome = await _refused(on_stripe)
    other = await on_stripe.saved(Buyer.OTHER)
    paid = await on_stripe.gateway.charge(again(wish, outcome, token=other.token, customer_ref=other.customer))
    assert paid.verdict is Verdict.SUCCEEDED
    assert paid.gateway_ref != outcome.gateway_ref
    assert await on_stripe.taken() == [1208]


async def test_a_cancelled_attempt_is_not_made_anew_by_repeating_it(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    await on_stripe.refuse_next(means.token, "insufficient_funds")
    second = again(wish, outcome)
    refused = await on_stripe.gateway.charge(second)
    await on_stripe.gateway.close(base.Reference(second.attempt_id, refused.gateway_ref))
    told = await on_stripe.gateway.charge(second)
    assert (told.verdict, told.remedy) == (Verdict.DECLINED, Remedy.SOFT)
    assert len(await _intents(on_stripe, means)) == 1


async def test_a_card_that_is_gone_meanwhile_is_revoked(on_stripe: StripeBench) -> None:
    means, wish, outcome = await _refused(on_stripe)
    await on_stripe.end(means.token)
    told = await on_stripe.gateway.charge(again(wish, outcome))
    assert (told.verdict, told.reason, told.remedy) == (Verdict.DECLINED, Reason.REVOKED, Remedy.NEVER)
    assert told.gateway_ref == outcome.gateway_ref


@pytest.mark.parametrize("name", ["cs_test_1", "pi_1/../../refunds", "pi_1_secret_2"])
async def test_what_cannot_be_a_charge_is_not_tried_again(on_stripe: StripeBench, name: str) -> None:
    _, wish, outcome = await _refused(on_stripe)
    asked = len(await on_stripe.requests())
    await definite_no(on_stripe.gateway.charge(again(wish, outcome, again_ref=name)))
    assert len(await on_stripe.requests()) == asked


# What the bank advises


@pytest.mark.parametrize(
    ("why", "remedy"),
    [
        ({"decline_code": "insufficient_funds", "advice_code": "do_not_try_again"}, Remedy.NEVER),
        ({"decline_code": "generic_decline", "advice_code": "confirm_card_data"}, Remedy.NEW_DATA),
        ({"decline_code": "generic_decline", "advice_code": "try_again_later"}, Remedy.SOFT),
        ({"code": "authentication_required", "advice_code": "do_not_try_again"}, Remedy.CONFIRM),
    ],
)
async def test_the_advice_of_the_network_is_heard(on_stripe: StripeBench, why: dict[str, str], remedy: Remedy) -> None:
    means = await on_stripe.saved()
    await on_stripe.tell("payment_methods/decline_next", payment_method=means.token, **why)
    outcome = await on_stripe.gateway.charge(renewal(means))
    assert (outcome.verdict, outcome.remedy) == (Verdict.DECLINED, remedy)
    told = await on_stripe.gateway.look_up(base.Reference(outcome.attempt_id, outcome.gateway_ref))
    assert told.remedy is remedy


async def test_our_own_mistake_is_no_refusal(on_stripe: StripeBench) -> None:
    refusal = await definite_no(on_stripe.gateway.charge(renewal(await on_stripe.saved(), amount_cents=49)))
    assert "amount_too_small" in str(refusal)
