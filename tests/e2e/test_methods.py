"""The customer's own means of payment and renewals: added, replaced, removed, paid with, in all open tabs."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from pecapp import tables
from tests.e2e import customers, steps
from tests.e2e.test_accessible import Judge, enter, is_for_everybody, tab_to, write
from tests.e2e.test_outcomes import NOTHING_TAKEN, SPOILT, is_payable_again
from tests.e2e.test_paypal import OK, SAVED_FORM, at_paypal, pays
from tests.support import bank as banks
from tests.support import factories

Customer = customers.Customer
LIST = "/metodi-di-pagamento"
VISA, MASTERCARD, ACCOUNT = "Visa •••• 4242", "Mastercard •••• 4444", "PayPal o•••@c•••.test"
OTHER_CARD = "5555 5555 5555 4444"
ALWAYS_ASKS, NO_FUNDS_LATER = "4000 0027 6000 3184", "4000 0082 6000 3178"
CONSENT = re.compile("^Acconsento che questo metodo di pagamento sia conservato")
REGISTERED = "Metodo di pagamento registrato"


def with_card(customer: Customer) -> Page:
    """A customer whose mailbox renews on a card that is kept; their order's page, paid."""
    number = customer.order(form=factories.FORM | {"auto_renew": "yes"})
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    return page


def lists(page: Page, *titles: str) -> None:
    """The list of methods shows exactly these."""
    expect(page.get_by_role("main").get_by_role("heading", level=2)).to_have_text(list(titles))


def agrees(page: Page, kind: str = steps.CARD, button: str = "Prosegui") -> None:
    """Choose what to add, agree that it is kept, and go on."""
    page.get_by_role("radio", name=kind, exact=True).check()
    page.get_by_role("checkbox", name=CONSENT).check()
    steps.press(page, button)


def at_the_bank(page: Page, button: str = "Prosegui", address: str = f"{LIST}/nuovo") -> None:
    """From the page that adds a method to the bank's."""
    page.goto(address)
    agrees(page, button=button)
    expect(page.get_by_role("heading", level=1, name="Registra la carta")).to_be_visible()


def adds(page: Page, number: str = banks.GOOD, *, answer: str = "", button: str = "Prosegui") -> None:
    """Register a card from beginning to end."""
    at_the_bank(page, button)
    steps.pay_by_card(page, number, answer=answer)
    expect(page.get_by_text(REGISTERED)).to_be_visible()


def asks(page: Page, act: str, means: str) -> None:
    """Open the question about a method."""
    page.get_by_role("button", name=f"{act} {means}", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def kept(customer: Customer) -> list[tables.PaymentMethod]:
    """What the customer's methods are, the removed ones too."""
    return customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id)


def renewal(area: Page, word: str) -> None:
    """The area shows this state of the only renewal."""
    expect(area.get_by_role("main").get_by_text(word, exact=True)).to_be_visible()


def test_a_customer_without_methods_is_told_how_one_comes_about(customer: Customer) -> None:
    page = customer.page()
    page.goto("/area-clienti")
    steps.follow(page, "Gestisci i metodi di pagamento")
    expect(page.get_by_role("heading", level=1, name="Metodi di pagamento")).to_be_visible()
    expect(page.get_by_text("Non hai metodi di pagamento registrati")).to_be_visible()


