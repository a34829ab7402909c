"""What is Stripe's own: what is sent to it, what its events say, and that nothing private stays behind."""

import asyncio
import hashlib
import hmac
import json
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe as sdk

from pecapp.domain import payments
from pecapp.domain.payments import Verdict
from pecapp.gateways import base, stripe, stripe_line
from tests.gateways.bench import Bench, give_back, purchase, reference, renewal, saving
from tests.gateways.bench_stripe import ITALIAN, StripeBench

DISPUTED = "4000000000000259"
SECRET = "whsec_simulated"


async def _sent(on_stripe: StripeBench, **changes: Any) -> dict[str, Any]:
    """The parameters that opening a payment sends."""
    await on_stripe.open(**changes)
    return (await on_stripe.ask("/_sim/requests"))["requests"][-1]["params"]


@pytest.mark.anyio
async def test_the_page_asks_for_one_gross_amount_by_card_alone(on_stripe: StripeBench) -> None:
    request = purchase(order_number="1234567897")
    await on_stripe.gateway.start(request)
    same = {"attempt_id": request.attempt_id, "order_number": "1234567897", "expires_at": request.expires_at}
    sent = await _sent(on_stripe, **same)
    tags = {"app": "pecapp", "order": "1234567897", "attempt": request.attempt_id}
    assert sent == {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "submit_type": "pay",
        "locale": "it",
        "client_reference_id": request.attempt_id,
        "success_url": "http://localhost:9/ritorno/stripe?cs={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://localhost:9/annullato/stripe/x",
        "customer_email": "cliente@example.com",
        "expires_at": str(int(request.expires_at.timestamp())),
        "adaptive_pricing": {"enabled": "false"},
        "allowed_payment_method_types": ["card"],
        "wallet_options": {"link": {"display": "never"}},
        "line_items": [
            {
                "quantity": "1",
                "price_data": {
                    "currency": "eur",
                    "unit_amount": "6039",
                    "tax_behavior": "inclusive",
                    "product_data": {"name": "Ordine 1234567897"},
                },
            }
        ],
        "payment_intent_data": {"description": "Ordine 1234567897", "metadata": tags},
        "metadata": tags,
    }


@pytest.mark.anyio
async def test_saving_is_asked_for_only_with_consent(on_stripe: StripeBench) -> None:
    saving = await _sent(on_stripe, save=True)
    assert saving["payment_intent_data"]["setup_future_usage"] == "off_session"
    assert saving["payment_method_data"] == {"allow_redisplay": "always"}
    assert (saving["customer_creation"], saving["customer_email"]) == ("always", "cliente@example.com")

    await on_stripe.send(base.Reference("", (await on_stripe.sessions())[0]))
    customer = (await on_stripe.ask("/v1/customers"))["data"][0]["id"]
    again = await _sent(on_stripe, save=True, customer_ref=customer)
    assert again["customer"] == customer
    assert not {"customer_creation", "customer_email"} & again.keys()

    without = await _sent(on_stripe, customer_ref=customer)
    assert not {"customer", "customer_creation", "payment_method_data"} & without.keys()
    assert "setup_future_usage" not in without["payment_intent_data"]


@pytest.mark.anyio
async def test_another_applications_session_is_a_definite_no(on_stripe: StripeBench, simulator_url: str) -> None:
    line = stripe_line.Line(stripe.TIMEOUT)
    foreign = sdk.StripeClient("sk_test_foreign", base_addresses={"api": simulator_url}, http_client=line)
    session = await foreign.v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "success_url": "http://localhost:9/",
            "line_items": [
                {"quantity": 1, "price_data": {"currency": "eur", "unit_amount": 99, "product_data": {"name": "x"}}}
            ],
        }
    )
    await line.close_async()
    with pytest.raises(base.GatewayError) as refusal:
        await on_stripe.gateway.look_up(base.Reference("attempt-x", session.id))
    assert not isinstance(refusal.value, base.OutcomeUnknown)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["..", "../customers/cus_1", "cs_1/../../refunds", "cs_1?x=1", "cs_é", "cs_1\n"])
async def test_what_cannot_be_a_session_is_not_even_asked_for(on_stripe: StripeBench, name: str) -> None:
    for call in (on_stripe.gateway.look_up, on_stripe.gateway.close):
        with pytest.raises(base.GatewayError):
            await call(base.Reference("attempt-x", name))
    assert (await on_stripe.ask("/_sim/requests"))["requests"] == []


@pytest.mark.anyio
async def test_a_page_that_would_close_at_once_is_a_definite_no(any_stripe: Bench) -> None:
    with pytest.raises(base.GatewayError) as refusal:
        await any_stripe.gateway.start(purchase(expires_at=datetime.now(UTC) + timedelta(minutes=1)))
    assert not isinstance(refusal.value, base.OutcomeUnknown)


