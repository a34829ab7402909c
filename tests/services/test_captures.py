"""Money that moves only when we ask for it (PayPal): taken once, for an order that wants it, whoever tells."""

import asyncio

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain.payments import Reason, Verdict
from pecapp.gateways import base
from pecapp.services import access, captures, inbox, orders, payments, reconcile, refunds
from tests.support import factories, race
from tests.support.factories import again, outcome, settle, the
from tests.support.gateway import SIGNED, FakeGateway, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]

TIME_OUT = base.OutcomeUnknown("time-out")


@pytest.fixture
def approved(paypal: FakeGateway, actor: access.Actor) -> tables.PaymentAttempt:
    """An attempt whose customer has agreed at PayPal."""
    attempt = factories.attempt(factories.order(actor), gateway="paypal", next_check_at=clock.now())
    paypal.know(attempt, Verdict.APPROVED)
    return attempt


def _order(attempt: tables.PaymentAttempt) -> tables.Order:
    return the(tables.Order, id=attempt.order_id)


def _state(attempt: tables.PaymentAttempt) -> tuple[str, str]:
    return _order(attempt).status, again(attempt).status


async def _back(attempt: tables.PaymentAttempt) -> payments.Returned:
    return await payments.returned("paypal", {"cs": attempt.gateway_ref or ""})


async def _hint(attempt: tables.PaymentAttempt, event_id: str = "WH-1") -> None:
    await inbox.receive("paypal", event(event_id, attempt_id=attempt.id), SIGNED)
    await inbox.drain()


# --- taken once -------------------------------------------------------------------------------------------------------


async def test_the_money_is_taken_when_the_browser_comes_back(paypal, approved):
    assert (await _back(approved)).again_url == ""
    assert _state(approved) == ("paid", "succeeded")
    assert again(approved).capture_asked_at is None
    assert len(factories.rows(tables.Receipt)) == 1


async def test_the_money_is_taken_by_the_notification_when_the_tab_was_closed(paypal, approved):
    await _hint(approved)
    assert _state(approved) == ("paid", "succeeded")
    assert the(tables.InboxEvent).status == "done"


@pytest.mark.parametrize("minutes", [1, 40])
async def test_the_money_is_taken_by_reconciliation_when_nobody_told(paypal, approved, frozen_clock, minutes):
    frozen_clock.advance(minutes=minutes)
    await reconcile.sweep()
    assert _state(approved) == ("paid", "succeeded")


async def test_return_and_notification_together_ask_once_under_one_key(paypal, approved):
    await asyncio.gather(_back(approved), _back(approved), _hint(approved))
    assert set(paypal.asked("capture")) == {f"capture:{approved.id}:1"}
    assert _state(approved) == ("paid", "succeeded")
    assert len(factories.rows(tables.Receipt)) == 1


async def test_the_wish_is_recorded_before_the_gateway_is_called(paypal, approved):
    seen = []
    paypal.meanwhile("capture", lambda: seen.append((again(approved).captures, again(approved).capture_asked_at)))
    await _back(approved)
    assert seen == [(1, clock.now())]


@pytest.mark.parametrize("executed", [True, False])
async def test_a_capture_without_an_answer_is_unknown_and_asked_again_under_the_same_key(paypal, approved, executed):
    paypal.fail("capture", TIME_OUT, executed=executed)
    await _back(approved)
    assert _state(approved) == ("verifying", "unknown")
    await payments.check(again(approved))
    assert _state(approved) == ("paid", "succeeded")
    assert set(paypal.asked("capture")) == {f"capture:{approved.id}:1"}


async def test_a_refusal_that_is_our_fault_keeps_the_approval_for_later(paypal, approved):
    paypal.fail("capture", base.GatewayError("not allowed"))
    await _back(approved)
    assert _state(approved) == ("verifying", "redirected")
    assert again(approved).capture_asked_at is None
    await payments.check(again(approved))
    assert _state(approved) == ("paid", "succeeded")


# --- not taken --------------------------------------------------------------------------------------------------------


