"""Contested payments: noted once, told, nothing more debited on the method, no refund beside them."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain.disputes import Status
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import disputes, inbox, mails, matter, refunds, settlement, subscriptions
from tests.support import factories
from tests.support.factories import KEPT, again, the
from tests.support.gateway import SIGNED, FakeGateway, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]


@pytest.fixture
def paid(gateway: FakeGateway) -> tables.PaymentAttempt:
    """A payment of 12.08 that has succeeded, with a card that its owner has let us keep."""
    attempt = factories.opened()
    factories.settle(attempt, card=KEPT)
    return again(attempt)


def contest(gateway: FakeGateway, attempt, status: Status = Status.TO_ANSWER, **facts) -> str:
    """The gateway has a dispute over a payment; its name."""
    known = {
        "dispute_ref": "du_1",
        "payment_ref": attempt.payment_ref,
        "amount_cents": attempt.amount_cents,
        "currency": "eur",
        "reason": "fraudulent",
        "status": status,
        "opened_at": clock.now(),
        "respond_by_at": clock.now() + timedelta(days=7),
    }
    dispute = base.Dispute(**known | facts)
    gateway.disputes[dispute.dispute_ref] = dispute
    return dispute.dispute_ref


async def hear(gateway: FakeGateway, attempt, status: Status = Status.TO_ANSWER, event_id: str = "evt_d", **facts):
    name = contest(gateway, attempt, status, **facts)
    await inbox.receive("stripe", event(event_id, dispute=name, ref=attempt.payment_ref), SIGNED)
    while await inbox.drain():
        pass


def renewing(attempt, **values) -> tables.Service:
    """A service of the payer that renews by itself, on the card that paid unless another is given."""
    order = the(tables.Order, id=attempt.order_id)
    method = values.pop("method", None) or factories.method(_owner(order))
    service = the(tables.Service, order_id=order.id)
    factories.change(service, renewal=subscriptions.RENEWAL_ACTIVE, method_id=method.id, **values)
    return again(service)


def _owner(order):
    return factories.access.Actor("x", order.account_id, "customer")


def ask(attempt, cents: int = 1208, *, waits: bool = False):
    with db.transaction() as s:
        held = settlement.hold(s, attempt.id)
        return refunds.request(s, held, cents, "staff:1", clock.now(), waits=waits)


async def test_a_dispute_is_noted_and_told_and_the_order_stays_paid(gateway, paid):
    await hear(gateway, paid)
    row = the(tables.Dispute)
    assert (row.gateway, row.dispute_ref, row.attempt_id, row.order_id) == ("stripe", "du_1", paid.id, paid.order_id)
    assert (row.amount_cents, row.reason, row.status, row.decided_at) == (1208, "fraudulent", "to_answer", None)
    assert row.respond_by_at == clock.now() + timedelta(days=7)
    order = the(tables.Order, id=paid.order_id)
    assert (order.status, order.review_reason) == ("paid", "disputed")
    assert again(paid).status == "succeeded"
    assert factories.alerts() == ["payment_disputed"]
    assert the(tables.InboxEvent).status == "done"


async def test_hearing_of_it_again_changes_nothing(gateway, paid):
    renewing(paid)
    await hear(gateway, paid)
    before = factories.dump()
    assert await disputes.check("stripe", "du_1")
    assert factories.dump() == before


async def test_the_renewals_on_what_paid_are_switched_off_and_their_owner_is_told(gateway, paid):
    service = renewing(paid)
    other = factories.method(
        _owner(the(tables.Order)), card=factories.payments.Card("visa", "1111", 1, 2031, "IT", "fp_x", "pm_x", "cus_1")
    )
    elsewhere = factories.add(tables.Service(**service.model_dump(exclude={"id", "method_id"}), method_id=other.id))
    await hear(gateway, paid)
    off = again(service)
    assert (off.renewal, off.renewal_reason, off.method_id) == ("disabled", "disputed", None)
    assert again(elsewhere).renewal == "active"
    (mail,) = [row for row in factories.rows(tables.OutboxMail) if row.template == "m12"]
    assert mail.params["disputed"] == the(tables.Order).number
    for lang in ("it", "en"):
        written = _written(mail, lang)
        assert the(tables.Order).number in written
        assert service.label in written


def _written(mail, lang) -> str:
    with db.transaction() as s:
        return f"{mails._COMPOSERS['m12'](matter.Matter(s, s.get_one(tables.OutboxMail, mail.id), lang)).letter}"


async def test_a_method_charged_without_its_owner_is_found_by_the_charge(gateway, paid):
    method = factories.method(_owner(the(tables.Order)))
    factories.change(paid, method_id=method.id, card_last4="", card_brand="")
    service = renewing(paid, method=method)
    await hear(gateway, paid)
    assert again(service).renewal == "disabled"


async def test_without_renewals_nobody_gets_a_mail(gateway, paid):
    await hear(gateway, paid)
    assert factories.mails("m12") == []


async def test_a_refund_is_refused_while_it_is_open_and_changes_nothing(gateway, paid):
    await hear(gateway, paid)
    before = factories.dump()
    with pytest.raises(errors.Conflict) as refusal:
        ask(paid)
    assert refusal.value.code == "PAGAMENTO_CONTESTATO"
    assert factories.dump() == before


@pytest.mark.parametrize("status", [Status.TO_ANSWER, Status.IN_REVIEW])
async def test_a_refund_that_must_be_given_waits_and_goes_on_when_it_is_won(gateway, paid, frozen_clock, status):
    await hear(gateway, paid, status)
    ask(paid, waits=True)
    frozen_clock.advance(days=1)
    assert await refunds.send_due() == 0
    assert gateway.refunds == {}
    await hear(gateway, paid, Status.WON, "evt_won")
    assert (the(tables.Dispute).status, the(tables.Dispute).decided_at) == ("won", clock.now())
    assert await refunds.send_due() == 1
    assert [one.amount_cents for one in gateway.refunds.values()] == [1208]
    assert factories.alerts() == ["payment_disputed", "dispute_won"]
    assert the(tables.Order).review_reason is None


async def test_a_refund_that_was_asked_for_before_waits_too(gateway, paid):
    ask(paid)
    await hear(gateway, paid)
    assert await refunds.send_due() == 0


async def test_what_a_lost_dispute_took_is_not_given_back_again(gateway, paid):
    await hear(gateway, paid)
    ask(paid, waits=True)
    await hear(gateway, paid, Status.LOST, "evt_lost")
    assert the(tables.Refund).status == "failed"
    assert await refunds.send_due() == 0
    assert gateway.refunds == {}
    assert factories.alerts() == ["payment_disputed", "dispute_lost", "refund_failed"]
    assert ask(paid, 100) is None
    assert (the(tables.Order).status, the(tables.Order).review_reason) == ("paid", "disputed")


def asked_for(attempt, *cents: int) -> list[tables.Refund]:
    """Refunds that wait for the end of a dispute, the first asked for first."""
    rows = []
    for number, amount in enumerate(cents):
        with db.transaction() as s:
            held = settlement.hold(s, attempt.id)
            at = clock.now() + timedelta(seconds=number)
            rows.append(refunds.request(s, held, amount, f"staff:{number}", at, waits=True))
    return rows


async def test_what_already_went_counts_before_what_was_never_sent(gateway, paid):
    await hear(gateway, paid)
    young, gone = asked_for(paid, 300, 500)
    factories.change(gone, status="succeeded", next_try_at=None)
    await hear(gateway, paid, Status.LOST, "evt_lost", amount_cents=600)
    assert (again(young).status, again(gone).status) == ("failed", "succeeded")
    assert factories.alerts() == ["payment_disputed", "dispute_lost", "refund_failed"]


async def test_what_may_have_gone_counts_before_what_was_never_sent(gateway, paid):
    await hear(gateway, paid)
    young, sent = asked_for(paid, 300, 500)
    factories.change(sent, tries=1)
    await hear(gateway, paid, Status.LOST, "evt_lost", amount_cents=600)
    assert (again(young).status, again(sent).status) == ("failed", "requested")
    assert factories.alerts() == ["payment_disputed", "dispute_lost", "refund_failed"]


async def test_a_refund_that_may_have_gone_after_the_money_was_lost_is_sent_again_and_the_staff_is_told(gateway, paid):
    await hear(gateway, paid)
    (sent,) = asked_for(paid, 500)
    factories.change(sent, tries=1)
    await hear(gateway, paid, Status.LOST, "evt_lost", amount_cents=1000)
    assert factories.alerts() == ["payment_disputed", "dispute_lost", "refund_in_doubt"]
    assert await refunds.send_due() == 1
    assert [one.amount_cents for one in gateway.refunds.values()] == [500]
    for lang in i18n.LANGS:
        assert i18n.words(lang)["staff.alert.refund_in_doubt"]


async def test_what_a_partly_lost_dispute_left_can_be_given_back(gateway, paid):
    await hear(gateway, paid, Status.LOST, amount_cents=1000)
    refund = ask(paid)
    assert refund is not None
    assert refund.amount_cents == 208


async def test_another_reason_to_look_at_the_order_stays(gateway, paid):
    factories.change(the(tables.Order), review_reason="amount_differs")
    await hear(gateway, paid)
    await hear(gateway, paid, Status.WON, "evt_won")
    assert the(tables.Order).review_reason == "amount_differs"


async def test_an_appeal_opens_it_again(gateway, paid):
    await hear(gateway, paid, Status.LOST)
    await hear(gateway, paid, Status.IN_REVIEW, "evt_2")
    assert (the(tables.Dispute).status, the(tables.Dispute).decided_at) == ("in_review", None)
    with pytest.raises(errors.Conflict):
        ask(paid)


async def test_a_dispute_over_what_is_not_here_is_kept_as_unmatched(gateway, paid):
    await hear(gateway, paid, payment_ref="pi_of_another_shop")
    assert the(tables.InboxEvent).status == "unmatched"
    assert factories.rows(tables.Dispute) == []


async def test_a_gateway_that_does_not_answer_is_asked_again(gateway, paid, frozen_clock):
    gateway.fail("look_up_dispute", base.OutcomeUnknown())
    await hear(gateway, paid)
    assert factories.rows(tables.Dispute) == []
    frozen_clock.advance(seconds=30)
    assert await inbox.drain() == 1
    assert the(tables.Dispute).status == "to_answer"


async def test_money_that_a_gateway_takes_back_by_itself_is_told(gateway, paid):
    gateway.know(paid, Verdict.SUCCEEDED, card=KEPT)
    raw = event("evt_r", type="PAYMENT.CAPTURE.REVERSED", ref=paid.payment_ref, by_ref=True, taken_back=True)
    await inbox.receive("stripe", raw, SIGNED)
    await inbox.receive("stripe", raw, SIGNED)
    assert factories.alerts() == ["payment_taken_back"]
    assert await inbox.drain() == 1
    assert the(tables.Order).status == "paid"


async def test_what_was_fetched_is_marked_and_settles_nothing_by_itself(gateway):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    raw = event("evt_l", factories.outcome(attempt))
    assert await inbox.take_over("stripe", raw)
    assert not await inbox.take_over("stripe", raw)
    assert (the(tables.InboxEvent).proof, the(tables.InboxEvent).status) == ("listed", "waiting")
    assert the(tables.Order).status == "verifying"
    assert await inbox.drain() == 1
    assert the(tables.Order).status == "paid"
    await inbox.receive("stripe", raw, SIGNED)
    assert len(factories.rows(tables.InboxEvent)) == 1


async def test_an_answer_that_was_asked_for_before_the_end_changes_nothing_after_it(gateway, paid, frozen_clock):
    asked_at = clock.now()
    frozen_clock.advance(seconds=1)
    contest(gateway, paid, Status.LOST)
    assert await disputes.check("stripe", "du_1")
    late = replace(gateway.disputes["du_1"], status=Status.IN_REVIEW)
    await db.run(disputes._record, "stripe", late, asked_at)
    assert the(tables.Dispute).status == "lost"
