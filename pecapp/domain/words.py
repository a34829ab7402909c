"""The words by which a customer is found: as they would be said on the phone, without accents and capitals."""

import re
import unicodedata
from collections.abc import Mapping

_NAMES = ("first_name", "last_name", "company_name", "legal_first_name", "legal_last_name")
WHOLE = ("tax_code", "vat_number")
"""Found by nothing but all of it: pages mask it, and beginnings would tell it character by character."""
_MARK = "="
"""Stands before a word that is found whole; no word that is typed begins with it."""
_ITALY = "39"
"""What a telephone number begins with that nobody says."""
_LONGEST, _SHORTEST = 120, 2
_NOT_ALNUM = re.compile(r"[\W_]+")


def fold(said: str) -> str:
    """A text without accents and capitals: «Nicolò» is «nicolo», «STRASSE» and «Straße» are one."""
    apart = unicodedata.normalize("NFKD", said.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c)).strip()


def of_name(name: str) -> set[str]:
    """The words of a name: «Maria D'Angelo» is found by «maria», «dangelo» and «angelo»."""
    found = set()
    for word in fold(name).split():
        parts = [part for part in _NOT_ALNUM.split(word) if part]
        found |= {"".join(parts), *(part for part in parts if len(part) >= _SHORTEST)}
    return {word[:_LONGEST] for word in found if word}


def of_account(login: str, email: str, holder: Mapping[str, object]) -> set[str]:
    """Every word by which an account is found: its names, its address, its login, its identifiers and its number."""
    found = {fold(whole)[:_LONGEST] for whole in (login, email)}
    for field in _NAMES:
        found |= of_name(str(holder.get(field) or ""))
    phone = str(holder.get("phone") or "")
    found |= {identifier(phone), national(phone)}
    found |= {whole(number) for field in WHOLE if (number := identifier(str(holder.get(field) or "")))}
    return found - {""}


def whole(number: str) -> str:
    """The word that an identifier is kept as when it is only ever found whole."""
    return f"{_MARK}{number}"


def national(phone: str) -> str:
    """A telephone number as it is said in Italy, without the country."""
    return identifier(phone).removeprefix(_ITALY)


def identifier(said: str) -> str:
    """A tax code, VAT or telephone number as it is looked for: no blanks and signs, whoever wrote it how."""
    return _NOT_ALNUM.sub("", fold(said))[:_LONGEST]
