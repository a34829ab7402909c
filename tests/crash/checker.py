"""The invariants of money, judged on the bank's ledger and on what is stored. All that is wrong is said.

They hold once the fault is over and its leases have ended; during it the database may lag behind the bank.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import text
from sqlmodel import col, select

from pecapp import db, tables
from pecapp.domain import orders, payments, savings
from pecapp.services import inbox, methods, subscriptions
from tests.crash import vaults
from tests.support import bank as banks

DELIVERED = range(200, 300)


class Books:
    """One consistent look at the database, beside the bank's own books and vaults."""

    def __init__(self, bank: banks.Bank, vault: vaults.Vaults) -> None:
        self.vault = vault
        ledger = bank.look("ledger")
        self.charges: list[dict[str, Any]] = ledger["charges"]
        self.refunds: list[dict[str, Any]] = ledger["refunds"]
        self.deliveries = bank.deliveries()
        with db.reading() as s:

            def every(table: type[Any]) -> list[Any]:
                return list(s.exec(select(table)))

            self.orders: list[tables.Order] = every(tables.Order)
            self.attempts: list[tables.PaymentAttempt] = every(tables.PaymentAttempt)
            self.events: list[tables.InboxEvent] = every(tables.InboxEvent)
            self.mails: list[tables.OutboxMail] = every(tables.OutboxMail)
            self.receipts: list[tables.Receipt] = every(tables.Receipt)
            self.services: list[tables.Service] = every(tables.Service)
            self.given_back: list[tables.Refund] = every(tables.Refund)
            self.lines: list[tables.OrderLine] = every(tables.OrderLine)
            self.methods: list[tables.PaymentMethod] = every(tables.PaymentMethod)
            self.savings: list[tables.MethodSaving] = every(tables.MethodSaving)
            self.removals: list[tables.TokenRemoval] = every(tables.TokenRemoval)
            self.mandates: list[tables.Mandate] = every(tables.Mandate)
            self.renewals: list[tables.Renewal] = every(tables.Renewal)
            self.unsound = _unsound(s)


def _unsound(s: Any) -> list[str]:
    if not db.is_sqlite():
        return []
    integrity = [row[0] for row in s.execute(text("PRAGMA integrity_check")) if row[0] != "ok"]
    return integrity + [str(tuple(row)) for row in s.execute(text("PRAGMA foreign_key_check"))]


def violations(bank: banks.Bank, vault: vaults.Vaults) -> list[str]:
    """What is wrong now, each with the name of the invariant that it breaks."""
    books = Books(bank, vault)
    money = (_money_truth, _no_double_charge, _no_lost_answer, _effect_once, _forward_only, _nothing_stuck, _sound)
    rules = (*money, _savings_end, _renewals_can_be_paid, _nothing_kept_unasked)
    return [f"{rule.__name__.strip('_')}: {problem}" for rule in rules for problem in rule(books)]


def _money_truth(books: Books) -> Iterator[str]:
    """I1: what the bank took is what is registered, to the cent."""
    taken = {(c["payment_intent"], c["amount"], c["currency"]) for c in books.charges}
    received = [attempt for attempt in books.attempts if attempt.status == payments.Status.SUCCEEDED]
    known = {(attempt.payment_ref, attempt.amount_cents, attempt.currency) for attempt in received}
    yield from (f"taken by the bank, not registered: {one}" for one in taken - known)
    yield from (f"registered, not taken by the bank: {one}" for one in known - taken)
    returned = {(r["payment_intent"], r["amount"]) for r in books.refunds if r["status"] == "succeeded"}
    refs = {a.id: a.payment_ref for a in books.attempts}
    noted = {(refs[r.attempt_id], r.amount_cents) for r in books.given_back if r.status == "succeeded"}
    yield from (f"refund differs: {one}" for one in returned ^ noted)


def _no_double_charge(books: Books) -> Iterator[str]:
    """I2: what was taken for an order and not given back is its price, once, or nothing."""
    kept: Counter[str] = Counter()
    for charge in books.charges:
        kept[charge["metadata"]["order"]] += charge["amount"] - charge["refunded"]
    for order in books.orders:
        due = order.gross_cents if order.status == orders.Status.PAID else 0
        if kept[order.number] != due:
            yield f"order {order.number} ({order.status}): {kept[order.number]} kept, {due} due"


def _no_lost_answer(books: Books) -> Iterator[str]:
    """I3: every delivery that was answered with yes is stored, once."""
    stored = Counter(event.event_id for event in books.events)
    acknowledged = {one["event"] for one in books.deliveries if one["status"] in DELIVERED}
    yield from (f"event {event} was answered and is not stored" for event in acknowledged - stored.keys())
    yield from (f"event {event} is stored {count} times" for event, count in stored.items() if count > 1)


