"""`/accessibilita`: what we do so that everybody can pay, what is not there yet, whom to tell."""

import reflex as rx

from pecapp import settings
from pecapp.ui import layout, text
from pecapp.ui.components import buttons

ROUTE = "/accessibilita"
TITLE_KEY = "a11y.title"

PARTS = {"done": 6, "limits": 3}
"""The lists of the page and how many points each has."""


def page() -> rx.Component:
    """The whole page."""
    return layout.page(
        rx.el.div(
            *[_part(name, many) for name, many in PARTS.items()],
            _checked(),
            _contact(),
            class_name="prose",
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("a11y.lead"),
        width="text",
    )


def _part(name: str, many: int) -> rx.Component:
    points = [rx.el.li(text.t(f"a11y.{name}.{number}")) for number in range(1, many + 1)]
    return rx.el.section(rx.el.h2(text.t(f"a11y.{name}")), rx.el.ul(*points), class_name="prose")


def _checked() -> rx.Component:
    return rx.el.section(rx.el.h2(text.t("a11y.checked")), rx.el.p(text.t("a11y.checked.text")), class_name="prose")


def _contact() -> rx.Component:
    seller = settings.load()
    return rx.el.section(
        rx.el.h2(text.t("a11y.contact")),
        rx.el.p(text.t("a11y.contact.text")),
        rx.el.ul(
            rx.el.li(buttons.mail_link(seller.seller_email)),
            rx.el.li(buttons.phone_link(seller.seller_phone)),
        ),
        rx.el.p(text.t("a11y.contact.then")),
        class_name="prose",
    )
