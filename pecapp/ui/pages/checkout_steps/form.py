"""«Modulo ordine»: the last step, in the order of the domain rules; nothing in it is chosen or ticked by us."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import text
from pecapp.ui.components import agreements, buttons, data, feedback, forms, means, sums
from pecapp.ui.pages.checkout_steps import frame, service
from pecapp.ui.states import checkout

Checkout: Any = checkout.Checkout
"""Its vars are variables of the page here; a type checker sees the values they will have."""

FORM = Checkout.form
BASKET = Checkout.basket
LARGE = "button button--primary button--large"


def step() -> rx.Component:
    """The order form of the product's family; both end with the summary and, right below it, the button."""
    return rx.fragment(
        service.code_form(),
        forms.form(
            _problems(),
            rx.cond(BASKET.family == "b", rx.fragment(*_signatures()), rx.fragment(*_services())),
            _summary(),
            buttons.bar(buttons.submit(text.t("wiz.place"), busy=Checkout.placing, class_name=LARGE)),
            on_submit=Checkout.place,
            key=Checkout.edition.to_string(),
        ),
    )


def _remember(field: str) -> Any:
    """Keeps each change of `field` on the server, so that a reload loses nothing."""
    return lambda entered: Checkout.note(field, entered)


FILLED = agreements.Filled(Checkout.typed, Checkout.errors, _remember)


def _problems() -> rx.Component:
    return frame.problems(
        ("gateway", text.t("means.title")),
        ("years", text.t("wiz.years")),
        ("auto_renew", text.t("wiz.auto_renew")),
        ("code", text.t("wiz.code.discount")),
        ("accept_terms", text.t("wiz.terms")),
        ("accept_clauses", text.t("wiz.clauses")),
        ("privacy_seen", text.t("wiz.privacy")),
    )


def _services() -> list[rx.Component]:
    """Family A: certified mail, invoicing, identity, preservation."""
    return [
        _means(),
        rx.cond(BASKET.freq_max > 0, _years(), rx.fragment()),
        rx.cond(BASKET.auto_renewable, _auto_renew(), rx.fragment()),
        _save_method(),
        service.code_field(text.t("wiz.code.discount")),
        _withdrawal(),
        agreements.terms(FORM, FILLED),
        agreements.clauses(FORM, FILLED),
        agreements.privacy(FORM, FILLED),
    ]


def _signatures() -> list[rx.Component]:
    """Family B, signatures and time stamps: the conditions first; no frequency and no renewal."""
    return [
        agreements.terms(FORM, FILLED),
        agreements.clauses(FORM, FILLED),
        _means(),
        service.code_field(text.t("wiz.code.discount")),
        _withdrawal(),
        agreements.privacy(FORM, FILLED),
    ]


def _means() -> rx.Component:
    return means.choice(
        FORM.means,
        value=Checkout.typed["gateway"],
        errors=Checkout.errors,
        on_change=_remember("gateway"),
    )


def _years() -> rx.Component:
    return rx.el.div(
        forms.number_stepper(
            "years",
            text.t("wiz.years"),
            value=BASKET.years,
            low=BASKET.freq_min,
            high=BASKET.freq_max,
            on_change=Checkout.set_years,
            errors=Checkout.errors,
            hint=text.t("wiz.years_hint"),
        ),
        rx.el.div(
            data.facts(
                (text.t("wiz.new_expiry"), BASKET.expires),
                (text.t("wiz.duration"), BASKET.duration),
                (text.t("wiz.price"), rx.el.strong(BASKET.totals.gross)),
            ),
            aria_live="polite",
            class_name="card",
        ),
        class_name="stack",
    )


def _auto_renew() -> rx.Component:
    return rx.el.div(
        agreements.renewal(_renewal_terms(), FILLED),
        rx.cond((Checkout.typed["auto_renew"] == "yes") & (FORM.extensions.length() > 0), _extension(), rx.fragment()),
        class_name="stack",
    )


