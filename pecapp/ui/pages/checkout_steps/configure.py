"""«Configura il servizio»: mailbox names with their live check, the customer's domain, the signer."""

from typing import Any

import reflex as rx

from pecapp.services import configuring, views
from pecapp.ui import text
from pecapp.ui.components import forms, icons
from pecapp.ui.pages.checkout_steps import frame
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

TYPING_PAUSE_MS = 350
_ICONS = {
    "ts_cns": "id_card",
    "cie": "id_card",
    "signature": "file_pen",
    "webcam": "video",
    "in_person": "user_round_check",
}


def step() -> rx.Component:
    """What the product in the basket asks for."""
    return rx.match(  # pyright: ignore[reportReturnType]  (components in, component out)
        Checkout.configuration.kind,
        ("pec", _form(_mailboxes(certified=True), summary=_names_problems())),
        ("pec_domain", _form(_own_domain(), _mailboxes(certified=False), summary=_names_problems())),
        ("invoicing", _form(_invoicing(), summary=frame.problems(("notice_pec", text.t("wiz.notice_pec"))))),
        ("signer", _form(*_signer(), summary=frame.problems(*_signer_labels()))),
        rx.el.p(text.t("wiz.nothing_to_configure")),
    )


def _form(*fields: rx.Component, summary: rx.Component) -> rx.Component:
    return forms.form(
        summary, rx.el.div(*fields, class_name="card stack stack--wide"), frame.actions(), on_submit=Checkout.configure
    )


def _mailboxes(*, certified: bool) -> rx.Component:
    rows = rx.foreach(Checkout.configuration.mailboxes, lambda row, number: _mailbox(row, number, certified=certified))
    return rx.el.div(
        rx.el.p(text.t("wiz.mailbox.hint"), class_name="hint"),
        rows,
        class_name="stack stack--wide",
    )


def _mailbox(row: views.MailboxView, number: Any, *, certified: bool) -> rx.Component:
    local, domain = f"local_{number}", f"domain_{number}"
    watched: dict[str, Any] = {
        "on_change": lambda value: Checkout.name_mailbox(local, value).debounce(TYPING_PAUSE_MS),
        "on_blur": lambda value: Checkout.name_mailbox(local, value),
    }
    name = forms.text_field(
        local,
        text.t("wiz.mailbox.local"),
        errors=Checkout.errors,
        default_value=row.local,
        auto_complete="off",
        max_length=64,
        custom_attrs={"autoCapitalize": "none", "spellCheck": False},
        **(watched if certified else {}),
    )
    where = forms.select_field(
        domain,
        text.t("wiz.mailbox.domain"),
        Checkout.configuration.domains,
        errors=Checkout.errors,
        prompt=text.t("wiz.mailbox.prompt"),
        default_value=row.domain,
        on_change=lambda value: Checkout.name_mailbox(domain, value),
    )
    return rx.el.fieldset(
        rx.el.legend(
            text.t("wiz.mailbox.legend", number=number + 1),
            class_name=rx.cond(Checkout.basket.quantity > 1, "form__title", "sr-only"),
        ),
        forms.row(name, where) if certified else name,
        _availability(number) if certified else rx.fragment(),
        class_name="mailbox",
    )


def _availability(number: Any) -> rx.Component:
    said = Checkout.availability.get(number.to_string(), "")
    return rx.el.p(
        rx.match(
            said,
            ("free", _said("circle_check", "free")),
            ("taken", _said("circle_x", "taken")),
            rx.fragment(),
        ),
        role="status",
        class_name="availability",
    )


def _said(icon: str, answer: str) -> rx.Component:
    words = rx.el.span(text.t(f"wiz.mailbox.{answer}"))
    return rx.el.span(icons.icon(icon, 18), words, class_name=f"said said--{answer}")


def _names_problems() -> rx.Component:
    """As the common summary, for names of which there may be many."""
    own = forms.problem("domain_name", text.t("wiz.domain_name"), Checkout.errors["domain_name"])
    return forms.summary(
        Checkout.errors,
        rx.cond(Checkout.errors.contains("domain_name"), own),
        rx.foreach(Checkout.name_problems, _name_problem),
    )


def _name_problem(wrong: checkout.NameProblem) -> rx.Component:
    label = rx.cond(wrong.part == "local", text.t("wiz.mailbox.local"), text.t("wiz.mailbox.domain"))
    which = rx.cond(Checkout.basket.quantity > 1, rx.el.span(" ", wrong.position), rx.fragment())
    return forms.problem(wrong.field, rx.fragment(label, which), wrong.text)


def _own_domain() -> rx.Component:
    return forms.text_field(
        "domain_name",
        text.t("wiz.domain_name"),
        errors=Checkout.errors,
        hint=text.t("wiz.domain_hint"),
        default_value=Checkout.configuration.domain_name,
        auto_complete="off",
        custom_attrs={"autoCapitalize": "none", "spellCheck": False},
    )


def _invoicing() -> rx.Component:
    return forms.text_field(
        "notice_pec",
        text.t("wiz.notice_pec"),
        errors=Checkout.errors,
        hint=text.t("wiz.notice_pec_hint"),
        type="email",
        default_value=Checkout.configuration.notice_pec,
        auto_complete="email",
    )


def _signer_labels() -> list[tuple[str, text.Words]]:
    return [
        ("signer_first_name", text.t("wiz.signer.first_name")),
        ("signer_last_name", text.t("wiz.signer.last_name")),
        ("signer_tax_code", text.t("wiz.signer.tax_code")),
        ("signer_email", text.t("wiz.signer.email")),
        ("signer_phone", text.t("wiz.signer.phone")),
        ("recognition", text.t("wiz.recognition")),
    ]


def _signer() -> list[rx.Component]:
    entries = {
        "signer_first_name": {"auto_complete": "given-name"},
        "signer_last_name": {"auto_complete": "family-name"},
        "signer_tax_code": {"auto_complete": "off", "hint": text.t("wiz.signer.tax_code_hint"), "max_length": 16},
        "signer_email": {"auto_complete": "email", "type": "email", "hint": text.t("wiz.signer.email_hint")},
        "signer_phone": {"auto_complete": "tel", "type": "tel"},
    }
    labels = dict(_signer_labels())
    fields = [
        forms.text_field(
            name, labels[name], errors=Checkout.errors, default_value=Checkout.configuration.signer[name], **props
        )
        for name, props in entries.items()
    ]
    ways = [
        forms.Option(way, text.t(f"recognition.{way}"), text.t(f"wiz.recognition.{way}"), icon=_ICONS[way])
        for way in configuring.RECOGNITIONS
    ]
    return [
        rx.el.p(text.t("wiz.signer.note"), class_name="hint"),
        forms.row(*fields[:2]),
        fields[2],
        forms.row(*fields[3:]),
        forms.radio_cards(
            "recognition", labels["recognition"], ways, errors=Checkout.errors, value=Checkout.configuration.recognition
        ),
    ]
