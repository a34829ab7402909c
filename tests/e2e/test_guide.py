"""The guide's pictures: each in the reader's language, fetched when it is reached, in a place that was kept for it."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from pecapp import i18n
from pecapp.ui.pages import guide
from tests.e2e import customers
from tests.e2e.test_open_pages import SHIFT, awake

LOCALES: dict[i18n.Lang, str] = {"it": "it-IT", "en": "en-GB"}
PHONE = ViewportSize(width=390, height=844)
LOADED = "picture => picture.decode().then(() => [picture.naturalWidth, picture.naturalHeight])"
DARK_SHOWN = "picture => getComputedStyle(picture).filter"


def pictures(page: Page) -> list[Locator]:
    found = page.get_by_role("figure").get_by_role("img")
    expect(found).to_have_count(len(guide.PICTURES))
    return found.all()


def name_of(picture: Locator) -> str:
    return (picture.get_attribute("src") or "").rpartition("/")[2].removesuffix(".webp")


@pytest.mark.parametrize("start", ["/", guide.ROUTE])
@pytest.mark.parametrize("lang", i18n.LANGS)
def test_each_picture_comes_in_the_readers_language_when_it_is_reached(
    lang: i18n.Lang, start: str, new_page: Callable[..., Page]
) -> None:
    page = new_page(viewport=PHONE, locale=LOCALES[lang])
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url) if "/guide/" in request.url else None)
    page.goto(start)
    awake(page)
    if start != guide.ROUTE:
        page.get_by_role("main").get_by_role("link", name=i18n.text("nav.guide", lang)).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(i18n.text(guide.TITLE_KEY, lang))
    found = pictures(page)
    assert len(fetched) < len(found) / 2
    page.evaluate(f"{SHIFT}.observe({{ type: 'layout-shift' }})")
    for picture in found:
        picture.scroll_into_view_if_needed()
        assert picture.evaluate(LOADED) == list(guide.PICTURES[name_of(picture)])
    assert sorted(fetched) == sorted(
        f"{page.url.removesuffix(guide.ROUTE)}/guide/{lang}/{name}.webp" for name in guide.PICTURES
    )
    assert page.evaluate("window.moved ?? 0") < 0.02


def test_another_language_brings_its_own_pictures_and_words(page: Page) -> None:
    page.goto(guide.ROUTE)
    awake(page)
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment guide")
    for picture in pictures(page):
        name = name_of(picture)
        expect(picture).to_have_attribute("src", f"/guide/en/{name}.webp")
        expect(picture).to_have_accessible_name(i18n.text(f"guide.picture.{name}.alt", "en"))


def test_a_light_picture_does_not_glare_in_a_dark_page(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto(guide.ROUTE)
    awake(page)
    assert pictures(page)[0].evaluate(DARK_SHOWN).startswith("brightness(0.")
    page.emulate_media(color_scheme="light")
    assert pictures(page)[0].evaluate(DARK_SHOWN) == "none"


def test_from_the_guide_to_the_customers_methods_area_and_coming_debits(customer: customers.Customer) -> None:
    page = customer.page()
    for link, title in (
        ("Gestisci i metodi di pagamento", "Metodi di pagamento"),
        ("Vai all'Area Clienti", "Area Clienti"),
        ("Vedi i prossimi addebiti", "Prossimi addebiti"),
    ):
        page.goto(guide.ROUTE)
        awake(page)
        page.get_by_role("main").get_by_role("link", name=link, exact=True).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(title)
