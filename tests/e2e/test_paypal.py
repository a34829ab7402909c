"""Paying with PayPal, from the choice in the order form to the receipt; PayPal's own ledger has the last word."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from pecapp import tables
from pecapp.domain import payments
from tests.e2e import customers, steps
from tests.e2e.test_first_purchase import receipt_appears
from tests.e2e.test_outcomes import NOTHING_TAKEN, SPOILT, is_payable_again, paid_once
from tests.support import bank as banks
from tests.support import factories, processes

Customer = customers.Customer
OK = "ok@compratori.test"
OTHER_SOURCE = "Carta Visa •••• 1881"
SAVED_FORM = factories.FORM | {"gateway": "paypal", "auto_renew": "yes"}


def at_paypal(customer: Customer, **chosen: object) -> tuple[Page, str]:
    """A customer whose order is open on PayPal's page."""
    number = customer.order(**{"form": factories.FORM | {"gateway": "paypal"}} | chosen)
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    steps.go_to_paypal(page)
    return page, number


def pays(page: Page, email: str = OK, source: str = "") -> None:
    """Sign in at PayPal, accept, and come back."""
    steps.sign_in_at_paypal(page, email)
    steps.accept_at_paypal(page, source)


def attempt(customer: Customer, number: str) -> tables.PaymentAttempt:
    """The only attempt to pay an order."""
    (found,) = customer.rows(tables.PaymentAttempt, order_id=customer.row(number).id)
    return found


def test_a_newcomer_buys_a_mailbox_with_a_new_paypal_account_and_sees_the_receipt_on_two_devices(
    site: processes.Site, new_page: Callable[..., Page], bank: banks.Bank
) -> None:
    email = "paypal.newcomer@example.test"
    page = new_page()
    page.goto("/servizi")
    steps.choose(page, "PEC Standard")
    expect(page.get_by_role("list").get_by_text("PayPal", exact=True)).to_be_visible()
    steps.press(page, "Prosegui e completa l'ordine")
    steps.follow(page, "Registrati")
    steps.register(page, email)
    steps.name_mailbox(page, "paypal.rossi")
    steps.confirm_holder(page)
    steps.confirm_billing(page)
    steps.fill_order_form(page, means=steps.PAYPAL)
    number = steps.place_order(page)
    other = new_page()
    other.goto(f"/accedi?next=/ordini/{number}")
    steps.sign_in(other, email)
    steps.stands(other, steps.AWAITING)

    steps.go_to_paypal(page)
    steps.stands(other, steps.VERIFYING)
    steps.open_account_at_paypal(page, "mario.nuovo@posta.test")
    steps.accept_at_paypal(page)
    receipt_appears(page)
    receipt_appears(other)
    expect(page.get_by_text("PayPal m•••@p•••.test")).to_be_visible()
    (charge,) = bank.charges(number)
    assert (charge["gateway"], charge["amount"], charge["payment_method"]) == ("paypal", 1208, None)
    letters = customers.gets(site, email, "m01", "m02", "m03")
    assert "PayPal m•••@p•••.test" in letters[-1]["text"]
    assert not any("mario.nuovo" in letter["text"] for letter in letters)


def test_an_account_that_is_kept_carries_the_automatic_renewal(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer, form=SAVED_FORM)
    steps.sign_in_at_paypal(page, OK)
    expect(page.get_by_text("potrà addebitare in futuro questo conto PayPal")).to_be_visible()
    steps.accept_at_paypal(page)
    receipt_appears(page)
    letters = customer.gets("m02", "m03", "m04")
    assert any("PayPal o•••@c•••.test" in letter["text"] for letter in letters if letter["template"] == "m04")
    (method,) = customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id)
    assert (method.kind, bank.charges(number)[0]["payment_method"]) == ("paypal", method.token)
    area = customer.page()
    area.goto("/area-clienti")
    expect(area.get_by_role("main").get_by_text("ATTIVO", exact=True)).to_be_visible()

    bank.do("paypal/tokens/revoke", token=method.token)
    expect(area.get_by_role("main").get_by_text("DISATTIVATO", exact=True)).to_be_visible()
    customer.gets("m02", "m03", "m04", "m12")


