"""The staff's lists: customers, orders, payments, services, saved methods, mails; sorted, filtered, paged."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlmodel import Session

from pecapp import db, errors, i18n, tables
from pecapp.domain import orders, payments
from pecapp.services import access, methods, settlement, subscriptions
from pecapp.services.admin import keyset, rows, views

EXPORT_SIZE = 500
_LONGEST_ID = 9
_GATEWAYS = ("stripe", "paypal")


@dataclass(frozen=True)
class List:
    """What can be listed, and how its rows are made of their keys."""

    listing: keyset.Listing
    draw: Callable[[Session, Sequence[Any], i18n.Lang], Sequence[Any]]


def _newest(*leads: str) -> keyset.Sort:
    return keyset.Sort(("created_at", "id"), descending=True, leads=leads)


LISTS: Mapping[str, List] = MappingProxyType(
    {
        "clienti": List(
            keyset.Listing(
                db.table(tables.Account),
                {"newest": _newest(), "email": keyset.Sort(("email_key",))},
                {},
                "created_at",
                {"role": "customer"},
            ),
            rows.customers,
        ),
        "ordini": List(
            keyset.Listing(
                db.table(tables.Order),
                {
                    "newest": _newest("status"),
                    "oldest": keyset.Sort(("created_at", "id"), leads=("status",)),
                    "amount": keyset.Sort(("gross_cents", "id"), descending=True),
                },
                {"status": tuple(orders.Status), "kind": tuple(orders.Kind), "gateway": _GATEWAYS},
                "created_at",
            ),
            rows.orders,
        ),
        "pagamenti": List(
            keyset.Listing(
                db.table(tables.PaymentAttempt),
                {
                    "newest": _newest("status"),
                    "oldest": keyset.Sort(("created_at", "id"), leads=("status",)),
                    "ended": keyset.Sort(("finished_at", "id"), descending=True, period="finished_at"),
                },
                {
                    "status": tuple(payments.Status),
                    "reason": tuple(payments.Reason),
                    "gateway": _GATEWAYS,
                    "channel": ("order", "area", "quick", settlement.RENEWAL),
                },
                "created_at",
            ),
            rows.attempts,
        ),
        "servizi": List(
            keyset.Listing(
                db.table(tables.Service),
                {
                    "newest": keyset.Sort(("id",), descending=True, leads=("status", "renewal")),
                    "expiry": keyset.Sort(("expires_on", "id"), leads=("status",)),
                },
                {
                    "status": (
                        subscriptions.ACTIVATING,
                        subscriptions.ACTIVE,
                        subscriptions.EXPIRED,
                        subscriptions.CANCELLED,
                    ),
                    "renewal": (
                        subscriptions.RENEWAL_ACTIVE,
                        subscriptions.RENEWAL_INACTIVE,
                        subscriptions.RENEWAL_DISABLED,
                        subscriptions.RENEWAL_INCOMPLETE,
                    ),
                },
                "expires_on",
            ),
            rows.services,
        ),
        "metodi": List(
            keyset.Listing(
                db.table(tables.PaymentMethod),
                {"newest": _newest("status"), "ends": keyset.Sort(("exp_year", "exp_month", "id"), floor=0)},
                {"status": (methods.VALID, methods.REVOKED, methods.REMOVED), "gateway": _GATEWAYS},
                "created_at",
            ),
            rows.kept_methods,
        ),
        "posta": List(
            keyset.Listing(
                db.table(tables.OutboxMail),
                {"newest": keyset.Sort(("ready_at", "id"), descending=True, leads=("status",))},
                {"status": ("waiting", "failed", "sent")},
                "ready_at",
                usual={"status": "waiting"},
            ),
            rows.mails,
        ),
    }
)
"""By the last part of the address of their page."""


SORT, SINCE, UNTIL, AT, CUSTOMER = "ordina", "dal", "al", "pagina", "cliente"
ADDRESSED = MappingProxyType(
    {
        "stato": "status",
        "motivo": "reason",
        "gateway": "gateway",
        "tipo": "kind",
        "canale": "channel",
        "rinnovo": "renewal",
    }
)
"""The filters by their names in an address."""


def usual_sort(name: str) -> str:
    """How a list that there is is sorted when nobody says how."""
    return next(iter(LISTS[name].listing.sorts))


def asked(query: Mapping[str, str]) -> keyset.Asked:
    """What the address of a list asks for; safe for whatever a browser sends."""
    filters = {column: query[name] for name, column in ADDRESSED.items() if query.get(name)}
    since, until = (day(query.get(name, "")) for name in (SINCE, UNTIL))
    said = query.get(CUSTOMER, "")
    account_id = int(said) if said.isascii() and said.isdecimal() and len(said) <= _LONGEST_ID else None
    return keyset.Asked(query.get(SORT, ""), filters, since, until, query.get(AT, ""), account_id)


def day(said: str) -> date | None:
    """The day that an address names; None for what is none."""
    with suppress(ValueError):
        return date.fromisoformat(said[:10])
    return None


def page(actor: access.Actor, name: str, asked: keyset.Asked, lang: i18n.Lang) -> views.PageView:
    """One page of a list. Raises Forbidden, and NotFound for a list that there is not."""
    access.staff(actor)
    wanted = _wanted(name)
    with db.reading() as s:
        found = keyset.cut(s, wanted.listing, asked)
        drawn = list(wanted.draw(s, found.keys, lang))
    return views.PageView(drawn, found.before, found.after, found.partial)


def everything(actor: access.Actor, name: str, asked: keyset.Asked, lang: i18n.Lang) -> Iterator[Sequence[Any]]:
    """All rows of a list from its first page on, some hundreds at a time, each piece read for itself.

    No transaction stays open between two pieces, however slowly they are taken. Raises Forbidden, NotFound at once;
    Forbidden also before a piece that the actor may not read any more, dismissed meanwhile.
    """
    access.staff(actor)
    wanted = _wanted(name)
    return _pieces(actor, wanted, replace(asked, at=""), lang)


def _pieces(actor: access.Actor, wanted: List, asked: keyset.Asked, lang: i18n.Lang) -> Iterator[Sequence[Any]]:
    while True:
        with db.reading() as s:
            access.still_staff(s, actor)
            found = keyset.cut(s, wanted.listing, asked, EXPORT_SIZE)
            drawn = wanted.draw(s, found.keys, lang)
        yield drawn
        if not found.after:
            return
        asked = replace(asked, at=found.after)


def _wanted(name: str) -> List:
    if name not in LISTS:
        raise errors.NotFound
    return LISTS[name]
