"""The staff at work: found in seconds, done with a reason, seen by the customer at once."""

import re
import uuid
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from pecapp import tables
from pecapp.services import demo
from tests.e2e import customers, steps
from tests.e2e.test_methods import LIST, VISA, kept, lists, with_card
from tests.support import bank as banks
from tests.support import people, processes

WHY = "lo ha chiesto al telefono"
Staff = Callable[..., Page]


@pytest.fixture
def staff(site: processes.Site, new_page: Callable[..., Page]) -> Staff:
    """Makes pages of members of the staff who have signed in with both factors."""

    def make(role: str = "support", **options: object) -> Page:
        with customers.inside(site):
            cookie = people.staff_cookie(role, f"{uuid.uuid4().hex[:8]}@personale.test")
        page = new_page(**options)
        page.context.add_cookies([{"name": "sid", "value": cookie, "url": site.url}])
        return page

    return make


def confirms(page: Page, button: str, why: str = WHY) -> None:
    """Give the reason and confirm the act that is asked about, by its own name."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Motivo").fill(why)
    dialog.get_by_role("button", name=button, exact=True).click()


def looks_for(page: Page, what: str) -> None:
    """Use the search that stands on every page of the staff."""
    box = page.get_by_role("searchbox", name="Cerca cliente, ordine o pagamento")
    box.fill(what)
    box.press("Enter")
    steps.says(page, "Risultati della ricerca")


@pytest.mark.allows_errors("422")
def test_the_staff_comes_in_with_password_and_code(page: Page, site: processes.Site) -> None:
    page.goto("/admin")
    steps.sign_in(page, demo.ADMIN_EMAIL, demo.PASSWORD)
    steps.says(page, "Verifica in due passaggi")
    page.goto("/admin")
    expect(page).to_have_url(re.compile("/accedi"))
    page.goto("/admin/entra")
    steps.fill(page, {"Codice": "000000"})
    steps.press(page, "Entra")
    expect(page.get_by_role("alert")).to_contain_text("Il codice non è giusto")
    steps.fill(page, {"Codice": httpx.get(f"{site.url}/dev/codice").text})
    steps.press(page, "Entra")
    steps.says(page, "Quadro")


def test_a_customer_does_not_see_the_staffs_pages(customer: customers.Customer) -> None:
    page = customer.page()
    for place in ("/admin", "/admin/clienti", "/admin/personale"):
        page.goto(place)
        expect(page).to_have_url(re.compile(f"^{re.escape(customer.site.url)}/?$"))


def test_support_finds_a_card_by_its_last_digits_and_removes_it_before_the_customers_eyes(
    customer: customers.Customer, staff: Staff
) -> None:
    with_card(customer).close()
    theirs = customer.page()
    theirs.goto(LIST)
    lists(theirs, VISA)
    desk = staff("support")
    desk.goto("/admin")
    looks_for(desk, "4242")
    desk.goto(f"/admin/clienti/{customer.actor.account_id}")
    desk.get_by_role("button", name=re.compile("^Invia di nuovo")).first.click()
    reason = desk.get_by_role("dialog").get_by_label("Motivo")
    reason.fill("non lo trova nella posta")
    desk.keyboard.press("Escape")
    desk.get_by_role("button", name=f"Togli il metodo: {VISA}").click()
    expect(desk.get_by_role("dialog").get_by_role("heading", name="Togliere questo metodo")).to_be_visible()
    expect(reason).to_have_value("")
    confirms(desk, "Togli il metodo")
    expect(desk.get_by_role("status").filter(has_text="Metodo tolto")).to_be_visible()
    lists(theirs)
    assert [method.status for method in kept(customer)] == ["removed"]
    expect(desk.get_by_role("button", name=re.compile("^Togli il metodo"))).to_have_count(0)
    customer.gets("m02", "m03", "m04", "m11")


def test_an_act_without_a_reason_stays_undone_and_says_so(customer: customers.Customer, staff: Staff) -> None:
    number = customer.order()
    desk = staff("support")
    desk.goto(f"/admin/ordini/{number}")
    desk.get_by_role("button", name=re.compile("^Annulla l'ordine")).click()
    confirms(desk, "Annulla l'ordine", "  ")
    expect(desk.get_by_role("dialog").get_by_role("alert")).to_contain_text("Scrivi il motivo")
    assert customer.row(number).status == "awaiting_payment"
    confirms(desk, "Annulla l'ordine")
    expect(desk.get_by_role("status").filter(has_text="Ordine annullato")).to_be_visible()
    assert customer.row(number).status == "cancelled"


def test_finance_refunds_an_order_and_the_customer_sees_it_and_is_told(
    customer: customers.Customer, staff: Staff
) -> None:
    number = customer.order()
    theirs = customer.page()
    theirs.goto(f"/ordini/{number}")
    steps.go_to_bank(theirs)
    steps.pay_by_card(theirs)
    steps.stands(theirs, steps.PAID)
    desk = staff("finance")
    desk.goto("/admin")
    looks_for(desk, number)
    desk.get_by_role("main").get_by_role("link", name=re.compile(number)).first.click()
    desk.get_by_role("button", name="Rimborsa", exact=True).click()
    dialog = desk.get_by_role("dialog")
    expect(dialog.get_by_role("radio", name=re.compile("Tutto ciò che resta"))).to_be_checked()
    confirms(desk, "Rimborsa")
    told = desk.get_by_role("status").filter(has_text="Rimborso di 12,08").get_by_role("paragraph")
    expect(told).to_be_visible()
    expect(desk.get_by_role("button", name="Rimborsa", exact=True)).to_have_count(0)
    expect(theirs.get_by_role("main").get_by_text("Rimborsato", exact=True).first).to_be_visible()
    customer.gets("m02", "m03", "m21")
    receipt = theirs.context.request.get(f"/ricevute/{number}.pdf")
    assert (receipt.status, receipt.headers["content-type"]) == (200, "application/pdf")
    order = customer.row(number)
    assert [refund.status for refund in customer.rows(tables.Refund, order_id=order.id)] == ["succeeded"]
    desk.mouse.move(0, 0)  # what is pointed at does not leave
    expect(told).to_be_hidden(timeout=12_000)


def test_support_is_not_offered_what_it_may_not_do(customer: customers.Customer, staff: Staff) -> None:
    number = customer.order()
    desk = staff("support")
    desk.goto(f"/admin/ordini/{number}")
    expect(desk.get_by_role("button", name=re.compile("^Annulla l'ordine"))).to_be_visible()
    expect(desk.get_by_role("button", name="Rimborsa", exact=True)).to_have_count(0)
    expect(desk.get_by_role("link", name="Personale", exact=True)).to_have_count(0)
    desk.goto("/admin/personale")
    steps.says(desk, "Quadro")


def test_the_board_moves_while_a_customer_pays(customer: customers.Customer, staff: Staff) -> None:
    number = customer.order()
    desk = staff("support")
    desk.goto("/admin")
    paid = desk.get_by_role("definition").first
    before = paid.inner_text()
    theirs = customer.page()
    theirs.goto(f"/ordini/{number}")
    steps.go_to_bank(theirs)
    steps.pay_by_card(theirs)
    steps.stands(theirs, steps.PAID)
    expect(paid).not_to_have_text(before)


def test_all_debits_are_held_and_released(customer: customers.Customer, staff: Staff) -> None:
    desk = staff("finance")
    desk.goto("/admin/addebiti")
    desk.get_by_role("button", name=re.compile("^Ferma tutti gli addebiti")).click()
    confirms(desk, "Ferma tutti gli addebiti", "il listino sembra sbagliato")
    expect(desk.get_by_role("main").get_by_text("Il freno è tirato: non parte nessun addebito")).to_be_visible()
    other = staff("support")
    other.goto("/admin/addebiti")
    expect(other.get_by_text("il listino sembra sbagliato")).to_be_visible()
    expect(other.get_by_role("button", name=re.compile("^Sblocca gli addebiti"))).to_have_count(0)
    desk.get_by_role("button", name=re.compile("^Sblocca gli addebiti")).click()
    confirms(desk, "Sblocca gli addebiti", "il listino era giusto")
    expect(other.get_by_text("il listino sembra sbagliato")).to_have_count(0)


def test_an_unmatched_notification_is_handled_again(
    bank: banks.Bank, customer: customers.Customer, staff: Staff
) -> None:
    event = stray_event(bank, customer)
    desk = staff("owner")
    desk.goto("/admin/notifiche?stato=unmatched")
    box = desk.get_by_role("checkbox", name=re.compile(event))
    box.click()
    expect(box).to_be_checked()
    desk.get_by_role("button", name=re.compile("^Gestisci di nuovo")).first.click()
    confirms(desk, "Gestisci di nuovo", "il cliente dice di aver pagato")
    expect(desk.get_by_role("status").filter(has_text="Notifiche rimesse in lavorazione: 1")).to_be_visible()
    desk.goto("/admin/registro")
    expect(desk.get_by_role("cell", name="Notifica gestita di nuovo").first).to_be_visible()


def stray_event(bank: banks.Bank, customer: customers.Customer) -> str:
    """An authentic notification of a payment that we know nothing of; its name at the gateway."""
    number, page = customer.order(), customer.page()
    page.goto(f"/ordini/{number}")
    steps.go_to_bank(page)
    (attempt,) = customer.rows(tables.PaymentAttempt, order_id=customer.row(number).id)
    unknown = uuid.uuid4().hex
    changes = {"metadata.attempt": unknown, "client_reference_id": unknown, "id": f"cs_test_{unknown}"}
    sent = bank.do(
        "webhooks/emit",
        type="checkout.session.completed",
        object_id=bank.session(attempt.id),
        changes={f"data.object.{name}": value for name, value in changes.items()},
    )
    assert sent["statuses"] == [200]
    return sent["event"]