@pytest.mark.anyio
async def test_an_attempt_among_hundreds_is_found(on_stripe: StripeBench) -> None:
    request, opened, _ = await on_stripe.open()
    for _ in range(101):
        await on_stripe.open()
    outcome = await on_stripe.gateway.look_up(base.Reference(request.attempt_id, ""))
    assert outcome.gateway_ref == opened.gateway_ref


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["cs_test_nobody", "../customers", "cs_x?expand=y", "pi_1", "x" * 3000])
async def test_what_the_gateway_never_heard_of_is_a_definite_no(any_stripe: Bench, name: str) -> None:
    for call in (any_stripe.gateway.look_up, any_stripe.gateway.close):
        with pytest.raises(base.GatewayError) as refusal:
            await call(base.Reference("attempt-x", name))
        assert not isinstance(refusal.value, base.OutcomeUnknown)


@pytest.mark.anyio
async def test_an_abandoned_page_is_cancelled_by_closing_it(any_stripe: Bench) -> None:
    _, opened, _ = await any_stripe.open()
    for _ in range(2):
        closed = await any_stripe.gateway.close(opened)
        assert (closed.verdict, closed.reason) == (Verdict.CANCELLED, None)
    assert (await any_stripe.gateway.look_up(opened)).verdict is Verdict.EXPIRED


@pytest.mark.anyio
async def test_a_failure_that_the_gateway_repeats_is_looked_behind(on_stripe: StripeBench) -> None:
    gateway = on_stripe.impatient()
    request = purchase()
    await on_stripe.fail("POST /v1/checkout/sessions", "error_after", stored=True)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)
    started = await gateway.start(request)
    assert await on_stripe.sessions() == [started.gateway_ref]
    await gateway.close(reference(request, started))
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)


@pytest.mark.anyio
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
    on_stripe: StripeBench, behaviour: str, opened: int
) -> None:
    gateway = on_stripe.impatient()
    request = purchase()
    await on_stripe.fail("POST /v1/checkout/sessions", behaviour, ms=600)
    with pytest.raises(base.OutcomeUnknown):
        await gateway.start(request)
    assert len(await on_stripe.sessions()) == opened
    started = await gateway.start(request)
    assert await on_stripe.sessions() == [started.gateway_ref]
    assert (await gateway.look_up(reference(request, started))).verdict is Verdict.WAITING


@pytest.mark.anyio
async def test_a_page_that_stays_open_is_never_called_closed(on_stripe: StripeBench) -> None:
    class Behind(stripe.StripeGateway):
        """Reads what was true before the page was closed."""

        async def look_up(self, reference: base.Reference) -> payments.Outcome:
            return payments.Outcome(reference.attempt_id, Verdict.WAITING, 6039, "eur", reference.gateway_ref)

    _, opened, _ = await on_stripe.open()
    behind = Behind("sk_test_simulator", (), api_base=on_stripe.url)
    try:
        with pytest.raises(base.OutcomeUnknown):
            await behind.close(opened)
    finally:
        await behind.aclose()


@pytest.mark.anyio
async def test_the_events_of_a_payment_agree_with_what_is_read_back(on_stripe: StripeBench) -> None:
    request, opened, _ = await on_stripe.open()
    await on_stripe.send(opened, "4000000000000002")
    await on_stripe.send(opened, DISPUTED)
    outcome = await on_stripe.gateway.look_up(opened)
    other, closed, _ = await on_stripe.open()
    await on_stripe.gateway.close(closed)
    told = {event.type: event for event in await _events(on_stripe)}

    final = told["checkout.session.completed"].outcome
    assert final is not None
    assert (final.verdict, final.attempt_id) == (Verdict.SUCCEEDED, request.attempt_id)
    assert (final.gateway_ref, final.payment_ref) == (outcome.gateway_ref, outcome.payment_ref)
    assert (final.amount_cents, final.currency) == (outcome.amount_cents, outcome.currency)
    charged = told["charge.succeeded"].outcome
    assert charged is not None
    assert (charged.verdict, charged.attempt_id) == (Verdict.SUCCEEDED, request.attempt_id)
    assert charged.payment_ref == outcome.payment_ref
    assert (charged.amount_cents, charged.currency, charged.card) == (final.amount_cents, final.currency, outcome.card)
    for kind in ("payment_intent.payment_failed", "payment_intent.succeeded"):
        assert (told[kind].attempt_id, told[kind].gateway_ref) == (request.attempt_id, outcome.payment_ref)
    assert told["charge.dispute.created"].gateway_ref == outcome.payment_ref
    assert told["checkout.session.expired"].attempt_id == other.attempt_id
    assert [event.type for event in told.values() if event.oddity] == []
    assert {kind for kind, event in told.items() if event.outcome} == {"checkout.session.completed", "charge.succeeded"}


