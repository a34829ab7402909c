"""Legal texts: versioned, complete in both languages, and readable as page and as PDF."""

import hashlib
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pypdf
import pytest

from pecapp import errors, i18n
from pecapp.services import terms
from tests.conftest import FrozenClock

EVERY = [terms.current(document_id, lang) for document_id in terms.PUBLISHED for lang in i18n.LANGS]
NAMES = [f"{document.id}-{document.lang}" for document in EVERY]


def headings(document: terms.Document) -> list[str]:
    return re.findall(r"(?m)^## (\d+\. .+)$", document.body)


@pytest.mark.parametrize("document", EVERY, ids=NAMES)
def test_the_fingerprint_is_that_of_the_very_file(document: terms.Document) -> None:
    file = Path(terms.__file__).parents[1] / "legal" / document.id / f"{document.version}.{document.lang}.md"
    assert document.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize("document_id", terms.PUBLISHED)
def test_both_languages_have_the_same_clauses_and_ask_approval_for_the_same_ones(document_id: str) -> None:
    it, en = (terms.current(document_id, lang) for lang in i18n.LANGS)
    assert (it.version, it.in_force_on) == (en.version, en.in_force_on)
    assert len(headings(it)) == len(headings(en)) > 2
    assert [clause.split(".")[0] for clause in it.clauses] == [clause.split(".")[0] for clause in en.clauses]
    assert it.sha256 != en.sha256


@pytest.mark.parametrize("document", EVERY, ids=NAMES)
def test_clauses_are_numbered_without_gaps_and_the_text_says_that_it_is_a_demonstration(
    document: terms.Document,
) -> None:
    numbers = [int(heading.split(".")[0]) for heading in headings(document)]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert set(document.clauses) <= set(headings(document))
    assert document.body.startswith(("**Testo dimostrativo.**", "**Demonstration text.**"))


def test_contracts_list_their_onerous_clauses_tacit_renewal_included_where_there_is_one() -> None:
    yearly, one_off = (terms.current(document_id, "it").clauses for document_id in ("terms-a", "terms-b"))
    assert "6. Rinnovo automatico con addebito" in yearly
    assert "13. Foro competente" in yearly
    assert "9. Limiti di responsabilità" in one_off
    assert not any("innovo" in clause for clause in one_off)


def test_a_version_is_current_from_its_day_on(frozen_clock: FrozenClock) -> None:
    frozen_clock.set(datetime(2026, 6, 18, 21, 59, tzinfo=UTC))
    with pytest.raises(errors.NotFound):
        terms.current("privacy", "it")
    frozen_clock.set(datetime(2026, 6, 18, 22, 0, tzinfo=UTC))
    assert terms.current("privacy", "it").version == "2026-06"


@pytest.mark.parametrize(
    ("document_id", "version"), [("privacy", "2020-01"), ("nothing", "2026-06"), ("../legal/privacy", "2026-06")]
)
def test_what_is_not_there_is_not_found(document_id: str, version: str) -> None:
    with pytest.raises(errors.NotFound):
        terms.find(document_id, version, "it")


@pytest.mark.parametrize("document", EVERY, ids=NAMES)
def test_the_pdf_is_tagged_complete_and_always_the_same(document: terms.Document) -> None:
    made = terms.pdf(document)
    terms.pdf.cache_clear()
    assert made == terms.pdf(document)
    reader = pypdf.PdfReader(io.BytesIO(made))
    root: Any = reader.root_object
    assert root["/Lang"] == document.lang
    assert root["/MarkInfo"]["/Marked"]
    assert reader.metadata is not None
    assert reader.metadata.title == document.title
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    assert [heading for heading in headings(document) if heading not in text] == []
    assert document.sha256 in text.replace(" ", "")
    assert "Ceralacca Demo S.p.A." in text
    assert len(reader.pages) <= 3


def test_the_page_shows_clauses_and_lists() -> None:
    html = terms.html(terms.current("terms-a", "it"))
    assert "<h2>1. Le parti e l'oggetto</h2>" in html
    assert "<li><strong>PEC.</strong>" in html.replace("<p>", "")
