"""What customers do, in their words: every step finds its way by the names and roles that people perceive."""

import re
from collections.abc import Mapping

from playwright.sync_api import Locator, Page, expect

from tests.support import bank

PASSWORD = "un cavallo a dondolo"
CERTIFIED_DOMAIN = "pec-ceralacca.test"
ORDER_BUTTON = "Ordine con obbligo di pagare"
RENEW, RENEW_BY_HAND = "Sì, attiva", "No, rinnoverò manualmente"
CARD, PAYPAL = "Carta di credito", "PayPal"
AWAITING, VERIFYING, PAID = "In attesa pagamento", "Pagamento in verifica", "Pagato"
BOXES = (
    "Accetto le condizioni generali di contratto e le condizioni del prodotto.",
    "Ai sensi degli artt. 1341 e 1342 c.c. approvo specificamente le clausole:",
    "Ho preso visione dell'informativa sulla privacy.",
)
BOXES_SECURITY = ("Accetto le condizioni di fornitura dei servizi e-Security.", *BOXES[1:])
PERSON = {
    "Nome": "Mario",
    "Cognome": "Rossi",
    "Codice fiscale": "RSSMRA80A01H501U",
    "Indirizzo": "Via dell'Esempio 1",
    "CAP": "00100",
    "Comune": "Roma",
    "Provincia": "RM",
    "Telefono cellulare": "333 1234567",
}
CARD_FIELDS = {
    "Intestatario della carta": "Mario Rossi",
    "Numero della carta": bank.GOOD,
    "Data di scadenza": "12/34",
    "Codice di sicurezza": "123",
    "Indirizzo di posta elettronica": "mario@posta.test",
}

_ORDER_PAGE = re.compile(r"/ordini/(\d{10})$")
_BANK = re.compile(r"/c/pay/")
_PAYPAL = re.compile(r"/checkoutnow\?token=\w+$")


# --- finding ----------------------------------------------------------------------------------------------------------


def press(page: Page, name: str) -> None:
    """Press the button of exactly this name."""
    page.get_by_role("button", name=name, exact=True).click()


def follow(page: Page, name: str) -> None:
    """Follow the link of exactly this name."""
    page.get_by_role("link", name=name, exact=True).click()


def fill(page: Page, fields: Mapping[str, str]) -> None:
    """Type into the fields of these labels."""
    for label, value in fields.items():
        page.get_by_label(label, exact=True).fill(value)


def is_at(page: Page, step: str) -> None:
    """The wizard shows the step of this name."""
    expect(page.get_by_role("heading", level=1, name=step, exact=True)).to_be_visible()


def status(page: Page) -> Locator:
    """The step of the payment's path on which an order stands."""
    return page.get_by_role("list", name="Avanzamento del pagamento").locator("[aria-current=step]")


def stands(page: Page, label: str) -> None:
    """The order's page shows this status."""
    expect(status(page)).to_contain_text(label)


def says(page: Page, headline: str) -> None:
    """The order's page is headed by these words."""
    expect(page.get_by_role("heading", level=1)).to_have_text(headline)


# --- becoming a customer ----------------------------------------------------------------------------------------------


def register(page: Page, email: str) -> None:
    """Fill «Registrati» as a private person."""
    fill(page, PERSON | {"Email di riferimento": email, "Password": PASSWORD, "Ripeti la password": PASSWORD})
    page.get_by_label("Canale per gli avvisi di rinnovo", exact=True).select_option(label="Email")
    page.get_by_label("Ho preso visione dell'informativa privacy", exact=True).check()
    press(page, "Registrati")


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """Fill «Accedi»."""
    fill(page, {"Username": username, "Password": password})
    press(page, "Accedi")


# --- ordering ---------------------------------------------------------------------------------------------------------


def choose(page: Page, product: str) -> None:
    """From «Servizi» to the first step of an order of this product."""
    follow(page, f"Ordina {product}")
    is_at(page, "Scegli il servizio")


