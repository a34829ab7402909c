"""Means of payment that customers have agreed to keep: the gateway has the card, we have its token."""

from typing import Any

from sqlmodel import Session, select

from pecapp import clock, tables
from pecapp.domain import payments


def keep(
    s: Session, *, account_id: int, gateway: str, card: payments.Card, consent: dict[str, Any]
) -> tables.PaymentMethod:
    """Store the token of a card that the gateway has saved; the same card twice is one method, with fresh data."""
    method = s.exec(
        select(tables.PaymentMethod).where(
            tables.PaymentMethod.account_id == account_id,
            tables.PaymentMethod.gateway == gateway,
            tables.PaymentMethod.fingerprint == card.fingerprint,
        )
    ).one_or_none()
    if method is None:
        method = tables.PaymentMethod(
            account_id=account_id,
            gateway=gateway,
            kind="card",
            token=card.token,
            fingerprint=card.fingerprint,
            created_at=clock.now(),
        )
    method.token, method.customer_ref = card.token, card.customer
    method.brand, method.last4, method.country = card.brand, card.last4, card.country
    method.exp_month, method.exp_year = card.exp_month, card.exp_year
    method.status, method.consent = "valid", consent
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
