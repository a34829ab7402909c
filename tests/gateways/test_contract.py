"""What the services may rely on, whichever gateway takes the money: opening, asking, closing, giving back."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from pecapp.domain.payments import Reason, Verdict
from pecapp.gateways import base
from tests.gateways.bench import Bench, SimulatedBench, give_back, purchase, reference

pytestmark = pytest.mark.anyio

ASKS_FOR_3DS = "4000002760003184"
DECLINED = "4000000000000002"
UNKNOWN_THEN_YES = "4000007560001007"
UNKNOWN_THEN_NO = "4000007560002005"
REFUND_PENDING = "4000000000007726"
REFUND_FAILS = "4000000000005126"


# Opening


async def test_opening_twice_with_one_key_opens_one_page(bench: Bench) -> None:
    request = purchase()
    first = await bench.gateway.start(request)
    assert first.url.startswith("http")
    assert await bench.gateway.start(request) == first


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
    assert (outcome.reason, outcome.card, outcome.payment_ref) == (None, None, "")


@pytest.mark.parametrize("save", [False, True])
async def test_both_languages_and_both_choices_of_saving_open_a_page(bench: Bench, save: bool) -> None:
    for lang in ("it", "en"):
        _, opened, _ = await bench.open(lang=lang, save=save)
        assert (await bench.gateway.look_up(opened)).verdict is Verdict.WAITING


async def test_one_key_never_opens_two_different_payments(bench: Bench) -> None:
    request, opened, _ = await bench.open()
    with pytest.raises(base.OutcomeUnknown):
        await bench.gateway.start(replace(request, amount_cents=1208))
    assert (await bench.gateway.look_up(opened)).amount_cents == request.amount_cents


async def test_a_page_that_would_close_at_once_is_a_definite_no(bench: Bench) -> None:
    with pytest.raises(base.GatewayError) as refusal:
        await bench.gateway.start(purchase(expires_at=datetime.now(UTC) + timedelta(minutes=1)))
    assert not isinstance(refusal.value, base.OutcomeUnknown)


async def test_an_attempt_whose_page_was_never_learnt_is_found(bench: Bench) -> None:
    request, opened, _ = await bench.open()
    await bench.open()
    outcome = await bench.gateway.look_up(base.Reference(request.attempt_id, ""))
    assert outcome.gateway_ref == opened.gateway_ref
    closed = await bench.gateway.close(base.Reference(request.attempt_id, ""))
    assert (closed.gateway_ref, closed.verdict) == (opened.gateway_ref, Verdict.CANCELLED)


async def test_an_attempt_among_hundreds_is_found(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    for _ in range(101):
        await simulated.open()
    outcome = await simulated.gateway.look_up(base.Reference(request.attempt_id, ""))
    assert outcome.gateway_ref == opened.gateway_ref


@pytest.mark.parametrize("name", ["cs_test_nobody", "../customers", "cs_x?expand=y", "pi_1", "x" * 3000])
async def test_what_the_gateway_never_heard_of_is_a_definite_no(bench: Bench, name: str) -> None:
    for call in (bench.gateway.look_up, bench.gateway.close):
        with pytest.raises(base.GatewayError) as refusal:
            await call(base.Reference("attempt-x", name))
        assert not isinstance(refusal.value, base.OutcomeUnknown)


async def test_an_attempt_that_was_never_opened_is_a_definite_no(simulated: SimulatedBench) -> None:
    for call in (simulated.gateway.look_up, simulated.gateway.close):
        with pytest.raises(base.GatewayError) as refusal:
            await call(base.Reference("attempt-x", ""))
        assert not isinstance(refusal.value, base.OutcomeUnknown)


# Paying


async def test_a_paid_order(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    await simulated.pay(opened)
    outcome = await simulated.gateway.look_up(opened)
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.SUCCEEDED, 6039, "eur")
    assert (outcome.attempt_id, outcome.reason) == (request.attempt_id, None)
    assert outcome.payment_ref
    assert outcome.card is not None
    assert (outcome.card.brand, outcome.card.last4, outcome.card.country) == ("visa", "0008", "IT")
    assert (outcome.card.exp_month, outcome.card.exp_year) == (12, 2034)
    assert (outcome.card.token, outcome.card.customer) == ("", "")


@pytest.mark.parametrize("page", ["http://localhost:9/ritorno", "http://localhost:9/ritorno?lang=en&x=%7B1%7D"])
async def test_the_customer_comes_back_with_the_name_of_the_payment(simulated: SimulatedBench, page: str) -> None:
    _, opened, _ = await simulated.open(return_url=page)
    back = (await simulated.pay(opened))["return_url"]
    assert back.startswith(page)
    assert parse_qs(urlsplit(back).query) == parse_qs(urlsplit(page).query) | {"cs": [opened.gateway_ref]}


async def test_the_outcome_names_the_attempt_that_was_paid_whoever_asks(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    await simulated.pay(opened)
    outcome = await simulated.gateway.look_up(base.Reference("somebody-else", opened.gateway_ref))
    assert outcome.attempt_id == request.attempt_id


async def test_a_card_is_kept_only_when_the_customer_has_agreed(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open(save=True)
    await simulated.pay(opened)
    first = (await simulated.gateway.look_up(opened)).card
    assert first is not None
    assert first.token
    assert first.customer
    assert first.fingerprint
    assert first.token not in repr(first)

    _, opened, _ = await simulated.open(save=True, customer_ref=first.customer)
    await simulated.pay(opened)
    second = (await simulated.gateway.look_up(opened)).card
    assert second is not None
    assert (second.customer, second.fingerprint) == (first.customer, first.fingerprint)

    _, opened, _ = await simulated.open()
    await simulated.pay(opened)
    third = (await simulated.gateway.look_up(opened)).card
    assert third is not None
    assert (third.token, third.customer, third.fingerprint) == ("", "", first.fingerprint)


async def test_a_saved_card_can_be_charged_later(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open(save=True)
    await simulated.pay(opened)
    card = (await simulated.gateway.look_up(opened)).card
    assert card is not None
    method = await simulated.ask(f"/v1/payment_methods/{card.token}")
    assert (method["customer"], method["allow_redisplay"]) == (card.customer, "always")


async def test_the_customer_confirms_at_the_bank(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened, ASKS_FOR_3DS)
    assert (await simulated.gateway.look_up(opened)).verdict is Verdict.SUCCEEDED


# Not paying


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
    simulated: SimulatedBench, number: str, reason: Reason
) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened, number)
    waiting = await simulated.gateway.look_up(opened)
    assert (waiting.verdict, waiting.reason) == (Verdict.WAITING, reason)
    assert waiting.card is not None
    assert waiting.card.last4 == number[-4:]
    closed = await simulated.gateway.close(opened)
    assert (closed.verdict, closed.reason) == (Verdict.DECLINED, reason)


async def test_a_declined_card_and_then_a_good_one(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened, DECLINED)
    await simulated.pay(opened)
    outcome = await simulated.gateway.look_up(opened)
    assert (outcome.verdict, outcome.reason) == (Verdict.SUCCEEDED, None)
    assert outcome.card is not None
    assert outcome.card.last4 == "0008"


@pytest.mark.parametrize("answer", [False, None], ids=["refused", "left"])
async def test_authentication_refused_or_left(simulated: SimulatedBench, answer: bool | None) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened, ASKS_FOR_3DS, authenticate=answer)
    assert (await simulated.gateway.look_up(opened)).verdict is Verdict.WAITING
    closed = await simulated.gateway.close(opened)
    assert (closed.verdict, closed.reason) == (Verdict.DECLINED, Reason.AUTHENTICATION)


async def test_an_abandoned_page_is_cancelled_by_closing_it(bench: Bench) -> None:
    _, opened, _ = await bench.open()
    for _ in range(2):
        closed = await bench.gateway.close(opened)
        assert (closed.verdict, closed.reason) == (Verdict.CANCELLED, None)
    assert (await bench.gateway.look_up(opened)).verdict is Verdict.EXPIRED


async def test_a_closed_page_takes_no_money(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.gateway.close(opened)
    with pytest.raises(AssertionError, match="expired"):
        await simulated.pay(opened)
    assert (await simulated.gateway.look_up(opened)).verdict is Verdict.EXPIRED


async def test_a_page_expires_by_itself(simulated: SimulatedBench) -> None:
    _, untouched, _ = await simulated.open()
    _, tried, _ = await simulated.open()
    await simulated.pay(tried, DECLINED)
    await simulated.later(minutes=46)
    assert (await simulated.gateway.look_up(untouched)).verdict is Verdict.EXPIRED
    outcome = await simulated.gateway.look_up(tried)
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.DECLINED)


async def test_closing_a_paid_page_reports_the_success(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened)
    closed = await simulated.gateway.close(opened)
    assert closed == await simulated.gateway.look_up(opened)
    assert closed.verdict is Verdict.SUCCEEDED


@pytest.mark.parametrize(
    ("number", "end", "verdict", "reason"),
    [
        (UNKNOWN_THEN_YES, "succeeded", Verdict.SUCCEEDED, None),
        (UNKNOWN_THEN_NO, "failed", Verdict.DECLINED, Reason.TECHNICAL),
    ],
)
async def test_an_outcome_that_the_bank_says_later(
    simulated: SimulatedBench, number: str, end: str, verdict: Verdict, reason: Reason | None
) -> None:
    _, opened, _ = await simulated.open()
    await simulated.pay(opened, number)
    for asked in (await simulated.gateway.look_up(opened), await simulated.gateway.close(opened)):
        assert asked.verdict is Verdict.PROCESSING
        assert asked.card is not None
        assert asked.card.country == "CH"
    await simulated.tell("payment_intents/resolve", payment_intent=asked.payment_ref, outcome=end)
    outcome = await simulated.gateway.look_up(opened)
    assert (outcome.verdict, outcome.reason) == (verdict, reason)
    assert outcome.card is not None
    assert outcome.card.country == "CH"


# Giving back


async def _paid(simulated: SimulatedBench, number: str) -> tuple[base.Start, str]:
    request, opened, _ = await simulated.open()
    await simulated.pay(opened, number)
    return request, (await simulated.gateway.look_up(opened)).payment_ref


async def _given_back(simulated: SimulatedBench) -> list[int]:
    return [refund["amount"] for refund in (await simulated.ask("/v1/refunds"))["data"]]


async def test_all_is_given_back_once_however_often_it_is_asked(simulated: SimulatedBench) -> None:
    paid, payment = await _paid(simulated, "4242424242424242")
    wish = give_back(paid, payment, 6039)
    first = await simulated.gateway.refund(wish)
    assert first.status == "succeeded"
    assert await simulated.gateway.refund(wish) == first
    await simulated.later(days=3)
    assert await simulated.gateway.refund(replace(wish, idempotency_key="forgotten")) == first
    assert await _given_back(simulated) == [6039]


async def test_parts_are_given_back_once_each(simulated: SimulatedBench) -> None:
    paid, payment = await _paid(simulated, "4242424242424242")
    first, second = give_back(paid, payment, 1000), give_back(paid, payment, 5039)
    one = await simulated.gateway.refund(first)
    two = await simulated.gateway.refund(second)
    assert one.refund_ref != two.refund_ref
    await simulated.later(days=3)
    assert await simulated.gateway.refund(first) == one
    assert await _given_back(simulated) == [5039, 1000]


async def test_two_who_give_back_at_the_same_moment_give_back_once(simulated: SimulatedBench) -> None:
    paid, payment = await _paid(simulated, "4242424242424242")
    wish = give_back(paid, payment, 6039)
    await simulated.fail("POST /v1/refunds", "slow", ms=200)
    both = await asyncio.gather(
        simulated.gateway.refund(wish), simulated.gateway.refund(replace(wish, idempotency_key="other"))
    )
    assert both[0] == both[1]
    assert await _given_back(simulated) == [6039]


@pytest.mark.parametrize("taken", [0, 3000, 6039])
async def test_more_than_is_left_is_a_definite_no(simulated: SimulatedBench, taken: int) -> None:
    paid, payment = await _paid(simulated, "4242424242424242")
    if taken:
        await simulated.gateway.refund(give_back(paid, payment, taken))
    with pytest.raises(base.GatewayError) as refusal:
        await simulated.gateway.refund(give_back(paid, payment, 6040))
    assert not isinstance(refusal.value, base.OutcomeUnknown)
    assert sum(await _given_back(simulated)) == taken


async def test_a_refund_that_takes_time(simulated: SimulatedBench) -> None:
    paid, payment = await _paid(simulated, REFUND_PENDING)
    wish = give_back(paid, payment, 6039)
    pending = await simulated.gateway.refund(wish)
    assert pending.status == "pending"
    await simulated.tell("refunds/resolve", refund=pending.refund_ref, outcome="succeeded")
    assert await simulated.gateway.refund(wish) == replace(pending, status="succeeded")


async def test_a_refund_that_looked_done_can_fail(simulated: SimulatedBench) -> None:
    paid, payment = await _paid(simulated, REFUND_FAILS)
    wish = give_back(paid, payment, 6039)
    done = await simulated.gateway.refund(wish)
    assert done.status == "succeeded"
    await simulated.tell("refunds/resolve", refund=done.refund_ref, outcome="failed")
    assert await simulated.gateway.refund(wish) == replace(done, status="failed")


# Trouble on the way


@pytest.mark.parametrize(
    ("behaviour", "wish"),
    [
        ("error_before", {}),
        ("error_after", {}),
        ("error_after", {"stored": True}),
        ("drop_before", {}),
        ("drop_after", {}),
        ("conflict_409", {}),
        ("html_502", {}),
    ],
    ids=str,
)
async def test_one_failure_on_the_way_is_overcome(simulated: SimulatedBench, behaviour: str, wish: dict) -> None:
    await simulated.fail("POST /v1/checkout/sessions", behaviour, **wish)
    _, opened, _ = await simulated.open()
    assert await simulated.sessions() == [opened.gateway_ref]


@pytest.mark.parametrize(
    ("behaviour", "opened"),
    [
        ("error_before", 0),
        ("error_after", 1),
        ("drop_before", 0),
        ("drop_after", 1),
        ("execute_then_hang", 1),
        ("conflict_409", 0),
        ("rate_limit_429", 0),
        ("html_502", 0),
    ],
)
async def test_without_an_answer_the_outcome_is_unknown_and_repeating_opens_one_page(
    simulated: SimulatedBench, behaviour: str, opened: int
) -> None:
    gateway = simulated.impatient()
    request = purchase()
    await simulated.fail("POST /v1/checkout/sessions", behaviour, ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)
    assert len(await simulated.sessions()) == opened
    started = await gateway.start(request)
    assert await simulated.sessions() == [started.gateway_ref]
    assert (await gateway.look_up(reference(request, started))).verdict is Verdict.WAITING


async def test_a_failure_that_the_gateway_repeats_is_looked_behind(simulated: SimulatedBench) -> None:
    gateway = simulated.impatient()
    request = purchase()
    await simulated.fail("POST /v1/checkout/sessions", "error_after", stored=True)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)
    started = await gateway.start(request)
    assert await simulated.sessions() == [started.gateway_ref]
    await gateway.close(reference(request, started))
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)


async def test_nobody_answers(simulated: SimulatedBench) -> None:
    gateway = simulated.impatient(url="http://127.0.0.1:9")
    opened = base.Reference("attempt-x", "cs_test_x")
    for call in (gateway.start(purchase()), gateway.look_up(opened), gateway.close(opened)):
        with pytest.raises(base.OutcomeUnknown):
            await call


async def test_a_wrong_key_is_a_definite_no_and_is_told_to_nobody(simulated: SimulatedBench) -> None:
    gateway = simulated.impatient(key="sk_wrong_simulator_key")
    with pytest.raises(base.GatewayError) as refusal:
        await gateway.start(purchase())
    assert not isinstance(refusal.value, base.OutcomeUnknown)
    assert "simulator_key" not in f"{refusal.value!r}{refusal.value.__cause__!r}"


@pytest.mark.parametrize("behaviour", ["error_before", "drop_before", "html_502", "rate_limit_429"])
async def test_asking_without_an_answer_is_unknown(simulated: SimulatedBench, behaviour: str) -> None:
    gateway = simulated.impatient()
    _, opened, _ = await simulated.open()
    await simulated.fail("GET /v1/checkout/sessions", behaviour)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.look_up(opened)
    assert (await gateway.look_up(opened)).verdict is Verdict.WAITING


@pytest.mark.parametrize("behaviour", ["error_after", "drop_after", "conflict_409"])
async def test_closing_without_an_answer_is_unknown_and_can_be_repeated(
    simulated: SimulatedBench, behaviour: str
) -> None:
    gateway = simulated.impatient()
    _, opened, _ = await simulated.open()
    await simulated.fail("POST /v1/checkout/sessions", behaviour)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.close(opened)
    assert (await gateway.close(opened)).verdict is Verdict.CANCELLED


async def test_a_refund_without_an_answer_is_unknown_and_repeating_gives_back_once(simulated: SimulatedBench) -> None:
    gateway = simulated.impatient()
    paid, payment = await _paid(simulated, "4242424242424242")
    wish = give_back(paid, payment, 1000)
    await simulated.fail("POST /v1/refunds", "execute_then_hang", ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.refund(wish)
    assert (await gateway.refund(wish)).status == "succeeded"
    assert await _given_back(simulated) == [1000]
