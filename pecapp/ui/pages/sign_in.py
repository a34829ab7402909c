"""«Accedi»: the way in for customers, and the way to become one."""

import reflex as rx

from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, feedback, forms
from pecapp.ui.states import accounts

ROUTE = "/accedi"
TITLE_KEY = "access.sign_in.title"
State = accounts.SignIn
ON_LOAD = State.load


def page() -> rx.Component:
    """The whole page."""
    wanted = rx.cond(State.next_path != "", State.next_path, address.asked("next"))  # before the State is there, too
    return layout.page(_said(), customer(wanted), _newcomer(), title=text.t(TITLE_KEY), width="form")


def _said() -> rx.Component:
    return rx.fragment(
        rx.cond(State.problem != "", feedback.callout(None, rx.el.p(State.problem), tone="problem", live=True)),
        rx.match(
            State.news,
            ("confirmed", feedback.callout(None, rx.el.p(text.t("access.confirmed")), tone="success", live=True)),
            ("ended", feedback.callout(None, rx.el.p(text.t("access.ended")), tone="warning", live=True)),
            ("changed", feedback.callout(None, rx.el.p(text.t("access.changed")), tone="success", live=True)),
            rx.fragment(),
        ),
    )


def customer(next_path: text.Words) -> rx.Component:
    """«Cliente già registrato»: the form that leads to `next_path`, wherever it stands."""
    return rx.el.section(
        rx.el.h2(text.t("access.customer"), class_name="card__title"),
        forms.native_form(
            rx.el.input(type="hidden", name="next", value=next_path),
            forms.text_field(
                "username",
                text.t("access.username"),
                hint=text.t("access.username.hint"),
                auto_complete="username",
                auto_capitalize="none",
                spell_check=False,
                default_value=State.username,
                key=State.username,
            ),
            forms.text_field("password", text.t("access.password"), type="password", auto_complete="current-password"),
            buttons.bar(buttons.submit(text.t("access.enter"))),
            action="/auth/accedi",
        ),
        rx.el.p(buttons.link(text.t("access.forgotten"), href="/recupera")),
        class_name="card stack",
    )


def _newcomer() -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t("access.newcomer"), class_name="card__title"),
        rx.el.p(text.t("access.newcomer.text")),
        buttons.bar(buttons.link_button(text.t("access.register"), href=State.register_path)),
        class_name="card stack",
    )
