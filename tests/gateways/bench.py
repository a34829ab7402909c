"""Where a gateway is tried: its adapter, and the hands on the other side of the counter."""

import secrets
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import httpx
import pytest

from pecapp.domain.payments import Card, Outcome, Reason, Remedy, Verdict, Wallet
from pecapp.gateways import base

Means = Card | Wallet
NOBODY_LISTENS = "http://127.0.0.1:9"
KEEPS_FROM_HAPPENING = frozenset({"error_before", "drop_before", "hang", "conflict_409", "rate_limit_429", "html_502"})
"""What the simulator's rules do to a call that then makes nothing."""


class Buyer(StrEnum):
    """The customers who can be played, by what becomes of their money."""

    GOOD = "pays"
    OTHER = "pays, with another card or account"
    POOR = "the first source is refused, another of theirs works"
    LATER_YES = "unknown at first, then paid"
    LATER_NO = "unknown at first, then refused"
    UNCHARGEABLE = "can be kept, and every later charge is refused"
    CAREFUL = "can be kept, and has to confirm every later charge in person"


@dataclass(frozen=True)
class Ways:
    """Where the gateways genuinely differ. The contract holds on both sides of each difference."""

    refuses_a_used_key: bool
    """The same key with other content has no answer; else the first payment comes back."""
    unknown_is_over: bool
    """Closing a name that the gateway does not know says CANCELLED, since it forgets old pages; else it is an error."""
    waits_after_closing: bool
    """A closed page can still be agreed to, and takes no money all the same; else the gateway has ended it."""
    given_up: tuple[Verdict, Reason | None]
    """What closing says after the customer has refused, or gone away, in the middle of it."""
    unconfirmed: tuple[Verdict, Reason | None]
    """What is said of a charge whose owner has refused to confirm it: over, or still to be confirmed."""
    refused_source: Verdict
    """What is said of a payment whose source was refused: REFUSED, by the capture; else the page is WAITING again."""
    says_where_to_go_again: bool
    """After a refused source the gateway names a page; else the first page simply stays open."""
    poor: Reason
    """Why the first source of the POOR is refused."""
    later_no: Reason
    """Why the money of LATER_NO is not taken in the end."""
    holds: bool
    """A payment that is decided later counts as held: days are normal."""
    uncharged: Reason
    """Why UNCHARGEABLE cannot be charged."""
    refusals: Mapping[str, Reason]
    """Codes with which a charge is refused, and what a customer may hear of them."""
    remedies: Mapping[str, Remedy]
    """Codes with which a charge is refused, and what can be done then: every remedy but OURS."""
    abandoned: str
    """How a saving stands, in the end, on whose page nobody has agreed."""
    slows_down: bool
    """Told that it asks too often, the adapter waits and asks again; else the outcome is unknown."""
    unknown: str
    """A name such as the gateway gives them, which it has not given."""
    unknown_token: str


def purchase(**changes: Any) -> base.Start:
    """An order to open a hosted payment of 60.39 EUR, each time for another order."""
    key = secrets.token_hex(8)
    usual = base.Start(
        attempt_id=f"attempt-{key}",
        order_number=f"{secrets.randbelow(10**10):010}",
        attempt_number=1,
        description="Ordine 1234567897",
        amount_cents=6039,
        currency="eur",
        lang="it",
        email="cliente@example.com",
        expires_at=datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=45),
        return_url="http://localhost:9/ritorno/stripe",
        cancel_url="http://localhost:9/annullato/stripe/x",
        idempotency_key=f"pay:{key}",
    )
    return replace(usual, **changes)


def reference(request: base.Start, started: base.Started) -> base.Reference:
    return base.Reference(request.attempt_id, started.gateway_ref)


def give_back(request: base.Start | base.Charge, payment_ref: str, amount_cents: int, **changes: Any) -> base.Refund:
    """An order to refund, each time another one."""
    key = secrets.token_hex(8)
    usual = base.Refund(
        refund_id=f"refund-{key}",
        attempt_id=request.attempt_id,
        payment_ref=payment_ref,
        amount_cents=amount_cents,
        currency=request.currency,
        idempotency_key=f"refund:{key}",
    )
    return replace(usual, **changes)


def renewal(means: Means, **changes: Any) -> base.Charge:
    """An order to take 12.08 EUR from a kept card or account, each time for another order."""
    key = secrets.token_hex(8)
    usual = base.Charge(
        attempt_id=f"attempt-{key}",
        order_number=f"{secrets.randbelow(10**10):010}",
        attempt_number=1,
        description="Rinnovo della casella",
        amount_cents=1208,
        currency="eur",
        token=means.token,
        customer_ref=means.customer,
        idempotency_key=f"renew:{key}",
    )
    return replace(usual, **changes)


