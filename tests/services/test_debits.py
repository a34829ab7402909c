"""The debit of automatic renewal: on its day, once, or not at all and never in silence (rule 6.7)."""

import asyncio
import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain import payments as rules
from pecapp.domain.payments import Reason, Remedy, Verdict
from pecapp.gateways import base
from pecapp.services import (
    auto_renewal,
    debits,
    dunning,
    lifecycle,
    methods,
    notices,
    outbox,
    payments,
    reconcile,
    renewals,
    subscriptions,
    withdrawal_cases,
)
from tests.support import days, factories, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

E = date(2027, 3, 31)
E7 = date(2027, 3, 24)
TIME_OUT = base.OutcomeUnknown("time-out")


@pytest.fixture
def card(actor) -> tables.PaymentMethod:
    return renewing.card(actor, customer_ref="cus_1")


@pytest.fixture
def service(actor, card) -> tables.Service:
    """A mailbox that renews by itself, whose owner has had the legal notice in time."""
    row = renewing.service(actor, card, E)
    told(row)
    go_to(E7)
    return row


def go_to(day: date, hour: int = 6) -> None:
    clock.use(lambda: days.at(day, hour))


def told(service: tables.Service, on: date = E - timedelta(days=35)) -> None:
    """Send the legal notice of a service."""
    go_to(on)
    notices.tell_due()
    outbox.send_due()


async def run(*services: tables.Service) -> int:
    return await debits.run([service.id or 0 for service in services] or [i for chunk in debits.plan() for i in chunk])


def refusing(remedy: Remedy, reason: Reason = Reason.DECLINED) -> Any:
    """A gateway that refuses every charge."""
    return lambda request: replace(
        support_gateway.told(request, Verdict.DECLINED), reason=reason, remedy=remedy, payment_ref=""
    )


def renewal(service: tables.Service) -> tables.Renewal:
    return the(tables.Renewal, service_id=service.id)


# --- on its day -------------------------------------------------------------------------------------------------------


async def test_seven_days_before_its_expiry_a_service_is_debited_and_renewed(bank, service, card):
    go_to(E7 - timedelta(days=1), 23)
    assert await run() == 0
    go_to(E7)
    assert await run() == 1
    (charge,) = bank.charges.values()
    assert (charge.amount_cents, charge.token, charge.return_url) == (1208, card.token, ""), "its owner is away"
    order = the(tables.Order, kind="renewal")
    assert (order.status, order.withdrawal_until_on, renewal(service).automatic) == ("paid", None, True)
    assert again(service).expires_on == date(2028, 3, 31)
    assert factories.mails("m07") == [f"m07:order:{order.id}"]
    assert factories.mails("m03") + factories.mails("m02") == [], "neither order nor payment was anybody's act"
    assert len(rows(tables.Receipt)) == 1


async def test_a_day_that_is_lived_twice_or_by_two_at_once_charges_once(bank, service):
    await asyncio.gather(*(run(service) for _ in range(4)))
    await run(service)
    assert (len(bank.charges), len(rows(tables.PaymentAttempt))) == (1, 1)
    assert again(service).expires_on == date(2028, 3, 31)


async def test_a_missed_day_is_made_up_for_until_the_expiry_and_never_after(bank, service, actor, card):
    late, missed = service, renewing.service(actor, card, E)
    told(missed)
    go_to(E)
    await run(late)
    assert again(late).expires_on == date(2028, 3, 31)
    go_to(E + timedelta(days=1))
    assert debits.plan() == []
    assert await run(missed) == 0
    assert again(missed).expires_on == E
    assert len(bank.charges) == 1


async def test_several_services_on_one_card_are_several_debits_and_one_failure_stops_no_other(
    bank, service, actor, card
):
    other = renewing.service(actor, card, E)
    told(other)
    go_to(E7)
    bank.fail("charge", base.GatewayError("no"))
    assert await run(service, other) == 2
    assert sorted(str(again(one).expires_on) for one in (service, other)) == ["2027-03-31", "2028-03-31"]


async def test_the_order_that_its_owner_has_placed_is_adopted_not_doubled(bank, service, actor):
    number = renewals.place(actor, service.id, factories.ACCEPTED | {"gateway": "stripe", "amount": "12,08\xa0€"}, "it")
    await run()
    assert the(tables.Order, kind="renewal").number == number
    assert (the(tables.Order, number=number).status, len(bank.charges)) == ("paid", 1)


