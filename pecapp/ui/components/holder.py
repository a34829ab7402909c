"""The holder's data as form fields: which ones are asked of which kind of customer (domain rules 3.1, step 1)."""

from functools import cache

import reflex as rx
from babel import Locale
from reflex.event import EventType

from pecapp import i18n
from pecapp.domain import identity
from pecapp.ui import text
from pecapp.ui.components import forms

Kind = identity.CustomerKind

Values = rx.vars.ObjectVar[dict[str, str]]
"""What a field starts with, by its name."""

_PEOPLE = (Kind.PRIVATE, Kind.SOLE_TRADER, Kind.PROFESSIONAL, Kind.PUBLIC_BODY)
_NAMED = tuple(kind for kind in Kind if kind is not Kind.PRIVATE)
_REPRESENTED = (Kind.COMPANY, Kind.SOLE_TRADER, Kind.PUBLIC_BODY)
_INVOICED = tuple(kind for kind in Kind if kind is not Kind.PUBLIC_BODY)
_NAMES = (
    "kind company_name first_name last_name tax_code vat_number legal_first_name legal_last_name legal_tax_code "
    "country address postal_code city province phone email sdi_code sdi_pec sdi_none office_code notice_channel"
).split()


def labels() -> list[tuple[str, text.Words]]:
    """Name and label of every field, in the order of the form: for the summary of errors."""
    return [(name, text.t(f"holder.{name}")) for name in _NAMES]


def fields(
    errors: forms.Errors,
    values: Values,
    kind: rx.Var[str],
    on_kind: EventType,
    *,
    invoicing: bool = True,
) -> rx.Component:
    """All the fields, starting with `values`. Those that do not apply to `kind` are hidden and keep what was typed.

    `on_kind` gets the kind of customer when it is chosen. `invoicing=False` leaves out what the invoice needs.
    """
    return rx.fragment(
        forms.section(
            text.t("holder.who"),
            forms.select_field(
                "kind",
                text.t("holder.kind"),
                [(one.value, text.t(f"holder.kind.{one.value}")) for one in Kind],
                errors=errors,
                value=kind,
                on_change=on_kind,
            ),
            _only(_NAMED, kind, _text("company_name", errors, values, auto_complete="organization")),
            _only(
                _PEOPLE,
                kind,
                forms.row(
                    _text("first_name", errors, values, auto_complete="given-name"),
                    _text("last_name", errors, values, auto_complete="family-name"),
                ),
            ),
            _text("tax_code", errors, values, auto_complete="off", auto_capitalize="characters", spell_check=False),
            _only(_NAMED, kind, _text("vat_number", errors, values, auto_complete="off")),
        ),
        _only(_REPRESENTED, kind, _representative(errors, values)),
        _address(errors, values),
        _contacts(errors, values),
        *([_invoice(errors, values, kind)] if invoicing else []),
    )


def _representative(errors: forms.Errors, values: Values) -> rx.Component:
    return forms.section(
        text.t("holder.legal"),
        forms.row(_text("legal_first_name", errors, values), _text("legal_last_name", errors, values)),
        _text("legal_tax_code", errors, values, auto_capitalize="characters", spell_check=False),
    )


def _address(errors: forms.Errors, values: Values) -> rx.Component:
    return forms.section(
        text.t("holder.where"),
        forms.select_field(
            "country",
            text.t("holder.country"),
            _countries(),
            errors=errors,
            default_value=rx.cond(values.contains("country"), values["country"], identity.ITALY),
            auto_complete="country",
        ),
        _text("address", errors, values, auto_complete="street-address"),
        forms.row(
            _text("postal_code", errors, values, auto_complete="postal-code"),
            _text("city", errors, values, auto_complete="address-level2"),
            _text("province", errors, values, auto_complete="address-level1"),
        ),
    )


def _contacts(errors: forms.Errors, values: Values) -> rx.Component:
    return forms.section(
        text.t("holder.reach"),
        _text("phone", errors, values, type="tel", auto_complete="tel"),
        _text("email", errors, values, hint=text.t("holder.email.hint"), type="email", auto_complete="email"),
        forms.select_field(
            "notice_channel",
            text.t("holder.notice_channel"),
            [(one.value, text.t(f"holder.notice_channel.{one.value}")) for one in identity.NoticeChannel],
            errors=errors,
            default_value=values["notice_channel"],
        ),
    )


def _invoice(errors: forms.Errors, values: Values, kind: rx.Var[str]) -> rx.Component:
    return forms.section(
        text.t("holder.invoice"),
        _only(
            _INVOICED,
            kind,
            _text("sdi_code", errors, values, optional=True, auto_complete="off", auto_capitalize="characters"),
            _text("sdi_pec", errors, values, optional=True, type="email", auto_complete="off"),
            forms.checkbox(
                "sdi_none",
                text.t("holder.sdi_none"),
                errors=errors,
                default_checked=values["sdi_none"] == "yes",
            ),
        ),
        _only((Kind.PUBLIC_BODY,), kind, _text("office_code", errors, values, auto_capitalize="characters")),
    )


def _text(name: str, errors: forms.Errors, values: Values, **props: object) -> rx.Component:
    return forms.text_field(name, text.t(f"holder.{name}"), errors=errors, default_value=values[name], **props)  # pyright: ignore[reportArgumentType]  (props are the element's)


def _only(kinds: tuple[Kind, ...], kind: rx.Var[str], *children: rx.Component) -> rx.Component:
    """Shown to some kinds of customers; hidden, not taken away, from the others."""
    applies = rx.Var.create([one.value for one in kinds]).contains(kind)
    return rx.el.div(*children, hidden=~applies, class_name="stack")


@cache
def _countries() -> list[tuple[text.Words, text.Words]]:
    """Every country in both languages, Italy first, the others by their Italian names."""
    names = {lang: Locale(lang).territories for lang in i18n.LANGS}
    ordered = sorted(identity.COUNTRIES, key=lambda code: (code != identity.ITALY, names["it"][code]))
    return [(code, text.either(names["it"][code], names["en"][code])) for code in ordered]