async def test_what_the_customer_has_given_up_is_never_taken(paypal, approved):
    await payments.gave_up(approved.id)
    assert _state(approved) == ("awaiting_payment", "cancelled")
    await _back(approved)
    await _hint(approved)
    assert _state(approved) == ("awaiting_payment", "cancelled")
    assert paypal.asked("capture") == []


async def test_an_approval_of_another_sum_is_not_taken_and_the_staff_is_told(paypal, approved):
    paypal.know(approved, Verdict.APPROVED, amount_cents=1)
    await _back(approved)
    assert paypal.asked("capture") == []
    assert factories.alerts() == ["approved_amount_differs"]
    assert _state(approved) == ("verifying", "redirected")


async def test_giving_up_while_the_money_moves_comes_too_late(paypal, approved):
    stale = again(approved)
    paypal.meanwhile("capture", lambda: payments.close(stale, witnessed=True))
    await _back(approved)
    assert _state(approved) == ("paid", "succeeded")


async def test_stopping_while_the_money_moves_is_refused(paypal, actor):
    attempt = factories.attempt(factories.order(actor), gateway="paypal", capture_asked_at=clock.now(), captures=1)
    number = _order(attempt).number
    for act in (payments.stop(actor, number), payments.pay(actor, number, "paypal"), payments.resume(actor, number)):
        with pytest.raises(errors.Conflict):
            await act
    assert not orders.page(actor, number, "it").can_stop


async def test_ten_presses_at_once_open_one_page_at_paypal(paypal, actor):
    order = factories.order(actor)
    urls = await asyncio.gather(*[payments.pay(actor, order.number, "paypal") for _ in range(10)])
    assert set(urls) == {the(tables.PaymentAttempt).redirect_url}
    assert len(paypal.pages) == 1


async def test_a_page_that_nobody_has_used_ends_with_its_time_and_the_order_is_payable(paypal, actor, frozen_clock):
    order = factories.order(actor)
    await payments.pay(actor, order.number, "paypal")
    for _ in range(4):
        frozen_clock.advance(minutes=12)
        await reconcile.sweep()
    assert again(order).status == "awaiting_payment"
    assert the(tables.PaymentAttempt).status == "cancelled"
    assert factories.mails() == []
    assert await payments.pay(actor, order.number, "paypal")


async def test_what_was_given_back_before_it_was_registered_waits_for_a_person(paypal, approved):
    paypal.know(approved, Verdict.SUCCEEDED, amount_cents=0)
    await _back(approved)
    assert (_state(approved), _order(approved).review_reason) == (("verifying", "unknown"), "amount_differs")
    assert factories.alerts() == ["amount_differs"]
    assert factories.rows(tables.Receipt) == []


async def test_a_refund_of_a_registered_payment_unregisters_nothing(paypal, approved):
    await _back(approved)
    paypal.know(approved, Verdict.SUCCEEDED, amount_cents=0)
    before = factories.dump()["customer_order"]
    await payments.check(again(approved))
    assert factories.dump()["customer_order"] == before
    assert factories.alerts() == []


# --- another source of funds ------------------------------------------------------------------------------------------


def _refuse_source(paypal: FakeGateway, attempt: tables.PaymentAttempt) -> None:
    """The next capture is refused and PayPal offers its page again; its order stays approved for anyone who asks."""
    refused = outcome(
        attempt, Verdict.REFUSED, reason=Reason.DECLINED, again_url="https://paypal.test/again", payment_ref=""
    )

    def stays_approved() -> None:
        paypal.captured.clear()
        paypal.know(attempt, Verdict.APPROVED)

    paypal.captured[attempt.id] = refused
    paypal.meanwhile("capture", stays_approved)


async def test_a_refused_source_of_funds_leads_back_to_the_gateway(paypal, approved):
    _refuse_source(paypal, approved)
    assert (await _back(approved)).again_url == "https://paypal.test/again"
    kept = again(approved)
    assert (kept.status, kept.reason, kept.redirect_url) == ("redirected", "declined", "https://paypal.test/again")
    assert _order(approved).status == "verifying"


