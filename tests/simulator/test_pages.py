"""The hosted pages, walked through as a buyer does, without scripts."""

import html
import re
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from pecapp.simulator import pages, stripe_form
from pecapp.simulator.stripe_cards import BY_KEY, CARDS
from tests.simulator.world import ASKS, GOOD, SHOP, Page, World, typed

pytestmark = pytest.mark.anyio
AMEX = BY_KEY["amex"].number
LABELS = {
    "Intestatario della carta": "intestatario",
    "Numero della carta": "numero",
    "Data di scadenza": "scadenza",
    "Codice di sicurezza": "codice",
    "Indirizzo di posta elettronica": "email",
}


async def page(world: World, address: str) -> Page:
    answer = await world.browser.get(address)
    assert answer.status_code == 200, answer.text
    return Page(answer.text)


async def follow(world: World, answer: httpx.Response) -> tuple[str, Page]:
    """The page that a redirect leads to."""
    assert answer.status_code == 303, answer.text
    address = answer.headers["Location"]
    return address, await page(world, address)


async def fill(world: World, number: str = GOOD, **session: Any) -> tuple[str, str, Page]:
    """Open the form, fill it, go on. Returns the session's id, the recap's address and page."""
    made = await world.session(**session)
    address, recap = await follow(world, await world.browser.post(f"/c/pay/{made.id}", data=typed(number)))
    return made.id, address, recap


async def test_the_form_has_the_banks_fields_and_buttons(world: World):
    session = await world.session()
    shown = await page(world, f"/c/pay/{session.id}")
    assert shown.labels == LABELS
    assert all("required" in shown.inputs[name] for name in LABELS.values())
    assert "PROCEDI" in shown.buttons
    assert shown.links["Annulla"] == f"{SHOP}/annullato"
    assert shown.inputs["email"]["value"] == "maria@example.com"
    assert "SIMULATORE" in shown.text
    assert "12,08 €" in shown.text
    assert "alert" not in shown.roles
    assert shown.scripts == 0


async def test_every_test_card_is_listed(world: World):
    session = await world.session()
    for address in (f"/c/pay/{session.id}", "/"):
        text = (await page(world, address)).text
        assert all(card.number in text for card in CARDS)
        assert "nostra, non di Stripe" in text


async def test_nothing_is_loaded_from_elsewhere(world: World):
    session = await world.session()
    for address in (f"/c/pay/{session.id}", "/"):
        text = (await world.browser.get(address)).text
        assert re.findall(r'src="|<script|<img|@import', text) == []
        assert re.findall(r'<link[^>]*href="([^"]*)"', text) == ["data:,", "/simulator.css"]
    style = await world.browser.get("/simulator.css")
    assert style.headers["Content-Type"].startswith("text/css")
    assert "url(" not in style.text
    assert (await world.browser.get("/healthz")).json() == {"ok": True}


async def test_a_payment_from_form_to_receipt(world: World):
    session, address, recap = await fill(world)
    assert "Riepilogo dati" in recap.text
    assert "12,08 €" in recap.text
    assert "0008" in recap.text
    assert GOOD not in recap.text
    assert "Invio dati" in recap.buttons
    assert await world.events("payment_intent.created") == []
    place, receipt = await follow(world, await world.browser.post(address))
    assert place == f"/c/pay/{session}/ricevuta"
    [charge] = (await world.ledger())["charges"]
    for words in ("Ricevuta", "Pagamento autorizzato", "12,08 €", "Ordine 1234567897", charge["charge"]):
        assert words in receipt.text
    assert pages.date(charge["created"]) in receipt.text
    back = await world.browser.get(receipt.links["Torna al negozio"])
    assert back.headers["Location"] == f"{SHOP}/ritorno?cs={session}"


@pytest.mark.parametrize(("answer", "status"), [("autorizza", "complete"), ("rifiuta", "open"), ("scaduto", "open")])
async def test_three_d_secure(world: World, answer: str, status: str):
    session, address, _ = await fill(world, ASKS)
    place, challenge = await follow(world, await world.browser.post(address))
    assert {"Autorizza", "Rifiuta", "Tempo scaduto"} == set(challenge.buttons)
    assert "12,08 €" in challenge.text
    assert (await world.ledger())["charges"] == []
    _, after = await follow(world, await world.browser.post(place, data={"esito": answer}))
    assert (await world.api.checkout.sessions.retrieve_async(session)).status == status
    if status == "complete":
        assert "Ricevuta" in after.text
    else:
        assert "Autenticazione non completata." in after.text
        assert "PROCEDI" in after.buttons
    used = await world.browser.get(place)
    assert used.status_code == 404
    assert (await world.browser.post(place, data={"esito": "autorizza"})).status_code == 404


