"""«Registrati»: everything that is asked of a new customer, by kind of customer."""

import reflex as rx

from pecapp.ui import layout, text
from pecapp.ui.components import buttons, feedback, forms, holder
from pecapp.ui.states import accounts

ROUTE = "/registrati"
TITLE_KEY = "access.register.title"
State = accounts.Register
ON_LOAD = State.load


def page() -> rx.Component:
    """The whole page."""
    return layout.page(
        rx.cond(State.entry != "", _done(), feedback.loaded(State.ready, _form(), lines=10)),
        title=text.t(TITLE_KEY),
        lead=text.t("access.register.lead"),
        width="form",
    )


def _form() -> rx.Component:
    extra = [(name, text.t(f"access.{name}")) for name in ("password", "password_again", "privacy_seen")]
    return forms.form(
        forms.error_summary(State.errors, [*holder.labels(), *extra]),
        holder.fields(State.errors, State.typed, State.kind, State.choose_kind),
        forms.section(
            text.t("access.credentials"),
            forms.text_field(
                "password",
                text.t("access.password"),
                errors=State.errors,
                hint=text.t("access.password.hint"),
                type="password",
                auto_complete="new-password",
            ),
            forms.text_field(
                "password_again",
                text.t("access.password_again"),
                errors=State.errors,
                type="password",
                auto_complete="new-password",
            ),
            hint=text.t("access.credentials.hint"),
        ),
        forms.section(
            text.t("access.privacy"),
            forms.checkbox(
                "privacy_seen",
                text.t("access.privacy_label"),
                detail=buttons.document_link(text.t("access.privacy.link"), href="/privacy", target="_blank"),
                errors=State.errors,
            ),
            forms.checkbox("marketing", text.t("access.marketing_label"), errors=State.errors),
        ),
        _doubts(),
        buttons.bar(buttons.submit(text.t("access.register"))),
        on_submit=State.submit,
    )


def _doubts() -> rx.Component:
    return rx.cond(
        State.doubts.length() > 0,
        feedback.callout(
            text.t("access.doubts"),
            rx.el.ul(rx.foreach(State.doubts, rx.el.li)),
            tone="warning",
            live=True,
            id="dubbi",
            tab_index=-1,
        ),
    )


def _done() -> rx.Component:
    """The browser leaves for its new session by itself; the link is for the one that does not."""
    return rx.fragment(
        rx.el.meta(http_equiv="refresh", content=f"0;url={State.entry}"),
        feedback.callout(
            text.t("access.registered"),
            rx.el.p(buttons.document_link(text.t("access.registered.go"), href=State.entry)),
            tone="success",
            live=True,
        ),
    )
