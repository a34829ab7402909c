"""A debit that fails because of us: tried again every hour, told when no try is left, stopped when all fail."""

from datetime import date, timedelta

import pytest

from pecapp import tables
from pecapp.domain.payments import Remedy, Verdict
from pecapp.gateways import base, registry
from pecapp.services import debits, methods
from tests.services import test_debits as debiting
from tests.support import factories, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

card, service = debiting.card, debiting.service
E, E7 = debiting.E, debiting.E7


NO_TRY, SAYS_SO = "would not even try", "says that the fault is ours"


def broken(bank: support_gateway.FakeGateway, how: str = NO_TRY) -> None:
    """From now on every charge comes to nothing because of us."""
    if how == NO_TRY:
        bank.fail("charge", base.GatewayError("api key expired"), times=500)
    else:
        bank.always = debiting.refusing(Remedy.OURS)


def mended(bank: support_gateway.FakeGateway) -> None:
    bank.always = None
    bank._failures["charge"].clear()


async def round_at(day: date, hour: int) -> int:
    """One of the hourly rounds, by a process of its own."""
    debiting.go_to(day, hour)
    return sum([await debits.run(chunk, debits.Pace(10, 0)) for chunk in debits.plan()])


@pytest.mark.parametrize("how", [NO_TRY, SAYS_SO])
async def test_what_fails_because_of_us_is_tried_every_hour_and_nobody_is_alarmed(bank, service, how):
    broken(bank, how)
    assert [await round_at(E7, hour) for hour in (6, 6, 7, 22)] == [1, 0, 1, 1]
    assert factories.alerts() == ["debit_refused"], "the staff know, once a day"
    assert (factories.mails("m08"), rows(tables.OutboxSms)) == ([], []), "its owner can do nothing"
    assert debiting.renewal(service).next_debit_on == E7
    mended(bank)
    assert await round_at(E7 + timedelta(days=1), 6) == 1
    assert again(service).expires_on == date(2028, 3, 31)
    assert (len(factories.mails("m07")), factories.mails("m08")) == (1, [])


@pytest.mark.parametrize("how", [NO_TRY, SAYS_SO])
async def test_on_the_last_day_it_is_tried_to_the_last_round_and_then_told_once(bank, service, how):
    broken(bank, how)
    await round_at(E - timedelta(days=1), 22)
    for hour in range(6, 22):
        assert await round_at(E, hour) == 1
    assert factories.mails("m08") == []
    assert await round_at(E, 22) == 1
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert (mail.params["remedy"], mail.params["retry_on"]) == ("ours", None)
    assert await round_at(E, 23) + await round_at(E + timedelta(days=1), 6) == 0
    assert (len(factories.mails("m08")), debiting.renewal(service).next_debit_on) == (1, None)


async def test_a_refusal_of_the_bank_after_failures_of_ours_is_told_at_once(bank, service):
    broken(bank)
    await round_at(E7, 6)
    mended(bank)
    bank.always = debiting.refusing(Remedy.SOFT)
    await round_at(E7, 7)
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert (mail.params["remedy"], mail.params["retry_on"]) == ("soft", "2027-03-26")
    assert await round_at(E7, 8) == 0


async def test_another_method_is_debited_at_once_after_a_failure_of_ours(bank, service, actor, card):
    broken(bank)
    await round_at(E7, 6)
    mended(bank)
    methods.remove(actor, card.id, renewing.card(actor).id)
    assert await round_at(E7, 6) == 1


async def test_a_gateway_that_fails_again_and_again_is_left_alone_until_the_next_round(bank, service, actor, card):
    others = [renewing.service(actor, card, E) for _ in range(debits.FAILURES_IN_A_ROW + 2)]
    for one in others:
        debiting.told(one)
    debiting.go_to(E7)
    broken(bank)
    at = debits.Pace(1, 0)
    assert await debits.run(debits.plan()[0], at) == debits.FAILURES_IN_A_ROW
    assert len(bank.asked("charge")) == debits.FAILURES_IN_A_ROW
    assert len(rows(tables.Renewal)) == debits.FAILURES_IN_A_ROW, "the rest is not even taken up"
    assert factories.alerts().count("gateway_rests") == 1
    mended(bank)
    assert await debits.run(debits.plan()[0], at) == 0
    debiting.go_to(E7, 7)
    assert await debits.run(debits.plan()[0], at) == len(others) + 1
    assert {again(one).expires_on for one in others} == {date(2028, 3, 31)}
    assert factories.mails("m08") == []


async def test_what_was_recorded_before_the_gateway_failed_too_often_is_not_asked_for(bank, service, actor, card):
    others = [renewing.service(actor, card, E) for _ in range(debits.FAILURES_IN_A_ROW + 2)]
    for one in others:
        debiting.told(one)
    debiting.go_to(E7)
    broken(bank)
    asked = await debits.run(debits.plan()[0], debits.Pace(100, 50))
    assert asked == len(bank.asked("charge")) == debits.FAILURES_IN_A_ROW
    assert {one.status for one in rows(tables.PaymentAttempt)} == {"cancelled"}
    mended(bank)
    assert await round_at(E7, 7) == len(others) + 1


async def test_answers_that_come_in_while_the_gateway_rests_do_not_count_against_it_later(bank, service):
    await round_at(E7, 6)
    ours = debiting.refusing(Remedy.OURS)(next(iter(bank.charges.values())))
    at, enough = debits.Pace(1, 0), [False] * (debits.FAILURES_IN_A_ROW - 1) + [True]
    assert [at.note("stripe", ours) for _ in enough] == enough
    assert {at.note("stripe", ours) for _ in range(20)} == {False}
    debiting.go_to(E7, 7)
    assert [at.note("stripe", ours) for _ in enough] == enough


async def test_failures_among_successes_stop_no_round(bank, service, actor, card):
    others = [renewing.service(actor, card, E) for _ in range(3 * debits.FAILURES_IN_A_ROW)]
    for one in others:
        debiting.told(one)
    debiting.go_to(E7)
    turns = iter(range(100))

    def every_other(request):
        good = support_gateway.told(request, Verdict.SUCCEEDED)
        return debiting.refusing(Remedy.OURS)(request) if next(turns) % 2 else good

    bank.always = every_other
    assert await debits.run(debits.plan()[0], debits.Pace(1, 0)) == len(others) + 1
    assert "gateway_rests" not in factories.alerts()


async def test_in_the_last_round_an_owner_hears_of_it_though_the_gateway_rests(bank, service, actor, card):
    others = [renewing.service(actor, card, E) for _ in range(debits.FAILURES_IN_A_ROW + 2)]
    for one in others:
        debiting.told(one)
    debiting.go_to(E, 22)
    broken(bank)
    assert await debits.run(debits.plan()[0], debits.Pace(1, 0)) == debits.FAILURES_IN_A_ROW
    assert len(factories.mails("m08")) == len(others) + 1


async def test_a_gateway_that_is_not_configured_any_more_is_missed_once_a_day(bank, service, caplog):
    registry.use({"paypal": registry.get("paypal")})
    for hour in (6, 7):
        assert await round_at(E7, hour) == 0
    assert factories.alerts() == ["gateway_missing"]
    assert [one.getMessage() for one in caplog.records if "not configured" in one.getMessage()] == [
        "debits wait for the gateway stripe, which is not configured"
    ]
    assert rows(tables.Renewal) == [], "nothing is taken up that cannot be debited"
    await round_at(E7 + timedelta(days=1), 6)
    assert factories.alerts() == ["gateway_missing"] * 2
    registry.use({"stripe": bank})
    assert await round_at(E7 + timedelta(days=1), 7) == 1
