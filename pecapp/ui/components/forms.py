"""Forms: the frame, the fields, and what is said when something in them is wrong.

Labels stand above, hints below them, the error beside its field and once more in the summary. A field's id is its name,
so `rx.set_focus(<name>)` goes to it and the summary links to it. The server judges all forms, never the browser.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import reflex as rx
from reflex.event import EventType
from reflex_components_core.el.element import Element

from pecapp.ui import text
from pecapp.ui.components import buttons, icons

Errors = text.Live
"""A variable dict: what is wrong, in words, by the field's name; a field that is right is absent."""

SUMMARY_ID = "errori"


class NativeForm(Element):
    """A form that the browser itself sends; the framework's own one never lets the browser do so."""

    tag = "form"

    action: rx.Var[str]
    method: rx.Var[str]
    no_validate: rx.Var[bool]


def form(*children: rx.Component, on_submit: EventType, **props: Any) -> rx.Component:
    """A form sent to a handler, which gets the named fields as a dict of text; keeps what was typed."""
    given: dict[str, Any] = {"class_name": "form", "no_validate": True, "reset_on_submit": False, **props}
    return rx.el.form(*children, on_submit=on_submit, **given)


def native_form(*children: rx.Component, action: str, **props: Any) -> rx.Component:
    """A form posted by the browser to a route of the server (signing in and out); works without scripts."""
    return NativeForm.create(
        *children, action=action, **{"method": "post", "class_name": "form", "no_validate": True, **props}
    )


def section(title: text.Words, *children: rx.Component, hint: text.Words | None = None) -> rx.Component:
    """A part of a long form, with its own heading."""
    note = [] if hint is None else [rx.el.p(hint, class_name="form__note")]
    return rx.el.section(rx.el.h2(title, class_name="form__title"), *note, *children, class_name="form__section")


def row(*children: rx.Component) -> rx.Component:
    """Short fields side by side where there is room."""
    return rx.el.div(*children, class_name="form__row")


def error_summary(errors: Errors, fields: Sequence[tuple[str, text.Words]]) -> rx.Component:
    """All errors in the order of the form, each a link to its field (`fields`: name and label).

    Focus it after a refusal with `rx.set_focus(forms.SUMMARY_ID)`.
    """
    lines = [rx.cond(errors.contains(name), problem(name, label, errors[name])) for name, label in fields]
    return summary(errors, *lines)


def summary(errors: Errors, *lines: rx.Component) -> rx.Component:
    """The frame of `error_summary`, for forms whose fields are known only when the page runs; `lines` are `problem`s.

    Its place is always there, so that what appears in it is announced and the focus finds it.
    """
    return rx.el.div(
        rx.cond(
            errors.length() > 0,
            rx.el.div(
                icons.icon("circle_alert", 24),
                rx.el.div(rx.el.h2(text.t("form.errors.title"), class_name="callout__title"), rx.el.ul(*lines)),
                class_name="callout callout--problem",
            ),
        ),
        id=SUMMARY_ID,
        role="alert",
        tab_index=-1,
    )


def problem(field: text.Words, label: text.Words | rx.Component, words: text.Words) -> rx.Component:
    """One line of a summary: what is wrong, as a link to its field."""
    return rx.el.li(buttons.document_link(rx.el.strong(label), ": ", words, href=f"#{field}"))


def _said(errors: Errors, name: str) -> tuple[list[rx.Component], dict[str, Any]]:
    """The place for a field's error, always there, and what ties the control to it."""
    if errors is None:
        return [], {}
    wrong = errors.contains(name)
    shown = rx.el.p(
        rx.cond(wrong, rx.fragment(icons.icon("circle_alert", 18), rx.el.span(errors[name]))),
        id=f"{name}-error",
        class_name="field__error",
    )
    return [shown], {"aria_invalid": wrong}


def _described(name: str, *, hint: bool, error: bool) -> dict[str, Any]:
    ids = [f"{name}-{part}" for part, there in (("hint", hint), ("error", error)) if there]
    return {"aria_describedby": " ".join(ids)} if ids else {}


