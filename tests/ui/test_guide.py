"""The guide keeps to the product that it explains: its words are those of the screens, its pictures are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pecapp import i18n
from pecapp.ui.pages import guide

PICTURES = Path(__file__).resolve().parents[2] / "assets" / "guide"
MOST_BYTES = 400_000
"""What all the pictures of one language may weigh together."""
QUOTED = {"it": re.compile("«([^»]+)»"), "en": re.compile("“([^”]+)”")}
LANGUAGES = pytest.mark.parametrize("lang", i18n.LANGS)


def names(text: str, lang: i18n.Lang) -> list[str]:
    """The names of buttons, fields and pages that a text quotes."""
    return QUOTED[lang].findall(text)


def explained(lang: i18n.Lang) -> Iterator[tuple[str, str]]:
    """Every text of the guide, with its key."""
    return ((key, words) for key, words in i18n.words(lang).items() if key.startswith("guide."))


def size(picture: bytes) -> tuple[int, int]:
    """Width and height of a WebP with a colour profile, as its header states them: 24 bits each, less one."""
    assert (picture[:4], picture[8:16]) == (b"RIFF", b"WEBPVP8X")
    return int.from_bytes(picture[24:27], "little") + 1, int.from_bytes(picture[27:30], "little") + 1


@LANGUAGES
def test_every_name_that_is_quoted_stands_on_a_screen(lang: i18n.Lang) -> None:
    shown = {words for key, words in i18n.words(lang).items() if not key.startswith("guide.")}
    quoted = [(key, name) for key, words in explained(lang) for name in names(words, lang)]
    assert len(quoted) > 50
    assert [f"{key}: {name}" for key, name in quoted if name not in shown] == []


@LANGUAGES
def test_every_name_is_quoted_as_the_language_quotes(lang: i18n.Lang) -> None:
    assert [key for key, words in explained(lang) if re.search("[“”]" if lang == "it" else "[«»]", words)] == []


@LANGUAGES
def test_every_picture_is_there_at_the_size_that_the_page_states(lang: i18n.Lang) -> None:
    found = {file.stem: size(file.read_bytes()) for file in (PICTURES / lang).glob("*.webp")}
    assert found == guide.PICTURES


@LANGUAGES
def test_the_pictures_of_a_language_are_light(lang: i18n.Lang) -> None:
    assert sum(file.stat().st_size for file in (PICTURES / lang).iterdir()) < MOST_BYTES


@LANGUAGES
def test_every_picture_says_what_can_be_seen_beyond_its_caption(lang: i18n.Lang) -> None:
    for name in guide.PICTURES:
        said, caption = i18n.text(f"guide.picture.{name}.alt", lang), i18n.text(f"guide.picture.{name}", lang)
        assert len(said) > len(caption) > 20


def test_every_entry_of_the_index_leads_to_its_place() -> None:
    page = str(guide.page())
    entries = [entry for _, group in guide.GROUPS for entry in group]
    assert len(entries) == len(set(entries))
    for entry in entries:
        assert page.count(f'"#{entry}"') == 1
        assert page.count(f'id:"{entry}"') == 1
