"""Automatic renewal from the area: on, extended, off, in all open tabs; and the renewal that is done by hand."""

import re
from datetime import date, timedelta
from typing import Any

from playwright.sync_api import Locator, Page, expect

from pecapp import clock, i18n, tables
from pecapp.domain import calendar
from tests.e2e import customers, steps
from tests.e2e.test_accessible import WIDE, Judge, enter, is_for_everybody, settled, tab_to
from tests.support import bank as banks
from tests.support import renewing

Customer = customers.Customer
ENABLE = "Attiva il rinnovo automatico"
GO, AUTHORISE = "Attiva", "Autorizza e procedi"
EXTEND = "Estendi a tutti i servizi"
CONSENT = re.compile("^Acconsento che questo metodo di pagamento sia conservato")
ON, OFF, NEVER = "ATTIVO", "DISATTIVATO", "NON ATTIVO"


def mailbox(customer: Customer, name: str, days: int = 200, method: Any = None, **values: Any) -> tables.Service:
    """A mailbox that expires in `days` days; its renewal is on with a method and was never on without one."""
    label = f"{name}@{steps.CERTIFIED_DOMAIN}"
    bought = {"product": values.get("product_code", "PEC-STD"), "months": None, "names": [], "labels": [label]}
    never = {} if method else {"renewal": "inactive"}
    chosen: dict[str, Any] = {"configuration": bought, "label": label} | never | values
    with customers.inside(customer.site):
        return renewing.service(customer.actor, method, clock.today() + timedelta(days=days), **chosen)


def kept_card(customer: Customer) -> tables.PaymentMethod:
    """A card that the customer has let us keep."""
    with customers.inside(customer.site):
        return renewing.card(customer.actor, last4="4242")


def open_service(customer: Customer, service: tables.Service) -> Page:
    """«Gestisci»."""
    page = customer.page(viewport=WIDE)
    page.goto(f"/area-clienti/servizi/{service.id}")
    steps.says(page, service.label)
    return page


def renewal(page: Page) -> Locator:
    """The part of the page about the renewal."""
    heading = page.get_by_role("heading", level=2, name="Rinnovo automatico", exact=True)
    return page.get_by_role("main").locator("section").filter(has=heading)


def shows(page: Page, word: str) -> None:
    """The service's renewal is in this state."""
    expect(renewal(page).get_by_text(word, exact=True)).to_be_visible()


def day(when: date | None) -> str:
    assert when
    return i18n.date(when, "it")


def to_activation(page: Page) -> None:
    """From the service to the page that switches its renewal on."""
    steps.follow(page, ENABLE)
    steps.says(page, ENABLE)


def choose(page: Page, means: str) -> None:
    page.get_by_role("radio", name=means, exact=True).check()


def adds_a_card(page: Page, number: str = banks.GOOD, *, answer: str = "") -> None:
    """On the activation page: a new card, kept at the bank, and back to the service."""
    choose(page, steps.CARD)
    page.get_by_role("checkbox", name=CONSENT).check()
    steps.press(page, AUTHORISE)
    page.wait_for_url("**/c/pay/**")
    steps.pay_by_card(page, number, answer=answer)


def again(customer: Customer, service: tables.Service) -> tables.Service:
    (row,) = customer.rows(tables.Service, id=service.id)
    return row


# --- on ---------------------------------------------------------------------------------------------------------------


def test_without_a_method_a_card_is_added_and_the_renewal_is_on_in_one_flow(
    customer: Customer, bank: banks.Bank, assert_accessible: Judge
) -> None:
    service = mailbox(customer, "prima.volta")
    page, other = open_service(customer, service), open_service(customer, service)
    shows(page, NEVER)
    to_activation(page)
    expect(page.get_by_text("Non hai un metodo valido registrato")).to_be_visible()
    expect(page.get_by_role("checkbox", name=CONSENT)).to_have_count(0)
    choose(page, steps.CARD)
    expect(page.get_by_role("heading", name="Importo massimo prelevabile")).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Ora non viene addebitato nulla")
    is_for_everybody(page, assert_accessible)
    steps.press(page, AUTHORISE)
    expect(page.get_by_role("alert").filter(has_text="Per conservare il metodo serve il tuo consenso")).to_be_focused()
    shows(other, NEVER)

    adds_a_card(page, banks.ITALIAN_ASKS, answer="Autorizza")
    expect(page.get_by_text("Metodo registrato, rinnovo automatico attivo")).to_be_visible()
    for each in (page, other):
        shows(each, ON)
        expect(renewal(each)).to_contain_text("Visa •••• 0446")
        expect(renewal(each)).to_contain_text(day(calendar.debit_on(service.expires_on or clock.today())))
    is_for_everybody(page, assert_accessible)
    (method,) = customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id)
    assert method.ceiling_cents == 1208
    assert not [one for one in bank.look("ledger")["charges"] if one["payment_method"] == method.token]


