"""Paying: one attempt and one page however often it is pressed; an order that is payable again when it goes wrong."""

import asyncio
from dataclasses import replace

import pytest

from pecapp import clock, errors, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import payments, settlement
from tests.support import factories
from tests.support.factories import VISA, again, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]

TIME_OUT = base.OutcomeUnknown("time-out")


@pytest.fixture
def actor(database):
    return factories.customer()


@pytest.fixture
def order(actor):
    return factories.order(actor)


async def _refused(kind, call):
    before = factories.dump()
    with pytest.raises(kind) as refusal:
        await call
    assert factories.dump() == before
    return refusal.value.code


# --- one attempt, one page --------------------------------------------------------------------------------------------


async def test_paying_leads_to_the_gateways_page_with_the_orders_own_figures(gateway, actor, order):
    url = await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    request = gateway.pages[attempt.id].request
    assert url == f"https://bank.test/cs_{attempt.id}" == attempt.redirect_url
    assert (request.amount_cents, request.currency, request.order_number) == (1208, "eur", order.number)
    assert (request.idempotency_key, request.email, request.save) == (f"pay:{attempt.id}", order.reference_email, False)
    assert request.cancel_url.endswith(f"/annullato/stripe/{attempt.id}")
    assert (attempt.status, attempt.gateway_ref) == ("redirected", f"cs_{attempt.id}")
    assert again(order).status == "verifying"


async def test_ten_presses_at_once_open_one_page(gateway, actor, order):
    urls = await asyncio.gather(*[payments.pay(actor, order.number, "stripe") for _ in range(10)])
    assert set(urls) == {the(tables.PaymentAttempt).redirect_url}
    assert len(gateway.pages) == 1


async def test_a_second_tab_is_led_to_the_same_page_without_asking_the_gateway_again(gateway, actor, order):
    first = await payments.pay(actor, order.number, "stripe")
    assert await payments.pay(actor, order.number, "stripe") == first
    assert await payments.resume(actor, order.number) == first
    assert len(gateway.asked("start")) == 1


async def test_an_order_is_not_paid_on_two_gateways_at_once(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    assert await _refused(errors.Conflict, payments.pay(actor, order.number, "other")) == "PAG_IN_CORSO"


async def test_nobody_pays_anothers_order_or_one_that_does_not_exist(gateway, order):
    stranger = factories.customer()
    for number in (order.number, "0000000000", "x' or 1=1"):
        assert await _refused(errors.NotFound, payments.pay(stranger, number, "stripe")) == "ORD_NON_TROVATO"
    await _refused(errors.Conflict, payments.resume(stranger, order.number))


async def test_there_is_no_paying_with_a_gateway_that_we_do_not_have(gateway, actor, order):
    await _refused(errors.NotFound, payments.pay(actor, order.number, "nope"))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("paid", "ORD_GIA_PAGATO"),
        ("refunded", "ORD_GIA_PAGATO"),
        ("cancelled", "ORD_NON_PAGABILE"),
        ("expired", "ORD_NON_PAGABILE"),
    ],
)
async def test_what_is_paid_or_closed_is_not_paid_again(gateway, actor, status, code):
    order = factories.order(actor, status=status)
    assert await _refused(errors.Conflict, payments.pay(actor, order.number, "stripe")) == code
    assert gateway.calls == []


# --- the gateway fails ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "executed"), [(base.GatewayError("no"), False), (TIME_OUT, False), (TIME_OUT, True)]
)
async def test_an_order_is_payable_again_at_once_when_the_gateway_does_not_answer(
    gateway, actor, order, problem, executed
):
    gateway.fail("start", problem, executed=executed)
    with pytest.raises(errors.Unavailable) as refusal:
        await payments.pay(actor, order.number, "stripe")
    assert refusal.value.code == "PAG_NON_DISPONIBILE"
    failed = the(tables.PaymentAttempt)
    assert (again(order).status, failed.status, failed.reason) == ("awaiting_payment", "cancelled", "technical")
    assert await payments.pay(actor, order.number, "stripe")
    assert [row.number for row in sorted(factories.rows(tables.PaymentAttempt), key=lambda row: row.number)] == [1, 2]


async def test_a_press_that_fails_does_not_take_the_page_away_from_one_that_got_through(gateway, actor, order):
    urls = []

    async def other_press():
        urls.append(await payments.pay(actor, order.number, "stripe"))

    gateway.fail("start", TIME_OUT)
    gateway.meanwhile("start", other_press)
    urls.append(await payments.pay(actor, order.number, "stripe"))
    attempt = the(tables.PaymentAttempt)
    assert urls == [attempt.redirect_url] * 2
    assert (attempt.status, again(order).status) == ("redirected", "verifying")


