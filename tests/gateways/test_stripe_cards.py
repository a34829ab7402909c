"""Stripe's test cards: who issued them, how the bank answers, what 3-D Secure does, how a refund can end."""

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest

from pecapp.domain.payments import Reason, Verdict
from pecapp.gateways import base
from tests.gateways.bench import give_back
from tests.gateways.bench_stripe import ASKS_FOR_3DS, StripeBench

pytestmark = pytest.mark.anyio

DECLINED = "4000000000000002"
UNKNOWN_THEN_YES = "4000007560001007"
UNKNOWN_THEN_NO = "4000007560002005"
REFUND_PENDING = "4000000000007726"
REFUND_FAILS = "4000000000005126"


async def test_a_paid_order(on_stripe: StripeBench) -> None:
    request, opened, _ = await on_stripe.open()
    await on_stripe.send(opened)
    outcome = await on_stripe.gateway.look_up(opened)
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.SUCCEEDED, 6039, "eur")
    assert (outcome.attempt_id, outcome.reason) == (request.attempt_id, None)
    assert outcome.payment_ref
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.last4, outcome.card.country) == ("visa", "0008", "IT")
    assert (outcome.card.exp_month, outcome.card.exp_year) == (12, 2034)
    assert (outcome.card.token, outcome.card.customer) == ("", "")


@pytest.mark.parametrize("page", ["http://localhost:9/ritorno", "http://localhost:9/ritorno?lang=en&x=%7B1%7D"])
async def test_the_customer_comes_back_with_the_name_of_the_payment(on_stripe: StripeBench, page: str) -> None:
    _, opened, _ = await on_stripe.open(return_url=page)
    back = (await on_stripe.send(opened))["return_url"]
    assert back.startswith(page)
    assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(page).query) | {"cs": [opened.gateway_ref]}


async def test_a_card_is_kept_only_when_the_customer_has_agreed(on_stripe: StripeBench) -> None:
    _, opened, _ = await on_stripe.open(save=True)
    await on_stripe.send(opened)
    first = (await on_stripe.gateway.look_up(opened)).card
    assert first is not None
    assert first.token
    assert first.customer
    assert first.fingerprint
    assert first.token not in repr(first)

    _, opened, _ = await on_stripe.open(save=True, customer_ref=first.customer)
    await on_stripe.send(opened)
    second = (await on_stripe.gateway.look_up(opened)).card
    assert second is not None
    assert (second.customer, second.fingerprint) == (first.customer, first.fingerprint)

    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened)
    third = (await on_stripe.gateway.look_up(opened)).card
    assert third is not None
    assert (third.token, third.customer, third.fingerprint) == ("", "", first.fingerprint)


async def test_a_saved_card_can_be_charged_later(on_stripe: StripeBench) -> None:
    _, opened, _ = await on_stripe.open(save=True)
    await on_stripe.send(opened)
    card = (await on_stripe.gateway.look_up(opened)).card
    assert card is not None
    method = await on_stripe.ask(f"/v1/payment_methods/{card.token}")
    assert (method["customer"], method["allow_redisplay"]) == (card.customer, "always")


async def test_the_customer_confirms_at_the_bank(on_stripe: StripeBench) -> None:
    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, ASKS_FOR_3DS)
    assert (await on_stripe.gateway.look_up(opened)).verdict is Verdict.SUCCEEDED


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (DECLINED, Reason.DECLINED),
        ("4000000000009995", Reason.INSUFFICIENT_FUNDS),
        ("4000000000009979", Reason.DECLINED),
        ("4100000000000019", Reason.DECLINED),
        ("4000000000000069", Reason.EXPIRED_CARD),
        ("4000000000000127", Reason.CARD_DATA),
        ("4000000000000119", Reason.TECHNICAL),
        ("4000008400001629", Reason.DECLINED),
    ],
)
async def test_a_declined_card_leaves_the_page_open_until_it_is_closed(
    on_stripe: StripeBench, number: str, reason: Reason
) -> None:
    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, number)
    waiting = await on_stripe.gateway.look_up(opened)
    assert (waiting.verdict, waiting.reason) == (Verdict.WAITING, reason)
    assert waiting.card is not None
    assert waiting.card.last4 == number[-4:]
    closed = await on_stripe.gateway.close(opened)
    assert (closed.verdict, closed.reason) == (Verdict.DECLINED, reason)


