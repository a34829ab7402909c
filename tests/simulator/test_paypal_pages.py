"""The buyer's pages at PayPal, walked through without scripts: log in, choose, agree, or go back."""

import re
from typing import Any

import httpx
import pytest

from pecapp.simulator.paypal_buyers import BALANCE, BUYERS, CARD
from tests.simulator.paypal_shop import DAY, HOUR, ORDERS, SETUPS, Shop, account, issue, order_form, setup_form
from tests.simulator.world import SHOP, Page, World

pytestmark = pytest.mark.anyio
SECRET = "una-password-che-nessuno-deve-tenere"
OK = "ok@compratori.test"
ERROR = "Controlla i dati"


async def page(world: World, address: str, status: int = 200) -> Page:
    answer = await world.browser.get(address)
    assert answer.status_code == status, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert re.findall("<h1", answer.text) == ["<h1"]
    shown = Page(answer.text)
    assert "SIMULATORE" in shown.text
    assert shown.scripts == 0
    return shown


async def follow(world: World, answer: httpx.Response) -> tuple[str, Page]:
    """The page that a redirect leads to."""
    assert answer.status_code == 303, answer.text
    address = answer.headers["Location"]
    return address, await page(world, address)


async def opened(shop: Shop, **changes: Any) -> tuple[str, str]:
    """A new order: its id, and the address of its page."""
    order = await shop.made(ORDERS, order_form(**changes))
    return order["id"], f"/checkoutnow?token={order['id']}"


async def log_in(world: World, address: str, email: str = OK) -> tuple[str, Page]:
    """Address and page of the choice that follows."""
    return await follow(world, await world.browser.post(address, data={"email": email, "password": SECRET}))


async def test_the_first_page_asks_who_pays(world: World):
    _, address = await opened(Shop(world))
    shown = await page(world, address)
    assert shown.labels == {"Email": "email", "Password": "password"}
    assert shown.inputs["password"]["type"] == "password"
    assert all("required" in one for one in shown.inputs.values())
    assert "Accedi" in shown.buttons
    assert {"Crea un conto", "Annulla e torna al negozio"} < set(shown.links)
    for words in ("Accedi a PayPal", "Negozio", "12,08 €", "Casella PEC, un anno"):
        assert words in shown.text
    assert "alert" not in shown.roles


async def test_a_test_buyer_is_chosen_by_a_click(world: World):
    _, address = await opened(Shop(world))
    shown = await page(world, address)
    for buyer in BUYERS:
        assert buyer.note in shown.text
        filled = await page(world, shown.links[buyer.email])
        assert filled.inputs["email"]["value"] == buyer.email
        assert filled.inputs["password"]["value"]


async def test_test_buyers_are_listed_on_the_first_page_of_the_simulator(world: World):
    text = (await page_of_the_simulator(world)).text
    assert all(buyer.email in text and buyer.note in text for buyer in BUYERS)


async def page_of_the_simulator(world: World) -> Page:
    return Page((await world.browser.get("/")).text)


async def test_a_payment_from_login_to_the_shop(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    place, review = await log_in(world, address)
    assert review.labels == {BALANCE: "fonte-1", CARD: "fonte-2"}
    assert {one["name"] for one in review.inputs.values()} == {"fonte"}
    assert "checked" in review.inputs["fonte-1"]
    for words in ("Maria Rossi", OK, "Come vuoi pagare", "12,08 €", "Casella PEC, un anno", "Negozio"):
        assert words in review.text
    assert "addebitare in futuro" not in review.text
    assert "Accetta e continua" in review.buttons
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
    answer = await world.browser.post(place, data={"fonte": CARD})
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        f"{SHOP}/ritorno?token={order}&PayerID={account('ok')}",
    )
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "APPROVED"
    assert (await shop.capture(order)).json()["payer"]["email_address"] == OK


