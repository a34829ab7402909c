"""«Accedi o registrati»: the basket stays through both."""

from typing import Any
from urllib.parse import quote

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, feedback
from pecapp.ui.pages import sign_in
from pecapp.ui.states import checkout, visitor

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

AFTERWARDS = "/ordine?passo=configure"
"""Where sign-in and registration lead back to; products without configuration go on from there by themselves."""


def step() -> rx.Component:
    """Both ways, side by side; whoever is signed in only goes on."""
    return rx.cond(visitor.Visitor.signed_in, _known(), _unknown())


def _known() -> rx.Component:
    return rx.el.div(
        feedback.callout(None, rx.el.p(text.t("wiz.account.known", name=visitor.Visitor.name)), tone="success"),
        buttons.bar(
            buttons.button(text.t("act.continue"), look="primary", icon_after="arrow_right", on_click=Checkout.proceed),
            buttons.link_button(text.t("act.back"), href=Checkout.back, look="quiet", icon="arrow_left"),
        ),
    )


def _unknown() -> rx.Component:
    newcomer = rx.el.section(
        rx.el.h2(text.t("access.newcomer"), class_name="card__title"),
        rx.el.p(text.t("access.newcomer.text")),
        buttons.bar(
            buttons.link_button(text.t("access.register"), href=f"/registrati?next={quote(AFTERWARDS, safe='')}")
        ),
        class_name="card stack",
    )
    return rx.el.div(
        sign_in.customer(AFTERWARDS),
        newcomer,
        buttons.bar(buttons.link_button(text.t("act.back"), href=Checkout.back, look="quiet", icon="arrow_left")),
        class_name="stack stack--wide",
    )
