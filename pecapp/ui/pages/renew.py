"""`/area-clienti/servizi/<number>/rinnova`: the order form of a renewal; nothing in it is chosen or ticked by us."""

from typing import Any

import reflex as rx

from pecapp.ui import address, layout, text
from pecapp.ui.components import agreements, buttons, data, feedback, forms, means, sums
from pecapp.ui.pages import service
from pecapp.ui.states import renew as states

ROUTE = f"{service.ROUTE}/rinnova"
TITLE_KEY = "svc.again.title"
ON_LOAD = states.RenewalOrder.load
State: Any = states.RenewalOrder
"""Its vars are variables of the page here; a type checker sees the values they will have."""
FORM = State.form
BACK = f"{service.states.ADDRESS}/{FORM.service_id}"


def _remember(field: str) -> Any:
    """Keeps each change of `field` on the server, so that a reload loses nothing."""
    return lambda entered: State.note(field, entered)


FILLED = agreements.Filled(State.typed, State.errors, _remember)


def page() -> rx.Component:
    """The form; who asks for another's service, or for none, reads the same calm words."""
    found = rx.cond(FORM.service_id != 0, _renewal(), service.missing())
    return layout.page(
        feedback.loaded(State.asked == address.part("servizio"), found, lines=6),
        here="/area-clienti",
        width="text",
    )


def _renewal() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            service.back(FORM.label, BACK),
            rx.el.h1(
                rx.cond(FORM.reactivate != "", text.t("svc.again.reactivate"), text.t("svc.again.title")),
                class_name="title",
            ),
            rx.cond(FORM.reactivate != "", rx.el.p(FORM.reactivate, class_name="lead"), rx.fragment()),
            class_name="page-head",
        ),
        rx.cond(FORM.problem != "", _impossible(), _form()),
    )


def _impossible() -> rx.Component:
    """Why not, and the next step: the order that waits already, else back to the service."""
    pay = buttons.link_button(
        text.t("svc.again.pay", number=FORM.open_order), href=f"/ordini/{FORM.open_order}", look="primary"
    )
    first, second = (buttons.link_button(text.t("svc.back"), href=BACK, look=look) for look in service.LOOKS)
    return rx.el.div(
        feedback.callout(None, rx.el.p(FORM.problem), tone="warning"),
        buttons.bar(rx.cond(FORM.open_order != "", rx.fragment(pay, second), first)),
        class_name="stack",
    )


def _form() -> rx.Component:
    asked = rx.fragment(
        agreements.renewal(rx.el.span(FORM.renewal), FILLED),
        rx.cond(State.typed["auto_renew"] == "yes", agreements.saved(kept=State.kept), rx.fragment()),
    )
    return forms.form(
        forms.error_summary(
            State.errors,
            [
                ("gateway", text.t("means.title")),
                ("auto_renew", text.t("wiz.auto_renew")),
                ("accept_terms", text.t("wiz.terms")),
                ("accept_clauses", text.t("wiz.clauses")),
                ("privacy_seen", text.t("wiz.privacy")),
            ],
        ),
        means.choice(FORM.means, value=State.typed["gateway"], errors=State.errors, on_change=_remember("gateway")),
        rx.cond(FORM.freq_max > FORM.freq_min, _years(), rx.fragment()),
        rx.cond(FORM.asks_renewal, asked, rx.fragment()),
        agreements.withdrawal(FORM),
        agreements.terms(FORM, FILLED),
        agreements.clauses(FORM, FILLED),
        agreements.privacy(FORM, FILLED),
        _summary(),
        rx.el.input(type="hidden", name="amount", value=FORM.totals.gross),
        buttons.bar(
            buttons.submit(text.t("wiz.place"), busy=State.placing, class_name="button button--primary button--large")
        ),
        on_submit=State.place,
        key=State.edition.to_string(),
    )


def _years() -> rx.Component:
    """How long, and directly below it what that costs: the summary is out of sight on a phone."""
    stepper = forms.number_stepper(
        "years",
        text.t("wiz.years"),
        value=FORM.years,
        low=FORM.freq_min,
        high=FORM.freq_max,
        on_change=State.set_years,
        hint=text.t("svc.again.years_hint"),
    )
    follows = data.facts(
        (text.t("wiz.new_expiry"), FORM.new_expires),
        (text.t("wiz.price"), rx.el.strong(text.t("svc.with_vat", amount=FORM.totals.gross))),
    )
    return rx.el.div(stepper, rx.el.div(follows, class_name="card"), class_name="stack")


def _summary() -> rx.Component:
    """What is ordered, for how long, for how much and what happens later: directly above the button."""
    answer = rx.match(
        State.typed["auto_renew"],
        ("yes", text.t("acceptance.auto_renew_yes")),
        ("no", text.t("acceptance.auto_renew_no")),
        text.t("wiz.summary.unanswered"),
    )
    later = rx.match(
        State.typed["auto_renew"],
        ("yes", rx.el.p(FORM.renewal)),
        ("no", rx.el.p(text.t("wiz.summary.by_hand", day=FORM.new_expires))),
        rx.fragment(),
    )
    renewal = rx.fragment(data.facts((text.t("wiz.auto_renew"), answer)), later)
    return rx.el.section(
        rx.el.h2(text.t("wiz.summary.title"), class_name="form__title"),
        rx.el.div(
            sums.of(FORM.lines, FORM.totals),
            data.facts(
                (text.t("ord.service"), FORM.label),
                (text.t("svc.again.expires"), FORM.expires),
                (text.t("wiz.new_expiry"), rx.el.strong(FORM.new_expires)),
            ),
            rx.cond(FORM.asks_renewal, renewal, rx.fragment()),
            rx.cond(FORM.moves != "", rx.el.p(FORM.moves), rx.fragment()),
            data.facts((text.t("wiz.summary.email"), FORM.reference_email)),
            aria_live="polite",
            class_name="stack",
        ),
        rx.el.p(text.t("wiz.summary.pay_after"), class_name="hint"),
        class_name="order-summary card",
    )
