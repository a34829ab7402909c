"""What a gateway says becomes rows, once, whoever brings the news, however often and in whatever order."""

import itertools
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pecapp import clock, db, tables
from pecapp.domain import orders, payments
from pecapp.domain.payments import Reason, Verdict
from pecapp.services import lifecycle, live, settlement
from tests.support import factories, race
from tests.support.factories import VISA, again, settle, the

pytestmark = pytest.mark.usefixtures("database", "frozen_clock")

SAVED = payments.Card("visa", "4242", 12, 2030, "IT", "fp_visa", token="pm_1", customer="cus_1")


def _order(attempt):
    return the(tables.Order, id=attempt.order_id)


def _effects(attempt):
    """What a payment may bring about only once: services, receipts, mails, refunds, alerts."""
    return {
        "services": len(factories.rows(tables.Service)),
        "receipts": [(row.year, row.number) for row in factories.rows(tables.Receipt)],
        "mails": factories.mails(),
        "refunds": len(factories.rows(tables.Refund)),
        "alerts": factories.alerts(),
    }


# --- success, once ----------------------------------------------------------------------------------------------------


def test_a_payment_that_succeeds_pays_the_order_and_brings_service_receipt_and_mail():
    attempt = factories.opened()
    settle(attempt, card=VISA)
    order = _order(attempt)
    assert (order.status, order.paid_at) == ("paid", clock.now())
    service = the(tables.Service, order_id=order.id)
    assert (service.status, service.activated_on.isoformat(), service.expires_on.isoformat()) == (
        "activating", "2027-03-10", "2028-03-10",
    )  # fmt: skip
    receipt = the(tables.Receipt, order_id=order.id)
    assert (receipt.attempt_id, receipt.year, receipt.number) == (attempt.id, 2027, 1)
    assert factories.mails() == [f"m03:order:{order.id}"]
    paid = again(attempt)
    assert (paid.status, paid.payment_ref, paid.finished_at) == ("succeeded", f"pi_{attempt.id}", clock.now())
    assert (paid.card_brand, paid.card_last4, paid.card_country) == ("visa", "4242", "IT")
    assert paid.next_check_at is None


@pytest.mark.parametrize(
    "news",
    [
        ("webhook", "return"),
        ("return", "webhook"),
        ("webhook", "webhook", "return"),
        ("return", "webhook", "return"),
        ("return",),
    ],
)
def test_webhook_first_return_first_twice_or_reversed_the_end_is_the_same(news):
    attempt = factories.opened()
    for bearer in news:
        settle(attempt, card=VISA if bearer == "return" else None, witnessed=bearer == "return")
    assert _order(attempt).status == "paid"
    assert again(attempt).card_last4 == "4242"
    assert _effects(attempt) == {
        "services": 1, "receipts": [(2027, 1)], "mails": [f"m03:order:{attempt.order_id}"], "refunds": 0, "alerts": [],
    }  # fmt: skip
    assert the(tables.OutboxMail).ready_at == clock.now()


def test_webhook_and_return_at_the_same_moment_have_one_effect():
    attempt = factories.opened()
    results = race.together(settle, *[(attempt,)] * 8)
    assert sorted(result.changed for result in results) == [False] * 7 + [True]
    assert _effects(attempt) == {
        "services": 1, "receipts": [(2027, 1)], "mails": [f"m03:order:{attempt.order_id}"], "refunds": 0, "alerts": [],
    }  # fmt: skip


def test_the_payment_mail_waits_a_moment_for_the_cards_digits_but_not_for_ever():
    attempt = factories.opened()
    settle(attempt)
    assert the(tables.OutboxMail).ready_at == clock.now() + settlement.CARD_PATIENCE
    assert clock.now() < again(attempt).next_check_at < clock.now() + settlement.CARD_PATIENCE
    settle(attempt, card=VISA)
    assert again(attempt).next_check_at is None
    assert the(tables.OutboxMail).ready_at == clock.now()


