"""The legal notice: tried until a mail server takes it, then by another way, and never in silence (rules 6.8, 8.4)."""

from datetime import date, timedelta

import pytest

from pecapp import clock, db, tables
from pecapp.services import catalog, dunning, forecast, lifecycle, notices, outbox, subscriptions
from tests.support import days, factories, renewing
from tests.support.factories import rows, the

pytestmark = pytest.mark.usefixtures("paypal")

E = date(2027, 3, 31)


@pytest.fixture
def service(actor):
    return renewing.service(actor, renewing.card(actor), E)


@pytest.fixture
def late(service):
    """The notice is written four days after the last on which it would have been in time."""
    days.go_to(E - timedelta(days=26))
    notices.tell_due()
    return service


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
    seen, last = 0, notices.START
    while last is not None:
        last = notices.tell_due(last, limit=2)
        seen += 1
    assert (seen, len(rows(tables.OutboxMail, template="m13"))) == (3, 5)


def test_a_notice_that_is_written_too_late_goes_by_text_message_at_once_and_staff_know(late):
    (message,) = rows(tables.OutboxSms)
    assert "12,08" in message.text
    assert factories.alerts() == ["notice_late"]
    outbox.send_due()
    assert "Non ti abbiamo avvisato" in the(tables.OutboxMail, template="m13").body_text


def test_who_switches_renewal_on_after_that_day_has_been_told_by_doing_so(actor):
    renewing.service(actor, renewing.card(actor), E, renewal_changed_at=days.at(E - timedelta(days=28)))
    days.go_to(E - timedelta(days=26))
    notices.tell_due()
    outbox.send_due()
    mail = the(tables.OutboxMail, template="m13")
    assert mail.status == "sent"
    assert "Non ti abbiamo avvisato" not in mail.body_text
    assert (rows(tables.OutboxSms), factories.alerts()) == ([], [])


def test_who_switched_it_on_in_time_has_not(actor):
    renewing.service(actor, renewing.card(actor), E, renewal_changed_at=days.at(E - timedelta(days=30)))
    days.go_to(E - timedelta(days=26))
    notices.tell_due()
    assert factories.alerts() == ["notice_late"]


def test_a_notice_is_tried_again_once_a_day_however_often_the_look_is_taken(service):
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    give_up()
    days.go_to(E - timedelta(days=34), 7)
    notices.tell_due()
    assert the(tables.OutboxMail, template="m13").status == "waiting"
    give_up()
    for hour in (8, 12, 22):
        days.go_to(E - timedelta(days=34), hour)
        notices.tell_due()
        assert the(tables.OutboxMail, template="m13").status == "failed"


def _skip(actor, service):
    forecast.skip(actor, service.id)


def _give_up_term(actor, service):
    order = factories.order(actor, kind="renewal", status="cancelled")
    factories.add(
        tables.Renewal(
            order_id=order.id or 0, service_id=service.id, expires_on=E, status="void", trouble=subscriptions.GIVEN_UP
        )
    )


def _not_sold(_actor, _service):
    with db.transaction() as s:
        s.get_one(tables.Product, "PEC-STD").sellable = False
        s.get_one(tables.Counter, catalog.VERSION).value += 1


@pytest.mark.parametrize("end", [_skip, _give_up_term, _not_sold])
def test_no_notice_is_insisted_on_of_a_debit_that_will_not_be_made(actor, service, end):
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    give_up()
    days.go_to(E - timedelta(days=31))
    end(actor, service)
    days.go_to(E - timedelta(days=29))
    notices.tell_due()
    assert the(tables.OutboxMail, template="m13").status == "failed"
    assert (rows(tables.OutboxSms), factories.alerts()) == ([], [])


def test_a_term_that_its_owner_has_given_up_is_reminded_like_one_that_is_off(actor, service):
    _give_up_term(actor, service)
    for before in (30, 15, 5):
        days.go_to(E - timedelta(days=before))
        notices.tell_due()
    assert [mail.template for mail in rows(tables.OutboxMail)] == ["r2", "r3", "r4"]


def _told_beside(holder):
    """Whom staff are told of, and whether another customer had their notice, beside one with such a holder."""
    broken, other = factories.customer(), factories.customer()
    with db.transaction() as s:
        s.get_one(tables.Account, broken.account_id).holder = holder
    days.go_to(E - timedelta(days=26))
    both = [renewing.service(actor, renewing.card(actor), E) for actor in (broken, other)]
    notices.tell_due()
    told = {mail.params["service_id"] for mail in rows(tables.OutboxMail, template="m13")}
    return [service.id in told for service in both], factories.alerts()


def test_who_has_never_said_what_they_are_is_told_like_a_consumer():
    assert _told_beside({}) == ([True, True], ["notice_late", "notice_late"])


@pytest.mark.logs_errors("the letter m13")
def test_an_account_whose_holder_cannot_be_read_keeps_nobody_else_from_being_told():
    assert _told_beside({"kind": "unheard-of"}) == ([False, True], ["notice_failed", "notice_late"])


@pytest.mark.logs_errors("cannot be told")
def test_a_service_of_an_unknown_product_keeps_nobody_else_from_being_told(actor):
    renewing.service(actor, renewing.card(actor), E, product_code="GONE")
    other = renewing.service(actor, renewing.card(actor), E)
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    notices.tell_due()
    assert factories.mails() == [f"m13:{other.id}:{E}"]
    assert factories.alerts() == ["notice_failed"]


def test_a_day_is_over_once_everybody_has_been_told(service):
    days.go_to(E - timedelta(days=35))
    assert not notices.are_told(clock.today())
    for before in (35, 34):
        days.go_to(E - timedelta(days=before))
        notices.all_told(clock.today())
        assert notices.are_told(clock.today())
    days.go_to(E - timedelta(days=33))
    assert not notices.are_told(clock.today())


def test_each_unpaid_purchase_is_reminded_on_its_three_days_a_few_at_a_time(actor):
    days.go_to(E)
    registered = [factories.order(actor) for _ in range(3)]
    factories.order(actor, kind="renewal")
    factories.order(actor, status="paid")
    reminded = {}
    for day in range(lifecycle.PAYABLE_FOR.days + 2):
        days.go_to(E + timedelta(days=day))
        written = []
        while count := notices.remind_unpaid(limit=2):
            written.append(count)
        if written:
            reminded[day] = written
    assert reminded == {3: [2, 1], 10: [2, 1], 27: [2, 1]}
    told = {f"m19:{order.id}:{stage}" for order in registered for stage in ("3", "10", "last")}
    assert set(factories.mails()) == told


def test_after_a_standstill_an_unpaid_purchase_is_reminded_once_by_the_latest_only(actor):
    days.go_to(E)
    order = factories.order(actor)
    days.go_to(E + timedelta(days=12))
    assert (notices.remind_unpaid(), notices.remind_unpaid()) == (1, 0)
    assert factories.mails() == [f"m19:{order.id}:10"]
