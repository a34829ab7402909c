"""«Servizi»: what can be bought, with prices that include IVA."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, feedback, status
from pecapp.ui.states import catalog

ROUTE = "/servizi"
TITLE_KEY = "shop.title"
ON_LOAD = catalog.Catalog.load
State: Any = catalog.Catalog
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """The shelves; each card leads into an order of that product and of nothing else."""
    return layout.page(
        feedback.loaded(State.ready, rx.foreach(State.shelves, _shelf), lines=8),
        rx.el.p(text.t("shop.note"), class_name="hint"),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("shop.lead"),
    )


def _shelf(shelf: catalog.Shelf) -> rx.Component:
    heading = f"reparto-{shelf.name}"
    return rx.el.section(
        rx.el.div(
            rx.el.h2(text.choose("shop.shelf", shelf.name), id=heading, class_name="shelf__title"),
            rx.el.p(text.choose("shop.about", shelf.name), class_name="hint"),
        ),
        rx.el.ul(rx.foreach(shelf.products, _card), class_name="plans-grid"),
        aria_labelledby=heading,
        class_name="shelf",
    )


def _card(product: views.ProductView) -> rx.Component:
    return rx.el.li(
        rx.el.h3(product.name, class_name="card__title"),
        rx.el.p(product.summary, class_name="plan__summary"),
        rx.cond(product.promotion != "", _promotion(product), rx.fragment()),
        rx.el.div(_price(product), class_name="plan__price"),
        rx.cond(product.renewal != "", rx.el.p(product.renewal, class_name="hint"), rx.fragment()),
        buttons.link_button(
            text.t("shop.order"),
            href=f"/ordine?prodotto={product.code}",
            aria_describedby=f"prezzo-{product.code}",
            aria_label=text.t("shop.order_named", name=product.name),
        ),
        class_name="card plan",
    )


def _promotion(product: views.ProductView) -> rx.Component:
    return rx.el.p(status.tag(product.promotion, icon="tag", tone="progress"))


def _price(product: views.ProductView) -> rx.Component:
    return rx.el.p(
        rx.cond(
            product.ordinary_gross != "",
            rx.el.span(
                rx.el.span(text.t("shop.ordinary"), " "), rx.el.s(product.ordinary_gross), class_name="plan__ordinary"
            ),
            rx.fragment(),
        ),
        rx.el.strong(product.gross, class_name="plan__gross"),
        rx.el.span(
            rx.cond(product.period == "year", text.t("shop.per_year"), text.t("shop.once")), class_name="plan__period"
        ),
        rx.el.span(text.t("shop.net", net=product.net), class_name="hint"),
        id=f"prezzo-{product.code}",
    )