def _renewal_terms() -> rx.Component:
    return rx.el.span(text.t("wiz.renewal_terms", amount=BASKET.renewal_gross, day=BASKET.debit_on))


def _extension() -> rx.Component:
    return rx.el.div(
        forms.checkbox(
            "extend",
            text.t("wiz.extend"),
            detail=text.t("wiz.extend_hint"),
            default_checked=Checkout.typed["extend"] == "yes",
            on_change=_remember("extend"),
        ),
        rx.el.ul(rx.foreach(FORM.extensions, _extended), class_name="extensions"),
        class_name="card",
    )


def _extended(service: views.ExtensionView) -> rx.Component:
    name = f"extend_{service.service_id}"
    terms = rx.cond(
        service.excluded != "",
        service.excluded,
        text.t(
            "wiz.extend_terms",
            expires=service.expires,
            amount=service.amount,
            day=service.debit_on,
            years=service.frequency,
        ),
    )
    box = forms.checkbox(
        name,
        service.label,
        detail=terms,
        default_checked=Checkout.typed.get(name, "yes") == "yes",
        on_change=_remember(name),
    )
    shown = rx.el.div(rx.el.p(service.label), rx.el.p(terms, class_name="hint"))
    return rx.el.li(rx.cond((Checkout.typed["extend"] == "yes") & (service.excluded == ""), box, shown))


def _save_method() -> rx.Component:
    """Whether to keep what pays: not asked where it is kept already, nor where the renewal needs it."""
    box = forms.checkbox(
        "save_method",
        text.t("acceptance.save_method"),
        detail=text.t("wiz.save_method_hint"),
        default_checked=Checkout.typed["save_method"] == "yes",
        on_change=_remember("save_method"),
    )
    note = agreements.saved(kept=Checkout.kept)
    return rx.cond(Checkout.typed["auto_renew"] == "yes", note, rx.cond(Checkout.kept, rx.fragment(), box))


def _withdrawal() -> rx.Component:
    box = forms.checkbox(
        "start_now",
        FORM.withdrawal_label,
        default_checked=Checkout.typed["start_now"] == "yes",
        on_change=_remember("start_now"),
    )
    return agreements.withdrawal(FORM, box)


def _summary() -> rx.Component:
    """What is ordered, for how long, for how much and what happens later: directly above the button."""
    renewal = rx.match(
        Checkout.typed["auto_renew"],
        ("yes", text.t("wiz.summary.renews", amount=BASKET.renewal_gross, day=BASKET.debit_on)),
        ("no", text.t("wiz.summary.by_hand", day=BASKET.expires)),
        text.t("wiz.summary.unanswered"),
    )
    facts = data.facts(
        (text.t("wiz.summary.holder"), FORM.holder_name),
        (text.t("wiz.summary.email"), FORM.reference_email),
    )
    lasting = data.facts(
        (text.t("wiz.duration"), BASKET.duration),
        (text.t("wiz.new_expiry"), BASKET.expires),
    )
    subject = data.facts((text.t("wiz.summary.subject"), FORM.subject))
    return rx.el.section(
        rx.el.div(
            rx.el.h2(text.t("wiz.summary.title"), class_name="form__title"),
            buttons.link(text.t("wiz.change"), href="/ordine?passo=service"),
            class_name="cluster cluster--apart",
        ),
        sums.of(BASKET.lines, BASKET.totals),
        rx.cond(FORM.subject != "", subject, rx.fragment()),
        rx.cond(BASKET.duration != "", lasting, rx.fragment()),
        rx.cond(BASKET.auto_renewable, data.facts((text.t("wiz.auto_renew"), renewal)), rx.fragment()),
        rx.cond(BASKET.promotion != "", feedback.callout(None, rx.el.p(BASKET.promotion)), rx.fragment()),
        facts,
        rx.el.p(text.t("wiz.summary.pay_after"), class_name="hint"),
        class_name="order-summary card",
    )
