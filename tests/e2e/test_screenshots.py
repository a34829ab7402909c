"""Pictures for the README and the guide, taken only when asked for.

UPDATE_SCREENSHOTS=1 pytest tests/e2e/test_screenshots.py; the guide has a set in each language.
"""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, ViewportSize, expect

from pecapp import clock, i18n, tables
from pecapp.ui.pages import guide
from tests.e2e import customers, steps
from tests.e2e.test_paypal import OK
from tests.support import factories, renewing

ASSETS = Path(__file__).resolve().parents[2] / "assets"
SHEET = ViewportSize(width=656, height=3000)
"""The narrowest with the layout of a desktop, so that words stay large enough to be read; high enough for any page."""
DENSITY, QUALITY = 1.25, 85
MARGIN, CARD_MARGIN = 16, 40
"""How much of the page is seen above the part that a picture shows; above a heading, the edge of its card too."""
MAILBOXES = {"it": ("annaverdi", "studio.verdi", "archivio.verdi"), "en": ("a.verdi", "verdi.studio", "verdi.archive")}
ACCOUNT = {
    "gateway": "paypal",
    "kind": "paypal",
    "brand": "paypal",
    "last4": "",
    "label": "a•••@v•••.test",
    "exp_month": 0,
    "exp_year": 0,
    "ceiling_cents": 1208,
}
PAYER = steps.CARD_FIELDS | {
    "Intestatario della carta": "Anna Verdi",
    "Indirizzo di posta elettronica": "anna.verdi@example.test",
}


def take(page: Page, name: str) -> None:
    page.evaluate("document.activeElement.blur()")
    page.screenshot(path=ASSETS / "screenshots" / f"{name}.png", animations="disabled")


def test_pictures_of_the_readme(customer: customers.Customer) -> None:
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


# --- the guide --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Painter:
    """Takes the pictures of the guide in one language, finding its way in the words of that language."""

    customer: customers.Customer
    page: Page
    lang: i18n.Lang

    def words(self, key: str) -> str:
        return i18n.text(key, self.lang)

    def heading(self, words: str) -> Locator:
        return self.page.get_by_role("heading", name=words, exact=True)

    def choose(self, key: str) -> None:
        self.page.get_by_role("radio", name=self.words(key), exact=True).check()

    def press(self, key: str) -> None:
        steps.press(self.page, self.words(key))

    def paint(self, name: str, top: Locator, margin: int = MARGIN) -> None:
        """The part of the page that begins above `top`, as wide and high as the guide shows it."""
        expect(top).to_be_visible()
        self.page.evaluate("document.activeElement.blur()")
        box = top.bounding_box()
        assert box
        width, height = (size / DENSITY for size in guide.PICTURES[name])
        clip = {"x": (SHEET["width"] - width) / 2, "y": box["y"] - margin, "width": width, "height": height}
        browser = self.page.context.new_cdp_session(self.page)  # the driver itself writes no WebP, half as heavy as PNG
        shot = browser.send(
            "Page.captureScreenshot", {"format": "webp", "quality": QUALITY, "clip": clip | {"scale": DENSITY}}
        )
        path = ASSETS / "guide" / self.lang / f"{name}.webp"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def order(self, mailbox: str) -> None:
        """From the order form to the receipt."""
        page = self.page
        self.customer.basket(names=(mailbox,))
        page.goto("/ordine?passo=form")
        self.choose("means.stripe")
        self.choose("acceptance.auto_renew_yes")
        self.paint("means", page.get_by_role("group", name=self.words("means.title")))
        self.paint("question", page.get_by_role("group", name=self.words("wiz.auto_renew")))
        for key in ("acceptance.terms_a", "acceptance.clauses", "acceptance.privacy"):
            page.get_by_role("checkbox", name=self.words(key), exact=True).check()
        self.press("wiz.place")
        steps.go_to_bank(page, self.words("ord.pay"))
        steps.fill(page, PAYER)
        self.paint("bank", page.get_by_role("main"))
        steps.press(page, "PROCEDI")
        steps.press(page, "Invio dati")
        steps.follow(page, "Torna al negozio")
        expect(page.get_by_text("4242")).to_be_visible()
        self.paint("receipt", page.get_by_role("main"), 0)

    def at_paypal(self) -> None:
        """PayPal's page, left again without paying."""
        number = self.customer.order(form=factories.FORM | {"gateway": "paypal"})
        self.page.goto(f"/ordini/{number}")
        steps.go_to_paypal(self.page, self.words("ord.pay"))
        steps.sign_in_at_paypal(self.page, OK)
        self.paint("paypal", self.page.get_by_role("main"))

    def card(self) -> tables.PaymentMethod:
        """The card that the order was paid with."""
        (card,) = self.customer.rows(tables.PaymentMethod, account_id=self.customer.actor.account_id, kind="card")
        return card

    def more_renewals(self, soon: str, dear: str) -> None:
        """Two older mailboxes: one renews soon, on a PayPal account; the other for three years, on the card."""
        actor, card = self.customer.actor, self.card()
        with customers.inside(self.customer.site):
            account = renewing.card(actor, **ACCOUNT)
            for name, method, days, years in ((soon, account, 75, 1), (dear, card, 300, 3)):
                expires = clock.today() + timedelta(days=days)
                renewing.service(actor, method, expires, years, label=f"{name}@{steps.CERTIFIED_DOMAIN}")

    def area(self, mailbox: str) -> None:
        """Methods, the replacement of one, a service, coming debits."""
        page = self.page
        page.goto("/metodi-di-pagamento")
        self.paint("methods", self.heading("Visa •••• 4242"), CARD_MARGIN)
        page.goto(f"/metodi-di-pagamento/nuovo?sostituisce={self.card().id}")
        self.paint("ceiling", self.heading(self.words("ceiling.title")), CARD_MARGIN)
        label = f"{mailbox}@{steps.CERTIFIED_DOMAIN}"
        page.goto("/area-clienti")
        steps.follow(page, i18n.text("area.manage_which", self.lang, service=label))
        self.paint("service", self.heading(self.words("area.renewal")), CARD_MARGIN)
        page.goto("/prossimi-addebiti")
        self.paint("forecast", self.heading(self.words("forecast.total")))


@pytest.mark.parametrize("lang", i18n.LANGS)
def test_pictures_of_the_guide(lang: i18n.Lang, new_customer: Callable[..., customers.Customer]) -> None:
    customer = new_customer(lang)
    page = customer.page(viewport=SHEET, color_scheme="light")
    painter = Painter(customer, page, lang)
    new, soon, dear = MAILBOXES[lang]
    painter.order(new)
    painter.at_paypal()
    painter.more_renewals(soon, dear)
    painter.area(new)
