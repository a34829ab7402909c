"""`/ordini/<number>`: the live order page, from «Ordine registrato» to the receipt."""

from typing import Any

import reflex as rx

from pecapp.ui import address, layout, text
from pecapp.ui.components import buttons, cancelling, data, dialogs, feedback, forms, means, status, sums
from pecapp.ui.states import order as states

ROUTE = "/ordini/[numero]"
TITLE_KEY = "ord.title"
ON_LOAD = states.OrderPage.load
State: Any = states.OrderPage
"""Its vars are variables of the page here; a type checker sees the values they will have."""
ORDER = State.order
PAYABLE = ORDER.can_pay | ORDER.can_resume | ORDER.can_stop


def page() -> rx.Component:
    """One order; who asks for another's, or for none, reads the same calm words."""
    return layout.page(
        feedback.loaded(
            State.asked == address.part("numero"), rx.cond(ORDER.number != "", _order(), _missing()), lines=6
        ),
        here="/ordini",
    )


def _missing() -> rx.Component:
    return rx.el.div(
        rx.el.h1(text.t("ord.missing.title"), class_name="title"),
        rx.el.p(text.t("ord.missing.text"), class_name="lead"),
        buttons.bar(
            buttons.link_button(text.t("ord.all"), href="/ordini", look="primary"),
            buttons.link_button(text.t("ord.quick"), href="/paga"),
        ),
        class_name="stack",
    )


def _order() -> rx.Component:
    return rx.el.div(
        *status.order_head(ORDER.number, ORDER.headline, ORDER.status),
        rx.el.div(
            rx.el.div(
                _explanation(),
                rx.cond(
                    ORDER.saving != "", feedback.callout(None, rx.el.p(ORDER.saving), tone="warning"), rx.fragment()
                ),
                rx.cond(ORDER.method_question.text != "", _method_question(), rx.fragment()),
                rx.cond(ORDER.receipt, _receipt(), rx.fragment()),
                rx.cond(ORDER.can_pay, _pay(), rx.fragment()),
                rx.cond(ORDER.can_resume | ORDER.can_stop, _open_attempt(), rx.fragment()),
                rx.cond(ORDER.can_pay | ORDER.can_resume, _phone(), rx.fragment()),
                rx.cond(ORDER.can_withdraw, _withdraw(), rx.fragment()),
                class_name="stack stack--wide",
            ),
            rx.el.aside(_details(), aria_label=text.t("ord.details"), class_name="order__aside"),
            class_name="order__columns",
        ),
        rx.cond(ORDER.can_cancel, _cancel_dialog(), rx.fragment()),
        class_name="order",
    )


def _explanation() -> rx.Component:
    reference = rx.el.p(text.t("ord.attempt", attempt=ORDER.attempt, at=ORDER.attempt_at), class_name="hint")
    return rx.fragment(
        feedback.callout_by(
            ORDER.tone,
            None,
            rx.el.p(ORDER.explanation),
            rx.cond((ORDER.status == "verifying") & (ORDER.attempt != ""), reference, rx.fragment()),
        ),
        rx.cond(PAYABLE, rx.fragment(), _problem()),
    )


def _problem() -> rx.Component:
    """Why the last act did nothing: beside the button that was pressed, where there is still one."""
    return rx.cond(
        State.problem != "",
        feedback.callout(None, rx.el.p(State.problem), tone="problem", live=True),
        rx.fragment(),
    )


def _pay() -> rx.Component:
    """The amount, the means, what paying will do and «Paga ora»; below it what else can be done."""
    return rx.el.section(
        data.amount(ORDER.gross, text.t("ord.with_vat")),
        rx.cond(ORDER.reference_email != "", rx.el.p(text.t("ord.mailed", email=ORDER.reference_email)), rx.fragment()),
        means.choice(ORDER.means, value=State.chosen, on_change=State.choose),
        rx.cond(ORDER.renewal_offer != "", _renewal(), rx.fragment()),
        _problem(),
        rx.el.p(_way(), class_name="hint"),
        buttons.bar(
            buttons.button(
                text.t("ord.pay"),
                look="primary",
                icon="lock",
                busy=State.going,
                on_click=State.pay,
                class_name="button button--primary button--large",
            ),
            rx.cond(
                ORDER.can_cancel,
                buttons.button(text.t("ord.cancel"), look="danger", **dialogs.opens(states.CANCEL_DIALOG)),
                rx.fragment(),
            ),
        ),
        rx.el.div(
            rx.el.h2(text.t("ord.later.title"), class_name="later__title"),
            rx.el.ul(
                rx.el.li(text.t("ord.later.area"), " ", buttons.link(text.t("ord.later.area_link"), href="/ordini")),
                rx.el.li(
                    text.t("ord.later.quick", number=ORDER.number),
                    " ",
                    buttons.link(text.t("ord.quick"), href="/paga"),
                ),
            ),
            rx.el.p(
                rx.cond(
                    ORDER.renews,
                    text.t("ord.until_renewal", day=ORDER.payable_until),
                    text.t("ord.until", day=ORDER.payable_until),
                ),
                class_name="hint",
            ),
            class_name="later",
        ),
        aria_label=text.t("ord.payment"),
        class_name="card pay",
    )


def _renewal() -> rx.Component:
    """The question that was not answered «Sì» in the order form, once more; it may stay unanswered."""
    answers = [
        forms.Option("yes", text.t("acceptance.auto_renew_yes"), ORDER.renewal_offer, icon="repeat"),
        forms.Option("no", text.t("acceptance.auto_renew_no"), text.t("wiz.auto_renew_no_detail"), icon="hand"),
    ]
    return forms.radio_cards(
        "auto_renew", text.t("wiz.auto_renew"), answers, value=State.renewal, on_change=State.answer
    )


