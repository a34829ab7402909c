"""`/metodi-di-pagamento/nuovo`: what keeping a card or account will do, before the bank's or PayPal's own page."""

from typing import Any

import reflex as rx

from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, feedback, forms, means
from pecapp.ui.pages import methods, service
from pecapp.ui.states import new_method as states

ROUTE = methods.NEW
TITLE_KEY = "method.new.title"
ON_LOAD = states.NewMethod.load
State: Any = states.NewMethod
"""Its vars are variables of the page here; a type checker sees the values they will have."""
PLAN = State.plan


def page() -> rx.Component:
    """One question, what follows from it, and the consent; the method's data are asked for by its gateway only."""
    return layout.page(
        feedback.loaded(
            State.ready & (State.asked == address.asked("sostituisce")),
            rx.cond(State.found, rx.fragment(_head(), _form()), _missing()),
            lines=6,
        ),
        here=methods.ROUTE,
        width="form",
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1(text.t("method.new.missing"), class_name="title"),
        rx.el.p(text.t("method.new.missing_text"), class_name="lead"),
        buttons.bar(buttons.link_button(text.t("method.new.list"), href=methods.ROUTE, look="primary")),
        class_name="stack",
    )


def _head() -> rx.Component:
    replacing = PLAN.replaces != ""
    replace = text.t("method.replace_which", means=PLAN.replaces)
    instead = text.t("method.new.replaces", means=PLAN.replaces)
    return rx.el.div(
        service.back(text.t("method.back"), methods.ROUTE),
        rx.el.h1(rx.cond(replacing, replace, text.t(TITLE_KEY)), class_name="title"),
        rx.el.p(rx.cond(replacing, instead, text.t("method.new.lead")), class_name="lead"),
        class_name="page-head",
    )


def _form() -> rx.Component:
    card = forms.Option("stripe", text.t("method.new.card"), text.t("method.new.card_detail"), icon="credit_card")
    paypal = forms.Option("paypal", text.t("method.new.paypal"), text.t("method.new.paypal_detail"), icon="wallet")
    authorises = PLAN.ceiling.amount != ""

    def choice(*options: forms.Option) -> rx.Component:
        return forms.radio_cards("gateway", text.t("method.new.kind"), options, errors=State.errors)

    return forms.form(
        forms.error_summary(
            State.errors, [("gateway", text.t("method.new.kind")), ("consent", text.t("method.new.consent"))]
        ),
        rx.cond(PLAN.gateways.contains("paypal"), choice(card, paypal), choice(card)),
        rx.cond(authorises, means.ceiling(PLAN.ceiling), rx.fragment()),
        _next(),
        forms.checkbox("consent", PLAN.consent, errors=State.errors),
        rx.el.input(type="hidden", name="ceiling", value=PLAN.ceiling.amount),
        rx.el.div(
            rx.cond(State.problem != "", feedback.callout(None, rx.el.p(State.problem), tone="problem")), role="alert"
        ),
        buttons.bar(
            buttons.submit(
                rx.cond(authorises, text.t("method.new.authorise"), text.t("act.continue")),
                icon="lock",
                busy=State.going,
            ),
            buttons.link_button(text.t("method.new.back"), href=methods.ROUTE, look="quiet"),
        ),
        on_submit=State.begin,
    )


def _next() -> rx.Component:
    """Where the data are typed, who may ask for a confirmation, that no money moves, and what becomes of renewals."""
    replacing = rx.cond(
        PLAN.moved.length() > 0,
        text.t("method.new.next_moved"),
        text.t("method.new.next_none", means=PLAN.replaces),
    )
    adding = rx.cond(PLAN.ceiling.amount != "", rx.el.li(text.t("method.new.next_add")), rx.fragment())
    return forms.section(
        text.t("method.new.next"),
        rx.el.ul(
            rx.el.li(text.t("method.new.next_page")),
            rx.el.li(text.t("method.new.next_confirm")),
            rx.el.li(text.t("method.new.next_nothing")),
            rx.cond(PLAN.replaces != "", rx.el.li(replacing), adding),
            class_name="consequences",
        ),
    )
