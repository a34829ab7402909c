"""`/admin/listino`: prices, promotions, discount codes."""

from typing import Any

import reflex as rx

from pecapp.domain import catalog, staff
from pecapp.services.admin import selling as services
from pecapp.ui import text
from pecapp.ui.components import admin_acts, buttons, data, feedback, forms, icons, status
from pecapp.ui.pages.admin import frame
from pecapp.ui.states.admin import selling as states

ROUTE = "/admin/listino"
TITLE_KEY = "staff.selling.title"
ON_LOAD = states.Selling.load
State: Any = states.Selling
"""Its vars are variables of the page here; a type checker sees the values they will have."""


def page() -> rx.Component:
    """What is sold, then the codes; whoever may change them finds a form under each."""
    return frame.page(
        feedback.loaded(
            State.ready,
            frame.may(staff.Right.SELL, rx.fragment(_price_form(), _promotion_form(), key=State.written.to_string())),
            rx.el.section(
                rx.el.h2(text.t("staff.selling.products"), class_name="shelf__title"),
                rx.foreach(State.selling.products, _product),
                class_name="shelf",
            ),
            rx.el.section(
                rx.el.h2(text.t("staff.selling.codes"), class_name="shelf__title"),
                frame.may(staff.Right.SELL, rx.fragment(_code_form(), key=State.written.to_string())),
                _codes(),
                class_name="shelf",
            ),
            lines=8,
        ),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("staff.selling.lead"),
    )


def _product(product: services.ProductView) -> rx.Component:
    prices = [
        data.Column(text.t("staff.selling.since"), lambda row: row.since),
        data.Column(text.t("staff.selling.cost"), lambda row: row.cost, numeric=True),
        data.Column(text.t("staff.selling.first_year"), lambda row: row.first_year, numeric=True),
        data.Column(text.t("staff.selling.state"), lambda row: status.badge("offer.status", row.state)),
        data.Column(
            text.t("staff.selling.acts"), lambda row: _if_coming(row.state, "withdraw_price", row.price_id, row.since)
        ),
    ]
    promotions = [
        data.Column(text.t("staff.selling.cost"), lambda row: row.cost, numeric=True),
        data.Column(text.t("staff.selling.since"), lambda row: row.since),
        data.Column(text.t("staff.selling.until"), lambda row: row.until),
        data.Column(text.t("staff.selling.state"), lambda row: status.badge("offer.status", row.state)),
        data.Column(
            text.t("staff.selling.acts"),
            lambda row: _unless_past(row.state, "end_promotion", row.promotion_id, product.name),
        ),
    ]
    return rx.el.details(
        rx.el.summary(rx.el.strong(product.name), " ", rx.el.span(product.now, class_name="hint")),
        rx.el.div(
            data.table(text.t("staff.selling.prices"), prices, product.prices, empty=rx.fragment()),
            rx.el.h3(text.t("staff.selling.promotions"), class_name="card__title"),
            data.table(
                text.t("staff.selling.promotions"),
                promotions,
                product.promotions,
                empty=rx.el.p(text.t("staff.selling.no_promotions"), class_name="hint"),
            ),
            class_name="stack",
        ),
        class_name="card",
    )


def _if_coming(state: text.Live, kind: str, subject: text.Live, name: text.Words) -> rx.Component:
    return rx.cond(
        state == "coming", frame.may(staff.Right.SELL, admin_acts.button(kind, subject, name)), rx.fragment()
    )


def _unless_past(state: text.Live, kind: str, subject: text.Live, name: text.Words) -> rx.Component:
    return rx.cond(state == "past", rx.fragment(), frame.may(staff.Right.SELL, admin_acts.button(kind, subject, name)))


def _codes() -> rx.Component:
    columns = [
        data.Column(text.t("staff.selling.code"), lambda row: rx.el.code(row.code)),
        data.Column(text.t("staff.selling.what"), lambda row: row.what),
        data.Column(text.t("staff.selling.on"), lambda row: row.products),
        data.Column(text.t("staff.selling.until"), lambda row: row.until),
        data.Column(text.t("staff.selling.uses"), lambda row: row.uses, numeric=True),
        data.Column(text.t("staff.selling.state"), lambda row: status.badge("offer.status", row.state)),
        data.Column(text.t("staff.selling.acts"), lambda row: _unless_past(row.state, "end_code", row.code, row.code)),
    ]
    empty = feedback.empty("ticket_percent", text.t("staff.selling.no_codes"), text.t("staff.selling.no_codes_text"))
    return data.table(text.t("staff.selling.codes"), columns, State.selling.codes, empty=empty)


# --- the forms --------------------------------------------------------------------------------------------------------


