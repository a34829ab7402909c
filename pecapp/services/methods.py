"""Means of payment that customers have agreed to keep: the gateway has card or account, we have its token."""

import logging
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, payments, renewals
from pecapp.domain import methods as rules
from pecapp.gateways import base, registry
from pecapp.services import access, alerts, auto_renewal, devices, facts, failpoint, live, outbox, renewal_costs, views

log = logging.getLogger(__name__)

VALID, REVOKED, REMOVED = "valid", "revoked", "removed"
_EVENT = db.table(tables.InboxEvent)
_EARLIER_NEWS = (
    update(_EVENT)
    .where(_EVENT.c.gateway == bindparam("source"), _EVENT.c.method_ref == bindparam("token"))
    .where(_EVENT.c.status == "done")
    .values(status="waiting", next_try_at=bindparam("now"))
)
_METHOD = db.table(tables.PaymentMethod)
_HOLD = (
    select(tables.PaymentMethod)
    .where(tables.PaymentMethod.id == bindparam("key"))
    .with_for_update()  # SQLite has no such words, and leaves them out
    .execution_options(populate_existing=True)
)
_USED = update(_METHOD).where(_METHOD.c.id == bindparam("key")).values(used_at=bindparam("at"), refused_at=None)
LEASE = timedelta(minutes=2)
"""How long the deletion of a token belongs to whoever took it up."""
LAST_TRY = 10
DEBIT_PATIENCE = timedelta(hours=1)
"""How long a token lives on after its method was replaced in the middle of a debit."""


def keep(
    s: Session,
    *,
    account_id: int,
    gateway: str,
    means: payments.Card | payments.Wallet,
    consent: dict[str, Any],
) -> tables.PaymentMethod:
    """Store the token of what the gateway has saved; the same card or account twice is one method, with fresh data."""
    card = isinstance(means, payments.Card)
    method = s.exec(db.locked(_same(account_id, gateway, means))).one_or_none()
    if method is None:
        method = tables.PaymentMethod(
            account_id=account_id,
            gateway=gateway,
            kind="card" if card else means.brand,
            token=means.token,
            fingerprint=means.fingerprint,
            created_at=clock.now(),
        )
    elif method.status == VALID and method.token != means.token:
        _let_go(s, method)
    method.token, method.customer_ref, method.refused_at = means.token, means.customer, None
    _copy(method, means)
    if method.status != VALID:
        method.ceiling_cents = None  # what was authorised ended with the method
    method.status, method.consent = VALID, consent
    s.add(method)
    s.flush()
    _hear_again(s, gateway, means.token)
    return method


def _same(account_id: int, gateway: str, means: payments.Card | payments.Wallet) -> Any:
    """The customer's method that is this very card or account."""
    method = tables.PaymentMethod
    return select(method).where(
        method.account_id == account_id, method.gateway == gateway, method.fingerprint == means.fingerprint
    )


def _copy(method: tables.PaymentMethod, means: payments.Card | payments.Wallet) -> None:
    """What may be shown of a card or account, as the gateway tells it now."""
    method.brand, method.country = means.brand, means.country
    if isinstance(means, payments.Card):
        method.last4, method.exp_month, method.exp_year = means.last4, means.exp_month, means.exp_year
    else:
        method.label = means.label


def _hear_again(s: Session, gateway: str, token: str) -> None:
    """News of a token that came before the token itself was dropped as somebody else's: it is looked at again."""
    news = db.core(s).execute(_EARLIER_NEWS, {"source": gateway, "token": token, "now": clock.now()})
    if news.rowcount:
        live.publish(s, live.WORK_INBOX)


def customer_ref(s: Session, account_id: int, gateway: str) -> str:
    """The gateway's name for this customer, empty when it has none yet."""
    found = s.exec(
        select(tables.PaymentMethod.customer_ref)
        .where(
            tables.PaymentMethod.account_id == account_id,
            tables.PaymentMethod.gateway == gateway,
            tables.PaymentMethod.customer_ref != "",
        )
        .order_by(col(tables.PaymentMethod.id))
        .limit(1)
    ).first()
    return found or ""


