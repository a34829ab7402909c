"""`/admin/personale`: who is of the staff and what they may do."""

from typing import Any

import reflex as rx

from pecapp.domain import staff
from pecapp.services.admin import people as services
from pecapp.ui import text
from pecapp.ui.components import admin_acts, buttons, data, feedback, forms, status
from pecapp.ui.pages.admin import frame
from pecapp.ui.states.admin import people as states

ROUTE = "/admin/personale"
TITLE_KEY = "staff.people.title"
ON_LOAD = states.People.load
State: Any = states.People
"""Its vars are variables of the page here; a type checker sees the values they will have."""
_FORMER = "former"


def page() -> rx.Component:
    """Everybody, and the form that invites."""
    columns = [
        data.Column(text.t("staff.people.email"), _who),
        data.Column(text.t("staff.people.role"), lambda row: text.choose("staff.role", row.role)),
        data.Column(text.t("staff.people.app"), _app),
        data.Column(text.t("staff.people.acts"), _acts),
    ]
    return frame.page(
        feedback.loaded(
            State.ready,
            data.table(text.t(TITLE_KEY), columns, State.members, empty=rx.fragment()),
            _invite(),
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("staff.people.lead"),
    )


def _who(member: services.Member) -> rx.Component:
    return rx.fragment(member.email, rx.cond(member.me, rx.fragment(" ", text.t("staff.people.me")), rx.fragment()))


def _app(member: services.Member) -> rx.Component:
    awaited = rx.cond(
        member.role == _FORMER,
        rx.el.span("–"),
        status.tag(text.t("staff.people.app.no"), icon="hourglass", tone="warning"),
    )
    connected = status.tag(text.t("staff.people.app.yes"), icon="shield_check", tone="success")
    return rx.cond(member.second_factor, connected, awaited)


def _role_options() -> list[tuple[text.Words, text.Words]]:
    return [(role.value, text.t(f"staff.role.{role.value}")) for role in staff.Role]


def _acts(member: services.Member) -> rx.Component:
    """What can be done with another member; nobody changes their own access."""
    change = rx.el.details(
        rx.el.summary(text.t("staff.people.change")),
        forms.form(
            rx.el.input(type="hidden", name="member", value=member.account_id),
            rx.el.select(
                *(rx.el.option(words, value=role) for role, words in _role_options()),
                name="role",
                class_name="input",
                aria_label=text.t("staff.people.role"),
                default_value=member.role,
            ),
            rx.el.input(
                name="change_why", class_name="input", aria_label=text.t("staff.why"), placeholder=text.t("staff.why")
            ),
            buttons.submit(text.t("staff.people.change"), look="secondary", small=True),
            on_submit=State.change,
        ),
    )
    rest = rx.cond(
        member.role == _FORMER,
        rx.fragment(),
        rx.fragment(
            rx.cond(
                member.second_factor,
                admin_acts.button("forget_second_factor", member.account_id, member.email),
                admin_acts.button("invite_again", member.account_id, member.email),
            ),
            admin_acts.button("dismiss", member.account_id, member.email, look="danger"),
        ),
    )
    return rx.cond(member.me, rx.fragment(), rx.el.div(change, rest, class_name="cluster"))


def _invite() -> rx.Component:
    email, role, why = text.t("staff.people.email"), text.t("staff.people.role"), text.t("staff.why")
    form = forms.form(
        forms.error_summary(State.errors, list(zip(states.INVITATION, (email, role, why), strict=True))),
        forms.text_field("email", email, errors=State.errors, type="email", auto_complete="off"),
        forms.select_field("role", role, _role_options(), errors=State.errors),
        forms.text_field("invite_why", why, errors=State.errors, hint=text.t("staff.why.hint"), auto_complete="off"),
        rx.el.p(text.t("staff.people.invite.hint"), class_name="hint"),
        buttons.bar(buttons.submit(text.t("staff.people.invite.button"))),
        on_submit=State.invite,
    )
    return rx.el.section(
        rx.el.h2(text.t("staff.people.invite"), class_name="shelf__title"),
        rx.fragment(form, key=State.invited.to_string()),
        class_name="shelf",
    )
