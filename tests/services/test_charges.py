"""An order is paid with a method that its owner has let us keep, at its end or later; the bank may want a yes."""

import asyncio
from dataclasses import replace

import pytest

from pecapp import clock, errors, tables
from pecapp.domain.payments import Outcome, Reason, Verdict
from pecapp.gateways import base
from pecapp.services import inbox, lifecycle, methods, orders, payments, reconcile
from tests.support import factories
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]


@pytest.fixture
def method(actor) -> tables.PaymentMethod:
    """A card of the customer, authorised for nothing."""
    return factories.method(actor, None)


@pytest.fixture
def order(actor) -> tables.Order:
    return factories.order(actor)


def status(order: tables.Order) -> str:
    return again(order).status


async def pay(actor, order: tables.Order, method: tables.PaymentMethod) -> str:
    return await payments.pay(actor, order.number, f"m{method.id}")


def to_confirm(bank: support_gateway.FakeGateway) -> None:
    """The bank wants its customer to confirm every charge."""

    def wanted(request: base.Charge) -> Outcome:
        paid = support_gateway.told(request, Verdict.WAITING)
        return replace(paid, again_url=f"https://bank.test/3ds/{request.attempt_id}", payment_ref="")

    bank.always = wanted


async def test_the_order_is_paid_at_once_with_the_kept_card(bank, actor, order, method):
    assert await pay(actor, order, method) == ""
    assert status(order) == "paid"
    (charge,) = bank.charges.values()
    assert (charge.amount_cents, charge.token, charge.customer_ref) == (1208, "pm_old", "cus_1")
    assert charge.return_url.endswith("/ritorno/stripe"), "its owner is there"
    assert (len(rows(tables.Receipt)), factories.mails("m03")) == (1, [f"m03:order:{order.id}"])
    assert again(method).used_at is not None
    assert orders.page(actor, order.number, "it").receipt is not None


async def test_pressing_twice_charges_once(bank, actor, order, method):
    await asyncio.gather(*(pay(actor, order, method) for _ in range(4)), return_exceptions=True)
    assert len(bank.charges) == 1
    with pytest.raises(errors.Conflict) as refused:
        await pay(actor, order, method)
    assert refused.value.code == "ORD_GIA_PAGATO"
    assert (status(order), len(rows(tables.PaymentAttempt))) == ("paid", 1)


async def test_when_the_bank_wants_a_confirmation_the_customer_goes_there_and_comes_back(bank, actor, order, method):
    to_confirm(bank)
    url = await pay(actor, order, method)
    attempt = the(tables.PaymentAttempt)
    assert url == f"https://bank.test/3ds/{attempt.id}"
    assert (status(order), attempt.status) == ("verifying", "redirected")
    page = orders.page(actor, order.number, "it")
    assert (page.can_resume, page.can_stop) == (True, True)
    assert await payments.resume(actor, order.number) == url
    bank.know(attempt, Verdict.SUCCEEDED)
    await payments.returned("stripe", {"payment_intent": attempt.gateway_ref})
    assert status(order) == "paid"


@pytest.mark.parametrize("ending", ["refused", "stopped", "left"])
async def test_a_confirmation_that_fails_or_is_left_makes_the_order_payable_again(
    bank, actor, order, method, ending, frozen_clock
):
    to_confirm(bank)
    await pay(actor, order, method)
    attempt = the(tables.PaymentAttempt)
    if ending == "refused":
        bank.know(attempt, Verdict.DECLINED, reason=Reason.AUTHENTICATION)
        await payments.returned("stripe", {"payment_intent": attempt.gateway_ref})
    elif ending == "stopped":
        await payments.stop(actor, order.number)
    else:
        frozen_clock.advance(hours=1)
        await reconcile.sweep()
    assert status(order) == "awaiting_payment"
    assert rows(tables.Receipt) == []
    methods.remove(actor, method.id)
    assert methods.listing(actor, "it") == []


@pytest.mark.parametrize("reason", [Reason.INSUFFICIENT_FUNDS, Reason.DECLINED, Reason.EXPIRED_CARD])
async def test_a_refused_card_is_told_on_the_page_and_another_can_be_used(bank, actor, order, method, reason):
    bank.always = lambda request: replace(support_gateway.told(request, Verdict.DECLINED), reason=reason)
    await pay(actor, order, method)
    page = orders.page(actor, order.number, "it")
    assert (page.status, page.tone, page.can_pay) == ("awaiting_payment", "problem", True)
    assert [one.value for one in page.means] == [f"m{method.id}", "stripe", "paypal"]
    assert factories.mails("m06") == [], "the customer saw it on the screen"
    assert (await payments.pay(actor, order.number, "stripe")).startswith("https://bank.test/")


