"""With scripts off the order page still tells the truth, and only to whom it concerns."""

import re

import pytest
from sqlmodel import select
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from pecapp import db, errors, tables
from pecapp.services import access, payments
from pecapp.web import plain
from tests.support import papers
from tests.support.visitor import Visitor, visiting

NUMBER = "1234567897"
PAGE = f"/ordini/{NUMBER}?testo=1"
pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")


async def _full(_: object) -> PlainTextResponse:
    return PlainTextResponse("the full page")


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return visiting(monkeypatch, [*plain.routes, Route("/{path:path}", _full, methods=["GET", "POST"])])


@pytest.fixture
def owner() -> int:
    with db.transaction() as s:
        account_id = papers.account(s)
        papers.order(s, account_id, NUMBER)
    return account_id


def verify(status: str = "unknown") -> None:
    """The order of the owner waits for the bank's word."""
    with db.transaction() as s:
        row = s.exec(select(tables.Order)).one()
        row.status = "verifying"
        attempt = tables.PaymentAttempt(
            id="a" * 32,
            order_id=row.id or 0,
            number=1,
            gateway="stripe",
            channel="order",
            status=status,
            amount_cents=6039,
            idempotency_key="k",
            created_at=papers.at(2027, 3, 10),
            expires_at=papers.at(2027, 3, 11),
        )
        s.add_all([row, attempt])


def accessible(html: str, lang: str) -> None:
    assert html.startswith("<!doctype html>")
    assert f'<html lang="{lang}">' in html
    assert re.search(r"<title>[^<]+</title>", html)
    assert html.count("<h1") == html.count("<main") == html.count("<header") == html.count("<footer") == 1
    assert "<script" not in html
    labels = set(re.findall(r'<label[^>]* for="([^"]+)"', html))
    fields = re.findall(r"<input(?![^>]*hidden)[^>]*>", html)
    assert [field for field in fields if not labels & set(re.findall(r'id="([^"]+)"', field))] == []


def test_an_order_waiting_for_payment_says_so_and_can_be_paid(visitor: Visitor, owner: int) -> None:
    visitor.who = papers.actor(owner)
    answer = visitor.get(PAGE)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    accessible(answer.text, "it")
    for words in (NUMBER, "In attesa pagamento", "60,39", "PEC Standard", "Carta di credito", ">Paga</button>"):
        assert words in answer.text
    assert 'http-equiv="refresh"' not in answer.text


def test_an_order_in_verification_refreshes_by_itself_and_cannot_be_paid(visitor: Visitor, owner: int) -> None:
    verify()
    visitor.who = papers.actor(owner)
    html = visitor.get(PAGE).text
    accessible(html, "it")
    assert "Pagamento in verifica" in html
    assert '<meta http-equiv="refresh" content="15">' in html
    assert ">Paga</button>" not in html


def test_a_payment_that_was_begun_can_be_resumed(visitor: Visitor, owner: int) -> None:
    verify("redirected")
    visitor.who = papers.actor(owner)
    html = visitor.get(PAGE).text
    accessible(html, "it")
    assert ">Riprendi il pagamento</button>" in html
    assert ">Paga</button>" not in html


def test_a_paid_order_leads_to_its_receipt(visitor: Visitor, owner: int) -> None:
    with db.transaction() as s:
        papers.paid(s, 1)
    visitor.who = papers.actor(owner)
    html = visitor.get(PAGE).text
    accessible(html, "it")
    assert "Pagato" in html
    assert "2027/000123" in html
    assert f"/ricevute/{NUMBER}.pdf" in html
    assert 'http-equiv="refresh"' not in html


def test_it_is_as_good_in_english(visitor: Visitor, owner: int) -> None:
    visitor.who = papers.actor(owner)
    html = visitor.get(f"{PAGE}&lang=en").text
    accessible(html, "en")
    assert "€60.39" in html
    assert "PEC Standard mailbox" in html


