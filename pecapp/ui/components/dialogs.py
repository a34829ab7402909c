"""Dialogs, by the browser's own `<dialog>`: focus stays inside, Esc closes, focus returns to what opened it."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import icons


def opens(dialog_id: str) -> dict[str, Any]:
    """Give these to a button and it opens the dialog: `button("Annulla", **opens("cancel"))`."""
    return {"custom_attrs": {"commandfor": dialog_id, "command": "show-modal"}, "aria_haspopup": "dialog"}


def closes(dialog_id: str) -> dict[str, Any]:
    """Give these to a button inside a dialog and it closes it, beside what else the button does."""
    return {"custom_attrs": {"commandfor": dialog_id, "command": "close"}}


_FORGET = rx.Var("(closed) => closed.target.querySelector('form')?.reset()")
"""The browser itself empties the form as the dialog closes: an answer of the server could come when somebody already
types in it again."""


def dialog(
    dialog_id: str, title: text.Words, *children: rx.Component, actions: list[rx.Component], forgets: bool = False
) -> rx.Component:
    """A question or a small task above the page. Name the consequences in `children` and the acts in `actions`.

    One that `forgets` offers nothing of what was typed in its form when it is opened again, perhaps for something else.
    """
    heading = f"{dialog_id}-title"
    return rx.el.dialog(
        rx.el.div(
            rx.el.h2(title, id=heading, class_name="dialog__title"),
            rx.el.button(
                icons.icon("x"),
                rx.el.span(text.t("act.close"), class_name="sr-only"),
                type="button",
                class_name="icon-button",
                **closes(dialog_id),
            ),
            class_name="dialog__head",
        ),
        rx.el.div(*children, class_name="dialog__body"),
        rx.el.div(*actions, class_name="actions dialog__actions"),
        id=dialog_id,
        class_name="dialog",
        aria_labelledby=heading,
        custom_attrs={"onClose": _FORGET} if forgets else {},
    )
