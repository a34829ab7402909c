"""The link of a debit that its bank wants confirmed: it opens that payment, for whoever got the mail, and no more."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, errors, tables
from pecapp.domain import payments as rules
from pecapp.domain.payments import Reason, Remedy, Verdict
from pecapp.services import confirmations, debits, lifecycle, methods, notices, outbox, payments
from tests.support import days, factories, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

E = date(2027, 3, 31)


@pytest.fixture
def card(actor) -> tables.PaymentMethod:
    return renewing.card(actor, customer_ref="cus_1", last4="3184")


@pytest.fixture
async def token(bank, actor, card) -> str:
    """The secret in the mail that says that the bank wants a confirmation."""
    days.go_to(E - timedelta(days=35))
    service = renewing.service(actor, card, E)
    notices.tell_due()
    outbox.send_due()
    days.go_to(E - timedelta(days=7))
    bank.always = lambda request: wanted(request) if request.return_url else refused(request)
    await debits.run([service.id])
    path = the(tables.OutboxMail, template="m08").params["path"]
    assert path.startswith("/conferma/")
    return path.removeprefix("/conferma/")


def refused(request: Any) -> rules.Outcome:
    """Its owner is away: the bank says no."""
    told = support_gateway.told(request, Verdict.DECLINED)
    return replace(told, reason=Reason.AUTHENTICATION, remedy=Remedy.CONFIRM, payment_ref="")


def wanted(request: Any) -> rules.Outcome:
    """Its owner is there: the bank asks."""
    told = support_gateway.told(request, Verdict.WAITING)
    return replace(told, again_url="https://bank.test/3ds", payment_ref="")


async def test_the_link_shows_what_is_to_be_confirmed_and_nothing_of_its_owner(token, actor):
    shown = confirmations.view(token, "it")
    assert (shown.gross, shown.means, shown.state) == ("12,08\xa0€", "Visa •••• 3184", "open")
    assert "Verdi" not in str(shown)


async def test_the_same_payment_is_confirmed_and_renews_the_service(bank, token, card):
    opened = await confirmations.pay(token)
    assert opened.url == "https://bank.test/3ds"
    first, second = rows(tables.PaymentAttempt, channel="renewal")[0], the(tables.PaymentAttempt, channel="link")
    assert second.again_ref == first.gateway_ref or second.again_ref, "the same payment at the bank"
    assert second.method_id == card.id
    assert confirmations.view(token, "it").state == "verifying"
    factories.settle(second, card=factories.VISA)
    assert confirmations.view(token, "it").state == "paid"
    assert the(tables.Service).expires_on == date(2028, 3, 31)
    assert (the(tables.Service).renewal, the(tables.Service).method_id) == ("active", card.id)
    with pytest.raises(errors.Conflict):
        await confirmations.pay(token)


async def test_pressing_twice_is_one_payment(bank, token):
    one, two = await confirmations.pay(token), await confirmations.pay(token)
    assert one == two
    assert len(rows(tables.PaymentAttempt, channel="link")) == 1


async def test_a_link_that_is_wrong_old_or_another_s_opens_nothing(bank, token, actor):
    before = factories.dump()
    for junk in ("", "x", token + "x", None, 7, "a" * 5000):
        with pytest.raises(errors.NotFound):
            confirmations.view(junk, "it")
        with pytest.raises(errors.NotFound):
            await confirmations.pay(junk)
    assert factories.dump() == before
    clock.use(lambda: days.at(E + timedelta(days=2)))
    with pytest.raises(errors.NotFound):
        confirmations.view(token, "it")


async def test_what_was_cancelled_or_has_lost_its_method_cannot_be_confirmed(bank, token, actor, card):
    methods.remove(actor, card.id)
    assert confirmations.view(token, "it").state == "over"
    with pytest.raises(errors.Conflict):
        await confirmations.pay(token)
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    assert confirmations.view(token, "it").state == "over"
    assert again(the(tables.Order, kind="renewal")).status == "cancelled"


async def test_the_link_never_charges_a_card_that_was_tried_in_person(bank, token, actor):
    number = the(tables.Order, kind="renewal").number
    bank.always = refused
    await payments.pay(actor, number, f"m{renewing.card(actor, last4='9999').id}")
    assert confirmations.view(token, "it").means == "Visa •••• 3184"


async def test_a_card_that_has_ended_is_not_asked_for_a_confirmation(bank, token, card):
    factories.change(card, exp_month=1, exp_year=2027)
    assert confirmations.view(token, "it").state == "over"
    with pytest.raises(errors.Conflict):
        await confirmations.pay(token)