async def check(gateway_name: str, token: str) -> bool:
    """A notification speaks of a kept method: take over what the gateway has now, or revoke it if it is gone.

    False, and nothing changed, when the gateway gave no answer. Safe to repeat.
    """
    if not await db.run(_is_known, gateway_name, token):
        return True
    try:
        means = await registry.get(gateway_name).kept(token)
    except base.GatewayError as problem:
        log.warning("gateway %s did not answer for a kept method: %s", gateway_name, problem)
        return False
    if means is None:
        await db.run(_revoke, gateway_name, token)
    else:
        await db.run(_refresh, gateway_name, means)
    return True


def _is_known(gateway_name: str, token: str) -> bool:
    with db.reading() as s:
        return s.exec(_valid(gateway_name, token)).first() is not None


def _valid(gateway_name: str, token: str) -> Any:
    return select(tables.PaymentMethod).where(
        tables.PaymentMethod.gateway == gateway_name,
        tables.PaymentMethod.token == token,
        col(tables.PaymentMethod.status) == VALID,
    )


def _refresh(gateway_name: str, means: payments.Card | payments.Wallet) -> None:
    """The bank has sent a new card, or only a new date: what is shown follows, the renewals stay where they are.

    Those that were refused on it are debited once more, at once.
    """
    with db.transaction() as s:
        for method in s.scalars(db.locked(_valid(gateway_name, means.token))).all():
            before = (method.last4, method.exp_month, method.exp_year, method.label)
            _copy(method, means)
            if means.fingerprint and s.exec(_same(method.account_id, gateway_name, means)).first() is None:
                method.fingerprint = means.fingerprint  # a new number is the same method from now on
            if (method.last4, method.exp_month, method.exp_year, method.label) != before:
                log.info("kept method %s was updated by its gateway", method.id)
                method.refused_at = None  # a new card may be debited again
                s.add(method)
                auto_renewal.try_again(s, [row.id or 0 for row in auto_renewal.renewed_by(s, method.id or 0)])
                live.publish(s, live.account(method.account_id))


def _revoke(gateway_name: str, token: str) -> None:
    """The customer has cut the method off at the gateway: as a removal, and they are told what it means (M12)."""
    with db.transaction() as s:
        for method in s.scalars(db.locked(_valid(gateway_name, token))).all():
            method.status = REVOKED
            s.add(method)
            off = auto_renewal.unlink(s, method.id or 0, "revoked", clock.now())
            outbox.post(
                s,
                template="m12",
                dedup_key=f"m12:method:{method.id}:{method.token}",
                account_id=method.account_id,
                params={"method_id": method.id, "service_ids": off},
            )
            live.publish(s, live.account(method.account_id), live.WORK_MAIL)


# --- what their owner sees and does -----------------------------------------------------------------------------------


def listing(actor: access.Actor, lang: i18n.Lang) -> list[views.MethodView]:
    """«Metodi di pagamento»: what the customer has let us keep, the oldest first, each with the renewals on it."""
    account_id = access.require(actor)
    with db.reading() as s:
        return [
            _view(method, auto_renewal.renewed_by(s, method.id or 0), lang)
            for method in _of(s, account_id)
            if method.status != REMOVED
        ]


def _of(s: Session, account_id: int) -> list[tables.PaymentMethod]:
    method = tables.PaymentMethod
    return list(s.exec(select(method).where(method.account_id == account_id).order_by(col(method.id))))


def usable(s: Session, account_id: int) -> list[tables.PaymentMethod]:
    """The customer's methods that can be charged, the oldest first; an expired card is one, banks update cards."""
    return [method for method in _of(s, account_id) if method.status == VALID]


def own(s: Session, account_id: int, method_id: int, *, hold: bool = True) -> tables.PaymentMethod:
    """The customer's method, held for this transaction unless it is only read. Raises NotFound, for another's too."""
    wanted = select(tables.PaymentMethod).where(
        tables.PaymentMethod.id == method_id, tables.PaymentMethod.account_id == account_id
    )
    method = s.exec(db.locked(wanted) if hold else wanted).one_or_none()
    if method is None:
        raise errors.NotFound("MET_NON_TROVATO")
    return method


