"""`/paga`, «Paga subito un ordine»: one question, one summary, then the bank."""

from typing import Any

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, feedback, forms, means
from pecapp.ui.states import quick as states

ROUTE = "/paga"
TITLE_KEY = "quick.title"
ON_LOAD = states.Quick.load
State: Any = states.Quick
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """Number and means; then only what a payer has to see: number, products, total, note."""
    return layout.page(
        feedback.loaded(State.ready, rx.cond(State.summary.number != "", _summary(), _question())),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("quick.lead"),
        width="form",
    )


def _question() -> rx.Component:
    return forms.form(
        forms.error_summary(State.errors, [("number", text.t("quick.number")), ("gateway", text.t("means.title"))]),
        forms.text_field(
            "number",
            text.t("quick.number"),
            errors=State.errors,
            hint=text.t("quick.number_hint"),
            default_value=State.typed["number"],
            input_mode="numeric",
            auto_complete="off",
            max_length=20,
        ),
        means.choice(State.means, value=State.typed["gateway"], errors=State.errors),
        buttons.bar(buttons.submit(text.t("quick.pay"), icon_after="arrow_right")),
        rx.el.p(text.t("quick.no_renewal"), class_name="hint"),
        on_submit=State.look,
    )


def _summary() -> rx.Component:
    summary = State.summary
    return rx.el.section(
        rx.el.h2(text.t("quick.summary"), class_name="card__title"),
        data.amount(summary.gross, text.t("ord.with_vat")),
        data.facts(
            (text.t("quick.number"), summary.number),
            (text.t("quick.products"), rx.el.ul(rx.foreach(summary.products, rx.el.li))),
        ),
        rx.el.p(summary.note, class_name="hint"),
        buttons.bar(
            buttons.button(text.t("quick.proceed"), look="primary", icon="lock", busy=State.going, on_click=State.pay),
            buttons.button(text.t("act.back"), look="quiet", icon="arrow_left", on_click=State.back),
        ),
        class_name="card stack",
    )
