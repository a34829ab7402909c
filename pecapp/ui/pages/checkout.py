"""The wizard: six steps, each with its own address, the order's summary always in sight."""

from typing import Any

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import feedback, sums, wizard
from pecapp.ui.pages.checkout_steps import account, billing, configure, form, holder, service
from pecapp.ui.states import checkout

ROUTE = checkout.ADDRESS
TITLE_KEY = "wiz.title"
ON_LOAD = checkout.Checkout.load

STEPS = {
    "service": service.step,
    "account": account.step,
    "configure": configure.step,
    "holder": holder.step,
    "billing": billing.step,
    "form": form.step,
}
State: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The step of the address beside what has been chosen so far."""
    return layout.page(
        rx.cond(_configured(), _stepper(*STEPS), _stepper(*(name for name in STEPS if name != "configure"))),
        wizard.beside(
            rx.el.div(
                rx.el.div(
                    rx.el.h1(_title(), id=checkout.HEADING, tab_index=-1, class_name="title"),
                    rx.el.p(text.choose("wiz.lead", State.step), class_name="lead"),
                ),
                feedback.loaded(State.ready, _step(), lines=6),
                class_name="stack stack--wide",
            ),
            _summary(),
            title=text.t("wiz.basket"),
            total=State.basket.totals.gross,
            note=text.t("wiz.with_vat"),
        ),
        here=ROUTE,
    )


def _title() -> rx.Var[str]:
    return text.choose("wiz.step", State.step)


def _stepper(*names: str) -> rx.Component:
    return wizard.stepper([(text.t(f"wiz.step.{name}"), f"{ROUTE}?passo={name}") for name in names], State.position)


def _configured() -> rx.Var[bool]:
    """Whether the product has something to configure; all steps are shown while nothing is chosen."""
    return State.basket.steps.contains("configure") | (State.basket.product == "")


def _step() -> rx.Component:
    return rx.match(State.step, *((name, draw()) for name, draw in STEPS.items()), rx.fragment())  # pyright: ignore[reportReturnType]  (components in, component out)


def _summary() -> rx.Component:
    basket = State.basket
    return rx.cond(
        basket.product != "",
        rx.el.div(
            sums.of(basket.lines, basket.totals),
            rx.cond(basket.promotion != "", rx.el.p(basket.promotion, class_name="hint"), rx.fragment()),
            rx.cond(basket.renewal != "", rx.el.p(basket.renewal, class_name="hint"), rx.fragment()),
            class_name="stack",
        ),
        rx.el.p(text.t("wiz.empty"), class_name="hint"),
    )
