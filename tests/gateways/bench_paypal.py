"""PayPal on the bench: accounts, and what the simulator is told to do with them."""

import base64
import html
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import httpx

from pecapp.domain.payments import Outcome, Reason, Remedy, Verdict
from pecapp.gateways import base, paypal, paypal_client, paypal_proof
from tests.gateways.bench import NOBODY_LISTENS, Bench, Buyer, SimulatedBench, Ways

CLIENT, SECRET, MERCHANT = "simulator-client", "simulator-secret", "SIMMERCHANT01"
BRAND = "Ceralacca"
IN_A_MOMENT = (2.0, 0.3)
BUYERS = {
    Buyer.GOOD: "ok@compratori.test",
    Buyer.OTHER: "altra.persona@compratori.test",
    Buyer.POOR: "no-balance@compratori.test",
    Buyer.LATER_YES: "pending@compratori.test",
    Buyer.LATER_NO: "denied@compratori.test",
    Buyer.UNCHARGEABLE: "token-revoked@compratori.test",
    Buyer.CAREFUL: "confirm@compratori.test",
}
FIRST_SOURCE = "Saldo PayPal"
OTHER_SOURCE = "Carta Visa •••• 1881"
WAYS = Ways(
    refuses_a_used_key=False,
    unknown_is_over=True,
    waits_after_closing=True,
    given_up=(Verdict.CANCELLED, None),
    unconfirmed=(Verdict.WAITING, None),
    refused_source=Verdict.REFUSED,
    says_where_to_go_again=True,
    poor=Reason.DECLINED,
    later_no=Reason.DECLINED,
    holds=True,
    uncharged=Reason.REVOKED,
    refusals={
        "INSTRUMENT_DECLINED": Reason.DECLINED,
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED": Reason.DECLINED,
        "PAYER_ACTION_REQUIRED": Reason.AUTHENTICATION,
        "AGREEMENT_ALREADY_CANCELLED": Reason.REVOKED,
        "TRANSACTION_REFUSED": Reason.DECLINED,
    },
    remedies={
        "TRANSACTION_REFUSED": Remedy.SOFT,
        "PAYER_CANNOT_PAY": Remedy.SOFT,
        "INSTRUMENT_DECLINED": Remedy.CONFIRM,
        "PAYER_ACTION_REQUIRED": Remedy.CONFIRM,
        "PAYER_ACCOUNT_RESTRICTED": Remedy.NEVER,
        "AGREEMENT_ALREADY_CANCELLED": Remedy.NEVER,
    },
    abandoned="waiting",
    slows_down=True,
    unknown="0NOBODY0123456789",
    unknown_token="nobody01",
)


def adapter(
    url: str,
    client: tuple[str, str] = (CLIENT, SECRET),
    *,
    merchant_id: str | None = MERCHANT,
    **patience: Any,
) -> paypal.PayPalGateway:
    """An adapter for the API at `url`."""
    line = paypal_client.Client(*client, url, **patience)
    proof = paypal_proof.Proof(line, (), paypal_proof.SANDBOX.trust)
    return paypal.PayPalGateway(line, proof, merchant_id=merchant_id, brand=BRAND)


