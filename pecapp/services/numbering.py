"""Numbers: receipts without gaps, orders and logins that are unique."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session

from pecapp import clock, db, tables
from pecapp.domain import identity

COUNTER = db.table(tables.Counter)

_NEXT = (
    update(COUNTER)
    .where(COUNTER.c.name == bindparam("counter"))
    .values(value=COUNTER.c.value + 1)
    .returning(COUNTER.c.value)
)
_RECEIPT = insert(db.table(tables.Receipt))


def take(s: Session, name: str) -> int:
    """The next number of `name`, from 1, without gaps: a rollback gives the number back.

    Holds the counter until the transaction ends, so it is the last lock to take (service, order, attempt, counter).
    """
    connection = db.core(s)
    number = connection.execute(_NEXT, {"counter": name}).scalar_one_or_none()
    if number is None:
        db.insert_once(s, tables.Counter, {"name": name, "value": 0})
        number = connection.execute(_NEXT, {"counter": name}).scalar_one()
    return number


def issue_receipt(s: Session, order_id: int, attempt_id: str | None, at: datetime) -> None:
    """Give a paid order its receipt; the unique key on the order makes a second one impossible."""
    year = at.astimezone(clock.ROME).year
    values: dict[str, Any] = {"order_id": order_id, "attempt_id": attempt_id, "year": year, "issued_at": at}
    db.core(s).execute(_RECEIPT, values | {"number": take(s, f"receipt-{year}")})


def new_order_number() -> str:
    """Ten digits with a check digit, impossible to guess from another one; the caller's unique key settles clashes."""
    return identity.new_order_number(f"{secrets.randbelow(10**9):09d}")
