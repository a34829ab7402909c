"""«Recedere dal contratto qui»: who is proved has the effect at once, anybody else an equal answer and no effect."""

from datetime import date, timedelta
from uuid import uuid4

import pytest

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import (
    access,
    correspondence,
    inbox,
    orders,
    outbox,
    portfolio,
    refunds,
    renewals,
    settlement,
    throttle,
    withdrawal_cases,
    withdrawals,
)
from tests.support import factories, gateway, race, renewing
from tests.support.factories import again, rows, settle, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("shop")]

HOLDER, ADDRESS = "Anna Verdi", "anna.verdi@example.test"
SEEN = "12,08\xa0€"
STRANGER = access.Actor("somebody", ip="203.0.113.99", user_agent="Browser/2.0")


@pytest.fixture(autouse=True)
def _no_counts():
    throttle.forget_all()


def paid(actor: access.Actor, **values: object) -> tables.Order:
    """A consumer's mailbox for a year, bought today and paid; it was to start at once."""
    known: dict[str, object] = {"withdrawal_until_on": clock.today() + timedelta(days=14), "start_now": True}
    order = factories.order(actor, **known | values)
    settle(factories.attempt(order), card=factories.VISA)
    return again(order)


def declare(actor: access.Actor, order: tables.Order | str, key: str = "", **typed: str):
    number = order if isinstance(order, str) else order.number
    form = {"name": HOLDER, "number": number, "email": ADDRESS} | typed
    return withdrawals.declare(actor, key or uuid4().hex, form, "it")


def prospect(actor: access.Actor, order: tables.Order):
    return withdrawals.prepare(actor, {"name": HOLDER, "number": order.number, "email": ADDRESS}, "it")


def service_of(order: tables.Order) -> tables.Service:
    return the(tables.Service, order_id=order.id)


def letter(template: str = "m20") -> str:
    """The text of the only such mail, once it has left."""
    outbox.send_due()
    mail = the(tables.OutboxMail, template=template)
    assert mail.status == "sent"
    return " ".join(mail.body_text.split()).replace("\xa0", " ")


# --- the customer's own contract --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("start_now", "kept", "back"), [(True, 17, 1191), (False, 0, 1208)])
async def test_a_contract_ends_and_what_was_not_used_goes_back(actor, shop, frozen_clock, start_now, kept, back):
    order = paid(actor, start_now=start_now)
    frozen_clock.advance(days=5)
    shown = prospect(actor, order)
    assert (shown.own, shown.refunded) == (True, i18n.money(back, "it"))
    answer = declare(actor, order)
    assert (answer.number, answer.received) == (order.number, i18n.instant(clock.now(), "it"))
    assert answer.effects == shown.effects
    row = the(tables.Withdrawal)
    assert (row.status, row.finding, row.channel, row.retained_cents, row.refunded_cents) == (
        "done", "in_time", "area", kept, back,
    )  # fmt: skip
    service = service_of(order)
    assert (service.status, service.expires_on, service.renewal, service.renewal_reason) == (
        "cancelled", clock.today(), "disabled", "withdrawal",
    )  # fmt: skip
    assert again(order).status == "refunded"
    assert await refunds.send_due() == 1
    (sent,) = shop.refunds.values()
    assert sent.amount_cents == back
    text = letter()
    for words in (order.number, HOLDER, ADDRESS, "15 marzo 2027, 13:00", "14 giorni", i18n.money(back, "it")):
        assert words.replace("\xa0", " ") in text
    assert i18n.money(back, "it").replace("\xa0", " ") in letter("m21")
    page = orders.page(actor, order.number, "it")
    assert page.headline == ("Ordine rimborsato in parte" if kept else "Ordine rimborsato")
    assert i18n.money(back, "it") in page.explanation
    assert not page.can_withdraw


