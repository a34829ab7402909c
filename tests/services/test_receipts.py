"""The receipt: correct, accessible, the same every time, and only for those whom it concerns."""

import io
from typing import Any

import pypdf
import pytest

from pecapp import db, errors, i18n, tables
from pecapp.services import facts, receipts
from tests.support import papers

pytestmark = pytest.mark.usefixtures("frozen_clock")
NUMBER = "1234567897"


def issue(**changes: Any) -> int:
    """A paid order with its receipt; gives the account."""
    with db.transaction() as s:
        account_id = papers.account(s)
        papers.paid(s, papers.order(s, account_id, NUMBER, **changes))
    return account_id


def text(pdf: bytes) -> str:
    reader = pypdf.PdfReader(io.BytesIO(pdf))
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split()).replace("\xa0", " ")


def read(lang: i18n.Lang = "it", **changes: Any) -> str:
    return text(receipts.pdf(papers.actor(issue(**changes)), NUMBER, lang).content)


def test_it_says_who_what_how_much_and_how(database: str) -> None:
    said = read()
    for words in (
        "2027/000123",
        NUMBER,
        "60,39 €",
        "49,50 €",
        "10,89 €",
        "IVA 22 %",
        "10 marzo 2027, 13:00",
        "Visa •••• 4242",
        "pi_1",
        "PEC Standard",
        "1 anno",
        "Mario Rossi",
        "Via Roma 1, 00100 Roma (RM)",
        "Ceralacca Demo S.p.A.",
        "Partita IVA 00743110157",
        "Non è una fattura.",
    ):
        assert words in said
    assert papers.TAX_CODE not in said


@pytest.mark.usefixtures("sqlite_database")
def test_it_is_as_good_in_english() -> None:
    said = read("en")
    for words in ("Payment receipt", "€60.39", "10 March 2027, 13:00", "PEC Standard mailbox", "not an invoice"):
        assert words in said


@pytest.mark.usefixtures("sqlite_database")
def test_it_is_tagged_and_names_its_title_and_language() -> None:
    printed = receipts.pdf(papers.actor(issue()), NUMBER, "it")
    assert printed.filename == "ricevuta-2027-000123.pdf"
    reader = pypdf.PdfReader(io.BytesIO(printed.content))
    root: Any = reader.root_object
    assert root["/Lang"] == "it"
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert reader.metadata.title == "Ricevuta di pagamento 2027/000123"
    assert b"pdfuaid:part" in printed.content
    kinds = tags(root["/StructTreeRoot"])
    assert {"/H1", "/H2", "/Table", "/TH", "/TD"} <= kinds


def tags(node: Any) -> set[str]:
    """The kinds of element in a document's structure."""
    found: set[str] = set()
    todo = [node]
    while todo:
        one = todo.pop()
        one = one.get_object() if hasattr(one, "get_object") else one
        if isinstance(one, dict):
            found |= {str(one["/S"])} if "/S" in one else set()
            todo.extend([one["/K"]] if "/K" in one else [])
        elif isinstance(one, list):
            todo.extend(one)
    return found


@pytest.mark.usefixtures("sqlite_database")
def test_the_same_receipt_is_the_same_file() -> None:
    account_id = issue()
    assert len({receipts.pdf(papers.actor(account_id), NUMBER, "it").content for _ in range(3)}) == 1


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize(
    "name",
    [
        '#panic("x")',
        "*bold* _it_ `raw`",
        '#import "/etc/passwd"',
        "$x^2$ \\ #{1+1}",
        "<b>&amp;</b>",
        "Šimić Łódź",
        "// end",
    ],
)
def test_a_name_is_shown_as_it_was_typed_and_never_obeyed(name: str) -> None:
    said = read(holder=papers.holder(first_name=name, last_name="Rossi"))
    assert f"{name} Rossi".replace(" ", "") in said.replace(" ", "")


@pytest.mark.usefixtures("sqlite_database")
@pytest.mark.parametrize("name", ["李小龍", "Мария", "😀"])
def test_letters_that_no_font_has_do_not_stop_the_receipt(name: str) -> None:
    assert "2027/000123" in read(holder=papers.holder(first_name=name))


@pytest.mark.usefixtures("sqlite_database")
def test_a_long_order_goes_on_to_a_second_page() -> None:
    account_id = issue()
    with db.transaction() as s:
        for number in range(60):
            line = tables.OrderLine(
                order_id=1,
                product_code="PEC-STD",
                name_it=f"Riga {number}",
                name_en="Line",
                quantity=1,
                net_cents=100,
                list_net_cents=100,
            )
            s.add(line)
    pdf = receipts.pdf(papers.actor(account_id), NUMBER, "it").content
    assert len(pypdf.PdfReader(io.BytesIO(pdf)).pages) > 1
    assert "Riga 59" in text(pdf)


@pytest.mark.usefixtures("sqlite_database")
def test_a_discount_and_an_order_of_nothing_to_pay() -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        order_id = papers.order(
            s,
            account_id,
            NUMBER,
            discount_code="TUTTO",
            discount_net_cents=4950,
            net_cents=0,
            vat_cents=0,
            gross_cents=0,
            status="paid",
        )
        s.add(tables.Receipt(order_id=order_id, year=2027, number=1, issued_at=papers.at(2027, 3, 10)))
    said = text(receipts.pdf(papers.actor(account_id), NUMBER, "it").content)
    for words in ("2027/000001", "Sconto con il codice TUTTO", "-49,50 €", "0,00 €", "Nulla da pagare"):
        assert words in said


def test_only_its_owner_and_the_staff_get_it(database: str) -> None:
    owner = issue()
    with db.transaction() as s:
        other = papers.account(s, number=2)
        admin = papers.account(s, number=3, role="support")
        papers.order(s, owner, "9999999995")
    assert receipts.pdf(papers.actor(owner), NUMBER, "it").content.startswith(b"%PDF")
    assert receipts.pdf(papers.actor(admin, "support"), NUMBER, "it").content.startswith(b"%PDF")
    refused = [
        (papers.actor(other), NUMBER),
        (papers.actor(None), NUMBER),
        (papers.actor(owner), "9999999995"),
        (papers.actor(owner), "0000000000"),
        (papers.actor(admin, "support"), "0000000000"),
        (papers.actor(owner), "' OR 1=1 --"),
    ]
    answers = set()
    for who, number in refused:
        with pytest.raises(errors.NotFound) as answer:
            receipts.pdf(who, number, "it")
        answers.add((answer.value.code, str(answer.value.params)))
    assert len(answers) == 1


@pytest.mark.parametrize(
    ("brand", "last4", "gateway", "shown"),
    [
        ("visa", "4242", "stripe", "Visa •••• 4242"),
        ("amex", "0005", "stripe", "American Express •••• 0005"),
        ("", "", "stripe", "Carta di credito"),
        ("", "", "paypal", "PayPal"),
    ],
)
def test_a_means_of_payment_is_named_without_giving_it_away(brand: str, last4: str, gateway: str, shown: str) -> None:
    assert facts.means(gateway, brand, last4, "it") == shown
