"""The acts of the staff in a page: a button asks, one dialog says what will happen and wants the reason.

`button("remove_method", row.id, row.title)` may stand in any page of the staff: the dialog is part of their frame.
"""

from typing import Any

import reflex as rx

from pecapp.services.admin import acts as services
from pecapp.ui import text
from pecapp.ui.components import asking, buttons, dialogs, feedback, forms, icons
from pecapp.ui.states.admin import acts as states

DIALOG = "atto"
REFUND_DIALOG = "rimborso"
Acts: Any = states.Acts
Refunds: Any = states.Refunds
Notes: Any = states.Notes
"""Their vars are variables of the page here; a type checker sees the values they will have."""


def button(kind: str, subject: text.Live, name: text.Words, **looks: Any) -> rx.Component:
    """Asks for an act (a kind of `states.DOING`) on `subject`, called `name` in the question."""
    return buttons.button(
        text.t(f"staff.do.{kind}"),
        on_click=Acts.ask(kind, subject, name),
        aria_label=text.t("staff.do.which", act=text.t(f"staff.do.{kind}"), name=name),
        **{"small": True, **dialogs.opens(DIALOG), **looks},
    )


def refund_button(number: text.Live) -> rx.Component:
    """Asks how much of an order to give back."""
    return buttons.button(
        text.t("staff.do.refund"),
        icon="undo_2",
        on_click=Refunds.ask(number),
        **dialogs.opens(REFUND_DIALOG),
    )


def dialog() -> rx.Component:
    """The question itself, once per page; a new one after each act is closed."""
    return asking.dialog(
        DIALOG,
        text.choose("staff.ask", Acts.kind),
        rx.el.p(rx.el.strong(Acts.name)),
        rx.el.p(text.choose("staff.means", Acts.kind)),
        state=Acts,
        confirm=Acts.confirm,
        act=text.choose("staff.do", Acts.kind),
        why="why",
        destroys=rx.Var.create(sorted(states.DESTROYING)).contains(Acts.kind),
    )


def _problem(words: text.Live) -> rx.Component:
    return rx.cond(words != "", feedback.callout(None, rx.el.p(words), tone="problem", live=True), rx.fragment())


def refund_dialog() -> rx.Component:
    """How much goes back; for the pages that have a `refund_button`."""
    choices = [
        forms.Option("all", text.t("staff.refund.all", left=Refunds.left)),
        forms.Option("lines", text.t("staff.refund.lines")),
        forms.Option("amount", text.t("staff.refund.amount")),
    ]
    form = forms.form(
        rx.el.p(text.t("staff.refund.means")),
        rx.cond(Refunds.renewing.length() > 0, _renewing(), rx.fragment()),
        _problem(Refunds.problem),
        rx.fragment(
            forms.radio_cards("how", text.t("staff.refund.how"), choices, value=Refunds.how, on_change=Refunds.choose),
            key=Refunds.asked.to_string(),  # React does not hear of a choice after the browser has reset the form
        ),
        rx.cond(Refunds.how == "lines", _lines(), rx.fragment()),
        rx.cond(Refunds.how == "amount", _amount(), rx.fragment()),
        forms.text_field(
            "refund_why",
            text.t("staff.why"),
            errors=Refunds.errors,
            hint=text.t("staff.why.hint"),
            auto_complete="off",
        ),
        buttons.bar(
            buttons.submit(text.t("staff.refund.confirm"), look="danger"),
            buttons.button(text.t("staff.keep"), **dialogs.closes(REFUND_DIALOG)),
        ),
        on_submit=Refunds.confirm,
    )
    nothing = rx.el.p(text.t("staff.refund.nothing"))
    ask = dialogs.dialog(
        REFUND_DIALOG,
        text.t("staff.refund.title", number=Refunds.number),
        rx.cond(Refunds.left != "", form, nothing),
        actions=[],
        forgets=True,
    )
    return rx.fragment(ask, key=Refunds.answers.to_string())


def _renewing() -> rx.Component:
    """Who gets the money back may think that nothing will be debited any more."""
    where = rx.Var.create("/admin/clienti/") + Refunds.account_id.to_string()
    return feedback.callout(
        text.t("staff.refund.renews"),
        rx.el.p(text.t("staff.refund.renews_text", names=Refunds.renewing.join(", "))),
        rx.el.p(buttons.link(text.t("staff.refund.renews_where"), href=where)),
        tone="warning",
    )


def _lines() -> rx.Component:
    def draw(line: services.RefundableLine) -> rx.Component:
        words = f"{line.name}: {line.gross}"
        given = text.t("staff.refund.given", line=words)
        return forms.checkbox(f"line_{line.line_id}", rx.cond(line.given, given, words), disabled=line.given)

    wrong = Refunds.errors.contains("lines")
    said = rx.fragment(icons.icon("circle_alert", 18), rx.el.span(Refunds.errors["lines"]))
    return rx.el.fieldset(
        rx.el.legend(text.t("staff.refund.which"), class_name="field__label"),
        rx.foreach(Refunds.lines, draw),
        rx.el.p(rx.cond(wrong, said), id="lines-error", class_name="field__error"),
        id="lines",
        custom_attrs={"tabIndex": -1},
        aria_describedby="lines-error",
    )


def _amount() -> rx.Component:
    return forms.text_field(
        "amount",
        text.t("staff.refund.cents"),
        errors=Refunds.errors,
        hint=text.t("staff.refund.cents.hint", left=Refunds.left),
        input_mode="decimal",
        auto_complete="off",
        after="€",
    )


def note_form(account_id: text.Live) -> rx.Component:
    """Write a note about a customer."""
    return rx.fragment(
        forms.form(
            rx.cond(Notes.account == account_id, _problem(Notes.problem), rx.fragment()),
            rx.el.input(type="hidden", name="account", value=account_id),
            forms.text_field("note", text.t("staff.note"), hint=text.t("staff.note.hint"), auto_complete="off"),
            buttons.bar(buttons.submit(text.t("staff.note.keep"), look="secondary")),
            on_submit=Notes.write,
        ),
        key=account_id + "-" + Notes.written.to_string(),
    )
