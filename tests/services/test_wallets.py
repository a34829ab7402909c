"""A PayPal account that the customer lets us keep: saved, promised for later, refused, and cut off at PayPal."""

from dataclasses import replace

import pytest

from pecapp import db, errors, tables
from pecapp.domain.payments import Saving, Verdict, Wallet, mask
from pecapp.gateways import base
from pecapp.services import access, inbox, orders, outbox
from tests.support import factories
from tests.support.factories import again, settle, the
from tests.support.gateway import SIGNED, FakeGateway, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]

PAYER = Wallet("paypal", "m•••@d•••.it", "IT", "PAYER1")
SAVED = replace(PAYER, token="tok-1", customer="cust-1", saving=Saving.SAVED)
PROMISED = replace(PAYER, customer="cust-1", saving=Saving.PENDING)


@pytest.fixture
def attempt(paypal: FakeGateway, actor: access.Actor) -> tables.PaymentAttempt:
    """An order that asks for automatic renewal and for the account to be kept, being paid at PayPal."""
    return factories.attempt(
        factories.order(actor, gateway="paypal", auto_renew=True, save_method=True, renewal_gross_cents=1208),
        gateway="paypal",
    )


def _shown(actor: access.Actor, attempt: tables.PaymentAttempt):
    return orders.page(actor, the(tables.Order, id=attempt.order_id).number, "it")


def _sent() -> dict[str, str]:
    outbox.send_due()
    return {mail.template: mail.body_text for mail in factories.rows(tables.OutboxMail)}


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("mario@dominio.it", "m•••@d•••.it"),
        (" anna.verdi@mail.example.co.uk", "a•••@m•••.uk"),
        ("", ""),
        ("nobody", ""),
        ("@x.it", ""),
    ],
)
async def test_an_address_is_shown_masked_or_not_at_all(email, shown):
    assert mask(email) == shown


async def test_a_kept_account_is_a_method_with_a_masked_address_and_renewals_on_it(actor, attempt):
    settle(attempt, wallet=SAVED)
    method, service = the(tables.PaymentMethod), the(tables.Service)
    assert (method.kind, method.label, method.token, method.customer_ref) == (
        "paypal", "m•••@d•••.it", "tok-1", "cust-1",
    )  # fmt: skip
    assert (service.renewal, service.method_id, again(attempt).saving) == ("active", method.id, "saved")
    assert _shown(actor, attempt).saving == ""
    receipt = _shown(actor, attempt).receipt
    assert receipt is not None
    assert receipt.method == "PayPal m•••@d•••.it"
    mails = _sent()
    assert "PayPal m•••@d•••.it" in mails["m03"]
    assert "PayPal m•••@d•••.it" in mails["m04"]


async def test_the_same_account_twice_is_one_method(actor, attempt):
    settle(attempt, wallet=SAVED)
    second = factories.attempt(factories.order(actor, gateway="paypal", save_method=True), gateway="paypal")
    settle(second, wallet=replace(SAVED, token="tok-2"))
    assert the(tables.PaymentMethod).token == "tok-2"


async def test_an_account_promised_for_later_is_not_yet_kept_and_the_page_says_so(actor, attempt):
    settle(attempt, wallet=PROMISED)
    assert factories.rows(tables.PaymentMethod) == []
    assert (the(tables.Service).renewal, again(attempt).saving) == ("incomplete", "pending")
    assert "ancora confermando" in _shown(actor, attempt).saving
    assert "m04" not in _sent()


async def test_the_late_token_is_found_by_the_gateways_own_name_for_the_payment(paypal, actor, attempt):
    settle(attempt, wallet=PROMISED)
    with db.transaction() as s:
        kept = s.get_one(tables.PaymentAttempt, attempt.id)
        kept.next_check_at = None  # asked often enough: only the notification is left to tell
        s.add(kept)
    paypal.know(attempt, Verdict.SUCCEEDED, wallet=SAVED)
    raw = event("WH-2", ref=attempt.gateway_ref, by_ref=True, type="VAULT.PAYMENT-TOKEN.CREATED")
    await inbox.receive("paypal", raw, SIGNED)
    await inbox.drain()
    assert the(tables.InboxEvent).status == "done"
    assert (the(tables.Service).renewal, the(tables.PaymentMethod).token) == ("active", "tok-1")
    assert _shown(actor, attempt).saving == ""
    assert factories.mails("m04") == [f"m04:order:{attempt.order_id}"]


