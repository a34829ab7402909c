"""«Scegli il servizio»: plan, quantity, add-ons and code, with what it all costs and how it can be paid."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import text
from pecapp.ui.components import buttons, feedback, forms, means
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

CODE_FORM = "codice"


def step() -> rx.Component:
    """Everything of the choice on one screen; nothing is chosen that the customer has not clicked."""
    return rx.el.div(
        _problems(),
        rx.el.fieldset(
            rx.el.legend(text.t("wiz.plan"), class_name="field__label"),
            rx.el.div(rx.foreach(Checkout.plans, _plan), class_name="choices plans"),
            class_name="field",
        ),
        rx.cond(Checkout.basket.product != "", _chosen(), rx.fragment()),
        class_name="stack stack--wide",
    )


def code_field(label: text.Words) -> rx.Component:
    """A code and its «Ok». The field belongs to a form of its own, so that Enter in it orders nothing."""
    entry = forms.text_field(
        "code",
        label,
        errors=Checkout.errors,
        required=False,
        default_value=Checkout.basket.totals.discount_code,
        auto_complete="off",
        custom_attrs={"form": CODE_FORM, "autoCapitalize": "characters", "spellCheck": False},
    )
    accept = buttons.button(text.t("wiz.code.ok"), type="submit", custom_attrs={"form": CODE_FORM})
    said = rx.cond(Checkout.basket.totals.discount_code != "", text.t("wiz.code.taken"), "")
    return rx.el.div(
        rx.el.div(entry, accept, class_name="code-field"),
        rx.el.p(said, role="status", class_name="hint"),
    )


def code_form() -> rx.Component:
    """The form that `code_field` belongs to; stands outside every other form."""
    return rx.el.form(id=CODE_FORM, on_submit=Checkout.apply_code, no_validate=True, reset_on_submit=False)


def _problems() -> rx.Component:
    fields = [
        ("quantity", text.t("wiz.quantity")),
        ("addons", text.t("wiz.addons")),
        ("code", text.t("wiz.code.agreement")),
    ]
    return forms.error_summary(Checkout.errors, fields)


def _plan(plan: views.ProductView) -> rx.Component:
    base = f"plan-{plan.code}"
    year = rx.cond(plan.period == "year", text.t("wiz.per_year"), text.t("wiz.once"))
    return rx.el.label(
        rx.el.input(
            type="radio",
            name="product",
            value=plan.code,
            id=base,
            default_checked=plan.code == Checkout.basket.product,
            on_change=Checkout.pick,
            class_name="choice__input",
            aria_labelledby=f"{base}-title",
            aria_describedby=f"{base}-detail",
        ),
        rx.el.span(
            rx.el.span(plan.name, id=f"{base}-title", class_name="choice__title"),
            rx.el.span(
                plan.summary,
                rx.cond(plan.promotion != "", rx.fragment(" ", rx.el.strong(plan.promotion)), rx.fragment()),
                rx.cond(plan.renewal != "", rx.fragment(" ", plan.renewal), rx.fragment()),
                id=f"{base}-detail",
                class_name="choice__detail",
            ),
            class_name="choice__body",
        ),
        rx.el.span(
            rx.cond(
                plan.ordinary_gross != "",
                rx.el.s(rx.el.span(text.t("wiz.ordinary"), " ", class_name="sr-only"), plan.ordinary_gross),
                rx.fragment(),
            ),
            rx.el.strong(plan.gross, class_name="price"),
            rx.el.small(year),
            rx.el.small(text.t("wiz.net", net=plan.net), class_name="price__net"),
            class_name="choice__aside price-block",
        ),
        html_for=base,
        class_name="choice",
    )


def _chosen() -> rx.Component:
    many = forms.number_stepper(
        "quantity",
        text.t("wiz.quantity"),
        value=Checkout.basket.quantity,
        low=1,
        high=Checkout.basket.quantity_max,
        on_change=Checkout.set_quantity,
        errors=Checkout.errors,
    )
    return rx.el.div(
        rx.cond(Checkout.basket.quantity_max > 1, many, rx.fragment()),
        rx.cond(Checkout.basket.addons.length() > 0, _addons(), rx.fragment()),
        code_form(),
        code_field(text.t("wiz.code.agreement")),
        rx.cond(
            Checkout.basket.renewal != "",
            feedback.callout(None, rx.el.p(Checkout.basket.renewal), rx.el.p(text.t("wiz.renewal_choice"))),
            rx.fragment(),
        ),
        means.accepted(Checkout.methods),
        buttons.bar(
            buttons.button(text.t("wiz.proceed"), look="primary", icon_after="arrow_right", on_click=Checkout.proceed)
        ),
        class_name="stack stack--wide",
    )


def _addons() -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t("wiz.addons"), class_name="form__title"),
        rx.el.p(text.t("wiz.addons_hint"), class_name="form__note"),
        rx.foreach(Checkout.basket.addons, _addon),
        rx.cond(
            Checkout.errors.contains("addons"),
            rx.el.p(Checkout.errors["addons"], class_name="field__error"),
            rx.fragment(),
        ),
        id="addons",
        tab_index=-1,
        class_name="form__section",
    )


def _addon(addon: Any) -> rx.Component:
    """One `views.AddonView`."""
    return forms.number_stepper(
        f"addon-{addon.code}",
        addon.name,
        value=addon.quantity,
        low=0,
        high=addon.quantity_max,
        on_change=_adds(addon.code),
        hint=text.t("wiz.addon_price", net=addon.price),
    )


def _adds(code: str) -> Any:
    return lambda number: Checkout.set_addon(code, number)
