"""What the interface says about itself: messages, empty places, waiting."""

from typing import Any, cast

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import icons, status

_ICONS: dict[status.Tone, str] = {
    "neutral": "info",
    "progress": "shield_ellipsis",
    "success": "circle_check",
    "warning": "triangle_alert",
    "problem": "circle_alert",
}


def callout(
    title: text.Words | None,
    *children: rx.Component | text.Words,
    tone: status.Tone = "neutral",
    live: bool = False,
    **props: Any,
) -> rx.Component:
    """A framed message. `live=True` announces it when it appears: a problem at once, the others in a pause."""
    role: dict[str, Any] = {"role": "alert" if tone == "problem" else "status"} if live else {}
    heading = [] if title is None else [rx.el.p(title, class_name="callout__title")]
    return rx.el.div(
        icons.icon(_ICONS[tone], 24),
        rx.el.div(*heading, *children, class_name="callout__body"),
        **{"class_name": f"callout callout--{tone}", **role, **props},
    )


def callout_by(tone: text.Live, title: text.Words | None, *children: rx.Component | text.Words) -> rx.Component:
    """A callout whose tone is known only when the page runs."""
    drawn = [(name, callout(title, *children, tone=name)) for name in _ICONS]
    return cast("rx.Component", rx.match(tone, *drawn, callout(title, *children)))


def empty(icon: str, title: text.Words, explanation: text.Words, *actions: rx.Component) -> rx.Component:
    """A list that has nothing in it yet: what it will hold and the way to fill it."""
    return rx.el.div(
        rx.el.span(icons.icon(icon, 28), class_name="empty__icon"),
        rx.el.p(title, class_name="empty__title"),
        rx.el.p(explanation, class_name="empty__text"),
        *actions,
        class_name="empty",
    )


def skeleton(lines: int = 3) -> rx.Component:
    """The shape of what is being loaded; said once, in words, to who cannot see it."""
    return rx.el.div(rx.el.span(text.t("wait.loading"), class_name="sr-only"), bars(lines), role="status")


def bars(lines: int) -> rx.Component:
    """The shape of some lines of text, without words."""
    drawn = [rx.el.span(class_name="skeleton__line") for _ in range(lines)]
    return rx.el.div(*drawn, aria_hidden="true", class_name="skeleton")


def loaded(ready: text.Live, *children: rx.Component, lines: int = 4) -> rx.Component:
    """The children once `ready`, their shape before."""
    return rx.cond(ready, rx.fragment(*children), skeleton(lines))
