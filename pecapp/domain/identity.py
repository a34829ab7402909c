"""Who a customer is: the holder's data and the identifiers in them (domain rules 3.1 step 1, 4.4, 8.8)."""

import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import email_validator
import holidays
import phonenumbers
import stdnum.eu.vat
import stdnum.exceptions
import stdnum.it.codicefiscale
import stdnum.it.iva
import stdnum.luhn
from babel import Locale
from codicefiscale import codicefiscale
from dateutil.relativedelta import relativedelta
from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails, PydanticCustomError

ITALY = "IT"
ADULT_YEARS = 18
ORDER_NUMBER_DIGITS = 10
_PROVINCES = frozenset(code for code in map(str, holidays.Italy.subdivisions) if re.fullmatch("[A-Z]{2}", code))
_NOT_COUNTRIES = frozenset({"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"})
"""Two-letter codes that the locale data name and ISO 3166 does not give to a country."""
COUNTRIES = (
    frozenset(code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code)) - _NOT_COUNTRIES
)
"""The ISO 3166 codes that an address may have."""
_OMOCODIA = str.maketrans("LMNPQRSTUV", "0123456789")
_RESERVED_NAMES = frozenset({"abuse", "admin", "hostmaster", "mailer-daemon", "noreply", "postmaster", "root"})
_PEC_LABEL = re.compile("pec|pec-.+|.+-pec|pecmail|(posta)?cert")
_LENGTHS = MappingProxyType(
    {
        "company_name": 80,
        "postal_code": 16,
        "province": 40,
        "phone": 32,
        "email": 254,
        "sdi_pec": 254,
        "tax_code": 32,
        "vat_number": 32,
        "legal_tax_code": 32,
        "sdi_code": 16,
        "office_code": 16,
    }
)
_LENGTH = 60


class CustomerKind(StrEnum):
    """«Tipo cliente»."""

    PRIVATE = "private"
    COMPANY = "company"
    SOLE_TRADER = "sole_trader"
    PROFESSIONAL = "professional"
    ASSOCIATION = "association"
    PUBLIC_BODY = "public_body"


class NoticeChannel(StrEnum):
    """Where the customer wants the notices of renewal (art. 65-bis Codice del Consumo)."""

    EMAIL = "email"
    SMS = "sms"


_PERSONS = frozenset({CustomerKind.PRIVATE, CustomerKind.SOLE_TRADER, CustomerKind.PROFESSIONAL})
_BUSINESSES = frozenset(CustomerKind) - {CustomerKind.PRIVATE, CustomerKind.PUBLIC_BODY}
_WITH_NAMES = _PERSONS | {CustomerKind.PUBLIC_BODY}
_WITH_LEGAL = frozenset({CustomerKind.COMPANY, CustomerKind.SOLE_TRADER, CustomerKind.PUBLIC_BODY})
_WITH_VAT_NUMBER = frozenset({CustomerKind.COMPANY, CustomerKind.SOLE_TRADER, CustomerKind.PROFESSIONAL})
_REQUIRED: Mapping[str, frozenset[CustomerKind]] = MappingProxyType(
    {
        **dict.fromkeys(("address", "city", "country", "phone", "email"), frozenset(CustomerKind)),
        **dict.fromkeys(("first_name", "last_name"), _WITH_NAMES),
        **dict.fromkeys(("legal_first_name", "legal_last_name", "legal_tax_code"), _WITH_LEGAL),
        "company_name": frozenset(CustomerKind) - {CustomerKind.PRIVATE},
        "vat_number": _WITH_VAT_NUMBER,
        "office_code": frozenset({CustomerKind.PUBLIC_BODY}),
    }
)
_REQUIRED_IN_ITALY = frozenset({"tax_code", "postal_code", "province"})
_UNUSED: Mapping[CustomerKind, frozenset[str]] = MappingProxyType(
    {
        CustomerKind.PRIVATE: frozenset(
            {"company_name", "office_code", "legal_first_name", "legal_last_name", "legal_tax_code"}
        ),
        CustomerKind.PUBLIC_BODY: frozenset({"sdi_code", "sdi_pec"}),
        **dict.fromkeys(_BUSINESSES, frozenset({"office_code"})),
    }
)


