"""What every mail is written with: its row, its reader, its language, and the links that it may carry."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import urlencode

from sqlmodel import Session, select

from pecapp import i18n, settings, tables
from pecapp.services import facts, letters, terms


@dataclass(frozen=True)
class Composed:
    """A mail ready to be written, and the documents that go with it."""

    letter: letters.Letter
    enclosed: tuple[terms.Document, ...] = ()


@dataclass(frozen=True)
class Matter:
    """What one mail is about, and how to say it in its language."""

    s: Session
    mail: tables.OutboxMail
    lang: i18n.Lang

    @property
    def account(self) -> tables.Account:
        """Whose mail it is. Raises ValueError for a mail to somebody without an account."""
        if self.mail.account_id is None:
            raise ValueError(f"a mail {self.mail.template} is to a customer")
        return self.s.get_one(tables.Account, self.mail.account_id)

    @property
    def params(self) -> dict[str, Any]:
        """What no row knows."""
        return self.mail.params

    def say(self, key: str, **params: object) -> str:
        """Words of the mails, in the reader's language."""
        return i18n.text(f"mail.{key}", self.lang, **params)

    def money(self, cents: int) -> str:
        """An amount as the reader writes it."""
        return i18n.money(cents, self.lang)

    def order(self) -> facts.OrderFacts:
        """All about the order that the mail is about. Raises ValueError for a mail that is about none."""
        if self.mail.order_id is None:
            raise ValueError(f"a mail {self.mail.template} is about an order")
        return facts.of_order(self.s, self.mail.order_id, self.lang)

    def service(self, service_id: int) -> tables.Service:
        """A service of the reader; one that has come to its end can still be named."""
        service = tables.Service
        return self.s.exec(select(service).where(service.id == service_id, service.account_id == self.account.id)).one()

    def method(self, method_id: int) -> tables.PaymentMethod:
        """A method of the reader; one that was removed can still be named."""
        method = tables.PaymentMethod
        return self.s.exec(select(method).where(method.id == method_id, method.account_id == self.account.id)).one()

    def means(self, method: tables.PaymentMethod) -> str:
        """A method as its owner knows it: «Visa •••• 4242»."""
        return facts.means(method.gateway, method.brand, method.last4, self.lang, method.label)

    def day(self, day: date) -> str:
        """A day as the reader writes it."""
        return i18n.date(day, self.lang)

    def addressee(self) -> str:
        """Whom it greets: the holder of the order that it is about, else of the account."""
        return self.order().holder.display_name if self.mail.order_id is not None else name(self.account)

    def greeting(self, name: str) -> letters.Paragraph:
        """How the letter begins."""
        return letters.Paragraph(self.say("greeting", name=name) if name else self.say("greeting.plain"))


def link(path: str, **query: str) -> str:
    """An address of ours."""
    asked = f"?{urlencode(query)}" if query else ""
    return f"{settings.load().public_url.rstrip('/')}{path}{asked}"


def order_link(found: facts.OrderFacts) -> str:
    """The page of an order."""
    return link(f"/ordini/{found.row.number}")


def name(account: tables.Account) -> str:
    """Whom a mail greets."""
    return facts.holder(account.holder).display_name.strip() if account.holder else ""


def expiry(service: facts.Service | tables.Service, lang: i18n.Lang) -> tuple[str, str]:
    """A service and its last valid day."""
    return service.label, i18n.date(service.expires_on, lang) if service.expires_on else ""
