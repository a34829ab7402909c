"""The frame of the order: steps with their names, the question in the middle, the summary always in sight."""

from collections.abc import Sequence

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, icons


def stepper(steps: Sequence[tuple[text.Words, str]], current: text.Live) -> rx.Component:
    """The steps of the order: pairs of name and address, `current` counted from 0. Past steps are links back."""
    total = len(steps)
    now = [(number, name) for number, (name, _) in enumerate(steps)]
    return rx.el.nav(
        rx.el.p(
            rx.el.span(text.t("wizard.step", now=current + 1, total=total), class_name="stepper__count"),
            rx.el.strong(rx.match(current, *now, "")),
            class_name="stepper__now",
            aria_hidden="true",
        ),
        rx.el.ol(
            *[_step(name, href, number, current) for number, (name, href) in enumerate(steps)],
            class_name="stepper__list",
        ),
        aria_label=text.t("wizard.steps"),
        class_name="stepper",
    )


def _step(name: text.Words, href: str, number: int, current: text.Live) -> rx.Component:
    mark = rx.el.span(rx.cond(current > number, icons.icon("check", 14), str(number + 1)), class_name="stepper__mark")
    words = rx.el.span(name, class_name="stepper__name")
    said = rx.el.span(text.t("order.path.done"), class_name="sr-only")
    done = rx.el.li(
        buttons.link(mark, words, said, href=href, class_name="stepper__link"),
        class_name="stepper__step stepper__step--done",
    )
    here = rx.el.li(
        rx.el.span(mark, words, class_name="stepper__link"),
        class_name=rx.cond(current == number, "stepper__step stepper__step--now", "stepper__step"),
        aria_current=rx.cond(current == number, "step", "false"),
    )
    return rx.cond(current > number, done, here)


def beside(
    content: rx.Component, *summary: rx.Component, title: text.Words, total: text.Words, note: text.Words
) -> rx.Component:
    """`content` with the order's summary: beside it on a desktop, in a bar at the bottom that opens on a phone.

    `total` and `note` («IVA inclusa») are what the closed bar shows; `summary` is the rest.
    """
    heading = rx.el.h2(title, class_name="summary__title")
    return rx.el.div(
        rx.el.div(content, class_name="beside__content"),
        rx.el.aside(heading, *summary, class_name="summary summary--side", aria_label=title),
        rx.el.details(
            rx.el.summary(
                rx.el.span(title, class_name="summary__name"),
                rx.el.span(
                    rx.el.strong(total, class_name="summary__total"), " ", rx.el.small(note), class_name="summary__sum"
                ),
                icons.icon("chevron_up"),
                class_name="summary__bar",
            ),
            rx.el.div(*summary, class_name="summary__sheet"),
            class_name="summary summary--bottom",
        ),
        class_name="beside",
    )
