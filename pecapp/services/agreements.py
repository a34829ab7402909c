"""What is accepted with an order or a mandate: which texts, in which words; and the evidence of it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlmodel import Session, select

from pecapp import i18n, tables
from pecapp.services import access, terms, views

YES = "yes"
_REQUIRED_BOXES = {"accept_terms": "ACC_MANCANTE", "accept_clauses": "ACC_CLAUSOLE", "privacy_seen": "ACC_PRIVACY"}


class Documents(NamedTuple):
    """The texts that go with an order, as they are in force today."""

    contract: terms.Document
    privacy: terms.Document

    @property
    def versions(self) -> list[str]:
        """What tells whether the texts have changed since they were shown."""
        return [self.contract.version, self.privacy.version]


class Given(NamedTuple):
    """One thing that was accepted, approved or asked for, in the words that stood beside it."""

    kind: str
    document: terms.Document
    label: str


def documents(family: str, lang: i18n.Lang) -> Documents:
    """The texts for a product's family."""
    return Documents(terms.current(f"terms-{family}", lang), terms.current("privacy", lang))


def view(document: terms.Document) -> views.DocumentView:
    """A text as a page links to it."""
    return views.DocumentView(document.id, document.version, document.title, document.url)


def missing(form: Mapping[str, str]) -> dict[str, str]:
    """The boxes without which there is no order and that are not ticked, each with its error."""
    return {name: code for name, code in _REQUIRED_BOXES.items() if form.get(name) != YES}


def contract(family: str, lang: i18n.Lang) -> list[Given]:
    """What every order accepts: the terms, the clauses that need specific approval, the privacy notice seen."""
    texts = documents(family, lang)
    clauses = "; ".join(texts.contract.clauses)
    return [
        Given("terms", texts.contract, i18n.text(f"acceptance.terms_{family}", lang)),
        Given("clauses", texts.contract, f"{i18n.text('acceptance.clauses', lang)} {clauses}"),
        Given("privacy", texts.privacy, i18n.text("acceptance.privacy", lang)),
    ]


def renewal_answer(family: str, *, wanted: bool, kept: bool, lang: i18n.Lang) -> Given:
    """The question about automatic renewal and its answer; beside «Sì» stood which method it uses.

    A method that is kept already (`kept`) is used; another is saved with the payment.
    """
    question = i18n.text("acceptance.auto_renew", lang)
    answer = i18n.text("acceptance.auto_renew_no", lang)
    if wanted:
        which = i18n.text("acceptance.kept_for_renewal" if kept else "acceptance.saved_for_renewal", lang)
        answer = f"{i18n.text('acceptance.auto_renew_yes', lang)}. {which}"
    return Given("auto_renew", documents(family, lang).contract, f"{question}: {answer}")


def renewal_of(labels: Iterable[str], lang: i18n.Lang) -> Given:
    """«Sì», said in the area: these services are to renew by themselves, on the method that was shown beside it."""
    question = i18n.text("acceptance.auto_renew", lang)
    answer = i18n.text("acceptance.auto_renew_yes", lang)
    return Given("auto_renew", documents("a", lang).contract, f"{question}: {answer}. {', '.join(labels)}")


def record(
    s: Session, actor: access.Actor, account_id: int, given: Iterable[Given], at: datetime, order_id: int | None = None
) -> None:
    """Store the evidence: exact words, version, hash, moment, address and browser."""
    s.add_all(
        tables.Acceptance(
            order_id=order_id,
            account_id=account_id,
            kind=one.kind,
            document_id=one.document.id,
            version=one.document.version,
            sha256=one.document.sha256,
            label=one.label,
            lang=one.document.lang,
            accepted_at=at,
            ip=actor.ip,
            user_agent=actor.user_agent,
        )
        for one in given
    )


class Evidence(NamedTuple):
    """Which version of the contract was accepted with an order, and from where; empty for one without acceptances."""

    version: str = ""
    ip: str = ""
    user_agent: str = ""


def accepted_with(s: Session, order_id: int) -> Evidence:
    """The acceptance of the contract that an order carries."""
    row = s.exec(
        select(tables.Acceptance).where(tables.Acceptance.order_id == order_id, tables.Acceptance.kind == "terms")
    ).first()
    return Evidence(row.version, row.ip, row.user_agent) if row else Evidence()


def seen(shown: str, cents: int, lang: i18n.Lang) -> bool:
    """Whether `shown`, an amount as a page showed it and a browser gave it back, is still the amount."""
    return "".join(shown.split()) == "".join(i18n.money(cents, lang).split())
