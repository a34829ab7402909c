"""`/privacy`: the notice in short, and the way to its whole, versioned text."""

import reflex as rx

from pecapp import i18n
from pecapp.services import terms
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data

ROUTE = "/privacy"
TITLE_KEY = "privacy.title"

POINTS = ("who", "what", "card", "cookie", "rights")


def page() -> rx.Component:
    """Five answers, then the document that counts."""
    notices = [terms.current("privacy", lang) for lang in i18n.LANGS]
    return layout.page(
        rx.el.div(
            data.facts(*[(text.t(f"privacy.{name}"), text.t(f"privacy.{name}_text")) for name in POINTS]),
            class_name="card answers",
        ),
        rx.el.p(text.t("privacy.whole", version=notices[0].version)),
        buttons.bar(
            buttons.link_button(
                text.t("privacy.read"),
                href=text.either(*[notice.url for notice in notices]),
                look="primary",
                document=True,
            )
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("privacy.lead"),
        width="text",
    )
