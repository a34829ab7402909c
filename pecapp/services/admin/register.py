"""The register of what the staff did: it can be read and never changed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from pecapp import i18n, tables
from pecapp.services.admin import register_words

_PREFIX = "staff.act."
ACTS = tuple(key.removeprefix(_PREFIX) for key in i18n.words(i18n.DEFAULT) if key.startswith(_PREFIX))
"""Everything that the staff can do, as the rows name it; its words are `staff.act.<act>`."""


@dataclass(frozen=True)
class Act:
    """Something that a member of the staff did."""

    act_id: int
    at: str
    iso: str
    by: str
    role: str
    act: str
    """In words."""
    subject: str
    url: str
    """Where what it was done to is shown; empty when nowhere."""
    changed: str
    """What was before, and what after."""
    why: str


def rows(s: Session, ids: Sequence[int], lang: i18n.Lang) -> list[Act]:
    """These acts, in this order."""
    act, account = tables.StaffAct, tables.Account
    wanted = select(act, account.email).join(account, col(account.id) == act.by_id).where(col(act.id).in_(ids))
    found = {row.id: (row, email) for row, email in s.exec(wanted)} if ids else {}
    return shown(s, [found[one] for one in ids], lang)


def shown(s: Session, found: Iterable[tuple[tables.StaffAct, str]], lang: i18n.Lang) -> list[Act]:
    """Acts as the staff reads them, each with the address of who did it: a few queries, however many acts."""
    acts = list(found)
    known = register_words.known_to(s, [row for row, _ in acts], lang)
    return [
        Act(
            act_id=row.id or 0,
            at=i18n.instant(row.at, lang),
            iso=row.at.isoformat(),
            by=email,
            role=row.role,
            act=i18n.text(f"{_PREFIX}{row.act}", lang),
            subject=register_words.subject(row, known, lang),
            url=register_words.url(row, known),
            changed=register_words.changed(row, known, lang),
            why=row.why,
        )
        for row, email in acts
    ]


# --- what can be looked for -------------------------------------------------------------------------------------------


def by(s: Session, said: str) -> Mapping[str, Sequence[object]]:
    """The acts of the member of this address, as what their rows hold."""
    account = tables.Account
    return {"by_id": s.exec(select(account.id).where(account.email_key == said.lower())).all()}


def about(s: Session, said: str) -> Mapping[str, Sequence[object]]:
    """What was done to an order with its payments and refunds, to a customer with all that is theirs, to a member of
    the staff, or to a mailbox; known by its number or its address.
    """
    account = s.exec(select(tables.Account).where(tables.Account.email_key == said.lower())).one_or_none()
    if account is not None and account.role == "customer":
        return {"account_id": (account.id,)}
    if account is not None:
        return {"subject": (f"account:{account.id}",)}
    order = s.exec(select(tables.Order.id).where(tables.Order.number == said)).one_or_none()
    if order is None:
        held = s.exec(select(tables.Service.id).where(tables.Service.label == said.lower())).all()
        return {"subject": [f"service:{one}" for one in held]}
    attempt, refund = tables.PaymentAttempt, tables.Refund
    paid = s.exec(select(attempt.id).where(attempt.order_id == order)).all()
    given_back = s.exec(select(refund.id).where(refund.order_id == order)).all()
    of_order = (f"order:{said}", *(f"payment:{one}" for one in paid), *(f"refund:{one}" for one in given_back))
    return {"subject": of_order}
