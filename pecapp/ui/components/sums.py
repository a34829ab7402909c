"""What something costs: lines, net, IVA and the total with IVA."""

import reflex as rx

from pecapp.services import views
from pecapp.ui import text
from pecapp.ui.components import data


def of(lines: rx.Var[list[views.LineView]], totals: views.TotalsView) -> rx.Component:
    """The lines of a basket or an order and their sum; the total with IVA is the figure that stands out."""
    return rx.el.div(
        rx.el.dl(rx.foreach(lines, _line), class_name="lines"),
        data.lines(
            rx.cond(totals.discount != "", data.line(_discount(totals), totals.discount), rx.fragment()),
            data.line(text.t("sums.net"), totals.net),
            data.line(text.t("sums.vat", rate=totals.vat_rate), totals.vat),
            rx.cond(
                totals.ordinary_gross != "",
                data.line(text.t("sums.ordinary"), rx.el.s(totals.ordinary_gross)),
                rx.fragment(),
            ),
            data.line(text.t("sums.gross"), totals.gross, strong=True),
        ),
        class_name="sums",
    )


def _line(line: views.LineView) -> rx.Component:
    many = rx.cond(line.quantity > 1, rx.el.span(line.quantity, " × ", line.name), rx.el.span(line.name))
    return data.line(many, line.net, detail=line.detail)


def _discount(totals: views.TotalsView) -> rx.Var[str]:
    return text.t("sums.discount", code=totals.discount_code)
