"""The customer owns the means of payment and the renewals: sees them, removes them, switches them off, and is told."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain.payments import Card, Reason, Remedy, Saving, Verdict, Wallet
from pecapp.gateways import base
from pecapp.services import auto_renewal, debits, methods, notices, outbox
from tests.support import days, factories, race, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import VISA, again, settle, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

ACCOUNT = Wallet("paypal", "m•••@d•••.it", "IT", "PAYER1", token="tok-1", customer="cust-1", saving=Saving.SAVED)


@pytest.fixture
def kept(actor) -> tables.PaymentMethod:
    """A PayPal account that carries the renewal of a mailbox."""
    order = factories.order(actor, gateway="paypal", auto_renew=True, save_method=True, renewal_gross_cents=1208)
    settle(factories.attempt(order, gateway="paypal"), wallet=ACCOUNT)
    return the(tables.PaymentMethod)


def _mail(template: str) -> tables.OutboxMail:
    outbox.send_due()
    return the(tables.OutboxMail, template=template)


def test_a_customer_sees_what_is_kept_and_what_renews_on_it(actor, kept):
    (shown,) = methods.listing(actor, "it")
    assert (shown.id, shown.kind, shown.title, shown.expires, shown.state) == (
        kept.id, "paypal", "PayPal m•••@d•••.it", "", "valid",
    )  # fmt: skip
    assert shown.services == ["PEC Standard, scadenza 10 marzo 2028"]
    assert methods.listing(factories.customer(), "it") == []


def test_a_card_that_ends_before_its_next_debit_is_said_to_expire(actor, frozen_clock):
    order = factories.order(actor, auto_renew=True, save_method=True)
    ends = {"exp_month": 2, "exp_year": 2028, "token": "pm_1", "customer": "cus_1"}
    settle(factories.attempt(order), card=type(VISA)(**{**vars(VISA), **ends}))
    assert the(tables.Service).expires_on == date(2028, 3, 10)
    (shown,) = methods.listing(actor, "en")
    assert (shown.title, shown.expires, shown.state) == ("Visa •••• 4242", "02/28", "expiring")


# --- removal ----------------------------------------------------------------------------------------------------------


async def test_removal_switches_the_renewals_off_deletes_the_token_and_tells(paypal, actor, kept):
    methods.remove(actor, kept.id)
    service = the(tables.Service)
    assert (service.renewal, service.renewal_reason, service.method_id) == ("disabled", "method_removed", None)
    assert methods.listing(actor, "it") == []
    assert again(kept).token == ""
    mail = _mail("m11")
    assert (mail.subject, service.label in mail.body_text) == ("Metodo di pagamento rimosso", True)
    assert await methods.forget_due() == 1
    assert paypal.gone == {"tok-1"}
    assert await methods.forget_due() == 0


async def test_removing_twice_or_at_once_is_removing_once(paypal, actor, kept):
    race.repeated(methods.remove, 5, actor, kept.id)
    methods.remove(actor, kept.id)
    await methods.forget_due()
    assert paypal.asked("forget") == ["tok-1"]
    assert len(factories.mails("m11")) == 1


async def test_a_gateway_that_does_not_answer_is_asked_again(paypal, actor, kept, frozen_clock):
    paypal.fail("forget", base.OutcomeUnknown("time-out"))
    methods.remove(actor, kept.id)
    await methods.forget_due()
    assert await methods.forget_due() == 0
    frozen_clock.advance(minutes=3)
    await methods.forget_due()
    assert paypal.gone == {"tok-1"}


async def test_the_staff_is_told_of_a_token_that_cannot_be_deleted(paypal, actor, kept, frozen_clock):
    methods.remove(actor, kept.id)
    paypal.fail("forget", base.GatewayError("no"), times=methods.LAST_TRY)
    for _ in range(methods.LAST_TRY):
        await methods.forget_due()
        frozen_clock.advance(hours=1)
    assert factories.alerts() == ["token_not_deleted"]


async def test_an_account_that_is_kept_again_before_its_deletion_stays(paypal, actor, kept):
    methods.remove(actor, kept.id)
    settle(factories.attempt(factories.order(actor, save_method=True), gateway="paypal"), wallet=ACCOUNT)
    assert await methods.forget_due() == 0
    assert paypal.gone == set()
    assert [row.state for row in methods.listing(actor, "it")] == ["valid"]
    methods.remove(actor, kept.id)
    await methods.forget_due()
    assert paypal.gone == {"tok-1"}


async def test_what_was_revoked_at_the_gateway_is_shown_so_and_can_be_put_away(paypal, actor, kept):
    paypal.gone.add("tok-1")
    await methods.check("paypal", "tok-1")
    assert [row.state for row in methods.listing(actor, "it")] == ["revoked"]
    methods.remove(actor, kept.id)
    assert methods.listing(actor, "it") == []
    await methods.forget_due()
    assert paypal.asked("forget") == []


def test_a_repeated_event_does_not_bring_a_removed_method_back(actor, kept):
    methods.remove(actor, kept.id)
    attempt = the(tables.PaymentAttempt)
    settle(attempt, wallet=ACCOUNT)
    assert methods.listing(actor, "it") == []
    assert the(tables.Service).renewal == "disabled"


@pytest.mark.parametrize("number", [0, -1, 10**9])
def test_nobody_removes_anothers_method_or_one_that_does_not_exist(actor, kept, number):
    before = factories.dump()
    for who, which in ((factories.customer(), kept.id), (actor, number)):
        stranger = factories.dump()
        with pytest.raises(errors.NotFound):
            methods.remove(who, which)
        assert factories.dump() == stranger
    assert factories.dump()["payment_method"] == before["payment_method"]


# --- switching off ----------------------------------------------------------------------------------------------------


def test_a_renewal_that_is_switched_off_debits_nothing_and_the_method_stays(actor, kept):
    service = the(tables.Service)
    auto_renewal.disable(actor, service.id)
    auto_renewal.disable(actor, service.id)
    off = the(tables.Service)
    assert (off.renewal, off.renewal_reason, off.method_id) == ("disabled", "customer", None)
    assert [row.services for row in methods.listing(actor, "it")] == [[]]
    mail = _mail("m05")
    assert "10 marzo 2028" in mail.body_text
    assert "non sarà effettuato alcun addebito" in mail.body_text


def test_who_gives_up_a_renewal_before_its_token_came_has_the_last_word(actor):
    order = factories.order(actor, gateway="paypal", auto_renew=True, save_method=True)
    attempt = factories.attempt(order, gateway="paypal")
    promised = type(ACCOUNT)(**{**vars(ACCOUNT), "token": "", "saving": Saving.PENDING})
    settle(attempt, wallet=promised)
    auto_renewal.disable(actor, the(tables.Service).id)
    settle(attempt, wallet=ACCOUNT)
    assert the(tables.Service).renewal == "inactive"
    assert factories.mails("m04") == factories.mails("m05") == []


def test_a_service_switched_off_after_the_order_is_not_switched_on_by_it(actor, kept, frozen_clock):
    first = the(tables.Service)
    order = factories.order(actor, auto_renew=True, save_method=True, extend_services=[first.id])
    frozen_clock.advance(minutes=1)
    auto_renewal.disable(actor, first.id)
    settle(factories.attempt(order, gateway="paypal"), wallet=ACCOUNT)
    assert again(first).renewal == "disabled"


def test_nobody_switches_off_anothers_renewal(actor, kept):
    service = the(tables.Service)
    for who, which in ((factories.customer(), service.id), (actor, 10**9)):
        before = factories.dump()
        with pytest.raises(errors.NotFound):
            auto_renewal.disable(who, which)
        assert factories.dump() == before


# --- after a refusal --------------------------------------------------------------------------------------------------

E = date(2027, 3, 31)


@pytest.fixture
def card(actor) -> tables.PaymentMethod:
    return renewing.card(actor, customer_ref="cus_1")


async def _refused(bank, actor, card, remedy: Remedy) -> Any:
    """A service whose renewal the bank refused on its day."""
    service = renewing.service(actor, card, E)
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    outbox.send_due()
    days.go_to(E - timedelta(days=7))
    bank.always = lambda request: replace(
        support_gateway.told(request, Verdict.DECLINED), reason=Reason.EXPIRED_CARD, remedy=remedy, payment_ref=""
    )
    await debits.run([service.id])
    bank.always = None
    return service


async def test_what_was_refused_is_debited_again_when_the_bank_sends_a_new_card(bank, actor, card):
    service = await _refused(bank, actor, card, Remedy.NEW_DATA)
    assert the(tables.Renewal).next_debit_on is None
    bank.cards[card.token] = Card("visa", "9999", 1, 2035, "IT", "fp_new", card.token, "cus_1")
    await methods.check("stripe", card.token)
    assert the(tables.Renewal).next_debit_on == clock.today()
    assert await debits.run([service.id]) == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_news_that_change_nothing_of_a_card_debit_nothing(bank, actor, card):
    await _refused(bank, actor, card, Remedy.NEW_DATA)
    bank.cards[card.token] = Card(
        card.brand, card.last4, card.exp_month, card.exp_year, "IT", card.fingerprint, card.token, "cus_1"
    )
    await methods.check("stripe", card.token)
    assert the(tables.Renewal).next_debit_on is None


async def test_a_card_that_was_refused_for_good_is_debited_again_once_its_owner_has_saved_it_anew(bank, actor, card):
    service = await _refused(bank, actor, card, Remedy.NEVER)
    assert again(card).refused_at
    means = Card(card.brand, card.last4, 12, 2039, "IT", card.fingerprint, "pm_new", "cus_1")
    with db.transaction() as s:
        methods.keep(s, account_id=actor.account_id, gateway="stripe", means=means, consent={})
        auto_renewal.try_again(s, [service.id])
    assert await debits.run([service.id]) == 1
    assert again(service).expires_on == date(2028, 3, 31)


async def test_a_card_that_pays_after_all_is_not_refused_any_more(bank, actor, card):
    await _refused(bank, actor, card, Remedy.NEVER)
    settle(the(tables.PaymentAttempt))
    assert again(card).refused_at is None
