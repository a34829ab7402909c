"""`/paga/esito`: how a quick payment ended, without a word of whose order it is."""

from typing import Any

import reflex as rx

from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, data, feedback, status
from pecapp.ui.states import quick as states

ROUTE = "/paga/esito"
TITLE_KEY = "quick.outcome"
ON_LOAD = states.QuickOutcome.load
State: Any = states.QuickOutcome
"""Its vars are variables of the page here; a type checker sees the values they will have."""
ORDER = State.order


def page() -> rx.Component:
    """Moves by itself from «Pagamento in verifica» to «Pagato»."""
    return layout.page(
        feedback.loaded(_is_current(), rx.cond(ORDER.number != "", _outcome(), _unknown())), width="form"
    )


def _is_current() -> rx.Var[bool]:
    return State.ready & (State.attempt_id == address.asked("tentativo"))


def _outcome() -> rx.Component:
    return rx.fragment(
        *status.order_head(ORDER.number, ORDER.headline, ORDER.status),
        rx.el.section(
            data.amount(ORDER.gross, text.t("ord.with_vat")),
            rx.cond(
                ORDER.status == "paid",
                feedback.callout(None, rx.el.p(text.t("quick.receipt_note")), tone="success"),
                feedback.callout_by(ORDER.tone, None, rx.el.p(ORDER.explanation)),
            ),
            rx.cond(
                ORDER.can_pay,
                buttons.bar(
                    buttons.link_button(text.t("act.retry"), href=f"/paga?numero={ORDER.number}", look="primary")
                ),
                rx.fragment(),
            ),
            class_name="card stack",
        ),
    )


def _unknown() -> rx.Component:
    return rx.el.div(
        rx.el.h1(text.t("quick.unknown"), class_name="title"),
        rx.el.p(text.t("quick.unknown_text"), class_name="lead"),
        buttons.bar(buttons.link_button(text.t("quick.title"), href="/paga", look="primary")),
        class_name="stack",
    )
