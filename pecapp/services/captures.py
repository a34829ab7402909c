"""Money that moves only when we ask for it: the wish is recorded, the gateway called, its answer settled."""

import logging
from dataclasses import replace

from sqlmodel import Session, select

from pecapp import clock, db, tables
from pecapp.domain import orders
from pecapp.domain import payments as rules
from pecapp.gateways import base, registry
from pecapp.services import alerts, failpoint, settlement

log = logging.getLogger(__name__)

MOST_CAPTURES = 10
"""How often the money of one approved payment is asked for while its source of funds is refused."""


async def take(
    attempt: tables.PaymentAttempt, reference: base.Reference, approved: rules.Outcome, *, witnessed: bool, again: bool
) -> bool:
    """Take approved money: the wish is recorded, the gateway called, its answer settled.

    False when the gateway refused for a reason of ours: the approval stands, and it is asked again later.
    """
    key = await db.run(_claim, approved, again)
    if key is None:
        await settlement.apply(approved, witnessed=witnessed)
        return True
    failpoint.reach("capture_recorded")
    try:
        outcome = await registry.get(attempt.gateway).capture(reference, key)
    except base.OutcomeUnknown as problem:
        log.warning("gateway %s did not answer to a capture for attempt %s: %s", attempt.gateway, attempt.id, problem)
        await db.shared(lambda s: _unanswered(s, approved))
        return True
    except base.GatewayError as problem:
        log.warning("gateway %s refused a capture for attempt %s: %s", attempt.gateway, attempt.id, problem)
        await settlement.apply(replace(approved, verdict=rules.Verdict.REFUSED), witnessed=witnessed)
        return False
    failpoint.reach("captured")
    await settlement.apply(outcome, witnessed=witnessed)
    return True


def _claim(approved: rules.Outcome, again: bool) -> str | None:
    """The key under which to take the approved money; None when it must not be taken.

    Whoever asks while another capture is unanswered gets the same key, so that the gateway sees one wish.
    """
    with db.transaction() as s:
        if s.get(tables.PaymentAttempt, approved.attempt_id) is None:
            return None
        attempt = settlement.hold(s, approved.attempt_id)
        order = s.exec(db.locked(select(tables.Order).where(tables.Order.id == attempt.order_id))).one()
        if attempt.status not in rules.OPEN or order.status != orders.Status.VERIFYING:
            return None
        if (approved.amount_cents, approved.currency) != (attempt.amount_cents, attempt.currency):
            received = f"{approved.amount_cents} {approved.currency}"
            alerts.tell_staff(s, "approved_amount_differs", attempt.id, order_id=order.id, received=received)
            return None
        if attempt.capture_asked_at is None:
            if (attempt.reason and not again) or attempt.captures >= MOST_CAPTURES:
                return None
            attempt.captures += 1
            attempt.capture_asked_at = clock.now()
            s.add(attempt)
        return f"capture:{attempt.id}:{attempt.captures}"


def _unanswered(s: Session, approved: rules.Outcome) -> None:
    """The outcome of the capture is unknown, unless another call with its key has brought the answer meanwhile."""
    if settlement.hold(s, approved.attempt_id).capture_asked_at is not None:
        settlement.settle(s, replace(approved, verdict=rules.Verdict.PROCESSING))
