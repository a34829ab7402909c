"""A renewal that was paid by hand on another kept method: whether that is debited from now on, asked once (6.7.6)."""

import asyncio
from datetime import date, timedelta

import pytest

from pecapp import db, errors, tables
from pecapp.domain.payments import Remedy
from pecapp.services import access, auto_renewal, lifecycle, orders, paid_by_hand, payments
from tests.services import test_debits as debiting
from tests.support import factories, renewing
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

card, service = debiting.card, debiting.service
NOTHING = ""


@pytest.fixture
def other(actor) -> tables.PaymentMethod:
    """Another kept card, on which the renewal's amount is authorised and nothing renews."""
    return renewing.card(actor, last4="1111", ceiling_cents=1208, customer_ref="cus_1")


async def refuse(bank) -> str:
    """The debit comes to nothing; the number of the order that waits."""
    bank.always = debiting.refusing(Remedy.SOFT)
    await debiting.run()
    bank.always = None
    return the(tables.Order, kind="renewal").number


async def pay(actor: access.Actor, number: str, method: tables.PaymentMethod) -> None:
    assert await payments.pay(actor, number, f"m{method.id}") == ""
    assert the(tables.Order, number=number).status == "paid"


@pytest.fixture
async def number(bank, actor, service, other) -> str:
    """An order that was refused on the linked card and paid by hand with the other."""
    found = await refuse(bank)
    await pay(actor, found, other)
    return found


def asked(actor: access.Actor, number: str) -> str:
    return orders.page(actor, number, "it").method_question.text


def refused(code: str, act, *args) -> None:
    before = factories.dump()
    with pytest.raises(errors.PecError) as refusal:
        act(*args)
    assert refusal.value.code == code
    assert factories.dump() == before


# --- when it is asked -------------------------------------------------------------------------------------------------


async def test_it_is_asked_with_what_paid_and_what_is_debited_otherwise(actor, service, number, other, card):
    question = orders.page(actor, number, "it").method_question
    for part in ("Visa •••• 1111", service.label, f"Visa •••• {card.last4}", "24 marzo 2028"):
        assert part in question.text
    assert (question.authorise, question.authorise_url) == ("", "")
    assert (again(service).method_id, again(service).renewal) == (card.id, "active"), "paying alone changes nothing"
    assert "You paid with Visa •••• 1111" in orders.page(actor, number, "en").method_question.text


async def test_nothing_is_asked_where_nothing_is_to_be_decided(bank, actor, service, card):
    number = await refuse(bank)
    assert asked(actor, number) == NOTHING, "not paid yet"
    await pay(actor, number, card)
    assert asked(actor, number) == NOTHING, "it is the linked one"
    assert asked(actor, the(tables.Order, kind="purchase").number) == NOTHING


async def test_nothing_is_asked_when_the_debit_went_well_or_a_stranger_paid(bank, actor, service, other):
    number = await refuse(bank)
    order = the(tables.Order, number=number)
    factories.settle(factories.attempt(order, channel="quick"), card=factories.VISA)
    assert again(order).status == "paid"
    assert asked(actor, number) == NOTHING


@pytest.mark.parametrize("channel", ["renewal", "quick"])
async def test_a_payment_that_its_owner_did_not_make_asks_nothing(actor, number, channel):
    paid = next(one for one in rows(tables.PaymentAttempt) if one.status == "succeeded")
    factories.change(paid, channel=channel)
    assert asked(actor, number) == NOTHING


async def test_a_renewal_that_was_never_debited_asks_nothing(actor, number):
    with db.transaction() as s:
        renewal = s.get_one(tables.Renewal, the(tables.Order, number=number).id)
        renewal.debits = 0
    assert asked(actor, number) == NOTHING


@pytest.mark.parametrize(
    "change",
    [
        {"renewal": "disabled"},
        {"status": "cancelled"},
        {"status": "expired"},
        {"expires_on": date(2029, 3, 31)},
        {"renewal_changed_at": debiting.days.at(date(2027, 3, 25))},
    ],
)
async def test_once_the_renewal_has_changed_otherwise_it_is_not_asked_any_more(actor, service, number, change):
    factories.change(service, **change)
    assert asked(actor, number) == NOTHING
    for act in (paid_by_hand.use, paid_by_hand.leave):
        refused("RIN_DECISO", act, actor, number, "it")