async def test_who_comes_back_while_the_notification_is_asking_for_the_money_is_led_back_all_the_same(paypal, approved):
    with db.transaction() as s:
        asking = s.get_one(tables.PaymentAttempt, approved.id)
        asking.captures, asking.capture_asked_at = 1, clock.now()
        s.add(asking)
    _refuse_source(paypal, approved)
    assert (await _back(approved)).again_url == "https://paypal.test/again"
    assert again(approved).captures == 1


async def test_after_a_refusal_only_a_sign_of_the_customer_asks_again_and_under_a_new_key(paypal, approved):
    _refuse_source(paypal, approved)
    await _back(approved)
    await payments.check(again(approved))
    assert len(paypal.asked("capture")) == 1
    assert again(approved).reason == "declined"
    await _back(approved)
    assert paypal.asked("capture") == [f"capture:{approved.id}:1", f"capture:{approved.id}:2"]
    assert _state(approved) == ("paid", "succeeded")


async def test_a_source_that_is_always_refused_is_not_asked_for_ever(paypal, approved):
    for _ in range(captures.MOST_CAPTURES + 3):
        _refuse_source(paypal, approved)
        await _back(approved)
    assert len(paypal.asked("capture")) == captures.MOST_CAPTURES


async def test_a_refusal_after_a_time_out_lets_the_customer_go_on(paypal, approved, actor):
    paypal.fail("capture", TIME_OUT, executed=False)
    await _back(approved)
    assert _state(approved) == ("verifying", "unknown")
    _refuse_source(paypal, approved)
    await payments.check(again(approved))
    kept = again(approved)
    assert (kept.status, kept.reason, kept.unknown_since_at) == ("redirected", "declined", None)
    assert await payments.resume(actor, _order(approved).number) == "https://paypal.test/again"
    await payments.stop(actor, _order(approved).number)
    assert _state(approved) == ("awaiting_payment", "cancelled")


async def test_a_time_out_after_another_call_brought_the_answer_changes_nothing(paypal, approved):
    refused = outcome(approved, Verdict.REFUSED, reason=Reason.DECLINED, again_url="https://paypal.test/again")
    paypal.fail("capture", TIME_OUT, executed=False)
    paypal.meanwhile("capture", lambda: settle(approved, refused.verdict, reason=refused.reason))
    await _back(approved)
    assert _state(approved) == ("verifying", "redirected")


async def test_an_approval_that_is_never_taken_up_again_ends_with_its_page(paypal, approved, frozen_clock):
    _refuse_source(paypal, approved)
    await _back(approved)
    for _ in range(4):
        frozen_clock.advance(minutes=30)
        await reconcile.sweep()
    assert _state(approved) == ("awaiting_payment", "cancelled")
    assert len(paypal.asked("capture")) == 1


# --- whose page it is -------------------------------------------------------------------------------------------------


async def test_a_page_that_keeps_the_payers_account_is_never_given_to_whoever_knows_the_number(paypal, actor):
    order = factories.order(actor, auto_renew=True, save_method=True)
    mine = await payments.pay(actor, order.number, "paypal")
    with pytest.raises(errors.Conflict) as refusal:
        await payments.quick_pay(order.number, "paypal")
    assert refusal.value.code == "PAG_IN_CORSO"
    assert await payments.pay(actor, order.number, "paypal") == mine


async def test_a_strangers_page_is_not_taken_over_and_the_owner_can_end_it(paypal, actor):
    order = factories.order(actor, auto_renew=True, save_method=True)
    await payments.quick_pay(order.number, "paypal")
    with pytest.raises(errors.Conflict):
        await payments.pay(actor, order.number, "paypal")
    await payments.stop(actor, order.number)
    await payments.pay(actor, order.number, "paypal")
    assert [row.save_method for row in factories.rows(tables.PaymentAttempt, status="redirected")] == [True]


# --- at the same time -------------------------------------------------------------------------------------------------


async def test_taking_money_and_settling_at_once_never_lock_each_other_out(paypal, approved):
    """Both hold the attempt before its order; the other way round PostgreSQL would kill one of them."""

    def take() -> None:
        for _ in range(20):
            captures._claim(outcome(approved, Verdict.APPROVED), True)

    def settle_again() -> None:
        for _ in range(20):
            settle(approved, Verdict.APPROVED)

    assert race.together(lambda work: work(), (take,), (settle_again,), (take,), (settle_again,)) == [None] * 4


