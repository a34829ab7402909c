"""`/recesso`, «Recedere dal contratto qui»: open to everybody, for as long as there is anything to withdraw from."""

from typing import Any, cast

import reflex as rx

from pecapp.services import withdrawal_views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, feedback, forms
from pecapp.ui.states import withdrawal as states

ROUTE = "/recesso"
TITLE_KEY = "withdraw.title"
ON_LOAD = states.Declaration.load
State: Any = states.Declaration
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """Name, contract and address; then what happens and «Conferma recesso»; then when it was received."""
    return layout.page(
        feedback.loaded(
            State.ready,
            rx.cond(
                State.done.received != "",
                _acknowledgement(),
                rx.cond(State.prospect.name != "", _confirmation(), _declaration()),
            ),
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("withdraw.lead"),
        width="form",
    )


def _declaration() -> rx.Component:
    return forms.form(
        forms.error_summary(
            State.errors,
            [
                ("number", text.t("withdraw.number")),
                ("name", text.t("withdraw.name")),
                ("email", text.t("withdraw.email")),
            ],
        ),
        rx.cond(State.by_number, _number(), _contracts()),
        forms.text_field(
            "name",
            text.t("withdraw.name"),
            errors=State.errors,
            default_value=State.typed["name"],
            auto_complete="name",
            max_length=80,
        ),
        forms.text_field(
            "email",
            text.t("withdraw.email"),
            errors=State.errors,
            hint=cast(
                "rx.Var[str]", rx.cond(State.known, text.t("withdraw.email_hint"), text.t("withdraw.email_hint.open"))
            ),
            default_value=State.typed["email"],
            type="email",
            auto_complete="email",
            max_length=254,
        ),
        buttons.bar(buttons.submit(text.t("withdraw.next"), icon_after="arrow_right")),
        rx.cond(
            State.known,
            rx.fragment(),
            rx.el.p(buttons.link(text.t("withdraw.sign_in"), href=f"/accedi?next={ROUTE}"), class_name="hint"),
        ),
        on_submit=State.review,
    )


def _number() -> rx.Component:
    return rx.fragment(
        rx.cond(
            State.known & (State.contracts.length() == 0),
            rx.el.p(text.t("withdraw.none"), class_name="hint"),
            rx.fragment(),
        ),
        forms.text_field(
            "number",
            text.t("withdraw.number"),
            errors=State.errors,
            hint=text.t("withdraw.number_hint"),
            default_value=State.typed["number"],
            input_mode="numeric",
            auto_complete="off",
            max_length=20,
        ),
    )


def _contracts() -> rx.Component:
    return rx.fragment(
        forms.radio_cards(
            "number",
            text.t("withdraw.which"),
            State.contracts,
            each=_option,
            errors=State.errors,
            value=State.typed["number"],
        ),
        buttons.bar(buttons.button(text.t("withdraw.another"), look="quiet", small=True, on_click=State.name_another)),
    )


def _option(one: withdrawal_views.ContractView) -> forms.Option:
    title = rx.cond(one.service != "", f"{one.title}: {one.service}", one.title)
    return forms.Option(one.number, title, one.detail, icon="file_text")


def _declared(what: Any) -> list[tuple[text.Words, text.Words]]:
    return [
        (text.t("withdraw.name"), what.name),
        (text.t("withdraw.number"), what.number),
        (text.t("withdraw.email"), what.email),
    ]


def _confirmation() -> rx.Component:
    prospect = State.prospect
    unseen = rx.el.ul(*[rx.el.li(text.t(f"withdraw.open.{number}")) for number in (1, 2, 3)], class_name="consequences")
    return rx.el.section(
        rx.el.h2(text.t("withdraw.review"), class_name="card__title"),
        rx.cond(
            State.problem != "",
            feedback.callout(text.t("withdraw.gone"), rx.el.p(State.problem), tone="problem", live=True),
            rx.fragment(),
        ),
        rx.el.p(text.t("withdraw.statement")),
        data.facts(*_declared(prospect)),
        rx.el.h3(text.t("withdraw.what"), class_name="later__title"),
        rx.cond(prospect.refunded != "", data.amount(prospect.refunded, text.t("withdraw.refund")), rx.fragment()),
        rx.cond(prospect.own, _effects(prospect.effects), unseen),
        buttons.bar(
            buttons.button(text.t("withdraw.confirm"), look="primary", on_click=State.confirm),
            buttons.button(text.t("act.back"), look="quiet", icon="arrow_left", on_click=State.back),
        ),
        class_name="card stack",
    )


def _effects(effects: Any) -> rx.Component:
    return rx.el.ul(rx.foreach(effects, rx.el.li), class_name="consequences")


def _acknowledgement() -> rx.Component:
    done = State.done
    return rx.el.section(
        rx.el.h2(text.t("withdraw.received"), class_name="card__title"),
        feedback.callout(None, rx.el.p(text.t("withdraw.received.mail", email=done.email)), tone="success", live=True),
        data.facts((text.t("withdraw.received.at"), done.received), *_declared(done)),
        rx.cond(done.effects.length() > 0, _effects(done.effects), rx.el.p(text.t("withdraw.received.open"))),
        class_name="card stack",
    )
