"""The calendar of 6.6, lived day by day, each day twice: every mail, state and debit is on its day, and only once."""

from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta

import pytest

from pecapp import db, tables
from pecapp.domain import calendar
from pecapp.domain.payments import Reason, Remedy, Verdict
from pecapp.services import configuring
from tests.support import days, factories, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

EXPIRIES = [date(2027, 3, 31), date(2028, 2, 29)]


def mails_by_day(actor) -> dict[str, list[str]]:
    """What was written to a customer, by the day on which it was sent."""
    found = defaultdict(list)
    for mail in rows(tables.OutboxMail, account_id=actor.account_id):
        assert mail.status == "sent", (mail.template, mail.status)
        found[calendar.rome_date(mail.sent_at).isoformat()].append(mail.template)
    return {day: sorted(templates) for day, templates in sorted(found.items())}


def debits_by_day(actor) -> list[str]:
    orders = {order.id for order in rows(tables.Order, account_id=actor.account_id)}
    return sorted(
        calendar.rome_date(one.created_at).isoformat() for one in rows(tables.PaymentAttempt) if one.order_id in orders
    )


def before(expires_on: date, number: int) -> str:
    return (expires_on - timedelta(days=number)).isoformat()


def after(expires_on: date, number: int) -> str:
    return (expires_on + timedelta(days=number)).isoformat()


@pytest.mark.parametrize("expires_on", EXPIRIES)
async def test_a_renewal_that_is_on_is_announced_debited_and_told(bank, expires_on):
    actor = factories.customer()
    days.go_to(expires_on - timedelta(days=100))
    service = renewing.service(actor, renewing.card(actor), expires_on)
    await days.through(expires_on - timedelta(days=95), expires_on + timedelta(days=10), times=2)
    assert mails_by_day(actor) == {before(expires_on, 35): ["m13"], before(expires_on, 7): ["m07"]}
    assert debits_by_day(actor) == [before(expires_on, 7)]
    assert len(bank.charges) == 1
    assert (again(service).expires_on, again(service).status) == (calendar.add_years(expires_on, 1), "active")


@pytest.mark.parametrize("expires_on", EXPIRIES)
async def test_a_card_without_funds_is_tried_four_times_then_the_service_expires_and_is_cancelled(bank, expires_on):
    actor = factories.customer()
    bank.always = lambda request: replace(
        support_gateway.told(request, Verdict.DECLINED),
        reason=Reason.INSUFFICIENT_FUNDS,
        remedy=Remedy.SOFT,
        payment_ref="",
    )
    days.go_to(expires_on - timedelta(days=100))
    service = renewing.service(actor, renewing.card(actor), expires_on)
    states = {}
    for number in range(-40, 96):
        today = expires_on + timedelta(days=number)
        await days.live(today)
        await days.live(today)
        states[number] = again(service).status
    assert mails_by_day(actor) == {
        before(expires_on, 35): ["m13"],
        before(expires_on, 7): ["m08"],
        before(expires_on, 5): ["m08"],
        before(expires_on, 3): ["m08"],
        before(expires_on, 1): ["m08"],
        after(expires_on, 1): ["m16"],
        after(expires_on, 30): ["r5"],
        after(expires_on, 60): ["r6"],
        after(expires_on, 80): ["r7"],
        after(expires_on, 91): ["m17", "m18"],
    }
    assert debits_by_day(actor) == [before(expires_on, number) for number in (7, 5, 3, 1)]
    assert [states[0], states[1], states[90], states[91]] == ["active", "expired", "expired", "cancelled"]
    assert (again(service).renewal, again(service).renewal_reason) == ("disabled", "cancelled")
    assert [order.status for order in rows(tables.Order, kind="renewal")] == ["expired"]