def test_a_payment_kept_for_review_says_so_in_words_and_then_the_receipt_appears(
    customer: Customer, bank: banks.Bank
) -> None:
    bank.do("settings", unknown_delay=60)
    page, number = at_paypal(customer)
    pays(page, "pending@compratori.test")
    steps.stands(page, steps.VERIFYING)
    steps.says(page, "Pagamento in verifica")
    expect(page.get_by_text("PayPal ha ricevuto il tuo pagamento e lo sta controllando")).to_be_visible()
    expect(page.get_by_text("Non pagare di nuovo")).to_be_visible()
    for button in ("Paga ora", "Interrompi il pagamento", "Annulla l'ordine"):
        expect(page.get_by_role("button", name=button, exact=True)).not_to_be_visible()
    bank.do("paypal/captures/resolve", capture=attempt(customer, number).payment_ref, outcome="completed")
    receipt_appears(page)
    customer.gets("m02", "m03")


def test_a_review_that_ends_in_a_refusal_makes_the_order_payable_again(customer: Customer, bank: banks.Bank) -> None:
    bank.do("settings", unknown_delay=60)
    page, number = at_paypal(customer)
    pays(page, "denied@compratori.test")
    steps.says(page, "Pagamento in verifica")
    bank.do("paypal/captures/resolve", capture=attempt(customer, number).payment_ref, outcome="denied")
    is_payable_again(page)
    steps.says(page, "Pagamento non autorizzato da PayPal")
    assert not bank.charges(number)
    customer.gets("m02", "m06")


def test_a_refused_source_leads_back_to_paypal_where_another_one_pays(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer)
    pays(page, "no-balance@compratori.test")
    expect(page.get_by_role("heading", level=1, name="Accedi a PayPal")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text(NOTHING_TAKEN)
    watching = customer.page()
    watching.goto(f"/ordini/{number}")
    expect(watching.get_by_text("PayPal non ha potuto usare la fonte che avevi scelto")).to_be_visible()
    assert not bank.charges(number)
    pays(page, "no-balance@compratori.test", OTHER_SOURCE)
    steps.stands(page, steps.PAID)
    steps.stands(watching, steps.PAID)
    paid_once(customer, bank, number)


def test_a_locked_account_takes_nothing_and_the_order_can_be_paid_by_card(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer)
    pays(page, "locked@compratori.test")
    is_payable_again(page)
    steps.says(page, "Pagamento non autorizzato da PayPal")
    expect(page.get_by_text(NOTHING_TAKEN)).to_be_visible()
    page.get_by_role("radio", name=steps.CARD, exact=True).check()
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert [charge["gateway"] for charge in bank.charges(number)] == ["stripe"]


def test_annulla_at_paypal_takes_nothing_even_if_it_is_approved_afterwards(
    customer: Customer, bank: banks.Bank
) -> None:
    page, number = at_paypal(customer)
    paypal_page = page.url
    steps.follow(page, "Annulla e torna al negozio")
    is_payable_again(page)
    steps.says(page, "Pagamento annullato")
    page.goto(paypal_page)
    pays(page)
    is_payable_again(page)
    assert not bank.charges(number)
    customer.gets("m02")


def test_a_closed_tab_can_be_taken_up_again_or_given_up(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer)
    paypal_page = page.url
    page.context.close()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    expect(page.get_by_text("La pagina di PayPal è aperta.")).to_be_visible()
    steps.go_to_paypal(page, "Riprendi il pagamento")
    assert page.url == paypal_page
    page.goto(f"/ordini/{number}")
    steps.press(page, "Interrompi il pagamento")
    is_payable_again(page)
    assert not bank.charges(number)


def test_approved_and_the_tab_closed_the_order_is_paid_all_the_same(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer)
    order = attempt(customer, number).gateway_ref
    page.context.close()
    watching = customer.page()
    watching.goto(f"/ordini/{number}")
    steps.stands(watching, steps.VERIFYING)
    bank.do("paypal/approve", order=order, buyer=OK)
    steps.stands(watching, steps.PAID)
    paid_once(customer, bank, number)


def test_approved_the_tab_closed_and_the_notification_lost_paypal_is_asked(
    customer: Customer, bank: banks.Bank
) -> None:
    bank.spoil_webhooks("drop")
    page, number = at_paypal(customer)
    bank.do("paypal/approve", order=attempt(customer, number).gateway_ref, buyer=OK)
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.PAID)
    bank.calm()
    paid_once(customer, bank, number)


