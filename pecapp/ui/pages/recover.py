"""«Recupera l'accesso»: username and a link for a new password, by mail."""

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons, feedback, forms
from pecapp.ui.states import accounts

ROUTE = "/recupera"
TITLE_KEY = "access.recover.title"
State = accounts.Recover
ON_LOAD = State.load


def page() -> rx.Component:
    """The whole page."""
    return layout.page(
        rx.cond(
            State.expired,
            feedback.callout(None, rx.el.p(text.t("LINK_NON_VALIDO")), tone="warning", live=True),
        ),
        rx.cond(State.sent, _sent(), _form()),
        title=text.t(TITLE_KEY),
        lead=text.t("access.recover.lead"),
        width="form",
    )


def _form() -> rx.Component:
    email = text.t("holder.email")
    return forms.form(
        forms.error_summary(State.errors, [("email", email)]),
        forms.text_field("email", email, errors=State.errors, type="email", auto_complete="email"),
        buttons.bar(buttons.submit(text.t("access.recover.send"))),
        on_submit=State.submit,
    )


def _sent() -> rx.Component:
    return feedback.callout(
        text.t("access.recover.sent"),
        rx.el.p(text.t("access.recover.sent.text")),
        tone="success",
        live=True,
        id="inviata",
        tab_index=-1,
    )
