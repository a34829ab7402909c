"""The staff's lists: customers, orders, payments, services, saved methods, mails, what the staff did.

They are sorted, filtered, paged.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType
from typing import Any

from sqlmodel import Session, select

from pecapp import db, errors, i18n, tables
from pecapp.domain import orders, payments, staff
from pecapp.services import access, methods, settlement, subscriptions
from pecapp.services.admin import keyset, register, rows, views

EXPORT_SIZE = 500
_LONGEST_ID = 9
_LONGEST_TEXT = 254
_GATEWAYS = ("stripe", "paypal")


@dataclass(frozen=True)
class List:
    """What can be listed, and how its rows are made of their keys."""

    listing: keyset.Listing
    draw: Callable[[Session, Sequence[Any], i18n.Lang], Sequence[Any]]
    means: Mapping[str, Callable[[Session, str], Mapping[str, Sequence[object]]]] = field(default_factory=dict)
    """What a text typed into a field means, as what columns must be, by the field's name in an address."""
    right: staff.Right = staff.Right.READ


def _newest(*leads: str) -> keyset.Sort:
    return keyset.Sort(("created_at", "id"), descending=True, leads=leads)


def _sent_to(s: Session, said: str) -> Mapping[str, Sequence[object]]:
    """The mails to an address, written as it was typed or as its account has it."""
    account = tables.Account
    kept = s.exec(select(account.email).where(account.email_key == said.lower())).all()
    return {"to_address": sorted({said, said.lower(), *kept})}


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
            ),
            rows.mails,
            {"destinatario": _sent_to},
        ),
        "registro": List(
            keyset.Listing(
                db.table(tables.StaffAct),
                {
                    "newest": keyset.Sort(("at", "id"), descending=True, leads=("by_id", "act")),
                    "oldest": keyset.Sort(("at", "id"), leads=("by_id", "act")),
                },
                {"act": register.ACTS},
                "at",
            ),
            register.rows,
            {"chi": register.by, "su": register.about},
            staff.Right.STAFF,
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
        "atto": "act",
    }
)
"""The filters by their names in an address."""
WHO = "chi"
TYPED = MappingProxyType({WHO: "by", "su": "about", "destinatario": "to_address"})
"""The fields in which one types, by their names in an address."""


def usual_sort(name: str) -> str:
    """How a list that there is is sorted when nobody says how."""
    return next(iter(LISTS[name].listing.sorts))


def asked(query: Mapping[str, str]) -> keyset.Asked:
    """What the address of a list asks for; safe for whatever a browser sends."""
    filters = {column: query[name] for name, column in ADDRESSED.items() if query.get(name)}
    since, until = (day(query.get(name, "")) for name in (SINCE, UNTIL))
    said = query.get(CUSTOMER, "")
    account_id = int(said) if said.isascii() and said.isdecimal() and len(said) <= _LONGEST_ID else None
    typed = {name: text for where, name in TYPED.items() if (text := _text(query.get(where, "")))}
    return keyset.Asked(query.get(SORT, ""), filters, since, until, query.get(AT, ""), account_id, typed)


def _text(said: str) -> str:
    """What was typed; empty for what no address and no number is."""
    short = said.strip()[:_LONGEST_TEXT]
    return short if short.isprintable() else ""


def day(said: str) -> date | None:
    """The day that an address names; None for what is none."""
    with suppress(ValueError):
        return date.fromisoformat(said[:10])
    return None


def narrowed(name: str, asked: keyset.Asked) -> dict[str, Any]:
    """What a list that there is goes by, the period apart: what it has no filter for is left out."""
    wanted = LISTS[name]
    filters, typed = wanted.listing.filters, {TYPED[one] for one in wanted.means}
    found: dict[str, Any] = {one: value for one, value in asked.filters.items() if value in filters.get(one, ())}
    found |= {one: said for one, said in asked.said.items() if one in typed}
    if asked.account_id is not None and "account_id" in wanted.listing.table.c:
        found["account_id"] = asked.account_id
    return found


def page(actor: access.Actor, name: str, asked: keyset.Asked, lang: i18n.Lang) -> views.PageView:
    """One page of a list. Raises Forbidden, and NotFound for a list that there is not."""
    wanted = _wanted(actor, name)
    with db.reading() as s:
        found = keyset.cut(s, wanted.listing, _understood(s, wanted, asked))
        drawn = list(wanted.draw(s, found.keys, lang))
    return views.PageView(drawn, found.before, found.after, found.partial)


def everything(actor: access.Actor, name: str, asked: keyset.Asked, lang: i18n.Lang) -> Iterator[Sequence[Any]]:
    """All rows of a list from its first page on, some hundreds at a time, each piece read for itself.

    No transaction stays open between two pieces, however slowly they are taken. Raises Forbidden, NotFound at once;
    Forbidden also before a piece that the actor may not read any more, dismissed meanwhile.
    """
    return _pieces(actor, _wanted(actor, name), replace(asked, at=""), lang)


def _pieces(actor: access.Actor, wanted: List, asked: keyset.Asked, lang: i18n.Lang) -> Iterator[Sequence[Any]]:
    while True:
        with db.reading() as s:
            access.still_staff(s, actor, wanted.right)
            found = keyset.cut(s, wanted.listing, _understood(s, wanted, asked), EXPORT_SIZE)
            drawn = wanted.draw(s, found.keys, lang)
        yield drawn
        if not found.after:
            return
        asked = replace(asked, at=found.after)


def _wanted(actor: access.Actor, name: str) -> List:
    access.staff(actor)
    if name not in LISTS:
        raise errors.NotFound
    access.staff(actor, LISTS[name].right)
    return LISTS[name]


def _understood(s: Session, wanted: List, asked: keyset.Asked) -> keyset.Asked:
    """With what was typed as what columns must be; what the list has no field for is not asked."""
    known: dict[str, Sequence[object]] = {}
    for field_name, means in wanted.means.items():
        if said := asked.said.get(TYPED[field_name], ""):
            known |= means(s, said)
    return replace(asked, known=known)
