"""«Annulla l'ordine»: the same question wherever an order that waits for payment can be given up."""

from typing import Any

import reflex as rx

from pecapp.ui import text
from pecapp.ui.components import buttons, dialogs


def dialog(
    dialog_id: str,
    *,
    number: text.Live,
    gross: text.Live,
    expires: text.Live,
    renews: text.Live,
    asks_about_renewal: text.Live,
    cancel: Any,
    cancel_and_disable: Any,
) -> rx.Component:
    """What giving an order up means, and the handlers that do it.

    Where automatic renewal stays on without the order, both ways out of it stand out alike (6.7.7).
    """
    both = [
        buttons.button(text.t(key), look="danger", on_click=act, **dialogs.closes(dialog_id))
        for key, act in (("ord.cancel_only", cancel), ("ord.cancel_and_disable", cancel_and_disable))
    ]
    alone = buttons.button(
        text.t("ord.cancel_confirm"), look="danger", icon="trash_2", on_click=cancel, **dialogs.closes(dialog_id)
    )
    return dialogs.dialog(
        dialog_id,
        text.t("ord.cancel_title"),
        rx.el.p(text.t("ord.cancel_text", number=number, gross=gross)),
        rx.el.ul(
            rx.cond(
                renews,
                rx.el.li(text.t("svc.cancel_expiry", expires=expires)),
                rx.el.li(text.t("ord.cancel_names")),
            ),
            rx.cond(asks_about_renewal, rx.el.li(text.t("ord.cancel_renewal")), rx.fragment()),
            rx.el.li(text.t("ord.cancel_final")),
            class_name="consequences",
        ),
        actions=[
            rx.cond(asks_about_renewal, rx.fragment(*both), alone),
            buttons.button(
                rx.cond(asks_about_renewal, text.t("ord.cancel_not"), text.t("ord.cancel_keep")),
                **dialogs.closes(dialog_id),
            ),
        ],
    )
