"""What the app is started with so that it looks and speaks like itself and not like the framework."""

from typing import Any

import reflex as rx
from reflex.components.component import Component
from reflex_base.utils.imports import ImportDict
from reflex_components_core.base.error_boundary import ErrorBoundary

from pecapp import i18n
from pecapp.ui import layout
from pecapp.ui.components import buttons, feedback

_FONTS = ("/fonts/source-sans-3.woff2", "/fonts/newsreader-display.woff2")


class Arrival(rx.Fragment):
    """After a move to another page of the app: focus goes to its content, and an open menu closes."""

    def add_imports(self) -> ImportDict:
        """React's and the router's parts that the hook uses."""
        return {"react": ["useEffect", "useRef"], "react-router": ["useLocation"]}

    def add_hooks(self) -> list[str | rx.Var]:
        """Watch the address; the first one is the browser's own load and moves nothing."""
        return [
            "const { pathname: arrivalPath, hash: arrivalHash } = useLocation();",
            "const arrivedFrom = useRef(arrivalPath + arrivalHash);",
            """useEffect(() => {
  if (arrivedFrom.current === arrivalPath + arrivalHash) return;
  arrivedFrom.current = arrivalPath + arrivalHash;
  document.querySelectorAll(":popover-open").forEach((menu) => menu.hidePopover());
  const named = arrivalHash && document.getElementById(decodeURIComponent(arrivalHash.slice(1)));
  if (named) named.focus();
  else document.getElementById("main")?.focus({ preventScroll: true });
}, [arrivalPath, arrivalHash]);""",
        ]


class Commands(rx.Fragment):
    """Dialogs also in browsers that do not know `commandfor` yet: the button that names a dialog opens or closes it."""

    def add_imports(self) -> ImportDict:
        """React's part that the hook uses."""
        return {"react": "useEffect"}

    def add_hooks(self) -> list[str | rx.Var]:
        """Stand in only where the browser itself would do nothing."""
        return [
            """useEffect(() => {
  if ("command" in HTMLButtonElement.prototype) return;
  const obey = (event) => {
    const button = event.target.closest("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "show-modal") dialog.showModal();
    else dialog.close();
  };
  document.addEventListener("click", obey);
  return () => document.removeEventListener("click", obey);
}, []);""",
        ]


def _static_frame(*content: Component) -> Component:
    home = buttons.document_link(layout.brand(), href="/", class_name="brand")
    return rx.el.div(
        rx.el.header(rx.el.div(home, class_name="header__row"), class_name="header"),
        rx.el.main(*content, class_name="main main--text"),
        class_name="frame",
    )


def crash() -> Component:
    """Instead of a page whose own code failed, in both languages: nothing in it depends on the part that broke."""
    said = [
        rx.el.div(
            rx.el.h1(i18n.text("crash.title", lang), class_name="title"),
            rx.el.p(i18n.text("crash.text", lang), class_name="lead"),
            rx.el.p(buttons.link_button(i18n.text("crash.reload", lang), href="", look="primary", document=True)),
            lang=lang,
            class_name="stack",
        )
        for lang in i18n.LANGS
    ]
    return _static_frame(*said)


def waiting() -> Component:
    """While the first code of a page arrives, where the page could not be drawn in advance."""
    words = [rx.el.span(i18n.text("wait.loading", lang), lang=lang, class_name="sr-only") for lang in i18n.LANGS]
    return _static_frame(rx.el.div(*words, feedback.bars(6), role="status"))


def _error_boundary(_stateful: object) -> Component:
    return ErrorBoundary.create(fallback_render=rx.Var.create(crash()))


def head() -> list[Component]:
    """Fonts before the stylesheet asks for them, the icon, the colour of the browser's own frame."""
    fonts = [
        rx.el.link(
            rel="preload", href=font, custom_attrs={"as": "font", "type": "font/woff2", "crossOrigin": "anonymous"}
        )
        for font in _FONTS
    ]
    colours = [
        rx.el.meta(name="theme-color", content=colour, custom_attrs={"media": f"(prefers-color-scheme: {scheme})"})
        for scheme, colour in (("light", "#faf8f4"), ("dark", "#14161c"))
    ]
    return [*fonts, *colours, rx.el.link(rel="icon", href="/seal.svg", custom_attrs={"type": "image/svg+xml"})]


def options() -> dict[str, Any]:
    """The arguments of `rx.App` that belong to the looks: `rx.App(**style.options(), ...)`."""
    return {
        "html_lang": i18n.DEFAULT,
        "stylesheets": ["/ceralacca.css", "/pages.css"],
        "head_components": head(),
        "app_wraps": {
            (55, "ErrorBoundary"): _error_boundary,
            (10, "Arrival"): lambda _stateful: Arrival.create(),
            (9, "Commands"): lambda _stateful: Commands.create(),
        },
        "toaster": None,
        "hydrate_fallback": waiting,
    }