@pytest.mark.parametrize("late", [verdict for verdict in Verdict if verdict is not Verdict.SUCCEEDED])
def test_nothing_that_comes_after_a_success_undoes_it(late):
    attempt = factories.opened()
    settle(attempt, card=VISA)
    before = factories.dump()
    settled = settle(attempt, late)
    assert (settled.status, settled.changed) == (payments.Status.SUCCEEDED, False)
    assert factories.dump() == before


@pytest.mark.parametrize("first", [Verdict.DECLINED, Verdict.CANCELLED, Verdict.EXPIRED, Verdict.PROCESSING])
def test_a_success_that_comes_late_still_pays_the_order(first):
    attempt = factories.opened()
    settle(attempt, first)
    settle(attempt, card=VISA)
    assert _order(attempt).status == "paid"
    assert again(attempt).reason is None
    assert len(factories.rows(tables.Receipt)) == 1


def test_the_gateways_name_is_kept_when_the_webhook_comes_before_the_gateways_answer():
    attempt = factories.opened()
    early = factories.attempt(factories.order(), status="created", gateway_ref=None, redirect_url="")
    settle(early, gateway_ref="cs_early")
    assert again(early).gateway_ref == "cs_early"
    settle(attempt, gateway_ref="")
    assert again(attempt).gateway_ref == attempt.gateway_ref


def test_news_of_an_attempt_that_is_not_here_changes_nothing():
    attempt = factories.opened()
    before = factories.dump()
    assert settle(attempt, attempt_id="f" * 32) is None
    assert factories.dump() == before


def test_open_tabs_and_staff_are_told_after_the_commit():
    heard = []
    listener = heard.append
    live.listen(listener)
    try:
        attempt = factories.opened()
        settle(attempt, card=VISA)
    finally:
        live.forget(listener)
    order = _order(attempt)
    assert {f"order:{order.id}", f"account:{order.account_id}", "admins"} <= set().union(*heard)


# --- failure ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Verdict.DECLINED, Verdict.CANCELLED, Verdict.EXPIRED])
def test_a_payment_that_fails_leaves_the_order_payable(verdict):
    attempt = factories.opened()
    settle(attempt, verdict, reason=Reason.INSUFFICIENT_FUNDS, witnessed=True)
    failed = again(attempt)
    assert (_order(attempt).status, failed.status, failed.reason) == ("awaiting_payment", verdict, "insufficient_funds")
    assert _effects(attempt) == {"services": 0, "receipts": [], "mails": [], "refunds": 0, "alerts": []}


def test_a_refusal_is_told_by_mail_only_to_who_did_not_see_it():
    seen, unseen = factories.opened(), factories.opened()
    settle(seen, Verdict.DECLINED, witnessed=True)
    settle(unseen, Verdict.DECLINED, reason=Reason.AUTHENTICATION)
    settle(unseen, Verdict.DECLINED, reason=Reason.AUTHENTICATION)
    assert factories.mails() == [f"m06:attempt:{unseen.id}"]
    assert the(tables.OutboxMail).params == {"reason": "authentication", "gateway": "stripe"}


def test_who_was_told_to_wait_for_our_mail_gets_it_however_it_ends():
    ends = itertools.product([Verdict.DECLINED, Verdict.CANCELLED, Verdict.EXPIRED], [True, False])
    for verdict, witnessed in ends:
        attempt = factories.opened()
        settle(attempt, Verdict.PROCESSING, witnessed=True)
        settle(attempt, verdict, witnessed=witnessed)
        assert f"m06:attempt:{attempt.id}" in factories.mails()


def test_who_gives_up_or_lets_the_page_expire_gets_no_mail():
    for verdict in (Verdict.CANCELLED, Verdict.EXPIRED):
        settle(factories.opened(), verdict)
    assert factories.mails() == []


# --- unknown ----------------------------------------------------------------------------------------------------------


