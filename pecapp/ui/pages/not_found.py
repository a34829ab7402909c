"""What is shown where there is no page."""

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons

ROUTE = "404"
TITLE_KEY = "missing.title"


def page() -> rx.Component:
    """Calm words and the ways on."""
    return layout.page(
        buttons.bar(
            buttons.link_button(text.t("nav.home"), href="/", look="primary"),
            buttons.link_button(text.t("nav.services"), href="/servizi"),
            buttons.link_button(text.t("nav.pay"), href="/paga"),
        ),
        title=text.t(TITLE_KEY),
        lead=text.t("missing.text"),
        width="text",
    )
