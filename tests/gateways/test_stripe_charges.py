"""What is Stripe's own about charges of kept cards: what is sent, whose they are, how they end, what is found again."""

from dataclasses import replace
from typing import Any

import pytest
import stripe as sdk

from pecapp.domain.payments import Card, Reason, Verdict
from pecapp.gateways import base, stripe, stripe_calls, stripe_line
from tests.gateways.bench import Buyer, definite_no, means_of, present, renewal, saving
from tests.gateways.bench_stripe import StripeBench

pytestmark = pytest.mark.anyio

INTENTS = "/v1/payment_intents"


async def _sent(on_stripe: StripeBench, wish: base.Charge) -> dict[str, Any]:
    await on_stripe.gateway.charge(wish)
    (call,) = [one for one in await on_stripe.requests() if (one["method"], one["path"]) == ("POST", INTENTS)]
    assert call["idempotency_key"] == wish.idempotency_key
    return call["params"]


async def test_a_charge_says_whether_its_owner_is_there(on_stripe: StripeBench) -> None:
    means = await on_stripe.kept()
    wish = renewal(means)
    usual = {
        "amount": "1208",
        "currency": "eur",
        "customer": means.customer,
        "payment_method": means.token,
        "confirm": "true",
        "allowed_payment_method_types": ["card"],
        "description": wish.description,
        "metadata": {"app": "pecapp", "order": wish.order_number, "attempt": wish.attempt_id},
        "expand": ["latest_charge", "payment_method"],
    }
    away = {"off_session": "true", "payment_method_options": {"card": {"stored_credential_usage": "recurring"}}}
    assert await _sent(on_stripe, wish) == usual | away


async def test_an_owner_who_is_there_comes_back_to_us(on_stripe: StripeBench) -> None:
    wish = present(await on_stripe.kept())
    sent = await _sent(on_stripe, wish)
    assert (sent["off_session"], sent["return_url"]) == ("false", wish.return_url)
    assert "payment_method_options" not in sent


async def test_the_network_names_the_payment(on_stripe: StripeBench) -> None:
    means = await on_stripe.kept()
    outcome = await on_stripe.gateway.charge(renewal(means))
    card = means_of(outcome)
    assert isinstance(means, Card)
    assert isinstance(card, Card)
    assert card.network_ref
    assert means.network_ref not in ("", card.network_ref)
    assert card.network_ref not in repr(outcome)


async def test_the_bank_of_an_owner_who_is_there_may_need_time(on_stripe: StripeBench) -> None:
    means = await on_stripe.saved(Buyer.LATER_YES)
    outcome = await on_stripe.gateway.charge(present(means))
    named = base.Reference(outcome.attempt_id, outcome.gateway_ref)
    for call in (on_stripe.gateway.look_up, on_stripe.gateway.close):
        assert await call(named) == outcome
    assert (outcome.verdict, outcome.reason, outcome.again_url) == (Verdict.PROCESSING, None, "")
    await on_stripe.decide(outcome.payment_ref, taken=True)
    assert (await on_stripe.gateway.look_up(named)).verdict is Verdict.SUCCEEDED


async def test_a_refusal_after_the_confirmation_says_why(on_stripe: StripeBench) -> None:
    outcome = await on_stripe.gateway.charge(present(await on_stripe.saved(Buyer.UNCHARGEABLE)))
    assert outcome.verdict is Verdict.WAITING
    await on_stripe.confirm(outcome)
    for call in (on_stripe.gateway.look_up, on_stripe.gateway.close):
        told = await call(base.Reference(outcome.attempt_id, outcome.gateway_ref))
        assert (told.verdict, told.reason) == (Verdict.DECLINED, Reason.INSUFFICIENT_FUNDS)
        assert told.card is not None
        assert told.card.last4 == "3178"
    assert not await on_stripe.confirm(outcome)


async def test_another_applications_charge_is_left_alone(on_stripe: StripeBench, simulator_url: str) -> None:
    line = stripe_line.Line(stripe.TIMEOUT)
    foreign = sdk.StripeClient("sk_test_foreign", base_addresses={"api": simulator_url}, http_client=line)
    intent = await foreign.v1.payment_intents.create_async({"amount": 999, "currency": "eur"})
    for call in (on_stripe.gateway.look_up, on_stripe.gateway.close):
        await definite_no(call(base.Reference("attempt-x", intent.id)))
    assert (await foreign.v1.payment_intents.retrieve_async(intent.id)).status == "requires_payment_method"
    await line.close_async()


