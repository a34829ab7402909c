"""What nobody told us is asked for: lost notifications, closed tabs, and whatever a crash left half done."""

import asyncio
from datetime import timedelta

import pytest

from pecapp import clock, db, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base, registry
from pecapp.services import inbox, payments, reconcile, refunds
from tests.support import factories
from tests.support.factories import VISA, again, the
from tests.support.gateway import SIGNED, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]

DOWN = base.OutcomeUnknown("down")


async def _pay(actor):
    order = factories.order(actor)
    await payments.pay(actor, order.number, "stripe")
    return the(tables.PaymentAttempt, order_id=order.id)


def _order(attempt):
    return the(tables.Order, id=attempt.order_id)


async def _asked_at(gateway, frozen_clock, minutes, call="look_up"):
    """The minutes, of the next `minutes`, in which the gateway was asked."""
    found = []
    for minute in range(1, minutes + 1):
        frozen_clock.advance(minutes=1)
        gateway.calls.clear()
        await reconcile.sweep()
        found += [minute] * len(gateway.asked(call))
    return found


async def test_a_lost_notification_is_made_good_within_a_minute(gateway, frozen_clock):
    attempt = await _pay(factories.customer())
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    assert await reconcile.sweep() == 0
    frozen_clock.advance(seconds=60)
    assert await reconcile.sweep() == 1
    assert await reconcile.sweep() == 0
    assert _order(attempt).status == "paid"
    assert factories.mails() == [f"m03:order:{attempt.order_id}"]


async def test_a_page_left_open_is_asked_for_after_1_5_15_and_30_minutes_and_closed_when_it_is_over(
    gateway, frozen_clock
):
    attempt = await _pay(factories.customer())
    assert await _asked_at(gateway, frozen_clock, 35) == [1, 5, 15, 30]
    assert await _asked_at(gateway, frozen_clock, 2, "close") == [1]
    assert (_order(attempt).status, again(attempt).status) == ("awaiting_payment", "cancelled")
    assert await _asked_at(gateway, frozen_clock, 90) == []
    assert factories.alerts() == []


async def test_an_unknown_outcome_is_asked_for_after_1_5_15_and_30_minutes_then_the_staff_is_told(
    gateway, frozen_clock
):
    attempt = await _pay(factories.customer())
    gateway.know(attempt, Verdict.PROCESSING)
    frozen_clock.advance(minutes=7)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    assert await _asked_at(gateway, frozen_clock, 29) == [1, 5, 15]
    assert factories.alerts() == []
    assert await _asked_at(gateway, frozen_clock, 1) == [1]
    assert factories.alerts() == ["outcome_unknown"]
    assert the(tables.Alert).order_id == attempt.order_id
    assert await _asked_at(gateway, frozen_clock, 150) == [60, 120]
    assert factories.alerts() == ["outcome_unknown"]
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await _asked_at(gateway, frozen_clock, 60)
    assert _order(attempt).status == "paid"


async def test_an_answer_at_the_last_asking_bothers_nobody(gateway, frozen_clock):
    attempt = await _pay(factories.customer())
    gateway.know(attempt, Verdict.PROCESSING)
    await payments.returned("stripe", {"cs": attempt.gateway_ref})
    await _asked_at(gateway, frozen_clock, 29)
    gateway.know(attempt, Verdict.DECLINED)
    await _asked_at(gateway, frozen_clock, 1)
    assert (_order(attempt).status, factories.alerts()) == ("awaiting_payment", [])
    assert factories.mails() == [f"m06:attempt:{attempt.id}"]


async def test_a_gateway_that_is_down_for_long_is_asked_on_and_the_staff_is_told(gateway, frozen_clock):
    attempt = await _pay(factories.customer())
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    gateway.fail("look_up", DOWN, times=99)
    gateway.fail("close", DOWN, times=5)
    await _asked_at(gateway, frozen_clock, 40)
    assert (_order(attempt).status, factories.alerts()) == ("verifying", ["outcome_unknown"])
    await _asked_at(gateway, frozen_clock, 10)
    assert _order(attempt).status == "paid"


async def test_a_crash_before_the_gateway_was_called_or_had_answered_leaves_a_payable_order(gateway, frozen_clock):
    order = factories.order()
    attempt = factories.attempt(
        order, status="created", gateway_ref=None, redirect_url="", next_check_at=clock.now() + timedelta(minutes=1)
    )
    gateway.know(attempt)
    frozen_clock.advance(minutes=1)
    assert await reconcile.sweep() == 1
    assert (again(order).status, again(attempt).status) == ("awaiting_payment", "cancelled")


async def test_after_a_crash_the_customer_goes_on_at_once_on_the_same_page(gateway):
    actor = factories.customer()
    await _pay(actor)
    attempt = the(tables.PaymentAttempt)
    page = attempt.redirect_url
    lost = {"status": "created", "gateway_ref": None, "redirect_url": ""}
    crashed = tables.PaymentAttempt(**attempt.model_dump() | lost)
    with db.transaction() as s:
        s.merge(crashed)
    assert await payments.pay(actor, _order(attempt).number, "stripe") == page
    assert len(factories.rows(tables.PaymentAttempt)) == len(gateway.pages) == 1