def test_an_unknown_outcome_keeps_the_order_in_verification_and_is_asked_for_again():
    attempt = factories.opened()
    settle(attempt, Verdict.PROCESSING, card=payments.Card("visa", "", 0, 0, country="CH"))
    unknown = again(attempt)
    assert (_order(attempt).status, unknown.status, unknown.card_country) == ("verifying", "unknown", "CH")
    assert (unknown.unknown_since_at, unknown.next_check_at) == (clock.now(), clock.now() + timedelta(minutes=1))


def test_hearing_again_that_it_is_unknown_does_not_start_the_waiting_anew(frozen_clock):
    attempt = factories.opened()
    settle(attempt, Verdict.PROCESSING)
    first = again(attempt)
    frozen_clock.advance(minutes=3)
    settle(attempt, Verdict.PROCESSING)
    settle(attempt, Verdict.WAITING)
    assert again(attempt).unknown_since_at == first.unknown_since_at
    assert again(attempt).next_check_at == first.next_check_at


def test_an_unknown_outcome_that_becomes_yes_is_paid_and_one_that_becomes_no_is_payable_again():
    yes, no = factories.opened(), factories.opened()
    for attempt in (yes, no):
        settle(attempt, Verdict.PROCESSING, witnessed=True)
    settle(yes, card=VISA)
    settle(no, Verdict.DECLINED)
    assert (_order(yes).status, _order(no).status) == ("paid", "awaiting_payment")
    assert sorted(factories.mails()) == sorted([f"m03:order:{yes.order_id}", f"m06:attempt:{no.id}"])


# --- money that does not fit ------------------------------------------------------------------------------------------


def test_an_order_is_never_paid_by_another_amount_or_currency():
    strange = [*({"amount_cents": cents} for cents in (1207, 1209, 0, 120800)), {"currency": "jpy"}]
    for told in strange:
        attempt = factories.opened()
        for _ in range(2):
            settle(attempt, **told)
        order, kept = _order(attempt), again(attempt)
        assert (order.status, order.review_reason) == ("verifying", "amount_differs")
        assert (kept.status, kept.next_check_at) == ("unknown", None)
        alert = the(tables.Alert, order_id=order.id)
        received = f"{told.get('amount_cents', 1208)} {told.get('currency', 'eur')}"
        assert (alert.params["expected"], alert.params["received"]) == ("1208 eur", received)
    assert factories.alerts() == ["amount_differs"] * len(strange)
    assert not any(
        factories.rows(table) for table in (tables.Service, tables.Receipt, tables.OutboxMail, tables.Refund)
    )


def test_money_that_does_not_fit_and_comes_after_a_success_changes_nothing():
    attempt = factories.opened()
    settle(attempt, card=VISA)
    before = factories.dump()
    settle(attempt, amount_cents=1)
    assert factories.dump() == before


# --- money for an order that no longer wants it -----------------------------------------------------------------------


@pytest.mark.parametrize("status", ["cancelled", "expired", "refunded"])
def test_a_payment_that_comes_after_the_order_was_closed_goes_back(status):
    attempt = factories.attempt(factories.order(status=status), status="cancelled")
    for _ in range(2):
        settle(attempt, card=VISA)
    assert _order(attempt).status == status
    refund = the(tables.Refund)
    assert (refund.attempt_id, refund.amount_cents, refund.currency, refund.reason, refund.status) == (
        attempt.id, 1208, "eur", "surplus", "requested",
    )  # fmt: skip
    assert _effects(attempt) == {
        "services": 0, "receipts": [], "mails": [], "refunds": 1, "alerts": ["surplus_payment"],
    }  # fmt: skip