@pytest.mark.anyio
async def test_the_event_of_a_refund_names_the_attempt(on_stripe: StripeBench) -> None:
    request, opened, _ = await on_stripe.open()
    await on_stripe.send(opened)
    payment = (await on_stripe.gateway.look_up(opened)).payment_ref
    await on_stripe.gateway.refund(give_back(request, payment, 100))
    told = next(event for event in await _events(on_stripe) if event.type == "refund.created")
    assert (told.attempt_id, told.gateway_ref, told.relevant) == (request.attempt_id, payment, True)


@pytest.mark.anyio
async def test_the_events_of_a_saving_name_it(on_stripe: StripeBench) -> None:
    wish, abandoned = saving(), saving()
    started = await on_stripe.gateway.start_saving(wish)
    await on_stripe.send(base.Reference("", started.gateway_ref), "4000000000000002")
    await on_stripe.agree_saving(started.gateway_ref)
    await on_stripe.tell("sessions/expire", session=(await on_stripe.gateway.start_saving(abandoned)).gateway_ref)
    told = {event.type: event for event in await _events(on_stripe)}
    for kind in ("checkout.session.completed", "setup_intent.succeeded", "setup_intent.setup_failed"):
        assert (told[kind].saving_id, told[kind].attempt_id, told[kind].relevant) == (wish.saving_id, "", True)
    expired = told["checkout.session.expired"]
    assert (expired.saving_id, expired.attempt_id, expired.relevant) == (abandoned.saving_id, "", True)
    assert all(event.outcome is None for event in told.values())


@pytest.mark.anyio
async def test_the_events_of_a_charge_name_its_attempt(on_stripe: StripeBench) -> None:
    means = await on_stripe.kept()
    wish = renewal(means)
    outcome = await on_stripe.gateway.charge(wish)
    told = next(event for event in await _events(on_stripe) if event.type == "payment_intent.succeeded")
    assert (told.attempt_id, told.gateway_ref) == (wish.attempt_id, outcome.gateway_ref)
    charged = next(event.outcome for event in await _events(on_stripe) if event.type == "charge.succeeded")
    assert charged is not None
    assert (charged.attempt_id, charged.payment_ref) == (wish.attempt_id, outcome.payment_ref)
    assert (charged.card, charged.amount_cents) == (outcome.card, outcome.amount_cents)


@pytest.mark.anyio
async def test_the_events_of_a_kept_card_name_it(on_stripe: StripeBench) -> None:
    means = await on_stripe.kept()
    await on_stripe.tell("payment_methods/update", payment_method=means.token, exp_year=2041)
    await on_stripe.end(means.token)
    told = {event.type: event.method_ref for event in await _events(on_stripe)}
    for word in ("automatically_updated", "detached"):
        assert told[f"payment_method.{word}"] == means.token


async def _events(on_stripe: StripeBench) -> list[base.Event]:
    """Everything that the simulator told so far, signed by this test."""
    reader = stripe.StripeGateway("sk_test_simulator", (SECRET,))
    listed = await on_stripe.ask("/v1/events", limit=100)
    return [await _read(reader, event) for event in listed["data"]]


async def _read(reader: stripe.StripeGateway, event: dict[str, Any]) -> base.Event:
    raw, at = json.dumps(event).encode(), int(time.time())
    digest = hmac.new(SECRET.encode(), f"{at}.".encode() + raw, hashlib.sha256).hexdigest()
    return await reader.read_event(raw, {"stripe-signature": f"t={at},v1={digest}"}, datetime.now(UTC))


@pytest.mark.anyio
async def test_nothing_private_is_logged(on_stripe: StripeBench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    _, opened, url = await on_stripe.open()
    await on_stripe.send(opened)
    await on_stripe.gateway.look_up(opened)
    for private in ("cliente@example.com", "maria.rossi@example.com", "sk_test_simulator", url, ITALIAN):
        assert private not in caplog.text


def test_one_gateway_serves_several_event_loops_and_leaves_nothing_open(simulator_url: str) -> None:
    gateway = stripe.StripeGateway("sk_test_simulator", (), api_base=simulator_url)

    async def once() -> base.Started:
        try:
            return await gateway.start(purchase())
        finally:
            await gateway.aclose()

    assert asyncio.run(once()).gateway_ref != asyncio.run(once()).gateway_ref
    assert not gateway._connections