def name_mailbox(page: Page, name: str) -> None:
    """«Configura il servizio» for one mailbox."""
    is_at(page, "Configura il servizio")
    fill(page, {"Nome della casella": name})
    page.get_by_label("Dominio certificato", exact=True).select_option(label=CERTIFIED_DOMAIN)
    expect(page.get_by_text("disponibile", exact=True)).to_be_visible()
    press(page, "Prosegui")


def confirm_holder(page: Page) -> None:
    """«Dati intestatario», as they are."""
    is_at(page, "Dati intestatario")
    press(page, "Prosegui")


def confirm_billing(page: Page) -> None:
    """«Dati fatturazione», as they are."""
    is_at(page, "Dati fatturazione")
    press(page, "Prosegui")


def fill_order_form(
    page: Page, *, renewal: str = RENEW_BY_HAND, boxes: tuple[str, ...] = BOXES, means: str = CARD
) -> None:
    """«Modulo ordine» of a service with automatic renewal: the means, the answer, the acceptances."""
    is_at(page, "Modulo ordine")
    page.get_by_role("radio", name=means, exact=True).check()
    if renewal:
        page.get_by_role("radio", name=renewal, exact=True).check()
    for box in boxes:
        page.get_by_role("checkbox", name=box, exact=True).check()


def place_order(page: Page) -> str:
    """«Ordine con obbligo di pagare»; gives the number of the registered order."""
    press(page, ORDER_BUTTON)
    page.wait_for_url(_ORDER_PAGE)
    says(page, "Ordine registrato")
    return order_number(page)


def order_number(page: Page) -> str:
    """The number of the order that the page shows."""
    found = _ORDER_PAGE.search(page.url)
    assert found, page.url
    return found[1]


# --- paying -----------------------------------------------------------------------------------------------------------


def go_to_bank(page: Page, button: str = "Paga ora") -> None:
    """From the order's page to the bank's."""
    press(page, button)
    page.wait_for_url(_BANK)


def type_card(page: Page, number: str = bank.GOOD) -> None:
    """The bank's form, up to «Riepilogo dati»."""
    fill(page, CARD_FIELDS | {"Numero della carta": number})
    press(page, "PROCEDI")
    expect(page.get_by_role("heading", name="Riepilogo dati")).to_be_visible()


def send_card(page: Page, number: str = bank.GOOD, *, answer: str = "") -> None:
    """Type the card and send it; `answer` is what is pressed on the 3-D Secure page, if the card asks."""
    type_card(page, number)
    press(page, "Invio dati")
    if answer:
        press(page, answer)


def pay_by_card(page: Page, number: str = bank.GOOD, *, answer: str = "") -> None:
    """From the bank's form to its «Ricevuta» and back to the shop."""
    send_card(page, number, answer=answer)
    expect(page.get_by_role("heading", name="Ricevuta")).to_be_visible()
    follow(page, "Torna al negozio")


# --- paying with PayPal -----------------------------------------------------------------------------------------------


def go_to_paypal(page: Page, button: str = "Paga ora") -> None:
    """From the order's page to PayPal's."""
    press(page, button)
    page.wait_for_url(_PAYPAL)


def sign_in_at_paypal(page: Page, email: str) -> None:
    """PayPal's first page, with an account that exists."""
    expect(page.get_by_role("heading", level=1, name="Accedi a PayPal")).to_be_visible()
    fill(page, {"Email": email, "Password": "qualsiasi"})
    press(page, "Accedi")
    expect(page.get_by_role("heading", level=1, name="Controlla e paga")).to_be_visible()


def open_account_at_paypal(page: Page, email: str) -> None:
    """PayPal's first page, for whoever has no account yet."""
    follow(page, "Crea un conto")
    fill(page, {"Nome": "Mario", "Cognome": "Rossi", "Email": email, "Password": "qualsiasi"})
    press(page, "Crea il conto e continua")
    expect(page.get_by_role("heading", level=1, name="Controlla e paga")).to_be_visible()


def accept_at_paypal(page: Page, source: str = "") -> None:
    """«Accetta e continua», with another source of funds than the suggested one if asked for."""
    if source:
        page.get_by_role("radio", name=source, exact=True).check()
    press(page, "Accetta e continua")
