"""Orders with an open payment attempt, and the gateway's signed words that they are paid."""

import hashlib
import hmac
import json
import time
import uuid
from datetime import timedelta

from sqlalchemy import insert
from sqlmodel import col, select

from bench import load
from pecapp import clock, db, tables
from pecapp.domain import orders, payments

AMOUNT = 1208
API_VERSION = "2026-10-28.endive"


def account_id() -> int:
    """The demonstration's customer."""
    with db.reading() as s:
        found = s.exec(select(tables.Account.id).where(tables.Account.role == "customer")).first()
    if found is None:
        raise LookupError("the demo data are missing")
    return found


def open_attempts(count: int) -> list[str]:
    """Insert `count` orders whose customers are on the bank's page; gives the attempts' ids."""
    owner, stamp = account_id(), f"{uuid.uuid4().int % 10**6:06d}"
    with db.transaction() as s:
        s.execute(insert(db.table(tables.Order)), [_order(owner, f"{stamp}{i:06d}") for i in range(count)])
        placed = s.exec(select(tables.Order.id).where(col(tables.Order.number).startswith(stamp))).all()
        attempts = [_attempt(order_id or 0) for order_id in placed]
        s.execute(insert(db.table(tables.PaymentAttempt)), attempts)
    return [str(attempt["id"]) for attempt in attempts]


def _order(owner: int, number: str) -> dict[str, object]:
    at = clock.now()
    mailbox = f"{number}@pec.test"
    return {
        "number": number,
        "account_id": owner,
        "family": "a",
        "kind": orders.Kind.PURCHASE.value,
        "status": orders.Status.VERIFYING.value,
        "lang": "it",
        "currency": "eur",
        "list_net_cents": 990,
        "net_cents": 990,
        "vat_rate": 22,
        "vat_cents": 218,
        "gross_cents": AMOUNT,
        "discount_net_cents": 0,
        "gateway": "stripe",
        "years": 1,
        "auto_renew": False,
        "extend_services": [],
        "save_method": False,
        "start_now": False,
        "holder": {"kind": "private", "first_name": "Anna", "last_name": "Verdi"},
        "service_holder": {},
        "configuration": {"product": "PEC-STD", "labels": [mailbox], "names": [mailbox]},
        "shipping": {},
        "reference_email": "anna.verdi@example.test",
        "idempotency_key": number,
        "created_at": at,
        "payable_until_at": at + timedelta(days=30),
    }


def _attempt(order_id: int) -> dict[str, object]:
    at, attempt_id = clock.now(), uuid.uuid4().hex
    return {
        "id": attempt_id,
        "order_id": order_id,
        "number": 1,
        "gateway": "stripe",
        "channel": "order",
        "status": payments.Status.REDIRECTED.value,
        "amount_cents": AMOUNT,
        "currency": "eur",
        "save_method": False,
        "idempotency_key": f"pay:{attempt_id}",
        "gateway_ref": f"cs_test_{attempt_id}",
        "redirect_url": "http://localhost/",
        "card_brand": "",
        "card_last4": "",
        "card_country": "",
        "created_at": at,
        "expires_at": at + timedelta(minutes=35),
        "checks": 0,
        "next_check_at": at + timedelta(hours=1),
    }


def paid_event(attempt_id: str) -> dict[str, object]:
    """A checkout.session.completed, as complete as the gateway's own."""
    now = int(time.time())
    metadata = {"app": "pecapp", "order": "0000000000", "attempt": attempt_id}
    session = {
        "id": f"cs_test_{attempt_id}",
        "object": "checkout.session",
        "amount_subtotal": AMOUNT,
        "amount_total": AMOUNT,
        "client_reference_id": attempt_id,
        "created": now,
        "currency": "eur",
        "customer": None,
        "customer_details": {"address": None, "email": "anna.verdi@example.test", "name": None, "phone": None},
        "expires_at": now + 2100,
        "livemode": False,
        "locale": "it",
        "metadata": metadata,
        "mode": "payment",
        "payment_intent": f"pi_{attempt_id}",
        "payment_status": "paid",
        "status": "complete",
        "success_url": "http://localhost:8000/ritorno/stripe?cs={CHECKOUT_SESSION_ID}",
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
    }
    return {
        "id": f"evt_{attempt_id}",
        "object": "event",
        "api_version": API_VERSION,
        "created": now,
        "data": {"object": session},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": "checkout.session.completed",
    }


def signed(port: int, event: dict[str, object], secret: str) -> bytes:
    """The event as a request that the gateway could have sent."""
    body = json.dumps(event).encode()
    at = int(time.time())
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Stripe-Signature": f"t={at},v1={mac}"}
    return load.request(port, "/webhooks/stripe", body, headers)
