"""The staff's lists in a browser: narrowed, turned, taken away as a file; every page usable by who cannot see it."""

import re
import uuid
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

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