@pytest.mark.parametrize("expires_on", [date(2027, 4, 4), date(2027, 11, 7), date(2028, 2, 29), date(2028, 1, 3)])
async def test_the_days_are_romes_whatever_its_clocks_do(actor, card, expires_on):
    """On 28 March and 31 October 2027 the clocks of Rome are changed."""
    row = renewing.service(actor, card, expires_on)
    for day, hour, minute, due in [(8, 23, 59, False), (7, 0, 0, True), (0, 23, 59, True), (-1, 0, 0, False)]:
        clock.use(lambda d=day, h=hour, m=minute: days.at(expires_on - timedelta(days=d), h, m))
        assert debits.plan() == ([[row.id]] if due else [])


async def test_a_method_that_is_revoked_in_the_middle_of_a_batch_is_debited_no_more(bank, service, actor, card):
    other = renewing.service(actor, card, E)
    told(other)
    go_to(E7)
    bank.gone.add(card.token)
    bank.meanwhile("charge", lambda: methods.check("stripe", card.token))
    await debits.run([service.id, other.id], debits.Pace(1, 0))
    assert (len(bank.charges), again(service).expires_on) == (1, date(2028, 3, 31))
    assert (again(other).expires_on, again(other).renewal) == (E, "disabled")


async def test_a_method_that_is_being_debited_cannot_be_removed_and_the_next_debit_goes_to_its_successor(
    bank, service, actor, card
):
    other, new = renewing.service(actor, card, E), renewing.card(actor)
    told(other)
    go_to(E7)
    refusals: list[str] = []

    def replace_it() -> None:
        try:
            methods.remove(actor, card.id, new.id)
        except errors.Conflict as refusal:
            refusals.append(refusal.code)

    bank.meanwhile("charge", lambda: db.run(replace_it))
    await debits.run([service.id], debits.Pace(1, 0))
    replace_it()
    await debits.run([other.id], debits.Pace(1, 0))
    assert refusals == ["MET_IN_USO"]
    assert [charge.token for charge in bank.charges.values()] == [card.token, new.token]


# --- not at all, and told ---------------------------------------------------------------------------------------------


async def test_nothing_is_debited_that_is_off_skipped_or_ended(bank, service):
    for change in ({"renewal": "disabled"}, {"status": "cancelled"}, {"renewal": "incomplete"}):
        kept = {name: getattr(again(service), name) for name in change}
        factories.change(service, **change)
        assert await run(service) == 0
        factories.change(service, **kept)
    factories.add(tables.RenewalChoice(service_id=service.id, expires_on=E, method_id=None, made_at=clock.now()))
    assert await run() + await run(service) == 0
    assert (bank.charges, rows(tables.Order, kind="renewal"), factories.mails("m08")) == ({}, [], [])


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"ceiling_cents": 1207}, "ceiling"),
        ({"ceiling_cents": None}, "not_authorised"),
        ({"status": "revoked"}, "revoked"),
        ({"refused_at": days.at(date(2027, 1, 1))}, "refused"),
    ],
)
async def test_what_cannot_be_debited_waits_to_be_paid_and_says_why(bank, service, card, values, why):
    factories.change(card, **values)
    assert await run() == 0
    assert await run() == 0
    order = the(tables.Order, kind="renewal")
    assert (order.status, renewal(service).trouble, bank.charges) == ("awaiting_payment", why, {})
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert (mail.order_id, mail.params["why"], mail.params["retry_on"]) == (order.id, why, None)
    assert again(service).renewal == "active", "the state stays, with a warning"


async def test_a_card_that_has_expired_is_tried_because_banks_update_cards(bank, service, card):
    factories.change(card, exp_month=2, exp_year=2027)
    assert await run() == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_a_consumer_who_was_never_told_is_not_debited_and_staff_know(bank, actor, card):
    service = renewing.service(actor, card, E)
    go_to(E7)
    assert await run() == 0
    assert (bank.charges, renewal(service).trouble) == ({}, "notice")
    assert "notice_missing" in factories.alerts()


async def test_a_company_needs_no_notice(bank, card):
    company = factories.customer(kind="company", company_name="Alfa S.r.l.", vat_number="12345670017")
    renewing.service(company, renewing.card(company), E)
    go_to(E7)
    assert await run() == 1