def test_an_automatic_renewal_goes_off_with_it_and_the_address_is_its_holders_to_have_again(actor):
    service = renewing.service(actor, renewing.card(actor), date(2028, 3, 10))
    order = the(tables.Order, id=service.order_id)
    factories.change(order, withdrawal_until_on=clock.today())
    factories.add(tables.MailboxName(address=service.label, order_id=order.id, status="used", tax_id="X"))
    renewing.choice(service, None)
    assert "Il rinnovo automatico è disattivato" in " ".join(declare(actor, order).effects)
    ended = again(service)
    assert (ended.renewal, ended.method_id, ended.status) == ("disabled", None, "cancelled")
    assert the(tables.MailboxName).status == "former"
    assert not rows(tables.RenewalChoice)
    assert "hai receduto" in portfolio.page(actor, service.id, "it").renewal_note


def test_pressing_twice_and_in_two_tabs_is_one_declaration_and_one_refund(actor):
    order = paid(actor)
    first = declare(actor, order, "key")
    assert declare(actor, order, "key") == declare(actor, order, "other") == first
    assert len(rows(tables.Withdrawal)) == len(rows(tables.Refund)) == len(factories.mails("m20")) == 1


def test_amounts_go_only_to_an_address_that_is_known_to_be_theirs(actor):
    declare(actor, paid(actor), email="altrove@example.test")
    assert again(service_of(the(tables.Order))).status == "cancelled"
    text = letter()
    assert the(tables.OutboxMail, template="m20").to_address == "altrove@example.test"
    assert "12,08" not in text


def test_two_at_the_same_moment_are_one(actor):
    order = paid(actor)
    answers = race.together(declare, *[(actor, order, key) for key in ("a", "b", "b", "c")])
    assert len({answer.received for answer in answers}) == 1
    assert len(rows(tables.Withdrawal)) == len(rows(tables.Refund)) == len(factories.mails("m20")) == 1


def test_no_more_goes_back_than_is_left(actor):
    order = paid(actor, start_now=False)
    attempt = the(tables.PaymentAttempt)
    factories.add(
        tables.Refund(
            id="earlier", order_id=order.id or 0, attempt_id=attempt.id, amount_cents=1000, reason="goodwill",
            idempotency_key="refund:earlier", created_at=clock.now(),
        )
    )  # fmt: skip
    declare(actor, order)
    assert sum(row.amount_cents for row in rows(tables.Refund)) == 1208
    assert the(tables.Withdrawal).refunded_cents == 208


@pytest.mark.parametrize(
    ("values", "days", "code"),
    [
        ({}, 15, "REC_LATE"),
        ({"holder": factories.people.HOLDER | {"kind": "professional"}}, 0, "REC_PROFESSIONAL"),
    ],
)
def test_where_there_is_no_right_it_is_said_and_nothing_changes(actor, frozen_clock, values, days, code):
    order = paid(actor, **values)
    frozen_clock.advance(days=days)
    before = factories.dump()
    for act in (prospect, declare):
        with pytest.raises(errors.Invalid) as refused:
            act(actor, order)
        assert refused.value.fields == {"number": code}
    assert factories.dump() == before
    assert withdrawals.contracts(actor, "it") == []
    assert not orders.page(actor, order.number, "it").can_withdraw


def test_the_last_day_is_in_time(actor, frozen_clock):
    order = paid(actor)
    frozen_clock.advance(days=14)
    declare(actor, order)
    assert the(tables.Withdrawal).status == "done"


def test_an_unpaid_order_is_cancelled_instead(actor):
    order = factories.order(actor, withdrawal_until_on=clock.today())
    assert "lo annulliamo" in prospect(actor, order).effects[0]
    declare(actor, order)
    assert again(order).status == "cancelled"
    assert not rows(tables.Refund)
    assert [len(factories.mails(name)) for name in ("m18", "m20")] == [1, 1]


def test_one_that_is_being_paid_waits_for_the_outcome(actor):
    attempt = factories.opened(actor, withdrawal_until_on=clock.today())
    order = the(tables.Order)
    assert "in corso" in declare(actor, order).effects[0]
    assert (withdrawals.handle_due(), the(tables.Withdrawal).status) == (0, "waiting")
    settle(attempt, card=factories.VISA)
    assert (withdrawals.handle_due(), withdrawals.handle_due()) == (1, 0)
    assert (the(tables.Withdrawal).status, again(order).status) == ("done", "refunded")
    assert the(tables.Refund).amount_cents == 1208