def test_of_two_payments_for_one_order_the_second_goes_back():
    order = factories.order()
    first, second = factories.attempt(order, status="cancelled"), factories.attempt(order)
    race.together(lambda attempt: settle(attempt, card=VISA), (first,), (second,))
    assert [again(attempt).status for attempt in (first, second)] == ["succeeded", "succeeded"]
    kept, returned = the(tables.Receipt).attempt_id, the(tables.Refund).attempt_id
    assert {kept, returned} == {first.id, second.id}
    assert _order(first).status == "paid"
    assert factories.alerts() == ["surplus_payment"]


def test_a_payment_that_goes_back_saves_no_method_and_switches_on_no_renewal():
    actor = factories.customer()
    older = factories.opened(actor)
    settle(older, card=VISA)
    service = the(tables.Service)
    order = factories.order(actor, status="cancelled", auto_renew=True, save_method=True, extend_services=[service.id])
    late = factories.attempt(order, status="cancelled")
    settle(late)
    settle(late, card=SAVED)
    assert not factories.rows(tables.PaymentMethod)
    assert again(service).renewal == "inactive"
    assert not factories.mails("m04")


# --- receipts ---------------------------------------------------------------------------------------------------------


def test_receipts_are_numbered_without_gaps_in_each_year_of_rome(frozen_clock):
    for instant in (
        datetime(2027, 12, 31, 22, 30, tzinfo=UTC),
        datetime(2027, 12, 31, 22, 59, 59, tzinfo=UTC),
        datetime(2027, 12, 31, 23, 30, tzinfo=UTC),
        datetime(2028, 1, 1, 0, 30, tzinfo=UTC),
        datetime(2028, 6, 30, 22, 30, tzinfo=UTC),
    ):
        frozen_clock.set(instant)
        settle(factories.opened(), card=VISA)
    numbers = sorted((row.year, row.number) for row in factories.rows(tables.Receipt))
    assert numbers == [(2027, 1), (2027, 2), (2028, 1), (2028, 2), (2028, 3)]


def test_payments_at_the_same_moment_get_consecutive_receipts():
    attempts = [factories.opened() for _ in range(8)]
    results = race.together(settle, *[(attempt,) for attempt in attempts])
    assert all(result.changed for result in results)
    assert sorted(row.number for row in factories.rows(tables.Receipt)) == [*range(1, 9)]


def test_a_payment_that_is_rolled_back_gives_its_receipt_number_back():
    attempt = factories.opened()

    def fails_after_it():
        with db.transaction() as s:
            settlement.settle(s, factories.outcome(attempt, card=VISA))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails_after_it()
    assert _effects(attempt) == {"services": 0, "receipts": [], "mails": [], "refunds": 0, "alerts": []}
    settle(factories.opened(), card=VISA)
    assert the(tables.Receipt).number == 1


# --- saved methods and automatic renewal ------------------------------------------------------------------------------


def test_a_renewal_that_was_asked_for_is_on_only_when_there_is_a_card_to_charge():
    actor = factories.customer()
    attempt = factories.opened(actor, auto_renew=True, save_method=True)
    settle(attempt)
    assert (the(tables.Service).renewal, factories.mails("m04")) == ("incomplete", [])
    for _ in range(2):
        settle(attempt, card=SAVED)
    method = the(tables.PaymentMethod)
    assert (method.account_id, method.token, method.customer_ref, method.last4) == (
        actor.account_id, "pm_1", "cus_1", "4242",
    )  # fmt: skip
    assert method.consent["order"] == _order(attempt).number
    service = the(tables.Service)
    assert (service.renewal, service.method_id) == ("active", method.id)
    assert factories.mails("m04") == [f"m04:order:{attempt.order_id}"]


def test_a_card_that_is_not_saved_yet_is_asked_for_until_it_is():
    attempt = factories.opened(auto_renew=True, save_method=True)
    settle(attempt, card=VISA)
    assert (the(tables.Service).renewal, again(attempt).card_last4) == ("incomplete", "4242")
    assert again(attempt).next_check_at
    settle(attempt, card=SAVED)
    assert (the(tables.Service).renewal, again(attempt).next_check_at) == ("active", None)


