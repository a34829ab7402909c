"""«Paga subito un ordine»: whoever knows the number may pay, and learns and changes nothing else."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from pecapp import tables
from pecapp.domain import identity
from pecapp.services import lifecycle
from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import factories

Customer = customers.Customer
REFUSED = "Numero d'ordine non valido o ordine non pagabile. Controlla il numero nella email di conferma."


def asks(page: Page, number: str) -> None:
    """Type an order's number and press «Paga»."""
    steps.fill(page, {"Numero d'ordine": number})
    page.get_by_role("radio", name="Carta di credito", exact=True).check()
    steps.press(page, "Paga")


def elsewhere(new_page: Callable[..., Page], place: int) -> Page:
    """A stranger's page, at another address of the network than that of the other tests."""
    page = new_page(extra_http_headers={"X-Forwarded-For": f"198.51.100.{place}"})
    page.goto("/paga")
    return page


def test_a_stranger_pays_and_nothing_is_saved_or_switched_on(
    customer: Customer, new_page: Callable[..., Page], bank: banks.Bank
) -> None:
    number = customer.order(form=factories.FORM | {"auto_renew": "yes"})
    page = elsewhere(new_page, 1)
    asks(page, number)
    expect(page.get_by_role("heading", name="Riepilogo", exact=True)).to_be_visible()
    shown = page.get_by_role("main").inner_text()
    assert "12,08" in shown
    assert "PEC Standard" in shown
    assert not any(secret in shown for secret in ("Verdi", "casella", "@"))
    steps.go_to_bank(page, "Procedi")
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    assert "Verdi" not in page.get_by_role("main").inner_text()
    expect(page.get_by_role("link", name="Scarica la ricevuta (PDF)")).not_to_be_visible()

    (charge,) = bank.charges(number)
    assert charge["customer"] is None
    assert not customer.rows(tables.PaymentMethod, account_id=customer.actor.account_id)
    (service,) = customer.rows(tables.Service, account_id=customer.actor.account_id)
    assert service.renewal != "active"
    customer.gets("m02", "m03")


def test_every_number_that_cannot_be_paid_gets_the_same_words(
    customer: Customer, new_page: Callable[..., Page]
) -> None:
    cancelled, paid = customer.order(), customer.order()
    with customers.inside(customer.site):
        lifecycle.cancel(customer.actor, cancelled)
        factories.settle(factories.attempt(factories.the(tables.Order, number=paid)))
    unknown = identity.new_order_number("000000001")
    page = elsewhere(new_page, 2)
    for number in (cancelled, paid, unknown, "123"):
        asks(page, number)
        expect(page.get_by_role("alert").filter(has_text="Controlla questi campi")).to_contain_text(REFUSED)
        expect(page.get_by_label("Numero d'ordine", exact=True)).to_have_value(number)


def test_the_sixth_try_in_ten_minutes_has_to_wait(customer: Customer, new_page: Callable[..., Page]) -> None:
    number = customer.order()
    page = elsewhere(new_page, 3)
    for _ in range(5):
        asks(page, "1234567890")
        expect(page.get_by_role("alert").filter(has_text="Controlla questi campi")).to_contain_text(REFUSED)
        page.reload()
    asks(page, number)
    expect(page.get_by_role("alert").filter(has_text="Controlla questi campi")).not_to_contain_text(REFUSED)
    expect(page.get_by_role("heading", name="Riepilogo", exact=True)).not_to_be_visible()