def test_one_whose_payment_fails_after_it_is_cancelled(actor):
    attempt = factories.opened(actor, withdrawal_until_on=clock.today())
    declare(actor, the(tables.Order))
    settle(attempt, Verdict.DECLINED)
    assert withdrawals.handle_due() == 1
    assert (the(tables.Order).status, rows(tables.Refund)) == ("cancelled", [])


@pytest.mark.parametrize(
    ("product", "values", "finding"),
    [("MT-50", {}, "use"), ("FD-CARD", {"shipping": {"shipping_city": "Roma"}, "start_now": False}, "goods")],
)
def test_what_was_used_or_shipped_in_part_is_for_a_person(actor, product, values, finding):
    configuration = {"product": product, "months": None, "names": [], "labels": ["X"]}
    order = paid(actor, configuration=configuration, years=None, auto_renew=None, **values)
    factories.change(service_of(order), status="active")
    assert declare(actor, order).effects
    row = the(tables.Withdrawal)
    assert (row.status, row.finding, again(order).status) == ("to_check", finding, "paid")
    assert factories.alerts() == ["withdrawal_to_check"]
    declare(actor, order)
    assert len(rows(tables.Withdrawal)) == 1


def test_an_issued_certificate_is_excluded(actor):
    configuration = {"product": "FR", "months": 36, "names": [], "labels": ["X"]}
    order = paid(actor, configuration=configuration, years=None, auto_renew=None)
    factories.change(service_of(order), status="active")
    with pytest.raises(errors.Invalid) as refused:
        declare(actor, order)
    assert refused.value.fields == {"number": "REC_ISSUED"}


# --- renewals ---------------------------------------------------------------------------------------------------------


def renewed(actor: access.Actor, service: tables.Service, *, pay: bool = True) -> tables.Order:
    """A renewal by hand."""
    form = factories.ACCEPTED | {"gateway": "stripe", "auto_renew": "no", "amount": SEEN}
    order = the(tables.Order, number=renewals.place(actor, service.id or 0, form, "it"))
    if pay:
        settle(factories.attempt(order), card=factories.VISA)
    return again(order)


def test_a_renewal_by_hand_is_a_contract_of_its_own(actor):
    bought = paid(actor, withdrawal_until_on=clock.today() - timedelta(days=1))
    service = service_of(bought)
    order = renewed(actor, service)
    assert again(service).expires_on == date(2029, 3, 10)
    assert portfolio.page(actor, service.id or 0, "it").withdraw == order.number
    assert [one.number for one in withdrawals.contracts(actor, "it")] == [order.number]
    assert "10 marzo 2028" in " ".join(declare(actor, order, email=order.reference_email).effects)
    kept = again(service)
    assert (kept.status, kept.expires_on, kept.renewal) == ("activating", date(2028, 3, 10), "disabled")
    assert the(tables.Renewal).status == "void"
    assert (again(order).status, again(bought).status) == ("refunded", "paid")
    assert the(tables.Refund).amount_cents == 1208
    renewed(actor, again(service))
    assert again(service).expires_on == date(2029, 3, 10)


@pytest.mark.parametrize("pay", [True, False])
def test_what_prolongs_a_contract_ends_with_it(actor, pay):
    bought = paid(actor)
    renewal = renewed(actor, service_of(bought), pay=pay)
    assert any(renewal.number in one for one in prospect(actor, bought).effects)
    declare(actor, bought)
    assert service_of(bought).status == "cancelled"
    assert (again(bought).status, again(renewal).status) == ("refunded", "refunded" if pay else "cancelled")
    assert sorted(row.amount_cents for row in rows(tables.Refund)) == ([1208, 1208] if pay else [1208])
    assert the(tables.Renewal).status == "void"