def test_a_removed_card_takes_its_renewal_with_it_and_every_open_tab_says_so(
    customer: Customer, bank: banks.Bank, assert_accessible: Judge
) -> None:
    page = with_card(customer)
    area = customer.page()
    area.goto("/area-clienti")
    renewal(area, "ATTIVO")
    page.goto(LIST)
    expect(page.get_by_role("heading", level=2, name="Visa •••• 4242")).to_be_visible()
    expect(page.get_by_text("Valido", exact=True)).to_be_visible()
    page.get_by_role("button", name="Rimuovi Visa •••• 4242").focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Rimuovere questo metodo?")
    expect(question).to_contain_text("il rinnovo automatico sarà disattivato per")
    is_for_everybody(page, assert_accessible)
    expect(question.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(question).not_to_be_visible()
    is_for_everybody(page, assert_accessible)
    renewal(area, "ATTIVO")

    page.get_by_role("button", name="Rimuovi Visa •••• 4242").click()
    steps.press(page, "Rimuovi il metodo")
    said = page.get_by_role("status").filter(has_text="Metodo rimosso. Rinnovo automatico disattivato per:")
    expect(said).to_contain_text("scadenza")
    expect(said).to_be_focused()
    expect(said).to_be_in_viewport()
    expect(page.get_by_role("link", name="Aggiungi nuovo metodo", exact=True)).to_be_visible()
    expect(page.get_by_text("Non hai metodi di pagamento registrati")).to_be_visible()
    renewal(area, "DISATTIVATO")
    customer.gets("m02", "m03", "m04", "m11")
    banks.eventually(
        lambda: [call for call in bank.look("requests")["requests"] if call["path"].endswith("/detach")],
        "the card is detached at the bank",
    )


def test_a_removed_paypal_account_is_deleted_at_paypal(customer: Customer, bank: banks.Bank) -> None:
    page, _ = at_paypal(customer, form=SAVED_FORM)
    pays(page, OK)
    steps.stands(page, steps.PAID)
    customer.gets("m02", "m03", "m04")
    page.goto(LIST)
    page.get_by_role("button", name="Rimuovi PayPal o•••@c•••.test").click()
    steps.press(page, "Rimuovi il metodo")
    expect(page.get_by_text("Non hai metodi di pagamento registrati")).to_be_visible()
    customer.gets("m02", "m03", "m04", "m11")  # and no M12: the customer has done it here
    (removal,) = [row for row in customer.rows(tables.TokenRemoval) if row.gateway == "paypal"]
    assert removal.token
    banks.eventually(
        lambda: [call for call in bank.look("requests")["requests"] if call["path"].endswith(removal.token)],
        "the account is deleted at PayPal",
    )


# --- adding -----------------------------------------------------------------------------------------------------------


def test_a_card_is_added_on_the_banks_own_page_and_nothing_is_taken(
    customer: Customer, bank: banks.Bank, assert_accessible: Judge
) -> None:
    charged = len(bank.look("ledger")["charges"])
    page, other = customer.page(), customer.page()
    for each in (page, other):
        each.goto(LIST)
        expect(each.get_by_text("Non hai metodi di pagamento registrati")).to_be_visible()
    steps.follow(page, "Aggiungi nuovo metodo")
    expect(page.get_by_role("heading", level=1)).to_have_text("Aggiungi un metodo di pagamento")
    assert not any(choice.is_checked() for choice in page.get_by_role("main").locator("input:not([type=hidden])").all())
    expect(page.get_by_text("Oggi non viene addebitato nulla.")).to_be_visible()
    expect(page.get_by_role("heading", name="Importo massimo prelevabile")).not_to_be_visible()
    steps.press(page, "Prosegui")
    summary = page.get_by_role("alert").filter(has_text="Controlla questi campi")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    expect(page.get_by_role("checkbox", name=CONSENT)).to_have_accessible_description(
        re.compile("serve il tuo consenso")
    )
    is_for_everybody(page, assert_accessible)

    agrees(page)
    steps.pay_by_card(page)
    expect(page.get_by_role("status").filter(has_text=REGISTERED)).to_be_visible()
    is_for_everybody(page, assert_accessible)
    for each in (page, other):
        lists(each, VISA)
        expect(each.get_by_text("12/34", exact=True)).to_be_visible()
    (letter,) = customer.gets("m09")
    assert VISA in letter["text"]
    assert len(bank.look("ledger")["charges"]) == charged


def test_a_paypal_account_is_added_once_however_often_the_button_is_pressed(
    customer: Customer, bank: banks.Bank
) -> None:
    page = customer.page()
    page.goto(f"{LIST}/nuovo")
    page.get_by_role("radio", name="Account PayPal", exact=True).check()
    page.get_by_role("checkbox", name=CONSENT).check()
    page.get_by_role("button", name="Prosegui", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1, name="Accedi a PayPal")).to_be_visible()
    steps.fill(page, {"Email": OK, "Password": "qualsiasi"})
    steps.press(page, "Accedi")
    expect(page.get_by_role("heading", level=1, name="Autorizza gli addebiti")).to_be_visible()
    steps.press(page, "Accetta e continua")
    expect(page.get_by_text(REGISTERED)).to_be_visible()
    lists(page, ACCOUNT)
    assert len(customer.rows(tables.MethodSaving, account_id=customer.actor.account_id)) == 1
    customer.gets("m09")