async def test_who_was_told_too_late_may_leave_until_the_new_expiry(bank, actor, card):
    service = renewing.service(actor, card, E)
    told(service, E - timedelta(days=29))
    go_to(E7)
    assert await run() == 1
    assert again(service).free_exit_until_on == date(2028, 3, 31)


async def test_who_switched_it_on_in_these_days_and_confirmed_is_debited_without_another_notice(bank, actor, card):
    renewing.service(actor, card, E, renewal_changed_at=days.at(E7, 10))
    go_to(E7 + timedelta(days=1))
    assert await run() == 1


# --- refused ----------------------------------------------------------------------------------------------------------


async def test_a_soft_refusal_is_tried_again_five_three_and_one_days_before_and_then_no_more(bank, service):
    bank.always = refusing(Remedy.SOFT, Reason.INSUFFICIENT_FUNDS)
    for number in range(9):
        go_to(E7 + timedelta(days=number))
        await run()
        await run()
    attempts = rows(tables.PaymentAttempt)
    assert sorted(str(one.created_at.date()) for one in attempts) == [
        "2027-03-24", "2027-03-26", "2027-03-28", "2027-03-30",
    ]  # fmt: skip
    mails = sorted(mail.params["retry_on"] or "" for mail in rows(tables.OutboxMail, template="m08"))
    assert mails == ["", "2027-03-26", "2027-03-28", "2027-03-30"]
    assert factories.mails("m06") == [], "one mail for one refusal"
    assert the(tables.Order, kind="renewal").status == "awaiting_payment"


async def test_a_retry_is_the_same_payment_at_the_gateway(bank, service):
    bank.always = refusing(Remedy.SOFT)
    await run()
    first = the(tables.PaymentAttempt)
    bank.always = None
    go_to(E - timedelta(days=5))
    assert await run() == 1
    second = next(one for one in rows(tables.PaymentAttempt) if one.id != first.id)
    assert second.again_ref == first.gateway_ref == second.gateway_ref != ""
    assert again(service).expires_on == date(2028, 3, 31)
    assert renewal(service).trouble == ""


@pytest.mark.parametrize("remedy", [Remedy.NEVER, Remedy.NEW_DATA, Remedy.CONFIRM])
async def test_what_time_does_not_cure_is_not_repeated(bank, service, card, remedy):
    bank.always = refusing(remedy)
    await days.through(E7, E)
    assert len(bank.charges) == 1
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert (mail.params["remedy"], mail.params["retry_on"]) == (remedy, None)
    assert (again(card).refused_at is not None) == (remedy is Remedy.NEVER)


async def test_an_agreement_that_was_revoked_at_the_gateway_ends_as_a_removal(bank, service, card):
    bank.always = refusing(Remedy.NEVER, Reason.REVOKED)
    bank.gone.add(card.token)
    await run()
    assert (again(service).renewal, again(card).status) == ("disabled", "revoked")
    assert len(factories.mails("m12")) == 1


async def test_another_method_before_the_expiry_is_debited_at_once(bank, service, actor, card):
    bank.always = refusing(Remedy.NEW_DATA, Reason.EXPIRED_CARD)
    await run()
    assert await run() == 0
    bank.always = None
    methods.remove(actor, card.id, renewing.card(actor).id)
    assert await run() == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_cancelling_the_order_stops_the_retries_and_leaves_renewal_on(bank, service, actor):
    bank.always = refusing(Remedy.SOFT)
    await run()
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    bank.always = None
    await days.through(E7, E)
    assert len(bank.charges) == 1
    assert (again(service).renewal, again(service).expires_on) == ("active", E)


async def test_paying_by_hand_renews_and_leaves_the_linked_method(bank, service, actor, card):
    bank.always = refusing(Remedy.NEVER)
    await run()
    order = the(tables.Order, kind="renewal")
    bank.always = None
    other = renewing.card(actor)
    await payments.pay(actor, order.number, f"m{other.id}")
    kept = again(service)
    assert (kept.expires_on, kept.renewal, kept.method_id) == (date(2028, 3, 31), "active", card.id)
    assert factories.mails("m03") == [f"m03:order:{order.id}"]


