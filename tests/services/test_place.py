"""Registering an order: once, with everything accepted, at the price that was shown, or not at all."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain import identity
from pecapp.services import baskets, catalog, checkout, configuring, lifecycle
from tests.support import factories, race
from tests.support.factories import FORM, FORM_ONCE, the

pytestmark = pytest.mark.usefixtures("shop")


def _refused(actor, form, kind: Any = errors.Invalid) -> Any:
    """Place in vain; what was wrong, having made sure that nothing at all was stored."""
    before = factories.dump()
    with pytest.raises(kind) as refusal:
        checkout.place(actor, form, "it")
    assert factories.dump() == before
    return refusal.value


def _order(number):
    return the(tables.Order, number=number)


def _outcomes(results):
    """The numbers of the orders placed, and the errors."""
    placed = [result for result in results if isinstance(result, str)]
    return placed, [result for result in results if not isinstance(result, str)]


# --- one order, at the right price ------------------------------------------------------------------------------------


def test_an_order_waits_for_payment_and_the_customer_is_told_at_once():
    actor = factories.customer()
    order = _order(factories.placed(actor))
    assert (order.status, order.account_id, order.gateway) == ("awaiting_payment", actor.account_id, "stripe")
    assert (order.net_cents, order.vat_rate, order.vat_cents, order.gross_cents) == (990, 22, 218, 1208)
    assert order.payable_until_at - order.created_at == timedelta(days=30)
    assert factories.mails() == [f"m02:order:{order.id}"]
    assert not factories.rows(tables.Receipt)


def test_five_mailboxes_cost_60_39_with_iva_once_on_the_total():
    order = _order(factories.placed(factories.customer(), quantity=5))
    assert (order.net_cents, order.vat_cents, order.gross_cents) == (4950, 1089, 6039)
    assert order.configuration["labels"] == order.configuration["names"]
    assert len(set(order.configuration["names"])) == 5


def test_five_years_cost_60_39_too():
    order = _order(factories.placed(factories.customer(), years=5))
    assert (order.gross_cents, order.years) == (6039, 5)
    line = the(tables.OrderLine, order_id=order.id)
    assert (line.product_code, line.quantity, line.years, line.net_cents) == ("PEC-STD", 1, 5, 4950)


def test_order_numbers_have_ten_digits_with_a_check_digit_and_do_not_follow_each_other():
    numbers = [factories.placed(factories.customer()) for _ in range(5)]
    assert all(len(number) == 10 and identity.is_order_number(number) for number in numbers)
    assert all(abs(int(one) - int(two)) > 10 for one, two in itertools.pairwise(numbers))


def test_pressing_twice_going_back_and_reloading_lead_to_the_same_order():
    actor = factories.customer()
    number = factories.placed(actor)
    assert checkout.place(actor, FORM, "it") == number
    checkout.order_form(actor, "it")
    assert checkout.place(actor, FORM | {"auto_renew": "yes"}, "it") == number
    assert checkout.place(actor, {}, "it") == number
    assert len(factories.rows(tables.Order)) == len(factories.mails("m02")) == 1


def test_ten_presses_at_once_make_one_order():
    actor = factories.customer()
    factories.basket(actor)
    numbers = race.repeated(checkout.place, 10, actor, FORM, "it")
    assert {*numbers} == {the(tables.Order).number}
    assert len(factories.mails("m02")) == 1


def test_who_chooses_anew_orders_anew():
    actor = factories.customer()
    assert factories.placed(actor) != factories.placed(actor)


def test_the_basket_survives_signing_in_and_a_day_but_no_longer(frozen_clock):
    actor = factories.customer()
    factories.basket(actor)
    frozen_clock.advance(hours=23)
    assert baskets.basket(actor, "it").product == "PEC-STD"
    frozen_clock.advance(hours=2)
    assert baskets.basket(actor, "it").product == ""
    _refused(actor, FORM, errors.Conflict)


def test_looking_at_a_basket_whose_code_has_ended_changes_nothing(frozen_clock):
    actor = factories.customer()
    factories.basket(actor, code="BENVENUTO10")
    with db.transaction() as s:
        s.get_one(tables.DiscountCode, "BENVENUTO10").ends_at = clock.now()
        the(tables.Counter, name=catalog.VERSION)
        s.get_one(tables.Counter, catalog.VERSION).value += 1
    frozen_clock.advance(hours=1)
    before = factories.dump()
    view = baskets.basket(actor, "it")
    assert (view.totals.discount_code, view.totals.discount) == ("", "")
    assert factories.dump() == before


# --- codes ------------------------------------------------------------------------------------------------------------


def _limit(code, **limits):
    with db.transaction() as s:
        row = s.get_one(tables.DiscountCode, code)
        for name, value in limits.items():
            setattr(row, name, value)
        s.get_one(tables.Counter, catalog.VERSION).value += 1


def test_a_code_is_consumed_at_registration_and_free_again_after_cancelling():
    _limit("BENVENUTO10", max_uses=1, max_uses_per_account=None)
    actor, other = factories.customer(), factories.customer()
    number = factories.placed(actor, code="BENVENUTO10")
    assert (_order(number).discount_code, _order(number).net_cents) == ("BENVENUTO10", 891)
    with pytest.raises(errors.Invalid) as refusal:
        factories.basket(other, code="BENVENUTO10")
    assert refusal.value.fields == {"code": "COD_NON_VALIDO"}
    lifecycle.cancel(actor, number)
    assert _order(factories.placed(other, code="benvenuto10 ")).discount_code == "BENVENUTO10"


@pytest.mark.parametrize("limits", [{"max_uses": 2}, {"max_uses_per_account": 2}])
def test_a_code_is_never_used_more_often_than_it_may_be_however_many_order_at_once(limits):
    _limit("BENVENUTO10", **{"max_uses": None, "max_uses_per_account": None} | limits)
    first = factories.customer()
    browsers = [factories.other_browser(first) if "max_uses" not in limits else factories.customer() for _ in range(6)]
    for browser in browsers:
        factories.basket(browser, code="BENVENUTO10")
    placed, refused = _outcomes(race.together(checkout.place, *[(browser, FORM, "it") for browser in browsers]))
    assert len(placed) == len(factories.rows(tables.CodeUse)) == len(factories.rows(tables.Order)) == 2
    assert [problem.fields for problem in refused] == [{"code": "COD_NON_VALIDO"}] * 4


def test_an_order_that_costs_nothing_is_paid_at_once_with_receipt_and_both_mails():
    _limit("BENVENUTO10", kind="percent", value=100)
    order = _order(factories.placed(factories.customer(), code="BENVENUTO10"))
    assert (order.gross_cents, order.status, order.paid_at) == (0, "paid", order.created_at)
    assert the(tables.Receipt).attempt_id is None
    assert the(tables.Receipt).number == 1
    assert factories.mails() == [f"m02:order:{order.id}", f"m03:order:{order.id}"]
    assert all(mail.ready_at <= clock.now() for mail in factories.rows(tables.OutboxMail))
    assert the(tables.Service).status == "activating"
    assert not factories.rows(tables.PaymentAttempt)


# --- names and signers ------------------------------------------------------------------------------------------------


def _name_of(number):
    return _order(number).configuration["names"][0]


def test_of_two_customers_who_want_one_mailbox_name_one_gets_it():
    browsers = [factories.customer() for _ in range(4)]
    for browser in browsers:
        factories.basket(browser, names=("anna",))
    placed, refused = _outcomes(race.together(checkout.place, *[(browser, FORM, "it") for browser in browsers]))
    assert len(placed) == len(factories.rows(tables.Order)) == 1
    assert [problem.fields for problem in refused] == [{"local_0": "NOME_NON_DISP"}] * 3
    assert the(tables.MailboxName).order_id == _order(placed[0]).id


def test_a_name_is_free_again_after_cancelling_and_after_the_order_has_lapsed(frozen_clock):
    actor, other = factories.customer(), factories.customer()
    lifecycle.cancel(actor, factories.placed(actor, names=("anna",)))
    factories.placed(actor, names=("anna",))
    factories.basket(other)
    assert not configuring.check_name(other, "anna", factories.DOMAIN)
    frozen_clock.advance(days=31)
    assert lifecycle.expire_due() == 1
    factories.basket(other)
    assert configuring.check_name(other, "anna", factories.DOMAIN)
    assert _name_of(factories.placed(other, names=("anna",))) == f"anna@{factories.DOMAIN}"


def _give_up(local, **values):
    with db.transaction() as s:
        s.add(tables.MailboxName(address=f"{local}@{factories.DOMAIN}", status=configuring.FORMER, **values))


def test_an_address_that_was_given_up_is_only_for_its_former_holder():
    _give_up("anna", tax_id="VRDNNA80A41H501H")
    stranger = factories.customer(tax_code="RSSMRA85T10A562S", first_name="Mario", last_name="Rossi")
    with pytest.raises(errors.Invalid) as refusal:
        factories.basket(stranger, names=("anna",))
    assert refusal.value.fields == {"local_0": "NOME_NON_DISP"}
    assert factories.placed(factories.customer(), names=("anna",))


def test_an_address_stays_its_former_holders_when_their_new_order_is_cancelled():
    _give_up("anna", tax_id="VRDNNA80A41H501H")
    holder = factories.customer()
    lifecycle.cancel(holder, factories.placed(holder, names=("anna",)))
    stranger = factories.customer(tax_code="RSSMRA85T10A562S", first_name="Mario", last_name="Rossi")
    with pytest.raises(errors.Invalid):
        factories.basket(stranger, names=("anna",))
    assert factories.placed(holder, names=("anna",))


def test_two_signers_never_share_an_address_or_a_mobile():
    factories.placed(factories.customer(), FORM_ONCE, product="FR")
    other = factories.SIGNER | {"signer_tax_code": "RSSMRA85T10A562S"}
    actor = factories.customer()
    baskets.choose(actor, "FR", 1, {}, "it")
    with pytest.raises(errors.Invalid) as refusal:
        configuring.configure(actor, other, "it")
    assert refusal.value.fields == {"signer_email": "CONTATTO_GIA_USATO", "signer_phone": "CONTATTO_GIA_USATO"}


def test_two_signers_who_order_at_once_with_one_mobile_get_one_order(monkeypatch):
    browsers = [factories.customer() for _ in range(2)]
    for browser, tax_code in zip(browsers, factories.TAX_CODES, strict=False):
        monkeypatch.setitem(factories.SIGNER, "signer_tax_code", tax_code)
        factories.basket(browser, "FR")
    placed, refused = _outcomes(race.together(checkout.place, *[(browser, FORM_ONCE, "it") for browser in browsers]))
    assert len(placed) == len(factories.rows(tables.Order)) == 1
    assert refused[0].fields.keys() <= {"signer_email", "signer_phone"}


# --- cancelling -------------------------------------------------------------------------------------------------------


def test_cancelling_tells_the_customer_once():
    actor = factories.customer()
    number = factories.placed(actor)
    lifecycle.cancel(actor, number)
    lifecycle.cancel(actor, number)
    order = _order(number)
    assert (order.status, order.closed_by, order.closed_at) == ("cancelled", "customer", clock.now())
    assert factories.mails("m18") == [f"m18:order:{order.id}"]


@pytest.mark.parametrize("status", ["verifying", "paid", "expired", "refunded"])
def test_an_order_that_is_being_paid_paid_or_closed_cannot_be_cancelled(status):
    actor = factories.customer()
    order = factories.order(actor, status=status)
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        lifecycle.cancel(actor, order.number)
    assert factories.dump() == before


def test_nobody_cancels_anothers_order():
    order = factories.order()
    with pytest.raises(errors.NotFound):
        lifecycle.cancel(factories.customer(), order.number)
    assert factories.again(order).status == "awaiting_payment"


def test_an_unpaid_order_lapses_after_30_days_but_not_while_it_is_being_paid(frozen_clock):
    waiting, paying = factories.order(), factories.order()
    factories.attempt(paying)
    frozen_clock.advance(days=30)
    assert lifecycle.expire_due() == 0
    frozen_clock.advance(seconds=1)
    assert lifecycle.expire_due() == 1
    assert lifecycle.expire_due() == 0
    assert factories.again(waiting).status == "expired"
    assert factories.again(paying).status == "verifying"
