"""`/guida-ai-pagamenti`: how paying works, entry by entry, in plain words."""

import reflex as rx

from pecapp import i18n, settings
from pecapp.services import terms
from pecapp.ui import layout, text
from pecapp.ui.components import buttons, feedback, status

ROUTE = "/guida-ai-pagamenti"
TITLE_KEY = "guide.title"

GROUPS = (
    ("start", ("breve", "carte")),
    ("yearly", ("pec", "paypal", "metodi", "rinnovo")),
    ("once", ("firma",)),
    ("after", ("dopo", "esiti", "ricevuta", "recesso", "sicurezza")),
)
"""The index. Each entry is an anchor of the page: mails and the footer link to some of them."""
STATUSES = ("awaiting_payment", "verifying", "paid", "cancelled", "expired", "refunded")
PICTURES = {
    "means": (800, 320),
    "bank": (800, 930),
    "receipt": (800, 1200),
    "paypal": (800, 490),
    "methods": (800, 1000),
    "ceiling": (800, 688),
    "question": (800, 405),
    "service": (800, 545),
    "forecast": (800, 985),
}
"""Width and height, in pixels, of each `assets/guide/<language>/<name>.webp`; they are taken at this size."""


def page() -> rx.Component:
    """An index, then the entries."""
    index = rx.el.nav(
        rx.el.h2(text.t("guide.index"), class_name="sr-only"),
        *[_group(name, entries) for name, entries in GROUPS],
        aria_label=text.t("guide.index"),
        class_name="guide__index",
    )
    return layout.page(
        rx.el.div(index, rx.el.div(*_entries(), class_name="guide__entries"), class_name="guide"),
        here=ROUTE,
        title=text.t(TITLE_KEY),
        lead=text.t("guide.lead"),
    )


def _group(name: str, entries: tuple[str, ...]) -> rx.Component:
    links = [
        buttons.document_link(text.t(f"guide.{entry}"), href=f"#{entry}", class_name="guide__link") for entry in entries
    ]
    return rx.el.div(
        rx.el.h3(text.t(f"guide.group.{name}"), class_name="guide__index-title"),
        rx.el.ol(*[rx.el.li(link) for link in links]),
    )


def _entries() -> list[rx.Component]:
    return [
        _entry("breve", *_paragraphs("breve", 3)),
        _entry("carte", *_paragraphs("carte", 2)),
        _entry(
            "pec",
            _steps("pec", 6),
            *_paragraphs("pec.then", 1),
            *[_picture(name) for name in ("means", "bank", "receipt")],
        ),
        _entry("paypal", _steps("paypal", 3), _picture("paypal"), *_paragraphs("paypal.then", 2)),
        _entry("metodi", *_methods()),
        _entry("rinnovo", *_renewal()),
        _entry("firma", _steps("firma", 4), *_paragraphs("firma.then", 1)),
        _entry("dopo", *_paragraphs("dopo", 1), _points("dopo.way", 2), *_paragraphs("dopo.then", 1)),
        _entry("esiti", *_paragraphs("esiti", 1), _statuses(), _abroad()),
        _entry("ricevuta", *_paragraphs("ricevuta", 2)),
        _entry("recesso", *_paragraphs("recesso", 2), _withdraw()),
        _entry("sicurezza", _points("sicurezza.rule", 4), _contact()),
    ]


def _methods() -> list[rx.Component]:
    """What can be done with kept methods, how much they may be charged, what becomes of an old card."""
    return [
        *_paragraphs("metodi", 1),
        _points("metodi.way", 3),
        _picture("methods"),
        _part("metodi.ceiling"),
        *_paragraphs("metodi.ceiling", 2),
        _picture("ceiling"),
        _part("metodi.expiring"),
        *_paragraphs("metodi.expiring", 1),
        buttons.bar(buttons.link_button(text.t("area.see_methods"), href="/metodi-di-pagamento", icon="wallet")),
    ]


