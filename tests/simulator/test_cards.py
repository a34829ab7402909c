"""Every test card does what its row of the table says: buyer present, buyer absent, saving."""

from typing import Any

import pytest
import stripe

from pecapp.simulator import stripe_cards
from pecapp.simulator.stripe_cards import BY_KEY, CARDS, Asks, Outcome, judge
from tests.simulator.world import World

pytestmark = pytest.mark.anyio

PASS = {
    *("it", "visa", "visa_debit", "mastercard", "amex", "de", "fr", "es", "at", "gb", "ch", "jp", "br", "frictionless"),
    *("asks_on_session", "asks_unless_set_up", "asks_always", "required"),
    *("dispute_fraudulent", "dispute_not_received", "inquiry", "early_warning", "refund_pending", "refund_fails"),
}
ASKING = {
    "asks_on_session",
    "asks_unless_set_up",
    "asks_always",
    "asks_then_no_funds",
    "required",
    "required_then_declined",
}
REFUSALS = {
    "asks_then_no_funds": ("card_declined", "insufficient_funds", "try_again_later"),
    "required_then_declined": ("card_declined", "generic_decline", "try_again_later"),
    "lookup_fails": ("card_declined", "generic_decline", "try_again_later"),
    "declined": ("card_declined", "generic_decline", "try_again_later"),
    "no_funds": ("card_declined", "insufficient_funds", "try_again_later"),
    "lost": ("card_declined", "lost_card", "do_not_try_again"),
    "stolen": ("card_declined", "stolen_card", "do_not_try_again"),
    "velocity": ("card_declined", "card_velocity_exceeded", "try_again_later"),
    "expired": ("expired_card", None, "confirm_card_data"),
    "wrong_cvc": ("incorrect_cvc", None, "confirm_card_data"),
    "processing_error": ("processing_error", None, "try_again_later"),
    "saved_then_declined": ("card_declined", "generic_decline", "try_again_later"),
    "blocked": ("card_declined", "fraudulent", "do_not_try_again"),
}
UNKNOWN = {"unknown_yes", "unknown_no"}
MAY_NOT_BE_SAVED = set(REFUSALS) - {"asks_then_no_funds", "saved_then_declined"}


def test_every_card_is_covered_here():
    assert set(BY_KEY) == PASS | set(REFUSALS) | UNKNOWN


def test_every_number_is_a_card_number_and_only_ours_are_unpublished():
    assert all(stripe_cards.luhn(card.number) for card in CARDS)
    assert not stripe_cards.luhn("4242424242424241")
    assert {card.key for card in CARDS if card.ours} == UNKNOWN
    assert all(BY_KEY[key].country not in ("IT", "DE", "FR", "ES", "AT", "IE") for key in UNKNOWN)


@pytest.mark.parametrize("key", sorted(BY_KEY))
async def test_with_the_buyer_present(world: World, key: str):
    session = await world.session()
    first = await world.control("sessions/pay", session=session.id, number=BY_KEY[key].number, authenticate=None)
    assert (first["intent_status"] == "requires_action") == (key in ASKING)
    if key in ASKING:
        await world.control("payment_intents/authenticate", payment_intent=first["intent"], passed=True)
    intent: Any = await world.api.payment_intents.retrieve_async(first["intent"], {"expand": ["latest_charge"]})
    if key in PASS:
        assert intent.status == "succeeded"
        card = intent.latest_charge.payment_method_details.card
        assert (card.last4, card.country, card.brand) == (
            BY_KEY[key].last4,
            BY_KEY[key].country,
            BY_KEY[key].brand,
        )
        assert (card.three_d_secure is not None) == (key in ASKING or key == "frictionless")
    elif key in UNKNOWN:
        assert intent.status == "processing"
        assert intent.latest_charge is None
    else:
        error = intent.last_payment_error.to_dict()
        assert (error["code"], error.get("decline_code"), error["advice_code"]) == REFUSALS[key]
        assert intent.status == "requires_payment_method"
        assert (intent.latest_charge.status, intent.latest_charge.outcome.type) == (
            "failed",
            "blocked" if key == "blocked" else "issuer_declined",
        )
    assert len((await world.ledger())["charges"]) == (key in PASS)