class PayPalBench(SimulatedBench):
    """PayPal as the simulator plays it."""

    calls = MappingProxyType(
        {
            "start": "POST /v2/checkout/orders",
            "look_up": "GET /v2/checkout/orders",
            "close": "GET /v2/checkout/orders",
            "capture": "POST /v2/checkout/orders/",
            "charge": "POST /v2/checkout/orders",
            "charge_present": "POST /v2/checkout/orders",
            "look_up_charge": "GET /v2/checkout/orders",
            "close_charge": "GET /v2/checkout/orders",
            "refund": "POST /v2/payments/captures",
            "list_events": "GET /v1/notifications/webhooks-events",
            "ledger": "GET /v1/reporting/transactions",
            "look_up_dispute": "GET /v1/customer/disputes",
            "start_saving": "POST /v3/vault/setup-tokens",
            "finish_saving": "POST /v3/vault/payment-tokens",
            "kept": "GET /v3/vault/payment-tokens",
            "forget": "DELETE /v3/vault/payment-tokens",
        }
    )
    private = (
        SECRET,
        base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode(),
        "cliente@example.com",
        *BUYERS.values(),
        "purchase_units",
    )

    def __init__(self, url: str, hands: httpx.AsyncClient) -> None:
        super().__init__(adapter(url), WAYS, url, hands)

    def other(self, url: str = "", client: tuple[str, str] = (CLIENT, SECRET), **wish: Any) -> paypal.PayPalGateway:
        """Another adapter, which gives up after 0.3 s and one call unless `wish` says otherwise."""
        gateway = adapter(url or self.url, client, **{"timeout": IN_A_MOMENT, "retries": 0} | wish)
        self._gateways.append(gateway)
        return gateway

    def secrets(self) -> tuple[str, ...]:
        assert isinstance(self.gateway, paypal.PayPalGateway)
        return (self.gateway._client._http._token.removeprefix("Bearer "),)

    def impatient(self) -> paypal.PayPalGateway:
        return self.other()

    def stranger(self, secret: str) -> paypal.PayPalGateway:
        return self.other(client=(CLIENT, secret))

    def unreachable(self) -> paypal.PayPalGateway:
        return self.other(NOBODY_LISTENS)

    async def approve(self, opened: base.Reference, email: str, **wish: Any) -> str:
        """The owner of an account approves an order. Returns where the browser goes."""
        return (await self.tell("paypal/approve", order=opened.gateway_ref, buyer=email, **wish))["return_url"]

    async def agree(self, opened: base.Reference, buyer: Buyer = Buyer.GOOD) -> str:
        return await self.approve(opened, BUYERS[buyer])

    async def choose_otherwise(self, opened: base.Reference) -> None:
        await self.approve(opened, BUYERS[Buyer.POOR], funding=OTHER_SOURCE)

    async def refuse(self, opened: base.Reference) -> None:
        """«Annulla» leads back to the shop and tells PayPal nothing."""
        assert "http://localhost:9/annullato" in await self._sign_in(opened)

    async def leave(self, opened: base.Reference) -> None:
        assert "Accetta e continua" in await self._sign_in(opened)

    async def _sign_in(self, opened: base.Reference) -> str:
        """The page on which somebody who has signed in could agree."""
        form = {"email": BUYERS[Buyer.GOOD], "password": "x"}
        page = await self._hands.post("/checkoutnow", params={"token": opened.gateway_ref}, data=form)
        return (await self._hands.get(page.headers["location"])).text

    async def agree_saving(self, saving_ref: str, buyer: Buyer = Buyer.GOOD) -> None:
        await self.tell("paypal/setup/approve", setup_token=saving_ref, buyer=BUYERS[buyer])

    async def confirm(self, waiting: Outcome, *, agreed: bool = True) -> str:
        form = {"email": BUYERS[Buyer.CAREFUL], "password": "x"}
        page = (await self._hands.post(waiting.again_url, data=form)).headers["location"]
        if agreed:
            return (await self._hands.post(page, data={"fonte": FIRST_SOURCE})).headers["location"]
        back = re.search(r'href="(http://localhost:9/annullato[^"]*)"', (await self._hands.get(page)).text)
        assert back
        return html.unescape(back[1])

    async def decide(self, payment_ref: str, *, taken: bool) -> None:
        outcome = "completed" if taken else "denied"
        await self.tell("paypal/captures/resolve", capture=payment_ref, outcome=outcome)

    async def end(self, token: str) -> None:
        await self.tell("paypal/tokens/revoke", token=token)

    async def refuse_next(self, token: str, code: str) -> None:
        await self.tell("paypal/charges/next", token=token, issue=code)

    async def hold_refund(self, payment_ref: str) -> None:
        await self.tell("paypal/refunds/next", capture=payment_ref, outcome="completed")

    async def decide_refund(self, refund_ref: str, *, given: bool) -> None:
        await self.tell("paypal/refunds/resolve", refund=refund_ref, outcome="completed" if given else "failed")

    async def give_back_there(self, payment_ref: str, amount_cents: int) -> str:
        form = {"grant_type": "client_credentials"}
        access = await self._hands.post("/v1/oauth2/token", data=form, auth=(CLIENT, SECRET))
        amount = {"currency_code": "EUR", "value": f"{amount_cents / 100:.2f}"}
        answer = await self._hands.post(
            f"/v2/payments/captures/{payment_ref}/refund",
            json={"amount": amount},
            headers={"Authorization": f"Bearer {access.json()['access_token']}"},
        )
        assert answer.is_success, answer.text
        return answer.json()["id"]

    async def contest(self, payment_ref: str, *, inquiry: bool = False) -> str:
        return (await self.tell("paypal/disputes", capture=payment_ref, inquiry=inquiry))["id"]

    async def decide_dispute(self, dispute_ref: str, *, won: bool) -> None:
        await self.tell("paypal/disputes/close", dispute=dispute_ref, outcome="won" if won else "lost")

    async def has_opened(self, *names: str) -> bool:
        """PayPal lists no orders: as many were made, and these are there."""
        for name in names:
            await self.gateway.look_up(base.Reference("", name))
        return await self.made("start") == len(set(names))


@asynccontextmanager
async def simulated(url: str) -> AsyncIterator[PayPalBench]:
    """A fresh world of the simulator at `url`."""
    async with httpx.AsyncClient(base_url=url) as hands:
        bench = PayPalBench(url, hands)
        await bench.tell("reset")
        try:
            yield bench
        finally:
            await bench.aclose()


@asynccontextmanager
async def sandbox(client_id: str, secret: str) -> AsyncIterator[Bench]:
    """The gateway's own test system, where nobody can play the customer without a browser."""
    gateway = adapter(paypal_proof.SANDBOX.api, (client_id, secret), merchant_id=None)
    try:
        yield Bench(gateway, WAYS)
    finally:
        await gateway.aclose()