def _way() -> rx.Component:
    """Where «Paga ora» leads, for the means that is chosen."""
    return rx.match(  # pyright: ignore[reportReturnType]  (components in, component out)
        State.way,
        ("paypal", text.t("ord.secure_paypal")),
        ("kept_card", text.t("pay.kept_card")),
        ("kept_paypal", text.t("pay.kept_paypal")),
        text.t("ord.secure"),
    )


def _open_attempt() -> rx.Component:
    return rx.el.section(
        data.amount(ORDER.gross, text.t("ord.with_vat")),
        _problem(),
        buttons.bar(
            rx.cond(
                ORDER.can_resume,
                buttons.button(
                    text.t("ord.resume"), look="primary", icon="lock", busy=State.going, on_click=State.resume
                ),
                rx.fragment(),
            ),
            rx.cond(
                ORDER.can_stop,
                buttons.button(text.t("ord.stop"), busy=State.going, on_click=State.stop),
                rx.fragment(),
            ),
        ),
        rx.el.p(text.t("ord.stop_hint"), class_name="hint"),
        aria_label=text.t("ord.payment"),
        class_name="card pay",
    )


def _phone() -> rx.Component:
    """Pay on the phone, watch here: the bank's app lives on the phone."""
    return rx.el.section(
        rx.el.img(src=State.qr, alt=text.t("ord.qr_alt"), width="148", height="148", class_name="qr__picture"),
        rx.el.div(
            rx.el.h2(text.t("ord.qr_title"), class_name="later__title"),
            rx.el.p(text.t("ord.qr_text"), class_name="hint"),
        ),
        class_name="qr card",
    )


def _withdraw() -> rx.Component:
    """In sight for as long as the right lasts (art. 54-bis)."""
    return buttons.bar(
        buttons.link_button(text.t("footer.withdraw"), href=f"/recesso?ordine={ORDER.number}", icon="undo_2")
    )


def _method_question() -> rx.Component:
    """Whether what has just paid by hand is debited from now on: both answers stand out alike (6.7.6)."""
    asked = ORDER.method_question
    use = buttons.button(text.t("ord.method.yes"), on_click=State.use_method)
    authorise = buttons.link_button(text.t("ord.method.yes_authorise"), href=asked.authorise_url)
    return rx.el.section(
        rx.el.h2(text.t("ord.method.title"), id=states.METHOD_QUESTION, class_name="card__title"),
        rx.el.p(asked.text),
        rx.cond(asked.authorise != "", rx.el.p(asked.authorise), rx.fragment()),
        buttons.bar(
            rx.cond(asked.authorise_url != "", authorise, use),
            buttons.button(text.t("ord.method.no"), on_click=State.leave_method),
        ),
        aria_labelledby=states.METHOD_QUESTION,
        class_name="card stack question",
    )


def _receipt() -> rx.Component:
    receipt = ORDER.receipt
    return rx.el.div(
        data.receipt(
            data.amount(receipt.amount, text.t("ord.with_vat")),
            data.facts(
                (text.t("ord.receipt.order"), ORDER.number),
                (text.t("ord.receipt.what"), ORDER.title),
                (text.t("ord.receipt.issued"), receipt.issued),
                (text.t("ord.receipt.method"), receipt.method),
                (text.t("ord.receipt.reference"), receipt.reference),
            ),
            title=text.t("ord.receipt.title"),
            number=text.t("ord.receipt.number", number=receipt.number),
            note=text.t("ord.receipt.note"),
            stamp=text.t("order.status.paid"),
        ),
        buttons.bar(
            buttons.link_button(
                text.t("ord.receipt.pdf"),
                href=receipt.pdf_url,
                icon="file_down",
                document=True,
                look="primary",
                target="_blank",
            ),
            buttons.link_button(text.t("ord.to_area"), href="/area-clienti"),
        ),
        class_name="stack",
    )


def _details() -> rx.Component:
    optional = (
        (ORDER.service, "ord.service"),
        (ORDER.expires, "ord.expires"),
        (ORDER.reference_email, "ord.email"),
        (ORDER.next_debit, "ord.next_debit"),
    )
    renewal = rx.match(
        ORDER.auto_renew,
        ("active", text.t("renewal.status.on")),
        ("yes", text.t("ord.auto_renew_yes")),
        ("no", text.t("ord.auto_renew_no")),
        "",
    )
    return rx.el.div(
        rx.el.h2(text.t("ord.details"), class_name="summary__title"),
        rx.el.p(status.badge("order.status", ORDER.status)),
        sums.of(ORDER.lines, ORDER.totals),
        data.facts((text.t("ord.placed"), ORDER.created)),
        *[rx.cond(value != "", data.facts((text.t(key), value)), rx.fragment()) for value, key in optional],
        rx.cond(ORDER.auto_renew != "", data.facts((text.t("ord.auto_renew"), renewal)), rx.fragment()),
        rx.el.p(buttons.link(text.t("ord.all"), href="/ordini")),
        class_name="stack",
    )


def _cancel_dialog() -> rx.Component:
    return cancelling.dialog(
        states.CANCEL_DIALOG,
        number=ORDER.number,
        gross=ORDER.gross,
        expires=ORDER.expires,
        renews=ORDER.renews,
        asks_about_renewal=ORDER.asks_about_renewal,
        cancel=State.cancel,
        cancel_and_disable=State.cancel_and_disable,
    )
