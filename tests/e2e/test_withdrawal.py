"""«Recedere dal contratto qui»: found, understood and confirmed, signed in or not; and a refund that fails later."""

import re
from collections.abc import Callable
from datetime import timedelta

from playwright.sync_api import Page, expect

from pecapp import clock, i18n, tables
from pecapp.domain import withdrawal
from tests.e2e import customers, steps
from tests.e2e.test_accessible import WIDE, Judge, is_for_everybody, settled
from tests.support import bank as banks
from tests.support import factories

Customer = customers.Customer
WITHDRAW, CONFIRM = "Recedere dal contratto qui", "Conferma recesso"
REFUND_FAILS = "4000000000005126"


def buys(customer: Customer, card: str = banks.GOOD, **form: str) -> tuple[str, Page]:
    """A mailbox, ordered and paid at the bank; its number, and its page."""
    number = customer.order(form=factories.FORM | form)
    page = customer.page(viewport=WIDE)
    page.goto(f"/ordini/{number}")
    page.get_by_role("radio", name=steps.CARD, exact=True).check()
    steps.go_to_bank(page)
    steps.pay_by_card(page, card)
    steps.stands(page, steps.PAID)
    return number, page


def days_ago(customer: Customer, number: str, days: int) -> None:
    """The mailbox was bought and started some days ago."""
    with customers.inside(customer.site):
        order = factories.the(tables.Order, number=number)
        service = factories.the(tables.Service, order_id=order.id)
        bought = clock.today() - timedelta(days=days)
        factories.change(order, withdrawal_until_on=withdrawal.last_day(bought))
        factories.change(service, activated_on=bought)


def acknowledged(page: Page, number: str, email: str) -> None:
    """The page says what was received, when, and where the confirmation goes."""
    main = page.get_by_role("main")
    expect(page.get_by_role("heading", level=2, name="Recesso ricevuto", exact=True)).to_be_visible()
    today = i18n.date(clock.today(), "it")
    for words in (number, email, f"{today},"):
        expect(main).to_contain_text(words)


def test_a_customer_withdraws_from_the_page_of_the_order(customer: Customer, assert_accessible: Judge) -> None:
    number, page = buys(customer, start_now="yes")
    customer.gets("m02", "m03")
    days_ago(customer, number, 5)
    page.reload()
    page.get_by_role("main").get_by_role("link", name=WITHDRAW, exact=True).click()
    settled(page)
    expect(page.get_by_role("radio")).to_be_checked()
    expect(page.get_by_label("Nome e cognome", exact=True)).to_have_value("Anna Verdi")
    is_for_everybody(page, assert_accessible)
    steps.press(page, "Prosegui")
    main = page.get_by_role("main")
    for words in ("Anna Verdi", number, "Che cosa succede", "finisce subito"):
        expect(main).to_contain_text(words)
    expect(main).to_contain_text("Ti rimborsiamo 11,9")
    expect(main).to_contain_text("Tratteniamo 0,1")
    is_for_everybody(page, assert_accessible)
    page.get_by_role("button", name=CONFIRM, exact=True).dblclick()
    acknowledged(page, number, customer.email)
    is_for_everybody(page, assert_accessible)

    letters = {one["template"]: one for one in customer.gets("m02", "m03", "m20", "m21")}
    for words in (number, "Anna Verdi", i18n.date(clock.today(), "it"), "Ti rimborsiamo 11,9", "entro 14 giorni"):
        assert words in " ".join(letters["m20"]["text"].split()).replace("\xa0", " ")
    (service,) = customer.rows(tables.Service, account_id=customer.actor.account_id)
    assert (service.status, service.renewal) == ("cancelled", "disabled")
    page.goto(f"/ordini/{number}")
    steps.says(page, "Ordine rimborsato in parte")
    expect(page.get_by_role("main").get_by_role("link", name=WITHDRAW, exact=True)).to_have_count(0)


def test_without_signing_in_name_number_and_address_are_enough(
    customer: Customer, new_page: Callable[..., Page], bank: banks.Bank
) -> None:
    number, mine = buys(customer)
    stranger = new_page(extra_http_headers={"X-Forwarded-For": "198.51.100.21"})
    stranger.goto("/")
    stranger.get_by_role("link", name=WITHDRAW, exact=True).click()
    settled(stranger)
    steps.fill(stranger, {"Numero d'ordine": number, "Nome e cognome": "Anna Verdi", "Email per la conferma": "x"})
    steps.press(stranger, "Prosegui")
    expect(stranger.get_by_role("alert").filter(has_text="Controlla questi campi")).to_be_focused()
    steps.fill(stranger, {"Email per la conferma": customer.email})
    steps.press(stranger, "Prosegui")
    expect(stranger.get_by_role("heading", name="Controlla e conferma", exact=True)).to_be_visible()
    shown = stranger.get_by_role("main").inner_text()
    assert not any(secret in shown for secret in ("12,08", "casella", "PEC Standard"))
    steps.press(stranger, CONFIRM)
    acknowledged(stranger, number, customer.email)

    letters = {one["template"]: one for one in customer.gets("m02", "m03", "m20", "m21")}
    assert "12,08" in letters["m20"]["text"]
    steps.says(mine, "Ordine rimborsato")
    (charge,) = bank.charges(number)
    assert charge["refunded"] == 1208


def test_a_stranger_ends_nothing_and_reads_the_same_words(customer: Customer, new_page: Callable[..., Page]) -> None:
    number, mine = buys(customer)
    said = []
    for place, asked in enumerate((number, "1234567897")):
        page = new_page(extra_http_headers={"X-Forwarded-For": f"198.51.100.{30 + place}"})
        page.goto("/recesso")
        settled(page)
        email = f"curioso{number}-{place}@example.test"
        steps.fill(page, {"Numero d'ordine": asked, "Nome e cognome": "Ada Bianchi", "Email per la conferma": email})
        steps.press(page, "Prosegui")
        steps.press(page, CONFIRM)
        acknowledged(page, asked, email)
        (letter,) = customers.gets(customer.site, email, "m20")
        said.append(re.sub(r"\d", "", letter["text"].replace(email, "")))
        assert "12,08" not in letter["text"]
    assert said[0] == said[1]
    assert customer.row(number).status == "paid"
    steps.stands(mine, steps.PAID)


def test_a_refund_that_fails_after_it_looked_done_comes_to_the_staff(customer: Customer, bank: banks.Bank) -> None:
    number, page = buys(customer, REFUND_FAILS)
    page.goto(f"/recesso?ordine={number}")
    settled(page)
    steps.press(page, "Prosegui")
    steps.press(page, CONFIRM)
    acknowledged(page, number, customer.email)
    customer.gets("m02", "m03", "m20", "m21")

    def refund() -> tables.Refund:
        (found,) = customer.rows(tables.Refund, order_id=customer.row(number).id)
        return found

    bank.do("refunds/resolve", refund=refund().gateway_ref, outcome="failed")

    banks.eventually(lambda: refund().status == "failed", "the refund that fails")
    alerts = [one.kind for one in customer.rows(tables.Alert, order_id=customer.row(number).id)]
    assert alerts == ["refund_failed"]
    customer.gets("m02", "m03", "m20", "m21")