async def test_a_refused_account_leaves_the_payment_good_and_the_customer_told(actor, attempt):
    settle(attempt, wallet=PAYER)
    assert the(tables.Order, id=attempt.order_id).status == "paid"
    assert factories.rows(tables.PaymentMethod) == []
    assert (the(tables.Service).renewal, again(attempt).saving) == ("incomplete", "refused")
    assert "non è stato salvato" in _shown(actor, attempt).saving
    assert "non è stato salvato" in _sent()["m03"]
    assert again(attempt).next_check_at is None


async def test_nobody_is_told_of_saving_who_did_not_ask_for_it(actor, paypal):
    plain = factories.attempt(factories.order(actor, gateway="paypal"), gateway="paypal")
    settle(plain, wallet=PAYER)
    assert (again(plain).saving, _shown(actor, plain).saving) == ("", "")
    assert "salvato" not in _sent()["m03"]


# --- cut off at the gateway -------------------------------------------------------------------------------------------


async def _says_gone(event_id: str = "WH-9", token: str = "tok-1") -> None:
    raw = event(event_id, method=token, type="VAULT.PAYMENT-TOKEN.DELETED")
    await inbox.receive("paypal", raw, SIGNED)
    await inbox.drain()


async def test_a_revoked_account_switches_its_renewals_off_and_says_which(paypal, actor, attempt):
    settle(attempt, wallet=SAVED)
    paypal.gone.add("tok-1")
    for number in range(2):
        await _says_gone(f"WH-{number}")
    service = the(tables.Service)
    assert the(tables.PaymentMethod).status == "revoked"
    assert (service.renewal, service.renewal_reason, service.method_id) == ("disabled", "revoked", None)
    (m12,) = [mail for mail in factories.rows(tables.OutboxMail) if mail.template == "m12"]
    assert m12.params["service_ids"] == [service.id]
    assert service.label in _sent()["m12"]
    assert {row.status for row in factories.rows(tables.InboxEvent)} == {"done"}


async def test_a_revocation_that_came_before_its_token_is_not_lost(paypal, attempt):
    paypal.gone.add("tok-1")
    await _says_gone()
    assert the(tables.InboxEvent).status == "done"
    settle(attempt, wallet=SAVED)
    await inbox.drain()
    assert (the(tables.PaymentMethod).status, the(tables.Service).renewal) == ("revoked", "disabled")
    assert len(factories.mails("m12")) == 1


async def test_a_word_that_the_gateway_does_not_confirm_revokes_nothing(paypal, attempt):
    settle(attempt, wallet=SAVED)
    await _says_gone()
    assert (the(tables.PaymentMethod).status, the(tables.Service).renewal) == ("valid", "active")


async def test_a_gateway_without_an_answer_is_asked_again_later(paypal, attempt):
    settle(attempt, wallet=SAVED)
    paypal.gone.add("tok-1")
    paypal.fail("kept", base.OutcomeUnknown("time-out"))
    await _says_gone()
    assert (the(tables.PaymentMethod).status, the(tables.InboxEvent).status) == ("valid", "waiting")


async def test_somebody_elses_token_is_none_of_our_business(paypal, attempt):
    settle(attempt, wallet=SAVED)
    await _says_gone(token="tok-other")
    assert paypal.asked("kept") == []
    assert the(tables.InboxEvent).status == "done"


# --- notifications ----------------------------------------------------------------------------------------------------


async def test_one_transmission_brings_one_event_whatever_it_is_called(paypal, attempt):
    await inbox.receive("paypal", event("WH-1", attempt_id=attempt.id, transmission="t-1"), SIGNED)
    before = factories.dump()
    await inbox.receive("paypal", event("WH-2", attempt_id=attempt.id, transmission="t-1"), SIGNED)
    assert factories.dump() == before


async def test_what_cannot_be_verified_now_is_sent_again(paypal, attempt):
    paypal.unverifiable = True
    with pytest.raises(errors.Unavailable):
        await inbox.receive("paypal", event("WH-1", attempt_id=attempt.id), SIGNED)
    assert factories.rows(tables.InboxEvent) == []
    paypal.unverifiable = False
    await inbox.receive("paypal", event("WH-1", attempt_id=attempt.id), SIGNED)
    assert the(tables.InboxEvent).status == "waiting"
