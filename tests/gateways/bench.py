"""Where a gateway is tried: its adapter, and the hands on the other side of the counter."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from pecapp.gateways import base, stripe

ITALIAN = "4000003800000008"
IN_A_MOMENT = httpx.Timeout(2, read=0.3)


def purchase(**changes: Any) -> base.Start:
    """An order to open a hosted payment of 60.39 EUR, each time for another attempt."""
    key = secrets.token_hex(8)
    usual = base.Start(
        attempt_id=f"attempt-{key}",
        order_number="1234567897",
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


def give_back(request: base.Start, payment_ref: str, amount_cents: int, **changes: Any) -> base.Refund:
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


class Bench:
    """An adapter on a gateway of which nothing but the contract is known."""

    def __init__(self, gateway: base.Gateway) -> None:
        self.gateway = gateway

    async def open(self, **changes: Any) -> tuple[base.Start, base.Reference, str]:
        """A started payment: its request, its reference and the address of its page."""
        request = purchase(**changes)
        started = await self.gateway.start(request)
        return request, reference(request, started), started.url


class SimulatedBench(Bench):
    """The simulator: its customers pay, its clock moves and its network fails on demand.

    `gateway` is patient, as in production; `impatient()` gives up after 0.3 s and one call.
    """

    def __init__(self, url: str, hands: httpx.AsyncClient) -> None:
        super().__init__(stripe.StripeGateway("sk_test_simulator", (), api_base=url))
        self.url = url
        self._hands = hands
        self._gateways = [self.gateway]

    def impatient(self, key: str = "sk_test_simulator", url: str = "") -> stripe.StripeGateway:
        gateway = stripe.StripeGateway(key, (), api_base=url or self.url, timeout=IN_A_MOMENT, retries=0)
        self._gateways.append(gateway)
        return gateway

    async def tell(self, path: str, **wish: Any) -> dict[str, Any]:
        """Ask the simulator to do something that only its world does."""
        answer = await self._hands.post(f"/_sim/{path}", json=wish)
        assert answer.is_success, answer.text
        return answer.json()

    async def pay(self, reference: base.Reference, number: str = ITALIAN, **wish: Any) -> dict[str, Any]:
        """The customer sends a card; `authenticate=False` refuses at the bank, None leaves there."""
        return await self.tell("sessions/pay", session=reference.gateway_ref, number=number, **wish)

    async def fail(self, match: str, behaviour: str, **wish: Any) -> None:
        """The next calls that match go wrong."""
        await self.tell("faults", match=match, behaviour=behaviour, **wish)

    async def later(self, **by: float) -> None:
        """Move the simulated clock to that far from now."""
        await self.tell("clock", offset_seconds=timedelta(**by).total_seconds())

    async def ask(self, path: str, **params: Any) -> dict[str, Any]:
        """Read the gateway's API behind the adapter's back."""
        headers = {"Authorization": "Bearer sk_test_simulator"}
        answer = await self._hands.get(path, params=params, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    async def sessions(self) -> list[str]:
        """The names of all sessions that were ever opened here."""
        listed = await self.ask("/v1/checkout/sessions", limit=100)
        return [session["id"] for session in listed["data"]]

    async def aclose(self) -> None:
        for gateway in self._gateways:
            await gateway.aclose()


@asynccontextmanager
async def simulated(url: str) -> AsyncIterator[SimulatedBench]:
    """A fresh world of the simulator at `url`."""
    async with httpx.AsyncClient(base_url=url) as hands:
        bench = SimulatedBench(url, hands)
        await bench.tell("reset")
        try:
            yield bench
        finally:
            await bench.aclose()


@asynccontextmanager
async def sandbox(key: str) -> AsyncIterator[Bench]:
    """The gateway's own test system, where nobody can play the customer without a browser."""
    gateway = stripe.StripeGateway(key, ())
    try:
        yield Bench(gateway)
    finally:
        await gateway.aclose()