async def test_an_order_that_its_owner_cancels_in_this_moment_is_not_charged(bank, service, actor, monkeypatch):
    bank.always = refusing(Remedy.SOFT)
    await run()
    bank.always = None
    order = the(tables.Order, kind="renewal")
    go_to(E - timedelta(days=5))
    real, refused = debits._obstacle, []

    def meanwhile(*given):
        """SQLite has one writer: there the cancellation waits and comes too late, which its owner is told."""

        def cancel():
            try:
                lifecycle.cancel(actor, order.number)
            except errors.PecError as refusal:
                refused.append(refusal)

        if not db.is_sqlite():
            threading.Thread(target=cancel, daemon=True).start()
        return real(*given)

    monkeypatch.setattr(debits, "_obstacle", meanwhile)
    await run(service)
    assert again(order).status in {"paid", "cancelled"}
    assert (again(order).status == "paid") == (len(bank.charges) == 2)
    assert rows(tables.Refund) == []


async def test_a_refusal_that_comes_after_the_order_was_paid_tells_nothing_wrong(bank, service):
    bank.always = refusing(Remedy.SOFT)
    await run()
    first = the(tables.PaymentAttempt)
    bank.always = None
    go_to(E - timedelta(days=5))
    bank.fail("charge", TIME_OUT)
    await run()
    factories.settle(first)
    factories.settle(again(the(tables.PaymentAttempt, number=2)), Verdict.DECLINED, remedy=Remedy.SOFT)
    assert len(factories.mails("m08")) == 1
    assert (renewal(service).trouble, renewal(service).next_debit_on) == ("", None)


async def test_a_method_that_is_replaced_while_nobody_knows_is_followed_by_its_successor(bank, service, actor, card):
    bank.fail("charge", TIME_OUT)
    await run()
    new = renewing.card(actor)
    with db.transaction() as s:
        methods.take_over(s, methods.hold(s, card.id), methods.hold(s, new.id))
    factories.settle(the(tables.PaymentAttempt), Verdict.DECLINED, remedy=Remedy.NEW_DATA)
    assert await run() == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_switching_on_anew_takes_back_that_the_term_was_given_up(bank, service, actor, card):
    bank.always = refusing(Remedy.SOFT)
    await run()
    bank.always = None
    lifecycle.cancel(actor, the(tables.Order, kind="renewal").number)
    go_to(E - timedelta(days=4), 10)
    auto_renewal.disable(actor, service.id)
    with db.transaction() as s:
        method = methods.hold(s, card.id)
        auto_renewal.enable(s, [subscriptions.own(s, actor.account_id, service.id)], method, clock.now())
    assert await run() == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_pressing_attiva_again_without_a_change_debits_a_refused_card_no_more(bank, service, actor, card):
    bank.always = refusing(Remedy.NEW_DATA, Reason.EXPIRED_CARD)
    await run()
    with db.transaction() as s:
        method = methods.hold(s, card.id)
        assert auto_renewal.enable(s, [subscriptions.own(s, actor.account_id, service.id)], method, clock.now()) == []
    assert await run() == 0
    assert len(bank.charges) == 1


async def test_a_card_that_its_owner_saves_again_may_be_debited_again(bank, service, actor, card):
    bank.always = refusing(Remedy.NEVER)
    await run()
    bank.always = None
    saved = rules.Card("visa", "4242", 12, 2039, "IT", card.fingerprint, "pm_new", "cus_1")
    with db.transaction() as s:
        methods.keep(s, account_id=actor.account_id, gateway="stripe", means=saved, consent={})
        auto_renewal.try_again(s, [service.id])
    assert await run() == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_what_was_promised_is_tried_though_the_product_is_not_sold_any_more(bank, service):
    bank.always = refusing(Remedy.SOFT)
    await run()
    with db.transaction() as s:
        s.get_one(tables.Product, "PEC-STD").sellable = False
    go_to(E - timedelta(days=5))
    assert await run() == 1


async def test_who_has_only_just_switched_it_on_was_told_then_and_has_no_free_exit(bank, actor, card):
    row = renewing.service(actor, card, E, renewal_changed_at=days.at(E7, 10))
    go_to(E7 + timedelta(days=1))
    await run(row)
    assert (again(row).expires_on, again(row).free_exit_until_on) == (date(2028, 3, 31), None)


async def test_who_was_told_late_and_pays_by_hand_may_leave_too(bank, actor, card):
    row = renewing.service(actor, card, E)
    told(row, E - timedelta(days=29))
    go_to(E7)
    bank.always = refusing(Remedy.CONFIRM, Reason.AUTHENTICATION)
    await run(row)
    bank.always = None
    await payments.pay(actor, the(tables.Order, kind="renewal").number, f"m{card.id}")
    assert again(row).free_exit_until_on == date(2028, 3, 31)
    assert renewal(row).trouble == ""


