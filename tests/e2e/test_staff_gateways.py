"""The staff and the gateways: what came, once more; the day's books; a payment that its customer contests."""

from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from pecapp import tables
from tests.e2e import customers, steps
from tests.support import bank as banks
from tests.support import people, processes

WHY = "L'ha chiesto la banca"
Check = Callable[[Page], None]


@pytest.fixture
def finance(site: processes.Site, new_page: Callable[..., Page]) -> Callable[..., Page]:
    """Makes pages of a member of the staff who looks after the money, each signed in with both factors."""
    made = 0

    def make(**options: object) -> Page:
        nonlocal made
        made += 1
        page = new_page(**options)
        with customers.inside(site):
            cookie = people.staff_cookie("finance", f"conti{made}.{id(page)}@esempio.test")
        page.context.add_cookies([{"name": "sid", "value": cookie, "url": site.url}])
        return page

    return make


def paid(customer: customers.Customer) -> tuple[str, tables.PaymentAttempt]:
    """An order that its customer has paid by card: its number, and the payment."""
    number = customer.order()
    page = customer.page()
    page.goto(f"/ordini/{number}")
    steps.go_to_bank(page)
    steps.pay_by_card(page)
    steps.stands(page, steps.PAID)
    order = customer.row(number)
    (attempt,) = customer.rows(tables.PaymentAttempt, order_id=order.id)
    return number, attempt


def row(page: Page, text: str) -> Locator:
    """The rows of the page's tables that hold these words."""
    return page.get_by_role("row").filter(has_text=text)


def answer(page: Page, title: str, act: str) -> None:
    """Give the reason that a question wants, and do it."""
    question = page.get_by_role("dialog", name=title)
    question.get_by_label("Motivo").fill(WHY)
    question.get_by_role("button", name=act, exact=True).click()
    expect(question).not_to_be_visible()


def test_notifications_are_found_explained_and_handled_again(
    customer: customers.Customer, finance: Callable[..., Page], assert_accessible: Check
) -> None:
    number, _ = paid(customer)
    page = finance()
    page.goto("/admin/notifiche")
    page.get_by_label("Cerca", exact=True).fill(number)
    steps.press(page, "Mostra")
    expect(row(page, "checkout.session.completed")).to_have_count(1)
    expect(row(page, number).first).to_contain_text("Gestita")
    assert_accessible(page)
    row(page, "checkout.session.completed").get_by_role("checkbox").click()
    steps.press(page, "Gestisci di nuovo le scelte (1)")
    answer(page, "Gestire di nuovo?", "Gestisci di nuovo")
    expect(page.get_by_text("Notifiche rimesse in lavorazione: 1.")).to_be_visible()
    steps.follow(page, "checkout.session.completed")
    expect(page.get_by_role("heading", name="Come sappiamo che è autentica")).to_be_visible()
    expect(page.get_by_text("Ha la firma del gateway")).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="Gestita")).to_be_visible()
    assert_accessible(page)
    assert customer.row(number).status == "paid"


def test_the_gateways_own_list_is_compared(finance: Callable[..., Page], assert_accessible: Check) -> None:
    page = finance()
    page.goto("/admin/notifiche")
    page.get_by_label("Da quando", exact=True).select_option("7")
    steps.press(page, "Confronta")
    expect(page.get_by_text("Non manca nulla")).to_be_visible()
    assert_accessible(page)


def give_back_there(site: processes.Site, attempt: tables.PaymentAttempt, cents: int) -> str:
    """Somebody gives money back on the gateway's own pages; the gateway's name for the refund."""
    answer = httpx.post(
        f"{site.simulator_url}/v1/refunds",
        data={"payment_intent": attempt.payment_ref or "", "amount": str(cents)},
        headers={"Authorization": f"Bearer {banks.KEY}"},
    )
    return answer.raise_for_status().json()["id"]


def test_a_difference_of_the_days_books_is_seen_and_settled(
    customer: customers.Customer,
    finance: Callable[..., Page],
    site: processes.Site,
    bank: banks.Bank,
    assert_accessible: Check,
) -> None:
    number, attempt = paid(customer)
    bank.spoil_webhooks("drop", "refund.*")
    unknown, looked_into = give_back_there(site, attempt, 100), give_back_there(site, attempt, 200)
    page = finance()
    page.goto("/admin/quadratura")
    found = row(page, unknown)
    expect(found).to_contain_text("Solo dal gateway")
    expect(found).to_contain_text("1,00")
    assert_accessible(page)
    found.get_by_role("button", name="Registra", exact=True).click()
    answer(page, "Registrare questo rimborso?", "Registra")
    expect(page.get_by_text("La differenza non c'è più")).to_be_visible()
    expect(found).to_have_count(0)
    (refund,) = customer.rows(tables.Refund, attempt_id=attempt.id)
    assert (refund.gateway_ref, refund.amount_cents, refund.status) == (unknown, 100, "succeeded")
    assert customer.row(number).status == "paid"
    row(page, looked_into).get_by_role("button", name="Segna come verificata").click()
    answer(page, "Segnare la differenza come verificata?", "Segna come verificata")
    expect(row(page, looked_into)).to_contain_text(f"Verificata: {WHY}")
    steps.follow(page, "Giorno prima")
    expect(page.get_by_text("Nessuna differenza")).to_be_visible()


def test_a_refund_made_at_the_gateway_itself_changes_the_open_pages_by_itself(
    customer: customers.Customer, finance: Callable[..., Page], site: processes.Site
) -> None:
    number, attempt = paid(customer)
    theirs, desk = customer.page(), finance()
    theirs.goto(f"/ordini/{number}")
    steps.stands(theirs, steps.PAID)
    desk.goto(f"/admin/ordini/{number}")
    expect(desk.get_by_role("button", name="Rimborsa", exact=True)).to_be_visible()
    give_back_there(site, attempt, attempt.amount_cents)
    expect(theirs.get_by_role("main").get_by_text("Rimborsato", exact=True).first).to_be_visible()
    expect(theirs.get_by_role("main")).to_contain_text("Rimborso: 12,08")
    expect(desk.get_by_text("Disposto direttamente presso il gestore dei pagamenti.")).to_be_visible()
    expect(desk.get_by_role("button", name="Rimborsa", exact=True)).to_have_count(0)
    customer.gets("m02", "m03", "m21")
    assert customer.row(number).status == "refunded"
    desk.goto("/admin/quadratura")
    expect(row(desk, "Solo dal gateway").filter(has_text=number)).to_have_count(0)


def test_a_contested_payment_is_shown_and_decided_while_the_page_is_open(
    customer: customers.Customer, finance: Callable[..., Page], bank: banks.Bank, assert_accessible: Check
) -> None:
    number, attempt = paid(customer)
    page = finance()
    page.goto("/admin/contestazioni")
    dispute = bank.do("disputes", payment_intent=attempt.payment_ref)["id"]
    expect(row(page, dispute)).to_contain_text("Da rispondere")
    assert_accessible(page)
    assert customer.row(number).status == "paid"
    bank.do("disputes/close", dispute=dispute, status="won")
    expect(row(page, dispute)).to_contain_text("Vinta")