def test_a_renewal_that_was_switched_off_is_not_switched_on_by_old_news():
    attempt = factories.opened(auto_renew=True, save_method=True)
    settle(attempt, card=SAVED)
    with db.transaction() as s:
        service = s.get_one(tables.Service, the(tables.Service).id)
        service.renewal, service.method_id = "disabled", None
        s.add(service)
    factories.change(the(tables.PaymentMethod), status="removed", token="")
    before = factories.dump()
    settle(attempt, card=SAVED, witnessed=True)
    assert factories.dump() == before


def test_the_same_card_twice_is_one_method():
    actor = factories.customer()
    for token in ("pm_1", "pm_2"):
        card = replace(SAVED, token=token)
        settle(factories.opened(actor, save_method=True), card=card)
    assert the(tables.PaymentMethod).token == "pm_2"


def test_a_card_is_kept_only_by_who_agreed():
    settle(factories.opened(save_method=False), card=SAVED)
    settle(factories.opened(save_method=True), card=VISA)
    assert not factories.rows(tables.PaymentMethod)


def test_the_renewal_is_extended_to_the_ticked_services_of_the_same_customer_and_to_no_one_elses():
    actor = factories.customer()
    settle(factories.opened(actor), card=VISA)
    settle(factories.opened(), card=VISA)
    mine, foreign = factories.rows(tables.Service)
    order = {"auto_renew": True, "save_method": True, "extend_services": [mine.id, foreign.id, 999]}
    settle(factories.opened(actor, **order), card=SAVED)
    assert [row.renewal for row in factories.rows(tables.Service)] == ["active", "inactive", "active"]
    assert len(the(tables.OutboxMail, template="m04").params["service_ids"]) == 2


def test_a_product_without_renewal_has_none_and_no_expiry():
    configuration = {"product": "FR", "months": None, "names": [], "labels": ["Firma Remota"]}
    settle(factories.opened(family="b", years=None, auto_renew=None, configuration=configuration), card=VISA)
    service = the(tables.Service)
    assert (service.renewal, service.expires_on, service.years) == (None, None, None)


def test_each_mailbox_of_an_order_is_a_service_and_its_name_is_taken_for_good():
    names = ["a@pec-ceralacca.test", "b@pec-ceralacca.test"]
    configuration = {"product": "PEC-STD", "months": None, "names": names, "labels": names}
    attempt = factories.opened(configuration=configuration)
    with db.transaction() as s:
        s.add_all(
            tables.MailboxName(address=name, order_id=attempt.order_id, status="held", tax_id="X") for name in names
        )
    settle(attempt, card=VISA)
    assert [service.label for service in factories.rows(tables.Service)] == names
    assert {row.status for row in factories.rows(tables.MailboxName)} == {"used"}


# --- laws -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_whatever_comes_in_whatever_order_a_paid_order_stays_paid_with_one_of_everything(seed):
    dice = random.Random(seed)
    order = factories.order()
    attempts = [factories.attempt(order, status="cancelled") for _ in range(2)] + [factories.attempt(order)]
    paid = False
    for _ in range(25):
        settle(dice.choice(attempts), dice.choice([*Verdict]), card=dice.choice([None, VISA]))
        now = the(tables.Order, id=order.id)
        paid = paid or now.status == "paid"
        assert not paid or now.status == "paid"
    succeeded = factories.rows(tables.PaymentAttempt, status="succeeded")
    assert len(factories.rows(tables.Service)) == len(factories.rows(tables.Receipt)) == int(paid)
    assert len(factories.rows(tables.Refund)) == max(len(succeeded) - 1, 0)
    assert len(factories.mails("m03")) == int(paid)


def test_an_order_moves_only_from_where_it_is():
    order = factories.order(status="paid")
    with db.transaction() as s:
        assert lifecycle.advance(s, order.id or 0, "paid", orders.Signal.CANCELLED) is orders.Status.PAID
    assert again(order).status == "paid"