async def test_pressing_twice_approves_once(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    place, _ = await log_in(world, address)
    answers = [await world.browser.post(place, data={"fonte": BALANCE}) for _ in range(2)]
    await shop.capture(order)
    answers.append(await world.browser.post(place, data={"fonte": BALANCE}))
    assert len({(answer.status_code, answer.headers["Location"]) for answer in answers}) == 1
    assert len(await shop.events("CHECKOUT.ORDER.APPROVED")) == 1


async def test_cancelling_leads_back_and_leaves_the_order_open(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    place, review = await log_in(world, address, "cancel@compratori.test")
    for shown in (await page(world, address), review, await page(world, f"{address}&conto=nuovo")):
        assert shown.links["Annulla e torna al negozio"] == f"{SHOP}/annullato?token={order}"
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"
    assert "Accetta e continua" in (await page(world, place)).buttons


async def test_an_account_can_be_opened_with_any_email(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    shown = await page(world, (await page(world, address)).links["Crea un conto"])
    assert "Crea un conto PayPal" in shown.text
    assert shown.labels == {"Nome": "nome", "Cognome": "cognome", "Email": "email", "Password": "password"}
    assert "Crea il conto e continua" in shown.buttons
    form = {"nome": "Ada", "cognome": "D'Arco", "email": "Ada@Example.com", "password": SECRET}
    place, review = await follow(world, await world.browser.post(f"{address}&conto=nuovo", data=form))
    assert "Ada D'Arco" in review.text
    await world.browser.post(place, data={"fonte": BALANCE})
    payer = (await shop.read(f"{ORDERS}/{order}"))["payer"]
    assert payer["email_address"] == "ada@example.com"
    assert payer["name"] == {"given_name": "Ada", "surname": "D'Arco"}
    _, again = await log_in(world, (await opened(shop))[1], "ADA@example.com")
    assert "Ada D'Arco" in again.text


async def test_mistakes_are_shown_beside_the_field_and_in_the_summary(world: World):
    _, address = await opened(Shop(world))
    for form, name, words in (
        ({"email": "", "password": SECRET}, "email", "Scrivi la tua email."),
        ({"email": "ada@", "password": SECRET}, "email", "non è completo"),
        ({"email": "ada@example.com", "password": " "}, "password", "Scrivi la password"),
    ):
        answer = await world.browser.post(address, data=form)
        assert answer.status_code == 422
        shown = Page(answer.text)
        assert ERROR in shown.text
        assert words in shown.text
        assert shown.inputs[name]["aria-invalid"] == "true"
        assert shown.inputs[name]["aria-describedby"] == f"{name}-error"
        assert f"#{name}" in shown.links.values()
        assert shown.inputs["email"]["value"] == form["email"]
        assert SECRET not in answer.text
    answer = await world.browser.post(f"{address}&conto=nuovo", data={"cognome": "D'Arco", "password": SECRET})
    shown = Page(answer.text)
    assert [name for name, one in shown.inputs.items() if "aria-invalid" in one] == ["nome", "email"]
    assert shown.inputs["cognome"]["value"] == "D'Arco"


async def test_a_source_must_be_one_of_the_buyers(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    place, _ = await log_in(world, address)
    answer = await world.browser.post(place, data={"fonte": "Carta di un altro"})
    assert answer.status_code == 422
    assert "Scegli una fonte di pagamento." in Page(answer.text).text
    assert (await shop.read(f"{ORDERS}/{order}"))["status"] == "PAYER_ACTION_REQUIRED"


async def test_a_refused_source_can_be_replaced(world: World):
    shop, email = Shop(world), "no-balance@compratori.test"
    order, address = await opened(shop)
    place, _ = await log_in(world, address, email)
    await world.browser.post(place, data={"fonte": BALANCE})
    assert issue(await shop.capture(order)) == (422, "INSTRUMENT_DECLINED")
    shown = await page(world, address)
    assert "alert" in shown.roles
    for words in (f"Pagamento rifiutato con «{BALANCE}»", "Nessun importo è stato addebitato"):
        assert words in shown.text
    assert shown.inputs["email"]["value"] == email
    place, review = await log_in(world, address, email)
    assert f"Pagamento rifiutato con «{BALANCE}»" in review.text
    assert "disabled" in review.inputs["fonte-1"]
    assert "checked" in review.inputs["fonte-2"]
    assert (await world.browser.post(place, data={"fonte": BALANCE})).status_code == 422
    assert (await world.browser.post(place, data={"fonte": CARD})).status_code == 303
    assert (await shop.capture(order)).status_code == 201


async def test_somebody_else_can_pay_after_a_refusal(world: World):
    shop = Shop(world)
    order, address = await opened(shop)
    place, _ = await log_in(world, address, "no-balance@compratori.test")
    await world.browser.post(place, data={"fonte": BALANCE})
    await shop.capture(order)
    place, review = await log_in(world, address)
    assert "alert" not in review.roles
    assert (await world.browser.post(place, data={"fonte": BALANCE})).status_code == 303
    assert (await shop.capture(order)).json()["payer"]["email_address"] == OK


async def test_whoever_keeps_an_account_is_told_so(world: World):
    shop = Shop(world)
    order, address = await opened(shop, save=True)
    place, review = await log_in(world, address)
    assert "Negozio potrà addebitare in futuro questo conto PayPal" in review.text
    await world.browser.post(place, data={"fonte": BALANCE})
    kept = (await shop.capture(order)).json()["payment_source"]["paypal"]["attributes"]["vault"]
    assert kept["status"] == "VAULTED"


async def test_an_account_is_kept_without_a_payment(world: World):
    shop = Shop(world)
    setup = (await shop.made(SETUPS, setup_form()))["id"]
    address = f"/agreements/approve?approval_session_id={setup}"
    shown = await page(world, address)
    assert "Nessun addebito ora" in shown.text
    place, review = await log_in(world, address)
    assert "€" not in review.text
    for words in ("Autorizza gli addebiti", "potrà addebitare in futuro", BALANCE, "Rinnovi della casella PEC"):
        assert words in review.text
    cancelled = review.links["Annulla e torna al negozio"]
    assert cancelled.startswith(f"{SHOP}/annullato?approval_token_id={setup}")
    answers = [await world.browser.post(place, data={"fonte": BALANCE}) for _ in range(2)]
    assert {answer.headers["Location"] for answer in answers} == {
        f"{SHOP}/conto?da=paypal&approval_token_id={setup}&approval_session_id={setup}"
    }
    assert (await shop.keep(setup)).status_code == 201
    closed = await page(world, address)
    assert "Consenso già dato" in closed.text


async def test_only_its_owner_confirms_a_charge_of_a_kept_account(world: World):
    shop = Shop(world)
    order = (await shop.charge((await shop.kept("confirm"))["id"], present=True)).json()["id"]
    address = f"/checkoutnow?token={order}"
    shown = await page(world, address)
    assert shown.inputs["email"]["value"] == "confirm@compratori.test"
    place, _ = await log_in(world, address)
    stranger = await world.browser.post(place, data={"fonte": BALANCE})
    assert (stranger.status_code, (await shop.read(f"{ORDERS}/{order}"))["status"]) == (422, "PAYER_ACTION_REQUIRED")
    assert "con il conto confirm@compratori.test" in stranger.text
    refusal = await world.browser.post("/_sim/paypal/approve", json={"order": order, "buyer": OK})
    assert refusal.status_code == 400
    place, review = await log_in(world, address, "confirm@compratori.test")
    assert review.links["Annulla e torna al negozio"] == f"{SHOP}/annullato?token={order}"
    assert "potrà addebitare in futuro" not in review.text
    gone = await world.browser.post(place, data={"fonte": BALANCE})
    assert gone.headers["Location"] == f"{SHOP}/ritorno?token={order}&PayerID={account('confirm')}"
    assert (await shop.capture(order)).json()["status"] == "COMPLETED"


async def test_closed_orders_say_so(world: World):
    shop = Shop(world)
    done = (await shop.paid())["id"]
    shown = await page(world, f"/checkoutnow?token={done}")
    assert "Pagamento già approvato" in shown.text
    assert shown.links["Torna al negozio"].startswith(f"{SHOP}/ritorno?token={done}&PayerID=")
    stranger = await world.browser.post(f"/checkoutnow?token={done}", data={"email": OK, "password": SECRET})
    assert "Pagamento già approvato" in stranger.text
    lapsed = await shop.approved(invoice_id="2-1")
    forgotten, address = await opened(shop)
    place, _ = await log_in(world, address)
    await shop.move(4 * HOUR)
    shown = await page(world, f"/checkoutnow?token={lapsed}")
    assert "Tempo scaduto" in shown.text
    assert shown.links["Torna al negozio"] == f"{SHOP}/annullato?token={lapsed}"
    await shop.move(4 * DAY)
    assert "Richiesta non trovata" in (await page(world, f"/checkoutnow?token={forgotten}", 404)).text
    assert (await world.browser.post(place, data={"fonte": BALANCE})).status_code == 404
    for unknown in ("/checkoutnow?token=NOTHING", "/checkoutnow", "/agreements/approve?approval_session_id=NOTHING"):
        assert "Richiesta non trovata" in (await page(world, unknown, 404)).text


async def test_a_login_belongs_to_its_order(world: World):
    shop = Shop(world)
    _, address = await opened(shop)
    place, _ = await log_in(world, address)
    other, elsewhere = await opened(shop, invoice_id="2-1")
    stolen = elsewhere + place.removeprefix(address)
    assert "Accedi" in (await page(world, stolen)).buttons
    assert (await world.browser.post(stolen, data={"fonte": BALANCE})).headers["Location"] == elsewhere
    assert (await shop.read(f"{ORDERS}/{other}"))["status"] == "PAYER_ACTION_REQUIRED"


async def test_an_order_without_addresses_ends_on_the_page(world: World):
    shop = Shop(world)
    form = order_form()
    del form["payment_source"]
    order = (await shop.made(ORDERS, form))["id"]
    address = f"/checkoutnow?token={order}"
    assert "Annulla e torna al negozio" not in (await page(world, address)).links
    place, _ = await log_in(world, address)
    answer = await world.browser.post(place, data={"fonte": BALANCE})
    assert answer.status_code == 200
    assert "Pagamento già approvato" in answer.text


async def test_no_password_is_kept(world: World):
    _, address = await opened(Shop(world))
    place, _ = await log_in(world, address)
    answer = await world.browser.post(place, data={"fonte": BALANCE})
    assert SECRET not in answer.text + str(answer.headers) + str(await world.look("requests"))
    assert SECRET not in place