def test_whoever_gives_up_at_the_bank_finds_everything_as_it_was(customer: Customer) -> None:
    service = mailbox(customer, "ci.ripenso")
    page = open_service(customer, service)
    to_activation(page)
    choose(page, steps.CARD)
    page.get_by_role("checkbox", name=CONSENT).check()
    steps.press(page, AUTHORISE)
    page.wait_for_url("**/c/pay/**")
    steps.follow(page, "Annulla")
    expect(page.get_by_text("Registrazione annullata")).to_be_visible()
    shows(page, NEVER)
    assert not customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id)


def test_on_a_kept_card_one_click_is_enough_and_all_is_said_before_it(
    customer: Customer, assert_accessible: Judge
) -> None:
    service = mailbox(customer, "gia.registrata")
    kept_card(customer)
    page, area = open_service(customer, service), customer.page()
    area.goto("/area-clienti")
    expect(area.get_by_role("main").get_by_text(NEVER, exact=True)).to_be_visible()
    to_activation(page)
    choose(page, "Visa •••• 4242")
    page.get_by_role("button", name="Aumenta: Frequenza di rinnovo (anni)").click()
    summary = (
        page.get_by_role("main").locator("section").filter(has=page.get_by_role("heading", name="Che cosa succede"))
    )
    expires = service.expires_on or clock.today()
    stop_by = calendar.debit_on(expires) - timedelta(days=1)
    for words in ("24,16", "0,00", day(expires), day(calendar.debit_on(expires)), day(stop_by), "Disattiva"):
        expect(summary).to_contain_text(words)
    is_for_everybody(page, assert_accessible)
    page.get_by_role("button", name=GO, exact=True).dblclick()
    expect(page.get_by_text(f"Rinnovo automatico attivo per {service.label}.")).to_be_visible()
    shows(page, ON)
    expect(area.get_by_role("main").get_by_text(ON, exact=True)).to_be_visible()
    customer.gets("m04")
    assert again(customer, service).years == 2


def test_extended_to_all_services_but_the_one_that_is_taken_out(customer: Customer, assert_accessible: Judge) -> None:
    service = mailbox(customer, "estende")
    wanted, left = mailbox(customer, "anche.questa", 250), mailbox(customer, "questa.no", 300)
    over = mailbox(customer, "scaduta", -20, status="expired")
    kept_card(customer)
    page = open_service(customer, service)
    to_activation(page)
    choose(page, "Visa •••• 4242")
    expect(page.get_by_role("checkbox", name=EXTEND)).not_to_be_checked()
    expect(page.get_by_role("checkbox")).to_have_count(1)
    page.get_by_role("checkbox", name=EXTEND).check()
    for one in (wanted, left):
        expect(page.get_by_role("checkbox", name=one.label)).to_be_checked()
    expect(page.get_by_role("checkbox", name=over.label)).to_have_count(0)
    expect(page.get_by_role("listitem").filter(has_text=over.label)).to_contain_text("Escluso: Il servizio è scaduto.")
    page.get_by_role("checkbox", name=left.label).uncheck()
    is_for_everybody(page, assert_accessible)
    steps.press(page, GO)
    shows(page, ON)
    assert [again(customer, one).renewal for one in (service, wanted, left, over)] == [
        "active", "active", "inactive", "inactive",
    ]  # fmt: skip
    customer.gets("m04")


def test_a_renewal_whose_day_has_come_is_debited_only_after_a_confirmation(customer: Customer) -> None:
    service = mailbox(customer, "in.ritardo", days=3)
    page = open_service(customer, service)
    to_activation(page)
    confirmation = page.get_by_role("checkbox", name=re.compile("verranno addebitati entro 24 ore"))
    expect(confirmation).not_to_be_checked()
    choose(page, steps.CARD)
    page.get_by_role("checkbox", name=CONSENT).check()
    steps.press(page, AUTHORISE)
    refusal = page.get_by_role("alert").filter(has_text="Conferma che l'addebito avvenga entro 24 ore.")
    expect(refusal).to_be_focused()
    expect(page.get_by_role("checkbox", name=CONSENT)).to_be_checked()
    assert again(customer, service).renewal == "inactive"
    confirmation.check()
    steps.press(page, AUTHORISE)
    page.wait_for_url("**/c/pay/**")
    steps.pay_by_card(page)
    shows(page, ON)


