"""Facts in rows: amounts, lists of facts, tables that become cards on a phone, the paper of a receipt."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import reflex as rx

from pecapp import settings
from pecapp.ui import text
from pecapp.ui.components import icons

Content = rx.Component | text.Words


def amount(money: text.Words, note: text.Words | None = None) -> rx.Component:
    """The one amount of a screen, readable across the room, with a note such as «IVA inclusa»."""
    small = [] if note is None else [rx.el.span(note, class_name="amount__note")]
    return rx.el.p(rx.el.span(money, class_name="amount__figure"), *small, class_name="amount")


def facts(*pairs: tuple[text.Words, Content]) -> rx.Component:
    """Names and values: «Numero d'ordine», 4912...; values may be components."""
    rows = [rx.el.div(rx.el.dt(name), rx.el.dd(value), class_name="facts__row") for name, value in pairs]
    return rx.el.dl(*rows, class_name="facts")


def line(name: Content, money: Content, *, detail: Content | None = None, strong: bool = False) -> rx.Component:
    """One line of an order: what on the left, how much on the right."""
    small = [] if detail is None else [rx.el.span(detail, class_name="line__detail")]
    return rx.el.div(
        rx.el.dt(rx.el.span(name), *small),
        rx.el.dd(money),
        class_name="line line--total" if strong else "line",
    )


def lines(*rows: rx.Component) -> rx.Component:
    """A list of `line`s, the total last."""
    return rx.el.dl(*rows, class_name="lines")


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading and how it draws one row."""

    title: text.Words
    cell: Callable[[text.Live], Content]
    numeric: bool = False


def table(caption: text.Words, columns: Sequence[Column], rows: text.Live, *, empty: rx.Component) -> rx.Component:
    """Rows under headings; on a phone each row is a card with headings beside values. `empty` stands for no rows."""

    def draw(item: text.Live) -> rx.Component:
        cells = [
            rx.el.td(
                rx.el.span(column.title, class_name="table__label", aria_hidden="true"),
                rx.el.div(column.cell(item), class_name="table__value"),
                class_name="table__cell table__cell--number" if column.numeric else "table__cell",
                role="cell",
            )
            for column in columns
        ]
        return rx.el.tr(*cells, class_name="table__row", role="row")

    heads = [
        rx.el.th(
            column.title,
            scope="col",
            role="columnheader",
            class_name="table__head--number" if column.numeric else "",
        )
        for column in columns
    ]
    return rx.cond(
        rows.length() > 0,
        rx.el.table(
            rx.el.caption(caption, class_name="sr-only"),
            rx.el.thead(rx.el.tr(*heads, role="row"), role="rowgroup"),
            rx.el.tbody(rx.foreach(rows, draw), role="rowgroup"),
            class_name="table",
            role="table",
        ),
        empty,
    )


def receipt(
    *children: rx.Component, title: text.Words, number: text.Words, note: text.Words, stamp: text.Words
) -> rx.Component:
    """The paper: something worth keeping. The seal is pressed on it once, when it appears, over the word `stamp`."""
    seller = settings.load()
    return rx.el.article(
        rx.el.header(
            rx.el.div(
                rx.el.h2(title, class_name="paper__title"),
                rx.el.p(number, class_name="paper__number"),
                rx.el.address(
                    rx.el.p(rx.el.strong(seller.seller_name)),
                    rx.el.p(seller.seller_address),
                    rx.el.p(text.t("footer.vat", number=seller.seller_vat_number)),
                    class_name="paper__seller",
                ),
            ),
            rx.el.div(
                icons.seal("seal seal--pressed"),
                rx.el.span(stamp, class_name="paper__word"),
                class_name="paper__stamp",
            ),
            class_name="paper__head",
        ),
        rx.el.div(*children, class_name="paper__body"),
        rx.el.p(note, class_name="paper__note"),
        class_name="paper",
    )
