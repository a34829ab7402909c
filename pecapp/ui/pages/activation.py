"""`/area-clienti/servizi/<number>/rinnovo`: switching automatic renewal on, with all that it will do in sight."""

from typing import Any

import reflex as rx

from pecapp.services import views
from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, data, feedback, forms, means, renewals
from pecapp.ui.pages import service
from pecapp.ui.states import activation as states

ROUTE = f"{service.ROUTE}/rinnovo"
TITLE_KEY = "svc.on.title"
ON_LOAD = states.Activation.load
State: Any = states.Activation
"""Its vars are variables of the page here; a type checker sees the values they will have."""
PLAN = State.plan
BACK = f"{service.states.ADDRESS}/{PLAN.service_id}"
LATE = PLAN.late != ""
"""Whether the debit comes within a day: what is only true of a later one is not said."""
EXTENDING = State.typed["extend"] == "yes"


def page() -> rx.Component:
    """The form; who asks for another's service, or for none, reads the same calm words."""
    found = rx.cond(PLAN.service_id != 0, _activation(), service.missing())
    return layout.page(
        feedback.loaded(State.asked == address.part("servizio"), found, lines=6),
        here="/area-clienti",
        width="text",
    )


def _activation() -> rx.Component:
    return rx.fragment(
        rx.el.div(
            service.back(PLAN.label, BACK),
            rx.el.h1(
                rx.cond(State.changing, text.t("svc.on.change_title"), text.t("svc.on.title")), class_name="title"
            ),
            class_name="page-head",
        ),
        rx.cond(PLAN.problem != "", _impossible(), _form()),
    )


def _impossible() -> rx.Component:
    return rx.el.div(
        feedback.callout(None, rx.el.p(PLAN.problem), tone="warning"),
        buttons.bar(buttons.link_button(text.t("svc.back"), href=BACK, look="primary")),
        class_name="stack",
    )


def _note(field: text.Words) -> Any:
    """Sends each change of `field`, so that the plan follows."""
    return lambda entered: State.note(field, entered)


def _form() -> rx.Component:
    free = text.t("svc.on.no_method")
    go = rx.cond(State.changing, text.t("svc.on.save"), text.t("svc.on.go"))
    return forms.form(
        forms.error_summary(
            State.errors,
            [
                ("means", text.t("svc.method")),
                ("consent", text.t("svc.on.consent")),
                ("confirm_now", text.t("svc.on.late")),
            ],
        ),
        rx.el.div(
            rx.cond(State.kept, rx.fragment(), rx.el.p(rx.cond(LATE, text.t("svc.on.no_method_late"), free))),
            means.choice(
                PLAN.means,
                value=PLAN.chosen,
                errors=State.errors,
                on_change=_note("means"),
                name="means",
                title=text.t("svc.method"),
            ),
            class_name="stack",
        ),
        rx.cond(PLAN.freq_max > PLAN.freq_min, _years(), rx.fragment()),
        rx.cond(State.extendable, _extension(), rx.fragment()),
        rx.el.div(rx.cond(PLAN.ceiling.amount != "", means.ceiling(PLAN.ceiling, debited=LATE)), aria_live="polite"),
        _summary(),
        _boxes(),
        rx.cond(
            State.problem != "",
            feedback.callout(None, rx.el.p(State.problem), tone="problem", live=True),
            rx.fragment(),
        ),
        rx.el.input(type="hidden", name="amount", value=PLAN.amount),
        rx.el.input(type="hidden", name="ceiling", value=PLAN.ceiling.amount),
        rx.cond(State.again, rx.el.p(text.t("svc.on.again")), rx.fragment()),
        buttons.bar(
            buttons.submit(
                rx.cond((PLAN.ceiling.amount != "") | (PLAN.consent != ""), text.t("svc.on.authorise"), go),
                busy=State.going,
                class_name="button button--primary button--large",
            ),
            buttons.link_button(text.t("svc.on.leave"), href=BACK),
        ),
        on_submit=State.confirm,
        key=State.edition.to_string(),
    )