@pytest.mark.parametrize("expires_on", EXPIRIES)
async def test_a_service_that_does_not_renew_by_itself_is_recalled_on_its_days(bank, expires_on):
    actor = factories.customer()
    days.go_to(expires_on - timedelta(days=130))
    renewing.service(actor, None, expires_on, renewal="inactive")
    await days.through(expires_on - timedelta(days=120), expires_on + timedelta(days=95), times=2)
    assert mails_by_day(actor) == {
        calendar.subtract_months(expires_on, 3).isoformat(): ["r1"],
        before(expires_on, 30): ["r2"],
        before(expires_on, 15): ["r3"],
        before(expires_on, 5): ["r4"],
        after(expires_on, 1): ["m16"],
        after(expires_on, 30): ["r5"],
        after(expires_on, 60): ["r6"],
        after(expires_on, 80): ["r7"],
        after(expires_on, 91): ["m17"],
    }
    assert bank.charges == {}


async def test_a_standstill_of_weeks_loses_nothing_and_floods_nobody(bank):
    actor, expires_on = factories.customer(), EXPIRIES[0]
    days.go_to(expires_on - timedelta(days=100))
    renewing.service(actor, None, expires_on, renewal="inactive")
    await days.live(expires_on - timedelta(days=10))
    await days.live(expires_on + timedelta(days=70))
    assert list(mails_by_day(actor).values()) == [["r3"], ["r6"]]


async def test_an_identity_cannot_be_reactivated_and_is_revoked_on_the_day_after(bank):
    actor, expires_on = factories.customer(), EXPIRIES[0]
    days.go_to(expires_on - timedelta(days=2))
    service = renewing.service(actor, None, expires_on, product_code="SPID-PRO", renewal="inactive")
    await days.through(expires_on, expires_on + timedelta(days=2))
    assert again(service).status == "cancelled"
    assert mails_by_day(actor)[after(expires_on, 1)] == ["m17"]


async def test_a_cancelled_address_is_free_for_its_former_holder_alone(bank):
    actor, expires_on = factories.customer(), EXPIRIES[0]
    days.go_to(expires_on - timedelta(days=2))
    service = renewing.service(actor, None, expires_on, renewal="inactive")
    factories.add(
        tables.MailboxName(
            address=service.label, order_id=service.order_id, status=configuring.USED, tax_id=factories.TAX_CODES[0]
        )
    )
    await days.live(expires_on + timedelta(days=1))
    await days.live(expires_on + timedelta(days=91))
    with db.reading() as s:
        name = s.get_one(tables.MailboxName, service.label)
    assert (name.status, name.tax_id) == (configuring.FORMER, factories.TAX_CODES[0])


async def test_who_pays_in_the_last_minutes_of_the_last_day_is_waited_for(bank):
    actor, expires_on = factories.customer(), EXPIRIES[0]
    days.go_to(expires_on - timedelta(days=2))
    service = renewing.service(actor, None, expires_on, renewal="inactive")
    await days.live(expires_on + timedelta(days=1))
    days.go_to(expires_on + timedelta(days=90), 23)
    order = factories.order(
        actor,
        kind="renewal",
        configuration={"product": "PEC-STD", "service": service.id, "labels": [service.label], "names": []},
        payable_until_at=calendar.last_valid_instant(expires_on + timedelta(days=90)),
    )
    factories.add(tables.Renewal(order_id=order.id or 0, service_id=service.id, expires_on=expires_on))
    attempt = factories.attempt(order)
    await days.live(expires_on + timedelta(days=91))
    assert again(service).status == "expired", "the money may be on its way"
    factories.settle(attempt, card=factories.VISA)
    assert (again(service).status, again(service).expires_on) == ("active", calendar.add_years(expires_on, 1))


async def test_an_unpaid_purchase_is_recalled_and_lapses(bank):
    actor, today = factories.customer(), date(2027, 3, 1)
    days.go_to(today)
    factories.order(actor)
    await days.through(today, today + timedelta(days=32), times=2)
    assert mails_by_day(actor) == {
        "2027-03-04": ["m19"],
        "2027-03-11": ["m19"],
        "2027-03-28": ["m19"],
        "2027-04-01": ["m18"],
    }
