"""A year in the life of services: the real product and the bank, on one clock that is moved day by day."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from pecapp import i18n, tables
from pecapp.domain import calendar
from pecapp.services import demo, demo_year
from tests.e2e import customers, steps
from tests.e2e.test_accessible import Judge, is_for_everybody
from tests.support import factories, processes

CLOCK = "/dev/orologio"
LIVING_SECONDS = 60
"""How long a day may take on a machine that does other things too."""
ON, SCADUTO, CANCELLATO = "ATTIVO", "Scaduto", "Cancellato"
QUESTION = "Vuoi usare questo metodo d'ora in poi per il rinnovo automatico?"
NO_FUNDS = "Sul metodo di pagamento non c'era disponibilità sufficiente."


@pytest.fixture
def site(tmp_path: Path) -> Iterator[processes.Site]:
    """What `make demo` starts: services about to renew or to expire, and a clock of their own."""
    made = processes.Site(tmp_path, {"PECAPP_CLOCK_FILE": str(tmp_path / "clock")})
    made.commands = (*made.commands, "demo-year")
    try:
        made.start()
        yield made
    finally:
        made.stop()


def service(site: processes.Site, bought: demo_year.Purchase) -> tables.Service:
    with customers.inside(site):
        return factories.the(tables.Service, label=bought.address)


def ends_on(site: processes.Site, bought: demo_year.Purchase) -> date:
    """The last valid day, E."""
    found = service(site, bought).expires_on
    assert found
    return found


def live(site: processes.Site, *days: date) -> list[dict[str, Any]]:
    """Let it be these days, one after the other, skipping those between; what has happened until now, newest first."""
    told: dict[str, Any] = {"days": []}
    for day in days:
        answer = httpx.post(
            f"{site.url}{CLOCK}",
            data={"data": day.isoformat(), "salta": "1", "formato": "json"},
            headers={"Origin": site.url},
            timeout=LIVING_SECONDS,
        )
        told = answer.raise_for_status().json()
        assert told["today"] == day.isoformat()
    return told["days"]


def debits(days: list[dict[str, Any]], bought: demo_year.Purchase) -> dict[date, dict[str, Any]]:
    """The debits that were tried for a service, by their day."""
    return {
        date.fromisoformat(day["day"]): debit
        for day in days
        for debit in day["debits"]
        if debit["service"] == bought.address
    }


def before(expires_on: date, *days: int) -> list[date]:
    return [expires_on - timedelta(days=number) for number in days]


def words(day: date) -> str:
    return i18n.date(day, "it")


def open_service(page: Page, bought: demo_year.Purchase) -> None:
    """Sign in as the demonstration's customer and go to «Gestisci»."""
    page.goto("/accedi")
    steps.sign_in(page, demo.CUSTOMER_LOGIN, demo.PASSWORD)
    page.wait_for_url("**/area-clienti")
    manage(page, bought)


def manage(page: Page, bought: demo_year.Purchase) -> None:
    """From the area to the service."""
    steps.follow(page, f"Gestisci {bought.address}")
    steps.says(page, bought.address)


def letter(page: Page, subject: str) -> Locator:
    """Among «Comunicazioni», in the area."""
    return page.get_by_role("main").get_by_text(subject, exact=True)


def shows(page: Page, *what: str) -> None:
    for each in what:
        expect(page.get_by_role("main").get_by_text(each, exact=True).first).to_be_visible()


def test_a_year_passes_and_the_mailbox_has_renewed_itself_as_announced(
    site: processes.Site, new_page: Callable[..., Page]
) -> None:
    bought = demo_year.PAYS
    expires = ends_on(site, bought)
    debit_on, renewed = calendar.debit_on(expires), calendar.add_years(expires, 1)
    page = new_page()
    open_service(page, bought)
    shows(page, words(expires), ON)

    live(site, *before(expires, 35))
    page.goto("/area-clienti")
    expect(letter(page, f"Il tuo servizio si rinnoverà il {words(debit_on)}")).to_be_visible()
    manage(page, bought)
    shows(page, words(expires), words(debit_on))

    days = live(site, debit_on)
    shows(page, words(renewed), ON)
    (debit,) = debits(days, bought).values()
    assert debit["outcome"] == "Autorizzato"
    steps.follow(page, debit["order"])
    steps.stands(page, steps.PAID)
    expect(page.get_by_role("link", name="Scarica la ricevuta (PDF)")).to_be_visible()

    live(site, expires + timedelta(days=1))
    page.goto("/area-clienti")
    expect(letter(page, "Rinnovo effettuato")).to_be_visible()
    manage(page, bought)
    shows(page, words(renewed), ON)
    expect(page.get_by_role("main").get_by_text(SCADUTO, exact=True)).to_have_count(0)

    again = calendar.debit_on(renewed)
    days = live(site, *before(renewed, 35), again)
    shows(page, words(calendar.add_years(renewed, 1)), ON)
    assert sorted(debits(days, bought)) == [debit_on, again]


