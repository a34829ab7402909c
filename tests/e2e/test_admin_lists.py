"""The staff's lists in a browser: narrowed, turned, taken away as a file; every page usable by who cannot see it."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from pecapp import clock, tables
from pecapp.services import access
from pecapp.services.admin import acts
from tests.e2e import customers, steps
from tests.support import factories, people

MANY = 27
"""More orders than a page of a list holds."""


def test_a_list_is_narrowed_turned_and_taken_away(
    customer: customers.Customer, new_page: Callable[..., Page], assert_accessible: Callable[[Page], None]
) -> None:
    with customers.inside(customer.site):
        numbers = [factories.order(customer.actor, gateway="paypal").number for _ in range(MANY)]
        cookie = people.staff_cookie("support", f"{uuid.uuid4().hex[:8]}@personale.test")
    page = new_page()
    page.context.add_cookies([{"name": "sid", "value": cookie, "url": customer.site.url}])
    page.goto("/admin/ordini")
    steps.says(page, "Ordini")
    page.get_by_label("Gateway").select_option("PayPal")
    page.get_by_label("Stato").select_option("In attesa pagamento")
    page.get_by_role("button", name="Mostra", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/ordini\?stato=awaiting_payment&gateway=paypal$"))
    table = page.get_by_role("table", name="Ordini")
    expect(table.get_by_role("link", name=numbers[-1])).to_be_visible()
    expect(page.get_by_label("Gateway")).to_have_value("paypal")
    assert_accessible(page)
    page.get_by_role("link", name="Pagina successiva").click()
    expect(table.get_by_role("link", name=numbers[1])).to_be_visible()
    expect(table.get_by_role("link", name=numbers[-1])).to_have_count(0)
    page.reload()
    expect(table.get_by_role("link", name=numbers[1])).to_be_visible()
    page.go_back()
    expect(table.get_by_role("link", name=numbers[-1])).to_be_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="Scarica CSV").click()
    assert taken.value.suggested_filename.startswith("ordini-")
    lines = Path(taken.value.path()).read_text("utf-8-sig").splitlines()
    assert {line.partition(";")[0] for line in lines} >= set(numbers)
    table.get_by_role("link", name=numbers[-1]).click()
    steps.says(page, f"Ordine {numbers[-1]}")
    assert_accessible(page)


def test_the_owner_finds_an_act_in_the_register_and_takes_it_away(
    customer: customers.Customer, new_page: Callable[..., Page], assert_accessible: Callable[[Page], None]
) -> None:
    with customers.inside(customer.site):
        number, address = factories.order(customer.actor).number, f"{uuid.uuid4().hex[:8]}@personale.test"
        acts.cancel_order(people.staff("support", address), number, "lo ha chiesto al telefono")
        cookie = people.staff_cookie("owner", f"{uuid.uuid4().hex[:8]}@personale.test")
    page = new_page()
    page.context.add_cookies([{"name": "sid", "value": cookie, "url": customer.site.url}])
    page.goto("/admin/registro")
    steps.says(page, "Registro")
    page.get_by_label("Chi", exact=True).select_option(address)
    page.get_by_label("Che cosa", exact=True).select_option("Ordine annullato")
    page.get_by_role("searchbox", name="Su che cosa").fill(customer.email)
    page.get_by_role("button", name="Mostra", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(r"/admin/registro\?atto=order_cancelled&chi=.+&su=.+$"))
    table = page.get_by_role("table", name="Registro")
    expect(table.get_by_role("link", name=f"Ordine {number}")).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(2)
    page.reload()
    expect(table.get_by_role("link", name=f"Ordine {number}")).to_be_visible()
    expect(page.get_by_label("Chi", exact=True)).to_have_value(address)
    assert_accessible(page)
    with page.expect_download() as taken:
        page.get_by_role("link", name="Scarica CSV").click()
    (_, line) = Path(taken.value.path()).read_text("utf-8-sig").splitlines()
    assert {address, "Ordine annullato", f"Ordine {number}", "lo ha chiesto al telefono"} < set(line.split(";"))
    page.get_by_role("link", name="Togli i filtri").click()
    expect(table.get_by_text("Elenco «Registro»").first).to_be_visible()


@pytest.mark.parametrize(
    "place", ["clienti", "ordini", "pagamenti", "servizi", "metodi", "posta", "registro", "cerca?q=4242", ""]
)
def test_nothing_of_the_staffs_scrolls_sideways_on_a_phone(
    customer: customers.Customer, new_page: Callable[..., Page], place: str
) -> None:
    with customers.inside(customer.site):
        factories.method(customer.actor)
        number = factories.order(customer.actor).number
        factories.settle(factories.opened(customer.actor), card=factories.VISA)
        owner = people.staff("owner", f"{uuid.uuid4().hex}@{'personale-' * 4}.test")
        acts.cancel_order(owner, number, "perché" * 30)
        cookie = people.staff_cookie("owner", f"{uuid.uuid4().hex[:8]}@personale.test")
    page = new_page(viewport={"width": 390, "height": 844})
    page.context.add_cookies([{"name": "sid", "value": cookie, "url": customer.site.url}])
    page.goto(f"/admin/{place}")
    expect(page.locator("main").locator("table, ul.hits").first).to_be_attached()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_after_the_end_of_a_session_nothing_that_the_staff_saw_is_left_in_the_tab(
    customer: customers.Customer, new_page: Callable[..., Page]
) -> None:
    with customers.inside(customer.site):
        number = factories.order(customer.actor).number
        cookie = people.staff_cookie("support", f"{uuid.uuid4().hex[:8]}@personale.test")
        session_id = access.actor(cookie).session_id
    page = new_page()
    page.context.add_cookies([{"name": "sid", "value": cookie, "url": customer.site.url}])
    page.goto("/admin/ordini")
    page.get_by_role("link", name=number).click()
    steps.says(page, f"Ordine {number}")
    page.evaluate("window.same = true")
    with customers.inside(customer.site):
        factories.change(factories.the(tables.WebSession, id=session_id), expires_at=clock.now())
    page.evaluate("document.querySelector('a[href=\"/admin/clienti\"]')?.click()")  # unless it has left by itself
    expect(page).to_have_url(re.compile(r"/accedi\?finita=1&next=%2Fadmin%2F\w+"))
    expect(page.get_by_text("La sessione è terminata")).to_be_visible()
    assert page.evaluate("window.same") is None, "another document"
    page.go_back()
    expect(page).to_have_url(re.compile("/accedi"))
    expect(page.get_by_text(number)).to_have_count(0)
