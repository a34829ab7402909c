"""`/area-clienti`: services, orders to pay, letters."""

from typing import Any

import reflex as rx

from pecapp.services import renewal_views, views
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, data, feedback, renewals, status
from pecapp.ui.pages import orders
from pecapp.ui.states import area as states

ROUTE = "/area-clienti"
TITLE_KEY = "area.title"
ON_LOAD = states.Area.load
State: Any = states.Area
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """What the customer has, what is to be paid, and what was written to them."""
    return layout.page(
        feedback.loaded(
            State.ready,
            rx.cond(State.unpaid.length() > 0, orders.unpaid(State.unpaid), rx.fragment()),
            _services(),
            _orders(),
            _methods(),
            _letters(),
            lines=6,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
    )


def _services() -> rx.Component:
    empty = feedback.empty(
        "package_open",
        text.t("area.no_services"),
        text.t("area.no_services_text"),
        buttons.link_button(text.t("area.browse"), href="/servizi", look="primary"),
    )
    return rx.el.section(
        rx.el.h2(text.t("area.services"), class_name="shelf__title"),
        rx.cond(
            State.services.length() > 0,
            rx.el.ul(rx.foreach(State.services, _service), class_name="grid"),
            empty,
        ),
        class_name="shelf",
    )


def _service(service: renewal_views.ServiceView) -> rx.Component:
    return rx.el.li(
        rx.el.div(
            rx.el.h3(service.label, class_name="card__title"),
            rx.cond(service.label != service.name, rx.el.p(service.name, class_name="hint"), rx.fragment()),
        ),
        rx.el.p(status.badge("service.status", service.status)),
        rx.cond(service.expires != "", data.facts((text.t("area.expires"), service.expires)), rx.fragment()),
        data.facts((text.t("area.renewal"), renewals.state(service.renewal))),
        rx.cond(service.trouble.why != "", _trouble(service), rx.fragment()),
        rx.cond(service.warning != "", _warning(service), rx.fragment()),
        rx.cond(service.end.text != "", rx.el.p(service.end.text, class_name="hint"), rx.fragment()),
        _acts(service),
        rx.el.p(
            buttons.link(text.t("area.order", number=service.order_number), href=f"/ordini/{service.order_number}")
        ),
        key=service.id,  # when their order changes, cards move and do not become others
        class_name="card plan",
    )


def _trouble(service: renewal_views.ServiceView) -> rx.Component:
    """The debit came to nothing: why, what comes next, and what its owner can do."""
    trouble = service.trouble
    return rx.el.div(
        rx.el.p(status.badge("debit.status", trouble.status)),
        rx.el.p(trouble.why, class_name="hint"),
        rx.cond(trouble.following != "", rx.el.p(trouble.following, class_name="hint"), rx.fragment()),
        class_name="stack",
    )


def _acts(service: renewal_views.ServiceView) -> rx.Component:
    """What can be done about the service; what it needs now comes before «Gestisci»."""
    end = service.end
    out = renewals.ways_out(service.trouble, service.id, service.label, small=True)
    reactivate = buttons.link_button(
        text.t("svc.reactivate"),
        href=f"/area-clienti/servizi/{service.id}/rinnova",
        small=True,
        aria_label=text.t("svc.reactivate_which", service=service.label),
    )
    anew = buttons.link_button(
        text.t("svc.buy_again"),
        href=end.buy_url,
        small=True,
        aria_label=text.t("svc.buy_again_which", service=service.label),
    )
    return buttons.bar(
        rx.cond(service.trouble.why != "", out, rx.fragment()),
        rx.cond(end.can_reactivate, reactivate, rx.fragment()),
        rx.cond(end.buy_url != "", anew, rx.fragment()),
        buttons.link_button(
            text.t("area.manage"),
            href=f"/area-clienti/servizi/{service.id}",
            small=True,
            aria_label=text.t("area.manage_which", service=service.label),
        ),
    )


def _warning(service: renewal_views.ServiceView) -> rx.Component:
    """The next debit will not go well: why, and where it is put right."""
    return rx.el.div(
        rx.el.p(status.tag(text.t("svc.at_risk"), icon="triangle_alert", tone="warning")),
        rx.el.p(service.warning, class_name="hint"),
        rx.el.p(
            buttons.link(
                text.t("svc.update"),
                href=f"/area-clienti/servizi/{service.id}",
                aria_label=text.t("svc.update_for", service=service.label),
            )
        ),
        class_name="stack",
    )


def _orders() -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t("area.orders"), class_name="shelf__title"),
        rx.el.p(text.t("area.orders_text")),
        buttons.bar(
            buttons.link_button(text.t("area.all_orders"), href="/ordini", icon_after="arrow_right"),
            buttons.link_button(text.t("history.ask"), href="/rinnovi", icon_after="arrow_right"),
        ),
        class_name="shelf",
    )


def _methods() -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t("area.methods"), class_name="shelf__title"),
        rx.el.p(text.t("area.methods_text")),
        buttons.bar(
            buttons.link_button(text.t("area.see_methods"), href="/metodi-di-pagamento", icon_after="arrow_right"),
            buttons.link_button(text.t("area.see_forecast"), href="/prossimi-addebiti", icon_after="arrow_right"),
        ),
        class_name="shelf",
    )


def _letters() -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t("area.letters"), id=states.LETTERS_ID, tab_index=-1, class_name="shelf__title"),
        rx.cond(
            State.mails.length() > 0,
            rx.el.ul(rx.foreach(State.mails, _letter), class_name="letters"),
            feedback.empty("mail", text.t("area.no_letters"), text.t("area.no_letters_text")),
        ),
        class_name="shelf",
    )


def _letter(mail: views.MailView) -> rx.Component:
    return rx.el.li(
        rx.el.details(
            rx.el.summary(
                rx.el.span(mail.subject, class_name="letter__subject"),
                rx.el.span(mail.sent, class_name="hint"),
                class_name="letter__head",
            ),
            rx.el.pre(mail.text, class_name="letter__text"),
            class_name="letter",
        )
    )
