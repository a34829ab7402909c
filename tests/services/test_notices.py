"""The legal notice: tried until a mail server takes it, then by another way, and never in silence (rules 6.8, 8.4)."""

from datetime import date, timedelta

import pytest

from pecapp import db, tables
from pecapp.services import dunning, notices, outbox
from tests.support import days, factories, renewing
from tests.support.factories import rows, the

pytestmark = pytest.mark.usefixtures("paypal")

E = date(2027, 3, 31)


@pytest.fixture
def service(actor):
    return renewing.service(actor, renewing.card(actor), E)


def give_up() -> None:
    """What the outbox does with a mail that nobody takes for three days."""
    factories.change(the(tables.OutboxMail, template="m13"), status="failed")


def test_a_notice_that_was_given_up_is_tried_again_each_day_until_it_is_taken(service):
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    give_up()
    days.go_to(E - timedelta(days=32))
    notices.tell_due()
    assert the(tables.OutboxMail, template="m13").status == "waiting"
    assert (rows(tables.OutboxSms), factories.alerts()) == ([], []), "there is time"
    outbox.send_due()
    with db.reading() as s:
        assert dunning.notified_on(s, service.id, E) == E - timedelta(days=32)


def test_one_that_is_late_goes_by_text_message_too_and_staff_know(service):
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    for day in (29, 28):
        give_up()
        days.go_to(E - timedelta(days=day))
        notices.tell_due()
    (message,) = rows(tables.OutboxSms)
    assert "12,08" in message.text
    assert "24" in message.text, "the day of the debit"
    assert factories.alerts() == ["notice_late"]


def test_a_company_is_told_again_but_not_by_text_message():
    company = factories.customer(kind="company", company_name="Alfa S.r.l.", vat_number="12345670017")
    renewing.service(company, renewing.card(company), E)
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    give_up()
    days.go_to(E - timedelta(days=20))
    notices.tell_due()
    assert the(tables.OutboxMail, template="m13").status == "waiting"
    assert (rows(tables.OutboxSms), factories.alerts()) == ([], [])


def test_a_skipped_debit_is_reminded_like_one_that_is_off(service):
    factories.add(tables.RenewalChoice(service_id=service.id, expires_on=E, method_id=None, made_at=days.at(E)))
    days.go_to(E - timedelta(days=30))
    notices.tell_due()
    assert [mail.template for mail in rows(tables.OutboxMail)] == ["r2"]


def test_a_product_that_is_not_sold_any_more_is_told_two_months_before(service):
    with db.transaction() as s:
        s.get_one(tables.Product, "PEC-STD").sellable = False
    days.go_to(E - timedelta(days=61))
    notices.tell_due()
    assert rows(tables.OutboxMail) == []
    days.go_to(E - timedelta(days=60))
    notices.tell_due()
    notices.tell_due()
    assert factories.mails() == [f"not_sold:{service.id}:{E}"]


def test_services_are_gone_through_in_pages(actor):
    for _ in range(5):
        renewing.service(actor, renewing.card(actor), E)
    days.go_to(E - timedelta(days=35))
    seen, last = 0, 0
    while last is not None:
        last = notices.tell_due(last, limit=2)
        seen += 1
    assert (seen, len(rows(tables.OutboxMail, template="m13"))) == (3, 5)
