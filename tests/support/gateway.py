"""A payment gateway in memory: it holds the truth about money, fails on demand, and lets others act in mid-call."""

import asyncio
import inspect
import json
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pecapp import clock
from pecapp.domain import payments
from pecapp.gateways import base, registry


@dataclass
class Page:
    """A hosted payment, or a charge, and how it stands."""

    request: base.Start | base.Charge
    ref: str
    outcome: payments.Outcome


@dataclass
class FakeGateway:
    """Implements `base.Gateway`. Calls are recorded; `fail` and `meanwhile` script what happens in them."""

    name: str = "stripe"
    searches: bool = True
    event_types: frozenset[str] = frozenset({"checkout.session.completed", "charge.refunded"})
    pages: dict[str, Page] = field(default_factory=dict)
    """By attempt."""
    refunds: dict[str, base.Refund] = field(default_factory=dict)
    """By idempotency key: money that really went back."""
    refund_status: str = "succeeded"
    refunds_now: dict[str, str] = field(default_factory=dict)
    """By the gateway's name: how a refund stands by now, if it is not as it was answered."""
    refunds_there: dict[str, base.Refunded] = field(default_factory=dict)
    """By the gateway's name: refunds that somebody made on its own pages."""
    captured: dict[str, payments.Outcome] = field(default_factory=dict)
    """By attempt: what a capture answers, unless the money simply comes."""
    charges: dict[str, base.Charge] = field(default_factory=dict)
    """By idempotency key: charges that reached the gateway."""
    answers: dict[str, payments.Outcome | Callable[[base.Charge], payments.Outcome]] = field(default_factory=dict)
    """By attempt: what a charge answers, unless the money simply comes."""
    always: Callable[[base.Charge], payments.Outcome] | None = None
    """What every other charge answers."""
    savings: dict[str, base.Save] = field(default_factory=dict)
    """By idempotency key: pages that were opened to keep a method."""
    kept_by: dict[str, base.Kept] = field(default_factory=dict)
    """By saving: how it stands, unless it still waits."""
    cards: dict[str, payments.Card | payments.Wallet] = field(default_factory=dict)
    """By token: a kept method as the gateway has it, unless it is as usual."""
    gone: set[str] = field(default_factory=set)
    """Tokens of kept methods that the gateway does not have any more."""
    disputes: dict[str, base.Dispute] = field(default_factory=dict)
    """By the gateway's name: how a dispute stands."""
    events: list[base.Listed] = field(default_factory=list)
    """The gateway's own list of its notifications."""
    books: list[base.Movement] = field(default_factory=list)
    """What the gateway says has moved."""
    complete_until: datetime | None = None
    """How far its books go, if not as far as they were asked for."""
    unverifiable: bool = False
    calls: list[tuple[str, str]] = field(default_factory=list)
    _charged: dict[str, payments.Outcome] = field(default_factory=dict)
    _failures: dict[str, deque[tuple[Exception, bool]]] = field(default_factory=lambda: defaultdict(deque))
    _meanwhile: dict[str, deque[Callable[[], Any]]] = field(default_factory=lambda: defaultdict(deque))

    # --- the script

    def fail(self, call: str, problem: Exception, *, executed: bool = False, times: int = 1) -> None:
        """The next `times` calls raise `problem`, after having their effect if `executed`."""
        self._failures[call].extend([(problem, executed)] * times)

    def meanwhile(self, call: str, act: Callable[[], Any]) -> None:
        """Run `act` (plain or async) in the middle of the next such call, after its effect and before its answer."""
        self._meanwhile[call].append(act)

    def know(self, attempt: Any, verdict: payments.Verdict = payments.Verdict.WAITING, **facts: Any) -> None:
        """Let the gateway have a page for an attempt that was not opened through it, or move one on."""
        told: dict[str, Any] = {
            "attempt_id": attempt.id,
            "verdict": verdict,
            "amount_cents": attempt.amount_cents,
            "currency": attempt.currency,
            "gateway_ref": attempt.gateway_ref or f"cs_{attempt.id}",
            "payment_ref": f"pi_{attempt.id}" if verdict is payments.Verdict.SUCCEEDED else "",
        }
        outcome = payments.Outcome(**told | facts)
        page = self.pages.get(attempt.id)
        request: Any = page.request if page else None
        self.pages[attempt.id] = Page(request, outcome.gateway_ref, outcome)

    def give_back_there(self, attempt: Any, ref: str = "re_x", **facts: Any) -> str:
        """Let somebody give 2.08 of a payment back on the gateway's own pages; the gateway's name for the refund."""
        usual: dict[str, Any] = {
            "status": "succeeded",
            "payment_ref": attempt.payment_ref,
            "amount_cents": 208,
            "currency": "eur",
            "made_at": clock.now(),
        }
        self.refunds_there[ref] = base.Refunded(ref, **usual | facts)
        return ref

    def asked(self, call: str) -> list[str]:
        """For which attempts (refunds: keys) `call` was made."""
        return [what for name, what in self.calls if name == call]

    async def _answer(self, call: str, what: str, effect: Callable[[], Any]) -> Any:
        self.calls.append((call, what))
        problem, executed = self._failures[call].popleft() if self._failures[call] else (None, True)
        result = effect() if executed else None
        await asyncio.sleep(0)
        if self._meanwhile[call]:
            done = self._meanwhile[call].popleft()()
            if inspect.isawaitable(done):
                await done
        if problem is not None:
            raise problem
        return result

    # --- the protocol

    async def start(self, request: base.Start) -> base.Started:
        def effect() -> base.Started:
            page = self.pages.get(request.attempt_id)
            if page is None:
                ref = f"cs_{request.attempt_id}"
                waiting = payments.Outcome(
                    request.attempt_id, payments.Verdict.WAITING, request.amount_cents, request.currency, ref
                )
                page = self.pages[request.attempt_id] = Page(request, ref, waiting)
            assert page.request == request, "one key, two contents"
            return base.Started(page.ref, f"https://bank.test/{page.ref}")

        return await self._answer("start", request.attempt_id, effect)

    async def look_up(self, reference: base.Reference) -> payments.Outcome:
        return await self._answer("look_up", reference.attempt_id, lambda: self._told(reference))

    async def close(self, reference: base.Reference) -> payments.Outcome:
        def effect() -> payments.Outcome:
            page = self.pages.get(reference.attempt_id)
            if page and page.outcome.verdict is payments.Verdict.WAITING:
                page.outcome = replace(page.outcome, verdict=payments.Verdict.CANCELLED, again_url="")
            return self._told(reference)

        return await self._answer("close", reference.attempt_id, effect)

    async def capture(self, reference: base.Reference, idempotency_key: str) -> payments.Outcome:
        def effect() -> payments.Outcome:
            page = self.pages[reference.attempt_id]
            taken = self.captured.get(reference.attempt_id)
            if page.outcome.verdict is payments.Verdict.APPROVED:
                paid = replace(page.outcome, verdict=payments.Verdict.SUCCEEDED, payment_ref=f"cap_{page.ref}")
                page.outcome = taken or paid
            return page.outcome

        return await self._answer("capture", idempotency_key, effect)

    async def charge(self, request: base.Charge) -> payments.Outcome:
        def effect() -> payments.Outcome:
            known = self.charges.setdefault(request.idempotency_key, request)
            assert known == request, "one key, two contents"
            if request.idempotency_key not in self._charged:
                outcome = self._charged[request.idempotency_key] = self._taken(request)
                self.pages[request.attempt_id] = Page(request, outcome.gateway_ref, outcome)
            return self._charged[request.idempotency_key]

        return await self._answer("charge", request.idempotency_key, effect)

    def _taken(self, request: base.Charge) -> payments.Outcome:
        answer = self.answers.get(request.attempt_id) or self.always or told(request, payments.Verdict.SUCCEEDED)
        return answer(request) if callable(answer) else answer

    async def start_saving(self, request: base.Save) -> base.Started:
        def effect() -> base.Started:
            known = self.savings.setdefault(request.idempotency_key, request)
            assert known == request, "one key, two contents"
            return base.Started(f"seti_{request.saving_id}", f"https://bank.test/save_{request.saving_id}")

        return await self._answer("start_saving", request.saving_id, effect)

    async def finish_saving(self, saving_id: str, saving_ref: str) -> base.Kept:
        waiting = base.Kept(saving_ref, "waiting")
        return await self._answer("finish_saving", saving_id, lambda: self.kept_by.get(saving_id, waiting))

    async def kept(self, token: str) -> payments.Card | payments.Wallet | None:
        def effect() -> payments.Card | payments.Wallet | None:
            return None if token in self.gone else self.cards.get(token) or self._usual(token)

        return await self._answer("kept", token, effect)

    def _usual(self, token: str) -> payments.Card | payments.Wallet:
        if self.name == "paypal":
            saved = payments.Saving.SAVED
            return payments.Wallet("paypal", "m•••@d•••.it", "IT", f"fp_{token}", token, "cust-1", saved)
        return payments.Card("visa", "4242", 12, 2030, "IT", f"fp_{token}", token, "cus_1")

    async def forget(self, token: str) -> None:
        await self._answer("forget", token, lambda: self.gone.add(token))

    def returned_ref(self, query: Mapping[str, str]) -> str:
        return query.get("cs") or query.get("payment_intent", "")

    def _told(self, reference: base.Reference) -> payments.Outcome:
        if not (self.searches or reference.gateway_ref):
            raise base.GatewayError("nothing is found by the attempt")
        page = self.pages.get(reference.attempt_id)
        if page is None and reference.customer_ref:
            raise base.NotThere("no such charge")
        if page is None:
            raise base.OutcomeUnknown("no such payment")
        return page.outcome

    async def refund(self, request: base.Refund) -> base.Refunded:
        def effect() -> base.Refunded:
            known = self.refunds.setdefault(request.idempotency_key, request)
            assert known == request, "one key, two contents"
            return replace(_given(request), status=self.refund_status)

        return await self._answer("refund", request.idempotency_key, effect)

    async def look_up_refund(self, refund_ref: str) -> base.Refunded:
        def effect() -> base.Refunded:
            made = {f"re_{one.refund_id}": _given(one) for one in self.refunds.values()}
            told = (made | self.refunds_there)[refund_ref]
            usual = told.status or self.refund_status
            return replace(told, status=self.refunds_now.get(refund_ref, usual))

        return await self._answer("look_up_refund", refund_ref, effect)

    async def look_up_dispute(self, dispute_ref: str) -> base.Dispute:
        return await self._answer("look_up_dispute", dispute_ref, lambda: self.disputes[dispute_ref])

    async def list_events(self, since: datetime, until: datetime) -> list[base.Listed]:
        def effect() -> list[base.Listed]:
            return [one for one in self.events if since <= one.created_at < until]

        return await self._answer("list_events", since.isoformat(), effect)

    def read_listed(self, raw: bytes) -> base.Event:
        return replace(_read(raw), outcome=None)

    async def ledger(self, since: datetime, until: datetime) -> base.Ledger:
        def effect() -> base.Ledger:
            moved = tuple(one for one in self.books if since <= one.at < until)
            return base.Ledger(moved, self.complete_until or until)

        return await self._answer("ledger", since.isoformat(), effect)

    async def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> base.Event:
        if self.unverifiable:
            raise base.Unverifiable("nobody knows")
        if headers.get("signature") != "good":
            raise base.NotAuthentic("wrong signature")
        return replace(_read(raw), created_at=now)

    async def aclose(self) -> None:
        """Nothing to close."""


