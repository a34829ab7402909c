"""Words, amounts and dates: as people of each language write them, and never a hole in the page."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from pecapp import errors, i18n, settings


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("", "it"),
        ("it-IT,it;q=0.9,en;q=0.8", "it"),
        ("en-US,en;q=0.9,it;q=0.8", "en"),
        ("de,it;q=0.3,en;q=0.7", "en"),
        ("fr-FR,de", "it"),
        ("it;q=0,en;q=0.1", "en"),
        ("en;q=abc,it", "it"),
        (",;;q=,\0" * 5000, "it"),
    ],
)
def test_the_browsers_wish_decides_the_language_and_italian_otherwise(header: str, wanted: str) -> None:
    assert i18n.negotiate(header) == wanted


@pytest.mark.parametrize("value", [None, "", "EN", "fr", 1, ["en"], {"en": "en"}, "en\0"])
def test_what_is_no_language_of_ours_means_italian(value: object) -> None:
    assert i18n.language(value) == "it"


@pytest.mark.parametrize(
    ("cents", "italian", "english"),
    [
        (1208, "12,08 €", "€12.08"),
        (0, "0,00 €", "€0.00"),
        (5, "0,05 €", "€0.05"),
        (123450, "1.234,50 €", "€1,234.50"),
        (-300, "-3,00 €", "-€3.00"),
    ],
)
def test_amounts_are_written_as_in_each_country(cents: int, italian: str, english: str) -> None:
    assert (i18n.money(cents, "it").replace("\xa0", " "), i18n.money(cents, "en")) == (italian, english)


def test_an_amount_never_breaks_over_two_lines() -> None:
    assert " " not in i18n.money(1208, "it")


def test_days_are_written_in_words() -> None:
    assert i18n.date(date(2027, 3, 31), "it") == "31 marzo 2027"
    assert i18n.date(date(2027, 3, 31), "en") == "31 March 2027"


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        (datetime(2027, 3, 31, 4, 0, tzinfo=UTC), "31 marzo 2027, 06:00"),
        (datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "1 gennaio 2027, 00:30"),
    ],
)
def test_instants_are_told_by_the_clocks_of_rome(at: datetime, shown: str) -> None:
    assert i18n.instant(at, "it") == shown


def test_an_error_says_its_reason_in_the_readers_language() -> None:
    error = errors.Invalid({"years": "FREQ_FUORI"}, max=5)
    assert i18n.field_texts(error, "it") == {"years": "Puoi scegliere da 1 a 5 anni."}
    assert i18n.error_text(errors.PecError("FREQ_FUORI", max=5), "en") == "You can choose from 1 to 5 years."


@pytest.mark.parametrize(("key", "params"), [("no.such.key", {}), ("FREQ_FUORI", {}), ("FREQ_FUORI", {"min": 1})])
def test_a_missing_word_stops_development(key: str, params: dict[str, object]) -> None:
    with pytest.raises(KeyError):
        i18n.text(key, "it", **params)


@pytest.mark.logs_errors("no.such.key", "FREQ_FUORI")
def test_a_missing_word_spoils_no_page_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    production = settings.Settings().model_copy(update={"environment": "production"})
    monkeypatch.setattr(settings, "load", lambda: production)
    assert i18n.text("no.such.key", "it") == "no.such.key"
    assert i18n.text("FREQ_FUORI", "it") == "Puoi scegliere da 1 a {max} anni."


@pytest.mark.parametrize(
    ("first", "second"),
    [('"a.b" = "uno"', '"a.b" = "due"'), ('a.b = "una tabella per sbaglio"', ""), ("a = 1", "")],
)
def test_tables_that_contradict_each_other_are_refused(
    first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "first.toml").write_text(first)
    (tmp_path / "it" / "second.toml").write_text(second)
    monkeypatch.setattr(i18n, "_DIRECTORY", tmp_path)
    i18n.words.cache_clear()
    try:
        with pytest.raises(i18n.LocaleError):
            i18n.words("it")
    finally:
        i18n.words.cache_clear()


def test_every_alert_of_the_staff_has_words() -> None:
    source = "\n".join(file.read_text() for file in (Path(i18n.__file__).parent / "services").rglob("*.py"))
    kinds = set(re.findall(r'tell_staff\(\s*\w+,\s*"(\w+)"', source)) | {"event_unmatched", "event_unanswered"}
    assert len(kinds) > 20
    assert [kind for kind in sorted(kinds) if f"staff.alert.{kind}" not in i18n.words("it")] == []


def test_every_act_of_the_staff_has_words() -> None:
    source = "\n".join(file.read_text() for file in (Path(i18n.__file__).parent / "services").rglob("*.py"))
    acts = set(re.findall(r'audit\.record\(\s*s,\s*\w+,\s*"(\w+)"', source))
    assert len(acts) > 5
    assert [act for act in sorted(acts) if f"staff.act.{act}" not in i18n.words("it")] == []