def test_a_product_without_automatic_renewal_has_no_switch(customer: Customer) -> None:
    service = mailbox(customer, "firma", product_code="FR", renewal=None)
    page = open_service(customer, service)
    expect(page.get_by_text("Rinnovo automatico non disponibile", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name=ENABLE)).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Disattiva"))).to_have_count(0)
    page.goto(f"/area-clienti/servizi/{service.id}/rinnovo")
    expect(page.get_by_text("Questo servizio non ha il rinnovo automatico.")).to_be_visible()
    expect(page.get_by_role("button", name=GO, exact=True)).to_have_count(0)
    steps.follow(page, "Torna al servizio")
    steps.says(page, service.label)


# --- off --------------------------------------------------------------------------------------------------------------


def test_switching_off_asks_first_names_the_day_and_can_be_kept_on(
    customer: Customer, assert_accessible: Judge
) -> None:
    service = mailbox(customer, "spegne", method=kept_card(customer))
    area = customer.page()
    area.goto("/area-clienti")
    steps.follow(area, f"Gestisci {service.label}")
    steps.says(area, service.label)
    page, other = area, open_service(customer, service)
    switch = page.get_by_role("button", name=f"Disattiva il rinnovo automatico di {service.label}")
    switch.click()
    question = page.get_by_role("dialog", name="Disattivare il rinnovo automatico?")
    expect(question).to_contain_text("non sarà effettuato alcun addebito")
    expect(question).to_contain_text(day(service.expires_on))
    is_for_everybody(page, assert_accessible)
    answers = [question.get_by_role("button", name=name, exact=True) for name in ("Disattiva", "Mantieni attivo")]
    looks = [answer.evaluate("element => element.className") for answer in answers]
    assert looks[0] == looks[1]
    answers[1].click()
    for each in (page, other):
        shows(each, ON)

    switch.click()
    answers[0].click()
    expect(page.get_by_text("Rinnovo automatico disattivato.")).to_be_visible()
    for each in (page, other):
        shows(each, OFF)
        expect(renewal(each)).to_contain_text(f"Disattivato da te il {day(clock.today())}.")
        expect(each.get_by_role("link", name=ENABLE)).to_be_visible()
        expect(each.get_by_role("link", name="Rinnova", exact=True)).to_be_visible()
    customer.gets("m05")


def test_a_warning_leads_to_new_data(customer: Customer, assert_accessible: Judge) -> None:
    with customers.inside(customer.site):
        card = renewing.card(customer.actor, ceiling_cents=500)
    page = open_service(customer, mailbox(customer, "poco", method=card))
    expect(renewal(page)).to_contain_text("Il rinnovo costa più di quanto hai autorizzato")
    shows(page, ON)
    is_for_everybody(page, assert_accessible)
    steps.follow(page, "Aggiorna i tuoi dati")
    page.wait_for_url(f"**/metodi-di-pagamento/nuovo?sostituisce={card.id}")


# --- by hand ----------------------------------------------------------------------------------------------------------


def test_a_renewal_by_hand_is_paid_with_the_kept_card_and_moves_the_expiry(
    customer: Customer, bank: banks.Bank, assert_accessible: Judge
) -> None:
    service = mailbox(customer, "a.mano")
    page = open_service(customer, service)
    to_activation(page)
    adds_a_card(page)
    shows(page, ON)
    watching = open_service(customer, service)
    steps.follow(page, "Rinnova ora")
    steps.says(page, "Rinnova il servizio")
    settled(page)
    expect(page.get_by_role("group", name="Rinnovo con addebito automatico")).to_have_count(0)
    boxes = page.get_by_role("main").locator("input[type=radio], input[type=checkbox]").all()
    assert boxes
    assert not any(box.is_checked() for box in boxes)
    button = page.get_by_role("main").locator("button[type=submit]").last
    expect(button).to_have_accessible_name(re.compile(f"^{steps.ORDER_BUTTON}$"))
    steps.press(page, steps.ORDER_BUTTON)
    summary = page.get_by_role("alert").filter(has_text="Controlla questi campi")
    expect(summary.get_by_role("link")).to_have_count(4)
    is_for_everybody(page, assert_accessible)

    choose(page, "Visa •••• 4242")
    for box in steps.BOXES:
        page.get_by_role("checkbox", name=box, exact=True).check()
    page.get_by_role("button", name=steps.ORDER_BUTTON, exact=True).dblclick()
    page.wait_for_url("**/ordini/*")
    number = steps.order_number(page)
    expect(watching.get_by_role("link", name="Paga", exact=True)).to_be_visible()
    expect(watching.get_by_role("link", name=re.compile("^Rinnova"))).to_have_count(0)
    is_for_everybody(watching, assert_accessible)
    steps.press(page, "Paga ora")
    steps.stands(page, steps.PAID)
    new = calendar.renewed_expiry(service.expires_on or clock.today(), 1)
    expect(watching.get_by_text(day(new)).first).to_be_visible()
    expect(watching.get_by_role("link", name="Rinnova ora", exact=True)).to_be_visible()
    assert again(customer, service).expires_on == new
    assert len(bank.charges(number)) == 1
    assert len(customer.rows(tables.Order, account_id=customer.actor.account_id, kind="renewal")) == 1


