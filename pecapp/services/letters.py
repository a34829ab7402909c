"""Letters: what a mail says, as a few kinds of block, and the two ways in which it is written, text and HTML.

A letter is composed once, so its text and its HTML cannot say different things. Everything in a block is plain text of
the reader's language; the templates escape it.
"""

import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import jinja2

from pecapp import i18n, settings
from pecapp.services import palette

TEXT_WIDTH = 72


@dataclass(frozen=True)
class Paragraph:
    """A few sentences."""

    kind: ClassVar[str] = "paragraph"
    text: str


@dataclass(frozen=True)
class Heading:
    """The title of a part."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Status:
    """Where something stands: a sign, a word and a colour, never the colour alone. `tone` as in `views.OrderView`."""

    kind: ClassVar[str] = "status"
    tone: str
    word: str

    @property
    def sign(self) -> str:
        """The sign beside the word."""
        return palette.SIGNS[self.tone]


@dataclass(frozen=True)
class Facts:
    """Names and values, one per row; rows without a value are left out."""

    kind: ClassVar[str] = "facts"
    rows: tuple[tuple[str, str], ...]

    @property
    def shown(self) -> tuple[tuple[str, str], ...]:
        """The rows that have a value."""
        return tuple(row for row in self.rows if row[1])


@dataclass(frozen=True)
class Bill:
    """What is paid for: lines of name, detail and amount, then totals, the last of which is the one that counts."""

    kind: ClassVar[str] = "bill"
    item: str
    amount: str
    lines: tuple[tuple[str, str, str], ...]
    totals: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Items:
    """A list."""

    kind: ClassVar[str] = "items"
    items: tuple[str, ...]


@dataclass(frozen=True)
class Action:
    """A link that leads to a page; `main` for the one thing to do next."""

    kind: ClassVar[str] = "action"
    label: str
    url: str
    main: bool = True


Block = Paragraph | Heading | Status | Facts | Bill | Items | Action


@dataclass(frozen=True)
class Letter:
    """One mail in one language. `summary` is what a mailbox shows beside the subject."""

    subject: str
    summary: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Written:
    """A letter as it is sent."""

    subject: str
    text: str
    html: str


def write(letter: Letter, lang: i18n.Lang) -> Written:
    """The same letter as plain text and as HTML that needs no image and nothing from elsewhere. Deterministic."""
    current = settings.load()
    known = {
        "letter": letter,
        "lang": lang,
        "brand": current.brand_name,
        "tagline": current.brand_tagline,
        "seller": tuple(seller(current, lang)),
        "warning": i18n.text("mail.phishing", lang, brand=current.brand_name),
        "public_url": current.public_url,
        "colour": palette.colours(),
    }
    return Written(
        subject=letter.subject,
        text=_TEMPLATES.get_template("letter.txt").render(known).strip() + "\n",
        html=_TEMPLATES.get_template("letter.html").render(known),
    )


def seller(current: settings.Settings, lang: i18n.Lang) -> list[str]:
    """Who sells, in lines, as the law wants it on every paper."""
    return [
        f"{current.seller_name}, {current.seller_address}",
        i18n.text(
            "paper.seller",
            lang,
            vat_number=current.seller_vat_number,
            email=current.seller_email,
            phone=current.seller_phone,
        ),
    ]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, TEXT_WIDTH, break_long_words=False, break_on_hyphens=False)


def _aligned(rows: tuple[tuple[str, str], ...]) -> str:
    """Rows of name and value under each other."""
    width = max((len(name) for name, _ in rows), default=0) + 2
    return "\n".join(f"{name + ':':<{width}}{value}" for name, value in rows)


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent.parent / "templates" / "mail"),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"wrapped": _wrapped, "aligned": _aligned}
    return made


_TEMPLATES = _environment()
