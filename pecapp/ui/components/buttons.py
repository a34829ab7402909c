"""Buttons and links. One primary per screen; what destroys never looks primary."""

from typing import Any, Literal

import reflex as rx
from reflex_components_core.el.elements.inline import A

from pecapp.ui import text
from pecapp.ui.components import icons

Look = Literal["primary", "secondary", "quiet", "danger"]


def _content(label: text.Words, icon: str | None, icon_after: str | None) -> list[rx.Component]:
    before = [icons.icon(icon)] if icon else []
    after = [icons.icon(icon_after)] if icon_after else []
    return [*before, rx.el.span(label), *after]


def button(
    label: text.Words,
    *,
    look: Look = "secondary",
    icon: str | None = None,
    icon_after: str | None = None,
    busy: text.Live = None,
    small: bool = False,
    **props: Any,
) -> rx.Component:
    """A button that acts at once (`on_click=...`), or opens a dialog (`**dialogs.opens("id")`).

    While `busy` it keeps its place, width and focus, shows that work goes on and takes no click.
    """
    state: dict[str, Any] = {} if busy is None else {"aria_busy": busy, "aria_disabled": busy}
    size = " button--small" if small else ""
    given: dict[str, Any] = {"type": "button", "class_name": f"button button--{look}{size}", **state, **props}
    return rx.el.button(*_content(label, icon, icon_after), **given)


def submit(label: text.Words, *, look: Look = "primary", **props: Any) -> rx.Component:
    """The button that sends the form around it. Takes what `button` takes."""
    return button(label, look=look, type="submit", **props)


def link(*children: Any, href: text.Words, **props: Any) -> rx.Component:
    """A link to another page of the app, opened without loading everything again."""
    return rx.el.a(*children, href=href, **{"class_name": "link", **props})


def document_link(*children: Any, href: text.Words, **props: Any) -> rx.Component:
    """A link that the browser itself follows: a PDF, a place in the same page, mail, another site.

    (`rx.el.a` is the router's link: it takes every address for one of the app's pages.)
    """
    return A.create(*children, href=href, **{"class_name": "link", **props})


def mail_link(address: str) -> rx.Component:
    """An e-mail address that can be written to."""
    return document_link(address, href=f"mailto:{address}")


def phone_link(number: str) -> rx.Component:
    """A telephone number that can be called."""
    return document_link(number, href=f"tel:{number.replace(' ', '')}")


def link_button(
    label: text.Words,
    *,
    href: text.Words,
    look: Look = "secondary",
    icon: str | None = None,
    icon_after: str | None = None,
    document: bool = False,
    small: bool = False,
    **props: Any,
) -> rx.Component:
    """A link with the look of a button; `document=True` when it does not lead to one of the app's pages."""
    make = document_link if document else link
    size = " button--small" if small else ""
    return make(*_content(label, icon, icon_after), href=href, class_name=f"button button--{look}{size}", **props)


def bar(*children: rx.Component) -> rx.Component:
    """The row where a screen's actions stand, the primary first; on a phone one below the other."""
    return rx.el.div(*children, class_name="actions")
