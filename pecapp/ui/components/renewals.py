"""Automatic renewal: its state, in the same words wherever it is shown."""

from typing import cast

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import status


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