async def test_a_payment_on_a_page_is_closed_with_its_page_only(on_stripe: StripeBench) -> None:
    _, opened, _ = await on_stripe.open()
    sent = await on_stripe.send(opened, "4000000000000002")
    await definite_no(on_stripe.gateway.close(base.Reference(opened.attempt_id, sent["intent"])))
    assert (await on_stripe.gateway.look_up(opened)).verdict is Verdict.WAITING


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ({"payment_intent": "pi_3Abc", "redirect_status": "succeeded"}, "pi_3Abc"),
        ({"cs": "cs_test_1", "payment_intent": "pi_3Abc"}, "cs_test_1"),
        ({"cs": "x", "payment_intent": "pi_3Abc"}, "pi_3Abc"),
        ({"payment_intent": "pi_3Abc_secret_Def"}, ""),
        ({"payment_intent": "pi_3Abc/../../refunds"}, ""),
        ({"payment_intent": "pi_3Abc\n"}, ""),
        ({"payment_intent": "pi_é"}, ""),
        ({"payment_intent": "pi_"}, ""),
        ({"payment_intent": f"pi_{'x' * 251}"}, ""),
        ({"payment_intent": "cs_test_1"}, ""),
        ({"setup_intent": "seti_1"}, ""),
    ],
)
async def test_only_what_can_be_a_charge_is_read_from_the_return(
    on_stripe: StripeBench, query: dict[str, str], name: str
) -> None:
    assert on_stripe.gateway.returned_ref(query) == name


async def test_a_charge_among_a_customers_hundreds_is_found(
    on_stripe: StripeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pecapp.gateways.stripe_charges.PAGE_LENGTH", 2)
    means = await on_stripe.kept()
    wish = renewal(means)
    outcome = await on_stripe.gateway.charge(wish)
    for _ in range(4):
        await on_stripe.gateway.charge(renewal(means))
    lost = base.Reference(wish.attempt_id, "", customer_ref=means.customer)
    assert await on_stripe.gateway.look_up(lost) == outcome
    await definite_no(on_stripe.gateway.look_up(replace(lost, attempt_id="attempt-x")))

    monkeypatch.setattr(stripe_calls, "PAGES", 2)
    with pytest.raises(base.OutcomeUnknown):
        await on_stripe.gateway.look_up(lost)


async def test_another_customers_charges_are_not_searched(on_stripe: StripeBench) -> None:
    wish = renewal(await on_stripe.kept())
    await on_stripe.gateway.charge(wish)
    other = await on_stripe.kept(Buyer.OTHER)
    await definite_no(on_stripe.gateway.look_up(base.Reference(wish.attempt_id, "", customer_ref=other.customer)))


@pytest.mark.parametrize("make", [present, renewal], ids=["present", "away"])
async def test_a_failure_that_the_gateway_repeats_is_looked_behind(on_stripe: StripeBench, make: Any) -> None:
    wish, gateway = make(await on_stripe.kept()), on_stripe.impatient()
    await on_stripe.fail("charge", "error_after", stored=True)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.charge(wish)
    assert (await gateway.charge(wish)).verdict is Verdict.SUCCEEDED
    assert await on_stripe.taken() == [6039, 1208]


async def test_a_card_that_its_bank_has_renewed_is_read_back_renewed(on_stripe: StripeBench) -> None:
    means = await on_stripe.kept()
    renewed = {"exp_month": 3, "exp_year": 2041, "number": "5555555555554444"}
    await on_stripe.tell("payment_methods/update", payment_method=means.token, **renewed)
    card = await on_stripe.gateway.kept(means.token)
    assert isinstance(card, Card)
    assert (card.brand, card.last4, card.exp_month, card.exp_year) == ("mastercard", "4444", 3, 2041)
    assert (card.token, card.customer) == (means.token, means.customer)
    assert card.fingerprint != means.fingerprint
    assert (await on_stripe.gateway.charge(renewal(means))).verdict is Verdict.SUCCEEDED


async def test_the_act_of_saving_is_named(on_stripe: StripeBench) -> None:
    wish = saving()
    started = await on_stripe.gateway.start_saving(wish)
    await on_stripe.agree_saving(started.gateway_ref, Buyer.CAREFUL)
    kept = await on_stripe.gateway.finish_saving(wish.saving_id, started.gateway_ref)
    intent = await on_stripe.ask(f"/v1/setup_intents/{kept.sca_ref}")
    assert (intent["status"], intent["payment_method"]) == ("succeeded", kept.card and kept.card.token)
    assert intent["metadata"] == {"app": "pecapp", "saving": wish.saving_id}