def test_a_stranger_is_asked_to_sign_in_and_brought_back(visitor: Visitor, owner: int) -> None:
    answers = {visitor.get(f"/ordini/{number}?testo=1").text.replace(number, "N") for number in (NUMBER, "0000000000")}
    assert len(answers) == 1, "an order that is not there is asked for in the same way"
    html = visitor.get(PAGE).text
    accessible(html, "it")
    assert 'action="/auth/accedi"' in html
    assert f'name="next" value="/ordini/{NUMBER}?testo=1"' in html
    assert "60,39" not in html


def test_another_customer_finds_nothing(visitor: Visitor, owner: int) -> None:
    with db.transaction() as s:
        visitor.who = papers.actor(papers.account(s, number=2))
    answer, unknown = visitor.get(PAGE), visitor.get("/ordini/0000000000?testo=1")
    assert answer.status_code == unknown.status_code == 404
    assert answer.text == unknown.text
    accessible(answer.text, "it")


@pytest.mark.parametrize(
    "path", ["/", "/servizi", "/ordine", "/ordini/abc", "/%22%3E%3Cscript%3E", "//evil.example", "/%5Cevil.example"]
)
def test_any_other_address_says_that_it_needs_scripts_and_what_works_without(visitor: Visitor, path: str) -> None:
    answer = visitor.get(f"{path}?testo=1")
    assert answer.status_code == 200
    accessible(answer.text, "it")
    assert "/documenti/terms-a/" in answer.text
    assert not re.search(r'href="/[/\\]', answer.text)


@pytest.mark.parametrize("query", ["", "?testo=0", "?testo=", "?x=testo=1"])
def test_who_does_not_ask_gets_the_full_page(visitor: Visitor, query: str) -> None:
    assert visitor.get(f"/ordini/{NUMBER}{query}").text == "the full page"


# --- paying without scripts -------------------------------------------------------------------------------------------


def test_paga_leads_to_the_gateways_page(visitor: Visitor, owner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    async def pay(actor: access.Actor, number: str, gateway: str) -> str:
        asked.append((actor.account_id, number, gateway))
        return "https://pay.example.test/c/1?a=1&b=2"

    monkeypatch.setattr(payments, "pay", pay)
    visitor.who = papers.actor(owner)
    answer = visitor.post(f"/ordini/{NUMBER}/paga", data={"gateway": "stripe"})
    assert answer.status_code == 200
    assert asked == [(owner, NUMBER, "stripe")]
    accessible(answer.text, "it")
    assert 'content="0; url=https://pay.example.test/c/1?a=1&amp;b=2"' in answer.text


@pytest.mark.parametrize("gateway", ["", "nobody", "../stripe"])
def test_a_means_that_does_not_exist_is_refused_in_words(visitor: Visitor, owner: int, gateway: str) -> None:
    visitor.who = papers.actor(owner)
    answer = visitor.post(f"/ordini/{NUMBER}/paga", data={"gateway": gateway})
    assert answer.status_code == 409
    accessible(answer.text, "it")
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize("problem", [errors.Conflict("PAG_IN_CORSO"), errors.Unavailable()])
def test_a_payment_that_cannot_start_leaves_the_order_page(
    visitor: Visitor, owner: int, monkeypatch: pytest.MonkeyPatch, problem: errors.PecError
) -> None:
    async def pay(*_: object) -> str:
        raise problem

    monkeypatch.setattr(payments, "pay", pay)
    visitor.who = papers.actor(owner)
    answer = visitor.post(f"/ordini/{NUMBER}/paga", data={"gateway": "stripe"})
    assert answer.status_code == 409
    assert 'role="alert"' in answer.text


def test_a_stranger_cannot_pay_here(visitor: Visitor, owner: int) -> None:
    answer = visitor.post(f"/ordini/{NUMBER}/paga", data={"gateway": "stripe"})
    assert answer.status_code == 303
    assert answer.headers["location"] == PAGE