def _given(request: base.Refund) -> base.Refunded:
    """What the gateway has written down of a refund that was made here, but for its state."""
    return base.Refunded(
        f"re_{request.refund_id}",
        "",
        request.refund_id,
        payment_ref=request.payment_ref,
        amount_cents=request.amount_cents,
        currency=request.currency,
    )


def _read(raw: bytes) -> base.Event:
    """What `event` has written."""
    told = json.loads(raw)
    outcome = told.get("outcome")
    return base.Event(
        event_id=told["id"],
        type=told["type"],
        created_at=datetime.fromtimestamp(0, UTC),
        attempt_id=told["attempt"],
        gateway_ref=told["ref"],
        relevant=told["relevant"],
        oddity=told["oddity"],
        by_ref=told["by_ref"],
        transmission_id=told["transmission"],
        method_ref=told["method"],
        saving_id=told["saving"],
        refund_ref=told["refund"],
        dispute_ref=told["dispute"],
        taken_back=told["taken_back"],
        outcome=outcome and payments.Outcome(**outcome | {"verdict": payments.Verdict(outcome["verdict"])}),
    )


def listed(event_id: str, at: datetime, **facts: Any) -> base.Listed:
    """A notification in the gateway's own list, with the facts that `event` takes."""
    raw = event(event_id, **facts)
    return base.Listed(event_id, json.loads(raw)["type"], at, raw)


