"""What a member of staff has to know, once per fact."""

from sqlmodel import Session

from pecapp import clock, db, tables
from pecapp.services import live


def tell_staff(s: Session, kind: str, dedup_key: str, *, order_id: int | None = None, **params: object) -> bool:
    """Alert the staff to `kind`; a second alert with the same key changes nothing. Tells whether it is new."""
    values = {
        "kind": kind,
        "dedup_key": f"{kind}:{dedup_key}",
        "order_id": order_id,
        "params": params,
        "created_at": clock.now(),
    }
    new = db.insert_once(s, tables.Alert, values)
    if new:
        live.publish(s, live.ADMINS)
    return new


def gateway_missing(s: Session, gateway: str, what: str) -> bool:
    """Alert the staff, once a day, that `what` waits for a gateway that is not configured. Tells whether it is new."""
    return tell_staff(s, "gateway_missing", f"{what}:{gateway}:{clock.today()}", gateway=gateway, what=what)