def chargeable(s: Session, account_id: int, method_id: int, *, hold: bool = True) -> tables.PaymentMethod:
    """As `own`, for a method that is to be charged: one that is gone cannot be found."""
    method = own(s, account_id, method_id, hold=hold)
    if method.status != VALID:
        raise errors.NotFound("MET_NON_TROVATO")
    return method


def hold(s: Session, method_id: int) -> tables.PaymentMethod:
    """The method, which must exist, held for this transaction: always before services."""
    return s.exec(_HOLD, params={"key": method_id}).one()


def used(s: Session, method_id: int, at: datetime) -> None:
    """Note that a method has just paid, and hold it."""
    db.core(s).execute(_USED, {"key": method_id, "at": at})


def title(method: tables.PaymentMethod, lang: i18n.Lang) -> str:
    """A method as its owner knows it: «Visa •••• 4242»."""
    return facts.means(method.gateway, method.brand, method.last4, lang, method.label)


def ends_on(method: tables.PaymentMethod) -> date | None:
    """The last day of a card; None for an account."""
    return rules.last_day(method.exp_month, method.exp_year) if method.exp_month else None


def is_over(method: tables.PaymentMethod) -> bool:
    """Whether it is a card whose last day is past: a planned debit still tries it, nobody is offered to choose it."""
    last_day = ends_on(method)
    return last_day is not None and last_day < clock.today()


def as_means(method: tables.PaymentMethod) -> renewals.Means:
    """What a debit's success depends on."""
    return renewals.Means(method.status == VALID, method.ceiling_cents, ends_on(method), method.refused_at is not None)


def _view(method: tables.PaymentMethod, services: list[tables.Service], lang: i18n.Lang) -> views.MethodView:
    debits = [calendar.debit_on(service.expires_on) for service in services if service.expires_on]
    state = rules.condition(
        revoked=method.status == REVOKED, expires_on=ends_on(method), next_debit_on=min(debits, default=None),
        today=clock.today(),
    )  # fmt: skip
    return views.MethodView(
        id=method.id or 0,
        kind="paypal" if method.gateway == "paypal" else "card",
        title=title(method, lang),
        expires=f"{method.exp_month:02d}/{method.exp_year % 100:02d}" if method.exp_month else "",
        state=state.value,
        ceiling=i18n.money(method.ceiling_cents, lang) if method.ceiling_cents else "",
        services=[auto_renewal.renewed(service, lang) for service in services],
    )


