"""Every page for everybody: judged by axe in light and dark, wide and on a phone; bought with the keyboard alone."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Literal

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from pecapp import clock, i18n, tables
from pecapp.services import lifecycle
from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import factories, renewing

Customer = customers.Customer
Judge = Callable[[Page], None]
WIDE, PHONE = ViewportSize(width=1280, height=900), ViewportSize(width=390, height=844)
LOOKS: tuple[tuple[Literal["dark", "light"], ViewportSize], ...] = (("dark", PHONE), ("light", WIDE))
STEADY = 0.02
"""How much a page may move while it loads (cumulative layout shift)."""
PUBLIC = (
    *("/", "/servizi", "/ordine", "/paga", "/accedi", "/registrati", "/recupera"),
    *("/guida-ai-pagamenti", "/accessibilita", "/privacy", "/recesso"),
)
SHIFTS = """() => new Promise((done) => {
    let moved = 0;
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries()) if (!shift.hadRecentInput) moved += shift.value;
    }).observe({ type: "layout-shift", buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(moved))));
})"""


def settled(page: Page) -> None:
    """The page has all that it shows: nothing is being loaded any more."""
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_text("Un momento, stiamo caricando.")).to_have_count(0)


def is_for_everybody(page: Page, judge: Judge) -> None:
    """Dark on a phone, light and wide: nothing for axe to find, nothing beside the screen."""
    for scheme, size in LOOKS:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        judge(page)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{page.url} {size}"


def stays_put(page: Page) -> None:
    assert (moved := page.evaluate(SHIFTS)) < STEADY, f"{page.url} moved by {moved:.3f} while loading"


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_page_is_for_everybody(page: Page, address: str, assert_accessible: Judge) -> None:
    page.set_viewport_size(WIDE)
    page.goto(address)
    settled(page)
    stays_put(page)
    is_for_everybody(page, assert_accessible)


@pytest.mark.parametrize("step", ["service", "configure", "holder", "billing", "form"])
def test_a_step_of_the_order_is_for_everybody(customer: Customer, step: str, assert_accessible: Judge) -> None:
    customer.basket()
    page = customer.page(viewport=WIDE)
    page.goto(f"/ordine?passo={step}")
    settled(page)
    stays_put(page)
    is_for_everybody(page, assert_accessible)


def test_the_form_with_its_errors_is_for_everybody(customer: Customer, assert_accessible: Judge) -> None:
    customer.basket(product="FR")
    page = customer.page(viewport=WIDE)
    page.goto("/ordine?passo=form")
    settled(page)
    steps.press(page, steps.ORDER_BUTTON)
    expect(page.get_by_role("alert").filter(has_text="Controlla questi campi")).to_be_focused()
    is_for_everybody(page, assert_accessible)


def test_an_order_is_for_everybody_in_all_its_states(customer: Customer, assert_accessible: Judge) -> None:
    number, other = customer.order(), customer.order()
    with customers.inside(customer.site):
        lifecycle.cancel(customer.actor, other)
    page = customer.page(viewport=WIDE)
    page.goto(f"/ordini/{other}")
    steps.says(page, "Ordine annullato")
    is_for_everybody(page, assert_accessible)

    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.AWAITING)
    settled(page)
    stays_put(page)
    is_for_everybody(page, assert_accessible)
    steps.press(page, "Annulla l'ordine")
    expect(page.get_by_role("dialog")).to_be_visible()
    is_for_everybody(page, assert_accessible)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Annulla l'ordine", exact=True)).to_be_focused()

    steps.go_to_bank(page)
    paying = page.context.new_page()
    paying.goto(page.url)
    page.goto(f"/ordini/{number}")
    steps.stands(page, steps.VERIFYING)
    is_for_everybody(page, assert_accessible)
    steps.pay_by_card(paying)
    steps.stands(page, steps.PAID)
    is_for_everybody(page, assert_accessible)
    for address in ("/ordini", "/area-clienti", "/metodi-di-pagamento", f"/ordini/{number}?testo=1", "/dev/posta"):
        page.goto(address)
        settled(page)
        is_for_everybody(page, assert_accessible)


def test_why_a_charge_was_made_is_for_everybody(customer: Customer, assert_accessible: Judge) -> None:
    actor = customer.actor
    with customers.inside(customer.site):
        card = renewing.card(actor, last4="4242")
        mailbox = renewing.service(actor, card, clock.today() + timedelta(days=6))
        order = factories.order(actor, kind="renewal")
        term: dict[str, Any] = {"service_id": mailbox.id, "expires_on": mailbox.expires_on, "automatic": True}
        factories.add(tables.Renewal(order_id=order.id or 0, trouble="declined", **term))
        tried: dict[str, Any] = {
            "method_id": card.id,
            "status": "declined",
            "reason": "declined",
            "finished_at": clock.now(),
        }
        factories.attempt(order, channel="renewal", **tried)
    page = customer.page(viewport=WIDE)
    page.goto("/rinnovi")
    settled(page)
    stays_put(page)
    is_for_everybody(page, assert_accessible)
    enter(page, "link", f"Perché questo addebito? {mailbox.label}, {i18n.date(clock.today(), 'it')}")
    expect(page.get_by_text("La banca non ha autorizzato il pagamento")).to_be_visible()
    expect(page.get_by_role("main")).to_be_focused()
    page.goto(f"/rinnovi/{order.number}")
    settled(page)
    stays_put(page)
    is_for_everybody(page, assert_accessible)


# --- with the keyboard alone ------------------------------------------------------------------------------------------


def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until the focus is there."""
    wanted.wait_for()
    for _ in range(60):
        if wanted.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"the Tab key does not lead to {wanted}")


