"""The product dies between any two steps of a payment; started again, the order ends right and is charged once."""

import pytest

from pecapp.domain import payments
from tests.crash.shop import Shop
from tests.support import bank as banks


@pytest.mark.parametrize("point", ["attempt_recorded", "gateway_called", "reference_stored"])
def test_dead_on_the_way_to_the_bank(shop: Shop, point: str) -> None:
    customer = shop.customer()
    number = customer.order()
    shop.is_trapped(point)
    assert not shop.goes_to_bank(customer, number)
    shop.dies()
    shop.revives()
    session = banks.eventually(lambda: shop.goes_to_bank(customer, number), "the order can be paid again")
    shop.pays(session)
    shop.ends_right(number)


def test_dead_while_the_bank_tells_that_the_order_is_paid(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    session = shop.goes_to_bank(customer, number)
    shop.is_trapped("event_stored")
    shop.pays(session)
    shop.dies()
    shop.revives()
    shop.ends_right(number)


def test_dead_after_storing_a_settlement_that_nobody_tells_again(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    session = shop.goes_to_bank(customer, number)
    shop.is_trapped("settled")
    shop.pays(session)
    shop.dies()
    shop.bank.spoil_webhooks("drop")
    assert shop.paid(number)
    shop.revives()
    shop.ends_right(number)


def test_dead_after_asking_the_bank_for_an_outcome_that_no_webhook_told(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    shop.bank.spoil_webhooks("drop")
    session = shop.goes_to_bank(customer, number)
    shop.pays(session)
    shop.is_trapped("outcome_asked")
    shop.visits(f"/ritorno/stripe?cs={session}")
    shop.dies()
    shop.revives()
    shop.ends_right(number)


def test_dead_after_following_a_webhook_that_only_hinted(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    session = shop.goes_to_bank(customer, number)
    shop.is_trapped("hint_followed")
    shop.bank.do("sessions/expire", session=session)
    shop.dies()
    shop.revives()
    shop.pays(shop.goes_to_bank(customer, number))
    shop.ends_right(number)


def test_dead_after_closing_the_banks_page(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    closed = shop.goes_to_bank(customer, number)
    shop.is_trapped("page_closed")
    shop.visits(f"/annullato/stripe/{shop.attempt(number).id}")
    shop.dies()
    shop.revives()
    banks.eventually(lambda: shop.attempt(number).status in payments.FAILED, "the closed page's attempt is ended")
    again = shop.goes_to_bank(customer, number)
    assert again != closed
    shop.pays(again)
    shop.ends_right(number)
    assert len(shop.bank.charges(number)) == 1


@pytest.mark.parametrize("told", [True, False], ids=["notified", "never notified"])
@pytest.mark.parametrize("point", ["capture_recorded", "captured"])
def test_dead_while_approved_money_is_taken(shop: Shop, point: str, told: bool) -> None:
    customer = shop.customer()
    number = customer.order()
    order = shop.goes_to_bank(customer, number, "paypal")
    if not told:
        shop.bank.spoil_webhooks("drop")
    shop.is_trapped(point)
    shop.approves(order)
    if not told:
        shop.visits(f"/ritorno/paypal?token={order}")
    shop.dies()
    shop.revives()
    shop.ends_right(number)
    (charge,) = shop.bank.charges(number)
    assert (charge["gateway"], charge["amount"]) == ("paypal", 1208)


@pytest.mark.parametrize("point", ["attempt_recorded", "gateway_called", "reference_stored"])
def test_dead_on_the_way_to_paypal(shop: Shop, point: str) -> None:
    customer = shop.customer()
    number = customer.order()
    shop.is_trapped(point)
    assert not shop.goes_to_bank(customer, number, "paypal")
    shop.dies()
    shop.revives()
    order = banks.eventually(lambda: shop.goes_to_bank(customer, number, "paypal"), "the order can be paid again")
    shop.approves(order)
    shop.ends_right(number)
    assert len(shop.bank.charges(number)) == 1


@pytest.mark.parametrize("point", ["mail_claimed", "mail_handed_over"])
def test_dead_while_a_letter_leaves(shop: Shop, point: str) -> None:
    customer = shop.customer()
    number = customer.order()
    customer.gets("m02")
    session = shop.goes_to_bank(customer, number)
    shop.is_trapped(point)
    shop.pays(session)
    shop.dies()
    assert shop.paid(number)
    shop.revives()
    shop.ends_right(number)
    customer.gets("m02", "m03")


def test_a_second_payment_is_given_back_once_though_the_product_dies_in_the_middle_of_that(shop: Shop) -> None:
    customer = shop.customer()
    number = customer.order()
    shop.is_trapped("gateway_called")
    shop.goes_to_bank(customer, number)
    shop.dies()
    orphan = shop.bank.session(shop.attempt(number).id)
    shop.revives()
    banks.eventually(lambda: shop.attempt(number).status == payments.Status.CANCELLED, "the lost attempt is ended")
    shop.pays(shop.goes_to_bank(customer, number))
    banks.eventually(lambda: shop.paid(number), "paid")

    shop.is_trapped("refund_sent")
    shop.pays(orphan)
    shop.dies()
    shop.revives()
    shop.ends_right(number)
    assert sorted(charge["refunded"] for charge in shop.bank.charges(number)) == [0, 1208]
    customer.gets("m02", "m03", "m21")
