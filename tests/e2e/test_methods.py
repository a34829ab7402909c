"""The customer's own means of payment and renewals: seen, removed and switched off, in all open tabs."""

from playwright.sync_api import Page, expect

from pecapp import tables
from tests.e2e import customers, steps
from tests.e2e.test_accessible import Judge, is_for_everybody
from tests.e2e.test_paypal import OK, SAVED_FORM, at_paypal, pays
from tests.support import bank as banks
from tests.support import factories

Customer = customers.Customer


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
    page.goto("/metodi-di-pagamento")
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
    expect(page.get_by_text("Metodo di pagamento rimosso.")).to_be_visible()
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
    page.goto("/metodi-di-pagamento")
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


def test_a_renewal_is_switched_off_from_the_area_and_can_be_kept_instead(customer: Customer) -> None:
    with_card(customer).context.close()
    page, other = customer.page(), customer.page()
    for each in (page, other):
        each.goto("/area-clienti")
        renewal(each, "ATTIVO")
    switch = page.get_by_role("button", name="Disattiva il rinnovo automatico di")
    switch.click()
    question = page.get_by_role("dialog", name="Disattivare il rinnovo automatico?")
    expect(question).to_contain_text("non sarà effettuato alcun addebito")
    steps.press(page, "Mantieni attivo")
    renewal(page, "ATTIVO")

    switch.click()
    steps.press(page, "Disattiva")
    expect(page.get_by_text("Rinnovo automatico disattivato.")).to_be_visible()
    for each in (page, other):
        renewal(each, "DISATTIVATO")
    customer.gets("m02", "m03", "m04", "m05")
    page.goto("/metodi-di-pagamento")
    expect(page.get_by_role("heading", level=2, name="Visa •••• 4242")).to_be_visible()