def enter(page: Page, role: str, name: str) -> None:
    """Go to a link or button and press Enter."""
    tab_to(page, page.get_by_role(role, name=name, exact=True))  # pyright: ignore[reportArgumentType]  (a role)
    page.keyboard.press("Enter")


def write(page: Page, label: str, text: str) -> None:
    """Go to a field and type."""
    tab_to(page, page.get_by_label(label, exact=True))
    page.keyboard.type(text)


def test_a_purchase_with_the_keyboard_alone(customer: Customer, bank: banks.Bank) -> None:
    page = customer.page(viewport=WIDE)
    page.goto("/servizi")
    enter(page, "link", "Ordina PEC Standard")
    steps.is_at(page, "Scegli il servizio")
    enter(page, "button", "Prosegui e completa l'ordine")
    steps.is_at(page, "Configura il servizio")
    write(page, "Nome della casella", "solo.tastiera")
    write(page, "Dominio certificato", steps.CERTIFIED_DOMAIN)
    enter(page, "button", "Prosegui")
    steps.is_at(page, "Dati intestatario")
    enter(page, "button", "Prosegui")
    steps.is_at(page, "Dati fatturazione")
    enter(page, "button", "Prosegui")
    steps.is_at(page, "Modulo ordine")
    tab_to(page, page.get_by_role("radio", name="Carta di credito", exact=True))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("radio", name=steps.RENEW, exact=True))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=steps.RENEW_BY_HAND, exact=True)).to_be_checked()
    for box in steps.BOXES:
        tab_to(page, page.get_by_role("checkbox", name=box, exact=True))
        page.keyboard.press("Space")
    enter(page, "button", steps.ORDER_BUTTON)
    steps.says(page, "Ordine registrato")
    number = steps.order_number(page)
    enter(page, "button", "Paga ora")
    page.wait_for_url("**/c/pay/**")
    for label, text in steps.CARD_FIELDS.items():
        write(page, label, text)
    page.keyboard.press("Enter")
    enter(page, "button", "Invio dati")
    enter(page, "link", "Torna al negozio")
    steps.stands(page, steps.PAID)
    assert len(bank.charges(number)) == 1
