"""The frame of the staff's pages: where one can go, the search that is always at hand, the question before each act.

A page module has `ROUTE`, `TITLE_KEY`, `ON_LOAD`, and `page()` that returns `frame.page(...)`; its State has
`_policy: ClassVar[str] = "admin"`. Buttons of `components.admin_acts` work in every one of them.
"""

from typing import Any, Literal

import reflex as rx
from reflex_base.utils.imports import ImportDict

from pecapp.domain import staff
from pecapp.ui import layout, text
from pecapp.ui.components import admin_acts, buttons, feedback, forms, icons
from pecapp.ui.states import visitor
from pecapp.ui.states.admin import lasting as states

Lasting: Any = states.Lasting
"""Its vars are variables of the page here; a type checker sees the values they will have."""
SEARCH = "/admin/cerca"
PLACES = (
    ("/admin", "staff.nav.board", staff.Right.READ),
    ("/admin/clienti", "staff.nav.customers", staff.Right.READ),
    ("/admin/ordini", "staff.nav.orders", staff.Right.READ),
    ("/admin/pagamenti", "staff.nav.payments", staff.Right.READ),
    ("/admin/servizi", "staff.nav.services", staff.Right.READ),
    ("/admin/metodi", "staff.nav.methods", staff.Right.READ),
    ("/admin/addebiti", "staff.nav.batch", staff.Right.READ),
    ("/admin/notifiche", "staff.nav.events", staff.Right.READ),
    ("/admin/posta", "staff.nav.mails", staff.Right.READ),
    ("/admin/quadratura", "staff.nav.ledger", staff.Right.READ),
    ("/admin/contestazioni", "staff.nav.disputes", staff.Right.READ),
    ("/admin/listino", "staff.nav.selling", staff.Right.READ),
    ("/admin/registro", "staff.nav.acts", staff.Right.STAFF),
    ("/admin/personale", "staff.nav.people", staff.Right.STAFF),
)


def page(
    *content: rx.Component,
    here: str,
    title: text.Words,
    lead: text.Words | None = None,
    above: rx.Component | None = None,
    width: Literal["wide", "text"] = "wide",
) -> rx.Component:
    """A whole page of the staff. `here` is the place that the navigation marks, `title` and `lead` its heading."""
    words = [] if lead is None else [rx.el.p(lead, class_name="lead")]
    return layout.page(
        _lasting(),
        rx.el.div(
            _places(here),
            rx.el.div(
                _search(),
                *([] if above is None else [above]),
                rx.el.div(rx.el.h1(title, class_name="title"), *words, class_name="page-head"),
                *content,
                class_name=f"desk__content desk__content--{width}",
            ),
            class_name="desk",
        ),
        admin_acts.dialog(),
        staff=True,
    )


class Leave(rx.Fragment):
    """Once the session has ended the browser leaves for another document: nothing stays in the tab, nor behind «back».

    The router would keep this one, and with it what the page has shown.
    """

    def add_imports(self) -> ImportDict:
        """React's part that the hook uses."""
        return {"react": "useEffect"}

    def add_hooks(self) -> list[str | rx.Var]:
        """Leave as soon as there is a way back, in place of the page that is left."""
        way = Lasting.way_back
        return [rx.Var(f"useEffect(() => {{ if ({way}) window.location.replace({way}); }}, [{way}]);")]


def _lasting() -> rx.Component:
    """What is said of a session that is about to end; its place is always there, so that it is announced."""
    soon = feedback.callout(
        text.t("staff.session.soon"),
        rx.el.p(text.t("staff.session.until", at=Lasting.ends)),
        buttons.bar(buttons.button(text.t("staff.session.stay"), look="primary", on_click=Lasting.prolong)),
        tone="warning",
    )
    final = feedback.callout(
        text.t("staff.session.soon"), rx.el.p(text.t("staff.session.final", at=Lasting.ends)), tone="warning"
    )
    near = rx.cond(Lasting.ends != "", rx.cond(Lasting.final, final, soon), rx.fragment())
    return rx.fragment(rx.el.div(near, role="alert", class_name="flash-place"), Leave.create())


def may(right: staff.Right, *children: rx.Component) -> rx.Component:
    """What is drawn only for those of the staff who have this right; the services ask for it again."""
    having = [role.value for role in staff.Role if right in staff.RIGHTS[role]]
    return rx.cond(rx.Var.create(having).contains(visitor.Visitor.staff_role), rx.fragment(*children), rx.fragment())


def _places(here: str) -> rx.Component:
    """Where one can go: beside the page, and behind a button that says where one is where there is no room."""

    def draw(route: str, key: str, right: staff.Right) -> rx.Component:
        current = {"aria_current": "page"} if route == here else {}
        place = rx.el.li(buttons.link(text.t(key), href=route, class_name="desk__place", **current))
        return place if right is staff.Right.READ else may(right, place)

    def places() -> rx.Component:
        return rx.el.ul(*(draw(*place) for place in PLACES), class_name="desk__places")

    current = next((key for route, key, _ in PLACES if route == here), "staff.nav")
    button = rx.el.summary(
        icons.icon("menu"), rx.el.span(text.t(current)), icons.icon("chevron_down", 18), class_name="desk__menu-button"
    )
    return rx.el.nav(
        rx.el.details(button, places(), class_name="desk__menu"),
        rx.el.div(places(), class_name="desk__side"),
        aria_label=text.t("staff.nav"),
        class_name="desk__nav",
    )


def _search() -> rx.Component:
    return rx.el.div(
        forms.native_form(
            rx.el.label(text.t("staff.search.label"), html_for="q", class_name="sr-only"),
            rx.el.input(
                type="search",
                id="q",
                name="q",
                class_name="input",
                placeholder=text.t("staff.search.hint"),
                auto_complete="off",
                max_length=100,
            ),
            rx.el.button(
                icons.icon("search"),
                rx.el.span(text.t("staff.search"), class_name="sr-only"),
                type="submit",
                class_name="icon-button",
            ),
            action=SEARCH,
            method="get",
            class_name="desk__search",
        ),
        role="search",
    )
