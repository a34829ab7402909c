"""Means of payment: which one, and what is accepted."""

from typing import Any

import reflex as rx
from reflex.event import EventType

from pecapp.ui import text
from pecapp.ui.components import forms, icons

CIRCUITS = ("Visa", "MasterCard", "Carta Sì", "Visa Electron", "Maestro")


def choice(
    methods: Any,
    *,
    value: rx.Var[str],
    errors: forms.Errors | None = None,
    on_change: EventType | None = None,
    name: str = "gateway",
) -> rx.Component:
    """«Modalità di pagamento» among `methods`, a variable list of gateways; none is chosen unless `value` says so."""
    card = forms.Option("stripe", text.t("means.stripe"), text.t("means.stripe_detail"), icon="credit_card")
    paypal = forms.Option("paypal", text.t("means.paypal"), text.t("means.paypal_detail"), icon="wallet")

    def draw(*options: forms.Option) -> rx.Component:
        return forms.radio_cards(name, text.t("means.title"), options, errors=errors, value=value, on_change=on_change)

    return rx.cond(methods.contains("paypal"), draw(card, paypal), draw(card))


def accepted(methods: Any) -> rx.Component:
    """What is accepted through `methods`, said before the order begins."""
    names = [rx.el.li(name, class_name="circuit") for name in CIRCUITS]
    paypal = rx.cond(methods.contains("paypal"), rx.el.li("PayPal", class_name="circuit"))
    return rx.el.section(
        rx.el.h2(icons.icon("credit_card"), text.t("means.accepted"), class_name="means__title"),
        rx.el.ul(*names, paypal, class_name="circuits"),
        rx.el.p(text.t("means.note"), class_name="hint"),
        class_name="means",
    )
