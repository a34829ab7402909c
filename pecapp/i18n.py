"""Words, amounts and dates in the reader's language.

The words live in flat tables, one file per area: `locales/<language>/<area>.toml`, merged here. Italian is written
first; a key that two files define is refused when the tables are loaded.
"""

import datetime
import logging
import string
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from babel import Locale, dates, numbers

from pecapp import errors, settings

Lang = Literal["it", "en"]

LANGS: tuple[Lang, ...] = ("it", "en")
DEFAULT: Lang = "it"

_DIRECTORY = Path(__file__).parent / "locales"
_BABEL = MappingProxyType({"it": Locale("it", "IT"), "en": Locale("en", "GB")})
_HIGHEST_CENTS = 10**12
_ROME = dates.get_timezone("Europe/Rome")
_log = logging.getLogger(__name__)


class LocaleError(Exception):
    """The tables of words contradict each other; the text says where."""


def language(value: object) -> Lang:
    """One of our languages: `value` if it names one, else Italian. Safe for whatever a browser sends."""
    return "en" if value == "en" else DEFAULT


def negotiate(accept_language: str) -> Lang:
    """The language that an `Accept-Language` header likes best among ours; Italian when it names none of them."""
    wishes: list[tuple[float, int, Lang]] = []
    for position, part in enumerate(accept_language[:500].split(",")):
        name, _, weight = part.partition(";")
        primary = name.strip().lower().partition("-")[0]
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            quality = 0.0
        if primary in LANGS and quality > 0:
            wishes.append((-quality, position, language(primary)))
    return min(wishes)[2] if wishes else DEFAULT


@cache
def words(lang: Lang) -> Mapping[str, str]:
    """All the words of one language, by key.

    Raises LocaleError when two files define the same key or a value is not text.
    """
    table: dict[str, str] = {}
    for path in sorted((_DIRECTORY / lang).glob("*.toml")):
        for key, value in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if not isinstance(value, str):
                raise LocaleError(f"{lang}/{path.name}: {key} is not text (quote keys that contain a dot)")
            if key in table:
                raise LocaleError(f"{lang}/{path.name}: {key} is already defined in another file")
            table[key] = value
    return MappingProxyType(table)


@cache
def placeholders(template: str) -> frozenset[str]:
    """The names between braces in a text: `Puoi scegliere da 1 a {max} anni.` has `max`."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(template) if name)


def text(key: str, lang: Lang, **params: object) -> str:
    """The words under `key`, with `params` in their places.

    A key that does not exist, or a parameter that is missing, raises KeyError outside production; in production the
    reader gets the key (or the words with the gap left visible) and the log a line: a page is worth more than a word.
    """
    template = words(lang).get(key)
    if template is None:
        return _missing(key, lang, key)
    if absent := placeholders(template) - params.keys():
        return _missing(f"{key} without {', '.join(sorted(absent))}", lang, template)
    return template.format_map(params) if params else template


def _missing(what: str, lang: Lang, shown: str) -> str:
    if not settings.load().production:
        raise KeyError(f"{what} ({lang})")
    _log.error("locale %s: nothing for %s", lang, what)
    return shown


def error_text(error: errors.PecError, lang: Lang) -> str:
    """What a customer reads when `error` stops them."""
    return text(error.code, lang, **error.params)


def field_texts(error: errors.Invalid, lang: Lang) -> dict[str, str]:
    """What is wrong with each field of a form, by the field's name."""
    return {field: text(code, lang, **error.params) for field, code in error.fields.items()}


def money(cents: int, lang: Lang) -> str:
    """An amount in euro: 1208 is «12,08 €» in Italian, «€12.08» in English."""
    return numbers.format_currency(Decimal(cents) / 100, "EUR", locale=_BABEL[lang])


def number(value: int, lang: Lang) -> str:
    """A whole number: 12345 is «12.345» in Italian, «12,345» in English."""
    return numbers.format_decimal(value, locale=_BABEL[lang])


def cents(typed: str, lang: Lang) -> int | None:
    """The cents of an amount in euro as a reader types it («12,08» in Italian, «12.08» in English), None for none."""
    try:
        euro = numbers.parse_decimal(typed.replace("€", "").strip(), locale=_BABEL[lang], strict=True)
    except numbers.NumberFormatError:
        return None
    exact = euro * 100
    return int(exact) if exact == exact.to_integral_value() and abs(exact) < _HIGHEST_CENTS else None


def date(day: datetime.date, lang: Lang) -> str:
    """A calendar day in words: «31 marzo 2027», «31 March 2027»."""
    return dates.format_date(day, "d MMMM y", locale=_BABEL[lang])


def month(day: datetime.date, lang: Lang) -> str:
    """The month of a day in words: «marzo 2027», «March 2027»."""
    return dates.format_date(day, "LLLL y", locale=_BABEL[lang])


def month_short(day: datetime.date, lang: Lang) -> str:
    """The month's name where there is little room: «mar», «Mar»."""
    return dates.format_date(day, "LLL", locale=_BABEL[lang])


def instant(at: datetime.datetime, lang: Lang) -> str:
    """An aware instant on the clocks of Rome: «31 marzo 2027, 06:00»."""
    return dates.format_datetime(at, "d MMMM y, HH:mm", tzinfo=_ROME, locale=_BABEL[lang])