def test_annulla_at_the_bank_leaves_everything_as_it_was(customer: Customer) -> None:
    page = with_card(customer)
    at_the_bank(page, "Autorizza e procedi")
    steps.follow(page, "Annulla")
    expect(page.get_by_text("Registrazione annullata")).to_be_visible()
    lists(page, VISA)
    page.goto(LIST)
    asks(page, "Sostituisci", VISA)
    steps.follow(page, "Sostituisci")
    agrees(page, button="Autorizza e procedi")
    expect(page.get_by_role("heading", level=1, name="Registra la carta")).to_be_visible()
    steps.follow(page, "Annulla")
    expect(page.get_by_text("metodi e rinnovi sono rimasti com'erano")).to_be_visible()
    lists(page, VISA)
    page.goto("/area-clienti")
    renewal(page, "ATTIVO")
    customer.gets("m02", "m03", "m04")


def test_the_same_card_twice_is_one_method(customer: Customer) -> None:
    page = customer.page()
    for _ in range(2):
        adds(page)
        lists(page, VISA)
    assert len(kept(customer)) == 1
    customer.gets("m09", "m09")


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_whatever_happens_to_the_webhooks_a_card_is_registered_once(
    customer: Customer, bank: banks.Bank, spoil: Callable[[banks.Bank], None]
) -> None:
    spoil(bank)
    page = customer.page()
    adds(page)
    lists(page, VISA)
    bank.calm()
    lists(page, VISA)
    assert len(kept(customer)) == 1
    customer.gets("m09")


def test_a_card_is_registered_even_if_its_customer_never_comes_back_from_the_bank(customer: Customer) -> None:
    page, watching = customer.page(), customer.page()
    watching.goto(LIST)
    at_the_bank(page)
    (saving,) = customer.rows(tables.MethodSaving, account_id=customer.actor.account_id)
    watching.goto(f"{LIST}?salvataggio={saving.id}")
    expect(watching.get_by_role("status").filter(has_text="Stiamo verificando la registrazione")).to_be_visible()
    steps.send_card(page)
    expect(page.get_by_role("heading", name="Ricevuta")).to_be_visible()
    page.context.close()
    expect(watching.get_by_role("status").filter(has_text=REGISTERED)).to_be_visible()
    lists(watching, VISA)


def test_a_bank_that_does_not_answer_is_said_and_the_card_can_be_added_later(
    customer: Customer, bank: banks.Bank
) -> None:
    page = customer.page()
    page.goto(f"{LIST}/nuovo")
    bank.do("faults", match="POST /v1/checkout/sessions", behaviour="error_before", times=None)
    agrees(page)
    expect(page.get_by_role("alert").filter(has_text="Il gestore dei pagamenti non risponde")).to_be_visible()
    bank.calm()
    steps.press(page, "Prosegui")
    steps.pay_by_card(page)
    expect(page.get_by_text(REGISTERED)).to_be_visible()


def test_a_card_is_added_with_the_keyboard_alone(customer: Customer) -> None:
    page = customer.page()
    page.goto(LIST)
    enter(page, "link", "Aggiungi nuovo metodo")
    expect(page.get_by_role("heading", level=1)).to_have_text("Aggiungi un metodo di pagamento")
    tab_to(page, page.get_by_role("radio", name=steps.CARD, exact=True))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("checkbox", name=CONSENT))
    page.keyboard.press("Space")
    enter(page, "button", "Prosegui")
    expect(page.get_by_role("heading", level=1, name="Registra la carta")).to_be_visible()
    for label, text in list(steps.CARD_FIELDS.items())[:4]:  # the bank knows the address already
        write(page, label, text)
    page.keyboard.press("Enter")
    enter(page, "button", "Invio dati")
    enter(page, "link", "Torna al negozio")
    expect(page.get_by_text(REGISTERED)).to_be_visible()
    lists(page, VISA)


def test_what_was_chosen_outlives_a_change_of_language(customer: Customer) -> None:
    page = customer.page()
    page.goto(f"{LIST}/nuovo")
    page.get_by_role("radio", name="Account PayPal", exact=True).check()
    page.get_by_role("checkbox", name=CONSENT).check()
    steps.press(page, "English")
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a payment method")
    expect(page.get_by_role("radio", name="PayPal account", exact=True)).to_be_checked()
    expect(page.get_by_role("checkbox", name=re.compile("^I agree that this payment method is kept"))).to_be_checked()
    steps.press(page, "Continue")
    page.wait_for_url("**/agreements/approve**")


# --- replacing and removing -------------------------------------------------------------------------------------------