def test_a_foreign_account_pays_like_any_other(customer: Customer, bank: banks.Bank) -> None:
    page, number = at_paypal(customer)
    pays(page, "foreign@compratori.test")
    receipt_appears(page)
    paid_once(customer, bank, number)


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_whatever_happens_to_the_notifications_the_order_is_paid_once(
    customer: Customer, bank: banks.Bank, spoil: Callable[[banks.Bank], None]
) -> None:
    spoil(bank)
    page, number = at_paypal(customer)
    pays(page)
    steps.stands(page, steps.PAID)
    bank.calm()
    paid_once(customer, bank, number)
    steps.stands(page, steps.PAID)


@pytest.mark.parametrize("behaviour", ["wrong_secret", "tampered", "foreign_cert", "other_account"])
def test_notifications_that_prove_nothing_are_refused_and_the_return_settles(
    customer: Customer, bank: banks.Bank, behaviour: str
) -> None:
    bank.spoil_webhooks(behaviour)
    page, number = at_paypal(customer)
    pays(page)
    steps.stands(page, steps.PAID)
    order = attempt(customer, number).id
    assert customer.rows(tables.InboxEvent, attempt_id=order) == []
    bank.calm()
    paid_once(customer, bank, number)


@pytest.mark.parametrize(
    ("buyer", "words"), [("no-vault@compratori.test", "non è stato salvato"), ("vault-late@compratori.test", "")]
)
def test_an_account_that_is_not_kept_at_once_is_said_and_the_payment_is_good(
    customer: Customer, bank: banks.Bank, buyer: str, words: str
) -> None:
    bank.do("settings", unknown_delay=60)
    page, number = at_paypal(customer, form=SAVED_FORM)
    pays(page, buyer)
    receipt_appears(page)
    if words:
        expect(page.get_by_text(words)).to_be_visible()
        letters = customer.gets("m02", "m03")
        assert words in letters[-1]["text"]
    else:
        expect(page.get_by_text("PayPal sta ancora confermando")).to_be_visible()
        bank.do("paypal/tokens/deliver")
        expect(page.get_by_text("PayPal sta ancora confermando")).not_to_be_visible()
        customer.gets("m02", "m03", "m04")
    assert attempt(customer, number).saving == (payments.Saving.REFUSED if words else payments.Saving.SAVED)


def test_a_shop_that_may_not_keep_accounts_still_sells(customer: Customer, bank: banks.Bank) -> None:
    bank.do("paypal/vault", allowed=False)
    page, _ = at_paypal(customer, form=SAVED_FORM)
    pays(page)
    receipt_appears(page)
    expect(page.get_by_text("non è stato salvato")).to_be_visible()
    page.goto("/area-clienti")
    expect(page.get_by_text("Da completare", exact=True)).to_be_visible()


def test_a_paypal_that_does_not_answer_is_said_and_the_order_can_be_paid_later(
    customer: Customer, bank: banks.Bank
) -> None:
    number = customer.order(form=factories.FORM | {"gateway": "paypal"})
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    bank.do("faults", match="POST /v2/checkout/orders", behaviour="error_before", times=None)
    steps.press(page, "Paga ora")
    expect(page.get_by_text("Servizio di pagamento momentaneamente non disponibile").first).to_be_visible()
    is_payable_again(page)
    bank.calm()
    steps.go_to_paypal(page)
    pays(page)
    steps.stands(page, steps.PAID)
    assert len(bank.charges(number)) == 1


def test_quick_payment_with_paypal_keeps_nothing(
    site: processes.Site, customer: Customer, new_page: Callable[..., Page], bank: banks.Bank
) -> None:
    number = customer.order(form=SAVED_FORM)
    page = new_page(extra_http_headers={"X-Forwarded-For": "198.51.100.40"})
    page.goto("/paga")
    steps.fill(page, {"Numero d'ordine": number})
    page.get_by_role("radio", name=steps.PAYPAL, exact=True).check()
    steps.press(page, "Paga")
    steps.go_to_paypal(page, "Procedi")
    pays(page)
    expect(page.get_by_role("heading", name="Pagamento registrato")).to_be_visible()
    assert customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id) == []
    assert bank.charges(number)[0]["payment_method"] is None