def _form(name: str, on_submit: Any, *fields: rx.Component) -> rx.Component:
    """A form that opens, with what is wrong above its fields; what was typed stays until it is added."""
    return rx.el.details(
        rx.el.summary(text.t(f"staff.selling.{name}.add")),
        forms.form(
            _summary(name),
            *fields,
            _field(name, "why", hint=text.t("staff.why.hint")),
            buttons.bar(buttons.submit(text.t(f"staff.selling.{name}.button"))),
            on_submit=on_submit,
        ),
        class_name="card",
    )


def _label(field: str) -> text.Words:
    return text.t("staff.why") if field == "why" else text.t(f"staff.selling.{field}")


def _summary(form: str) -> rx.Component:
    """As `forms.error_summary`; of three forms in one page each has its own."""
    names = [(f"{form}_{field}", _label(field)) for field in states.FORMS[form]]
    lines = [
        rx.cond(State.errors.contains(name), forms.problem(name, label, State.errors[name])) for name, label in names
    ]
    listed = feedback.callout(text.t("form.errors.title"), rx.el.ul(*lines), tone="problem")
    said = feedback.callout(None, rx.el.p(State.problem), tone="problem")
    found = rx.cond(State.errors.length() > 0, listed, rx.cond(State.problem != "", said, rx.fragment()))
    return rx.el.div(
        rx.cond(State.form == form, found, rx.fragment()), id=f"problem-{form}", role="alert", tab_index=-1
    )


def _field(form: str, field: str, **props: Any) -> rx.Component:
    given = {"errors": State.errors, "auto_complete": "off", **props}
    return forms.text_field(f"{form}_{field}", _label(field), **given)


def _day(form: str, field: str, least: text.Live, hint: text.Words | None = None) -> rx.Component:
    return _field(form, field, type="date", min=least, hint=hint)


def _net(form: str) -> rx.Component:
    """A net price; what a customer pays for it is said below as soon as it was typed."""
    gross = State.reckoned[form]
    said = rx.cond(gross, rx.el.span(text.t("staff.selling.cost.reckoned", price=gross)), rx.fragment())
    field = _field(form, "net", input_mode="decimal", after="€", on_blur=lambda typed: State.reckon(form, typed))
    return rx.el.div(field, rx.el.p(said, role="status", class_name="hint"), class_name="stack")


def _product_field(form: str, *, every: bool = False) -> rx.Component:
    """The products are known only when the page runs."""
    identifier = f"{form}_product"
    first = [rx.el.option(text.t("staff.code.all"), value="")] if every else []
    wrong = State.errors.contains(identifier)
    said = rx.fragment(icons.icon("circle_alert", 18), rx.el.span(State.errors[identifier]))
    return rx.el.div(
        rx.el.label(_label("product"), html_for=identifier, class_name="field__label"),
        rx.el.div(
            rx.el.select(
                *first,
                rx.foreach(State.selling.products, lambda one: rx.el.option(one.name, value=one.code)),
                id=identifier,
                name=identifier,
                class_name="input input--select",
                aria_invalid=wrong,
                aria_describedby=f"{identifier}-error",
            ),
            icons.icon("chevron_down"),
            class_name="select",
        ),
        rx.el.p(rx.cond(wrong, said), id=f"{identifier}-error", class_name="field__error"),
        class_name="field",
    )


def _price_form() -> rx.Component:
    return _form(
        "price",
        State.add_price,
        _product_field("price"),
        _day("price", "since", State.selling.tomorrow, text.t("staff.selling.from_tomorrow")),
        _net("price"),
        rx.el.p(text.t("staff.selling.price.hint"), class_name="hint"),
    )


def _promotion_form() -> rx.Component:
    tomorrow = State.selling.tomorrow
    return _form(
        "promotion",
        State.add_promotion,
        _product_field("promotion"),
        _day("promotion", "first", tomorrow, text.t("staff.selling.from_tomorrow")),
        _day("promotion", "last", tomorrow),
        _net("promotion"),
        forms.checkbox(
            "promotion_again", _label("again"), detail=text.t("staff.selling.again.hint"), errors=State.errors
        ),
    )


def _code_form() -> rx.Component:
    kinds = [(kind.value, text.t(f"staff.code.kinds.{kind.value}")) for kind in catalog.CodeKind]
    today = State.selling.today
    return _form(
        "code",
        State.add_code,
        _field("code", "code", auto_capitalize="characters"),
        forms.select_field("code_kind", _label("kind"), kinds, errors=State.errors),
        _field("code", "value", input_mode="decimal"),
        _product_field("code", every=True),
        _day("code", "first", today, text.t("staff.selling.from_today")),
        _day("code", "last", today),
        _field("code", "max_uses", input_mode="numeric", required=False),
        _field("code", "max_uses_per_account", input_mode="numeric", required=False),
        forms.checkbox("code_combinable", _label("combinable")),
    )
