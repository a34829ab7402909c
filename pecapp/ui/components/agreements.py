"""What an order asks to be accepted, approved or answered; nothing of it is ticked or chosen by us."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import text
from pecapp.ui.components import buttons, forms, icons


@dataclass(frozen=True)
class Filled:
    """An order form as its State keeps it."""

    typed: text.Live
    """What was entered, by field."""
    errors: forms.Errors
    remember: Callable[[str], Any]
    """The handler that takes each change of a field, so that a reload loses nothing."""


def renewal(terms: text.Words | rx.Component, filled: Filled) -> rx.Component:
    """«Rinnovo con addebito automatico»: the question that has to be answered; `terms` say what «Sì» will do."""
    yes = forms.Option("yes", text.t("acceptance.auto_renew_yes"), terms, icon="repeat")
    no = forms.Option("no", text.t("acceptance.auto_renew_no"), text.t("wiz.auto_renew_no_detail"), icon="hand")
    return forms.radio_cards(
        "auto_renew",
        text.t("wiz.auto_renew"),
        [yes, no],
        errors=filled.errors,
        hint=text.t("wiz.auto_renew_hint"),
        value=filled.typed["auto_renew"],
        on_change=filled.remember("auto_renew"),
    )


def saved(*, kept: text.Live) -> rx.Component:
    """What «Sì» means for the method of payment: it will be kept, or is `kept` already."""
    return rx.el.p(
        icons.icon("info"),
        rx.el.span(rx.cond(kept, text.t("acceptance.kept_for_renewal"), text.t("acceptance.saved_for_renewal"))),
        class_name="aside-note",
        role="status",
    )


def withdrawal(form: text.Live, *boxes: rx.Component) -> rx.Component:
    """The right of withdrawal, for who has it."""
    return rx.cond(
        form.withdrawal != "",
        forms.section(text.t("wiz.withdrawal"), rx.el.p(form.withdrawal), *boxes),
        rx.fragment(),
    )


def terms(form: text.Live, filled: Filled) -> rx.Component:
    """The conditions."""
    return _accept("accept_terms", form.terms_label, filled, _document(form.terms))


def clauses(form: text.Live, filled: Filled) -> rx.Component:
    """The clauses that need an approval of their own, each by number and title."""
    listed = rx.el.ul(rx.foreach(form.clauses, rx.el.li), class_name="clauses")
    return _accept("accept_clauses", form.clauses_label, filled, listed)


def privacy(form: text.Live, filled: Filled) -> rx.Component:
    """The privacy notice, seen."""
    return _accept("privacy_seen", form.privacy_label, filled, _document(form.privacy))


def _accept(name: str, label: rx.Var[str], filled: Filled, detail: rx.Component) -> rx.Component:
    return forms.checkbox(
        name,
        label,
        detail=rx.fragment(detail),
        errors=filled.errors,
        default_checked=filled.typed[name] == "yes",
        on_change=filled.remember(name),
    )


def _document(document: views.DocumentView) -> rx.Component:
    """The versioned text, in a new tab: what was typed here stays."""
    return buttons.document_link(
        document.title,
        " ",
        rx.el.span(text.t("wiz.version", version=document.version), class_name="hint"),
        rx.el.span(text.t("wiz.new_tab"), class_name="sr-only"),
        icons.icon("external_link", 16),
        href=document.url,
        target="_blank",
        rel="noopener",
    )