def _years() -> rx.Component:
    """How long each term is, and directly below it what it costs: the summary is out of sight on a phone."""
    stepper = forms.number_stepper(
        "years",
        text.t("wiz.years"),
        value=PLAN.years,
        low=PLAN.freq_min,
        high=PLAN.freq_max,
        on_change=State.set_years,
        hint=text.t("svc.on.years_hint"),
    )
    amount = rx.el.strong(text.t("svc.with_vat", amount=PLAN.amount))
    follows = data.facts((text.t("svc.on.each_renewal"), amount))
    return rx.el.div(stepper, rx.el.div(follows, class_name="card"), class_name="stack")


def _extension() -> rx.Component:
    """«Estendi a tutti i servizi»: nothing is ticked by us; then each can be taken out again."""
    return rx.el.div(
        forms.checkbox(
            "extend",
            text.t("svc.on.extend"),
            detail=text.t("wiz.extend_hint"),
            default_checked=EXTENDING,
            on_change=_note("extend"),
        ),
        rx.el.ul(rx.foreach(PLAN.extensions, _extended), class_name="extensions extensions--flush"),
        class_name="card",
    )


def _extended(other: views.ExtensionView) -> rx.Component:
    name = f"extend_{other.service_id}"
    terms = text.t(
        "wiz.extend_terms",
        expires=other.expires,
        amount=other.amount,
        day=other.debit_on,
        years=other.frequency,
    )
    said = rx.el.div(
        rx.el.p(rx.cond(other.excluded != "", text.t("svc.on.excluded", why=other.excluded), terms)),
        rx.el.p(renewals.state(other.state)),
        class_name="extended",
    )
    box = forms.checkbox(
        name,
        other.label,
        detail=said,
        default_checked=State.typed.get(name, "yes") == "yes",
        on_change=_note(name),
    )
    shown = rx.el.div(rx.el.p(other.label), rx.el.div(said, class_name="hint"), class_name="extended--out")
    return rx.el.li(rx.cond(EXTENDING & (other.excluded == ""), box, shown))


def _summary() -> rx.Component:
    """What will happen, always above the last click."""
    amount = rx.el.strong(text.t("svc.with_vat", amount=PLAN.amount))
    later = data.facts(
        (text.t("svc.on.today"), PLAN.amount_today),
        (text.t("svc.on.at_renewal"), amount),
        (text.t("svc.debit_on"), PLAN.debit_on),
    )
    others = rx.el.dl(rx.foreach(State.extended, _other_debit), class_name="facts")
    stop_by = rx.el.p(text.t("svc.on.stop_by", day=PLAN.stop_by))
    return rx.el.section(
        rx.el.h2(text.t("svc.on.summary"), class_name="form__title"),
        rx.el.div(
            data.facts(
                (text.t("ord.service"), PLAN.label),
                (text.t("area.expires"), PLAN.expires),
                (text.t("wiz.years"), PLAN.years),
            ),
            rx.cond(State.chosen != "", data.facts((text.t("svc.method"), State.chosen)), rx.fragment()),
            rx.cond(LATE, data.facts((text.t("svc.on.within_a_day"), amount)), later),
            rx.cond(State.extended.length() > 0, others, rx.fragment()),
            rx.cond(PLAN.stop_by != "", stop_by, rx.fragment()),
            aria_live="polite",
            class_name="stack",
        ),
        rx.cond(LATE, rx.fragment(), rx.el.p(text.t("svc.on.prices"), class_name="hint")),
        class_name="order-summary card",
    )


def _other_debit(other: views.ExtensionView) -> rx.Component:
    terms = text.t("svc.on.other_debit", amount=other.amount, day=other.debit_on)
    return rx.el.div(rx.el.dt(other.label), rx.el.dd(terms), class_name="facts__row")


def _boxes() -> rx.Component:
    """What has to be agreed to before the last click: a new method that is kept, a debit that comes at once."""
    consent = forms.checkbox(
        "consent",
        PLAN.consent,
        errors=State.errors,
        default_checked=State.typed["consent"] == "yes",
        on_change=_note("consent"),
    )
    late = forms.checkbox(
        "confirm_now",
        PLAN.late,
        errors=State.errors,
        default_checked=State.typed["confirm_now"] == "yes",
        on_change=_note("confirm_now"),
    )
    return rx.fragment(
        rx.cond(PLAN.consent != "", consent, rx.fragment()),
        rx.cond(PLAN.late != "", late, rx.fragment()),
    )