def test_a_replaced_card_hands_its_renewals_over_in_every_open_tab(
    customer: Customer, bank: banks.Bank, assert_accessible: Judge
) -> None:
    page, other = with_card(customer), customer.page()
    other.goto(LIST)
    lists(other, VISA)
    page.goto(LIST)
    page.get_by_role("button", name=f"Sostituisci {VISA}", exact=True).focus()
    page.keyboard.press("Enter")
    question = page.get_by_role("dialog", name="Sostituire questo metodo?")
    expect(question.get_by_role("listitem")).to_have_count(1)
    is_for_everybody(page, assert_accessible)
    steps.follow(page, "Sostituisci")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Sostituisci {VISA}")
    expect(page.get_by_role("heading", name="Importo massimo prelevabile")).to_be_visible()
    expect(page.get_by_text("Autorizzo, per ogni rinnovo automatico, un addebito fino a 12,08 €.")).to_be_visible()
    is_for_everybody(page, assert_accessible)

    agrees(page, button="Autorizza e procedi")
    steps.pay_by_card(page, OTHER_CARD)
    expect(page.get_by_text("Metodo di pagamento sostituito")).to_be_visible()
    for each in (page, other):
        lists(each, MASTERCARD)
        expect(each.get_by_text("12,08 €", exact=True)).to_be_visible()
        expect(each.get_by_role("main").get_by_text(re.compile("@pec-ceralacca.test, scadenza"))).to_be_visible()
    steps.follow(page, "Controlla i rinnovi nell'Area Clienti")
    renewal(page, "ATTIVO")
    customer.gets("m02", "m03", "m04", "m10")
    (service,) = customer.rows(tables.Service, account_id=customer.actor.account_id)
    old, new = kept(customer)
    assert (service.method_id, old.status, new.ceiling_cents) == (new.id, "removed", 1208)
    banks.eventually(
        lambda: [call for call in bank.look("requests")["requests"] if call["path"].endswith("/detach")],
        "the old card is detached at the bank",
    )


def test_before_a_removal_the_renewals_can_pass_to_another_method(customer: Customer, assert_accessible: Judge) -> None:
    page = with_card(customer)
    adds(page, OTHER_CARD, button="Autorizza e procedi")
    lists(page, VISA, MASTERCARD)
    asks(page, "Rimuovi", VISA)
    question = page.get_by_role("dialog", name="Rimuovere questo metodo?")
    expect(question).to_contain_text("il rinnovo automatico sarà disattivato per")
    steps.press(page, "Usa il metodo scelto")
    group = question.get_by_role("group", name="Usa un altro metodo")
    expect(group).to_contain_text("Scegli una delle possibilità.")
    expect(group).to_be_focused()
    is_for_everybody(page, assert_accessible)
    question.get_by_role("radio", name=MASTERCARD, exact=True).check()
    steps.press(page, "Usa il metodo scelto")
    expect(question).not_to_be_visible()
    expect(page.get_by_text("I rinnovi ora usano l'altro metodo")).to_be_in_viewport()
    lists(page, MASTERCARD)
    customer.gets("m02", "m03", "m04", "m09", "m10")
    page.goto("/area-clienti")
    renewal(page, "ATTIVO")


def test_renewals_do_not_pass_to_a_card_on_which_nothing_is_authorised(customer: Customer) -> None:
    page = customer.page()
    adds(page, OTHER_CARD)
    page.context.close()
    page = with_card(customer)
    page.goto(LIST)
    asks(page, "Rimuovi", VISA)
    page.get_by_role("radio", name=MASTERCARD, exact=True).check()
    steps.press(page, "Usa il metodo scelto")
    question = page.get_by_role("dialog", name="Rimuovere questo metodo?")
    expect(question.get_by_role("group")).to_contain_text("Autorizza il nuovo importo per continuare.")
    steps.follow(page, "Oppure sostituiscilo con un metodo nuovo")
    agrees(page, button="Autorizza e procedi")
    steps.pay_by_card(page, OTHER_CARD)
    expect(page.get_by_text("Metodo di pagamento sostituito")).to_be_visible()
    lists(page, MASTERCARD)
    page.goto("/area-clienti")
    renewal(page, "ATTIVO")