def automatic(actor: access.Actor, service: tables.Service) -> tables.Order:
    order = renewed(actor, service)
    factories.change(order, withdrawal_until_on=None)
    with db.transaction() as s:
        s.get_one(tables.Renewal, order.id).automatic = True
    return order


def test_an_automatic_renewal_gives_no_second_right(actor, frozen_clock):
    bought = paid(actor, withdrawal_until_on=clock.today())
    order = automatic(actor, service_of(bought))
    frozen_clock.advance(days=1)
    with pytest.raises(errors.Invalid) as refused:
        prospect(actor, order)
    assert refused.value.fields == {"number": "REC_AUTOMATIC"}


@pytest.mark.parametrize(
    ("days", "back", "status", "expires"),
    [(360, 1208, "activating", date(2028, 3, 10)), (366 + 73, 966, "cancelled", None)],
)
def test_who_was_told_too_late_leaves_without_cost(actor, frozen_clock, days, back, status, expires):
    bought = paid(actor, withdrawal_until_on=clock.today())
    order = automatic(actor, service_of(bought))
    factories.change(service_of(bought), free_exit_until_on=date(2029, 3, 10))
    frozen_clock.advance(days=days)
    shown = portfolio.page(actor, service_of(bought).id or 0, "it")
    assert (shown.withdraw, shown.free_exit) == (order.number, "10 marzo 2029")
    (offered,) = withdrawals.contracts(actor, "it")
    assert (offered.number, offered.service_id) == (order.number, service_of(bought).id)
    declare(actor, order)
    row, service = the(tables.Withdrawal), service_of(bought)
    assert (row.finding, row.refunded_cents) == ("free_exit", back)
    assert (service.status, service.expires_on, service.free_exit_until_on) == (
        status, expires or clock.today(), None,
    )  # fmt: skip
    assert (again(order).status, again(bought).status) == ("refunded", "paid")


def test_who_uses_a_later_right_keeps_the_right_to_leave_the_term_before(actor):
    bought = paid(actor, withdrawal_until_on=clock.today())
    late = automatic(actor, service_of(bought))
    factories.change(service_of(bought), free_exit_until_on=date(2029, 3, 10))
    declare(actor, renewed(actor, service_of(bought)))
    service = service_of(bought)
    assert (service.expires_on, service.free_exit_until_on) == (date(2029, 3, 10), date(2029, 3, 10))
    assert withdrawals.contracts(actor, "it")[0].number == late.number
    declare(actor, late)
    assert (service_of(bought).expires_on, service_of(bought).free_exit_until_on) == (date(2028, 3, 10), None)
    assert (the(tables.Withdrawal, order_id=late.id).finding, again(late).status) == ("free_exit", "refunded")


# --- without signing in -----------------------------------------------------------------------------------------------


async def test_name_number_and_address_of_the_order_are_enough(actor, shop):
    order = paid(actor)
    answer = declare(STRANGER, order, name="VERDI  anna")
    assert answer.effects == []
    row = the(tables.Withdrawal)
    assert (row.channel, row.status, row.account_id, again(order).status) == (
        "open", "received", actor.account_id, "paid",
    )  # fmt: skip
    assert (withdrawals.handle_due(), withdrawals.handle_due()) == (1, 0)
    assert (again(row).status, again(order).status) == ("done", "refunded")
    assert await refunds.send_due() == 1
    assert "Ti rimborsiamo 12,08 €" in letter()
    assert {mail.template for mail in correspondence.of_account(actor)} >= {"m20", "m21"}


