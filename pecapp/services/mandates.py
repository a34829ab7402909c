"""Mandates: how much the owner of a kept method has authorised us to debit at most, and the evidence of it (5.4)."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from pecapp import db, tables
from pecapp.domain import payments


@dataclass(frozen=True)
class Grant:
    """An authorisation as it was given: `source` names the order or the saving, once and for all."""

    source: str
    ceiling_cents: int
    services: tuple[int, ...]
    terms_version: str
    sca_reference: str
    authorised_at: datetime
    network_ref: str = ""
    ip: str = ""
    user_agent: str = ""


def give(s: Session, method: tables.PaymentMethod, grant: Grant) -> None:
    """Store an authorisation on a locked method; the highest that its owner has given to it counts. Safe to repeat."""
    if grant.ceiling_cents <= 0:
        return
    given = vars(grant) | {"services": list(grant.services), "currency": "eur"}
    whose = {"account_id": method.account_id, "method_id": method.id}
    if db.insert_once(s, tables.Mandate, whose | given):
        method.ceiling_cents, method.refused_at = max(method.ceiling_cents or 0, grant.ceiling_cents), None
        s.add(method)


def network_ref(means: payments.Card | payments.Wallet | None) -> str:
    """The card network's name for the act that authorised it, where the gateway tells."""
    return means.network_ref if isinstance(means, payments.Card) else ""
