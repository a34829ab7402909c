"""What the services may rely on, whichever gateway takes the money: how a payment that was opened ends."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from pecapp.domain.payments import Reason, Verdict
from pecapp.gateways import base
from tests.gateways.bench import Buyer, SimulatedBench, means_of

pytestmark = pytest.mark.anyio


async def test_a_paid_order(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    settled = await simulated.pay(opened)
    outcome = await simulated.gateway.look_up(opened)
    assert outcome == settled
    assert (outcome.verdict, outcome.amount_cents, outcome.currency) == (Verdict.SUCCEEDED, 6039, "eur")
    assert (outcome.attempt_id, outcome.gateway_ref, outcome.reason) == (request.attempt_id, opened.gateway_ref, None)
    assert (outcome.held, outcome.again_url) == (False, "")
    means = means_of(outcome)
    assert means.country == "IT"
    assert means.fingerprint
    assert (means.token, means.customer) == ("", "")
    assert not any(private in repr(outcome) for private in simulated.private)


async def test_the_gateways_own_books_say_the_same(simulated: SimulatedBench) -> None:
    request, outcome = await simulated.paid()
    (charge,) = (await simulated.ledger())["charges"]
    assert (charge["payment_intent"], charge["session"]) == (outcome.payment_ref, outcome.gateway_ref)
    assert (charge["amount"], charge["currency"], charge["refunded"]) == (6039, "eur", 0)
    assert (charge["metadata"]["order"], charge["metadata"]["attempt"]) == (request.order_number, request.attempt_id)


async def test_settling_again_takes_nothing_more(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    first = await simulated.pay(opened)
    assert await simulated.settle(opened) == first
    for key in ("capture:again:1", "capture:again:2"):
        assert await simulated.gateway.capture(opened, key) == first
    assert await simulated.taken() == [6039]


@pytest.mark.parametrize("page", ["http://localhost:9/ritorno", "http://localhost:9/ritorno?lang=en&x=%7B1%7D"])
async def test_the_customer_comes_back_with_the_name_of_the_payment(simulated: SimulatedBench, page: str) -> None:
    _, opened, _ = await simulated.open(return_url=page)
    back = await simulated.agree(opened)
    assert back.startswith(page)
    ours, theirs = parse_qs(urlsplit(page).query), parse_qs(urlsplit(back).query)
    assert theirs | ours == theirs
    assert simulated.gateway.returned_ref(dict(parse_qsl(urlsplit(back).query))) == opened.gateway_ref


async def test_a_browser_that_brings_no_name_names_no_payment(simulated: SimulatedBench) -> None:
    for query in ({}, {"other": "x"}, {"cs": "", "token": ""}):
        assert simulated.gateway.returned_ref(query) == ""


@pytest.mark.parametrize("name", ["../x", "x?y", "x" * 3000, "é"], ids=lambda name: repr(name)[:12])
async def test_a_browser_that_brings_a_malformed_name_names_no_payment(simulated: SimulatedBench, name: str) -> None:
    assert simulated.gateway.returned_ref({"cs": name, "token": name}) == ""


async def test_the_outcome_names_the_attempt_that_was_paid_whoever_asks(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    await simulated.pay(opened)
    outcome = await simulated.gateway.look_up(base.Reference("somebody-else", opened.gateway_ref))
    assert outcome.attempt_id == request.attempt_id


async def test_every_payment_moves_its_own_money(simulated: SimulatedBench) -> None:
    _, first = await simulated.paid(amount_cents=1208)
    _, second = await simulated.paid(Buyer.OTHER, amount_cents=50)
    assert first.payment_ref != second.payment_ref
    assert await simulated.taken() == [1208, 50]


# Not paying


async def test_a_customer_who_refuses_pays_nothing(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.refuse(opened)
    assert (await simulated.settle(opened)).verdict is Verdict.WAITING
    closed = await simulated.gateway.close(opened)
    assert (closed.verdict, closed.reason) == simulated.ways.given_up
    assert await simulated.taken() == []


async def test_a_customer_who_goes_away_pays_nothing(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    await simulated.leave(opened)
    assert (await simulated.settle(opened)).verdict is Verdict.WAITING
    closed = await simulated.gateway.close(opened)
    assert (closed.verdict, closed.reason) == simulated.ways.given_up
    assert await simulated.taken() == []


async def test_after_a_refused_source_another_one_pays(simulated: SimulatedBench) -> None:
    _, opened, url = await simulated.open()
    refused = await simulated.pay(opened, Buyer.POOR)
    assert (refused.verdict, refused.reason) == (simulated.ways.refused_source, simulated.ways.poor)
    assert bool(refused.again_url) is simulated.ways.says_where_to_go_again
    assert (refused.again_url or url).startswith(simulated.url)
    assert "again_url" not in repr(refused)
    assert await simulated.taken() == []

    await simulated.choose_otherwise(opened)
    outcome = await simulated.settle(opened)
    assert (outcome.verdict, outcome.reason, outcome.again_url) == (Verdict.SUCCEEDED, None, "")
    assert await simulated.taken() == [6039]


async def test_a_refused_source_can_be_refused_again(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    for _ in range(2):
        refused = await simulated.pay(opened, Buyer.POOR)
        assert (refused.verdict, refused.reason) == (simulated.ways.refused_source, simulated.ways.poor)
    assert await simulated.taken() == []


async def test_a_later_yes(simulated: SimulatedBench) -> None:
    request, opened, _ = await simulated.open()
    settled = await simulated.pay(opened, Buyer.LATER_YES)
    for asked in (settled, await simulated.gateway.look_up(opened), await simulated.settle(opened)):
        assert (asked.verdict, asked.reason, asked.held) == (Verdict.PROCESSING, None, simulated.ways.holds)
        assert asked.attempt_id == request.attempt_id
        assert means_of(asked).fingerprint
    assert await simulated.taken() == []

    await simulated.decide(settled.payment_ref, taken=True)
    outcome = await simulated.gateway.look_up(opened)
    assert (outcome.verdict, outcome.payment_ref, outcome.held) == (Verdict.SUCCEEDED, settled.payment_ref, False)
    assert means_of(outcome).fingerprint
    assert await simulated.taken() == [6039]


async def test_a_later_no(simulated: SimulatedBench) -> None:
    _, opened, _ = await simulated.open()
    settled = await simulated.pay(opened, Buyer.LATER_NO)
    assert settled.verdict is Verdict.PROCESSING
    await simulated.decide(settled.payment_ref, taken=False)
    for outcome in (await simulated.gateway.look_up(opened), await simulated.gateway.close(opened)):
        assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, simulated.ways.later_no)
        assert outcome.reason in set(Reason)
        assert not outcome.held
    assert await simulated.taken() == []
