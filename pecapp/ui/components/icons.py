"""Icons and the seal. All are decoration: the words beside them say the same, so assistive technology skips them."""

import reflex as rx


def icon(name: str, size: int = 20) -> rx.Component:
    """A line icon by its Lucide name."""
    return rx.icon(name, size=size, class_name="icon", aria_hidden="true")


def seal(class_name: str = "seal") -> rx.Component:
    """The wax seal with the product's initial; the picture is `assets/seal.svg`, which a provider replaces."""
    return rx.el.img(src="/seal.svg", alt="", class_name=class_name)