async def test_a_free_exit_belongs_to_the_renewal_that_was_told_late_not_to_the_next(bank, actor, card):
    row = renewing.service(actor, card, E)
    told(row, E - timedelta(days=29))
    go_to(E7)
    await run(row)
    late = the(tables.Order, kind="renewal")
    go_to(date(2027, 6, 1))
    form = factories.ACCEPTED | {"gateway": "stripe", "amount": "12,08\xa0€"}
    number = renewals.place(actor, row.id, form, "it")
    await payments.pay(actor, number, f"m{card.id}")
    go_to(date(2027, 9, 30))
    with db.reading() as s:
        found = [
            withdrawal_cases.judge(s, withdrawal_cases.load(s, order.id), clock.today())
            for order in (late, the(tables.Order, number=number))
        ]
    assert found[0] == "free_exit"
    assert found[1] != "free_exit"


async def test_a_holder_without_an_address_of_their_own_is_written_to_at_the_accounts(bank, service, actor):
    with db.transaction() as s:
        account = s.get_one(tables.Account, actor.account_id)
        account.holder = {**account.holder, "email": None}
        s.add(account)
        address = account.email
    assert await run() == 1
    assert the(tables.Order, kind="renewal").reference_email == address


# --- nobody knows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("executed", [True, False])
async def test_a_charge_without_an_answer_is_found_or_asked_for_with_the_same_key(bank, service, executed):
    bank.fail("charge", TIME_OUT, executed=executed)
    await run()
    attempt = the(tables.PaymentAttempt)
    assert (attempt.status, factories.mails("m08")) == (rules.Status.UNKNOWN, [])
    for minutes in (2, 10, 20):
        clock.use(lambda m=minutes: days.at(E7) + timedelta(minutes=m))
        await run()
        await reconcile.sweep()
    assert len(bank.charges) == 1
    assert again(service).expires_on == date(2028, 3, 31)
    assert len(factories.mails("m07")) == 1


async def test_a_charge_that_is_found_waiting_for_its_owner_is_refused_as_if_it_had_been_answered(bank, service):
    """Nobody is there to confirm; only a look-up can bring this, for a charge says so itself."""
    bank.always = lambda request: replace(
        support_gateway.told(request, Verdict.WAITING), again_url="https://bank.test/3ds", payment_ref=""
    )
    bank.fail("charge", TIME_OUT, executed=True)
    await run()
    clock.use(lambda: days.at(E7) + timedelta(minutes=2))
    await reconcile.sweep()
    attempt = the(tables.PaymentAttempt)
    assert (attempt.status, attempt.reason, attempt.remedy) == ("declined", "authentication", "confirm")
    assert (renewal(service).trouble, renewal(service).remedy) == ("authentication", "confirm")
    assert (renewal(service).next_debit_on, the(tables.Order, kind="renewal").status) == (None, "awaiting_payment")
    (mail,) = rows(tables.OutboxMail, template="m08")
    assert mail.params["path"].startswith("/conferma/")
    assert factories.alerts() == []


async def test_what_never_arrived_is_not_asked_for_after_the_expiry(bank, service):
    go_to(E, 22)
    bank.fail("charge", TIME_OUT, executed=False)
    await run()
    clock.use(lambda: days.at(E + timedelta(days=1), 0, 40))
    await reconcile.sweep()
    assert bank.charges == {}
    assert the(tables.Order, kind="renewal").status == "awaiting_payment"


async def test_switching_off_while_the_debit_runs_tells_so_and_the_renewal_stays_paid(bank, service, actor):
    runs: list[bool] = []
    bank.meanwhile("charge", lambda: db.run(lambda: runs.append(auto_renewal.disable(actor, service.id))))
    await run()
    assert runs == [True]
    assert (again(service).renewal, again(service).expires_on) == ("disabled", date(2028, 3, 31))


async def test_the_notice_is_proved_by_the_day_on_which_the_mail_server_took_it(service):
    with db.reading() as s:
        assert dunning.notified_on(s, service.id, E) == E - timedelta(days=35)
        assert dunning.notified_on(s, service.id, date(2028, 3, 31)) is None
