"""People, baskets, orders and attempts, made in one line: a test says only what matters to it."""

import itertools
import tomllib
from collections.abc import Mapping
from datetime import date
from importlib import resources
from typing import Any
from uuid import uuid4

from sqlmodel import Session, SQLModel, col, select

from pecapp import clock, db, demo, tables
from pecapp.domain import orders, payments
from pecapp.services import access, baskets, catalog, checkout, configuring, lifecycle, numbering, settlement
from pecapp.services import demo as people

_count = itertools.count(1)
_CATALOGUE: tuple[type[SQLModel], ...] = (
    *(tables.Product, tables.Price, tables.Promotion, tables.DiscountCode, tables.CertifiedDomain, tables.Counter),
)
_stocked: list[tuple[type[SQLModel], list[dict[str, Any]]]] = []
"""What the demonstration's catalogue came to, table by table."""
TAX_CODES = ("VRDNNA80A41H501H", "RSSMRA85T10A562S", "BNCLRA72B55F205G")
DOMAIN = "pec-ceralacca.test"
IP, USER_AGENT = "203.0.113.7", "Browser/1.0"


def _demonstration() -> dict[str, Any]:
    return tomllib.loads(resources.files(demo).joinpath("catalog.toml").read_text("utf-8"))


def stock() -> None:
    """Load the demonstration's catalogue: the first time as the product does, later as a copy of what that came to."""
    with db.reading() as s:
        is_empty = not any(s.execute(db.table(model).select().limit(1)).first() for model in _CATALOGUE)
    if is_empty and _stocked:
        with db.transaction() as s:
            for model, copied in _stocked:
                s.execute(db.table(model).insert(), copied)
        return
    catalog.load(_demonstration())
    if is_empty:
        with db.reading() as s:
            _stocked.extend((model, _copied(s, model)) for model in _CATALOGUE)


def _copied(s: Session, model: type[SQLModel]) -> list[dict[str, Any]]:
    """All rows, without the numbers that the database gives."""
    numbered = {"id"} if model is tables.Price else set()
    return [row.model_dump(exclude=numbered) for row in s.exec(select(model))]


def price(product_code: str, since: date, net_cents: int) -> None:
    """From a day on, another price."""
    data = _demonstration()
    data["price"].append({"product_code": product_code, "valid_from": since, "net_cents": net_cents})
    catalog.load(data)


def customer(*, lang: str = "it", **holder: object) -> access.Actor:
    """A private customer who has signed in, with a browser of their own."""
    number = next(_count)
    email = f"cliente{number}@example.test"
    now = clock.now()
    with db.transaction() as s:
        account = tables.Account(
            login=f"{7_000_000 + number}@login.ceralacca.test",
            email=email,
            email_key=email,
            password_hash="!",
            lang=lang,
            holder=people.HOLDER | {"email": email} | holder,
            created_at=now,
        )
        s.add(account)
        s.flush()
        account_id = account.id or 0
        s.add(_session(f"browser-{number}", account_id))
    return access.Actor(f"browser-{number}", account_id, "customer", ip=IP, user_agent=USER_AGENT)


def other_browser(actor: access.Actor) -> access.Actor:
    """The same customer, signed in on another device."""
    session_id = f"browser-{next(_count)}"
    with db.transaction() as s:
        s.add(_session(session_id, actor.account_id))
    return access.Actor(session_id, actor.account_id, "customer", ip=IP, user_agent=USER_AGENT)


def _session(session_id: str, account_id: int | None) -> tables.WebSession:
    now = clock.now()
    return tables.WebSession(
        id=session_id, account_id=account_id, created_at=now, seen_at=now, expires_at=now + access.IDLE
    )


