"""«Modulo ordine» and the acts around it: nothing is chosen for the customer, done twice, or lost."""

import re

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from pecapp import tables
from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import factories

Customer = customers.Customer
FORM = "/ordine?passo=form"
SMUGGLED = {'["years",null]': '["years","3"]', '["auto_renew_yes",null]': '["auto_renew","yes"]'}
"""What a hostile page sends instead of what ours does."""
LAWFUL_BUTTON = re.compile("^Ordine con obbligo di pagare$")


def orders(customer: Customer) -> list[tables.Order]:
    return customer.rows(tables.Order, account_id=customer.actor.account_id)


def nothing_is_chosen(page: Page) -> None:
    choices = page.get_by_role("main").locator("input[type=radio], input[type=checkbox]").all()
    assert choices
    assert not any(choice.is_checked() for choice in choices)


def test_the_fresh_form_has_nothing_chosen_and_the_lawful_button(customer: Customer) -> None:
    customer.basket()
    page = customer.page()
    page.goto(FORM)
    steps.is_at(page, "Modulo ordine")
    expect(page.get_by_role("group", name="Modalità di pagamento")).to_be_visible()
    expect(page.get_by_role("group", name="Rinnovo con addebito automatico")).to_be_visible()
    nothing_is_chosen(page)
    button = page.get_by_role("main").locator("button[type=submit]").last
    expect(button).to_have_accessible_name(LAWFUL_BUTTON)
    expect(page.get_by_role("heading", name="Riepilogo ordine")).to_be_visible()
    expect(page.get_by_role("link", name="Modifica il tuo ordine", exact=True)).to_be_visible()


def test_an_empty_form_is_refused_with_words_beside_each_field_and_in_the_summary(customer: Customer) -> None:
    customer.basket()
    page = customer.page()
    page.goto(FORM)
    steps.is_at(page, "Modulo ordine")
    steps.press(page, steps.ORDER_BUTTON)
    summary = page.get_by_role("alert").filter(has_text="Controlla questi campi")
    expect(summary.get_by_role("link")).to_have_count(5)
    expect(summary).to_contain_text("Per proseguire devi accettare le condizioni.")
    expect(summary).to_contain_text("Per proseguire devi approvare specificamente le clausole elencate.")
    expect(summary).to_contain_text("Indica se vuoi attivare il rinnovo con addebito automatico.")
    terms = page.get_by_role("checkbox", name=steps.BOXES[0])
    expect(terms).to_have_accessible_description(re.compile("Per proseguire devi accettare le condizioni"))
    assert not orders(customer)


def test_one_missing_acceptance_stores_nothing_and_loses_nothing(customer: Customer) -> None:
    customer.basket()
    page = customer.page()
    page.goto(FORM)
    steps.fill_order_form(page, boxes=(steps.BOXES[0], steps.BOXES[2]))
    page.get_by_role("checkbox", name="Salva questo metodo per pagamenti futuri").check()
    steps.press(page, steps.ORDER_BUTTON)
    summary = page.get_by_role("alert").filter(has_text="Controlla questi campi")
    expect(summary.get_by_role("link")).to_have_count(1)
    expect(summary).to_contain_text("Per proseguire devi approvare specificamente le clausole elencate.")
    assert not orders(customer)

    for _ in range(2):
        expect(page.get_by_role("radio", name="Carta di credito", exact=True)).to_be_checked()
        expect(page.get_by_role("radio", name=steps.RENEW_BY_HAND, exact=True)).to_be_checked()
        expect(page.get_by_role("checkbox", name=steps.BOXES[0])).to_be_checked()
        expect(page.get_by_role("checkbox", name=steps.BOXES[1])).not_to_be_checked()
        expect(page.get_by_role("checkbox", name=steps.BOXES[2])).to_be_checked()
        expect(page.get_by_role("checkbox", name="Salva questo metodo per pagamenti futuri")).to_be_checked()
        page.reload()
        steps.is_at(page, "Modulo ordine")
    page.get_by_role("checkbox", name=steps.BOXES[1]).check()
    steps.place_order(page)
    assert len(orders(customer)) == 1


def test_years_and_code_change_the_price_at_once_and_lose_nothing(customer: Customer) -> None:
    customer.basket()
    page = customer.page()
    page.goto(FORM)
    steps.fill_order_form(page)
    page.get_by_role("button", name="Aumenta: Frequenza di rinnovo (anni)").click()
    heading = page.get_by_role("heading", name="Riepilogo ordine")
    expect(page.get_by_role("main").locator("section").filter(has=heading)).to_contain_text("24,16")
    steps.fill(page, {"Codice sconto": "INESISTENTE"})
    steps.press(page, "Ok")
    expect(page.get_by_text("Codice non valido, scaduto o non applicabile a questo ordine.").first).to_be_visible()
    expect(page.get_by_role("checkbox", name=steps.BOXES[1])).to_be_checked()
    steps.place_order(page)
    assert orders(customer)[0].gross_cents == 2416


