"""An account and its orders, as rows, for tests of what is written about them."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlmodel import Session

from pecapp import clock, tables
from pecapp.services import access, terms

TAX_CODE = "RSSMRA80A01H501U"
CARD_LAST4 = "4242"


def actor(account_id: int | None, role: str = "customer") -> access.Actor:
    return access.Actor(session_id="s", account_id=account_id, role=role if account_id else "stranger")


def holder(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "private",
        "country": "IT",
        "first_name": "Mario",
        "last_name": "Rossi",
        "tax_code": TAX_CODE,
        "address": "Via Roma 1",
        "postal_code": "00100",
        "city": "Roma",
        "province": "RM",
        "phone": "+393331234567",
        "email": "mario.rossi@example.test",
        **changes,
    }


def account(s: Session, number: int = 1, **changes: Any) -> int:
    row = tables.Account(
        login=f"{1000000 + number}@login.ceralacca.test",
        email=f"mario{number}@example.test",
        email_key=f"mario{number}@example.test",
        password_hash="x",
        holder=holder(),
        created_at=clock.now(),
        **changes,
    )
    s.add(row)
    s.flush()
    assert row.id is not None
    return row.id


def order(s: Session, account_id: int, number: str = "1234567897", lang: str = "it", **changes: Any) -> int:
    """An order of five PEC Standard for one year, 60,39 € with IVA, with its acceptances; not paid yet."""
    now = clock.now()
    values: dict[str, Any] = {
        "number": number,
        "account_id": account_id,
        "family": "a",
        "lang": lang,
        "net_cents": 4950,
        "vat_rate": 22,
        "vat_cents": 1089,
        "gross_cents": 6039,
        "gateway": "stripe",
        "years": 1,
        "auto_renew": True,
        "renewal_gross_cents": 6040,
        "start_now": True,
        "withdrawal_until_on": date(2027, 3, 24),
        "holder": holder(),
        "configuration": {"product": "PEC-STD"},
        "reference_email": "mario.rossi@example.test",
        "idempotency_key": f"key-{number}",
        "created_at": now,
        "payable_until_at": now + timedelta(days=30),
    }
    row = tables.Order(**(values | changes))
    s.add(row)
    s.flush()
    assert row.id is not None
    s.add(
        tables.OrderLine(
            order_id=row.id,
            product_code="PEC-STD",
            name_it="PEC Standard",
            name_en="PEC Standard mailbox",
            quantity=5,
            years=1,
            net_cents=4950,
            list_net_cents=4950,
        )
    )
    document = terms.current(f"terms-{row.family}", "en" if lang == "en" else "it")
    for kind in ("terms", "clauses"):
        s.add(
            tables.Acceptance(
                order_id=row.id,
                account_id=account_id,
                kind=kind,
                document_id=document.id,
                version=document.version,
                sha256=document.sha256,
                label=f"Accetto ({kind})",
                lang=lang,
                accepted_at=now,
            )
        )
    s.flush()
    return row.id


def paid(s: Session, order_id: int, *, last4: str = CARD_LAST4, number: int = 123) -> str:
    """Register the payment of an order by card, its receipt 2027/000123 and two services; gives the attempt."""
    row = s.get_one(tables.Order, order_id)
    attempt = tables.PaymentAttempt(
        id=f"{order_id:032x}",
        order_id=order_id,
        number=1,
        gateway="stripe",
        channel="order",
        status="succeeded",
        amount_cents=row.gross_cents,
        idempotency_key=f"attempt-{order_id}",
        payment_ref=f"pi_{order_id}",
        card_brand="visa",
        card_last4=last4,
        created_at=clock.now(),
        expires_at=clock.now(),
    )
    row.status, row.paid_at = "paid", clock.now()  # the tests make the past, they do not live it
    s.add_all([attempt, row])
    s.flush()
    receipt = tables.Receipt(order_id=order_id, attempt_id=attempt.id, year=2027, number=number, issued_at=clock.now())
    services = [
        tables.Service(
            account_id=row.account_id,
            order_id=order_id,
            product_code="PEC-STD",
            label=f"{name}@pec.example.test",
            status="active",
            activated_on=date(2027, 3, 10),
            expires_on=date(2028, 3, 10),
            years=1,
        )
        for name in ("mario", "studio")
    ]
    s.add_all([receipt, *services])
    s.flush()
    return attempt.id


def method(s: Session, account_id: int, **changes: Any) -> int:
    values: dict[str, Any] = {
        "account_id": account_id,
        "gateway": "stripe",
        "kind": "card",
        "token": "pm_secret",
        "fingerprint": "f",
        "brand": "visa",
        "last4": CARD_LAST4,
        "created_at": clock.now(),
    }
    row = tables.PaymentMethod(**(values | changes))
    s.add(row)
    s.flush()
    assert row.id is not None
    return row.id


def at(year: int, month: int, day: int) -> datetime:
    """Noon in Rome on a day."""
    return datetime(year, month, day, 12, tzinfo=clock.ROME)
