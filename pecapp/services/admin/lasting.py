"""The end of a session of the staff, told while there is time to prolong it or to finish (WCAG 2.2.1)."""

from dataclasses import dataclass
from datetime import timedelta

from sqlmodel import col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.services import access, live

ENDED = timedelta(minutes=2)
"""How long after its end a session is still told to its pages."""
MOST = 1_000


@dataclass(frozen=True)
class Ending:
    """The end of a session that is near."""

    at: str
    """When, in words."""
    final: bool
    """Whether no use of it prolongs it any more."""


def tell_due() -> int:
    """Have the pages of those sessions of the staff look that are about to end, or have ended; how many there are.

    For each minute; safe to repeat. News are no use of a session: nobody stays signed in by them.
    """
    now, session = clock.now(), tables.WebSession
    near = col(session.expires_at).between(now - ENDED, now + access.STAFF_WARNED)
    wanted = select(session.id).where(near, col(session.second_factor_at).is_not(None))
    with db.reading() as s:
        found = list(s.exec(wanted.order_by(col(session.expires_at)).limit(MOST)))
    if found:
        live.announce(live.session(session_id) for session_id in found)
    return len(found)


def ending(actor: access.Actor, lang: i18n.Lang) -> Ending | None:
    """The end of the actor's session, None while it is far. Raises Forbidden to all but the staff, and afterwards."""
    access.staff(actor)
    if actor.expires_at is None or actor.expires_at - clock.now() > access.STAFF_WARNED:
        return None
    with db.reading() as s:
        row = s.get(tables.WebSession, actor.session_id)
    if row is None:
        raise errors.Forbidden("ACCEDI")
    return Ending(i18n.instant(actor.expires_at, lang), actor.expires_at >= row.created_at + access.STAFF_LONGEST)
