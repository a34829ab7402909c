"""What members of staff did: who, to what, before and after, and why. Rows are only ever added."""

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session

from pecapp import clock, errors, tables
from pecapp.services import access

_SHORTEST, _LONGEST = 3, 500


def reason(said: object) -> str:
    """The reason that somebody gave for an act. Raises Invalid (`MOTIVO_MANCANTE`) for none, and for one too long."""
    why = said.strip() if isinstance(said, str) else ""
    if not _SHORTEST <= len(why) <= _LONGEST:
        raise errors.Invalid({"why": "MOTIVO_MANCANTE"}, "MOTIVO_MANCANTE")
    return why


def record(
    s: Session,
    actor: access.Actor,
    act: str,
    subject: str,
    *,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    why: str,
    account_id: int | None = None,
) -> None:
    """Write down an act of the staff, in the transaction that does it.

    `subject` is what was acted on, such as `order:<number>`; `account_id` is whose it is, if a customer's; `before` and
    `after` hold what changed, as plain data. Raises Forbidden for an actor who has not signed in.
    """
    s.add(
        tables.StaffAct(
            at=clock.now(),
            by_id=access.require(actor),
            role=actor.role,
            act=act,
            subject=subject,
            account_id=account_id,
            before=dict(before),
            after=dict(after),
            why=why,
            ip=actor.ip,
        )
    )
