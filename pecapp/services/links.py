"""Links and tickets that work once. What is sent is never stored, only its SHA-256."""

import hashlib
import secrets
from datetime import timedelta
from enum import StrEnum

from sqlmodel import Session, col, delete, select

from pecapp import clock, db, errors, tables


class Purpose(StrEnum):
    """What a token opens."""

    CONFIRM = "confirm"
    RECOVER = "recover"
    ENTRY = "entry"
    DEBIT = "debit"


LIFETIMES = {
    Purpose.CONFIRM: timedelta(days=7),
    Purpose.RECOVER: timedelta(hours=1),
    Purpose.ENTRY: timedelta(minutes=10),
    Purpose.DEBIT: timedelta(days=8),  # until the expiry of what the debit renews
}
_LONGEST = 100


def issue(
    s: Session,
    purpose: Purpose,
    account_id: int,
    *,
    session_id: str | None = None,
    order_id: int | None = None,
    lasts: timedelta | None = None,
) -> str:
    """A new token for an account, about an order if it is; only the browser of `session_id` may use it, when given.

    It `lasts` as long as its purpose does, unless something else is said.
    """
    token = secrets.token_urlsafe(32)
    s.add(
        tables.Token(
            id=_digest(token),
            purpose=purpose.value,
            account_id=account_id,
            session_id=session_id,
            order_id=order_id,
            expires_at=clock.now() + (lasts or LIFETIMES[purpose]),
        )
    )
    return token


def find(s: Session, token: object, purpose: Purpose, *, session_id: str | None = None) -> tables.Token:
    """The live token, held for this transaction; it may have been used before (`used_at`).

    Raises NotFound for one that is unknown, expired, for something else or of another browser: nobody learns which.
    """
    row = None
    if isinstance(token, str) and 0 < len(token) <= _LONGEST:
        wanted = select(tables.Token).where(tables.Token.id == _digest(token), tables.Token.purpose == purpose.value)
        row = s.exec(db.locked(wanted)).one_or_none()
    if row is None or row.expires_at <= clock.now() or row.session_id not in {None, session_id}:
        raise errors.NotFound("LINK_NON_VALIDO")
    return row


def use(s: Session, token: object, purpose: Purpose, *, session_id: str | None = None) -> int:
    """Use up a token and give its account. Raises NotFound as `find`, and when it was used before."""
    row = find(s, token, purpose, session_id=session_id)
    if row.used_at is not None:
        raise errors.NotFound("LINK_NON_VALIDO")
    row.used_at = clock.now()
    s.add(row)
    return row.account_id


def revoke(s: Session, account_id: int, purpose: Purpose) -> None:
    """Make the account's unused tokens of one kind worthless."""
    s.execute(
        delete(tables.Token).where(
            col(tables.Token.account_id) == account_id,
            col(tables.Token.purpose) == purpose.value,
            col(tables.Token.used_at).is_(None),
        )
    )


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
