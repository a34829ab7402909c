"""Pictures for the README, taken only when asked for: UPDATE_SCREENSHOTS=1 pytest tests/e2e/test_screenshots.py."""

from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e import customers, steps

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "screenshots"


def take(page: Page, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=FOLDER / f"{name}.png", animations="disabled")


def test_pictures(customer: customers.Customer) -> None:
    desk = customer.page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    phone = customer.page(viewport={"width": 390, "height": 844}, color_scheme="dark", is_mobile=True)
    customer.basket(names=("anna.verdi",))
    desk.goto("/ordine?passo=form")
    steps.fill_order_form(desk)
    desk.get_by_role("heading", level=1).scroll_into_view_if_needed()
    take(desk, "order-form")
    number = steps.place_order(desk)
    steps.go_to_bank(desk)
    steps.fill(desk, steps.CARD_FIELDS)
    take(desk, "bank")
    phone.goto(f"/ordini/{number}")
    steps.stands(phone, steps.VERIFYING)
    steps.press(desk, "PROCEDI")
    steps.press(desk, "Invio dati")
    steps.follow(desk, "Torna al negozio")
    for page, name in ((desk, "receipt"), (phone, "phone")):
        steps.stands(page, steps.PAID)
        expect(page.get_by_text("4242")).to_be_visible()
        take(page, name)