async def test_the_card_of_a_payment_told_by_webhook_is_asked_for_before_the_mail_leaves(gateway, frozen_clock):
    attempt = await _pay(factories.customer())
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    factories.settle(attempt)
    frozen_clock.set(again(attempt).next_check_at)
    assert clock.now() < the(tables.OutboxMail).ready_at
    assert await reconcile.sweep() == 1
    assert await reconcile.sweep() == 0
    assert again(attempt).card_last4 == "4242"
    assert the(tables.OutboxMail).ready_at == clock.now()


async def test_rounds_on_two_processes_ask_once(gateway, frozen_clock):
    for _ in range(4):
        await _pay(factories.customer())
    frozen_clock.advance(minutes=1)
    assert sum(await asyncio.gather(*[reconcile.sweep() for _ in range(4)])) == 4
    assert len(gateway.asked("look_up")) == 4


# --- refunds ----------------------------------------------------------------------------------------------------------


def _surplus():
    attempt = factories.attempt(factories.order(status="cancelled"), status="cancelled")
    factories.settle(attempt, card=VISA)
    return attempt


async def test_money_for_a_closed_order_goes_back_and_the_customer_is_told_once(gateway):
    attempt = _surplus()
    assert await refunds.send_due() == 1
    assert await refunds.send_due() == 0
    refund = the(tables.Refund)
    sent = gateway.refunds[refund.idempotency_key]
    assert (sent.payment_ref, sent.amount_cents, sent.currency) == (f"pi_{attempt.id}", 1208, "eur")
    assert (refund.status, refund.gateway_ref, refund.finished_at) == ("succeeded", f"re_{refund.id}", clock.now())
    assert factories.mails() == [f"m21:refund:{refund.id}"]


@pytest.mark.parametrize("executed", [True, False])
async def test_a_refund_without_an_answer_is_sent_again_under_the_same_name(gateway, frozen_clock, executed):
    _surplus()
    gateway.fail("refund", DOWN, executed=executed)
    await refunds.send_due()
    assert the(tables.Refund).status == "requested"
    assert await refunds.send_due() == 0
    frozen_clock.advance(minutes=2)
    assert await refunds.send_due() == 1
    assert len(gateway.refunds) == 1
    assert len(set(gateway.asked("refund"))) == 1
    assert the(tables.Refund).status == "succeeded"


async def test_a_refund_that_is_refused_is_a_matter_for_the_staff(gateway):
    _surplus()
    gateway.fail("refund", base.GatewayError("no"))
    await refunds.send_due()
    assert the(tables.Refund).status == "failed"
    assert factories.alerts() == ["surplus_payment", "refund_failed"]
    assert factories.mails() == []


async def test_a_refund_that_never_gets_an_answer_reaches_the_staff(gateway, frozen_clock):
    _surplus()
    gateway.fail("refund", DOWN, times=20)
    for _ in range(12):
        await refunds.send_due()
        frozen_clock.advance(minutes=30)
    assert factories.alerts() == ["surplus_payment", "refund_stuck"]
    assert the(tables.Refund).status == "requested"


async def test_refunds_of_a_gateway_that_is_not_configured_any_more_are_missed_once_a_round(
    gateway, frozen_clock, caplog
):
    _surplus()
    _surplus()
    registry.use({"other": registry.get("other")})
    await refunds.send_due()
    (line,) = [record.getMessage() for record in caplog.records if "not configured" in record.getMessage()]
    assert line.startswith("2 refunds wait for the gateway stripe")
    assert factories.alerts().count("gateway_missing") == 1
    frozen_clock.advance(minutes=2)
    await refunds.send_due()
    assert factories.alerts().count("gateway_missing") == 1, "once a day"
    registry.use({"stripe": gateway})
    frozen_clock.advance(minutes=4)
    await refunds.send_due()
    assert [row.status for row in factories.rows(tables.Refund)] == ["succeeded", "succeeded"]


async def test_one_round_after_another_brings_everything_to_its_end(gateway, frozen_clock):
    """A crash may come anywhere: whatever rows it left, the rounds finish them without being told."""
    actor = factories.customer()
    lost, unfollowed = await _pay(actor), await _pay(actor)
    for attempt in (lost, unfollowed):
        gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await inbox.receive("stripe", event("evt_hint", attempt_id=unfollowed.id), SIGNED)
    never = factories.attempt(
        factories.order(actor), status="created", gateway_ref=None, redirect_url="", next_check_at=clock.now()
    )
    late = _surplus()
    gateway.know(late, Verdict.SUCCEEDED, card=VISA)
    for _ in range(3):
        frozen_clock.advance(minutes=1)
        for work in (inbox.drain, reconcile.sweep, refunds.send_due):
            await work()
    assert [_order(attempt).status for attempt in (lost, unfollowed, never, late)] == [
        "paid", "paid", "awaiting_payment", "cancelled",
    ]  # fmt: skip
    assert the(tables.Refund).status == "succeeded"
    assert {row.status for row in factories.rows(tables.InboxEvent)} == {"done"}
    assert not [row for row in factories.rows(tables.PaymentAttempt) if row.next_check_at]