async def test_without_an_answer_the_outcome_is_unknown_and_it_is_found_later(bank, actor, order, method, frozen_clock):
    bank.fail("charge", base.OutcomeUnknown("time-out"), executed=True)
    assert await pay(actor, order, method) == ""
    assert (status(order), the(tables.PaymentAttempt).status) == ("verifying", "unknown")
    with pytest.raises(errors.Conflict):
        await payments.stop(actor, order.number)
    with pytest.raises(errors.Conflict) as running:
        methods.remove(actor, method.id)
    assert running.value.code == "MET_IN_USO"
    frozen_clock.advance(minutes=2)
    await reconcile.sweep()
    assert (status(order), len(bank.charges)) == ("paid", 1)


async def test_a_charge_that_never_arrived_is_made_with_the_same_key(bank, actor, order, method, frozen_clock):
    bank.fail("charge", base.OutcomeUnknown("time-out"))
    await pay(actor, order, method)
    assert bank.charges == {}
    frozen_clock.advance(minutes=2)
    await reconcile.sweep()
    assert (status(order), list(bank.charges)) == ("paid", [the(tables.PaymentAttempt).idempotency_key])


@pytest.mark.parametrize("searches", [True, False])
async def test_long_after_nothing_is_charged_any_more(bank, actor, order, method, searches, frozen_clock):
    bank.searches = searches
    bank.fail("charge", base.OutcomeUnknown("time-out"))
    await pay(actor, order, method)
    frozen_clock.advance(hours=5)
    await reconcile.sweep()
    assert bank.charges == {}
    assert status(order) == ("awaiting_payment" if searches else "verifying")


async def test_a_no_to_a_repetition_is_no_answer_to_the_first_call(bank, actor, order, method, frozen_clock):
    """The key of our account may have been changed in between: the first call may have taken the money."""
    bank.searches = False
    bank.fail("charge", base.OutcomeUnknown("time-out"), executed=True)
    await pay(actor, order, method)
    bank.fail("charge", base.GatewayError("401"))
    frozen_clock.advance(minutes=2)
    await reconcile.sweep()
    assert status(order) == "verifying"
    frozen_clock.advance(minutes=10)
    await reconcile.sweep()
    assert status(order) == "paid"


async def test_a_gateway_that_refuses_to_try_leaves_the_order_payable(bank, actor, order, method):
    bank.fail("charge", base.GatewayError("no"))
    with pytest.raises(errors.Unavailable):
        await pay(actor, order, method)
    assert status(order) == "awaiting_payment"


async def test_the_notification_can_come_before_the_answer(bank, actor, order, method):
    async def notified() -> None:
        attempt = the(tables.PaymentAttempt)
        paid = factories.outcome(attempt, gateway_ref=f"pi_{attempt.id}")
        await inbox.receive("stripe", support_gateway.event("evt_1", paid), support_gateway.SIGNED)

    bank.meanwhile("charge", notified)
    await pay(actor, order, method)
    assert (status(order), len(rows(tables.Receipt)), len(rows(tables.Refund))) == ("paid", 1, 0)


async def test_another_means_has_to_wait_while_a_payment_is_open(bank, actor, order, method):
    to_confirm(bank)
    await pay(actor, order, method)
    for other in ("stripe", "paypal"):
        with pytest.raises(errors.Conflict) as refused:
            await payments.pay(actor, order.number, other)
        assert refused.value.code == "PAG_IN_CORSO"


async def test_a_renewal_asked_for_in_the_order_is_on_the_kept_card_and_the_amount_is_authorised(bank, actor, method):
    order = factories.order(actor, auto_renew=True, save_method=True, method_id=method.id)
    assert orders.page(actor, order.number, "it").chosen == f"m{method.id}"
    await pay(actor, order, method)
    service = the(tables.Service)
    assert (service.renewal, service.method_id) == ("active", method.id)
    mandate = the(tables.Mandate)
    assert (mandate.ceiling_cents, mandate.source) == (1208, f"order:{order.number}")
    assert mandate.sca_reference == the(tables.PaymentAttempt).payment_ref
    assert again(method).ceiling_cents == 1208
    assert factories.mails("m04") == [f"m04:order:{order.id}"]


async def test_paying_with_a_kept_card_moves_no_renewal_of_other_services(bank, actor, order, method):
    other = factories.method(actor, card=replace(factories.KEPT, token="pm_2", fingerprint="fp_2"))
    carried = factories.order(actor, auto_renew=True, save_method=True)
    await pay(actor, carried, other)
    await pay(actor, order, method)
    assert [service.method_id for service in rows(tables.Service)] == [other.id, None]


async def test_a_lost_answer_that_wanted_a_confirmation_can_be_confirmed_or_given_up(
    bank, actor, order, method, frozen_clock
):
    to_confirm(bank)
    bank.fail("charge", base.OutcomeUnknown("time-out"), executed=True)
    await pay(actor, order, method)
    frozen_clock.advance(minutes=2)
    await reconcile.sweep()
    attempt = the(tables.PaymentAttempt)
    assert (attempt.status, orders.page(actor, order.number, "it").can_resume) == ("redirected", True)
    assert await payments.resume(actor, order.number) == f"https://bank.test/3ds/{attempt.id}"
    frozen_clock.advance(hours=1)
    await reconcile.sweep()
    assert status(order) == "awaiting_payment"