SIGNER = {
    "signer_first_name": "Anna",
    "signer_last_name": "Verdi",
    "signer_tax_code": "VRDNNA80A41H501H",
    "signer_email": "anna.verdi@example.test",
    "signer_phone": "+393471234567",
    "recognition": "webcam",
}
SHIPPING = {
    "shipping_name": "Anna Verdi",
    "shipping_address": "Via Garibaldi 12",
    "shipping_postal_code": "00153",
    "shipping_city": "Roma",
    "shipping_province": "RM",
}
ACCEPTED = {"accept_terms": "yes", "accept_clauses": "yes", "privacy_seen": "yes"}
FORM = ACCEPTED | {"gateway": "stripe", "auto_renew": "no"}
"""«Modulo ordine» of a product with automatic renewal, as filled in by who does not want it."""
FORM_ONCE = ACCEPTED | {"gateway": "stripe"}
"""The same for a product without renewal."""


def basket(
    actor: access.Actor,
    product: str = "PEC-STD",
    quantity: int = 1,
    *,
    years: int = 1,
    names: tuple[str, ...] = (),
    code: str = "",
) -> None:
    """Go through the wizard up to «Modulo ordine», which has been shown."""
    view = baskets.choose(actor, product, quantity, {}, "it")
    if view.freq_max and years != view.years:
        baskets.set_years(actor, years, "it")
    if code:
        baskets.apply_code(actor, code, "it")
    if view.config == "pec":
        names = names or tuple(f"casella{next(_count)}" for _ in range(quantity))
        form = {f"local_{i}": name for i, name in enumerate(names)} | {f"domain_{i}": DOMAIN for i in range(quantity)}
        configuring.configure(actor, form, "it")
    elif view.config == "signer":
        configuring.configure(actor, SIGNER, "it")
    checkout.confirm_holder(actor, {}, "it")
    checkout.confirm_billing(actor, {"sdi_none": "yes"} | (SHIPPING if view.needs_shipping else {}), "it")
    checkout.order_form(actor, "it")


def placed(actor: access.Actor, form: Mapping[str, str] = FORM, **chosen: Any) -> str:
    """An order registered through the wizard; its number."""
    basket(actor, **chosen)
    return checkout.place(actor, form, "it")


def order(actor: access.Actor | None = None, **values: Any) -> tables.Order:
    """An order for a PEC mailbox of one year, at 12.08, in whatever state."""
    actor = actor or customer()
    now = clock.now()
    with db.transaction() as s:
        row = tables.Order(
            **{
                "number": numbering.new_order_number(),
                "account_id": actor.account_id,
                "family": "a",
                "net_cents": 990,
                "vat_rate": 22,
                "vat_cents": 218,
                "gross_cents": 1208,
                "gateway": "stripe",
                "years": 1,
                "auto_renew": False,
                "ceiling_cents": 1208,
                "holder": people.HOLDER,
                "configuration": {"product": "PEC-STD", "months": None, "names": [], "labels": ["PEC Standard"]},
                "reference_email": "anna.verdi@example.test",
                "idempotency_key": uuid4().hex,
                "created_at": now,
                "payable_until_at": now + lifecycle.PAYABLE_FOR,
            }
            | values
        )
        s.add(row)
    return row


def attempt(order: tables.Order, **values: Any) -> tables.PaymentAttempt:
    """An attempt to pay `order` whose customer has the gateway's page; the order is in verification."""
    now = clock.now()
    attempt_id = uuid4().hex
    with db.transaction() as s:
        row = tables.PaymentAttempt(
            **{
                "id": attempt_id,
                "order_id": order.id,
                "number": next(_count),
                "gateway": "stripe",
                "channel": "order",
                "status": payments.Status.REDIRECTED.value,
                "amount_cents": order.gross_cents,
                "currency": order.currency,
                "save_method": order.save_method,
                "idempotency_key": f"pay:{attempt_id}",
                "gateway_ref": f"cs_{attempt_id}",
                "redirect_url": f"https://bank.test/{attempt_id}",
                "created_at": now,
                "expires_at": now + settlement.EXPIRY_MARGIN * 35,
            }
            | values
        )
        s.add(row)
        if row.status in payments.OPEN:
            kept = s.get_one(tables.Order, order.id)
            kept.status = orders.Status.VERIFYING.value
            s.add(kept)
    return row


