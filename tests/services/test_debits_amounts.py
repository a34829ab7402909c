"""A debit takes what its owner was told of, and nothing where nothing is due (rules 9.22, 9.41)."""

from datetime import date, timedelta

import pytest

from pecapp import tables
from pecapp.services import notices, outbox, payments, renewals
from tests.services import test_debits as debiting
from tests.support import factories
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

card, service = debiting.card, debiting.service
E, E7 = debiting.E, debiting.E7


async def placed(actor, service, years: str, amount: str) -> tables.Order:
    """A renewal order of its owner's, not paid."""
    form = factories.ACCEPTED | {"gateway": "stripe", "amount": amount, "years": years}
    return the(tables.Order, number=renewals.place(actor, service.id, form, "it"))


async def test_an_order_that_costs_more_than_the_notice_said_waits_to_be_paid(bank, service, actor):
    order = await placed(actor, service, "5", "60,39\xa0€")
    assert await debiting.run() + await debiting.run() == 0
    assert (again(order).status, debiting.renewal(service).trouble, bank.charges) == ("awaiting_payment", "amount", {})
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert (mail.order_id, mail.params["why"], mail.params["retry_on"]) == (order.id, "amount", None)
    outbox.send_due()
    assert "più di quanto ti avevamo annunciato" in again(mail).body_text
    assert factories.alerts() == []
    await payments.pay(actor, order.number, f"m{service.method_id}")
    assert (again(service).expires_on, debiting.renewal(service).trouble) == (date(2032, 3, 31), "")


async def test_one_whose_owner_was_told_of_the_new_amount_is_debited(bank, service, actor):
    debiting.go_to(E - timedelta(days=20))
    order = await placed(actor, service, "5", "60,39\xa0€")
    debiting.go_to(E - timedelta(days=19))
    for _ in range(2):
        notices.tell_due()
    assert factories.mails("dearer") == [f"dearer:{service.id}:{E}:6039"]
    outbox.send_due()
    text = " ".join(the(tables.OutboxMail, template="dearer").body_text.split()).replace("\xa0", " ")
    for words in ("60,39 €", "12,08 €", "24 marzo 2027", "fino al 23 marzo 2027", "5 anni", "31 marzo 2032"):
        assert words in text
    debiting.go_to(E7)
    assert await debiting.run() == 1
    assert (again(order).status, again(service).expires_on) == ("paid", date(2032, 3, 31))


async def test_a_new_amount_is_told_only_once_the_mail_server_has_it(bank, service, actor):
    debiting.go_to(E - timedelta(days=20))
    await placed(actor, service, "5", "60,39\xa0€")
    notices.tell_due()
    debiting.go_to(E7)
    assert await debiting.run() == 0
    assert debiting.renewal(service).trouble == "amount"


async def test_a_new_amount_above_the_ceiling_is_not_debited_whatever_was_told(bank, service, actor, card):
    factories.change(card, ceiling_cents=6038)
    debiting.go_to(E - timedelta(days=20))
    await placed(actor, service, "5", "60,39\xa0€")
    notices.tell_due()
    outbox.send_due()
    debiting.go_to(E7)
    assert await debiting.run() == 0
    assert debiting.renewal(service).trouble == "ceiling"


async def test_an_order_that_costs_what_the_notice_said_needs_no_other(bank, service, actor):
    debiting.go_to(E - timedelta(days=20))
    await placed(actor, service, "1", "12,08\xa0€")
    notices.tell_due()
    assert factories.mails("dearer") == []
    debiting.go_to(E7)
    assert await debiting.run() == 1


async def test_a_price_that_rose_after_the_notice_is_told_too(bank, service):
    factories.price("PEC-STD", E7, 1200)
    assert await debiting.run() == 0
    assert debiting.renewal(service).trouble == "amount"


async def test_a_renewal_that_costs_nothing_is_made_without_the_gateway(bank, service):
    factories.price("PEC-STD", E7, 0)
    assert await debiting.run() + await debiting.run() == 0
    order = the(tables.Order, kind="renewal")
    assert (order.status, order.gross_cents, again(service).expires_on) == ("paid", 0, date(2028, 3, 31))
    assert (bank.calls, rows(tables.PaymentAttempt), factories.alerts()) == ([], [], [])
    assert factories.mails("m07") == [f"m07:order:{order.id}"]
    assert factories.mails("m03") + factories.mails("m08") == []
    outbox.send_due()
    mail = the(tables.OutboxMail, template="m07")
    assert (mail.status, "0,00" in mail.body_text) == ("sent", True)


async def test_a_renewal_by_hand_that_costs_nothing_is_paid_as_it_is_placed(service, actor):
    factories.price("PEC-STD", E7, 0)
    order = await placed(actor, service, "1", "0,00\xa0€")
    assert (order.status, again(service).expires_on) == ("paid", date(2028, 3, 31))
    assert len(factories.mails("m02")) == len(factories.mails("m03")) == 1
    assert await debiting.run() == 0
