"""Automatic renewal: its state, and the ways out of a debit that came to nothing, the same wherever they are shown."""

from typing import Any, cast

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, status


def state(renewal: text.Live) -> rx.Component:
    """ATTIVO, NON ATTIVO, DISATTIVATO, or that something is still awaited; products without the option say so."""
    drawn = rx.match(
        renewal,
        ("active", status.badge("renewal.status", "on")),
        ("inactive", status.badge("renewal.status", "never")),
        ("disabled", status.badge("renewal.status", "off")),
        ("incomplete", status.tag(text.t("area.renewal_incomplete"), icon="hourglass", tone="warning")),
        rx.el.span(text.t("area.renewal_none")),
    )
    return cast("rx.Component", drawn)


def ways_out(trouble: Any, service_id: text.Live, service: text.Live, *, small: bool = False) -> rx.Component:
    """The buttons for `trouble`, a variable `TroubleView`: the order is paid, and what was in its way mended."""
    pay = buttons.link_button(
        text.t("svc.again.pay", number=trouble.order_number), href=f"/ordini/{trouble.order_number}", small=small
    )
    renew = buttons.link_button(
        text.t("svc.renew_now"),
        href=f"/area-clienti/servizi/{service_id}/rinnova",
        small=small,
        aria_label=text.t("forecast.renew_for", service=service),
    )
    mend = buttons.link_button(
        trouble.fix_label, href=trouble.fix_url, small=small, aria_label=f"{trouble.fix_label}: {service}"
    )
    return rx.fragment(
        rx.cond(trouble.order_number != "", pay, renew), rx.cond(trouble.fix_url != "", mend, rx.fragment())
    )
