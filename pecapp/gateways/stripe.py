"""Card payments on Stripe's hosted page, through the official SDK."""

import asyncio
import dataclasses
import logging
import re
from collections.abc import Mapping
from datetime import datetime

import aiohttp
import stripe
from stripe.params.checkout import SessionListParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_bodies, stripe_books, stripe_charges, stripe_events, stripe_kept, stripe_line
from pecapp.gateways.stripe_calls import PAGE_LENGTH, ask, has_code, is_repeated, search

TIMEOUT = aiohttp.ClientTimeout(sock_connect=5, sock_read=20)
"""Seconds to connect, and between two bytes of an answer."""
RETRIES = 2

_SESSION = re.compile(r"cs_\w{1,250}", re.ASCII)
_REFUND = re.compile(r"\w{1,250}", re.ASCII)
_DISPUTE = _REFUND
_EXPANDED = ["payment_intent.payment_method", "payment_intent.latest_charge"]

stripe.enable_telemetry = False
# Below this level the SDK logs what it sends and receives, with addresses of customers and of payment pages.
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclasses.dataclass(frozen=True)
class _Connection:
    api: stripe.StripeClient
    line: stripe_line.Line


class StripeGateway:
    """The gateway contract on Stripe. One instance serves a process; each event loop gets its own connections.

    `webhook_secrets` are all accepted (two while a secret is being changed); an empty one proves nothing. `api_base` is
    set only for the simulator. Events of any account but `account` are refused when they name one.
    """

    name = "stripe"
    searches = True
    event_types = stripe_events.RELEVANT

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        *,
        api_base: str | None = None,
        account: str | None = None,
        timeout: aiohttp.ClientTimeout = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        self._secret_key = secret_key
        self._webhook_secrets = webhook_secrets
        self._api_base = api_base
        self._account = account
        self._timeout = timeout
        self._retries = retries
        self._live = "_live_" in secret_key
        self._connections: dict[asyncio.AbstractEventLoop, _Connection] = {}

    async def start(self, request: base.Start) -> base.Started:
        """Open a hosted payment. Safe to repeat with the same request.

        Stripe repeats a stored answer for at least 24 hours, its own failures included: what came of such a call is
        looked up.
        """
        create = self._v1.checkout.sessions.create_async(
            stripe_bodies.session(request), {"idempotency_key": request.idempotency_key}
        )
        try:
            session = await ask("start", create)
        except base.OutcomeUnknown as problem:
            if not is_repeated(problem.__cause__):
                raise
            session = await self._find(request.attempt_id)
            if session is None:
                raise base.GatewayError("start: Stripe failed and made nothing") from problem
        if not session.url:
            raise base.OutcomeUnknown("start: the session is there and no longer open")
        return base.Started(gateway_ref=session.id, url=session.url)

    async def look_up(self, reference: base.Reference) -> payments.Outcome:
        """What Stripe knows of the attempt now. Changes nothing.

        Without `gateway_ref` the customer's charges are searched, or, without `customer_ref`, the newest sessions; an
        attempt that Stripe never heard of is NotThere. The outcome names the attempt that session or charge was
        made for, whatever `reference` says.
        """
        name = await self._name(reference)
        if stripe_charges.is_name(name):
            return await stripe_charges.look_up(self._v1, name)
        retrieve = self._v1.checkout.sessions.retrieve_async(name, {"expand": _EXPANDED})
        session = (await ask("look up", retrieve)).to_dict()
        if (session.get("metadata") or {}).get("app") != stripe_events.APP:
            raise base.GatewayError("look up: the session is not one of ours")
        return stripe_bodies.outcome(session)

    async def close(self, reference: base.Reference) -> payments.Outcome:
        """Expire the session unless it has ended, and say how it ended: CANCELLED when nothing was tried on it.

        A charge is cancelled unless it has ended.
        """
        name = await self._name(reference)
        if stripe_charges.is_name(name):
            return await stripe_charges.close(self._v1, name)
        refusal: base.GatewayError | None = None
        try:
            await ask("close", self._v1.checkout.sessions.expire_async(name))
        except base.OutcomeUnknown:
            raise
        except base.GatewayError as problem:
            refusal = problem  # Stripe expires open sessions only; what this one is, the look-up says
        outcome = await self.look_up(dataclasses.replace(reference, gateway_ref=name))
        if outcome.verdict is payments.Verdict.WAITING:
            raise refusal or base.OutcomeUnknown("close: the session is still open")
        if outcome.verdict is payments.Verdict.EXPIRED:
            return dataclasses.replace(outcome, verdict=payments.Verdict.CANCELLED)
        return outcome

    async def capture(self, reference: base.Reference, idempotency_key: str) -> payments.Outcome:
        """How the payment stands: on Stripe's page the customer's confirmation moves the money."""
        return await self.look_up(reference)

    async def charge(self, request: base.Charge) -> payments.Outcome:
        """Take money from a kept card. Safe to repeat with the same request, for a day."""
        return await stripe_charges.charge(self._v1, request)

    async def start_saving(self, request: base.Save) -> base.Started:
        """Open a page that keeps a card. Safe to repeat with the same request."""
        return await stripe_kept.start_saving(self._v1, request)

    async def finish_saving(self, saving_id: str, saving_ref: str) -> base.Kept:
        """How the saving stands, with the card's token once Stripe has it. Changes nothing."""
        if not _SESSION.fullmatch(saving_ref):
            raise base.GatewayError("saving: not the name of a session")
        return await stripe_kept.finish_saving(self._v1, saving_ref)

    async def kept(self, token: str) -> payments.Card | None:
        """The card as Stripe has it now; None when it is gone: a detached one never comes back."""
        return await stripe_kept.kept(self._v1, token)

    async def forget(self, token: str) -> None:
        """Detach the card. Safe to repeat."""
        await stripe_kept.forget(self._v1, token)

    async def refund(self, request: base.Refund) -> base.Refunded:
        """Give money back. Safe to repeat with the same request, also when Stripe has forgotten the key."""
        if made := await self._refund_made(request):
            return made
        create = self._v1.refunds.create_async(
            {
                "payment_intent": request.payment_ref,
                "amount": request.amount_cents,
                "reason": "requested_by_customer",
                "metadata": {
                    "app": stripe_events.APP,
                    "attempt": request.attempt_id,
                    "refund": request.refund_id,
                },
            },
            {"idempotency_key": request.idempotency_key},
        )
        try:
            return stripe_bodies.refunded(await ask("refund", create))
        except base.GatewayError as problem:
            if not has_code(problem.__cause__, "charge_already_refunded"):
                raise
            if made := await self._refund_made(request):
                return made
            raise

    async def look_up_refund(self, refund_ref: str) -> base.Refunded:
        """How a refund stands now."""
        if not _REFUND.fullmatch(refund_ref):
            raise base.GatewayError("look up a refund: not the name of one")
        return stripe_bodies.refunded(await ask("look up a refund", self._v1.refunds.retrieve_async(refund_ref)))

    async def look_up_dispute(self, dispute_ref: str) -> base.Dispute:
        """How a dispute stands now."""
        if not _DISPUTE.fullmatch(dispute_ref):
            raise base.GatewayError("look up a dispute: not the name of one")
        return await stripe_books.dispute(self._v1, dispute_ref)

    async def list_events(self, since: datetime, until: datetime) -> list[base.Listed]:
        """The notifications of a time that can concern us, the oldest first. Stripe keeps them for 30 days."""
        return await stripe_books.events(self._v1, since, until)

    def read_listed(self, raw: bytes) -> base.Event:
        """A notification out of `list_events`. Raises NotAuthentic for one of another account or mode."""
        return stripe_events.read_listed(raw, account=self._account, live=self._live)

    async def ledger(self, since: datetime, until: datetime) -> base.Ledger:
        """What came in and went back in a time, the oldest first: charges and refunds that carry our tag."""
        return await stripe_books.ledger(self._v1, since, until)

    async def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> base.Event:
        """Check that a notification is authentic, fresh and ours, and read it. Raises NotAuthentic. Does no I/O.

        `headers` are found by lower-case name. `gateway_ref` is the name of the object that the event is about, for
        refunds, charges and disputes that of their payment.
        """
        return stripe_events.read(
            raw,
            headers.get("stripe-signature"),
            now,
            secrets=self._webhook_secrets,
            account=self._account,
            live=self._live,
        )

    def returned_ref(self, query: Mapping[str, str]) -> str:
        """The session that Stripe writes into `cs` of the address of the return, or the charge it names there."""
        if _SESSION.fullmatch(session := query.get("cs", "")):
            return session
        charge = query.get("payment_intent", "")
        return charge if stripe_charges.is_name(charge) else ""

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later call opens new ones."""
        if connection := self._connections.pop(asyncio.get_running_loop(), None):
            await connection.line.close_async()

    @property
    def _v1(self) -> stripe.V1Services:
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            line = stripe_line.Line(self._timeout)
            api = stripe.StripeClient(
                self._secret_key,
                base_addresses={"api": self._api_base} if self._api_base else {},
                max_network_retries=self._retries,
                http_client=line,
            )
            connection = self._connections[loop] = _Connection(api, line)
        return connection.api.v1

    async def _name(self, reference: base.Reference) -> str:
        name = reference.gateway_ref
        if name:
            if not (_SESSION.fullmatch(name) or stripe_charges.is_name(name)):
                raise base.GatewayError("look up: not the name of a session or a charge")
            return name
        if reference.customer_ref:
            return await stripe_charges.find(self._v1, reference.attempt_id, reference.customer_ref)
        session = await self._find(reference.attempt_id)
        if session is None:
            raise base.NotThere("look up: Stripe has no session for the attempt")
        return session.id

    async def _find(self, attempt_id: str) -> stripe.checkout.Session | None:
        """The session that was opened for an attempt, None when there is none. Raises OutcomeUnknown as `search`."""

        async def page(after: str) -> stripe.ListObject[stripe.checkout.Session]:
            params: SessionListParams = {"limit": PAGE_LENGTH}
            if after:
                params["starting_after"] = after
            return await self._v1.checkout.sessions.list_async(params)

        return await search(page, lambda session: session.client_reference_id == attempt_id)

    async def _refund_made(self, request: base.Refund) -> base.Refunded | None:
        """The refund that an earlier call with this request made."""
        made = await ask(
            "look up a refund",
            self._v1.refunds.list_async({"payment_intent": request.payment_ref, "limit": PAGE_LENGTH}),
        )
        ours = (one for one in made.data if (one.to_dict().get("metadata") or {}).get("refund") == request.refund_id)
        return next((stripe_bodies.refunded(refund) for refund in ours), None)
