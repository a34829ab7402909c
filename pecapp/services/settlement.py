"""Settlement: what a gateway says of an attempt becomes rows, in one transaction, whoever brought the news.

Webhook, return of the browser and reconciliation all end here. The only place where an attempt changes its state.
Safe to repeat, safe out of order.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import String, bindparam, func, null, select, update
from sqlmodel import Session

from pecapp import clock, db, settings, tables
from pecapp.domain import orders, payments
from pecapp.services import (
    agreements,
    alerts,
    auto_renewal,
    dunning,
    failpoint,
    lifecycle,
    live,
    mandates,
    methods,
    numbering,
    outbox,
    refunds,
    subscriptions,
)

CARD_PATIENCE = timedelta(seconds=20)
"""How long the payment mail waits for the card's last digits; half of it over, the gateway is asked for them."""
RENEWAL = "renewal"
"""Channel of a debit that automatic renewal makes: nobody is there to see how it ends."""
QUICK = "quick"
"""Channel of a payment made with nothing but the order's number: it never touches methods or renewals."""
EXPIRY_MARGIN = timedelta(seconds=60)
"""An attempt is closed this long after its page at the gateway should have expired by itself."""

ORDER = db.table(tables.Order)
ATTEMPT = db.table(tables.PaymentAttempt)
_SETTLED = partial(failpoint.reach, "settled")
RECEIPT = db.table(tables.Receipt)

_ORDER_COLUMNS = (
    ORDER.c.id.label("order_id"),
    ORDER.c.number,
    ORDER.c.account_id,
    ORDER.c.status.label("order_status"),
    ORDER.c.reference_email,
    ORDER.c.lang,
    ORDER.c.configuration,
    ORDER.c.years,
    ORDER.c.auto_renew,
    ORDER.c.extend_services,
    ORDER.c.created_at,
    ORDER.c.method_id.label("chosen_id"),
    ORDER.c.ceiling_cents,
)
_READ_ORDER = select(
    null().label("attempt_id"),
    null().label("method_id"),
    bindparam("paid_by", type_=String).label("channel"),
    ORDER.c.save_method,
    *_ORDER_COLUMNS,
).where(ORDER.c.id == bindparam("key"))
_READ = (
    select(
        ATTEMPT.c.id.label("attempt_id"),
        ATTEMPT.c.status,
        ATTEMPT.c.gateway,
        ATTEMPT.c.amount_cents,
        ATTEMPT.c.currency,
        ATTEMPT.c.save_method,
        ATTEMPT.c.method_id,
        ATTEMPT.c.channel,
        ATTEMPT.c.next_check_at,
        ATTEMPT.c.unknown_since_at,
        ATTEMPT.c.capture_asked_at,
        ATTEMPT.c.held,
        ATTEMPT.c.saving,
        ATTEMPT.c.given_up_at,
        ATTEMPT.c.again_ref,
        *_ORDER_COLUMNS,
    )
    .join(ORDER, ORDER.c.id == ATTEMPT.c.order_id)
    .where(ATTEMPT.c.id == bindparam("key"))
)
_READ_LOCKED = _READ.with_for_update()
_WRITE = update(ATTEMPT).where(ATTEMPT.c.id == bindparam("key"))
_RECEIVED = _WRITE.values(
    status=payments.Status.SUCCEEDED.value,
    gateway_ref=func.coalesce(ATTEMPT.c.gateway_ref, bindparam("page")),
    payment_ref=bindparam("paid_with"),
    finished_at=bindparam("at"),
    next_check_at=bindparam("next"),
    reason=None,
    capture_asked_at=None,
    held="",
)
_DESCRIBED = _WRITE.values(
    card_brand=bindparam("brand"),
    card_last4=bindparam("last4"),
    card_country=bindparam("country"),
    wallet_label=bindparam("label"),
    saving=bindparam("kept"),
)
_ALL_KNOWN = _DESCRIBED.values(next_check_at=None)
_FREE_NAME = (
    update(ATTEMPT)
    .where(
        ATTEMPT.c.gateway == bindparam("at_gateway"),
        ATTEMPT.c.gateway_ref == bindparam("name"),
        ATTEMPT.c.id != bindparam("key"),
    )
    .values(gateway_ref=None)
)
_PAID_WITH = select(RECEIPT.c.attempt_id).where(RECEIPT.c.order_id == bindparam("order"))


@dataclass(frozen=True)
class Settled:
    """What a settlement came to: the attempt's status after it, and whether it moved."""

    order_id: int
    number: str
    status: payments.Status
    changed: bool