async def test_a_declined_card_can_be_replaced(world: World):
    session, address, _ = await fill(world, BY_KEY["no_funds"].number)
    _, form = await follow(world, await world.browser.post(address))
    assert "alert" in form.roles
    assert "la disponibilità sulla carta non basta" in form.text
    assert "Nessun importo è stato addebitato" in form.text
    assert "Annulla" in form.links
    _, recap = await follow(world, await world.browser.post(f"/c/pay/{session}", data=typed()))
    assert "Riepilogo dati" in recap.text


async def test_a_stolen_card_is_refused_in_neutral_words(world: World):
    _, address, _ = await fill(world, BY_KEY["stolen"].number)
    _, form = await follow(world, await world.browser.post(address))
    assert "La banca non ha autorizzato il pagamento." in form.text


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        ({"intestatario": " "}, "intestatario", "Scrivi nome e cognome"),
        ({"numero": ""}, "numero", "Scrivi il numero"),
        ({"numero": "4242424242424241"}, "numero", "non è corretto"),
        ({"numero": "4111 1111 1111 1111"}, "numero", "solo le carte di prova"),
        ({"scadenza": ""}, "scadenza", "Scrivi la data"),
        ({"scadenza": "presto"}, "scadenza", "MM/AA"),
        ({"scadenza": "13/34"}, "scadenza", "Il mese va da 01 a 12"),
        ({"scadenza": "01/20"}, "scadenza", "scaduta"),
        ({"scadenza": "12/95"}, "scadenza", "anno di scadenza non è corretto"),
        ({"codice": ""}, "codice", "Scrivi il codice"),
        ({"codice": "99"}, "codice", "3 cifre"),
        ({"codice": "1234"}, "codice", "3 cifre"),
        ({"numero": AMEX, "codice": "123"}, "codice", "4 cifre"),
        ({"email": ""}, "email", "Scrivi il tuo indirizzo"),
        ({"email": "maria@"}, "email", "non è completo"),
    ],
)
async def test_mistakes_are_shown_beside_the_field_and_in_the_summary(
    world: World, changes: dict[str, str], name: str, words: str
):
    session = await world.session()
    form = typed() | changes
    answer = await world.browser.post(f"/c/pay/{session.id}", data=form)
    assert answer.status_code == 422
    shown = Page(answer.text)
    field = shown.inputs[name]
    assert field["aria-invalid"] == "true"
    assert f"{name}-error" in field["aria-describedby"].split()
    assert words in html.unescape(shown.text)
    assert "alert" in shown.roles
    assert f"#{name}" in shown.links.values()
    for kept in ("intestatario", "numero", "scadenza", "email"):
        assert shown.inputs[kept]["value"] == form[kept].strip()
    assert shown.inputs["codice"]["value"] == ""
    assert await world.events("payment_intent.created") == []


async def test_typed_data_come_back_for_correction_but_for_the_code(world: World):
    _, _, recap = await fill(world)
    form = await page(world, recap.links["Torna indietro per correggere"])
    assert form.inputs["numero"]["value"] == GOOD
    assert form.inputs["intestatario"]["value"] == "Maria Rossi"
    assert form.inputs["codice"]["value"] == ""


async def test_what_was_typed_is_gone_after_submission(world: World):
    session, address, recap = await fill(world, BY_KEY["declined"].number)
    back = recap.links["Torna indietro per correggere"]
    await world.browser.post(address)
    assert (await page(world, back)).inputs["numero"]["value"] == ""
    assert (await world.browser.get(address)).headers["Location"] == f"/c/pay/{session}"


async def test_pressing_twice_pays_once(world: World):
    session, address, _ = await fill(world)
    first = await world.browser.post(address)
    second = await world.browser.post(address)
    assert first.headers["Location"] == second.headers["Location"] == f"/c/pay/{session}/ricevuta"
    assert len((await world.ledger())["charges"]) == 1


async def test_a_draft_belongs_to_its_session(world: World):
    _, address, _ = await fill(world)
    other = await world.session()
    stolen = f"/c/pay/{other.id}/riepilogo/{address.rsplit('/', 1)[1]}"
    assert (await world.browser.get(stolen)).headers["Location"] == f"/c/pay/{other.id}"


