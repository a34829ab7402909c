"""How a payment can end, as its customer sees it and as the letters tell it; the bank's ledger has the last word."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from pecapp import tables
from pecapp.domain import payments
from tests.e2e import customers, steps
from tests.support import bank as banks

Customer = customers.Customer
NOTHING_TAKEN = "Nessun importo è stato addebitato"


def at_the_bank(customer: Customer) -> tuple[Page, str]:
    """A customer whose order is open on the bank's page."""
    number = customer.order()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    steps.go_to_bank(page)
    return page, number


def is_payable_again(page: Page) -> None:
    steps.stands(page, steps.AWAITING)
    expect(page.get_by_role("button", name="Paga ora", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("card", "words"),
    [
        (banks.DECLINED, "La banca non ha autorizzato il pagamento."),
        (banks.NO_FUNDS, "la disponibilità sulla carta non basta"),
    ],
    ids=["declined", "insufficient funds"],
)
def test_a_refused_card_takes_nothing_and_another_card_pays(
    customer: Customer, bank: banks.Bank, card: str, words: str
) -> None:
    page, number = at_the_bank(customer)
    steps.send_card(page, card)
    expect(page.get_by_role("alert")).to_contain_text(words)
    expect(page.get_by_role("alert")).to_contain_text(NOTHING_TAKEN)
    watching = customer.page()
    watching.goto(f"/ordini/{number}")
    steps.stands(watching, steps.VERIFYING)
    expect(watching.get_by_text("non ha autorizzato l'ultimo tentativo e non ha addebitato nulla")).to_be_visible()
    assert not bank.charges(number)

    steps.follow(page, "Annulla")
    is_payable_again(page)
    steps.says(page, "Pagamento non autorizzato dalla banca")
    expect(page.get_by_text(NOTHING_TAKEN)).to_be_visible()
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    steps.stands(watching, steps.PAID)
    assert len(bank.charges(number)) == 1
    customer.gets("m02", "m03")


def test_a_customer_who_refuses_the_authentication_can_try_again(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_the_bank(customer)
    steps.send_card(page, banks.ITALIAN_ASKS, answer="Rifiuta")
    expect(page.get_by_role("alert")).to_contain_text("Autenticazione non completata")
    steps.follow(page, "Annulla")
    is_payable_again(page)
    steps.says(page, "Autenticazione non completata")
    assert not bank.charges(number)
    customer.gets("m02")


def test_annulla_at_the_bank_takes_nothing_and_closes_the_banks_page(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_the_bank(customer)
    bank_page = page.url
    steps.follow(page, "Annulla")
    is_payable_again(page)
    steps.says(page, "Pagamento annullato")
    page.goto(bank_page)
    expect(page.get_by_role("heading", name="Sessione scaduta")).to_be_visible()
    assert not bank.charges(number)
    customer.gets("m02")


def test_a_closed_tab_can_be_taken_up_again_or_given_up(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_the_bank(customer)
    bank_page = page.url
    page.context.close()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.VERIFYING)
    expect(page.get_by_role("button", name="Annulla l'ordine", exact=True)).not_to_be_visible()
    steps.go_to_bank(page, "Riprendi il pagamento")
    assert page.url == bank_page
    page.goto(f"/ordini/{number}")
    steps.press(page, "Interrompi il pagamento")
    is_payable_again(page)
    assert len(bank.openings(number)) == 1
    assert not bank.charges(number)


def test_a_page_of_the_bank_that_expires_leaves_the_order_payable(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_the_bank(customer)
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.VERIFYING)
    (attempt,) = customer.rows(tables.PaymentAttempt, order_id=customer.row(number).id)
    bank.do("sessions/expire", session=attempt.gateway_ref)
    is_payable_again(page)
    steps.says(page, "Pagamento non completato")
    customer.gets("m02")


@pytest.mark.parametrize(
    ("card", "ends", "headline", "letter"),
    [
        (banks.FOREIGN_LATER_YES, steps.PAID, "Pagamento registrato", "m03"),
        (banks.FOREIGN_LATER_NO, steps.AWAITING, "Pagamento non autorizzato dalla banca", "m06"),
    ],
    ids=["later yes", "later no"],
)
def test_a_foreign_card_whose_outcome_is_unknown_at_first(
    customer: Customer, bank: banks.Bank, card: str, ends: str, headline: str, letter: str
) -> None:
    bank.do("settings", unknown_delay=60)
    page, number = at_the_bank(customer)
    steps.send_card(page, card)
    expect(page.get_by_role("heading", name="Errore: impossibile completare la procedura")).to_be_visible()
    steps.follow(page, "Torna al negozio")
    steps.stands(page, steps.VERIFYING)
    steps.says(page, "Pagamento non confermato")
    expect(page.get_by_text("La tua carta risulta emessa all'estero")).to_be_visible()
    expect(page.get_by_text("Non ripetere il pagamento prima della nostra email.")).to_be_visible()
    expect(page.get_by_text(f"Riferimento {number}-1")).to_be_visible()
    expect(page.get_by_role("button", name="Paga ora")).not_to_be_visible()
    assert [letter["template"] for letter in customers.letters(customer.site, customer.email)] == ["m02"]

    (attempt,) = customer.rows(tables.PaymentAttempt, order_id=customer.row(number).id)
    intent = bank.intent(str(attempt.gateway_ref))
    bank.do("payment_intents/resolve", payment_intent=intent, outcome="succeeded" if letter == "m03" else "failed")
    steps.stands(page, ends)
    steps.says(page, headline)
    assert len(bank.charges(number)) == (letter == "m03")
    customer.gets("m02", letter)


# --- webhooks that go wrong -------------------------------------------------------------------------------------------


def paid_once(customer: Customer, bank: banks.Bank, number: str) -> None:
    """One charge, one receipt, one letter of payment, nothing left open."""
    customer.gets("m02", "m03")
    (charge,) = bank.charges(number)
    order = customer.row(number)
    (attempt,) = customer.rows(tables.PaymentAttempt, order_id=order.id)
    assert (attempt.status, attempt.payment_ref) == (payments.Status.SUCCEEDED, charge["payment_intent"])
    assert len(customer.rows(tables.Receipt, order_id=order.id)) == 1
    assert len(customer.rows(tables.Service, order_id=order.id)) == 1


SPOILT: dict[str, Callable[[banks.Bank], None]] = {
    "twice": lambda bank: bank.spoil_webhooks("duplicate", copies=3, ms=5),
    "reversed": lambda bank: bank.spoil_webhooks("reversed"),
    "before the redirect": lambda bank: bank.spoil_webhooks("before_redirect"),
    "late": lambda bank: bank.spoil_webhooks("after_redirect", ms=300),
    "lost": lambda bank: bank.spoil_webhooks("drop"),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_whatever_happens_to_the_webhooks_the_order_is_paid_once(
    customer: Customer, bank: banks.Bank, spoil: Callable[[banks.Bank], None]
) -> None:
    spoil(bank)
    page, number = at_the_bank(customer)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    steps.says(page, "Pagamento registrato")
    bank.calm()
    paid_once(customer, bank, number)
    steps.stands(page, steps.PAID)


def test_a_lost_webhook_and_a_closed_tab_are_made_good_by_asking_the_bank(customer: Customer, bank: banks.Bank) -> None:
    bank.spoil_webhooks("drop")
    page, number = at_the_bank(customer)
    steps.send_card(page)
    expect(page.get_by_role("heading", name="Ricevuta")).to_be_visible()
    page.context.close()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.PAID)
    bank.calm()
    paid_once(customer, bank, number)


def test_a_bank_that_does_not_answer_is_said_and_the_order_can_be_paid_later(
    customer: Customer, bank: banks.Bank
) -> None:
    number = customer.order()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    bank.do("faults", match="POST /v1/checkout/sessions", behaviour="error_before", times=None)
    steps.press(page, "Paga ora")
    expect(page.get_by_text("Servizio di pagamento momentaneamente non disponibile").first).to_be_visible()
    is_payable_again(page)
    bank.calm()
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert len(bank.charges(number)) == 1