def _renewal() -> list[rx.Component]:
    """When it is on, how it is switched on, changed and off, and what can be decided about one debit."""
    return [
        *_paragraphs("rinnovo", 1),
        _picture("question"),
        _points("rinnovo.rule", 4),
        _part("rinnovo.on"),
        _steps("rinnovo.on", 4),
        *_paragraphs("rinnovo.on.then", 1),
        _picture("service"),
        _part("rinnovo.change"),
        *_paragraphs("rinnovo.change", 1),
        _part("rinnovo.off"),
        *_paragraphs("rinnovo.off", 1),
        _part("rinnovo.coming"),
        *_paragraphs("rinnovo.coming", 1),
        _points("rinnovo.coming.way", 3),
        *_paragraphs("rinnovo.coming.then", 1),
        _picture("forecast"),
        buttons.bar(
            buttons.link_button(text.t("svc.to_area"), href="/area-clienti", icon="repeat"),
            buttons.link_button(text.t("svc.forecast"), href="/prossimi-addebiti", icon="calendar_clock"),
        ),
    ]


def _entry(name: str, *children: rx.Component) -> rx.Component:
    return rx.el.section(
        rx.el.h2(text.t(f"guide.{name}")), *children, id=name, tab_index=-1, class_name="prose guide__entry"
    )


def _part(key: str) -> rx.Component:
    return rx.el.h3(text.t(f"guide.{key}"), class_name="guide__part")


def _picture(name: str) -> rx.Component:
    """A picture of the product in the reader's language, fetched once that is known and it is about to be seen."""
    width, height = PICTURES[name]
    place = f"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}'/%3E"
    spoken = text.either(*[f"/guide/{lang}/{name}.webp" for lang in i18n.LANGS])
    return rx.el.figure(
        rx.el.img(
            loading="lazy",
            decoding="async",
            src=rx.cond(rx.State.is_hydrated, spoken, place),
            alt=text.t(f"guide.picture.{name}.alt"),
            custom_attrs={"width": width, "height": height},  # as props they would become rules, which keep no place
        ),
        rx.el.figcaption(text.t(f"guide.picture.{name}")),
        class_name="picture",
    )


def _numbered(prefix: str, many: int) -> list[rx.Var[str]]:
    return [text.t(f"guide.{prefix}.{number}") for number in range(1, many + 1)]


def _paragraphs(prefix: str, many: int) -> list[rx.Component]:
    return [rx.el.p(words) for words in _numbered(prefix, many)]


def _steps(prefix: str, many: int) -> rx.Component:
    return rx.el.ol(*[rx.el.li(words) for words in _numbered(prefix, many)])


def _points(prefix: str, many: int) -> rx.Component:
    return rx.el.ul(*[rx.el.li(words) for words in _numbered(prefix, many)])


def _statuses() -> rx.Component:
    """Every status with its badge, as it stands on the order."""
    rows = [
        rx.el.div(
            rx.el.dt(status.badge("order.status", name)),
            rx.el.dd(text.t(f"guide.esiti.{name}")),
            class_name="legend__row",
        )
        for name in STATUSES
    ]
    return rx.el.dl(*rows, class_name="legend")


def _abroad() -> rx.Component:
    return feedback.callout(text.t("guide.esiti.abroad"), rx.el.p(text.t("guide.esiti.abroad_text")), tone="warning")


def _withdraw() -> rx.Component:
    """The declaration, and the form to fill in by hand."""
    forms = [terms.current("withdrawal", lang).url for lang in i18n.LANGS]
    return buttons.bar(
        buttons.link_button(text.t("guide.recesso.write"), href="/recesso", look="primary"),
        buttons.link_button(text.t("guide.recesso.form"), href=text.either(*forms), document=True),
    )


def _contact() -> rx.Component:
    seller = settings.load()
    return rx.el.p(
        text.t("guide.contact"),
        " ",
        buttons.mail_link(seller.seller_email),
        ", ",
        buttons.phone_link(seller.seller_phone),
    )