async def test_what_has_ended_is_never_charged_again(bank, actor, order, method):
    """A refusal, then the order is cancelled, then late news of the attempt: no money moves."""
    bank.searches = False
    bank.fail("charge", base.GatewayError("no"))
    with pytest.raises(errors.Unavailable):
        await pay(actor, order, method)
    lifecycle.cancel(actor, order.number)
    attempt = the(tables.PaymentAttempt)
    await inbox.receive("stripe", support_gateway.event("evt_late", attempt_id=attempt.id), support_gateway.SIGNED)
    await inbox.drain()
    assert (bank.charges, status(order)) == ({}, "cancelled")


async def test_a_notification_that_names_the_payment_resolves_it_where_nothing_can_be_searched(
    bank, actor, order, method, frozen_clock
):
    bank.searches = False
    bank.fail("charge", base.OutcomeUnknown("time-out"), executed=True)
    await pay(actor, order, method)
    frozen_clock.advance(hours=4)
    attempt = the(tables.PaymentAttempt)
    raw = support_gateway.event("evt_1", attempt_id=attempt.id, ref=f"pi_{attempt.id}")
    await inbox.receive("stripe", raw, support_gateway.SIGNED)
    await inbox.drain()
    assert (status(order), the(tables.InboxEvent).status) == ("paid", "done")


async def test_the_same_call_is_repeated_whatever_became_of_the_method(bank, actor, order, method, frozen_clock):
    bank.searches = False
    bank.fail("charge", base.OutcomeUnknown("time-out"), executed=True)
    await pay(actor, order, method)
    factories.change(method, token="", status="removed", customer_ref="")
    frozen_clock.advance(minutes=2)
    await reconcile.sweep()
    assert status(order) == "paid"


async def test_a_kept_method_chosen_for_the_renewal_stays_it_when_another_card_pays(bank, actor, method):
    """What was agreed to named the kept card: no new card is kept for it."""
    factories.change(method, ceiling_cents=1208)
    order = factories.order(actor, auto_renew=True, method_id=method.id)
    await payments.pay(actor, order.number, "stripe")
    attempt = the(tables.PaymentAttempt)
    assert attempt.save_method is False
    factories.settle(attempt, card=factories.VISA)
    assert the(tables.Service).method_id == method.id
    assert len(rows(tables.PaymentMethod)) == 1


async def test_a_kept_method_that_was_never_authorised_for_so_much_waits_to_be_completed(bank, actor, method):
    order = factories.order(actor, auto_renew=True, method_id=method.id)
    await payments.pay(actor, order.number, "stripe")
    factories.settle(the(tables.PaymentAttempt), card=factories.VISA)
    assert (the(tables.Service).renewal, the(tables.Service).method_id) == ("incomplete", None)


async def test_the_amount_that_was_shown_is_authorised_and_not_a_later_price(bank, actor, method):
    factories.price("PEC-STD", clock.today(), 5000)
    await pay(actor, factories.order(actor, auto_renew=True, method_id=method.id), method)
    assert the(tables.Mandate).ceiling_cents == 1208


async def test_a_gateway_that_is_not_offered_any_more_charges_nothing(bank, actor, order, method):
    factories.change(method, gateway="gone")
    before = factories.dump()
    with pytest.raises(errors.NotFound):
        await pay(actor, order, method)
    assert factories.dump() == before


async def test_an_order_whose_time_is_over_is_not_paid_any_more(bank, actor, order, method, frozen_clock):
    frozen_clock.advance(days=31)
    with pytest.raises(errors.Conflict):
        await pay(actor, order, method)
    assert (bank.charges, status(order)) == ({}, "awaiting_payment")


@pytest.mark.parametrize("state", ["revoked", "removed"])
async def test_a_method_that_is_gone_pays_nothing(bank, actor, order, method, state):
    factories.change(method, status=state)
    before = factories.dump()
    with pytest.raises(errors.NotFound):
        await pay(actor, order, method)
    assert (factories.dump(), bank.charges) == (before, {})


async def test_nobody_pays_with_anothers_method_nor_anothers_order(bank, actor, order, method):
    stranger = factories.customer()
    theirs = factories.order(stranger)
    before = factories.dump()
    for who, what in ((stranger, theirs), (stranger, order)):
        with pytest.raises(errors.NotFound):
            await pay(who, what, method)
    with pytest.raises(errors.NotFound):
        await payments.quick_pay(order.number, f"m{method.id}")
    for nonsense in ("", "m0", "m-1", "m1e3", "m" + "9" * 40, "stripe ", "card"):
        with pytest.raises(errors.NotFound):
            await payments.pay(actor, order.number, nonsense)
    assert (factories.dump(), bank.charges) == (before, {})