def _effect_once(books: Books) -> Iterator[str]:
    """I4: a paid order has one payment, one receipt, one letter of payment and its services; others have none.

    One that renews brings no service: its renewal is done.
    """
    paying = Counter(a.order_id for a in books.attempts if a.status == payments.Status.SUCCEEDED)
    surplus = Counter(r.order_id for r in books.given_back)
    receipts = Counter(r.order_id for r in books.receipts)
    services = Counter(s.order_id for s in books.services)
    letters = Counter(m.order_id for m in books.mails if m.template in {"m03", "m07"})
    renewals = {renewal.order_id: renewal.status for renewal in books.renewals}
    for order in books.orders:
        paid = int(order.status == orders.Status.PAID)
        wanted = len(order.configuration["labels"]) if paid and order.kind == orders.Kind.PURCHASE else 0
        key = order.id or 0
        found = (paying[key] - surplus[key], receipts[key], letters[key], services[key])
        if found != (paid, paid, paid, wanted):
            yield f"order {order.number} ({order.status}): (payments, receipts, letters, services) are {found}"
        if key in renewals and renewals[key] != ("done" if paid else "open"):
            yield f"order {order.number} ({order.status}): its renewal is {renewals[key]}"
        if (order.paid_at is not None) != bool(paid):
            yield f"order {order.number} ({order.status}): paid at {order.paid_at}"
    numbers = sorted(receipt.number for receipt in books.receipts)
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the receipts' numbers have gaps: {numbers}"


def _forward_only(books: Books) -> Iterator[str]:
    """I5: an order whose payment succeeded is paid, whatever came after it."""
    numbers = {order.id: order for order in books.orders}
    for attempt in books.attempts:
        order = numbers[attempt.order_id]
        if attempt.status == payments.Status.SUCCEEDED and order.status not in orders.PAID:
            yield f"order {order.number} is {order.status}, attempt {attempt.number} succeeded"


def _nothing_stuck(books: Books) -> Iterator[str]:
    """I6: nothing waits for somebody who died."""
    complete = {charge[name] for charge in books.charges for name in ("session", "payment_intent")}
    for attempt in books.attempts:
        if attempt.status in {payments.Status.CREATED, payments.Status.UNKNOWN} or (
            attempt.status == payments.Status.REDIRECTED and attempt.gateway_ref in complete
        ):
            yield f"attempt {attempt.id} is {attempt.status}"
    waiting = {inbox.WAITING, inbox.UNMATCHED, inbox.QUARANTINED}
    yield from (f"event {e.event_id} ({e.type}) is {e.status}" for e in books.events if e.status in waiting)
    yield from (f"letter {m.dedup_key} is {m.status}" for m in books.mails if m.status != "sent")
    yield from (f"refund {r.id} is {r.status}" for r in books.given_back if r.status != "succeeded")


def _sound(books: Books) -> Iterator[str]:
    """I7: the database is whole, and every order adds up."""
    yield from books.unsound
    net: Counter[int] = Counter()
    for line in books.lines:
        net[line.order_id] += line.net_cents
    for order in books.orders:
        if order.net_cents + order.vat_cents != order.gross_cents or net[order.id or 0] < order.net_cents:
            yield f"order {order.number} does not add up"


def _savings_end(books: Books) -> Iterator[str]:
    """Every wish to keep a method ends: what its customer agreed to is theirs, the rest is still asked for."""
    for saving in books.savings:
        pending = saving.status in savings.PENDING
        if pending and saving.next_check_at is None:
            yield f"saving {saving.id} is {saving.status}, and nobody asks for it"
        elif pending and saving.gateway_ref and books.vault.agreed(saving.gateway, saving.gateway_ref):
            yield f"saving {saving.id} is {saving.status}, its customer has agreed"
        elif (saving.status == savings.Status.SAVED) != (saving.method_id is not None):
            yield f"saving {saving.id} is {saving.status}, with method {saving.method_id}"


def _renewals_can_be_paid(books: Books) -> Iterator[str]:
    """What renews by itself does so on a valid method of its owner, on which a debit is authorised."""
    kept = {method.id: method for method in books.methods}
    authorised = {mandate.method_id for mandate in books.mandates}
    for service in books.services:
        if service.renewal != subscriptions.RENEWAL_ACTIVE:
            continue
        method = kept.get(service.method_id)
        if method is None or method.status != methods.VALID or method.account_id != service.account_id:
            yield f"service {service.id} renews by itself on {method and (method.id, method.status)}"
        elif not method.ceiling_cents or method.id not in authorised:
            yield f"service {service.id} renews on method {method.id}, authorised up to {method.ceiling_cents}"


def _nothing_kept_unasked(books: Books) -> Iterator[str]:
    """The gateways keep what the customers let us keep, and nothing else but what is about to be deleted."""
    valid = {(one.gateway, one.token) for one in books.methods if one.status == methods.VALID}
    going = {(one.gateway, one.token) for one in books.removals if one.next_try_at is not None}
    at_gateways = {
        (gateway, token)
        for gateway, customer in {(one.gateway, one.customer_ref) for one in books.methods}
        for token in books.vault.tokens(gateway, customer)
    }
    yield from (f"kept, and not a method here: {one}" for one in at_gateways - valid - going)
    yield from (f"a method here, and not kept any more: {one}" for one in valid - at_gateways)
    yield from (
        f"method {one.id} is {one.status} and has a token"
        for one in books.methods
        if one.status == methods.REMOVED and one.token
    )


def paid_orders(numbers: Iterable[str]) -> set[str]:
    """Which of these orders are paid now."""
    with db.reading() as s:
        query = select(tables.Order.number).where(tables.Order.status == orders.Status.PAID)
        return set(s.exec(query.where(col(tables.Order.number).in_(list(numbers)))))