async def test_a_page_that_comes_after_the_customer_has_stopped_is_not_shown(gateway, actor, order):
    gateway.meanwhile("start", lambda: payments.stop(actor, order.number))
    with pytest.raises(errors.Unavailable):
        await payments.pay(actor, order.number, "stripe")
    assert (again(order).status, the(tables.PaymentAttempt).status) == ("awaiting_payment", "cancelled")


async def test_stopping_while_the_page_is_being_opened_closes_that_page_too(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    stale = tables.PaymentAttempt(**the(tables.PaymentAttempt).model_dump() | {"gateway_ref": None, "redirect_url": ""})
    await payments.close(stale)
    assert gateway.asked("close") == [stale.id]
    assert again(stale).status == "cancelled"


async def test_a_payment_that_is_notified_before_the_gateway_has_answered_is_settled_and_found_again(
    gateway, actor, order
):
    def webhook():
        attempt = the(tables.PaymentAttempt)
        gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
        factories.settle(attempt)

    gateway.meanwhile("start", webhook)
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    assert (again(order).status, attempt.status, attempt.gateway_ref) == ("paid", "succeeded", f"cs_{attempt.id}")
    await payments.returned("stripe", {"cs": f"cs_{attempt.id}"})
    assert again(attempt).card_last4 == "4242"


# --- stopping and going on --------------------------------------------------------------------------------------------


async def test_who_stops_can_pay_again_and_the_old_page_is_dead(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    await payments.stop(actor, order.number)
    await payments.stop(actor, order.number)
    assert gateway.pages[attempt.id].outcome.verdict is Verdict.CANCELLED
    assert (again(order).status, again(attempt).status) == ("awaiting_payment", "cancelled")
    assert await payments.pay(actor, order.number, "other")
    assert factories.mails() == []


async def test_who_stops_after_having_paid_has_paid(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await payments.stop(actor, order.number)
    assert again(order).status == "paid"


async def test_what_the_bank_is_deciding_cannot_be_stopped_or_paid_again(gateway, actor, order):
    attempt = factories.attempt(order)
    factories.settle(attempt, Verdict.PROCESSING)
    for call in (payments.stop(actor, order.number), payments.pay(actor, order.number, "stripe")):
        assert await _refused(errors.Conflict, call) == "PAG_IN_CORSO"
    assert await _refused(errors.Conflict, payments.resume(actor, order.number)) == "PAG_NON_RIPRENDIBILE"


async def test_nobody_stops_anothers_payment(gateway, order):
    attempt = factories.attempt(order)
    await payments.stop(factories.customer(), order.number)
    assert again(attempt).status == "redirected"
    assert gateway.calls == []


async def test_stopping_waits_for_the_gateways_word(gateway, actor, order):
    attempt = factories.attempt(order)
    gateway.fail("close", TIME_OUT)
    with pytest.raises(errors.Unavailable):
        await payments.stop(actor, order.number)
    assert again(attempt).status == "redirected"


async def test_who_gives_up_is_not_written_to_though_the_gateways_notification_is_faster_than_its_answer(
    gateway, actor, order, monkeypatch
):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    declined = replace(gateway.pages[attempt.id].outcome, verdict=Verdict.DECLINED, again_url="")
    close = gateway.close

    async def told_before(reference):
        await settlement.apply(declined)
        return await close(reference)

    monkeypatch.setattr(gateway, "close", told_before)
    await payments.gave_up(attempt.id)
    assert again(order).status == "awaiting_payment"
    assert factories.mails() == []


async def test_giving_up_on_the_gateways_page_makes_the_order_payable(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    await payments.gave_up(attempt.id)
    await payments.gave_up(attempt.id)
    assert (again(order).status, again(attempt).status) == ("awaiting_payment", "cancelled")
    with pytest.raises(errors.NotFound):
        await payments.gave_up("f" * 32)


async def test_a_page_that_has_expired_is_replaced(gateway, actor, order, frozen_clock):
    first = await payments.pay(actor, order.number, "stripe")
    frozen_clock.advance(minutes=36)
    assert await _refused(errors.Conflict, payments.resume(actor, order.number)) == "PAG_NON_RIPRENDIBILE"
    assert await payments.pay(actor, order.number, "stripe") != first
    statuses = sorted(row.status for row in factories.rows(tables.PaymentAttempt))
    assert statuses == ["cancelled", "redirected"]


async def test_an_expired_page_that_was_paid_after_all_pays_the_order(gateway, actor, order, frozen_clock):
    await payments.pay(actor, order.number, "stripe")
    gateway.know(the(tables.PaymentAttempt), Verdict.SUCCEEDED, card=VISA)
    frozen_clock.advance(minutes=36)
    with pytest.raises(errors.Conflict):
        await payments.pay(actor, order.number, "stripe")
    assert again(order).status == "paid"
    assert len(gateway.asked("start")) == 1


# --- coming back ------------------------------------------------------------------------------------------------------


async def test_coming_back_believes_the_gateway_and_not_the_address(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert again(order).status == "verifying"
    assert again(attempt).returned_at == clock.now()
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert again(order).status == "paid"


async def test_coming_back_while_the_gateway_is_down_waits_in_verification(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    gateway.fail("look_up", TIME_OUT)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert again(order).status == "verifying"


@pytest.mark.parametrize(("gateway_name", "ref"), [("stripe", "cs_unknown"), ("other", None), ("nope", None)])
async def test_coming_back_with_a_made_up_reference_is_not_found(gateway, order, gateway_name, ref):
    attempt = factories.attempt(order)
    await _refused(errors.NotFound, payments.returned(gateway_name, {"cs": ref or f"cs_{attempt.id}"}))
    assert gateway.calls == []


async def test_webhook_and_return_in_the_middle_of_each_other_have_one_effect(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    gateway.meanwhile("look_up", lambda: factories.settle(attempt))
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert len(factories.rows(tables.Receipt)) == len(factories.rows(tables.Service)) == 1
    assert factories.mails() == [f"m03:order:{order.id}"]


async def test_an_old_answer_that_arrives_after_the_payment_changes_nothing(gateway, actor, order):
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    gateway.know(attempt, Verdict.DECLINED)
    gateway.meanwhile("look_up", lambda: factories.settle(attempt, card=VISA))
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert (again(order).status, again(attempt).status) == ("paid", "succeeded")


# --- saving the method, quick payment ---------------------------------------------------------------------------------


async def test_the_gateway_is_asked_to_keep_the_card_only_by_who_agreed_and_knows_them_again(gateway, actor):
    saving = factories.order(actor, save_method=True, auto_renew=True)
    await payments.pay(actor, saving.number, "stripe")
    first = the(tables.PaymentAttempt)
    assert (gateway.pages[first.id].request.save, gateway.pages[first.id].request.customer_ref) == (True, "")
    card = replace(VISA, token="pm_1", customer="cus_1")
    gateway.know(first, Verdict.SUCCEEDED, card=card)
    await payments.returned("stripe", {"cs": first.gateway_ref})
    for save, customer in ((True, "cus_1"), (False, "")):
        order = factories.order(actor, save_method=save)
        await payments.pay(actor, order.number, "stripe")
        attempt = the(tables.PaymentAttempt, order_id=order.id)
        request = gateway.pages[attempt.id].request
        assert (request.save, request.customer_ref) == (save, customer)


async def test_a_quick_payment_never_saves_the_method_nor_switches_on_a_renewal(gateway, actor):
    order = factories.order(actor, save_method=True, auto_renew=True)
    await payments.quick_pay(order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    request = gateway.pages[attempt.id].request
    assert (attempt.channel, request.save, request.customer_ref, request.email) == ("quick", False, "", "")
    card = replace(VISA, token="pm_1", customer="cus_1")
    gateway.know(attempt, Verdict.SUCCEEDED, card=card)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert again(order).status == "paid"
    assert not factories.rows(tables.PaymentMethod)
    assert the(tables.Service).renewal == "inactive"
    assert factories.mails() == [f"m03:order:{order.id}"]
    assert the(tables.OutboxMail).to_address == order.reference_email


async def test_a_quick_payment_says_the_same_of_every_order_that_cannot_be_paid(gateway):
    closed = [factories.order(status=status).number for status in ("paid", "cancelled", "expired", "refunded")]
    for number in [*closed, "1234567897", "", "x' or 1=1"]:
        assert await _refused(errors.NotFound, payments.quick_pay(number, "stripe")) == "ORD_NON_PAGABILE"
    assert gateway.calls == []


async def test_only_its_customer_is_led_from_a_payment_to_its_order(gateway, actor, order):
    attempt = factories.attempt(order)
    assert await payments.number_for(actor, attempt.id) == order.number
    assert await payments.number_for(factories.customer(), attempt.id) is None
