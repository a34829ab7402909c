"""What every file of the project keeps to: both languages complete, nothing left open, no place of its own."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from pecapp import i18n
from tests.arch import source

FOLDERS = ("pecapp", "assets", "tests", "bench", "reflex.lock", ".ci")
TEXTS = {".py", ".md", ".toml", ".txt", ".json", ".css", ".js", ".html", ".mako", ".typ", ".svg", ".cfg", ".ini", ""}
LEFT_OPEN = re.compile(r"\b(?:TODO|FIXME)\b|#\s*(?:XXX|HACK)\b|\bfor now\b")
PLACES = re.compile(
    r"(?<![\w.$\"'}])/(?:work|root|home|Users|tmp)/\w"
    r"|\bregistry\.npmjs\b|\bpypi\.org\b|files\.pythonhosted|\"resolved\":"
)


def files() -> Iterator[Path]:
    top = [file for file in source.ROOT.iterdir() if file.is_file() and file.name != ".git"]
    inner = [file for folder in FOLDERS for file in (source.ROOT / folder).rglob("*") if file.is_file()]
    for file in [*top, *inner]:
        if file.suffix in TEXTS and "__pycache__" not in file.parts and file != Path(__file__):
            yield file


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(source.ROOT)}:{number}: {line.strip()[:100]}"
        for file in files()
        for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Keys that only one language has, and texts whose placeholders differ."""
    alone = [f"{key}: only in one language" for key in sorted(one.keys() ^ other.keys())]
    return alone + [
        f"{key}: not the same placeholders"
        for key in sorted(one.keys() & other.keys())
        if i18n.placeholders(one[key]) != i18n.placeholders(other[key])
    ]


def test_both_languages_say_the_same_things() -> None:
    italian, english = i18n.words("it"), i18n.words("en")
    assert italian
    assert differences(italian, english) == []
    assert [key for key in italian if not (italian[key].strip() and english[key].strip())] == []


def test_nothing_is_left_open() -> None:
    assert found(LEFT_OPEN) == []


def test_no_file_knows_the_place_where_it_was_written() -> None:
    assert found(PLACES) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [({"a": ""}, {}), ({}, {"a": ""}), ({"a": "{n} anni"}, {"a": "{m} years"}), ({"a": "{n}"}, {"a": ""})],
)
def test_a_difference_between_languages_is_seen(one: Mapping[str, str], other: Mapping[str, str]) -> None:
    assert differences(one, other)


@pytest.mark.parametrize("text", ["# TODO: later", "enough for now", "FIXME"])
def test_what_is_left_open_is_seen(text: str) -> None:
    assert LEFT_OPEN.search(text)


@pytest.mark.parametrize("text", ["see /work/main", "in /tmp/x.db", "https://registry.npmjs.org/", '"resolved": "'])
def test_a_place_is_seen(text: str) -> None:
    assert PLACES.search(text)


@pytest.mark.parametrize("text", ["GET /orders/home/x", "f'{folder}/tmp/x'", "/homepage"])
def test_an_address_is_no_place(text: str) -> None:
    assert not PLACES.search(text)