def test_an_unpaid_renewal_is_given_up_from_the_service_and_can_be_ordered_anew(
    customer: Customer, assert_accessible: Judge
) -> None:
    service = mailbox(customer, "rinuncia")
    page = open_service(customer, service)
    steps.follow(page, "Rinnova")
    steps.says(page, "Rinnova il servizio")
    choose(page, steps.CARD)
    choose(page, steps.RENEW_BY_HAND)
    page.get_by_role("button", name="Aumenta: Frequenza di rinnovo (anni)").click()
    expect(page.get_by_role("main")).to_contain_text(
        day(calendar.renewed_expiry(service.expires_on or clock.today(), 2))
    )
    for box in steps.BOXES:
        page.get_by_role("checkbox", name=box, exact=True).check()
    number = steps.place_order(page)
    assert customer.row(number).gross_cents == 2416
    page.goto(f"/area-clienti/servizi/{service.id}/rinnova")
    expect(page.get_by_text("C'è già un ordine di rinnovo da pagare")).to_be_visible()
    expect(page.get_by_role("link", name=f"Paga l'ordine {number}", exact=True)).to_be_visible()
    steps.follow(page, "Torna al servizio")
    steps.press(page, "Annulla l'ordine")
    question = page.get_by_role("dialog", name="Annullare l'ordine?")
    expect(question).to_contain_text(number)
    expect(question).to_contain_text(day(service.expires_on))
    is_for_everybody(page, assert_accessible)
    question.get_by_role("button", name="Annulla l'ordine", exact=True).click()
    expect(page.get_by_text(f"Ordine {number} annullato.")).to_be_visible()
    expect(page.get_by_role("link", name="Rinnova", exact=True)).to_be_visible()
    assert again(customer, service).expires_on == service.expires_on


# --- whose it is, and with what it is done ----------------------------------------------------------------------------


def test_anothers_service_is_not_found_on_any_of_its_pages(customer: Customer, new_customer) -> None:
    service = mailbox(customer, "riservata")
    page = new_customer().page()
    for address in ("", "/rinnovo", "/rinnova"):
        page.goto(f"/area-clienti/servizi/{service.id}{address}")
        steps.says(page, "Servizio non trovato")
        assert service.label not in page.get_by_role("main").inner_text()


def test_on_extended_off_and_renewed_with_the_keyboard_alone(customer: Customer) -> None:
    service, other = mailbox(customer, "tastiera"), mailbox(customer, "insieme", 300)
    kept_card(customer)
    page = customer.page(viewport=WIDE)
    page.goto("/area-clienti")
    enter(page, "link", f"Gestisci {service.label}")
    steps.says(page, service.label)
    enter(page, "link", ENABLE)
    steps.says(page, ENABLE)
    tab_to(page, page.get_by_role("radio", name="Visa •••• 4242", exact=True))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("checkbox", name=EXTEND))
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name=other.label)).to_be_checked()
    enter(page, "button", GO)
    shows(page, ON)
    assert again(customer, other).renewal == "active"

    enter(page, "button", f"Disattiva il rinnovo automatico di {service.label}")
    question = page.get_by_role("dialog", name="Disattivare il rinnovo automatico?")
    expect(question).to_be_visible()
    tab_to(page, question.get_by_role("button", name="Disattiva", exact=True))
    page.keyboard.press("Enter")
    shows(page, OFF)

    enter(page, "link", "Rinnova")
    steps.says(page, "Rinnova il servizio")
    tab_to(page, page.get_by_role("radio", name="Visa •••• 4242", exact=True))
    page.keyboard.press("Space")
    tab_to(page, page.get_by_role("radio", name=steps.RENEW, exact=True))
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=steps.RENEW_BY_HAND, exact=True)).to_be_checked()
    for box in steps.BOXES:
        tab_to(page, page.get_by_role("checkbox", name=box, exact=True))
        page.keyboard.press("Space")
    enter(page, "button", steps.ORDER_BUTTON)
    steps.says(page, "Ordine registrato")
    (order,) = customer.rows(tables.Order, account_id=customer.actor.account_id, kind="renewal")
    assert order.number == steps.order_number(page)
    assert order.auto_renew is False
