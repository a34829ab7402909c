"""The first whole purchase: from the first page to a receipt that appears by itself."""

import io
import re
from collections.abc import Callable

import pypdf
from playwright.sync_api import Page, expect

from pecapp.services import demo
from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import processes

Customer = customers.Customer


def receipt_appears(page: Page) -> None:
    """«Pagato», with the receipt: the page has not been touched."""
    steps.stands(page, steps.PAID)
    steps.says(page, "Pagamento registrato")
    expect(page.get_by_role("heading", name="Ricevuta", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Scarica la ricevuta (PDF)")).to_be_visible()


def opened_pdf(page: Page) -> pypdf.PdfReader:
    """The receipt behind the link, as this browser gets it."""
    address = page.get_by_role("link", name="Scarica la ricevuta (PDF)").get_attribute("href")
    answer = page.request.get(str(address))
    assert answer.headers["content-type"] == "application/pdf"
    return pypdf.PdfReader(io.BytesIO(answer.body()))


def test_a_newcomer_buys_a_mailbox_and_sees_the_receipt_on_two_devices(
    site: processes.Site, new_page: Callable[..., Page], bank: banks.Bank
) -> None:
    email = "newcomer@example.test"
    page = new_page()
    page.goto("/")
    page.get_by_role("navigation", name="Principale").get_by_role("link", name="Servizi", exact=True).click()
    steps.choose(page, "PEC Standard")
    steps.press(page, "Prosegui e completa l'ordine")
    steps.is_at(page, "Accedi o registrati")
    steps.follow(page, "Registrati")
    steps.register(page, email)
    steps.name_mailbox(page, "mario.rossi")
    steps.confirm_holder(page)
    steps.confirm_billing(page)
    steps.fill_order_form(page)
    number = steps.place_order(page)
    expect(page.get_by_text(f"Abbiamo mandato la conferma a {email}.")).to_be_visible()

    other = new_page()
    other.goto(f"/accedi?next=/ordini/{number}")
    steps.sign_in(other, email)
    steps.stands(other, steps.AWAITING)

    steps.go_to_bank(page)
    steps.stands(other, steps.VERIFYING)
    steps.pay_by_card(page)
    receipt_appears(page)
    receipt_appears(other)
    assert [charge["amount"] for charge in bank.charges(number)] == [1208]

    pdf = opened_pdf(page)
    text = " ".join(sheet.extract_text() for sheet in pdf.pages)
    assert number in text
    assert "12,08" in text
    assert "4242" in text
    assert pdf.root_object["/MarkInfo"]["/Marked"]  # pyright: ignore[reportIndexIssue]  (a dictionary)
    assert other.request.get(f"/ricevute/{number}.pdf").ok
    stranger = new_page()
    assert stranger.request.get(f"/ricevute/{number}.pdf").status == 404

    letters = customers.gets(site, email, "m01", "m02", "m03")
    assert number in "".join(letter["text"] for letter in letters if letter["template"] == "m03")
    page.goto(f"/dev/posta?a={email}")
    assert page.get_by_role("row").count() == 1 + len(letters)


def test_who_signs_in_before_the_page_has_its_line_is_led_where_they_wanted(
    site: processes.Site, new_page: Callable[..., Page]
) -> None:
    page = new_page()
    page.route_web_socket(re.compile("/_event"), lambda line: None)
    page.goto("/accedi?next=/ordini")
    steps.sign_in(page, "1000001@login.ceralacca.test", demo.PASSWORD)
    page.wait_for_url(f"{site.url}/ordini")


def test_an_italian_card_with_authentication_and_automatic_renewal(customer: Customer, bank: banks.Bank) -> None:
    customer.basket()
    page = customer.page()
    page.goto("/ordine?passo=form")
    steps.fill_order_form(page, renewal=steps.RENEW)
    expect(page.get_by_role("checkbox", name="Salva questo metodo per pagamenti futuri")).not_to_be_visible()
    expect(page.get_by_text("quello con cui paghi verrà salvato", exact=False)).to_be_visible()
    number = steps.place_order(page)
    steps.go_to_bank(page)
    steps.pay_by_card(page, banks.ITALIAN_ASKS, answer="Autorizza")
    receipt_appears(page)

    assert [charge["amount"] for charge in bank.charges(number)] == [1208]
    assert bank.charges(number)[0]["customer"]
    customer.gets("m02", "m03", "m04")
    page.goto("/area-clienti")
    expect(page.get_by_role("main").get_by_text("ATTIVO", exact=True)).to_be_visible()


def test_the_whole_purchase_in_english(customer: Customer, bank: banks.Bank) -> None:
    page = customer.page()
    page.goto("/servizi")
    steps.press(page, "English")
    steps.follow(page, "Order PEC Standard")
    steps.press(page, "Continue and complete the order")
    steps.is_at(page, "Set up the service")
    steps.fill(page, {"Mailbox name": "english.happy"})
    page.get_by_label("Certified domain", exact=True).select_option(label=steps.CERTIFIED_DOMAIN)
    steps.press(page, "Continue")
    steps.is_at(page, "Holder's details")
    steps.press(page, "Continue")
    steps.is_at(page, "Billing details")
    steps.press(page, "Continue")
    steps.is_at(page, "Order form")
    page.get_by_role("radio", name="Credit card", exact=True).check()
    page.get_by_role("radio", name="No, I will renew by hand", exact=True).check()
    for box in page.get_by_role("checkbox").all()[-3:]:
        box.check()
    steps.press(page, "Order with obligation to pay")
    steps.says(page, "Order registered")
    number = steps.order_number(page)
    steps.go_to_bank(page, "Pay now")
    steps.pay_by_card(page)
    steps.says(page, "Payment registered")
    expect(page.get_by_role("heading", name="Receipt", exact=True)).to_be_visible()
    letters = customer.gets("m02", "m03")
    assert "Payment" in letters[-1]["subject"]
    assert len(bank.charges(number)) == 1
