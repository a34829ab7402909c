"""Legal texts, versioned: what people accept is a file that never changes once somebody has accepted it.

Each is `legal/<id>/<version>.<lang>.md`: a head in TOML between two lines `+++`, then Markdown whose second-level
headings are the numbered clauses. The head says from which day the version is in force and which clauses need specific
approval (artt. 1341-1342 c.c.).
"""

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType

from markdown_it import MarkdownIt
from markdown_it.token import Token

from pecapp import clock, errors, i18n
from pecapp.services import printing

CONTRACTS = frozenset({"terms-a", "terms-b"})
"""The documents that make a contract: their accepted version goes with the confirmation of the order."""
PUBLISHED = ("terms-a", "terms-b", "privacy", "withdrawal")
"""Every document, in the order in which people look for them."""
_LIBRARY = Path(__file__).parent.parent / "legal"
_NAME = re.compile(r"[a-z0-9-]{1,40}")
_HEADING = re.compile(r"(?m)^## (\d+)\. (.+)$")
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


@dataclass(frozen=True)
class Document:
    """One version of one text in one language."""

    id: str
    version: str
    lang: i18n.Lang
    sha256: str
    """Of the file's exact bytes."""
    title: str
    in_force_on: date
    body: str = field(repr=False)
    """Markdown, without the title."""
    clauses: tuple[str, ...]
    """Number and title of each clause to approve specifically: «8. Rinnovo tacito»."""

    @property
    def url(self) -> str:
        """Where it can be read, and from there downloaded."""
        return f"/documenti/{self.id}/{self.version}?lang={self.lang}"


def current(document_id: str, lang: i18n.Lang) -> Document:
    """The version in force today. Raises NotFound for an unknown document."""
    versions = [one for one in _library().values() if (one.id, one.lang) == (document_id, lang)]
    in_force = [one for one in versions if one.in_force_on <= clock.today()]
    if not in_force:
        raise errors.NotFound
    return max(in_force, key=lambda one: (one.in_force_on, one.version))


def find(document_id: str, version: str, lang: i18n.Lang) -> Document:
    """One version, in force or not. Raises NotFound."""
    found = _library().get((document_id, version, lang))
    if found is None:
        raise errors.NotFound
    return found


def filename(document: Document) -> str:
    """What the PDF is called once it is saved."""
    return f"{i18n.text(f'legal.file.{document.id}', document.lang)}-{document.version}.pdf"


def html(document: Document) -> str:
    """The body as HTML: headings from the second level down, no raw HTML let through."""
    return _MARKDOWN.render(document.body)


@cache
def pdf(document: Document) -> bytes:
    """The document as a tagged PDF with who offers it; the same bytes every time."""
    data = {
        "title": document.title,
        "lang": document.lang,
        "edition": i18n.text(
            "legal.edition",
            document.lang,
            version=document.version,
            date=i18n.date(document.in_force_on, document.lang),
        ),
        "imprint": printing.imprint(document.lang),
        "fingerprint": i18n.text("legal.fingerprint", document.lang, sha256=document.sha256),
        "blocks": _blocks(_MARKDOWN.parse(document.body)),
    }
    return printing.pdf("document.typ", data, document.in_force_on)


@cache
def _library() -> MappingProxyType[tuple[str, str, str], Document]:
    found = (_read(path) for path in sorted(_LIBRARY.glob("*/*.md")))
    return MappingProxyType({(one.id, one.version, one.lang): one for one in found})


def _read(path: Path) -> Document:
    raw = path.read_bytes()
    _, head, body = raw.decode("utf-8").split("+++\n", 2)
    front = tomllib.loads(head)
    version, _, lang = path.stem.rpartition(".")
    if not (_NAME.fullmatch(path.parent.name) and _NAME.fullmatch(version) and lang in i18n.LANGS):
        raise ValueError(f"legal text with an unusable name: {path.name}")
    headings = dict(_HEADING.findall(body))
    return Document(
        id=path.parent.name,
        version=version,
        lang=i18n.language(lang),
        sha256=hashlib.sha256(raw).hexdigest(),
        title=front["title"],
        in_force_on=front["in_force_on"],
        body=body.strip() + "\n",
        clauses=tuple(f"{number}. {headings[str(number)]}" for number in front.get("to_approve", [])),
    )


def _blocks(parsed: list[Token]) -> list[dict[str, object]]:
    """The body as data for the typesetter: kind of block, and its runs of text."""
    blocks: list[dict[str, object]] = []
    around: list[str] = []
    for token in parsed:
        if token.nesting == 1:
            around.append(token.tag)
        elif token.nesting == -1:
            around.pop()
        elif token.type == "inline":
            kind = "item" if "li" in around else around[-1]
            blocks.append({"kind": kind, "runs": _runs(token.children or [])})
    return blocks


def _runs(inline: list[Token]) -> list[dict[str, object]]:
    runs: list[dict[str, object]] = []
    strong = False
    for token in inline:
        if token.type in {"strong_open", "strong_close"}:
            strong = token.type == "strong_open"
        elif token.content or token.type == "softbreak":
            runs.append({"text": token.content or " ", "strong": strong})
    return runs
