"""«Dati fatturazione»: who gets the invoice and where the parcel goes."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, data, forms
from pecapp.ui.pages.checkout_steps import frame
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

FIELDS = Checkout.holder.fields


def step() -> rx.Component:
    """The invoice goes to the account's holder; bodies say where it reaches them, parcels need an address."""
    return forms.form(
        _problems(),
        forms.section(
            text.t("wiz.invoice"),
            data.facts(
                (text.t("wiz.holder.name"), Checkout.holder.display_name),
                (text.t("holder.tax_code"), FIELDS["tax_code"]),
                (text.t("holder.address"), _address()),
                (text.t("holder.email"), Checkout.holder.email),
            ),
            rx.el.p(buttons.link(text.t("wiz.invoice.change"), href="/ordine?passo=holder")),
        ),
        _reach(),
        rx.cond(Checkout.basket.needs_shipping, _shipping(), rx.fragment()),
        frame.actions(),
        on_submit=Checkout.confirm_billing,
    )


def _problems() -> rx.Component:
    reach = [(name, text.t(f"holder.{name}")) for name in ("sdi_code", "sdi_pec", "sdi_none", "office_code")]
    return frame.problems(*reach, *[(name, text.t(f"wiz.{name}")) for name in SHIPPING])


SHIPPING = {
    "shipping_name": {"auto_complete": "shipping name"},
    "shipping_address": {"auto_complete": "shipping street-address"},
    "shipping_postal_code": {"auto_complete": "shipping postal-code", "input_mode": "numeric", "max_length": 5},
    "shipping_city": {"auto_complete": "shipping address-level2"},
    "shipping_province": {"auto_complete": "shipping address-level1", "max_length": 2},
}
"""Fields of the address for the parcel and what the browser may fill them with."""


def _address() -> rx.Component:
    place = rx.el.span(FIELDS["postal_code"], " ", FIELDS["city"], " ", FIELDS["province"])
    return rx.el.span(FIELDS["address"], ", ", place)


def _entry(name: str, **props: Any) -> rx.Component:
    area = "wiz" if name in SHIPPING else "holder"
    return forms.text_field(name, text.t(f"{area}.{name}"), errors=Checkout.errors, default_value=FIELDS[name], **props)


def _reach() -> rx.Component:
    """Where the electronic invoice is sent, as the kind of customer has it."""
    return rx.match(  # pyright: ignore[reportReturnType]  (components in, component out)
        FIELDS["kind"],
        ("public_body", forms.section(text.t("wiz.sdi"), _office_code())),
        ("private", forms.section(text.t("wiz.sdi"), *_private_reach(), hint=text.t("wiz.sdi_private_hint"))),
        forms.section(text.t("wiz.sdi"), *_business_reach(), hint=text.t("wiz.sdi_hint")),
    )


def _office_code() -> rx.Component:
    return _entry("office_code", hint=text.t("wiz.office_code_hint"), auto_complete="off", max_length=6)


def _private_reach() -> list[rx.Component]:
    return [
        forms.row(
            _entry("sdi_code", optional=True, auto_complete="off", max_length=7),
            _entry("sdi_pec", optional=True, type="email", auto_complete="off"),
        )
    ]


def _business_reach() -> list[rx.Component]:
    nothing = forms.checkbox(
        "sdi_none", text.t("holder.sdi_none"), errors=Checkout.errors, default_checked=FIELDS["sdi_none"] == "yes"
    )
    return [
        forms.row(
            _entry("sdi_code", required=False, auto_complete="off", max_length=7),
            _entry("sdi_pec", required=False, type="email", auto_complete="off"),
        ),
        nothing,
    ]


def _shipping() -> rx.Component:
    name, address, postal_code, city, province = (_entry(field, **props) for field, props in SHIPPING.items())
    return forms.section(
        text.t("wiz.shipping"), name, address, forms.row(postal_code, city, province), hint=text.t("wiz.shipping_hint")
    )
