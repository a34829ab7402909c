"""Means of payment that customers have agreed to keep: the gateway has card or account, we have its token."""

import logging
from typing import Any

from sqlmodel import Session, col, select

from pecapp import clock, db, tables
from pecapp.domain import payments
from pecapp.gateways import base, registry
from pecapp.services import live, outbox, subscriptions

log = logging.getLogger(__name__)

VALID, REVOKED = "valid", "revoked"


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
        select(tables.PaymentMethod).where(
            tables.PaymentMethod.account_id == account_id,
            tables.PaymentMethod.gateway == gateway,
            tables.PaymentMethod.fingerprint == means.fingerprint,
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
    return method


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
