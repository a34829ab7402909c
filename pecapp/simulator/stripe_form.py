"""The card form: what the buyer types, checked, with errors in Italian."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pecapp.simulator.stripe_cards import BY_NUMBER, luhn
from pecapp.simulator.stripe_checkout import Entry

EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
FARTHEST_YEARS = 50


@dataclass(frozen=True)
class Field:
    """A field of the page: its label, hint and the browser's helps."""

    name: str
    label: str
    hint: str = ""
    autocomplete: str = ""
    mode: str = "text"
    longest: int = 100


FIELDS = (
    Field("intestatario", "Intestatario della carta", "Nome e cognome, come sulla carta.", "cc-name"),
    Field("numero", "Numero della carta", "", "cc-number", "numeric", 23),
    Field("scadenza", "Data di scadenza", "Mese e anno: MM/AA.", "cc-exp", "numeric", 7),
    Field(
        "codice", "Codice di sicurezza", "3 cifre sul retro; 4 sul fronte per American Express.", "cc-csc", "numeric", 4
    ),
    Field("email", "Indirizzo di posta elettronica", "Qui la banca ti scrive l'esito.", "email", "email", 254),
)


@dataclass
class Checked:
    """The typed values without the security code, and either errors by field or the entry."""

    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    entry: Entry | None = None


def check(form: Mapping[str, object], now: float) -> Checked:
    """Check a posted form. `now`: seconds since the epoch, for the expiry."""
    typed = {item.name: str(form.get(item.name, "")).strip()[: item.longest] for item in FIELDS}
    code = typed.pop("codice")
    result = Checked(typed)
    number = re.sub(r"[\s-]", "", typed["numero"])
    exp = _expiry(typed["scadenza"])
    if not typed["intestatario"]:
        result.errors["intestatario"] = "Scrivi nome e cognome dell'intestatario."
    if problem := _number_problem(number):
        result.errors["numero"] = problem
    if problem := _expiry_problem(typed["scadenza"], exp, now):
        result.errors["scadenza"] = problem
    if problem := _code_problem(code, number):
        result.errors["codice"] = problem
    if not typed["email"]:
        result.errors["email"] = "Scrivi il tuo indirizzo di posta elettronica."
    elif not EMAIL.fullmatch(typed["email"]):
        result.errors["email"] = "L'indirizzo non è completo. Esempio: nome@esempio.it"
    if not result.errors and exp:
        result.entry = Entry(BY_NUMBER[number], exp, typed["intestatario"], typed["email"])
    return result


def _number_problem(number: str) -> str:
    if not number:
        return "Scrivi il numero della carta."
    if not (number.isascii() and number.isdigit() and 12 <= len(number) <= 19 and luhn(number)):
        return "Il numero della carta non è corretto. Controlla le cifre."
    if number not in BY_NUMBER:
        return "Il simulatore accetta solo le carte di prova elencate in fondo alla pagina."
    return ""


def _expiry(typed: str) -> tuple[int, int] | None:
    """(month, year) of MM/AA or MM/AAAA, unchecked."""
    match = re.fullmatch(r"(\d{1,2})\s*[/\- ]?\s*(\d{2}|\d{4})", typed, re.ASCII)
    if not match:
        return None
    year = int(match[2])
    return int(match[1]), year if year > 99 else 2000 + year


def _expiry_problem(typed: str, exp: tuple[int, int] | None, now: float) -> str:
    if not typed:
        return "Scrivi la data di scadenza."
    if exp is None:
        return "Scrivi la data come MM/AA, per esempio 09/29."
    month, year = exp
    today = datetime.fromtimestamp(now, UTC)
    if not 1 <= month <= 12:
        return "Il mese va da 01 a 12."
    if (year, month) < (today.year, today.month):
        return "La carta è scaduta. Usa un'altra carta."
    if year > today.year + FARTHEST_YEARS:
        return "L'anno di scadenza non è corretto."
    return ""


def _code_problem(code: str, number: str) -> str:
    if not code:
        return "Scrivi il codice di sicurezza."
    card = BY_NUMBER.get(number)
    length = card.cvc_length if card else 3
    if not (code.isascii() and code.isdigit()) or (len(code) != length if card else len(code) not in (3, 4)):
        return f"Il codice di sicurezza ha {length} cifre."
    return ""
