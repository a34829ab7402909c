"""`/`: what is sold here, what is promised to who pays, how it goes on."""

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons, icons

ROUTE = "/"
TITLE_KEY = "home.title"

PROMISES = ("what", "price", "later", "stop")
SERVICES = {
    "pec": "mail",
    "invoicing": "file_text",
    "signature": "pen_line",
    "stamp": "clock",
    "spid": "id_card",
    "archive": "archive",
}
STEPS = ("order", "pay", "receipt")
TRUST = {"card": "shield_check", "choice": "list_checks", "fees": "hand_coins", "change": "undo_2"}


def page() -> rx.Component:
    """The whole page."""
    return layout.page(_opening(), _services(), _how(), _trust(), _pay_now(), here=ROUTE)


def _opening() -> rx.Component:
    """What we are, and the paper that says what everybody sees before paying."""
    promises = [
        rx.el.li(icons.icon("check"), rx.el.span(text.t(f"home.promise.{name}")), class_name="promise")
        for name in PROMISES
    ]
    return rx.el.section(
        rx.el.div(
            rx.el.h1(text.t("home.heading"), class_name="title title--display"),
            rx.el.p(text.t("home.lead"), class_name="lead"),
            buttons.bar(
                buttons.link_button(
                    text.t("home.see_services"), href="/servizi", look="primary", icon_after="arrow_right"
                ),
                buttons.link_button(text.t("nav.pay"), href="/paga"),
            ),
        ),
        rx.el.div(
            rx.el.h2(text.t("home.promise"), class_name="card__title"),
            rx.el.ul(*promises, class_name="paper__body"),
            icons.seal("seal seal--pressed"),
            class_name="paper",
        ),
        class_name="opening",
    )


def _part(name: str, *children: rx.Component) -> rx.Component:
    heading = f"home-{name}"
    return rx.el.section(
        rx.el.h2(text.t(f"home.{name}"), id=heading, class_name="part__title"),
        *children,
        aria_labelledby=heading,
        class_name="part",
    )


def _services() -> rx.Component:
    cards = [
        rx.el.li(
            icons.icon(icon, 28),
            rx.el.h3(text.t(f"home.services.{name}"), class_name="card__title"),
            rx.el.p(text.t(f"home.services.{name}_text"), class_name="tile__text"),
            class_name="card tile",
        )
        for name, icon in SERVICES.items()
    ]
    return _part(
        "services",
        rx.el.ul(*cards, class_name="grid"),
        rx.el.p(buttons.link(text.t("home.services.all"), href="/servizi")),
    )


def _how() -> rx.Component:
    steps = [
        rx.el.li(
            rx.el.h3(text.t(f"home.how.{name}"), class_name="card__title"),
            rx.el.p(text.t(f"home.how.{name}_text")),
            class_name="how__step",
        )
        for name in STEPS
    ]
    return _part(
        "how",
        rx.el.ol(*steps, class_name="how"),
        rx.el.p(buttons.link(text.t("home.how.more"), href="/guida-ai-pagamenti")),
    )


def _trust() -> rx.Component:
    rules = [
        rx.el.li(
            icons.icon(icon, 24),
            rx.el.div(
                rx.el.h3(text.t(f"home.trust.{name}"), class_name="rule__title"),
                rx.el.p(text.t(f"home.trust.{name}_text"), class_name="tile__text"),
            ),
            class_name="rule",
        )
        for name, icon in TRUST.items()
    ]
    return _part("trust", rx.el.ul(*rules, class_name="rules"))


def _pay_now() -> rx.Component:
    """The next step of who already has an order."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(text.t("home.order"), class_name="card__title"),
            rx.el.p(text.t("home.order.text"), class_name="tile__text"),
        ),
        buttons.link_button(text.t("home.order.pay"), href="/paga", icon_after="arrow_right"),
        class_name="card strip",
    )
