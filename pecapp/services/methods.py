"""Means of payment that customers have agreed to keep: the gateway has card or account, we have its token."""

import logging
from datetime import date, timedelta
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from pecapp import clock, db, errors, i18n, tables
from pecapp.domain import calendar, payments
from pecapp.domain import methods as rules
from pecapp.gateways import base, registry
from pecapp.services import access, alerts, facts, failpoint, live, outbox, subscriptions, views

log = logging.getLogger(__name__)

VALID, REVOKED, REMOVED = "valid", "revoked", "removed"
_EVENT = db.table(tables.InboxEvent)
_EARLIER_NEWS = (
    update(_EVENT)
    .where(_EVENT.c.gateway == bindparam("source"), _EVENT.c.method_ref == bindparam("token"))
    .where(_EVENT.c.status == "done")
    .values(status="waiting", next_try_at=bindparam("now"))
)
LEASE = timedelta(minutes=2)
"""How long the deletion of a token belongs to whoever took it up."""
LAST_TRY = 10


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
    method = s.exec(
        db.locked(
            select(tables.PaymentMethod).where(
                tables.PaymentMethod.account_id == account_id,
                tables.PaymentMethod.gateway == gateway,
                tables.PaymentMethod.fingerprint == means.fingerprint,
            )
        )
    ).one_or_none()
    if method is None:
        method = tables.PaymentMethod(
            account_id=account_id,
            gateway=gateway,
            kind="card" if card else means.brand,
            token=means.token,
            fingerprint=means.fingerprint,
            created_at=clock.now(),
        )
    method.token, method.customer_ref = means.token, means.customer
    method.brand, method.country = means.brand, means.country
    if card:
        method.last4, method.exp_month, method.exp_year = means.last4, means.exp_month, means.exp_year
    else:
        method.label = means.label
    method.status, method.consent = VALID, consent
    s.add(method)
    s.flush()
    _hear_again(s, gateway, means.token)
    return method


def _hear_again(s: Session, gateway: str, token: str) -> None:
    """News of a token that came before the token itself was dropped as somebody else's: it is looked at again."""
    news = db.core(s).execute(_EARLIER_NEWS, {"source": gateway, "token": token, "now": clock.now()})
    if news.rowcount:
        live.publish(s, live.WORK_INBOX)


def customer_ref(s: Session, account_id: int, gateway: str) -> str:
    """The gateway's name for this customer, empty when it has none yet."""
    found = s.exec(
        select(tables.PaymentMethod.customer_ref)
        .where(tables.PaymentMethod.account_id == account_id, tables.PaymentMethod.gateway == gateway)
        .limit(1)
    ).first()
    return found or ""


async def check(gateway_name: str, token: str) -> bool:
    """A notification says that a kept method is gone: ask the gateway, and revoke it here if that is so.

    False, and nothing changed, when the gateway gave no answer. Safe to repeat.
    """
    if not await db.run(_is_known, gateway_name, token):
        return True
    try:
        kept = await registry.get(gateway_name).is_kept(token)
    except base.GatewayError as problem:
        log.warning("gateway %s did not answer for a kept method: %s", gateway_name, problem)
        return False
    if not kept:
        await db.run(_revoke, gateway_name, token)
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


def _revoke(gateway_name: str, token: str) -> None:
    """The customer has cut the method off at the gateway: as a removal, and they are told what it means (M12)."""
    with db.transaction() as s:
        for method in s.scalars(db.locked(_valid(gateway_name, token))).all():
            method.status = REVOKED
            s.add(method)
            off = subscriptions.unlink(s, method.id or 0, "revoked", clock.now())
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
        kept = s.exec(
            select(tables.PaymentMethod)
            .where(tables.PaymentMethod.account_id == account_id, tables.PaymentMethod.status != REMOVED)
            .order_by(col(tables.PaymentMethod.id))
        ).all()
        return [_view(method, subscriptions.renewed_by(s, method.id or 0), lang) for method in kept]


def _view(method: tables.PaymentMethod, services: list[tables.Service], lang: i18n.Lang) -> views.MethodView:
    expires_on = rules.last_day(method.exp_month, method.exp_year) if method.exp_month else None
    debits = [calendar.debit_on(service.expires_on) for service in services if service.expires_on]
    state = rules.condition(
        revoked=method.status == REVOKED, expires_on=expires_on, next_debit_on=min(debits, default=None),
        today=clock.today(),
    )  # fmt: skip
    return views.MethodView(
        id=method.id or 0,
        kind="paypal" if method.gateway == "paypal" else "card",
        title=facts.means(method.gateway, method.brand, method.last4, lang, method.label),
        expires=f"{method.exp_month:02d}/{method.exp_year % 100:02d}" if method.exp_month else "",
        state=state.value,
        services=[_renewed(service, lang) for service in services],
    )


def _renewed(service: tables.Service, lang: i18n.Lang) -> str:
    expires: date | None = service.expires_on
    if expires is None:
        return service.label
    return i18n.text("method.service", lang, service=service.label, expires=i18n.date(expires, lang))


def remove(actor: access.Actor, method_id: int) -> None:
    """«Rimuovi», confirmed: every renewal on the method is switched off, the gateway deletes its token, M11 tells.

    What was paid keeps brand and digits. Raises NotFound, for another's method too. Safe to repeat.
    """
    account_id = access.require(actor)
    with db.transaction() as s:
        method = s.exec(
            db.locked(
                select(tables.PaymentMethod).where(
                    tables.PaymentMethod.id == method_id, tables.PaymentMethod.account_id == account_id
                )
            )
        ).one_or_none()
        if method is None:
            raise errors.NotFound("MET_NON_TROVATO")
        if method.status == REMOVED:
            return
        at = clock.now()
        if method.status == VALID:
            _let_go(s, method)
        off = subscriptions.unlink(s, method_id, "method_removed", at)
        method.status, method.token = REMOVED, ""
        s.add(method)
        outbox.post(
            s,
            template="m11",
            dedup_key=f"m11:method:{method_id}:{at.isoformat()}",
            account_id=account_id,
            params={"method_id": method_id, "service_ids": off},
        )
        live.publish(s, live.account(account_id), live.WORK_MAIL, live.WORK_PAYMENTS)


def _let_go(s: Session, method: tables.PaymentMethod) -> None:
    at = clock.now()
    values = {"gateway": method.gateway, "token": method.token, "created_at": at, "done_at": None, "tries": 0}
    if not db.insert_once(s, tables.TokenRemoval, values | {"next_try_at": at}):
        again = s.exec(_removal(method.gateway, method.token)).one()
        again.done_at, again.tries, again.next_try_at = None, 0, at
        s.add(again)


def _removal(gateway: str, token: str) -> Any:
    return select(tables.TokenRemoval).where(
        tables.TokenRemoval.gateway == gateway, tables.TokenRemoval.token == token
    )


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