def settle(s: Session, outcome: payments.Outcome, *, witnessed: bool = False) -> Settled | None:
    """Apply what the gateway says of an attempt. None when there is no such attempt here (yet).

    `witnessed` says that the customer is looking at the result, so that no mail has to tell them. Money for an order
    that no longer wants it is given back; money that differs from the attempt's waits for a person.
    Safe to repeat, safe out of order.
    """
    row = db.core(s).execute(_READ if db.is_sqlite() else _READ_LOCKED, {"key": outcome.attempt_id}).one_or_none()
    if row is None:
        return None
    outcome = _unconfirmed(row, outcome)
    if row.again_ref and row.again_ref == outcome.gateway_ref:  # the same payment, tried again: its name passes on
        db.core(s).execute(_FREE_NAME, {"key": row.attempt_id, "at_gateway": row.gateway, "name": row.again_ref})
    was = payments.Status(row.status)
    becomes = payments.move(was, outcome.verdict, to_confirm=bool(row.method_id and outcome.again_url))
    if outcome.verdict is payments.Verdict.SUCCEEDED and was is not becomes and not _agrees(row, outcome):
        becomes = payments.Status.UNKNOWN if was in payments.OPEN else was
        _hold_for_review(s, row, becomes, outcome)
    elif becomes is payments.Status.SUCCEEDED:
        _succeed(s, row, outcome, fresh=was is not becomes)
    elif outcome.verdict is payments.Verdict.CANCELLED and (row.capture_asked_at or row.held):
        becomes = was  # the money may be moving: giving up came too late, the gateway's own word decides
    elif becomes in payments.FAILED:
        if was is not becomes:
            _fail(s, row, becomes, outcome, witnessed=witnessed)
    else:
        _wait(s, row, becomes, outcome)
    return Settled(row.order_id, row.number, becomes, was is not becomes)


def _unconfirmed(row: Any, outcome: payments.Outcome) -> payments.Outcome:
    """A debit that waits for its owner is refused, for nobody is there; the look-up cannot know, a charge says so."""
    if row.channel != RENEWAL or outcome.verdict is not payments.Verdict.WAITING:
        return outcome
    reason, remedy = payments.Reason.AUTHENTICATION, payments.Remedy.CONFIRM
    return replace(outcome, verdict=payments.Verdict.DECLINED, reason=reason, remedy=remedy, again_url="")


async def apply(outcome: payments.Outcome, *, witnessed: bool = False) -> None:
    """Settle in a transaction that is shared with whoever else settles at this moment."""
    await db.shared(lambda s: settle(s, outcome, witnessed=witnessed))


def hold(s: Session, attempt_id: str) -> tables.PaymentAttempt:
    """The attempt, which must exist, held for this transaction: always before its order."""
    return s.get_one(tables.PaymentAttempt, attempt_id, with_for_update=None if db.is_sqlite() else True)


def register_free(s: Session, order_id: int, channel: str | None = None) -> None:
    """Register the payment of a held order that costs nothing: no gateway takes part. Safe to repeat.

    `channel` is RENEWAL when automatic renewal asks for it, and nobody else.
    """
    row = db.core(s).execute(_READ_ORDER, {"key": order_id, "paid_by": channel}).one()
    if orders.allows(orders.Status(row.order_status), orders.Signal.PAYMENT_REGISTERED):
        _register(s, row, clock.now())
        outbox.ready(s, f"m03:order:{order_id}")


def _agrees(row: Any, outcome: payments.Outcome) -> bool:
    return (row.amount_cents, row.currency) == (outcome.amount_cents, outcome.currency)


def _write(s: Session, row: Any, **values: Any) -> None:
    db.core(s).execute(_WRITE.values(**values), {"key": row.attempt_id})


def _succeed(s: Session, row: Any, outcome: payments.Outcome, *, fresh: bool) -> None:
    at = clock.now()
    if fresh:
        db.core(s).execute(
            _RECEIVED,
            {
                "key": row.attempt_id,
                "page": outcome.gateway_ref or None,
                "paid_with": outcome.payment_ref or None,
                "at": at,
                "next": at + CARD_PATIENCE / 2,
            },
        )
        if not orders.allows(orders.Status(row.order_status), orders.Signal.PAYMENT_REGISTERED):
            _give_back(s, row, at)
            return
        db.after_commit(s, _SETTLED)
        if row.method_id:
            methods.used(s, row.method_id, at)
        _register(s, row, at, outcome)
    awaited = fresh or row.next_check_at or row.saving == payments.Saving.PENDING
    if outcome.means and awaited:  # once all is known, nobody asks for it and no repetition counts
        _describe(s, row, outcome, outcome.means)