def told(request: base.Charge, verdict: payments.Verdict) -> payments.Outcome:
    """What the gateway says of a charge. One that is tried again is the same payment, with the same name."""
    name = request.again_ref or f"pi_{request.attempt_id}"
    return payments.Outcome(
        attempt_id=request.attempt_id,
        verdict=verdict,
        amount_cents=request.amount_cents,
        currency=request.currency,
        gateway_ref=name,
        payment_ref=name if verdict is payments.Verdict.SUCCEEDED else "",
    )


@contextmanager
def installed() -> Iterator[FakeGateway]:
    """The product's only card gateway while this lasts; a second gateway, «other», stands beside it."""
    fake = FakeGateway()
    registry.use({"stripe": fake, "other": FakeGateway("other")})
    try:
        yield fake
    finally:
        registry.use(None)


SIGNED = {"signature": "good"}


def event(
    event_id: str,
    outcome: payments.Outcome | None = None,
    *,
    attempt_id: str = "",
    saving_id: str = "",
    final: bool = True,
    **facts: Any,
) -> bytes:
    """A notification; with an `outcome` that is `final` it settles by itself, else it is a hint to ask."""
    stated = {name: fact for name, fact in vars(outcome).items() if name not in {"card", "reason"}} if outcome else {}
    told: dict[str, Any] = {
        "id": event_id,
        "type": "checkout.session.completed",
        "attempt": outcome.attempt_id if outcome else attempt_id,
        "ref": outcome.gateway_ref if outcome else "",
        "relevant": True,
        "oddity": "",
        "by_ref": False,
        "transmission": "",
        "method": "",
        "saving": saving_id,
        "refund": "",
        "dispute": "",
        "taken_back": False,
        "outcome": stated if stated and final else None,
    }
    return json.dumps(told | facts).encode()