@pytest.mark.parametrize(
    "typed", [{"name": "Ada Bianchi"}, {"email": "altra@example.test"}, {"number": "1234567897"}], ids=str
)
def test_a_stranger_ends_nothing_and_learns_nothing(actor, typed):
    order = paid(actor)
    right, wrong = declare(STRANGER, order), declare(STRANGER, order, **typed)
    assert right.effects == wrong.effects == []
    assert right.received == wrong.received
    factories.change(the(tables.Withdrawal, account_id=actor.account_id), status="done")
    assert withdrawals.handle_due() == 1
    row = the(tables.Withdrawal, account_id=None)
    assert (row.status, row.finding, again(order).status) == ("to_check", "unproved", "paid")
    assert factories.alerts() == ["withdrawal_to_check"]
    assert not rows(tables.Refund)
    mail = the(tables.OutboxMail, dedup_key=f"m20:withdrawal:{row.id}")
    assert (mail.account_id, mail.order_id, mail.to_address) == (None, None, row.email)
    outbox.send_due()
    text = again(mail).body_text
    assert again(mail).status == "sent"
    assert not any(secret in text for secret in ("12,08", "PEC Standard"))


def test_another_customer_is_a_stranger(actor):
    order, other = paid(actor), factories.customer()
    shown = prospect(other, order)
    assert (shown.own, shown.effects, shown.refunded) == (False, [], "")
    declare(other, order, email="altra@example.test")
    withdrawals.handle_due()
    assert again(order).status == "paid"


def test_every_answer_to_a_stranger_stores_as_much(actor):
    """Equal work is equal time: what a number stands for is found out after the answer."""
    order = paid(actor)
    for number in (order.number, "1234567897"):
        declare(STRANGER, number)
    one, other = rows(tables.Withdrawal)
    assert {one.status, other.status} == {"received"}
    assert len({row.ready_at for row in rows(tables.OutboxMail, template="m20")}) == 1


def test_declared_without_a_right_is_for_a_person(actor, frozen_clock):
    order = paid(actor)
    frozen_clock.advance(days=15)
    declare(STRANGER, order)
    withdrawals.handle_due()
    assert (the(tables.Withdrawal).finding, again(order).status) == ("late", "paid")
    assert factories.alerts() == ["withdrawal_to_check"]


def test_what_was_declared_in_time_stays_in_time(actor, frozen_clock):
    order = paid(actor)
    frozen_clock.advance(days=14)
    declare(STRANGER, order)
    frozen_clock.advance(days=3)
    withdrawals.handle_due()
    assert (the(tables.Withdrawal).status, again(order).status) == ("done", "refunded")


def test_declared_again_it_is_acknowledged_again_and_has_no_second_effect(actor):
    order = factories.order(actor, withdrawal_until_on=clock.today(), gross_cents=0, net_cents=0, vat_cents=0)
    with db.transaction() as s:
        settlement.register_free(s, order.id or 0)
    for _ in range(2):
        declare(STRANGER, order)
    assert withdrawals.handle_due() == 2
    assert sorted(row.status for row in rows(tables.Withdrawal)) == ["done", "repeated"]
    assert service_of(order).status == "cancelled"
    assert len(factories.mails("m20")) == 2


def test_one_that_cannot_be_settled_does_not_hold_up_the_others(actor, monkeypatch):
    broken, fine = paid(actor), paid(actor)
    for order in (broken, fine):
        declare(STRANGER, order)
    load = withdrawal_cases.load

    def failing(s, order_id, **how):
        if order_id == broken.id:
            raise errors.Unavailable
        return load(s, order_id, **how)

    monkeypatch.setattr(withdrawal_cases, "load", failing)
    assert withdrawals.handle_due() == 1
    assert (again(broken).status, again(fine).status) == ("paid", "refunded")


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({"name": " "}, {"name": "CAMPO_OBBLIGATORIO"}),
        ({"name": "Premio https://esempio.test"}, {"name": "NOME_PERSONA_ERRATO"}),
        ({"name": "vinci su esempio.com"}, {"name": "NOME_PERSONA_ERRATO"}),
        ({"number": "123"}, {"number": "NUMERO_ORDINE_ERRATO"}),
        ({"email": "nessuno"}, {"email": "EMAIL_ERRATA"}),
    ],
)
def test_a_form_that_cannot_be_acknowledged_is_not_taken(typed, wrong):
    with pytest.raises(errors.Invalid) as refused:
        declare(STRANGER, "1234567897", **typed)
    assert refused.value.fields == wrong
    assert not rows(tables.Withdrawal)