# --- kept for review --------------------------------------------------------------------------------------------------


async def test_a_payment_kept_for_review_says_so_and_ends_days_later(paypal, approved, actor, frozen_clock):
    paypal.captured[approved.id] = outcome(approved, Verdict.PROCESSING, held=True, payment_ref="cap_1")
    await _back(approved)
    assert _state(approved) == ("verifying", "unknown")
    assert (again(approved).held, again(approved).capture_asked_at) == ("review", None)
    shown = orders.page(actor, _order(approved).number, "it")
    assert (shown.headline, shown.can_stop, shown.can_pay) == ("Pagamento in verifica", False, False)
    assert "qualche giorno" in shown.explanation
    for _ in range(40):
        frozen_clock.advance(hours=1)
        await reconcile.sweep()
    assert factories.alerts() == []

    paypal.know(approved, Verdict.SUCCEEDED, payment_ref="cap_1")
    await _hint(approved)
    assert _state(approved) == ("paid", "succeeded")
    assert factories.mails("m03") == [f"m03:order:{approved.order_id}"]


async def test_a_review_that_ends_badly_makes_the_order_payable_and_is_told_by_mail(paypal, approved):
    paypal.captured[approved.id] = outcome(approved, Verdict.PROCESSING, held=True, payment_ref="cap_1")
    await _back(approved)
    paypal.know(approved, Verdict.DECLINED, reason=Reason.DECLINED)
    await _hint(approved)
    assert _state(approved) == ("awaiting_payment", "declined")
    assert (again(approved).held, the(tables.OutboxMail).template) == ("", "m06")
    assert the(tables.OutboxMail).params["gateway"] == "paypal"


async def test_a_review_without_end_is_told_to_the_staff_after_a_week(paypal, approved, frozen_clock):
    paypal.captured[approved.id] = outcome(approved, Verdict.PROCESSING, held=True, payment_ref="cap_1")
    await _back(approved)
    for _ in range(10):
        frozen_clock.advance(days=1)
        await reconcile.sweep()
    assert factories.alerts() == ["outcome_unknown"]


# --- two gateways, one order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["card", "paypal"])
async def test_of_a_card_and_a_paypal_payment_for_one_order_the_second_goes_back(paypal, bank, first):
    """The card's page was closed, and the bank takes the money all the same while PayPal's is being captured."""
    order = factories.order()
    card = factories.attempt(order, status="cancelled")
    wallet = factories.attempt(order, gateway="paypal")
    paypal.know(wallet, Verdict.APPROVED)
    late = event("evt_1", outcome(card))

    async def the_bank_was_late() -> None:
        await inbox.receive("stripe", late, SIGNED)

    if first == "card":
        paypal.meanwhile("capture", the_bank_was_late)
        await _back(wallet)
    else:
        await _back(wallet)
        await the_bank_was_late()
    kept, returned = (card, wallet) if first == "card" else (wallet, card)

    assert _order(card).status == "paid"
    assert [again(one).status for one in (card, wallet)] == ["succeeded", "succeeded"]
    assert the(tables.Receipt).attempt_id == kept.id
    assert the(tables.Refund).attempt_id == returned.id
    assert factories.alerts() == ["surplus_payment"]
    await refunds.send_due()
    sent = (paypal if returned is wallet else bank).refunds
    assert [refund.amount_cents for refund in sent.values()] == [1208]
    assert len(factories.mails("m21")) == 1
    assert {service.order_id for service in factories.rows(tables.Service)} == {order.id}
    assert len(factories.rows(tables.Service)) == 1


async def test_an_order_that_was_paid_by_card_meanwhile_is_not_taken_at_all(paypal, bank, approved):
    card = factories.attempt(_order(approved), status="cancelled")
    settle(card)
    await _back(approved)
    assert paypal.asked("capture") == []
    assert factories.rows(tables.Refund) == []
    await payments.close(again(approved), overdue=True)
    assert again(approved).status == "cancelled"
    assert _order(approved).status == "paid"
