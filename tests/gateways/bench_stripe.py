"""Stripe on the bench: cards, and what the simulator is told to do with them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import aiohttp
import httpx

from pecapp.domain.payments import Outcome, Reason, Remedy, Verdict
from pecapp.gateways import base, stripe
from tests.gateways.bench import NOBODY_LISTENS, Bench, Buyer, SimulatedBench, Ways

KEY = "sk_test_simulator"
ITALIAN = "4000003800000008"
ASKS_FOR_3DS = "4000002760003184"
IN_A_MOMENT = aiohttp.ClientTimeout(sock_connect=2, sock_read=0.3)
CARDS = {
    Buyer.GOOD: ITALIAN,
    Buyer.OTHER: "4242424242424242",
    Buyer.POOR: "4000000000009995",
    Buyer.LATER_YES: "4000007560001007",
    Buyer.LATER_NO: "4000007560002005",
    Buyer.UNCHARGEABLE: "4000008260003178",
    Buyer.CAREFUL: ASKS_FOR_3DS,
}
CODES = frozenset({"authentication_required", "expired_card"})
"""Refusals that Stripe tells as `code`; the others are a `decline_code`."""
WAYS = Ways(
    refuses_a_used_key=True,
    unknown_is_over=False,
    waits_after_closing=False,
    given_up=(Verdict.DECLINED, Reason.AUTHENTICATION),
    unconfirmed=(Verdict.DECLINED, Reason.AUTHENTICATION),
    refused_source=Verdict.WAITING,
    says_where_to_go_again=False,
    poor=Reason.INSUFFICIENT_FUNDS,
    later_no=Reason.TECHNICAL,
    holds=False,
    uncharged=Reason.INSUFFICIENT_FUNDS,
    refusals={
        "insufficient_funds": Reason.INSUFFICIENT_FUNDS,
        "stolen_card": Reason.DECLINED,
        "expired_card": Reason.EXPIRED_CARD,
        "authentication_required": Reason.AUTHENTICATION,
        "a_code_of_tomorrow": Reason.DECLINED,
    },
    remedies={
        "insufficient_funds": Remedy.SOFT,
        "a_code_of_tomorrow": Remedy.SOFT,
        "authentication_required": Remedy.CONFIRM,
        "expired_card": Remedy.NEW_DATA,
        "invalid_account": Remedy.NEW_DATA,
        "stolen_card": Remedy.NEVER,
        "revocation_of_authorization": Remedy.NEVER,
    },
    abandoned="failed",
    slows_down=False,
    unknown="cs_test_nobody",
    unknown_token="pm_nobody",
)


class StripeBench(SimulatedBench):
    """Stripe as the simulator plays it."""

    calls = MappingProxyType(
        {
            "start": "POST /v1/checkout/sessions",
            "look_up": "GET /v1/checkout/sessions",
            "close": "POST /v1/checkout/sessions",
            "capture": "GET /v1/checkout/sessions",
            "charge": "POST /v1/payment_intents",
            "charge_present": "POST /v1/payment_intents",
            "look_up_charge": "GET /v1/payment_intents",
            "close_charge": "POST /v1/payment_intents/",
            "refund": "POST /v1/refunds",
            "list_events": "GET /v1/events",
            "ledger": "GET /v1/charges",
            "look_up_dispute": "GET /v1/disputes",
            "start_saving": "POST /v1/checkout/sessions",
            "finish_saving": "GET /v1/checkout/sessions",
            "kept": "GET /v1/payment_methods",
            "forget": "POST /v1/payment_methods",
        }
    )
    private = (KEY, "cliente@example.com", "maria.rossi@example.com", *CARDS.values())

    def __init__(self, url: str, hands: httpx.AsyncClient) -> None:
        super().__init__(stripe.StripeGateway(KEY, (), api_base=url), WAYS, url, hands)

    def _other(self, key: str, url: str) -> stripe.StripeGateway:
        gateway = stripe.StripeGateway(key, (), api_base=url, timeout=IN_A_MOMENT, retries=0)
        self._gateways.append(gateway)
        return gateway

    def impatient(self) -> stripe.StripeGateway:
        return self._other(KEY, self.url)

    def stranger(self, secret: str) -> stripe.StripeGateway:
        return self._other(secret, self.url)

    def unreachable(self) -> stripe.StripeGateway:
        return self._other(KEY, NOBODY_LISTENS)

    async def send(self, opened: base.Reference, number: str = ITALIAN, **wish: Any) -> dict[str, Any]:
        """The customer sends a card; `authenticate=False` refuses at the bank, None leaves there."""
        return await self.tell("sessions/pay", session=opened.gateway_ref, number=number, **wish)

    async def agree(self, opened: base.Reference, buyer: Buyer = Buyer.GOOD) -> str:
        return (await self.send(opened, CARDS[buyer]))["return_url"] or ""

    async def choose_otherwise(self, opened: base.Reference) -> None:
        await self.send(opened, CARDS[Buyer.OTHER])

    async def refuse(self, opened: base.Reference) -> None:
        await self.send(opened, ASKS_FOR_3DS, authenticate=False)

    async def leave(self, opened: base.Reference) -> None:
        await self.send(opened, ASKS_FOR_3DS, authenticate=None)

    async def agree_saving(self, saving_ref: str, buyer: Buyer = Buyer.GOOD) -> None:
        await self.send(base.Reference("", saving_ref), CARDS[buyer])

    async def confirm(self, waiting: Outcome, *, agreed: bool = True) -> str:
        page = await self._hands.post(waiting.again_url, data={"esito": "autorizza" if agreed else "rifiuta"})
        return page.headers.get("location", "")

    async def decide(self, payment_ref: str, *, taken: bool) -> None:
        outcome = "succeeded" if taken else "failed"
        await self.tell("payment_intents/resolve", payment_intent=payment_ref, outcome=outcome)

    async def end(self, token: str) -> None:
        await self.post(f"/v1/payment_methods/{token}/detach")

    async def refuse_next(self, token: str, code: str) -> None:
        why = {"code": code} if code in CODES else {"decline_code": code}
        await self.tell("payment_methods/decline_next", payment_method=token, **why)

    async def hold_refund(self, payment_ref: str) -> None:
        await self.tell("refunds/next", payment_intent=payment_ref, outcome="succeeded")

    async def decide_refund(self, refund_ref: str, *, given: bool) -> None:
        await self.tell("refunds/resolve", refund=refund_ref, outcome="succeeded" if given else "failed")

    async def give_back_there(self, payment_ref: str, amount_cents: int) -> str:
        return (await self.post("/v1/refunds", payment_intent=payment_ref, amount=amount_cents))["id"]

    async def ask(self, path: str, **params: Any) -> dict[str, Any]:
        """Read the gateway's API behind the adapter's back."""
        answer = await self._hands.get(path, params=params, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.is_success, answer.text
        return answer.json()

    async def post(self, path: str, **form: Any) -> dict[str, Any]:
        """Change something at the gateway behind the adapter's back."""
        answer = await self._hands.post(path, data=form, headers={"Authorization": f"Bearer {KEY}"})
        assert answer.is_success, answer.text
        return answer.json()

    async def sessions(self) -> list[str]:
        """The names of all sessions that were ever opened here."""
        listed = await self.ask("/v1/checkout/sessions", limit=100)
        return [session["id"] for session in listed["data"]]

    async def contest(self, payment_ref: str, *, inquiry: bool = False) -> str:
        return (await self.tell("disputes", payment_intent=payment_ref, inquiry=inquiry))["id"]

    async def decide_dispute(self, dispute_ref: str, *, won: bool) -> None:
        await self.tell("disputes/close", dispute=dispute_ref, status="won" if won else "lost")

    async def has_opened(self, *names: str) -> bool:
        return sorted(await self.sessions()) == sorted(names)


@asynccontextmanager
async def simulated(url: str) -> AsyncIterator[StripeBench]:
    """A fresh world of the simulator at `url`."""
    async with httpx.AsyncClient(base_url=url) as hands:
        bench = StripeBench(url, hands)
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
        yield Bench(gateway, WAYS)
    finally:
        await gateway.aclose()
