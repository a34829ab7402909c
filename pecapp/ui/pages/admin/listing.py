"""What the staff's lists have in common: what can be asked for above, rows, the ways to the pages beside this one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import reflex as rx

from pecapp.services.admin import lists, views
from pecapp.ui import text
from pecapp.ui.components import buttons, data, feedback, forms, icons, status
from pecapp.ui.pages import charge
from pecapp.ui.pages.admin import frame

ICONS = {
    **charge.ICONS,
    "payment": "landmark",
    "act": "user_check",
    "note": "sticky_note",
    "withdrawal": "undo_2",
    "dispute": "triangle_alert",
}
_GROUPS = {
    "motivo": "adm.reason",
    "gateway": "history.gateway",
    "tipo": "adm.kind",
    "canale": "adm.channel",
    "rinnovo": "adm.renewal",
    "atto": "staff.act",
}
"""The words of what can be asked of a filter; those of a status are each list's own."""


@dataclass(frozen=True)
class Look:
    """How one list looks; what can be asked of it is `lists.LISTS[name]`."""

    name: str
    """As in `lists.LISTS`, and the last part of its address."""
    title: str
    statuses: str
    """The words of its statuses."""
    columns: Sequence[data.Column]
    icon: str

    @property
    def route(self) -> str:
        """Its address."""
        return f"/admin/{self.name}"


def page(look: Look, state: text.Live) -> rx.Component:
    """A list, with the State that has its rows."""
    empty = feedback.empty(
        look.icon, text.t("adm.empty"), rx.cond(state.partial, text.t("adm.partial"), text.t("adm.empty_text"))
    )
    return frame.page(
        feedback.loaded(
            state.ready,
            rx.fragment(_asked(look, state), key=state.export),
            data.table(text.t(look.title), look.columns, state.rows, empty=empty),
            rx.cond(state.partial & (state.rows.length() > 0), _goes_on(), rx.fragment()),
            _ways(state),
            lines=10,
        ),
        here=look.route,
        title=text.t(look.title),
        lead=text.t(f"{look.title}.lead"),
    )


def _asked(look: Look, state: text.Live) -> rx.Component:
    """Filters, period and order; sent together, so that the address says all of it."""
    listing = lists.LISTS[look.name].listing
    chosen = state.chosen
    groups = _GROUPS | {"stato": look.statuses}
    fields = [_typed(name, state) for name in lists.LISTS[look.name].means]
    fields += [
        forms.select_field(
            name,
            text.t(f"adm.filter.{name}"),
            [(value, text.t(f"{groups[name]}.{value}")) for value in listing.filters[column]],
            **_any(chosen[name]),
        )
        for name, column in lists.ADDRESSED.items()
        if column in listing.filters
    ]
    fields += [
        forms.text_field(name, text.t(f"adm.{name}"), type="date", required=False, default_value=chosen[name])
        for name in (lists.SINCE, lists.UNTIL)
    ]
    sorts = [(name, text.t(f"adm.sort.{name}")) for name in listing.sorts]
    fields.append(
        forms.select_field(
            lists.SORT,
            text.t("adm.sort"),
            sorts,
            default_value=rx.cond(chosen[lists.SORT] != "", chosen[lists.SORT], sorts[0][0]),
        )
    )
    return filters(
        state,
        look.route,
        *fields,
        above=_one_customer(chosen[lists.CUSTOMER]) if "account_id" in listing.table.c else None,
        beside=buttons.link_button(
            text.t("adm.export"), href=state.export, icon="download", document=True, download=True
        ),
    )


def filters(
    state: text.Live,
    route: str,
    *fields: rx.Component,
    above: rx.Component | None = None,
    beside: rx.Component | None = None,
) -> rx.Component:
    """What narrows a list, sent together by `state.narrow`, and the way back to all of it; `beside` is another act."""
    return forms.form(
        above or rx.fragment(),
        rx.el.div(*fields, class_name="filters__fields"),
        rx.el.div(
            buttons.submit(text.t("adm.apply"), look="secondary", icon="search"),
            buttons.link(text.t("adm.reset"), href=route),
            beside or rx.fragment(),
            class_name="filters__acts",
        ),
        on_submit=state.narrow,
        class_name="form filters",
        aria_label=text.t("adm.filters"),
    )


def _any(chosen: text.Live) -> dict[str, Any]:
    """A choice of which none need be made."""
    return {"prompt": text.t("adm.all"), "required": False, "default_value": chosen}


def _typed(name: str, state: text.Live) -> rx.Component:
    """A field for an address or a number; who of the staff it was is chosen among them."""
    label, chosen = text.t(f"adm.filter.{name}"), state.chosen[name]
    if name == lists.WHO:
        return forms.select_field(name, label, state.people, **_any(chosen))
    return forms.text_field(
        name,
        label,
        hint=text.t(f"adm.filter.{name}.hint"),
        required=False,
        type="search",
        auto_complete="off",
        default_value=chosen,
    )