def test_a_signature_has_neither_frequency_nor_automatic_renewal(customer: Customer, bank: banks.Bank) -> None:
    customer.basket(product="FR")
    page = customer.page()
    page.goto(FORM)
    steps.is_at(page, "Modulo ordine")
    expect(page.get_by_role("checkbox", name=steps.BOXES_SECURITY[0])).to_be_visible()
    words = page.get_by_role("main").inner_text()
    assert "Frequenza" not in words
    assert "innovo" not in words
    nothing_is_chosen(page)
    names = page.get_by_role("main").locator("input[type=radio], input[type=checkbox]")
    assert [names.nth(i).get_attribute("name") for i in (0, 1)] == ["accept_terms", "accept_clauses"]
    steps.fill_order_form(page, renewal="", boxes=steps.BOXES_SECURITY)
    number = steps.place_order(page)
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert customer.row(number).auto_renew is None


@pytest.mark.parametrize(("honest", "smuggled"), SMUGGLED.items(), ids=["frequency", "automatic renewal"])
def test_the_server_refuses_what_a_signature_does_not_have(customer: Customer, honest: str, smuggled: str) -> None:
    customer.basket(product="FR")
    page = customer.page()
    page.route_web_socket("**/_event/**", lambda line: rewrites(line, honest, smuggled))
    page.goto(FORM)
    steps.fill_order_form(page, renewal="", boxes=steps.BOXES_SECURITY)
    steps.press(page, steps.ORDER_BUTTON)
    expect(page.get_by_role("alert").filter(has_text="Controlla questi campi")).to_be_visible()
    assert not orders(customer)


def rewrites(line: WebSocketRoute, honest: str, smuggled: str) -> None:
    """Stand between the page and the server, and send something else."""
    server = line.connect_to_server()
    line.on_message(lambda message: server.send(str(message).replace(honest, smuggled)))


def test_back_forward_and_reload_lead_to_the_same_single_order(customer: Customer) -> None:
    customer.basket()
    page = customer.page()
    page.goto("/ordine?passo=billing")
    steps.confirm_billing(page)
    steps.is_at(page, "Modulo ordine")
    page.go_back()
    steps.is_at(page, "Dati fatturazione")
    page.go_back()
    page.go_forward()
    page.go_forward()
    steps.is_at(page, "Modulo ordine")
    page.reload()
    steps.fill_order_form(page)
    number = steps.place_order(page)
    page.go_back()
    expect(page.get_by_role("button", name=LAWFUL_BUTTON)).not_to_be_visible()
    page.go_forward()
    steps.stands(page, steps.AWAITING)
    page.reload()
    steps.stands(page, steps.AWAITING)
    assert [order.number for order in orders(customer)] == [number]


def test_double_clicks_make_one_order_and_one_payment(customer: Customer, bank: banks.Bank) -> None:
    customer.basket()
    page = customer.page()
    page.goto(FORM)
    steps.fill_order_form(page)
    page.get_by_role("button", name=LAWFUL_BUTTON).dblclick()
    steps.says(page, "Ordine registrato")
    number = steps.order_number(page)
    page.get_by_role("button", name="Paga ora", exact=True).dblclick()
    page.wait_for_url("**/c/pay/**")
    second = customer.page()
    second.goto(f"/ordini/{number}")
    steps.go_to_bank(second, "Riprendi il pagamento")
    assert second.url == page.url
    page.go_back()
    steps.go_to_bank(page, "Riprendi il pagamento")
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert len(orders(customer)) == 1
    assert len(customer.rows(tables.PaymentAttempt, order_id=orders(customer)[0].id)) == 1
    assert len(bank.openings(number)) == 1
    assert len(bank.charges(number)) == 1


def test_annulla_asks_first_then_frees_the_name_and_writes(customer: Customer, new_customer) -> None:
    name = "nome.conteso"
    number = customer.order(names=(name,))
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.press(page, "Annulla l'ordine")
    dialog = page.get_by_role("dialog", name="Annullare l'ordine?")
    expect(dialog).to_contain_text(number)
    dialog.get_by_role("button", name="Mantieni l'ordine", exact=True).click()
    expect(dialog).not_to_be_visible()
    steps.stands(page, steps.AWAITING)
    steps.press(page, "Annulla l'ordine")
    dialog.get_by_role("button", name="Annulla l'ordine", exact=True).click()
    steps.says(page, "Ordine annullato")
    expect(page.get_by_role("button", name="Paga ora")).not_to_be_visible()
    customer.gets("m02", "m18")

    other = new_customer()
    with customers.inside(other.site):
        factories.baskets.choose(other.actor, "PEC-STD", 1, {}, "it")
    page = other.page()
    page.goto("/ordine?passo=configure")
    steps.name_mailbox(page, name)
    steps.is_at(page, "Dati intestatario")