def _label(name: str, label: text.Words, *, optional: bool) -> rx.Component:
    mark = [rx.el.span(" ", text.t("form.optional"), class_name="field__optional")] if optional else []
    return rx.el.label(label, *mark, html_for=name, class_name="field__label")


def _field(
    name: str,
    label: text.Words,
    control: rx.Component,
    hint: text.Words | None,
    error: list[rx.Component],
    *,
    optional: bool,
) -> rx.Component:
    below = [] if hint is None else [rx.el.p(hint, id=f"{name}-hint", class_name="field__hint")]
    return rx.el.div(_label(name, label, optional=optional), *below, control, *error, class_name="field")


def text_field(
    name: str,
    label: text.Words,
    *,
    errors: Errors = None,
    hint: text.Words | None = None,
    optional: bool = False,
    before: text.Words | None = None,
    after: text.Words | None = None,
    **props: Any,
) -> rx.Component:
    """One line of text. `props` go to the input: `type`, `auto_complete`, `input_mode`, `default_value`, `on_change`...

    `before` and `after` are words in the frame of the field («@pec.example.it»). Give `default_value` only once the
    value is known (put the form behind `rx.cond(State.ready, ...)`): an input takes it when it appears, not later.
    """
    error, tied = _said(errors, name)
    entry = rx.el.input(
        name=name,
        id=name,
        **{
            "class_name": "input",
            "type": "text",
            **({} if optional else {"required": True}),
            **_described(name, hint=hint is not None, error=errors is not None),
            **tied,
            **props,
        },
    )
    start, end = (
        [] if words is None else [rx.el.span(words, class_name="input-frame__affix")] for words in (before, after)
    )
    control = rx.el.div(*start, entry, *end, class_name="input-frame") if start or end else entry
    return _field(name, label, control, hint, error, optional=optional)


def select_field(
    name: str,
    label: text.Words,
    options: Sequence[tuple[text.Words, text.Words]] | rx.Var[list[str]],
    *,
    errors: Errors = None,
    hint: text.Words | None = None,
    optional: bool = False,
    prompt: text.Words | None = None,
    **props: Any,
) -> rx.Component:
    """A choice among many; `prompt` is the empty choice.

    `options` are pairs of value and words, or a variable list of texts.
    """
    error, tied = _said(errors, name)
    choices = (
        [rx.foreach(options, lambda option: rx.el.option(option, value=option))]
        if isinstance(options, rx.Var)
        else [rx.el.option(words, value=value) for value, words in options]
    )
    empty = [] if prompt is None else [rx.el.option(prompt, value="")]
    control = rx.el.div(
        rx.el.select(
            *empty,
            *choices,
            name=name,
            id=name,
            **{
                "class_name": "input input--select",
                **({} if optional else {"required": True}),
                **_described(name, hint=hint is not None, error=errors is not None),
                **tied,
                **props,
            },
        ),
        icons.icon("chevron_down"),
        class_name="select",
    )
    return _field(name, label, control, hint, error, optional=optional)


@dataclass(frozen=True)
class Option:
    """One of several cards to choose from: `value` is sent, `title` is its name, the rest explains."""

    value: text.Words
    title: text.Words
    detail: text.Words | rx.Component | None = None
    aside: text.Words | rx.Component | None = None
    """What stands at the card's end: a price, the marks of the circuits."""
    icon: str | rx.Component | None = None


def radio_cards(
    name: str,
    legend: text.Words,
    options: Sequence[Option] | rx.Var[Any],
    *,
    each: Callable[[Any], Option] | None = None,
    errors: Errors = None,
    hint: text.Words | None = None,
    value: text.Live = None,
    on_change: Any = None,
) -> rx.Component:
    """One choice among a few, each explained; none is chosen unless `value` says so.

    `value` is where it starts; with `on_change` the handler gets the chosen value at once. `options` may be a variable
    list: `each` makes an Option of one of its items.
    """
    error, _ = _said(errors, name)

    def draw(option: Any) -> rx.Component:
        return _card(name, each(option) if each else option, errors, value, on_change)

    cards = [rx.foreach(options, draw)] if isinstance(options, rx.Var) else [draw(option) for option in options]
    hints = [] if hint is None else [rx.el.p(hint, id=f"{name}-hint", class_name="field__hint")]
    return rx.el.fieldset(
        rx.el.legend(legend, class_name="field__label"),
        *hints,
        rx.el.div(*cards, class_name="choices"),
        *error,
        id=name,
        class_name="field",
        custom_attrs={"tabIndex": -1},
        **_described(name, hint=hint is not None, error=errors is not None),
    )