def present(means: Means, **changes: Any) -> base.Charge:
    """As `renewal`, while its owner is there."""
    there = {
        "lang": "it",
        "return_url": "http://localhost:9/ritorno/saved?da=banca",
        "cancel_url": "http://localhost:9/annullato/saved",
    }
    return renewal(means, **there | changes)


def again(first: base.Charge, refused: Outcome, number: int = 2, **changes: Any) -> base.Charge:
    """The next attempt at the order of a charge that was refused."""
    usual = {
        "attempt_id": f"{first.attempt_id}-{number}",
        "attempt_number": number,
        "idempotency_key": f"{first.idempotency_key}:{number}",
        "again_ref": refused.gateway_ref,
    }
    return replace(first, **usual | changes)


def saving(**changes: Any) -> base.Save:
    """An order to open a page that keeps a card or account, each time another one."""
    key = secrets.token_hex(8)
    usual = base.Save(
        saving_id=f"saving-{key}",
        description="Rinnovi",
        lang="it",
        email="cliente@example.com",
        return_url="http://localhost:9/ritorno/metodo",
        cancel_url="http://localhost:9/annullato/metodo",
        idempotency_key=f"save:{key}",
    )
    return replace(usual, **changes)


def means_of(outcome: Outcome) -> Means:
    """What paid, which must be told."""
    means = outcome.means
    assert means is not None
    return means


async def definite_no(call: Awaitable[Any]) -> base.GatewayError:
    """The refusal of a call, which leaves no doubt."""
    with pytest.raises(base.GatewayError) as refusal:
        await call
    assert not isinstance(refusal.value, base.OutcomeUnknown)
    return refusal.value


class Bench:
    """An adapter on a gateway of which nothing but the contract is known."""

    def __init__(self, gateway: base.Gateway, ways: Ways) -> None:
        self.gateway = gateway
        self.ways = ways

    async def open(self, **changes: Any) -> tuple[base.Start, base.Reference, str]:
        """A started payment: its request, its reference and the address of its page."""
        request = purchase(**changes)
        started = await self.gateway.start(request)
        return request, reference(request, started), started.url