@pytest.mark.parametrize(
    "change",
    [{"status": "removed"}, {"status": "revoked"}, {"exp_month": 2, "exp_year": 2027},
     {"refused_at": debiting.days.at(date(2027, 3, 25))}],
)  # fmt: skip
async def test_a_method_that_cannot_be_debited_any_more_is_not_asked_about(actor, number, other, change):
    factories.change(other, **change)
    assert asked(actor, number) == NOTHING
    refused("RIN_DECISO", paid_by_hand.use, actor, number, "it")


async def test_money_that_went_back_asks_nothing(actor, number):
    factories.change(the(tables.Order, number=number), status="refunded")
    assert asked(actor, number) == NOTHING
    refused("RIN_DECISO", paid_by_hand.use, actor, number, "it")


# --- «Sì» -------------------------------------------------------------------------------------------------------------


async def test_yes_links_the_method_tells_and_keeps_the_evidence(actor, service, number, other):
    for _ in range(2):
        paid_by_hand.use(actor, number, "it")
    assert (again(service).method_id, again(service).renewal) == (other.id, "active")
    assert len(factories.mails("m04")) == 1
    given = the(tables.Acceptance, kind="auto_renew")
    assert (given.label, given.order_id) == (
        f"Rinnovo con addebito automatico: Sì, attiva. {service.label}", None,
    )  # fmt: skip
    assert (given.ip, given.user_agent) == (actor.ip, actor.user_agent)
    assert asked(actor, number) == NOTHING
    refused("RIN_DECISO", paid_by_hand.leave, actor, number, "it")


async def test_the_next_debit_is_made_on_it(bank, actor, service, number, other):
    paid_by_hand.use(actor, number, "it")
    expires_on = again(service).expires_on
    debiting.told(again(service), expires_on - timedelta(days=35))
    debiting.go_to(expires_on - timedelta(days=7))
    await debiting.run()
    assert list(bank.charges.values())[-1].token == other.token
    assert again(service).expires_on == date(2029, 3, 31)


@pytest.mark.parametrize("ceiling", [None, 1207])
async def test_what_is_not_authorised_for_so_much_leads_to_the_authorisation(actor, service, number, other, ceiling):
    factories.change(other, ceiling_cents=ceiling)
    question = orders.page(actor, number, "it").method_question
    assert question.text
    assert "12,08\xa0€" in question.authorise
    assert question.authorise_url == f"/area-clienti/servizi/{service.id}/rinnovo?metodo=m{other.id}"
    refused("MAND_BASSO", paid_by_hand.use, actor, number, "it")


async def test_the_dearest_renewal_on_the_method_counts(actor, number, other):
    renewing.service(actor, other, date(2027, 9, 30), years=3)
    assert "36,23\xa0€" in orders.page(actor, number, "it").method_question.authorise


# --- «No» -------------------------------------------------------------------------------------------------------------


async def test_no_leaves_everything_and_is_not_asked_again(actor, service, number, card):
    for _ in range(2):
        paid_by_hand.leave(actor, number, "it")
    assert (again(service).method_id, factories.mails("m04")) == (card.id, [])
    assert the(tables.Acceptance, kind=paid_by_hand.ANSWER).order_id == the(tables.Order, number=number).id
    assert asked(actor, number) == NOTHING
    refused("RIN_DECISO", paid_by_hand.use, actor, number, "it")


async def test_of_two_answers_at_once_one_counts(actor, service, number):
    answers = [asyncio.to_thread(act, actor, number, "it") for act in (paid_by_hand.use, paid_by_hand.leave)]
    outcomes = await asyncio.gather(*answers, return_exceptions=True)
    assert [type(one) for one in outcomes if one is not None] == [errors.Conflict]


# --- nobody else ------------------------------------------------------------------------------------------------------


async def test_nobody_answers_for_another(actor, number):
    stranger = factories.customer()
    for act in (paid_by_hand.use, paid_by_hand.leave):
        refused("ORD_NON_TROVATO", act, stranger, number, "it")
        refused("ORD_NON_TROVATO", act, actor, "0000000000", "it")
        refused("ACCEDI", act, access.Actor(), number, "it")
        refused("RIN_DECISO", act, actor, the(tables.Order, kind="purchase").number, "it")


async def test_a_renewal_switched_off_and_on_again_is_decided(actor, service, number):
    auto_renewal.disable(actor, service.id)
    refused("RIN_DECISO", paid_by_hand.use, actor, number, "it")
    refused("ORD_NON_ANNULLABILE", lifecycle.cancel, actor, number)
