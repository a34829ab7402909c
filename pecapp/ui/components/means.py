"""Means of payment: which one, how much it may be charged, and what is accepted."""

from typing import Any

import reflex as rx
from reflex.event import EventType

from pecapp.services import views
from pecapp.ui import text
from pecapp.ui.components import forms, icons

CIRCUITS = ("Visa", "MasterCard", "Carta Sì", "Visa Electron", "Maestro")


def picture(kind: text.Live, size: int = 24) -> rx.Component:
    """The icon of a `card` or a `paypal` account; the words beside it say the same."""
    return rx.cond(kind == "paypal", icons.icon("wallet", size), icons.icon("credit_card", size))


def choice(
    offered: Any,
    *,
    value: rx.Var[str],
    errors: forms.Errors | None = None,
    on_change: EventType | None = None,
    name: str = "gateway",
    title: text.Words | None = None,
) -> rx.Component:
    """«Modalità di pagamento», or `title`, among `offered`, a variable list of `views.MeansView`, kept ones first.

    None is chosen unless `value` says so.
    """
    return forms.radio_cards(
        name,
        text.t("means.title") if title is None else title,
        offered,
        each=option,
        errors=errors,
        value=value,
        on_change=on_change,
    )


def option(one: views.MeansView) -> forms.Option:
    """One means as a card to choose."""
    return forms.Option(one.value, one.title, one.detail, icon=picture(one.kind))


def ceiling(asked: Any, *, debited: text.Live = False) -> rx.Component:
    """«Importo massimo prelevabile», a variable `CeilingView`: how much, which renewal sets it, what it allows.

    That nothing is taken now is said unless a debit is `debited` at once.
    """
    dearest = rx.el.div(
        rx.el.p(text.t("ceiling.set_by", service=asked.set_by)),
        rx.el.p(text.t("ceiling.considered"), class_name="hint"),
        rx.el.ul(rx.foreach(asked.services, rx.el.li), class_name="consequences"),
        class_name="stack",
    )
    alone = rx.el.p(text.t("ceiling.alone", service=asked.set_by))
    return forms.section(
        text.t("ceiling.title"),
        rx.el.p(
            rx.el.strong(asked.amount), " ", rx.el.span(text.t("ceiling.note"), class_name="hint"), class_name="ceiling"
        ),
        rx.cond(asked.services.length() > 1, dearest, alone),
        rx.cond(debited, rx.fragment(), rx.el.p(text.t("ceiling.only"))),
        rx.el.p(rx.el.strong(text.t("acceptance.mandate", amount=asked.amount))),
    )


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
