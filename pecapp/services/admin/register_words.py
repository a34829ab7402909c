"""Acts of the staff in words: what each was done to, and what it changed.

They are kept as plain data, under the names that the code has for things.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any

from sqlmodel import Session, col, select

from pecapp import clock, i18n, tables
from pecapp.domain import catalog
from pecapp.services import brake, methods
from pecapp.services.admin import vocabulary

_STATUSES = MappingProxyType(
    {
        "order": "order.status",
        "payment": "attempt.status",
        "refund": "admin.event.state",
        "method": "adm.method",
        "event": "event.status",
        "service": "service.status",
    }
)
"""The words of a status, by what it is of."""
_KINDS = MappingProxyType({"alert": "staff.alert", "code": "staff.code.kinds"})
"""The words of a kind, by what it is of."""
_GROUPS = MappingProxyType(
    {
        "role": "staff.role",
        "renewal": "adm.renewal",
        "template": "adm.template",
        "gateway": "history.gateway",
        "reason": "adm.reason",
        "channel": "adm.channel",
    }
)
"""The words of what was changed, by its name."""
_UNSAID = frozenset({"email"})
"""What the name of the subject says already."""
_DAY, _MOMENT = re.compile(r"\d{4}-\d\d-\d\d"), re.compile(r"\d{4}-\d\d-\d\dT\S+")
_DIGITS = 18
"""Of a key of ours, at most."""


# --- what it was done to ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Known:
    """How what acts are about is called: by its kind, and by our key of it."""

    names: Mapping[str, Mapping[str, str]]

    def name(self, kind: str, key: object) -> str:
        """Its name; empty when nobody knows it."""
        return self.names.get(kind, {}).get(str(key), "")


def known_to(s: Session, acts: Sequence[tables.StaffAct], lang: i18n.Lang) -> Known:
    """What these acts are about: a few queries, however many they are."""
    asked: dict[str, set[str]] = defaultdict(set)
    for row in acts:
        kind, _, name = row.subject.partition(":")
        asked["service" if kind == "debit" else kind].add(name.partition(":")[0])
        asked["account"].add(str(row.after.get("account_id", "")))
    read: Mapping[str, Callable[[Session, set[str], i18n.Lang], Mapping[Any, str]]] = {
        "account": lambda s, keys, _: _pairs(s, tables.Account.id, tables.Account.email, _ids(keys)),
        "service": lambda s, keys, _: _pairs(s, tables.Service.id, tables.Service.label, _ids(keys)),
        "event": lambda s, keys, _: _pairs(s, tables.InboxEvent.id, tables.InboxEvent.type, _ids(keys)),
        "product": lambda s, keys, lang: _pairs(
            s, tables.Product.code, tables.Product.name_en if lang == "en" else tables.Product.name_it, keys
        ),
        "method": _methods,
        "payment": _paid,
        "refund": _given_back,
    }
    found = {kind: names(s, asked[kind], lang) for kind, names in read.items() if asked[kind] - {""}}
    return Known({kind: {str(key): name for key, name in names.items()} for kind, names in found.items()})


def _ids(keys: Iterable[str]) -> set[int]:
    """The keys that are numbers."""
    return {int(key) for key in keys if key.isascii() and key.isdecimal() and len(key) <= _DIGITS}


def _pairs(s: Session, key: Any, name: Any, keys: Iterable[Any]) -> dict[Any, str]:
    return dict(s.exec(select(key, name).where(col(key).in_(keys))).all())


def _methods(s: Session, keys: set[str], lang: i18n.Lang) -> dict[Any, str]:
    method = tables.PaymentMethod
    return {row.id: methods.title(row, lang) for row in s.exec(select(method).where(col(method.id).in_(_ids(keys))))}


def _paid(s: Session, keys: set[str], _: i18n.Lang) -> dict[Any, str]:
    """Numbers of the orders that payments were for."""
    attempt, order = tables.PaymentAttempt, tables.Order
    wanted = select(attempt.id, order.number).join(order, col(order.id) == attempt.order_id)
    return dict(s.exec(wanted.where(col(attempt.id).in_(keys))).all())


def _given_back(s: Session, keys: set[str], _: i18n.Lang) -> dict[Any, str]:
    """Numbers of the orders that refunds were of."""
    refund, order = tables.Refund, tables.Order
    wanted = select(refund.id, order.number).join(order, col(order.id) == refund.order_id)
    return dict(s.exec(wanted.where(col(refund.id).in_(keys))).all())


def subject(row: tables.StaffAct, known: Known, lang: i18n.Lang) -> str:
    """What it was done to."""
    kind, _, key = row.subject.partition(":")
    words = i18n.words(lang)
    if kind == "debit":
        return _debit(key, known, lang)
    if kind in {"payment", "refund"} and (number := known.name(kind, key)):
        return i18n.text(f"staff.subject.{kind}.order", lang, name=number)
    told = {
        "list": words.get(vocabulary.TITLES.get(key, ""), ""),
        "gateway": words.get(f"history.gateway.{key}", ""),
        "alert": words.get(f"staff.alert.{row.before.get('kind')}", ""),
        "mail": words.get(f"adm.template.{row.after.get('template')}", ""),
    }
    name = told.get(kind) or known.name(kind, key) or key
    return i18n.text(f"staff.subject.{kind}", lang, name=name)


def _debit(scope: str, known: Known, lang: i18n.Lang) -> str:
    if scope == brake.ALL:
        return i18n.text("staff.subject.debits", lang)
    service_id, _, expiry = scope.partition(":")
    name = known.name("service", service_id) or service_id
    return i18n.text("staff.subject.debit", lang, name=name, on=_day(expiry, lang))


def url(row: tables.StaffAct, known: Known) -> str:
    """Where what it was done to is shown; empty when nowhere."""
    kind, _, key = row.subject.partition(":")
    number = key if kind == "order" else known.name(kind, key) if kind in {"payment", "refund"} else ""
    if number:
        return f"/admin/ordini/{number}"
    if kind == "event":
        return f"/admin/notifiche/{key}"
    if kind == "list":
        return f"/admin/{key}"
    if row.subject == f"debit:{brake.ALL}":
        return "/admin/addebiti"
    return f"/admin/clienti/{row.account_id}" if row.account_id else ""


# --- what it changed --------------------------------------------------------------------------------------------------


def changed(row: tables.StaffAct, known: Known, lang: i18n.Lang) -> str:
    """What differs, as `name: before → after`; what has one side alone is a fact of the act, as `name: value`."""
    told = []
    for name in {**row.before, **row.after}:
        was, now = (_value(row, name, side.get(name), known, lang) for side in (row.before, row.after))
        if name in _UNSAID or row.before.get(name) == row.after.get(name) or not (was or now):
            continue
        told.append(f"{_field(name, lang)}: {' → '.join(value for value in (was, now) if value)}")
    return ", ".join(told)


def _field(name: str, lang: i18n.Lang) -> str:
    """What was changed, in words; for what nobody has named, the words that its name is made of."""
    return i18n.words(lang).get(f"staff.field.{name}", name.replace("_", " ").strip().capitalize())


def _value(row: tables.StaffAct, name: str, value: Any, known: Known, lang: i18n.Lang) -> str:
    if value is None or value == []:
        return ""
    if isinstance(value, bool):
        return i18n.text(f"adm.csv.{'yes' if value else 'no'}", lang)
    if isinstance(value, list):
        return i18n.number(len(value), lang)
    if name == "account_id":
        return known.name("account", value) or str(value)
    if name == "value":
        percent = {**row.before, **row.after}.get("kind") == catalog.CodeKind.PERCENT
        return f"{value} %" if percent else i18n.money(int(value), lang)
    if isinstance(value, int):
        return i18n.money(value, lang) if name.endswith("_cents") else i18n.number(value, lang)
    return _words(row.subject, name, str(value), lang)


def _words(subject: str, name: str, said: str, lang: i18n.Lang) -> str:
    """A text of ours in words: a status or a kind, a day, a moment, a period; anything else as it is."""
    found = i18n.words(lang).get(f"{_group(subject, name)}.{said}")
    if found:
        return found
    if name == "period":
        return " – ".join(_day(part, lang) or "…" for part in said.split("/"))
    return _day(said, lang)


def _group(subject: str, name: str) -> str:
    """Where the words for a machine word are; empty for none."""
    kind, _, key = subject.partition(":")
    if kind == "list":
        return _GROUPS.get(name) or vocabulary.COLUMNS.get((key, name), "")
    return {"status": _STATUSES, "kind": _KINDS}.get(name, {}).get(kind, "") or _GROUPS.get(name, "")


def _day(said: str, lang: i18n.Lang) -> str:
    """A day or a moment in words; anything else as it is."""
    try:
        if _DAY.fullmatch(said):
            return i18n.date(date.fromisoformat(said), lang)
        if _MOMENT.fullmatch(said):
            at = datetime.fromisoformat(said)
            return i18n.instant(at if at.tzinfo else at.replace(tzinfo=clock.ROME), lang)
    except ValueError:
        return said
    return said