def test_nobody_floods_an_address_and_nobody_is_shut_out_by_who_tries(actor):
    order = paid(actor)
    for place in range(5):
        declare(access.Actor("x", ip=f"198.51.100.{place}"), "1234567897")
    with pytest.raises(errors.TooMany):
        declare(access.Actor("x", ip="198.51.100.77"), order)
    declare(actor, order)
    assert again(order).status == "refunded"


# --- the money on its way ---------------------------------------------------------------------------------------------


async def tell(ref: str, event_id: str, kind: str) -> None:
    """The gateway's notification about a refund."""
    raw = gateway.event(event_id, type=kind, refund=ref)
    await inbox.receive("stripe", raw, gateway.SIGNED)
    await inbox.drain()


async def test_a_refund_that_takes_time_is_followed_to_its_end(actor, shop, frozen_clock):
    declare(actor, paid(actor))
    shop.refund_status = "pending"
    await refunds.send_due()
    refund = the(tables.Refund)
    assert (refund.status, len(factories.mails("m21"))) == ("pending", 1)
    assert await refunds.follow_due() == 0
    frozen_clock.advance(hours=1)
    assert await refunds.follow_due() == 1
    assert again(refund).status == "pending"
    shop.refunds_now[refund.gateway_ref] = "succeeded"
    frozen_clock.advance(days=2)
    assert (await refunds.follow_due(), await refunds.follow_due()) == (1, 0)
    assert (again(refund).status, again(refund).finished_at) == ("succeeded", clock.now())
    assert (len(factories.mails("m21")), factories.alerts()) == (1, [])


async def test_a_refund_that_is_stuck_is_told_to_the_staff(actor, shop, frozen_clock):
    declare(actor, paid(actor))
    shop.refund_status = "pending"
    await refunds.send_due()
    frozen_clock.advance(days=11)
    shop.fail("look_up_refund", base.OutcomeUnknown())
    assert await refunds.follow_due() == 1
    assert factories.alerts() == ["refund_pending"]


async def test_a_refund_that_looked_done_can_fail(actor, shop):
    order = paid(actor)
    declare(actor, order)
    await refunds.send_due()
    refund = the(tables.Refund)
    assert refund.status == "succeeded"
    shop.refunds_now[refund.gateway_ref] = "failed"
    await tell(refund.gateway_ref, "evt_1", "refund.failed")
    await tell(refund.gateway_ref, "evt_2", "charge.refund.updated")
    assert again(refund).status == "failed"
    assert (factories.alerts(), again(order).status) == (["refund_failed"], "refunded")
    assert len(factories.mails("m21")) == 1
    shop.refunds_now[refund.gateway_ref] = "succeeded"
    await tell(refund.gateway_ref, "evt_3", "refund.updated")
    assert again(refund).status == "failed"
    assert {row.status for row in rows(tables.InboxEvent)} == {"done"}


async def test_news_of_a_refund_before_our_own_answer_is_taken_down_once(actor, shop):
    declare(actor, paid(actor))
    refund = the(tables.Refund)
    shop.meanwhile("refund", lambda: tell(f"re_{refund.id}", "evt_1", "refund.created"))
    await refunds.send_due()
    assert (again(refund).status, len(factories.mails("m21"))) == ("succeeded", 1)


async def test_news_of_a_refund_is_asked_for_again_when_the_gateway_is_down(actor, shop, frozen_clock):
    declare(actor, paid(actor))
    await refunds.send_due()
    refund = the(tables.Refund)
    shop.refunds_now[refund.gateway_ref] = "failed"
    shop.fail("look_up_refund", base.OutcomeUnknown())
    await tell(refund.gateway_ref, "evt_1", "refund.failed")
    assert again(refund).status == "succeeded"
    frozen_clock.advance(seconds=30)
    await inbox.drain()
    assert again(refund).status == "failed"
