"""Papers over HTTP: receipts behind the session, legal texts for everybody, the mailbox only outside production."""

import re

import pytest

from pecapp import db, settings
from pecapp.services import outbox, terms
from pecapp.web import documents, mailbox
from tests.support import papers
from tests.support.visitor import Visitor, visiting

NUMBER = "1234567897"
pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return visiting(monkeypatch, [*documents.routes, *mailbox.routes])


@pytest.fixture
def owner() -> int:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(s, account_id, NUMBER)
        papers.paid(s, order_id)
        outbox.post(s, template="m02", dedup_key="m02", account_id=account_id, order_id=order_id, to_address="a@b.test")
        outbox.post(s, template="m03", dedup_key="m03", account_id=account_id, order_id=order_id, to_address="c@d.test")
    outbox.send_due()
    return account_id


# --- receipts ---------------------------------------------------------------------------------------------------------


def test_the_owner_opens_the_receipt(visitor: Visitor, owner: int) -> None:
    visitor.who = papers.actor(owner)
    answer = visitor.get(f"/ricevute/{NUMBER}.pdf")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'inline; filename="ricevuta-2027-000123.pdf"'
    assert answer.headers["cache-control"] == "private, no-store"
    assert answer.content.startswith(b"%PDF")
    english = visitor.get(f"/ricevute/{NUMBER}.pdf?lang=en")
    assert 'filename="receipt-2027-000123.pdf"' in english.headers["content-disposition"]


def test_everybody_else_gets_the_same_answer_as_for_a_receipt_that_is_not_there(visitor: Visitor, owner: int) -> None:
    with db.transaction() as s:
        other = papers.account(s, number=2)
    answers = set()
    for who in (papers.actor(other), papers.actor(None)):
        visitor.who = who
        for number in (NUMBER, "0000000000", "x", "%27%20OR%201=1"):
            answer = visitor.get(f"/ricevute/{number}.pdf")
            answers.add((answer.status_code, answer.text, str(sorted(answer.headers.items()))))
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404


# --- legal texts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("document_id", terms.PUBLISHED)
@pytest.mark.parametrize(("lang", "words"), [("it", "Scarica in PDF"), ("en", "Download as PDF")])
def test_anybody_reads_a_legal_text_and_takes_it_along(
    visitor: Visitor, document_id: str, lang: str, words: str
) -> None:
    found = terms.current(document_id, "en" if lang == "en" else "it")
    page = visitor.get(found.url)
    assert page.status_code == 200
    assert words in page.text
    assert f'<html lang="{lang}">' in page.text
    assert found.sha256 in page.text
    link = re.search(r'href="(/documenti/[^"]+\.pdf[^"]*)"', page.text)
    assert link
    pdf = visitor.get(link[1])
    assert pdf.status_code == 200
    assert pdf.content.startswith(b"%PDF")
    assert found.version in pdf.headers["content-disposition"]


@pytest.mark.parametrize(
    "path",
    [
        "/documenti/privacy/1999-01",
        "/documenti/nothing/2026-06",
        "/documenti/privacy/1999-01.pdf",
        "/documenti/..%2Flegal/2026-06",
        "/documenti/privacy/2026-06.it.md",
    ],
)
def test_a_text_that_is_not_there_is_missing(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "+++" not in answer.text


# --- the mailbox ------------------------------------------------------------------------------------------------------


def test_the_mailbox_shows_the_newest_first_and_filters_by_receiver(visitor: Visitor, owner: int) -> None:
    every = visitor.get("/dev/posta?formato=json").json()
    assert [mail["template"] for mail in every] == ["m03", "m02"]
    one = visitor.get("/dev/posta", params={"formato": "json", "a": "a@b.test"}).json()
    assert [mail["subject"] for mail in one] == ["Conferma ordine"]
    page = visitor.get("/dev/posta")
    assert "Conferma pagamento" in page.text
    assert "c@d.test" in page.text


def test_one_mail_is_shown_with_what_was_enclosed_and_can_do_nothing(visitor: Visitor, owner: int) -> None:
    mail = visitor.get("/dev/posta/1?formato=json").json()
    assert mail["html"].startswith("<!doctype html>")
    assert [document["id"] for document in mail["enclosed"]] == ["terms-a", "withdrawal"]
    page = visitor.get("/dev/posta/1").text
    assert 'sandbox=""' in page
    assert "Conferma ordine" in page
    html = visitor.get("/dev/posta/1/html")
    assert "sandbox" in html.headers["content-security-policy"]
    assert "default-src 'none'" in html.headers["content-security-policy"]
    assert visitor.get("/dev/posta/99").status_code == 404
    assert visitor.get("/dev/posta/99/html").status_code == 404


def test_there_is_no_mailbox_in_production(visitor: Visitor, owner: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(environment="production"))
    with db.transaction() as s:
        visitor.who = papers.actor(papers.account(s, number=3), "support")
    answers = {visitor.get(path).status_code for path in ("/dev/posta", "/dev/posta/1", "/dev/posta/1/html")}
    assert answers == {404}
    assert visitor.get("/dev/posta?formato=json").status_code == 404