def test_a_card_that_is_always_refused_lets_the_service_expire_until_it_is_paid_by_hand(
    site: processes.Site, new_page: Callable[..., Page]
) -> None:
    bought = demo_year.DECLINES
    expires = ends_on(site, bought)
    page = new_page()
    open_service(page, bought)

    days = live(site, *before(expires, 35, 7, 6, 5, 4, 3, 2, 1, 0))
    tried = debits(days, bought)
    assert sorted(tried) == before(expires, 7, 5, 3, 1)
    assert {(one["outcome"], one["reason"]) for one in tried.values()} == {("Non autorizzato", NO_FUNDS)}
    assert len({one["order"] for one in tried.values()}) == 1
    page.goto("/area-clienti")
    expect(letter(page, "Rinnovo automatico non riuscito")).to_have_count(4)
    manage(page, bought)
    shows(page, words(expires))

    live(site, expires + timedelta(days=1))
    shows(page, SCADUTO)
    steps.follow(page, "Paga")
    steps.stands(page, steps.AWAITING)
    page.get_by_role("radio", name="Aggiungi nuova carta", exact=True).check()
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    page.goto("/area-clienti")
    renewed = words(calendar.add_years(expires, 1))
    shows(page, renewed)
    manage(page, bought)
    shows(page, "Attivo", renewed)
    expect(page.get_by_role("main").get_by_text(SCADUTO, exact=True)).to_have_count(0)


def test_who_pays_a_refused_debit_with_another_card_may_keep_it_for_the_renewals_to_come(
    site: processes.Site, new_page: Callable[..., Page], assert_accessible: Judge
) -> None:
    bought = demo_year.DECLINES
    expires = ends_on(site, bought)
    page = new_page()
    open_service(page, bought)
    days = live(site, *before(expires, 35, 7))
    (debit,) = debits(days, bought).values()

    page.goto("/area-clienti")
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=bought.address, exact=True))
    for said in ("Addebito non riuscito", f"Riproviamo da soli il {words(expires - timedelta(days=5))}"):
        expect(card).to_contain_text(said)
    expect(card.get_by_role("link", name=f"Aggiorna i tuoi dati: {bought.address}", exact=True)).to_be_visible()
    is_for_everybody(page, assert_accessible)
    steps.follow(page, f"Paga l'ordine {debit['order']}")
    steps.stands(page, steps.AWAITING)
    page.get_by_role("radio", name="Visa •••• 4242", exact=True).check()
    steps.press(page, "Paga ora")
    steps.stands(page, steps.PAID)
    question = page.get_by_role("region", name=QUESTION, exact=True)
    expect(question).to_contain_text("Hai pagato con Visa •••• 4242.")
    is_for_everybody(page, assert_accessible)
    question.get_by_role("button", name="Sì", exact=True).click()
    expect(question).to_have_count(0)
    shows(page, "Fatto: il rinnovo automatico userà questo metodo.")

    page.goto("/area-clienti")
    expect(card).not_to_contain_text("Addebito non riuscito")
    manage(page, bought)
    renewed = calendar.add_years(expires, 1)
    shows(page, words(renewed), words(calendar.debit_on(renewed)), ON, "Visa •••• 4242")


def test_what_nobody_reactivates_is_cancelled_after_ninety_days(
    site: processes.Site, new_page: Callable[..., Page], assert_accessible: Judge
) -> None:
    bought = demo_year.EXPIRED
    last_day = ends_on(site, bought) + timedelta(days=90)
    page, clock = new_page(), new_page()
    open_service(page, bought)
    shows(page, SCADUTO)

    clock.goto(CLOCK)
    clock.get_by_label("Vai al", exact=True).fill(last_day.isoformat())
    clock.get_by_role("checkbox", name="Salta i giorni in mezzo").check()
    steps.press(clock, "Vai")
    expect(clock.get_by_role("main").get_by_role("time")).to_have_text(words(last_day))
    page.reload()
    shows(page, SCADUTO)
    expect(page.get_by_role("link", name="Riattiva", exact=True)).to_be_visible()

    steps.press(clock, "Avanti di un giorno")
    happened = clock.get_by_role("article", name=words(last_day + timedelta(days=1)), exact=True)
    expect(happened).to_contain_text(f"{bought.address}: Scaduto")
    expect(happened.get_by_role("link", name="Servizio cancellato", exact=True)).to_be_visible()
    is_for_everybody(clock, assert_accessible)

    shows(page, CANCELLATO)
    expect(page.get_by_role("link", name="Riattiva", exact=True)).to_have_count(0)
    happened.get_by_role("link", name="Servizio cancellato", exact=True).click()
    expect(clock.get_by_role("heading", level=1)).to_contain_text("Servizio cancellato")
