"""What an order can be paid with: a card or account that is new, or one that its owner has let us keep."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from sqlmodel import Session

from pecapp import errors, i18n, tables
from pecapp.gateways import registry
from pecapp.services import methods, views

_KEPT = re.compile(r"m([1-9][0-9]{0,17})")


class Choice(NamedTuple):
    """One means of payment: a gateway, and the kept method if it is one."""

    gateway: str
    method: tables.PaymentMethod | None = None

    @property
    def method_id(self) -> int | None:
        """The kept method."""
        return self.method.id if self.method else None


def offered() -> list[str]:
    """The gateways that can be chosen, by name."""
    return list(registry.gateways())


def kept_id(value: str) -> int | None:
    """The kept method that a form's value names (`m12`); None for any other value."""
    named = _KEPT.fullmatch(value)
    return int(named[1]) if named else None


def value(gateway: str, method_id: int | None) -> str:
    """A means as a form's value: `stripe`, `paypal`, `m12`."""
    return f"m{method_id}" if method_id else gateway


def resolve(s: Session, account_id: int, chosen: str, *, hold: bool = True) -> Choice:
    """What a form's value stands for; a kept method is held for this transaction unless it is only read.

    Raises NotFound for a value that is none, and for a method that is gone, over or another's.
    """
    method_id = kept_id(chosen)
    if method_id is not None:
        method = methods.chargeable(s, account_id, method_id, hold=hold)
        registry.get(method.gateway)
        if methods.is_over(method):
            raise errors.NotFound("MET_NON_TROVATO")
        return Choice(method.gateway, method)
    if chosen not in registry.gateways():
        raise errors.NotFound("MET_NON_TROVATO")
    return Choice(chosen)


def find(s: Session, account_id: int, chosen: str, *, hold: bool = True) -> Choice | None:
    """As `resolve`; None for a value that cannot be chosen, whatever the reason."""
    try:
        return resolve(s, account_id, chosen, hold=hold)
    except errors.NotFound:
        return None


def kept(found: Sequence[tables.PaymentMethod], lang: i18n.Lang) -> list[views.MeansView]:
    """Kept methods as choices, each with what there is to know of it; a card that is over is none."""
    offered = registry.gateways()
    return [_kept(method, lang) for method in found if method.gateway in offered and not methods.is_over(method)]


def _kept(method: tables.PaymentMethod, lang: i18n.Lang) -> views.MeansView:
    card = method.kind == "card"
    expires = f"{method.exp_month:02d}/{method.exp_year % 100:02d}"
    detail = i18n.text("means.kept_card", lang, expires=expires) if card else i18n.text("means.kept_paypal", lang)
    return views.MeansView(
        value=value(method.gateway, method.id),
        kind="card" if card else "paypal",
        title=methods.title(method, lang),
        detail=detail,
    )


def new(lang: i18n.Lang, *, beside: bool) -> list[views.MeansView]:
    """The new means; `beside` kept ones they are called so («Nuova carta», «Nuovo account PayPal»)."""
    kinds = {"paypal": "paypal"}
    added = "new_" if beside else ""
    return [
        views.MeansView(
            value=gateway,
            kind=kinds.get(gateway, "card"),
            title=i18n.text(f"means.{added}{kinds.get(gateway, 'stripe')}", lang),
            detail=i18n.text(f"means.{kinds.get(gateway, 'stripe')}_detail", lang),
        )
        for gateway in registry.gateways()
    ]


def choices(s: Session, account_id: int, lang: i18n.Lang) -> list[views.MeansView]:
    """Everything that the customer can pay with: kept methods first, then new ones."""
    mine = kept(methods.usable(s, account_id), lang)
    return [*mine, *new(lang, beside=bool(mine))]
