"""«Dati intestatario»: confirm or correct the account's holder, and say for whom the service is."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, data, feedback, forms
from pecapp.ui.components import holder as fields
from pecapp.ui.pages.checkout_steps import frame
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

KNOWN = Checkout.holder.fields
OTHER = ("other_first_name", "other_last_name", "other_tax_code")


def step() -> rx.Component:
    """The data as they are; the fields open when they have to be corrected, and are sent even while closed."""
    return forms.form(
        frame.problems(*fields.labels(), *[(name, text.t(f"wiz.{name}")) for name in OTHER]),
        feedback.callout(None, rx.el.p(text.t("wiz.holder.mail", email=Checkout.holder.email)), tone="warning"),
        rx.el.div(_shown(), hidden=Checkout.correcting),
        rx.el.div(
            fields.fields(Checkout.errors, KNOWN, Checkout.kind, Checkout.choose_kind, invoicing=False),
            hidden=~Checkout.correcting,
            class_name="stack stack--wide",
        ),
        _service_holder(),
        frame.actions(),
        on_submit=Checkout.confirm_holder,
    )


def _shown() -> rx.Component:
    place = rx.el.span(KNOWN["postal_code"], " ", KNOWN["city"], " ", KNOWN["province"])
    return forms.section(
        text.t("wiz.holder.account"),
        data.facts(
            (text.t("wiz.holder.name"), Checkout.holder.display_name),
            (text.t("holder.kind"), text.choose("holder.kind", KNOWN["kind"])),
            (text.t("holder.tax_code"), KNOWN["tax_code"]),
        ),
        rx.cond(
            KNOWN["vat_number"] != "",
            data.facts((text.t("holder.vat_number"), KNOWN["vat_number"])),
            rx.fragment(),
        ),
        data.facts(
            (text.t("holder.address"), rx.el.span(KNOWN["address"], ", ", place)),
            (text.t("holder.phone"), KNOWN["phone"]),
            (text.t("holder.email"), Checkout.holder.email),
        ),
        buttons.bar(buttons.button(text.t("wiz.holder.correct"), icon="pencil", small=True, on_click=Checkout.correct)),
    )


def _service_holder() -> rx.Component:
    same = forms.Option("same", text.t("wiz.holder.same"), text.t("wiz.holder.same_detail"), icon="user")
    other = forms.Option("other", text.t("wiz.holder.other"), text.t("wiz.holder.other_detail"), icon="users")
    first, last, tax_code = (
        forms.text_field(
            name, text.t(f"wiz.{name}"), errors=Checkout.errors, default_value=KNOWN[name], auto_complete="off"
        )
        for name in OTHER
    )
    return forms.section(
        text.t("wiz.holder.whose"),
        forms.radio_cards(
            "service_holder",
            text.t("wiz.holder.of_service"),
            [same, other],
            value=rx.cond(Checkout.elsewhere, "other", "same"),
            on_change=Checkout.assign,
        ),
        rx.cond(Checkout.elsewhere, rx.el.div(forms.row(first, last), tax_code, class_name="stack"), rx.fragment()),
    )