async def test_an_unknown_outcome_ends_on_an_error_screen(world: World):
    session, address, _ = await fill(world, BY_KEY["unknown_yes"].number)
    _, error = await follow(world, await world.browser.post(address))
    assert "Errore: impossibile completare la procedura" in error.text
    back = await world.browser.get(error.links["Torna al negozio"])
    assert back.headers["Location"] == f"{SHOP}/ritorno?cs={session}"
    read: Any = await world.api.checkout.sessions.retrieve_async(session, {"expand": ["payment_intent"]})
    assert (read.status, read.payment_status, read.payment_intent.status) == ("complete", "unpaid", "processing")


async def test_ended_sessions_say_so(world: World):
    expired = await world.session()
    await world.api.checkout.sessions.expire_async(expired.id)
    shown = await page(world, f"/c/pay/{expired.id}")
    assert "Sessione scaduta" in shown.text
    assert shown.links == {"Torna al negozio": f"{SHOP}/annullato"}
    paid = await world.paid()
    shown = await page(world, f"/c/pay/{paid['session']}")
    assert "Operazione già conclusa" in shown.text
    assert (await world.browser.post(f"/c/pay/{paid['session']}", data=typed())).status_code == 200
    assert len((await world.ledger())["charges"]) == 1
    assert (await world.browser.get("/c/pay/cs_nothing")).status_code == 404


async def test_a_session_that_expires_under_the_buyer_takes_no_money(world: World):
    session, address, _ = await fill(world, ASKS)
    place, _ = await follow(world, await world.browser.post(address))
    await world.control("clock", offset_seconds=3600)
    assert (await world.browser.post(place, data={"esito": "autorizza"})).status_code == 404
    assert (await world.ledger())["charges"] == []
    assert "Sessione scaduta" in (await page(world, f"/c/pay/{session}")).text


async def test_a_card_is_registered_without_an_amount(world: World):
    session, address, recap = await fill(world, setup=True)
    assert "Nessun addebito ora" in recap.text
    place, receipt = await follow(world, await world.browser.post(address))
    assert place == f"/c/pay/{session}/ricevuta"
    assert "Carta registrata" in receipt.text
    assert "€" not in receipt.text


async def test_a_saved_card_is_authenticated_on_the_same_page(world: World):
    customer, method = await world.saved(ASKS)
    for answer, redirect in (("rifiuta", "failed"), ("autorizza", "succeeded")):
        intent = await world.charge(customer, method, off_session=False)
        url = intent.next_action.redirect_to_url.url
        assert "Autorizza" in (await page(world, url)).buttons
        gone = urlsplit((await world.browser.post(url, data={"esito": answer})).headers["Location"])
        query = parse_qs(gone.query)
        assert (gone.netloc, gone.path) == ("shop.test", "/ritorno")
        assert (query["payment_intent"], query["redirect_status"]) == ([intent.id], [redirect])


async def test_nothing_of_the_card_but_its_end_is_kept(world: World):
    session, address, _ = await fill(world, AMEX)
    await world.browser.post(address)
    read = await world.api.checkout.sessions.retrieve_async(
        session, {"expand": ["payment_intent.payment_method", "payment_intent.latest_charge"]}
    )
    shown = str(read) + str(await world.events()) + str(await world.look("requests"))
    assert AMEX not in shown
    assert AMEX[-4:] in shown


@pytest.mark.parametrize(
    ("typed_expiry", "month", "year"),
    [("9/29", 9, 2029), ("09-2029", 9, 2029), ("0929", 9, 2029), ("09 / 29", 9, 2029)],
)
def test_expiry_is_understood_however_it_is_typed(typed_expiry: str, month: int, year: int):
    now = datetime(2026, 11, 22, tzinfo=UTC).timestamp()
    checked = stripe_form.check(typed(GOOD, scadenza=typed_expiry), now)
    assert checked.entry
    assert checked.entry.exp == (month, year)


@pytest.mark.parametrize(
    ("cents", "currency", "words"),
    [(1208, "eur", "12,08 €"), (0, "eur", "0,00 €"), (123456789, "eur", "1.234.567,89 €"), (5000, "jpy", "5.000 JPY")],
)
def test_money_is_written_the_italian_way(cents: int, currency: str, words: str):
    assert pages.money(cents, currency) == words