def _register(s: Session, row: Any, at: datetime, outcome: payments.Outcome | None = None) -> None:
    """The order is paid. A kept method that it was paid with, or that was chosen in it, is held before the services."""
    method_id = row.method_id or (row.chosen_id if row.channel != QUICK and not row.save_method else None)
    method = methods.hold(s, method_id) if method_id and row.auto_renew else None
    lifecycle.advance(s, row.order_id, row.order_status, orders.Signal.PAYMENT_REGISTERED, at=at)
    subscriptions.start(s, row, at, follows=method is not None)
    if method is not None:
        _link(s, row, method, at, outcome if row.method_id else None)
    dunning.settled(s, row)
    if row.channel == RENEWAL:
        dunning.tell_renewed(s, row)
    else:
        _mail(s, row, "m03", f"m03:order:{row.order_id}", ready_at=at + CARD_PATIENCE)
    numbering.issue_receipt(s, row.order_id, row.attempt_id, at)


def _describe(s: Session, row: Any, outcome: payments.Outcome, means: payments.Card | payments.Wallet) -> None:
    """The gateway tells what paid: needed by the mail, the receipt and the saved method.

    Until the token of a method that is to be saved is known, the gateway is asked for it.
    """
    at, saving = clock.now(), _saving(row, means)
    told = _DESCRIBED if saving == payments.Saving.PENDING else _ALL_KNOWN
    db.core(s).execute(told, {"key": row.attempt_id, "kept": saving} | _shown(means))
    if row.channel != RENEWAL:  # whose mail waits for nothing
        outbox.ready(s, f"m03:order:{row.order_id}")
    if saving == payments.Saving.SAVED and _paid_with(s, row):
        consent = {"order": row.number, "given_at": at.isoformat()}
        method = methods.keep(s, account_id=row.account_id, gateway=row.gateway, means=means, consent=consent)
        _link(s, row, method, at, outcome)
    live.publish(s, live.order(row.order_id), live.WORK_MAIL)


def _link(s: Session, row: Any, method: tables.PaymentMethod, at: datetime, outcome: payments.Outcome | None) -> None:
    """Switch on what the order asked for, up to the amount that was shown in it.

    A payment with the method itself authorises that amount; without one (`outcome` is None) the method's own mandate
    must be high enough, or the renewal stays to be completed.
    """
    ceiling = row.ceiling_cents or 0
    if method.status != methods.VALID or (outcome is None and ceiling > (method.ceiling_cents or 0)):
        return  # replaced or revoked in the middle of the payment, or never authorised for so much
    services = auto_renewal.link_renewals(s, row, method, at)
    if not services or outcome is None:
        return
    accepted = agreements.accepted_with(s, row.order_id)
    mandates.give(
        s,
        method,
        mandates.Grant(
            source=f"order:{row.number}",
            ceiling_cents=ceiling,
            services=tuple(service.id or 0 for service in services),
            terms_version=accepted.version,
            sca_reference=outcome.payment_ref,
            authorised_at=at,
            network_ref=mandates.network_ref(outcome.means),
            ip=accepted.ip,
            user_agent=accepted.user_agent,
        ),
    )


def _shown(means: payments.Card | payments.Wallet) -> dict[str, str]:
    card = isinstance(means, payments.Card)
    return {
        "brand": means.brand,
        "last4": means.last4 if card else "",
        "country": means.country,
        "label": "" if card else means.label,
    }


def _saving(row: Any, means: payments.Card | payments.Wallet) -> str:
    """What came of keeping the method: a card's token may just not be told yet, a wallet says when it is refused."""
    if not row.save_method:
        return ""
    if means.token:
        return payments.Saving.SAVED.value
    refused = isinstance(means, payments.Wallet) and means.saving is payments.Saving.NONE
    return (payments.Saving.REFUSED if refused else payments.Saving.PENDING).value


def _paid_with(s: Session, row: Any) -> bool:
    """Whether this attempt is the one that paid the order, not one whose money goes back."""
    return db.core(s).execute(_PAID_WITH, {"order": row.order_id}).scalar_one_or_none() == row.attempt_id


