"""Every open page of a customer tells the truth by itself: other tabs, other devices, a cut line, a dead server."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import processes

Customer = customers.Customer
UNTOUCHED = "untouched"
CUT = ("WebSocket", "ERR_INTERNET_DISCONNECTED", "ERR_CONNECTION_REFUSED", "websocket error", "Failed to load resource")
"""What a browser complains of when its connection is cut on purpose."""


def watches(page: Page, number: str) -> None:
    """Open the order's page and mark it: a reload would lose the mark."""
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    page.evaluate("mark => { window.mark = mark }", UNTOUCHED)


def is_untouched(page: Page) -> bool:
    return page.evaluate("window.mark") == UNTOUCHED


def hears(page: Page) -> list[str]:
    """Everything that the page's live regions say from now on, for who listens instead of looking."""
    said: list[str] = []
    page.expose_function("heard", lambda words: said.append(words))  # noqa: PLW0108  (a builtin cannot be wrapped)
    page.evaluate(
        """() => new MutationObserver((changes) => {
            for (const change of changes) {
                const node = change.target.nodeType === 1 ? change.target : change.target.parentElement;
                const region = node?.closest("[aria-live], [role=status], [role=alert]");
                if (region) window.heard(region.textContent);
            }
        }).observe(document.body, { subtree: true, childList: true, characterData: true })"""
    )
    return said


def pays(customer: Customer, number: str) -> Page:
    """In a tab of its own the customer goes to the bank."""
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    steps.go_to_bank(page)
    return page


def test_two_tabs_and_another_device_follow_the_payment_and_say_so(customer: Customer) -> None:
    number = customer.order()
    first, device = customer.page(), customer.page()
    second = first.context.new_page()
    for page in (first, second, device):
        watches(page, number)
    said = hears(device)
    listing = first.context.new_page()
    listing.goto("/ordini")
    expect(listing.get_by_role("heading", name="Ordini da pagare")).to_be_visible()

    paying = pays(customer, number)
    for page in (first, second, device):
        steps.stands(page, steps.VERIFYING)
    steps.pay_by_card(paying)
    for page in (first, second, device):
        steps.stands(page, steps.PAID)
        assert is_untouched(page)
        expect(page.get_by_role("heading", name="Ricevuta", exact=True)).to_be_visible()
    assert any(steps.VERIFYING in words for words in said)
    assert any(steps.PAID in words or "Pagamento registrato" in words for words in said)
    expect(listing.get_by_role("heading", name="Ordini da pagare")).not_to_be_visible()


@pytest.mark.allows_errors(*CUT)
def test_a_device_that_lost_its_connection_catches_up(customer: Customer) -> None:
    number = customer.order()
    page = customer.page()
    watches(page, number)
    paying = pays(customer, number)
    steps.stands(page, steps.VERIFYING)
    offline(page.context)
    steps.pay_by_card(paying)
    steps.stands(paying, steps.PAID)
    expect(page.get_by_text("Connessione interrotta")).to_be_visible(timeout=60_000)
    steps.stands(page, steps.VERIFYING)
    page.context.set_offline(False)
    expect(steps.status(page)).to_contain_text(steps.PAID, timeout=30_000)
    expect(page.get_by_text("Connessione interrotta")).not_to_be_visible()
    assert is_untouched(page)


def offline(context: BrowserContext) -> None:
    """Cut the network; what is connected notices."""
    context.set_offline(True)


@pytest.mark.allows_errors(*CUT)
def test_pages_catch_up_after_the_server_died_in_the_middle_of_a_payment(
    site: processes.Site, customer: Customer, bank: banks.Bank
) -> None:
    number = customer.order()
    page = customer.page()
    watches(page, number)
    paying = pays(customer, number)
    steps.stands(page, steps.VERIFYING)
    steps.send_card(paying)
    site.app.kill()
    expect(paying.get_by_role("heading", name="Ricevuta")).to_be_visible()
    site.restart_app()
    expect(steps.status(page)).to_contain_text(steps.PAID, timeout=30_000)
    assert is_untouched(page)
    steps.follow(paying, "Torna al negozio")
    steps.stands(paying, steps.PAID)
    assert len(bank.charges(number)) == 1


def test_without_scripts_the_plain_page_tells_the_truth_and_pays(customer: Customer) -> None:
    number = customer.order()
    page = customer.page(java_script_enabled=False)
    page.goto(f"/ordini/{number}?testo=1")
    main = page.get_by_role("main")
    expect(main).to_contain_text(steps.AWAITING)
    expect(page.locator("meta[http-equiv=refresh]")).to_have_count(0)
    page.get_by_role("radio", name="Carta di credito", exact=True).check()
    steps.press(page, "Paga")
    page.wait_for_url("**/c/pay/**")

    plain = page.context.new_page()
    plain.goto(f"/ordini/{number}?testo=1")
    expect(plain.get_by_role("main")).to_contain_text(steps.VERIFYING)
    refresh = plain.locator("meta[http-equiv=refresh]")
    expect(refresh).to_have_attribute("content", re.compile(r"^\d+$"))
    steps.pay_by_card(page)
    steps.follow(plain, "Aggiorna adesso")
    expect(plain.get_by_role("main")).to_contain_text(steps.PAID)
    expect(plain.get_by_role("link", name="Scarica la ricevuta in PDF")).to_be_visible()


@pytest.mark.allows_errors("403 (Forbidden)")
def test_a_stranger_sees_nothing_of_an_order(customer: Customer, new_customer, new_page: Callable[..., Page]) -> None:
    number = customer.order()
    plain = new_page(java_script_enabled=False)
    plain.goto(f"/ordini/{number}?testo=1")
    expect(plain.get_by_role("heading", level=1)).to_have_text("Accedi per vedere l'ordine")
    stranger = new_page()
    stranger.goto(f"/ordini/{number}")
    stranger.wait_for_url("**/accedi?next=**")
    other = new_customer().page()
    other.goto(f"/ordini/{number}")
    steps.says(other, "Ordine non trovato")
    assert "12,08" not in other.get_by_role("main").inner_text()


def test_signing_out_in_one_tab_ends_the_other_tab_at_its_next_act(customer: Customer, bank: banks.Bank) -> None:
    number = customer.order()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    other = page.context.new_page()
    other.goto("/area-clienti")
    steps.press(other, "Esci")
    expect(other.get_by_role("link", name="Accedi", exact=True)).to_be_visible()
    steps.press(page, "Paga ora")
    page.wait_for_url("**/accedi**")
    expect(page.get_by_role("main")).not_to_contain_text("12,08")
    assert not bank.openings(number)
    page.goto(f"/ordini/{number}")
    page.wait_for_url("**/accedi**")


def test_the_language_changes_in_place_and_is_remembered(customer: Customer) -> None:
    number = customer.order()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.says(page, "Ordine registrato")
    steps.press(page, "English")
    expect(page.get_by_role("button", name="Pay now", exact=True)).to_be_visible()
    steps.says(page, "Order registered")
    expect(page.get_by_role("main").locator("xpath=ancestor-or-self::*[@lang][1]")).to_have_attribute("lang", "en")
    page.goto("/ordini")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your orders")
    steps.press(page, "Italiano")
    expect(page.get_by_role("heading", level=1)).to_have_text("I tuoi ordini")
