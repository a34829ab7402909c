"""The register of what the staff did: it can be read and never changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlmodel import col, select

from pecapp import db, i18n, tables
from pecapp.domain import staff
from pecapp.services import access

PAGE = 50


@dataclass(frozen=True)
class Act:
    """Something that a member of the staff did."""

    act_id: int
    at: str
    by: str
    role: str
    act: str
    """The key of its words."""
    subject: str
    url: str
    """Where what it was done to is shown; empty when nowhere."""
    changed: str
    """What was before, and what after."""
    why: str


def listing(actor: access.Actor, lang: i18n.Lang, before: int | None = None, limit: int = PAGE) -> list[Act]:
    """The acts before the one of that number, newest first. Raises Forbidden."""
    access.staff(actor, staff.Right.STAFF)
    act, account = tables.StaffAct, tables.Account
    wanted = select(act, account.email).join(account, col(account.id) == act.by_id).order_by(col(act.id).desc())
    if before is not None:
        wanted = wanted.where(col(act.id) < before)
    with db.reading() as s:
        rows = s.exec(wanted.limit(limit)).all()
    return [shown(row, email, lang) for row, email in rows]


def shown(row: tables.StaffAct, email: str, lang: i18n.Lang) -> Act:
    """An act as the staff reads it."""
    return Act(
        act_id=row.id or 0,
        at=i18n.instant(row.at, lang),
        by=email,
        role=row.role,
        act=i18n.text(f"staff.act.{row.act}", lang),
        subject=_subject(row.subject, lang),
        url=_url(row),
        changed=_changed(row.before, row.after),
        why=row.why,
    )


def _subject(subject: str, lang: i18n.Lang) -> str:
    kind, _, name = subject.partition(":")
    return i18n.text(f"staff.subject.{kind}", lang, name=name)


def _url(row: tables.StaffAct) -> str:
    kind, _, name = row.subject.partition(":")
    if kind == "order":
        return f"/admin/ordini/{name}"
    if kind == "event":
        return f"/admin/notifiche/{name}"
    return f"/admin/clienti/{row.account_id}" if row.account_id else ""


def _changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What differs, as `name: before → after`."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return ", ".join(f"{name}: {before.get(name, '–')} → {after.get(name, '–')}" for name in names)
