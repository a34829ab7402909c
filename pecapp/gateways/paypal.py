"""Payments with a PayPal account: approved on PayPal's page, captured by us, through the official SDK."""

import logging
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from pecapp.domain import payments
from pecapp.gateways import base, paypal_bodies, paypal_books, paypal_client, paypal_codes, paypal_events, paypal_proof
from pecapp.gateways.paypal_client import Call, Refused, checked, is_name

ORDERS = "/v2/checkout/orders"
SETUPS = "/v3/vault/setup-tokens"
TOKENS = "/v3/vault/payment-tokens"

log = logging.getLogger(__name__)

_WHOLE = {"Prefer": "return=representation"}


class PayPalGateway:
    """The gateway contract on PayPal. One instance serves a process.

    Money moves only by `capture`, so an approval that nobody captures costs nothing. `merchant_id` is ours: orders paid
    to anybody else are refused. PayPal finds no order by our names for it: an attempt whose order was never learnt
    cannot be asked for, and cannot be paid either.
    """

    name = "paypal"
    searches = False
    event_types = paypal_events.RELEVANT

    def __init__(
        self, client: paypal_client.Client, proof: paypal_proof.Proof, *, merchant_id: str | None, brand: str
    ) -> None:
        self._client = client
        self._proof = proof
        self._merchant_id = merchant_id
        self._brand = brand

    async def start(self, request: base.Start) -> base.Started:
        """Open an order for approval. Safe to repeat with the same request, for six hours.

        A merchant who may not keep accounts still sells: the order is then opened without keeping anything.
        """
        try:
            order = await self._open(request, save=request.save)
        except Refused as refusal:
            if not (request.save and paypal_codes.refuses_vault(refusal.status, refusal.issues)):
                raise
            order = await self._open(request, save=False)
        return paypal_bodies.started(order)

    async def _open(self, request: base.Start, *, save: bool) -> dict[str, Any]:
        body = paypal_bodies.order(request, self._brand, save=save)
        key = request.idempotency_key if save is request.save else f"{request.idempotency_key}:plain"
        return await self._client.ask("start", Call("POST", ORDERS, body, _WHOLE | _keyed(key)))

    async def look_up(self, reference: base.Reference) -> payments.Outcome:
        """What PayPal knows of the attempt now. Changes nothing.

        The outcome names the attempt that the order was opened for, whatever `reference` says. An account that was
        to be kept and whose token was promised for later is looked for.
        """
        order = await self._order(_named(reference))
        outcome = paypal_bodies.outcome(order)
        wallet = outcome.wallet
        if wallet is None or wallet.saving is not payments.Saving.PENDING:
            return outcome
        try:
            tokens = await self._tokens(wallet.customer, reference.method_ref)
        except base.GatewayError as problem:  # the money is known; the token is asked for again
            log.warning("the token of a kept account could not be asked for: %s", problem)
            return outcome
        return paypal_bodies.with_token(outcome, tokens)

    async def _tokens(self, customer: str, token: str) -> list[dict[str, Any]]:
        """The tokens that may be the one that was promised: the one that a notification named, or a customer's."""
        if token:
            try:
                return [await self._client.ask("kept account", Call("GET", f"{TOKENS}/{_id(token)}"))]
            except Refused as refusal:
                if refusal.status != HTTPStatus.NOT_FOUND:
                    raise
        if not customer:
            return []
        listed = await self._client.ask("kept accounts", Call("GET", f"{TOKENS}?customer_id={_id(customer)}"))
        return listed.get("payment_tokens") or []

    async def capture(self, reference: base.Reference, idempotency_key: str) -> payments.Outcome:
        """Take the money of an approved order. Safe to repeat: PayPal captures an order once, whatever the key."""
        try:
            order = await self._take(_named(reference), idempotency_key)
        except Refused as refusal:
            reason = paypal_codes.reason(refusal.issues)
            if reason is None:
                raise
            order = await self._order(_named(reference))
            return paypal_bodies.declined(order, reason, paypal_codes.remedy(refusal.issues), refusal)
        return paypal_bodies.outcome(order)

    async def _take(self, name: str, key: str) -> dict[str, Any]:
        """The order with its money taken, now or earlier. Raises Refused."""
        path = f"{ORDERS}/{name}/capture"
        try:
            return await self._client.ask("capture", Call("POST", path, {}, _WHOLE | _keyed(key)))
        except Refused as refusal:
            if "ORDER_ALREADY_CAPTURED" not in refusal.issues:
                raise
            return await self._order(name)

    async def close(self, reference: base.Reference) -> payments.Outcome:
        """How the order stands: one that waits, or that PayPal has forgotten, is CANCELLED by never being captured."""
        try:
            outcome = await self.look_up(reference)
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return paypal_bodies.ended(reference, payments.Verdict.CANCELLED)
        if outcome.verdict is payments.Verdict.WAITING:
            return paypal_bodies.ended(reference, payments.Verdict.CANCELLED, outcome)
        return outcome

    async def charge(self, request: base.Charge) -> payments.Outcome:
        """Take money from a kept account: created and captured in one step, unless its owner has to confirm it first.

        Safe to repeat with the same request for six hours; after that, look up first. Every charge is an order of its
        own: of one that it refuses PayPal keeps nothing that could be tried again.
        """
        body, key = paypal_bodies.charge_order(request, self._brand), request.idempotency_key
        name = ""
        try:
            order = await self._client.ask("charge", Call("POST", ORDERS, body, _WHOLE | _keyed(key)))
            outcome = paypal_bodies.outcome(order)
            name = outcome.gateway_ref
            if outcome.verdict is payments.Verdict.APPROVED:
                outcome = paypal_bodies.outcome(await self._take(name, f"{key}:capture"))
        except Refused as refusal:
            remedy = paypal_codes.remedy(refusal.issues)
            if remedy is payments.Remedy.OURS:
                raise
            reason = paypal_codes.reason(refusal.issues) or payments.Reason.AUTHENTICATION
            return paypal_bodies.refused(request, reason, remedy, name)
        if outcome.verdict is payments.Verdict.WAITING and not request.return_url:  # nobody is there to confirm
            return paypal_bodies.refused(request, payments.Reason.AUTHENTICATION, payments.Remedy.CONFIRM, name)
        return outcome

    async def start_saving(self, request: base.Save) -> base.Started:
        """Open a page that keeps a PayPal account. Safe to repeat with the same request, for three hours."""
        body = paypal_bodies.setup(request, self._brand)
        made = await self._client.ask("start saving", Call("POST", SETUPS, body, _keyed(request.idempotency_key)))
        return paypal_bodies.started(made)

    async def finish_saving(self, saving_id: str, saving_ref: str) -> base.Kept:
        """Turn an approved page into a token. Safe to repeat, within PayPal's three hours."""
        setup = await self._client.ask("saving", Call("GET", f"{SETUPS}/{_id(saving_ref)}"))
        if setup.get("status") not in {"APPROVED", "VAULTED", "TOKENIZED"}:
            return base.Kept(saving_ref, "waiting")
        body = {"payment_source": {"token": {"id": saving_ref, "type": "SETUP_TOKEN"}}}
        made = await self._client.ask("keep", Call("POST", TOKENS, body, _keyed(f"keep:{saving_id}")))
        return base.Kept(saving_ref, "saved", wallet=paypal_bodies.kept(made), sca_ref=saving_ref)

    async def kept(self, token: str) -> payments.Wallet | None:
        """The account as PayPal has it now; None when its owner or we have ended the permission to charge it."""
        try:
            found = await self._client.ask("kept account", Call("GET", f"{TOKENS}/{_id(token)}"))
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        return paypal_bodies.kept(found)

    async def forget(self, token: str) -> None:
        """Have the permission to charge the account deleted. Safe to repeat."""
        try:
            await self._client.ask("forget", Call("DELETE", f"{TOKENS}/{_id(token)}"))
        except Refused as refusal:
            if refusal.status != HTTPStatus.NOT_FOUND:
                raise

    async def refund(self, request: base.Refund) -> base.Refunded:
        """Give money back. Safe to repeat with the same request, also when PayPal has forgotten the key."""
        if made := await self._refund_made(request):
            return made
        path = f"/v2/payments/captures/{_id(request.payment_ref)}/refund"
        body = paypal_bodies.refund(request)
        try:
            refund = await self._client.ask(
                "refund", Call("POST", path, body, _WHOLE | _keyed(request.idempotency_key))
            )
        except Refused as refusal:
            if "CAPTURE_FULLY_REFUNDED" not in refusal.issues:
                raise
            if made := await self._refund_made(request):
                return made
            raise
        return paypal_bodies.refunded(refund)

    async def look_up_refund(self, refund_ref: str) -> base.Refunded:
        """How a refund stands now."""
        path = f"/v2/payments/refunds/{_id(refund_ref)}"
        return paypal_bodies.refunded(await self._client.ask("look up a refund", Call("GET", path)))

    async def _refund_made(self, request: base.Refund) -> base.Refunded | None:
        """The refund that an earlier call with this request made."""
        path = f"/v2/payments/captures/{_id(request.payment_ref)}"
        capture = await self._client.ask("look up a capture", Call("GET", path))
        related = (capture.get("supplementary_data") or {}).get("related_ids") or {}
        if not related.get("order_id"):
            return None
        order = await self._order(_id(related["order_id"]))
        return paypal_bodies.refund_of(order, request.refund_id)

    async def look_up_dispute(self, dispute_ref: str) -> base.Dispute:
        """How a dispute stands now."""
        return await paypal_books.dispute(self._client, _id(dispute_ref))

    async def list_events(self, since: datetime, until: datetime) -> list[base.Listed]:
        """The notifications of a time that can concern us, the oldest first. PayPal keeps them for 30 days."""
        return await paypal_books.events(self._client, since, until)

    def read_listed(self, raw: bytes) -> base.Event:
        """A notification out of `list_events`. Raises NotAuthentic for one without id or type."""
        return paypal_events.read(raw, {})

    async def ledger(self, since: datetime, until: datetime) -> base.Ledger:
        """What came in and went back in a time, the oldest first; the last three hours may be missing still."""
        return await paypal_books.ledger(self._client, since, until)

    async def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> base.Event:
        """Check that a notification is authentic, fresh and ours, and read it. Raises NotAuthentic, Unverifiable.

        The signature covers no more of the body than a checksum that can be forged: an event is only ever a hint.
        """
        await self._proof.check(raw, headers, now)
        return paypal_events.read(raw, headers)

    def returned_ref(self, query: Mapping[str, str]) -> str:
        """The order that PayPal names as `token` in the address of the return."""
        name = query.get("token", "")
        return name if is_name(name) else ""

    async def aclose(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._client.close()

    async def _order(self, name: str) -> dict[str, Any]:
        return self._ours(await self._client.ask("look up", Call("GET", f"{ORDERS}/{name}")))

    def _ours(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order, if it is paid to us."""
        with paypal_bodies.understood():
            payee = (order["purchase_units"][0].get("payee") or {}).get("merchant_id")
        if self._merchant_id and payee != self._merchant_id:
            raise base.GatewayError("the order is not paid to us")
        return order


def _named(reference: base.Reference) -> str:
    if not reference.gateway_ref:
        raise base.GatewayError("PayPal finds no order by the attempt")
    return checked(reference.gateway_ref, "an order")


def _id(name: str) -> str:
    return checked(name, "a name")


def _keyed(key: str) -> dict[str, str]:
    return {"PayPal-Request-Id": key}