@pytest.mark.parametrize("set_up", [True, False])
@pytest.mark.parametrize("key", sorted(set(BY_KEY) - MAY_NOT_BE_SAVED))
async def test_with_the_buyer_absent(world: World, key: str, set_up: bool):
    customer, method = await world.saved(BY_KEY[key].number, set_up=set_up)
    needs_buyer = key == "asks_always" or (not set_up and BY_KEY[key].asks is Asks.UNLESS_SET_UP)
    if needs_buyer or key in REFUSALS:
        with pytest.raises(stripe.CardError) as refusal:
            await world.charge(customer, method)
        error: Any = refusal.value.error
        if needs_buyer:
            assert (refusal.value.http_status, error.code, error.decline_code) == (
                402,
                *["authentication_required"] * 2,
            )
        else:
            assert (error.code, error.decline_code, error.advice_code) == REFUSALS[key]
        assert error.payment_intent.status == "requires_payment_method"
    else:
        status = (await world.charge(customer, method)).status
        assert status == ("processing" if key in UNKNOWN else "succeeded")


@pytest.mark.parametrize("key", sorted(BY_KEY))
async def test_saving_without_a_payment(world: World, key: str):
    session = await world.session(setup=True)
    done = await world.control("sessions/pay", session=session.id, number=BY_KEY[key].number)
    assert done["intent_status"] == ("requires_payment_method" if key in MAY_NOT_BE_SAVED else "succeeded")


@pytest.mark.parametrize("key", ["visa", "asks_on_session", "saved_then_declined", "declined", "expired"])
async def test_ready_made_cards_can_be_attached_or_not(world: World, key: str):
    customer = await world.customer()
    alias = BY_KEY[key].alias
    if key in MAY_NOT_BE_SAVED:
        with pytest.raises(stripe.CardError) as refusal:
            await world.api.payment_methods.attach_async(alias, {"customer": customer})
        assert refusal.value.code == REFUSALS[key][0]
    else:
        method = await world.api.payment_methods.attach_async(alias, {"customer": customer})
        assert method.customer == customer


def test_authentication_is_asked_before_a_refusal_is_known():
    card = BY_KEY["required_then_declined"]
    assert judge(card, off_session=False, set_up=False).outcome is Outcome.CHALLENGE
    assert judge(card, off_session=False, set_up=False, authenticated=True).outcome is Outcome.DECLINED


@pytest.mark.parametrize(("key", "outcome"), [("unknown_yes", "succeeded"), ("unknown_no", "failed")])
async def test_an_unknown_outcome_becomes_known_by_itself(world: World, key: str, outcome: str):
    await world.control("settings", unknown_delay=0.05)
    paid = await world.paid(BY_KEY[key].number)
    assert (paid["status"], paid["payment_status"], paid["intent_status"]) == ("complete", "unpaid", "processing")
    told = await world.until_told(f"checkout.session.async_payment_{outcome}")
    assert told["data"]["object"]["payment_status"] == ("paid" if outcome == "succeeded" else "unpaid")
    types = await world.told()
    assert types.index("payment_intent.processing") < types.index("checkout.session.completed")
    assert ("payment_intent.succeeded" in types, "payment_intent.payment_failed" in types) == (
        outcome == "succeeded",
        outcome == "failed",
    )
    assert ("charge.succeeded" in types) == (outcome == "succeeded") == bool((await world.ledger())["charges"])


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
@pytest.mark.parametrize("key", sorted(UNKNOWN))
async def test_an_unknown_outcome_becomes_known_at_once_when_told(world: World, key: str, outcome: str):
    paid = await world.paid(BY_KEY[key].number)
    resolved = await world.control("payment_intents/resolve", payment_intent=paid["intent"], outcome=outcome)
    assert resolved["status"] == ("succeeded" if outcome == "succeeded" else "requires_payment_method")
    again = await world.browser.post(
        "/_sim/payment_intents/resolve", json={"payment_intent": paid["intent"], "outcome": "failed"}
    )
    assert again.status_code == 400


async def test_fingerprints_tell_the_same_card(world: World):
    customer = await world.customer()
    for number in (BY_KEY["it"].number, BY_KEY["it"].number, BY_KEY["visa"].number):
        await world.control("payment_methods", customer=customer, number=number)
    methods = await world.api.customers.payment_methods.list_async(customer, {"type": "card", "limit": 100})
    prints = [method.card.fingerprint for method in methods.data if method.card]
    assert len(prints) == 3
    assert len(set(prints)) == 2
