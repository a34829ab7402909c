"""The question before an act of the staff that a page asks by itself: what it does, and why."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, dialogs, feedback, forms


def dialog(
    dialog_id: str,
    title: text.Words,
    *consequences: rx.Component,
    state: Any,
    confirm: Any,
    act: text.Words,
    why: str,
    destroys: text.Live = False,
) -> rx.Component:
    """The dialog with its mandatory reason. `state` has `problem` and `answers`, as every State of acts; `confirm` is
    its handler and `why` the name of the field, which is alone of that name in the page.

    What was typed for one question is not offered for the next. `destroys` says whether something is lost by the act,
    which then looks like it.
    """
    problem = feedback.callout(None, rx.el.p(state.problem), tone="problem", live=True)
    form = forms.form(
        *consequences,
        rx.cond(state.problem != "", problem, rx.fragment()),
        forms.text_field(why, text.t("staff.why"), hint=text.t("staff.why.hint"), auto_complete="off"),
        buttons.bar(
            rx.cond(destroys, buttons.submit(act, look="danger"), buttons.submit(act)),
            buttons.button(text.t("staff.keep"), **dialogs.closes(dialog_id)),
        ),
        on_submit=confirm,
    )
    ask = dialogs.dialog(dialog_id, title, form, actions=[], forgets=True)
    return rx.fragment(ask, key=state.answers.to_string())


def pager(newer: text.Live, older: text.Live, label: text.Words) -> rx.Component:
    """The ways to the neighbouring pages of a list."""
    before = buttons.link_button(text.t("adm.newer"), href=newer, icon="arrow_left")
    after = buttons.link_button(text.t("adm.older"), href=older, icon_after="arrow_right")
    return rx.el.nav(
        rx.cond(newer != "", before, rx.fragment()),
        rx.cond(older != "", after, rx.fragment()),
        aria_label=label,
        class_name="pager",
    )
