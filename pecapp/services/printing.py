"""Printing: data and a template become a PDF that can be read by eye, by a screen reader, and in ten years.

Tagged, with title and language, checked against PDF/UA-1 while it is made. Data reach the typesetter as JSON and are
shown as they are: nothing in them is ever read as instructions. The same data give the same bytes.
"""

import json
import logging
import threading
from datetime import UTC, date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

import typst

from pecapp import i18n, settings
from pecapp.services import letters, palette

log = logging.getLogger(__name__)

_HOUSE = Path(__file__).parent.parent / "templates"
_press = threading.Lock()
"""One compiler keeps the fonts loaded and the templates parsed; it works for one reader at a time."""


def pdf(template: str, data: dict[str, Any], on: datetime | date) -> bytes:
    """Print `data` with `templates/print/<template>`; `on` becomes the date of the document (its only date)."""
    at = on if isinstance(on, datetime) else datetime.combine(on, time(12), tzinfo=UTC)
    everything = {**data, "colour": dict(palette.colours()), "seal": palette.seal()}
    inputs = {"data": json.dumps(everything, ensure_ascii=False, sort_keys=True)}
    with _press:
        try:
            made = _print(template, inputs, at, ["ua-1"])
        except typst.TypstError as problem:
            if "glyph" not in problem.message and "font" not in problem.message:
                raise
            # a letter that no font of ours can draw: the paper is still tagged, but cannot claim the standard
            log.warning("printed without PDF/UA: %s", problem.message)
            made = _print(template, inputs, at, [])
    return made


def imprint(lang: i18n.Lang) -> dict[str, Any]:
    """Brand and seller, as every printed paper has them."""
    current = settings.load()
    return {
        "brand": current.brand_name,
        "tagline": current.brand_tagline,
        "seller": letters.seller(current, lang),
        "page": i18n.text("paper.page", lang),
    }


def _print(template: str, inputs: dict[str, str], at: datetime, standards: list[Any]) -> bytes:
    made = _compiler(template).compile(
        format="pdf", sys_inputs=inputs, pdf_standards=standards, timestamp=int(at.timestamp())
    )
    if not isinstance(made, bytes):
        raise TypeError("the typesetter made no PDF")
    return made


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=True, font_paths=[str(_HOUSE / "fonts")])


@cache
def _compiler(template: str) -> typst.Compiler:
    return typst.Compiler(str(_HOUSE / "print" / template), root=str(_HOUSE / "print"), font_paths=_fonts())
