"""The frame of every page: who we are, where one can go, whether we are connected, what the law wants in sight."""

from typing import Literal

import reflex as rx
from reflex.components.component import Component
from reflex_components_core.core.banner import has_too_many_connection_errors

from pecapp import i18n, settings
from pecapp.services import terms
from pecapp.ui import text
from pecapp.ui.components import buttons, feedback, forms, icons
from pecapp.ui.states import session, visitor

NAVIGATION = (("/servizi", "nav.services"), ("/paga", "nav.pay"), ("/guida-ai-pagamenti", "nav.guide"))
LEGAL = (
    ("/recesso", "footer.withdraw"),
    ("/accessibilita", "footer.accessibility"),
    ("/privacy", "footer.privacy"),
)
CONTRACTS = ("terms-a", "terms-b")
SIGN_OUT = "/auth/esci"
_MENU = "menu"


def page(
    *content: Component,
    here: str = "",
    title: text.Words | None = None,
    lead: text.Words | None = None,
    above: Component | None = None,
    width: Literal["wide", "text", "form"] = "wide",
    staff: bool = False,
) -> Component:
    """A whole page. `here` is its route, marked in the navigation; `title` and `lead` are its heading.

    `above` stands over the heading (the steps of the order).
    `width`: `wide` (lists, the order), `text` (things to read), `form` (one question). A page of the `staff` has the
    whole width, its own ways to go, and nothing of the customers' at its foot.
    """
    heading = [] if title is None else [rx.el.h1(title, class_name="title")]
    words = [] if lead is None else [rx.el.p(lead, class_name="lead")]
    top = [rx.el.div(*heading, *words, class_name="page-head")] if heading or words else []
    return rx.el.div(
        buttons.document_link(text.t("nav.skip"), href="#main", class_name="skip"),
        _staff_header() if staff else _header(here),
        _connection_notice(),
        rx.el.main(
            flash(),
            *([] if above is None else [above]),
            *top,
            *content,
            id="main",
            tab_index=-1,
            class_name="main main--staff" if staff else f"main main--{width}",
        ),
        _staff_footer() if staff else _footer(),
        lang=visitor.Language.lang,
        class_name="frame",
    )


def brand() -> Component:
    """Seal and name, as they stand in the header and on the receipt."""
    return rx.fragment(icons.seal(), rx.el.span(settings.load().brand_name, class_name="brand__name"))


def flash() -> Component:
    """The message that the last act left; its place is always there, so that it is announced."""
    turn: text.Live = visitor.Flash.told
    message = rx.el.div(
        rx.el.p(visitor.Flash.message),
        buttons.button(text.t("act.close"), look="quiet", small=True, on_click=visitor.Flash.dismiss),
        class_name="flash",
    )
    return rx.el.div(
        rx.cond(
            visitor.Flash.message != "",
            rx.fragment(feedback.callout_by(visitor.Flash.tone, None, message), key=turn.to_string()),
        ),
        role="status",
        aria_live="polite",
        class_name="flash-place",
    )


def _links(here: str) -> list[Component]:
    return [
        buttons.link(
            text.t(key), href=route, class_name="nav__link", **({"aria_current": "page"} if route == here else {})
        )
        for route, key in NAVIGATION
    ]


def _leave() -> Component:
    return forms.native_form(
        rx.el.button(text.t("nav.logout"), type="submit", class_name="nav__link"),
        action=SIGN_OUT,
        class_name="nav__form",
    )


def _account() -> Component:
    home = rx.cond(
        visitor.Visitor.staff_role != "",
        buttons.link(text.t("staff.nav"), href="/admin", class_name="nav__link"),
        buttons.link(text.t("nav.account"), href="/area-clienti", class_name="nav__link"),
    )
    return rx.cond(
        visitor.Visitor.signed_in,
        rx.fragment(home, _leave()),
        buttons.link(text.t("nav.login"), href="/accedi", class_name="nav__link nav__link--account"),
    )


def _header(here: str) -> Component:
    return rx.el.header(
        rx.el.div(
            buttons.link(brand(), href="/", class_name="brand"),
            rx.el.button(
                icons.icon("menu"),
                rx.el.span(text.t("nav.menu")),
                type="button",
                class_name="nav-button",
                custom_attrs={"popovertarget": _MENU},
            ),
            rx.el.nav(
                *_links(here),
                _account(),
                id=_MENU,
                aria_label=text.t("nav.label"),
                class_name="nav",
                custom_attrs={"popover": "auto"},
            ),
            class_name="header__row",
        ),
        class_name="header",
    )


def _staff_header() -> Component:
    who = rx.cond(
        visitor.Visitor.signed_in,
        rx.el.div(
            rx.el.span(visitor.Visitor.name, class_name="desk__who"),
            rx.el.span(text.choose("staff.role", visitor.Visitor.staff_role), class_name="hint"),
            _leave(),
            class_name="desk__me",
        ),
        rx.fragment(),
    )
    return rx.el.header(
        rx.el.div(buttons.link(brand(), href="/admin", class_name="brand"), who, class_name="header__row"),
        class_name="header header--staff",
    )


def _connection_notice() -> Component:
    return rx.el.div(
        rx.cond(
            has_too_many_connection_errors,
            rx.el.div(
                icons.icon("wifi_off"),
                rx.el.p(
                    rx.el.strong(text.t("offline.title")),
                    ". ",
                    text.t("offline.text"),
                    " ",
                    buttons.document_link(text.t("offline.plain"), href="?testo=1"),
                ),
                class_name="notice",
            ),
        ),
        role="status",
        aria_live="polite",
        class_name="notice-place",
    )


def _legal() -> list[Component]:
    """What the law wants at hand on every page: withdrawal, the terms in force, accessibility, privacy."""
    documents = [[terms.current(name, lang) for lang in i18n.LANGS] for name in CONTRACTS]
    contracts = [
        buttons.document_link(
            text.either(*[one.title for one in editions]), href=text.either(*[one.url for one in editions])
        )
        for editions in documents
    ]
    (withdraw, *others) = [buttons.link(text.t(key), href=href) for href, key in LEGAL]
    return [rx.el.li(one) for one in (withdraw, *contracts, *others)]


def _languages() -> Component:
    languages = [
        rx.el.button(
            name,
            type="button",
            lang=lang,
            class_name="link",
            aria_pressed=visitor.Language.lang == lang,
            on_click=session.Session.speak(lang),
        )
        for lang, name in zip(i18n.LANGS, ("Italiano", "English"), strict=True)
    ]
    return rx.el.div(*languages, role="group", aria_label=text.t("footer.language"), class_name="footer__languages")


def _staff_footer() -> Component:
    return rx.el.footer(rx.el.div(_languages(), class_name="footer__row"), class_name="footer")


def _footer() -> Component:
    seller = settings.load()
    return rx.el.footer(
        rx.el.div(
            rx.el.div(
                rx.el.p(rx.el.strong(seller.seller_name)),
                rx.el.p(seller.seller_address),
                rx.el.p(text.t("footer.vat", number=seller.seller_vat_number)),
                rx.el.p(
                    buttons.mail_link(seller.seller_email),
                    " · ",
                    buttons.phone_link(seller.seller_phone),
                ),
                class_name="footer__who",
            ),
            rx.el.ul(*_legal(), class_name="footer__links"),
            rx.el.div(
                _languages(),
                rx.el.p(text.t("footer.phishing"), class_name="footer__note"),
            ),
            class_name="footer__row",
        ),
        class_name="footer",
    )
