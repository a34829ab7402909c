"""`/rinnovi/<number>`: «Perché questo addebito?», one renewal with the chain of facts behind it."""

from typing import Any, cast

import reflex as rx

from pecapp.services import history_views
from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, data, feedback, icons, status
from pecapp.ui.pages import renewals, service
from pecapp.ui.states import renewals as states

ROUTE = f"{renewals.ROUTE}/[numero]"
TITLE_KEY = "history.ask"
ON_LOAD = states.Chain.load
State: Any = states.Chain
"""Its vars are variables of the page here; a type checker sees the values they will have."""
CHAIN = State.chain
ICONS = {
    "consent": "signature",
    "mandate": "shield_check",
    "activation": "repeat",
    "choice": "wallet",
    "notice": "mail_check",
    "sms": "message_square",
    "order": "file_text",
    "attempt": "arrow_up_right",
    "answer": "landmark",
    "held_back": "ban",
    "event": "badge_check",
    "receipt": "receipt",
    "expiry": "calendar_check",
    "refund": "undo_2",
    "closed": "ban",
    "mail": "mail",
}
"""The icon of each kind of step."""


def page() -> rx.Component:
    """One renewal; who asks for another's, or for none, reads the same calm words."""
    return layout.page(
        feedback.loaded(
            State.asked == address.part("numero"), rx.cond(CHAIN.number != "", _charge(), _missing()), lines=8
        ),
        here=renewals.ROUTE,
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1(text.t("history.missing.title"), class_name="title"),
        rx.el.p(text.t("history.missing.text"), class_name="lead"),
        buttons.bar(buttons.link_button(text.t("history.see_all"), href=renewals.ROUTE, look="primary")),
        class_name="stack",
    )


def _charge() -> rx.Component:
    return rx.el.div(
        rx.el.div(
            service.back(text.t("history.title"), renewals.ROUTE),
            rx.el.h1(text.t(TITLE_KEY), class_name="title"),
            class_name="page-head",
        ),
        rx.el.div(
            rx.el.div(
                _summary(),
                rx.cond(CHAIN.coming != "", _coming(), rx.fragment()),
                class_name="why__summary stack",
            ),
            rx.el.section(
                rx.el.h2(text.t("history.chain"), class_name="shelf__title"),
                rx.el.ol(rx.foreach(CHAIN.steps, _step), class_name="chain"),
                class_name="stack",
            ),
            class_name="why",
        ),
        class_name="order",
    )


def _summary() -> rx.Component:
    means = rx.cond(CHAIN.means != "", CHAIN.means, text.t("history.no_method"))
    return rx.el.section(
        rx.el.h2(CHAIN.service, class_name="card__title renewals__service"),
        data.amount(CHAIN.amount, text.t("ord.with_vat")),
        rx.el.div(
            status.badge("order.status", CHAIN.status),
            rx.cond(CHAIN.why != "", rx.el.p(CHAIN.why), rx.fragment()),
            role="status",
            class_name="charge__light",
        ),
        data.facts(
            (text.t("history.day"), CHAIN.on),
            (text.t("history.method"), means),
            (text.t("history.way"), renewals.way(CHAIN.automatic)),
        ),
        class_name="card stack",
    )


def _coming() -> rx.Component:
    """What happens next; to pay is the page's one main action, where that can be done."""
    pay = buttons.link_button(CHAIN.coming_link, href=CHAIN.coming_href, look="primary")
    see = buttons.link_button(CHAIN.coming_link, href=CHAIN.coming_href, icon_after="arrow_right")
    return rx.el.section(
        rx.el.h2(text.t("history.coming"), class_name="card__title"),
        rx.el.p(CHAIN.coming),
        rx.cond(CHAIN.coming_href != "", buttons.bar(rx.cond(CHAIN.can_pay, pay, see)), rx.fragment()),
        class_name="card stack",
    )


def _step(step: history_views.StepView) -> rx.Component:
    marks = [(kind, icons.icon(name, 18)) for kind, name in ICONS.items()]
    leading = rx.cond(
        step.document,
        buttons.document_link(step.link, href=step.href, target="_blank"),
        buttons.link(step.link, href=step.href, aria_label=f"{step.link}: {step.title}, {step.at}"),
    )
    return rx.el.li(
        rx.el.span(cast("rx.Component", rx.match(step.kind, *marks, rx.fragment())), class_name="chain__mark"),
        rx.el.div(
            rx.el.p(rx.el.time(step.at, date_time=step.iso), class_name="overline"),
            rx.el.h3(step.title, class_name="chain__title"),
            rx.cond(step.text != "", rx.el.p(step.text), rx.fragment()),
            facts(step.facts),
            rx.cond(step.href != "", rx.el.p(leading), rx.fragment()),
            class_name="chain__body",
        ),
        class_name=f"chain__step chain__step--{step.tone}",
    )


def facts(told: text.Live) -> rx.Component:
    """Names and values beside a step, where there are any."""
    return rx.cond(told.length() > 0, rx.el.dl(rx.foreach(told, _fact), class_name="facts"), rx.fragment())


def _fact(fact: history_views.FactView) -> rx.Component:
    return rx.el.div(rx.el.dt(fact.name), rx.el.dd(fact.value), class_name="facts__row")