class SimulatedBench(Bench, ABC):
    """The simulator: its customers pay, its clock moves and its network fails on demand.

    `gateway` is patient, as in production; `impatient()` gives up after 0.3 s and one call.
    """

    calls: Mapping[str, str] = MappingProxyType({})
    """Each call of the contract -> method and address of what it asks of the gateway."""
    private: tuple[str, ...] = ()
    """What nobody may ever read in a log or see on a screen."""

    def __init__(self, gateway: base.Gateway, ways: Ways, url: str, hands: httpx.AsyncClient) -> None:
        super().__init__(gateway, ways)
        self.url = url
        self._hands = hands
        self._gateways = [gateway]
        self._captures: Counter[str] = Counter()

    # Other ways to the same gateway

    @abstractmethod
    def impatient(self) -> base.Gateway:
        """Gives up after 0.3 s and one call."""

    @abstractmethod
    def stranger(self, secret: str) -> base.Gateway:
        """As `impatient`, with a secret that is wrong."""

    @abstractmethod
    def unreachable(self) -> base.Gateway:
        """As `impatient`, where nobody listens."""

    def secrets(self) -> tuple[str, ...]:
        """What the adapter has got from the gateway to prove itself with."""
        return ()

    # The customer

    @abstractmethod
    async def agree(self, opened: base.Reference, buyer: Buyer = Buyer.GOOD) -> str:
        """The customer does their part on the gateway's page. Returns where the browser goes, empty for nowhere."""

    @abstractmethod
    async def choose_otherwise(self, opened: base.Reference) -> None:
        """After a refused source, POOR agrees to pay from another."""

    @abstractmethod
    async def refuse(self, opened: base.Reference) -> None:
        """The customer says no in the middle of it."""

    @abstractmethod
    async def leave(self, opened: base.Reference) -> None:
        """The customer goes away in the middle of it."""

    @abstractmethod
    async def agree_saving(self, saving_ref: str, buyer: Buyer = Buyer.GOOD) -> None:
        """The customer agrees to be charged later."""

    @abstractmethod
    async def confirm(self, waiting: Outcome, *, agreed: bool = True) -> str:
        """The owner answers on the page of a charge that waits for them. Returns where the browser goes."""

    async def settle(self, opened: base.Reference) -> Outcome:
        """What the services do when they hear of a payment: ask, and take what was approved."""
        outcome = await self.gateway.look_up(opened)
        if outcome.verdict is not Verdict.APPROVED:
            return outcome
        self._captures[opened.attempt_id] += 1
        key = f"capture:{opened.attempt_id}:{self._captures[opened.attempt_id]}"
        return await self.gateway.capture(opened, key)

    async def pay(self, opened: base.Reference, buyer: Buyer = Buyer.GOOD) -> Outcome:
        """The customer agrees and the services settle: how it ends."""
        await self.agree(opened, buyer)
        return await self.settle(opened)

    async def paid(self, buyer: Buyer = Buyer.GOOD, **changes: Any) -> tuple[base.Start, Outcome]:
        """A purchase that was opened and paid."""
        request, opened, _ = await self.open(**changes)
        return request, await self.pay(opened, buyer)

    async def kept(self, buyer: Buyer = Buyer.GOOD) -> Means:
        """A card or account that was kept with a purchase of 60.39 EUR."""
        _, outcome = await self.paid(buyer, save=True)
        return means_of(outcome)

    async def saved(self, buyer: Buyer = Buyer.GOOD, **changes: Any) -> Means:
        """A card or account that was kept without a purchase."""
        wish = saving(**changes)
        started = await self.gateway.start_saving(wish)
        await self.agree_saving(started.gateway_ref, buyer)
        kept = await self.gateway.finish_saving(wish.saving_id, started.gateway_ref)
        means = kept.card or kept.wallet
        assert means is not None
        return means

    # The gateway's own decisions

    @abstractmethod
    async def decide(self, payment_ref: str, *, taken: bool) -> None:
        """A payment that was unknown becomes known."""

    @abstractmethod
    async def end(self, token: str) -> None:
        """What is kept is gone at the gateway, without us."""

    @abstractmethod
    async def refuse_next(self, token: str, code: str) -> None:
        """The next charge of a kept card or account is refused, with one of `ways.refusals` or `ways.remedies`."""

    @abstractmethod
    async def hold_refund(self, payment_ref: str) -> None:
        """The next refund of a payment takes time."""

    @abstractmethod
    async def decide_refund(self, refund_ref: str, *, given: bool) -> None:
        """A refund that takes time is over."""

    @abstractmethod
    async def give_back_there(self, payment_ref: str, amount_cents: int) -> str:
        """Somebody gives money back on the gateway's own pages; the gateway's name for the refund."""

    @abstractmethod
    async def contest(self, payment_ref: str, *, inquiry: bool = False) -> str:
        """A payer contests a payment; the gateway's name for the dispute."""

    @abstractmethod
    async def decide_dispute(self, dispute_ref: str, *, won: bool) -> None:
        """A dispute is over."""

    async def fail(self, call: str, behaviour: str, **wish: Any) -> None:
        """The next such call goes wrong: one of `calls`, or method and address."""
        await self.tell("faults", match=self.calls.get(call, call), behaviour=behaviour, **wish)

    async def later(self, **by: float) -> None:
        """Move the simulated clock to that far from now."""
        await self.tell("clock", offset_seconds=timedelta(**by).total_seconds())

    # The truth

    async def ledger(self) -> dict[str, list[dict[str, Any]]]:
        """What has moved at the gateway, whatever the adapter says."""
        return (await self._hands.get("/_sim/ledger")).json()

    async def taken(self) -> list[int]:
        """The money that was taken, oldest first."""
        return [charge["amount"] for charge in (await self.ledger())["charges"]]

    async def given_back(self) -> list[int]:
        """The money that was given back, oldest first."""
        return [refund["amount"] for refund in (await self.ledger())["refunds"]]

    async def requests(self) -> list[dict[str, Any]]:
        """Everything that was asked of the gateway."""
        return (await self._hands.get("/_sim/requests")).json()["requests"]

    async def made(self, call: str) -> int:
        """How many calls to exactly this address made something, answered or not; repetitions make nothing."""
        method, path = self.calls[call].split(" ")
        return sum(
            (one["method"], one["path"], one["replayed"]) == (method, path, False)
            and one["status"] < 300
            and one["fault"] not in KEEPS_FROM_HAPPENING
            for one in await self.requests()
        )

    @abstractmethod
    async def has_opened(self, *names: str) -> bool:
        """Whether these payments, and no others, were ever opened."""

    async def tell(self, path: str, **wish: Any) -> dict[str, Any]:
        """Ask the simulator to do something that only its world does."""
        answer = await self._hands.post(f"/_sim/{path}", json=wish)
        assert answer.is_success, answer.text
        return answer.json()

    async def aclose(self) -> None:
        for gateway in self._gateways:
            await gateway.aclose()