def _one_customer(account_id: text.Live) -> rx.Component:
    """That the list holds one customer's rows only, which the form goes on asking for."""
    shown = rx.fragment(
        rx.el.input(type="hidden", name=lists.CUSTOMER, value=account_id),
        rx.el.p(buttons.link(text.t("adm.one_customer"), href=f"/admin/clienti/{account_id}")),
    )
    return rx.cond(account_id != "", shown, rx.fragment())


def _goes_on() -> rx.Component:
    return rx.el.p(text.t("adm.partial"), class_name="hint")


def _ways(state: text.Live) -> rx.Component:
    newer = buttons.link_button(text.t("adm.newer"), href=state.newer, icon="arrow_left")
    older = buttons.link_button(text.t("adm.older"), href=state.older, icon_after="arrow_right")
    return rx.el.nav(
        rx.cond(state.newer != "", newer, rx.fragment()),
        rx.cond(state.older != "", older, rx.fragment()),
        aria_label=text.t("adm.pages"),
        class_name="pager",
    )


# --- cells ------------------------------------------------------------------------------------------------------------


def column(name: str, cell: Callable[[text.Live], data.Content], *, numeric: bool = False) -> data.Column:
    """A column with the heading `adm.col.<name>`."""
    return data.Column(text.t(f"adm.col.{name}"), cell, numeric=numeric)


def customer(row: text.Live) -> rx.Component:
    """The way to a row's customer."""
    return buttons.link(row.customer, href=f"/admin/clienti/{row.account_id}")


def order(number: text.Live) -> rx.Component:
    """The way to an order."""
    return buttons.link(number, href=f"/admin/ordini/{number}")


def moment(row: text.Live) -> rx.Component:
    """When a row came about."""
    return rx.el.time(row.created, date_time=row.iso)


def two(first: text.Live, second: text.Live) -> rx.Component:
    """A value with another one below it, which may be missing."""
    return rx.el.div(
        rx.el.span(first),
        rx.cond(second != "", rx.el.span(second, class_name="line__detail"), rx.fragment()),
        class_name="named",
    )


def gateway(row: text.Live) -> rx.Var[str]:
    """Whose payment it is."""
    return text.choose("history.gateway", row.gateway)


def renewal(row: text.Live) -> rx.Component:
    """How a service's automatic renewal stands, and on what it is charged."""
    words = rx.cond(row.renewal != "", text.choose("adm.renewal", row.renewal), text.t("adm.renewal.none"))
    return two(words, row.means)


def attempt_status(row: text.Live) -> rx.Component:
    """How a try to pay stands, and why."""
    return rx.el.div(
        status.badge("attempt.status", row.status),
        rx.cond(row.why != "", rx.el.span(row.why, class_name="line__detail"), rx.fragment()),
        class_name="named",
    )


def service_columns(*more: data.Column) -> list[data.Column]:
    """A customer's services, with what stands beside each of them."""
    return [
        column("service", lambda row: two(row.label, row.name)),
        column("status", lambda row: status.badge("service.status", row.status)),
        column("renewal", renewal),
        column("expires", lambda row: rx.el.time(row.expires, date_time=row.iso)),
        *more,
    ]


def shelf(
    title: str, rows: text.Live, columns: Sequence[data.Column], *, all_of_them: text.Live = None
) -> rx.Component:
    """A part of a page: some rows under a heading, the words of `title`; the way to all of them, if there is one."""
    more = [] if all_of_them is None else [rx.el.p(buttons.link(text.t("adm.all_of_them"), href=all_of_them))]
    return rx.el.section(
        rx.el.h2(text.t(title), class_name="shelf__title"),
        data.table(text.t(title), columns, rows, empty=rx.el.p(text.t("adm.none"), class_name="hint")),
        *more,
        class_name="stack",
    )


# --- what happened ----------------------------------------------------------------------------------------------------


def chain(title: text.Words, steps: text.Live, *, lead: text.Words) -> rx.Component:
    """A timeline."""
    return rx.el.section(
        rx.el.h2(title, class_name="shelf__title"),
        rx.el.p(lead, class_name="hint"),
        rx.cond(
            steps.length() > 0,
            rx.el.ol(rx.foreach(steps, _step), class_name="chain"),
            rx.el.p(text.t("adm.nothing_yet")),
        ),
        class_name="stack",
    )


def _step(step: views.EventView) -> rx.Component:
    marks = [(kind, icons.icon(name, 18)) for kind, name in ICONS.items()]
    more = buttons.link(text.t("adm.see"), href=step.href, aria_label=f"{step.title}, {step.at}")
    return rx.el.li(
        rx.el.span(cast("rx.Component", rx.match(step.kind, *marks, rx.fragment())), class_name="chain__mark"),
        rx.el.div(
            rx.el.p(rx.el.time(step.at, date_time=step.iso), class_name="overline"),
            rx.el.h3(step.title, class_name="chain__title"),
            rx.cond(step.text != "", rx.el.p(step.text), rx.fragment()),
            charge.facts(step.facts),
            rx.cond(step.href != "", rx.el.p(more), rx.fragment()),
            class_name="chain__body",
        ),
        class_name=f"chain__step chain__step--{step.tone}",
    )