def _card(name: str, option: Option, errors: Errors, value: text.Live, on_change: Any) -> rx.Component:
    base = f"{name}-{option.value}"
    checked: dict[str, Any] = {}
    if value is not None:
        checked = {"default_checked": value == option.value}
    if on_change is not None:
        checked["on_change"] = on_change
    if errors is not None:
        checked["aria_invalid"] = errors.contains(name)
    details = []
    if option.detail is not None:
        details = [rx.el.span(option.detail, id=f"{base}-detail", class_name="choice__detail")]
        checked["aria_describedby"] = f"{base}-detail"
    title = rx.el.span(option.title, id=f"{base}-title", class_name="choice__title")
    picture = icons.icon(option.icon, 24) if isinstance(option.icon, str) else option.icon
    return rx.el.label(
        rx.el.input(
            type="radio",
            name=name,
            value=option.value,
            id=base,
            class_name="choice__input",
            aria_labelledby=f"{base}-title",
            **checked,
        ),
        *([] if picture is None else [picture]),
        rx.el.span(title, *details, class_name="choice__body"),
        *([] if option.aside is None else [rx.el.span(option.aside, class_name="choice__aside")]),
        html_for=base,
        key=option.value,  # a card keeps its mark when the list around it changes
        class_name="choice",
    )


def checkbox(
    name: str,
    label: text.Words,
    *,
    detail: text.Words | rx.Component | None = None,
    errors: Errors = None,
    **props: Any,
) -> rx.Component:
    """A box to tick, never ticked by us. Links and lists belong in `detail`, below the words that are agreed to."""
    error, tied = _said(errors, name)
    details = [] if detail is None else [rx.el.div(detail, id=f"{name}-hint", class_name="tick__detail")]
    words = rx.el.label(label, html_for=name, class_name="tick__label")
    return rx.el.div(
        rx.el.input(
            type="checkbox",
            name=name,
            id=name,
            class_name="tick__input",
            **{**_described(name, hint=detail is not None, error=errors is not None), **tied, **props},
        ),
        rx.el.div(words, *details, *error, class_name="tick__body"),
        class_name="tick",
    )


def number_stepper(
    name: str,
    label: text.Words,
    *,
    value: text.Live,
    low: text.Live,
    high: text.Live,
    on_change: Any,
    errors: Errors = None,
    hint: text.Words | None = None,
) -> rx.Component:
    """A small whole number with − and +; arrow keys work in the field. `on_change` gets it, maybe out of range.

    The buttons stand outside the field's label: the field is named exactly `label`.
    """
    error, tied = _said(errors, name)
    control = rx.el.div(
        _step(name, text.t("form.less"), label, "minus", on_change(value - 1), value <= low),
        rx.el.input(
            type="number",
            name=name,
            id=name,
            value=value,
            min=low,
            max=high,
            step=1,
            input_mode="numeric",
            on_change=on_change,
            class_name="input stepper-field__input",
            **{**_described(name, hint=hint is not None, error=errors is not None), **tied},
        ),
        _step(name, text.t("form.more"), label, "plus", on_change(value + 1), value >= high),
        class_name="stepper-field",
    )
    return _field(name, label, control, hint, error, optional=False)


def _step(name: str, act: text.Words, label: text.Words, icon: str, on_click: Any, at_end: text.Live) -> rx.Component:
    return rx.el.button(
        icons.icon(icon),
        rx.el.span(act, " ", label, class_name="sr-only"),
        type="button",
        on_click=on_click,
        aria_disabled=at_end,
        aria_controls=name,
        class_name="stepper-field__button",
    )