class Holder(BaseModel):
    """The holder of an account, checked and normalised; made by `check_holder`.

    Identifiers are upper case without spaces, the phone number is E.164, a VAT number of another EU state carries its
    prefix. What does not apply to the kind of customer is empty.
    """

    model_config = ConfigDict(frozen=True, validate_default=True, extra="ignore")

    kind: CustomerKind
    country: str = ""
    first_name: str = ""
    last_name: str = ""
    company_name: str = ""
    vat_number: str = ""
    tax_code: str = ""
    address: str = ""
    postal_code: str = ""
    city: str = ""
    province: str = ""
    phone: str = ""
    email: str = ""
    legal_first_name: str = ""
    legal_last_name: str = ""
    legal_tax_code: str = ""
    sdi_none: bool = False
    sdi_pec: str = ""
    sdi_code: str = ""
    office_code: str = ""
    notice_channel: NoticeChannel = NoticeChannel.EMAIL
    marketing: bool = False

    @property
    def display_name(self) -> str:
        """How the holder is called on pages and documents."""
        return self.company_name or f"{self.first_name} {self.last_name}"

    @property
    def consumer(self) -> bool:
        """Whether the rules for consumers are due."""
        return self.kind is CustomerKind.PRIVATE

    @field_validator("*", mode="before")
    @classmethod
    def _clean(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        if isinstance(cls.model_fields[name].default, bool):
            return value or False
        text = _text(value, _LENGTHS.get(name, _LENGTH))
        kind = info.data.get("kind")
        if kind and name in _UNUSED[kind]:
            return ""
        if name == "kind" and not text:
            _refuse("CAMPO_OBBLIGATORIO")
        return text or cls.model_fields[name].default

    @field_validator("*", mode="after")
    @classmethod
    def _present(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        kinds = {info.data["kind"]} if "kind" in info.data else {*CustomerKind}
        due_in_italy = info.data.get("country") == ITALY and name in _REQUIRED_IN_ITALY
        if value == "" and (due_in_italy or kinds <= _REQUIRED.get(name, frozenset())):
            _refuse("CAMPO_OBBLIGATORIO")
        return value

    @field_validator("country")
    @classmethod
    def _country(cls, value: str, info: ValidationInfo) -> str:
        country = value.upper()
        if country not in COUNTRIES or (info.data.get("kind") is CustomerKind.PUBLIC_BODY and country != ITALY):
            _refuse("NAZIONE_ERRATA")
        return country

    @field_validator("vat_number")
    @classmethod
    def _vat_number(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("kind") is CustomerKind.PRIVATE:
            _refuse("PIVA_PRIVATO")
        return _checked(check_vat_number, value, country=info.data.get("country", ITALY))

    @field_validator("tax_code")
    @classmethod
    def _tax_code(cls, value: str, info: ValidationInfo) -> str:
        person = info.data.get("kind", CustomerKind.PRIVATE) in _PERSONS
        if not person and info.data.get("country") != ITALY:
            return _compact(value)
        tax_code = _checked(check_tax_code, value, person=person)
        if tax_code and person and tax_code == info.data.get("vat_number"):
            _refuse("CF_ERRATO")
        return tax_code

    @field_validator("legal_tax_code")
    @classmethod
    def _legal_tax_code(cls, value: str) -> str:
        return _checked(check_tax_code, value, person=True)

    @field_validator("postal_code")
    @classmethod
    def _postal_code(cls, value: str, info: ValidationInfo) -> str:
        if value and info.data.get("country") == ITALY and not re.fullmatch("[0-9]{5}", value):
            _refuse("CAP_ERRATO")
        return value

    @field_validator("province")
    @classmethod
    def _province(cls, value: str, info: ValidationInfo) -> str:
        if not value or info.data.get("country") != ITALY:
            return value
        return value.upper() if value.upper() in _PROVINCES else _refuse("PROVINCIA_ERRATA")

    @field_validator("phone")
    @classmethod
    def _phone(cls, value: str, info: ValidationInfo) -> str:
        return _checked(check_mobile, value, country=info.data.get("country", ITALY))

    @field_validator("email", "sdi_pec")
    @classmethod
    def _email(cls, value: str) -> str:
        return _checked(check_email, value)

    @field_validator("sdi_code")
    @classmethod
    def _sdi_code(cls, value: str, info: ValidationInfo) -> str:
        code = value.upper()
        if code and not re.fullmatch("[A-Z0-9]{7}", code):
            _refuse("SDI_ERRATO")
        due = info.data.get("kind") in _BUSINESSES and info.data.get("country") == ITALY
        answered = code or any(info.data.get(name, True) for name in ("sdi_pec", "sdi_none"))
        return code if answered or not due else _refuse("SDI_MANCANTE")

    @field_validator("office_code")
    @classmethod
    def _office_code(cls, value: str) -> str:
        if value and not re.fullmatch("[A-Z0-9]{6}", value.upper()):
            _refuse("UFFICIO_ERRATO")
        return value.upper()


def check_holder(data: Mapping[str, object]) -> tuple[Holder | None, dict[str, str]]:
    """The holder that a form describes, or None and what is wrong: form field -> error code, all of it at once.

    `data` may hold anything; fields of other forms are passed over.
    """
    try:
        return Holder.model_validate(dict(data)), {}
    except ValidationError as error:
        return None, {str(problem["loc"][0]): _code(problem) for problem in error.errors()}


def warnings(holder: Holder, *, today: date, pec_domains: Collection[str] = ()) -> dict[str, str]:
    """What a holder should look at again, as field -> code; it never blocks.

    `CF_MINORENNE` (the code's two-digit year is read as the latest that is not in the future), `CF_NOME` (the code
    does not agree with the name), `EMAIL_PEC` (the reference address looks certified, or is in one of `pec_domains`).
    """
    found = {}
    if holder.kind in _PERSONS and len(holder.tax_code) == 16:
        if relativedelta(today, _latest_birth(holder.tax_code, today)).years < ADULT_YEARS:
            found["tax_code"] = "CF_MINORENNE"
        elif not _agrees(holder.tax_code, holder.first_name, holder.last_name):
            found["tax_code"] = "CF_NOME"
    if len(holder.legal_tax_code) == 16 and not _agrees(
        holder.legal_tax_code, holder.legal_first_name, holder.legal_last_name
    ):
        found["legal_tax_code"] = "CF_NOME"
    if looks_certified(holder.email, pec_domains):
        found["email"] = "EMAIL_PEC"
    return found


def check_tax_code(text: str, *, person: bool) -> tuple[str, str | None]:
    """A codice fiscale without spaces and in upper case, and what is wrong with it or None.

    A person's has 16 characters (omocodia included) or is a provisional one of 11 digits; a body's has 11 digits. The
    check character and the date of birth are verified; that the code was ever given to anybody cannot be.
    """
    code = re.sub(r"^IT(?=\d{11}$)", "", _compact(text))
    wrong = "CF_ERRATO" if person else "CF_ENTE_ERRATO"
    try:
        stdnum.it.codicefiscale.validate(code)
    except stdnum.exceptions.ValidationError:
        return code, wrong
    if len(code) == 16 and not (person and _birth_day(code)):
        return code, wrong
    return code, None


def check_vat_number(text: str, *, country: str = ITALY) -> tuple[str, str | None]:
    """A VAT number of a customer in `country`, normalised, and what is wrong with it or None.

    Italian: 11 digits, without `IT`. Elsewhere in the EU: by that state's rules, with its prefix; whether it is in
    VIES is another question. Anywhere else: up to 28 letters and digits.
    """
    number = _compact(text)
    if country == ITALY:
        return _standard(stdnum.it.iva.validate, number, "PIVA_ERRATA")
    if country.lower() in stdnum.eu.vat.MEMBER_STATES or country == "GR":
        prefix = "EL" if country == "GR" else country
        return _standard(
            stdnum.eu.vat.validate, prefix + number.removeprefix(country).removeprefix(prefix), "PIVA_ESTERA_ERRATA"
        )
    return number, None if re.fullmatch("[A-Z0-9]{2,28}", number) else "PIVA_ESTERA_ERRATA"


def check_email(text: str) -> tuple[str, str | None]:
    """An e-mail address, normalised, and what is wrong with it or None. Nothing is asked of the network.

    Names under `.test` are accepted: whether an address can be reached is settled by the link that is sent to it.
    """
    try:
        found = email_validator.validate_email(
            text.strip(), allow_smtputf8=False, check_deliverability=False, test_environment=True
        )
    except email_validator.EmailNotValidError:
        return text, "EMAIL_ERRATA"
    return found.normalized, None if "." in found.domain else "EMAIL_ERRATA"


def check_mobile(text: str, *, country: str = ITALY) -> tuple[str, str | None]:
    """A mobile number in E.164, and what is wrong with it or None; without a prefix it is one of `country`."""
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return text, "TELEFONO_ERRATO"
    mobile = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE}
    if not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in mobile:
        return text, "TELEFONO_ERRATO"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None


def check_domain(text: str) -> tuple[str, str | None]:
    """An Internet domain in lower case, and what is wrong with it or None."""
    address, wrong = check_email(f"postmaster@{text.strip()}")
    return (text, "DOMINIO_ERRATO") if wrong else (address.partition("@")[2], None)


def check_local_part(text: str) -> tuple[str, str | None]:
    """A new mailbox's name in lower case, and what is wrong with it or None.

    1 to 64 of a-z, 0-9, dot, dash, underscore; no dot first, last or twice in a row (`NOME_ERRATO`). Names that mail
    systems reserve are taken (`NOME_NON_DISP`).
    """
    name = text.strip().lower()
    if len(name) > 64 or not re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", name):
        return name, "NOME_ERRATO"
    return name, "NOME_NON_DISP" if name in _RESERVED_NAMES else None


def looks_certified(email: str, pec_domains: Collection[str] = ()) -> bool:
    """Whether an address is likely to be a PEC: a guess from its domain, good for a warning only."""
    domain = email.rpartition("@")[2].lower()
    return domain in pec_domains or any(_PEC_LABEL.fullmatch(label) for label in domain.split("."))


def mask_tax_code(tax_code: str) -> str:
    """A codice fiscale for pages that need not show it: its first three characters and the last."""
    return f"{tax_code[:3]}{'•' * max(len(tax_code) - 4, 0)}{tax_code[-1:]}" if len(tax_code) > 4 else "•" * 4


def mask_email(email: str) -> str:
    """An address for pages that need not show it, like `m•••@d•••.it`; lengths are hidden too."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain[:1]}•••.{domain.rpartition('.')[2]}"


def new_order_number(random_digits: str) -> str:
    """An order number of 10 digits: the 9 `random_digits` (drawn by the caller) and their Luhn check digit."""
    if not re.fullmatch("[0-9]{9}", random_digits):
        raise ValueError("an order number is made from nine digits")
    return random_digits + stdnum.luhn.calc_check_digit(random_digits)


def is_order_number(text: str) -> bool:
    """Whether `text` has the form of an order number; it says nothing of there being such an order."""
    return bool(re.fullmatch(f"[0-9]{{{ORDER_NUMBER_DIGITS}}}", text)) and stdnum.luhn.is_valid(text)


def _refuse(code: str) -> Any:
    raise PydanticCustomError("rule", "{code}", {"code": code})


def _checked(check: Callable[..., tuple[str, str | None]], value: str, **known: object) -> str:
    """`value` normalised by `check`; nothing at all is for `_present` to judge."""
    if not value:
        return value
    normal, wrong = check(value, **known)
    return _refuse(wrong) if wrong else normal


def _code(problem: ErrorDetails) -> str:
    """The code of the rule that was broken; the rest (a kind, a channel or a tick that is none) is not a free text."""
    match problem["type"]:
        case "rule":
            return problem["msg"]
        case "missing":
            return "CAMPO_OBBLIGATORIO"
        case _:
            return "CAMPO_SCELTA"


def _text(value: object, most: int) -> str:
    """`value` as one line of clean text; no control or invisible characters, at most `most` long."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return _refuse("CAMPO_SCELTA")
    if len(value) > most:
        return _refuse("CAMPO_LUNGO")
    text = unicodedata.normalize("NFC", value).strip()
    if any(unicodedata.category(character)[0] == "C" for character in text):
        return _refuse("CAMPO_CARATTERI")
    return " ".join(text.split())


def _compact(text: str) -> str:
    return re.sub(r"[\s.-]", "", text).upper()


def _standard(validate: Callable[[str], str], number: str, wrong: str) -> tuple[str, str | None]:
    try:
        return validate(number), None
    except stdnum.exceptions.ValidationError:
        return number, wrong


def _birth_day(tax_code: str) -> int:
    """The day of birth, 0 where it is none: the library takes 81 for 1."""
    day = int(tax_code[9:11].translate(_OMOCODIA))
    day -= 40 if day > 40 else 0
    return day if 1 <= day <= 31 else 0


def _latest_birth(tax_code: str, today: date) -> date:
    """The latest date of birth, not after `today`, that the code can mean."""
    born = stdnum.it.codicefiscale.get_birth_date(tax_code, minyear=today.year - 99)
    return born if born <= today else born - relativedelta(years=100)


def _agrees(tax_code: str, first_name: str, last_name: str) -> bool:
    expected = codicefiscale.encode_lastname(last_name) + codicefiscale.encode_firstname(first_name)
    return tax_code[:6] == expected.upper()
