"""What the steps of the wizard have in common: the summary of errors and the way on and back."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, forms
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def problems(*fields: tuple[str, text.Words]) -> rx.Component:
    """What is wrong in this step, each a link to its field."""
    return forms.error_summary(Checkout.errors, fields)


def actions() -> rx.Component:
    """«Prosegui», and the way back; nothing that was typed is lost on either."""
    return buttons.bar(
        buttons.submit(text.t("act.continue"), icon_after="arrow_right"),
        buttons.link_button(text.t("act.back"), href=Checkout.back, look="quiet", icon="arrow_left"),
    )
