"""The pages that anybody can read: for every eye and hand, in both languages, wherever one comes from."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

READING = {
    "/": "Ciò che firmi e spedisci vale in tribunale",
    "/guida-ai-pagamenti": "Guida ai pagamenti",
    "/accessibilita": "Accessibilità",
    "/privacy": "Privacy",
}
PHONE = {"width": 390, "height": 844}
NOT_THERE = "404 (Not Found)"
SHIFT = (
    "new PerformanceObserver((l) => l.getEntries().forEach((e) => { window.moved = (window.moved ?? 0) + e.value; }))"
)


def awake(page: Page) -> None:
    """The page answers: its menu of languages is told by the server which one is spoken."""
    expect(page.get_by_role("button", name="Italiano")).to_have_attribute("aria-pressed", re.compile("true|false"))
    expect(page.locator("html")).to_have_class(re.compile("light|dark"))


def overflow(page: Page) -> int:
    return page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("address", READING)
def test_enlarged_text_loses_nothing_to_the_side(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page(viewport={"width": 640, "height": 430})
    page.goto(address)
    page.add_style_tag(content="html { font-size: 200% !important }")
    assert overflow(page) == 0


@pytest.mark.parametrize("address", [*READING, "/servizi", "/paga", "/registrati"])
def test_nothing_moves_while_a_page_arrives(address: str, new_page: Callable[..., Page]) -> None:
    page = new_page(viewport=PHONE)
    page.add_init_script(f"{SHIFT}.observe({{ type: 'layout-shift', buffered: true }})")
    page.goto(address)
    expect(page.get_by_role("status").filter(has_text="Un momento")).to_have_count(0)
    awake(page)
    assert page.evaluate("window.moved ?? 0") < 0.02


def test_moving_on_brings_the_keyboard_to_the_new_page(page: Page) -> None:
    page.goto("/")
    awake(page)
    page.get_by_role("link", name="Guida ai pagamenti", exact=True).click()
    expect(page).to_have_url(re.compile("/guida-ai-pagamenti$"))
    expect(page.get_by_role("main")).to_be_focused()
    expect(page).to_have_title("Guida ai pagamenti")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text(READING["/"])
    expect(page.get_by_role("main")).to_be_focused()


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/guida-ai-pagamenti")
    awake(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Vai al contenuto")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_withdrawal_is_at_hand_from_every_page(page: Page) -> None:
    page.goto("/accessibilita")
    awake(page)
    page.get_by_role("link", name="Recedere dal contratto qui", exact=True).click()
    expect(page).to_have_url(re.compile("/recesso$"))
    expect(page.get_by_label("Numero d'ordine", exact=True)).to_be_visible()
    page.goto("/guida-ai-pagamenti#recesso")
    declaration = page.get_by_role("link", name="Fai la dichiarazione di recesso", exact=True)
    expect(declaration).to_have_attribute("href", re.compile("/recesso$"))
    page.get_by_role("link", name="Informativa e modulo di recesso", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Informativa e modulo di recesso")


def test_english_is_spoken_and_remembered(page: Page) -> None:
    page.goto("/")
    awake(page)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What you sign and send stands up in court")
    expect(page.locator(".frame")).to_have_attribute("lang", "en")
    page.goto("/privacy")
    expect(page.get_by_role("link", name="Read the complete notice", exact=True)).to_be_visible()
    page.get_by_role("button", name="Italiano").click()
    expect(page.get_by_role("link", name="Leggi l'informativa completa", exact=True)).to_be_visible()


def test_the_menu_of_a_phone_opens_and_closes(
    new_page: Callable[..., Page], assert_accessible: Callable[[Page], None]
) -> None:
    page = new_page(viewport=PHONE)
    page.goto("/")
    awake(page)
    ways = page.get_by_role("navigation", name="Principale")
    expect(ways).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    expect(ways).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(ways).to_be_hidden()
    page.get_by_role("button", name="Menu", exact=True).click()
    ways.get_by_role("link", name="Guida ai pagamenti", exact=True).click()
    expect(page).to_have_url(re.compile("/guida-ai-pagamenti$"))
    expect(ways).to_be_hidden()


@pytest.mark.allows_errors(NOT_THERE)
def test_where_there_is_no_page_the_words_are_calm_and_lead_on(
    page: Page, assert_accessible: Callable[[Page], None]
) -> None:
    answer = page.goto("/non-esiste")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", level=1)).to_have_text("Questa pagina non c'è")
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such page")
    expect(page.get_by_text("Connection lost")).to_have_count(0)
    assert_accessible(page)
    page.get_by_role("main").get_by_role("link", name="Home page").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What you sign and send stands up in court")
