"""«Nuova password»: reached by the link of a mail."""

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons, feedback, forms
from pecapp.ui.states import accounts

ROUTE = "/password"
TITLE_KEY = "access.new_password.title"
State = accounts.Password
ON_LOAD = State.load
_FIELDS = ("password", "password_again")


def page() -> rx.Component:
    """The whole page."""
    return layout.page(
        feedback.loaded(State.ready, _form(), lines=3),
        title=text.t(TITLE_KEY),
        lead=text.t("access.new_password.lead"),
        width="form",
    )


def _form() -> rx.Component:
    return forms.form(
        forms.error_summary(State.errors, [(name, text.t(f"access.{name}")) for name in _FIELDS]),
        *[
            forms.text_field(
                name,
                text.t(f"access.{name}"),
                errors=State.errors,
                hint=text.t("access.password.hint") if name == "password" else None,
                type="password",
                auto_complete="new-password",
            )
            for name in _FIELDS
        ],
        buttons.bar(buttons.submit(text.t("access.new_password.save"))),
        on_submit=State.submit,
    )