def test_another_customers_method_cannot_be_replaced_nor_heard_of(
    customer: Customer, new_customer: Callable[..., Customer]
) -> None:
    with_card(customer)
    (card,) = kept(customer)
    page = new_customer().page()
    for asked in (str(card.id), "0", "abc"):
        page.goto(f"{LIST}/nuovo?sostituisce={asked}")
        expect(page.get_by_role("heading", level=1)).to_have_text("Metodo non trovato")
        assert "4242" not in page.get_by_role("main").inner_text()
    steps.follow(page, "Vedi i tuoi metodi")
    expect(page.get_by_text("Non hai metodi di pagamento registrati")).to_be_visible()


# --- paying with what is kept -----------------------------------------------------------------------------------------


def to_pay(customer: Customer, number: str = banks.GOOD, *, answer: str = "") -> tuple[Page, str]:
    """A customer with a kept card, at an order that waits for payment."""
    page = customer.page()
    adds(page, number, answer=answer)
    order = customer.order()
    page.goto(f"/ordini/{order}")
    steps.stands(page, steps.AWAITING)
    return page, order


def test_an_order_is_paid_with_a_kept_card_without_leaving_the_shop(customer: Customer, bank: banks.Bank) -> None:
    page, number = to_pay(customer)
    watching = customer.page()
    watching.goto(f"/ordini/{number}")
    steps.stands(watching, steps.AWAITING)
    page.get_by_role("radio", name=VISA, exact=True).check()
    expect(page.get_by_text("Il pagamento parte subito da questa carta.")).to_be_visible()
    page.get_by_role("button", name="Paga ora", exact=True).dblclick()
    for each in (page, watching):
        steps.stands(each, steps.PAID)
        steps.says(each, "Pagamento registrato")
    assert len(bank.charges(number)) == 1
    customer.gets("m02", "m03", "m09")


@pytest.mark.parametrize("answer", ["Autorizza", "Rifiuta"])
def test_a_bank_may_ask_for_a_confirmation_of_a_kept_card(customer: Customer, bank: banks.Bank, answer: str) -> None:
    page, number = to_pay(customer, ALWAYS_ASKS, answer="Autorizza")
    page.get_by_role("radio", name="Visa •••• 3184", exact=True).check()
    steps.press(page, "Paga ora")
    expect(page.get_by_role("heading", level=1, name="Autorizza il pagamento")).to_be_visible()
    steps.press(page, answer)
    if answer == "Autorizza":
        steps.stands(page, steps.PAID)
        assert len(bank.charges(number)) == 1
    else:
        steps.says(page, "Autenticazione non completata")
        is_payable_again(page)
        expect(page.get_by_text(NOTHING_TAKEN)).to_be_visible()
        assert not bank.charges(number)


def test_a_kept_card_that_is_refused_takes_nothing_and_a_new_one_pays(customer: Customer, bank: banks.Bank) -> None:
    page, number = to_pay(customer, NO_FUNDS_LATER, answer="Autorizza")
    page.get_by_role("radio", name="Visa •••• 3178", exact=True).check()
    steps.press(page, "Paga ora")
    steps.press(page, "Autorizza")
    steps.says(page, "Pagamento non autorizzato dalla banca")
    is_payable_again(page)
    assert not bank.charges(number)
    page.get_by_role("radio", name="Aggiungi nuova carta", exact=True).check()
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert len(bank.charges(number)) == 1


def test_an_order_form_with_a_kept_card_asks_for_no_saving_and_renews_on_it(
    customer: Customer, bank: banks.Bank
) -> None:
    page = customer.page()
    adds(page)
    customer.basket()
    page.goto("/ordine?passo=form")
    steps.fill_order_form(page, renewal=steps.RENEW_BY_HAND, means="Aggiungi nuova carta")
    box = page.get_by_role("checkbox", name="Salva questo metodo per pagamenti futuri")
    expect(box).to_be_visible()
    page.get_by_role("radio", name=VISA, exact=True).check()
    expect(box).not_to_be_visible()
    page.get_by_role("radio", name=steps.RENEW, exact=True).check()
    expect(page.get_by_text("Il rinnovo automatico userà il metodo registrato che hai scelto.")).to_be_visible()
    number = steps.place_order(page)
    expect(page.get_by_role("radio", name=VISA, exact=True)).to_be_checked()
    steps.press(page, "Paga ora")
    steps.stands(page, steps.PAID)
    (card,) = kept(customer)
    (service,) = customer.rows(tables.Service, account_id=customer.actor.account_id)
    assert (service.renewal, service.method_id, card.ceiling_cents) == ("active", card.id, 1208)
    assert len(bank.charges(number)) == 1
    customer.gets("m02", "m03", "m04", "m09")