def opened(actor: access.Actor | None = None, **values: Any) -> tables.PaymentAttempt:
    """An order that is being paid: its open attempt."""
    return attempt(order(actor, **values))


VISA = payments.Card("visa", "4242", 12, 2030, "IT", "fp_visa")


KEPT = payments.Card("visa", "4242", 12, 2030, "IT", "fp_old", token="pm_old", customer="cus_1")


def method(actor: access.Actor, ceiling_cents: int | None = 10_000, card: payments.Card = KEPT) -> tables.PaymentMethod:
    """A card that its owner has let us keep, authorised up to a ceiling."""
    return add(
        tables.PaymentMethod(
            account_id=actor.account_id or 0,
            gateway="stripe",
            kind="card",
            token=card.token,
            customer_ref=card.customer,
            fingerprint=card.fingerprint,
            brand=card.brand,
            last4=card.last4,
            exp_month=card.exp_month,
            exp_year=card.exp_year,
            ceiling_cents=ceiling_cents,
            created_at=clock.now(),
        )
    )


def outcome(
    of: tables.PaymentAttempt, verdict: payments.Verdict = payments.Verdict.SUCCEEDED, **values: Any
) -> payments.Outcome:
    """What the gateway says of an attempt."""
    facts = {
        "attempt_id": of.id,
        "verdict": verdict,
        "amount_cents": of.amount_cents,
        "currency": of.currency,
        "gateway_ref": of.gateway_ref or "",
        "payment_ref": f"pi_{of.id}" if verdict is payments.Verdict.SUCCEEDED else "",
    }
    return payments.Outcome(**facts | values)


def settle(of: tables.PaymentAttempt, verdict: payments.Verdict = payments.Verdict.SUCCEEDED, **values: Any) -> Any:
    """Settle in a transaction of its own."""
    witnessed = values.pop("witnessed", False)
    with db.transaction() as s:
        return settlement.settle(s, outcome(of, verdict, **values), witnessed=witnessed)


# --- looking ----------------------------------------------------------------------------------------------------------


def rows(table: type[Any], **equal: object) -> list[Any]:
    """The rows of a table with these values, oldest first."""
    with db.reading() as s:
        found = s.exec(select(table).where(*(col(getattr(table, name)) == value for name, value in equal.items())))
        return sorted(found, key=lambda row: str(getattr(row, "id", "")).zfill(9))


def the(table: type[Any], **equal: object) -> Any:
    """The only such row."""
    (row,) = rows(table, **equal)
    return row


def add(row: Any) -> Any:
    """Store a row as it is."""
    with db.transaction() as s:
        s.add(row)
    return row


def change(row: Any, **values: Any) -> None:
    """Change a stored row."""
    with db.transaction() as s:
        kept = s.get_one(type(row), row.id)
        for name, value in values.items():
            setattr(kept, name, value)
        s.add(kept)


def again(row: Any) -> Any:
    """The row as it is now."""
    return the(type(row), id=row.id)


def mails(template: str = "") -> list[str]:
    """The facts in the outbox, by their keys."""
    found = rows(tables.OutboxMail, template=template) if template else rows(tables.OutboxMail)
    return [mail.dedup_key for mail in found]


def alerts() -> list[str]:
    """The kinds of the staff's alerts."""
    return [alert.kind for alert in rows(tables.Alert)]


def dump() -> dict[str, list[tuple[Any, ...]]]:
    """Everything that is stored, table by table."""
    with db.reading() as s:
        return {
            table.name: sorted((tuple(row) for row in s.execute(table.select())), key=repr)
            for table in tables.SQLModel.metadata.sorted_tables
        }