def _give_back(s: Session, row: Any, at: datetime) -> None:
    """The order is paid already, cancelled or lapsed: the customer must not have paid for nothing, or twice."""
    attempt = s.get_one(tables.PaymentAttempt, row.attempt_id)
    if refunds.request(s, attempt, row.amount_cents, "surplus", at, waits=True) is not None:
        alerts.tell_staff(s, "surplus_payment", row.attempt_id, order_id=row.order_id, order_status=row.order_status)


def _hold_for_review(s: Session, row: Any, becomes: payments.Status, outcome: payments.Outcome) -> None:
    _write(
        s,
        row,
        status=becomes.value,
        unknown_since_at=row.unknown_since_at or clock.now(),
        payment_ref=outcome.payment_ref or None,
        next_check_at=None,
    )
    db.core(s).execute(update(ORDER).where(ORDER.c.id == row.order_id).values(review_reason="amount_differs"))
    alerts.tell_staff(
        s,
        "amount_differs",
        row.attempt_id,
        order_id=row.order_id,
        expected=f"{row.amount_cents} {row.currency}",
        received=f"{outcome.amount_cents} {outcome.currency}",
    )
    live.publish(s, live.order(row.order_id))


def _fail(s: Session, row: Any, becomes: payments.Status, outcome: payments.Outcome, *, witnessed: bool) -> None:
    reason = outcome.reason
    _write(
        s,
        row,
        status=becomes.value,
        gateway_ref=func.coalesce(ATTEMPT.c.gateway_ref, outcome.gateway_ref or None),
        reason=reason and reason.value,
        remedy=outcome.remedy.value if outcome.remedy else "",
        finished_at=clock.now(),
        next_check_at=None,
        capture_asked_at=None,
        held="",
    )
    becomes_payable = orders.allows(orders.Status(row.order_status), orders.Signal.ATTEMPT_FAILED)
    lifecycle.advance(s, row.order_id, row.order_status, orders.Signal.ATTEMPT_FAILED)
    live.publish(s, live.account(row.account_id))
    if row.channel == RENEWAL:
        if becomes_payable:  # else it was paid otherwise meanwhile: nothing has failed
            dunning.refused(s, row, outcome)
        return
    told_to_wait = row.unknown_since_at is not None
    watching = witnessed or row.given_up_at is not None
    if told_to_wait or (becomes is payments.Status.DECLINED and not watching):
        _mail(s, row, "m06", f"m06:attempt:{row.attempt_id}", reason=reason and reason.value, gateway=row.gateway)
        live.publish(s, live.WORK_MAIL)


def _wait(s: Session, row: Any, becomes: payments.Status, outcome: payments.Outcome) -> None:
    values: dict[str, Any] = {"status": becomes.value, "held": "review" if outcome.held else ""}
    if outcome.verdict is not payments.Verdict.APPROVED:  # an approval says nothing of the try before it
        values["reason"] = outcome.reason and outcome.reason.value
    if outcome.gateway_ref:
        values["gateway_ref"] = outcome.gateway_ref
    if outcome.held:
        values["payment_ref"] = outcome.payment_ref or None
    if outcome.means:
        values |= {"card_country": outcome.means.country, "card_brand": outcome.means.brand}
    decided = row.status == payments.Status.UNKNOWN and becomes is payments.Status.REDIRECTED
    if outcome.verdict is payments.Verdict.REFUSED or decided:
        at = clock.now()
        values |= {"capture_asked_at": None, "unknown_since_at": None, "checks": 0}
        values["next_check_at"] = payments.next_check(0, at, settings.load().reconcile_delays)
    elif outcome.held:
        values["capture_asked_at"] = None  # the gateway has answered
    if outcome.again_url:
        values["redirect_url"] = outcome.again_url
    if becomes is payments.Status.UNKNOWN and row.unknown_since_at is None:
        at = clock.now()
        values |= {"unknown_since_at": at, "checks": 0}
        values["next_check_at"] = payments.next_check(0, at, settings.load().reconcile_delays)
    _write(s, row, **values)
    if becomes.value != row.status or outcome.reason or outcome.held:
        live.publish(s, live.order(row.order_id))


def _mail(s: Session, row: Any, template: str, dedup_key: str, ready_at: datetime | None = None, **params: Any) -> None:
    outbox.post(
        s,
        template=template,
        dedup_key=dedup_key,
        account_id=row.account_id,
        order_id=row.order_id,
        to_address=row.reference_email,
        lang=row.lang,
        params=params,
        ready_at=ready_at,
    )
