"""What a member of staff has to know, once per fact."""

from sqlmodel import Session

from pecapp import clock, db, tables
from pecapp.services import live


def tell_staff(s: Session, kind: str, dedup_key: str, *, order_id: int | None = None, **params: object) -> None:
    """Alert the staff to `kind`; a second alert with the same key changes nothing."""
    values = {
        "kind": kind,
        "dedup_key": f"{kind}:{dedup_key}",
        "order_id": order_id,
        "params": params,
        "created_at": clock.now(),
    }
    if db.insert_once(s, tables.Alert, values):
        live.publish(s, live.ADMINS)