def remove(actor: access.Actor, method_id: int, instead: int | None = None) -> None:
    """«Rimuovi», confirmed: every renewal on the method is switched off, the gateway deletes its token, M11 tells.

    With `instead`, another kept method of the customer, the renewals pass to it and M10 tells. What was paid keeps
    brand and digits. Raises NotFound, for another's method too, Conflict while a debit runs on it (`MET_IN_USO`) or
    when what is authorised on `instead` is too low (`MAND_BASSO`). Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        method = own(s, account_id, method_id)
        if method.status == REMOVED:
            return
        _refuse_if_in_use(s, method_id)
        devices.changed(s, actor, "method")
        if instead is None:
            _put_away(s, method)
            return
        other = chargeable(s, account_id, instead)
        if other.id == method.id:
            raise errors.NotFound("MET_NON_TROVATO")
        needed = renewal_costs.dearest(s, auto_renewal.renewed_by(s, method_id), clock.today())[1]
        if needed > (other.ceiling_cents or 0):
            raise errors.Conflict("MAND_BASSO")
        take_over(s, method, other)


def remove_for(s: Session, account_id: int, method_id: int) -> tables.PaymentMethod:
    """As `remove`, by the staff and in their transaction: the method as it was, held. Raises as `remove`.

    Raises Conflict (`METODO_GIA_TOLTO`) for one that its owner, or somebody else, has removed meanwhile.
    """
    method = own(s, account_id, method_id)
    if method.status == REMOVED:
        raise errors.Conflict("METODO_GIA_TOLTO")
    _refuse_if_in_use(s, method_id)
    _put_away(s, method)
    return method


def _refuse_if_in_use(s: Session, method_id: int) -> None:
    if _in_use(s, method_id):
        raise errors.Conflict("MET_IN_USO")


def _in_use(s: Session, method_id: int) -> bool:
    attempt = tables.PaymentAttempt
    running = select(attempt.id).where(attempt.method_id == method_id, col(attempt.status).in_(payments.OPEN))
    return s.exec(running.limit(1)).first() is not None


def _put_away(s: Session, method: tables.PaymentMethod) -> None:
    at, method_id = clock.now(), method.id or 0
    off = auto_renewal.unlink(s, method_id, "method_removed", at)
    _end(s, method)
    outbox.post(
        s,
        template="m11",
        dedup_key=f"m11:method:{method_id}:{at.isoformat()}",
        account_id=method.account_id,
        params={"method_id": method_id, "service_ids": off},
    )
    live.publish(s, live.account(method.account_id), live.WORK_MAIL, live.WORK_PAYMENTS)


def take_over(s: Session, old: tables.PaymentMethod, new: tables.PaymentMethod) -> None:
    """`new` takes the place of `old`, both locked: the renewals pass to it, the old token is deleted, M10 tells."""
    at = clock.now()
    moved = auto_renewal.move(s, old.id or 0, new.id or 0)
    _end(s, old)
    outbox.post(
        s,
        template="m10",
        dedup_key=f"m10:method:{old.id}:{new.id}:{at.isoformat()}",
        account_id=old.account_id,
        params={"old_id": old.id, "new_id": new.id, "service_ids": moved},
    )
    live.publish(s, live.account(old.account_id), live.WORK_MAIL, live.WORK_PAYMENTS)


def _end(s: Session, method: tables.PaymentMethod) -> None:
    if method.status == VALID:
        _let_go(s, method)
    method.status, method.token, method.ceiling_cents = REMOVED, "", None
    s.add(method)


def _let_go(s: Session, method: tables.PaymentMethod) -> None:
    """Have the gateway delete the token; while a debit runs on it, not before that has had its time."""
    at = clock.now()
    first_try = at + DEBIT_PATIENCE if _in_use(s, method.id or 0) else at
    values = {"gateway": method.gateway, "token": method.token, "created_at": at, "done_at": None, "tries": 0}
    if not db.insert_once(s, tables.TokenRemoval, values | {"next_try_at": first_try}):
        again = s.exec(_removal(method.gateway, method.token)).one()
        again.done_at, again.tries, again.next_try_at = None, 0, first_try
        s.add(again)


def _removal(gateway: str, token: str) -> Any:
    return select(tables.TokenRemoval).where(tables.TokenRemoval.gateway == gateway, tables.TokenRemoval.token == token)


async def forget_due(limit: int = 50) -> int:
    """Have the gateways delete the tokens of removed methods. Safe to repeat and on several processes."""
    due = await db.run(_claim_removals, limit)
    for removal in due:
        try:
            await registry.get(removal.gateway).forget(removal.token)
        except (base.GatewayError, errors.NotFound) as problem:
            log.warning("gateway %s did not delete a token: %s", removal.gateway, problem)
            continue  # the lease ends and it is asked again
        failpoint.reach("token_forgotten")
        await db.run(_forgotten, removal.id or 0)
    return len(due)


def _claim_removals(limit: int) -> list[tables.TokenRemoval]:
    """Take the due ones; a token that its owner has let us keep again meanwhile stays."""
    at, removal = clock.now(), tables.TokenRemoval
    with db.transaction() as s:
        due = s.scalars(db.unclaimed(select(removal).where(col(removal.next_try_at) <= at).limit(limit))).all()
        taken = []
        for row in due:
            if s.exec(_valid(row.gateway, row.token)).first() is not None:
                row.next_try_at = None
                s.add(row)
                continue
            row.tries += 1
            row.next_try_at = at + LEASE * row.tries
            s.add(row)
            if row.tries == LAST_TRY:
                alerts.tell_staff(s, "token_not_deleted", str(row.id), gateway=row.gateway)
            taken.append(row)
        return taken


def _forgotten(removal_id: int) -> None:
    with db.transaction() as s:
        row = s.get_one(tables.TokenRemoval, removal_id)
        row.done_at, row.next_try_at = clock.now(), None
        s.add(row)