async def test_a_declined_card_and_then_a_good_one(on_stripe: StripeBench) -> None:
    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, DECLINED)
    await on_stripe.send(opened)
    outcome = await on_stripe.gateway.look_up(opened)
    assert (outcome.verdict, outcome.reason) == (Verdict.SUCCEEDED, None)
    assert outcome.card is not None
    assert outcome.card.last4 == "0008"


@pytest.mark.parametrize("answer", [False, None], ids=["refused", "left"])
async def test_authentication_refused_or_left(on_stripe: StripeBench, answer: bool | None) -> None:
    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, ASKS_FOR_3DS, authenticate=answer)
    assert (await on_stripe.gateway.look_up(opened)).verdict is Verdict.WAITING
    closed = await on_stripe.gateway.close(opened)
    assert (closed.verdict, closed.reason) == (Verdict.DECLINED, Reason.AUTHENTICATION)


async def test_a_page_expires_by_itself(on_stripe: StripeBench) -> None:
    _, untouched, _ = await on_stripe.open()
    _, tried, _ = await on_stripe.open()
    await on_stripe.send(tried, DECLINED)
    await on_stripe.later(minutes=46)
    assert (await on_stripe.gateway.look_up(untouched)).verdict is Verdict.EXPIRED
    outcome = await on_stripe.gateway.look_up(tried)
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.DECLINED)


@pytest.mark.parametrize(
    ("number", "end", "verdict", "reason"),
    [
        (UNKNOWN_THEN_YES, "succeeded", Verdict.SUCCEEDED, None),
        (UNKNOWN_THEN_NO, "failed", Verdict.DECLINED, Reason.TECHNICAL),
    ],
)
async def test_an_outcome_that_the_bank_says_later(
    on_stripe: StripeBench, number: str, end: str, verdict: Verdict, reason: Reason | None
) -> None:
    _, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, number)
    for asked in (await on_stripe.gateway.look_up(opened), await on_stripe.gateway.close(opened)):
        assert asked.verdict is Verdict.PROCESSING
        assert asked.card is not None
        assert asked.card.country == "CH"
    await on_stripe.tell("payment_intents/resolve", payment_intent=asked.payment_ref, outcome=end)
    outcome = await on_stripe.gateway.look_up(opened)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.card is not None
    assert outcome.card.country == "CH"


async def _paid(on_stripe: StripeBench, number: str) -> tuple[base.Start, str]:
    request, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, number)
    return request, (await on_stripe.gateway.look_up(opened)).payment_ref


async def test_a_refund_that_takes_time(on_stripe: StripeBench) -> None:
    paid, payment = await _paid(on_stripe, REFUND_PENDING)
    wish = give_back(paid, payment, 6039)
    pending = await on_stripe.gateway.refund(wish)
    assert pending.status == "pending"
    await on_stripe.tell("refunds/resolve", refund=pending.refund_ref, outcome="succeeded")
    assert await on_stripe.gateway.refund(wish) == replace(pending, status="succeeded")


async def test_a_refund_that_looked_done_can_fail(on_stripe: StripeBench) -> None:
    paid, payment = await _paid(on_stripe, REFUND_FAILS)
    wish = give_back(paid, payment, 6039)
    done = await on_stripe.gateway.refund(wish)
    assert done.status == "succeeded"
    await on_stripe.tell("refunds/resolve", refund=done.refund_ref, outcome="failed")
    assert await on_stripe.gateway.refund(wish) == replace(done, status="failed")
