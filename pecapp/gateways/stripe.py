"""Card payments on Stripe's hosted page, through the official SDK."""

import asyncio
import dataclasses
import logging
import re
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import httpx
import stripe
from stripe.params.checkout import SessionCreateParams, SessionListParams

from pecapp.domain import payments
from pecapp.gateways import base, stripe_codes, stripe_events

TIMEOUT = httpx.Timeout(20, connect=5)
RETRIES = 2
PAGE_LENGTH = 100
PAGES = 10
"""How many pages of the newest sessions are searched for an attempt whose session was never learnt."""

_SESSION = re.compile(r"cs_\w+", re.ASCII)
_EXPANDED = ["payment_intent.payment_method", "payment_intent.latest_charge"]
_REFUND_STATUSES = {"succeeded": "succeeded", "failed": "failed", "canceled": "failed"}
_Answer = TypeVar("_Answer")

stripe.enable_telemetry = False
# Below this level the SDK logs what it sends and receives, with addresses of customers and of payment pages.
logging.getLogger("stripe").setLevel(logging.WARNING)


@dataclasses.dataclass(frozen=True)
class _Connection:
    api: stripe.StripeClient
    http: stripe.HTTPXClient


class StripeGateway:
    """The gateway contract on Stripe. One instance serves a process; each event loop gets its own connections.

    `webhook_secrets` are all accepted (two while a secret is being changed); an empty one proves nothing. `api_base` is
    set only for the simulator. Events of any account but `account` are refused when they name one.
    """

    name = "stripe"

    def __init__(
        self,
        secret_key: str,
        webhook_secrets: tuple[str, ...],
        *,
        api_base: str | None = None,
        account: str | None = None,
        timeout: httpx.Timeout = TIMEOUT,
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
            _session_params(request), {"idempotency_key": request.idempotency_key}
        )
        try:
            session = await _ask("start", create)
        except base.OutcomeUnknown as problem:
            if not _is_repeated(problem.__cause__):
                raise
            session = await self._find(request.attempt_id)
            if session is None:
                raise base.GatewayError("start: Stripe failed and made nothing") from problem
        if not session.url:
            raise base.OutcomeUnknown("start: the session is there and no longer open")
        return base.Started(gateway_ref=session.id, url=session.url)

    async def look_up(self, reference: base.Reference) -> payments.Outcome:
        """What Stripe knows of the attempt now. Changes nothing.

        Without `gateway_ref` the newest sessions are searched; an attempt that Stripe never heard of is a GatewayError.
        The outcome names the attempt that the session was opened for, whatever `reference` says.
        """
        name = await self._name(reference)
        retrieve = self._v1.checkout.sessions.retrieve_async(name, {"expand": _EXPANDED})
        session = (await _ask("look up", retrieve)).to_dict()
        if (session.get("metadata") or {}).get("app") != stripe_events.APP:
            raise base.GatewayError("look up: the session is not one of ours")
        return _outcome(session)

    async def close(self, reference: base.Reference) -> payments.Outcome:
        """Expire the session unless it has ended, and say how it ended: CANCELLED when nothing was tried on it."""
        name = await self._name(reference)
        refusal: base.GatewayError | None = None
        try:
            await _ask("close", self._v1.checkout.sessions.expire_async(name))
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
            return _refunded(await _ask("refund", create))
        except base.GatewayError as problem:
            if not _has_code(problem.__cause__, "charge_already_refunded"):
                raise
            if made := await self._refund_made(request):
                return made
            raise

    def read_event(self, raw: bytes, headers: Mapping[str, str], now: datetime) -> base.Event:
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

    async def aclose(self) -> None:
        """Close the connections of the running event loop; a later call opens new ones."""
        if connection := self._connections.pop(asyncio.get_running_loop(), None):
            await connection.http.close_async()

    @property
    def _v1(self) -> stripe.V1Services:
        loop = asyncio.get_running_loop()
        connection = self._connections.get(loop)
        if connection is None:
            http = stripe.HTTPXClient(timeout=self._timeout)
            api = stripe.StripeClient(
                self._secret_key,
                base_addresses={"api": self._api_base} if self._api_base else {},
                max_network_retries=self._retries,
                http_client=http,
            )
            connection = self._connections[loop] = _Connection(api, http)
        return connection.api.v1

    async def _name(self, reference: base.Reference) -> str:
        if not reference.gateway_ref:
            session = await self._find(reference.attempt_id)
            if session is None:
                raise base.GatewayError("look up: Stripe has no session for the attempt")
            return session.id
        if not _SESSION.fullmatch(reference.gateway_ref):
            raise base.GatewayError("look up: not the name of a session")
        return reference.gateway_ref

    async def _find(self, attempt_id: str) -> stripe.checkout.Session | None:
        """The session that was opened for an attempt, None when there is none.

        Raises OutcomeUnknown when there are too many newer ones to tell.
        """
        params: SessionListParams = {"limit": PAGE_LENGTH}
        for _ in range(PAGES):
            page = await _ask("search", self._v1.checkout.sessions.list_async(params))
            for session in page.data:
                if session.client_reference_id == attempt_id:
                    return session
            if not page.has_more:
                return None
            params = {"limit": PAGE_LENGTH, "starting_after": page.data[-1].id}
        raise base.OutcomeUnknown("search: too many newer sessions")

    async def _refund_made(self, request: base.Refund) -> base.Refunded | None:
        """The refund that an earlier call with this request made."""
        made = await _ask(
            "look up a refund",
            self._v1.refunds.list_async({"payment_intent": request.payment_ref, "limit": PAGE_LENGTH}),
        )
        ours = (one for one in made.data if (one.to_dict().get("metadata") or {}).get("refund") == request.refund_id)
        return next((_refunded(refund) for refund in ours), None)


async def _ask(what: str, call: Awaitable[_Answer]) -> _Answer:
    """The answer of Stripe. Raises GatewayError on a definite no, OutcomeUnknown on anything else that went wrong."""
    try:
        return await call
    except stripe.StripeError as problem:
        kind = getattr(problem.error, "type", None)
        text = f"{what}: {type(problem).__name__} {problem.http_status} {problem.code} {problem.request_id}"
        if stripe_codes.is_definite(problem.http_status, kind, problem.code):
            raise base.GatewayError(text) from problem
        raise base.OutcomeUnknown(text) from problem


def _is_repeated(problem: BaseException | None) -> bool:
    """Whether Stripe gave a stored answer again."""
    return isinstance(problem, stripe.StripeError) and (problem.headers or {}).get("idempotent-replayed") == "true"


def _has_code(problem: BaseException | None, code: str) -> bool:
    return isinstance(problem, stripe.StripeError) and problem.code == code


def _session_params(request: base.Start) -> SessionCreateParams:
    """What opens the hosted page: one line with the gross amount, cards only, in the order's own currency."""
    metadata = {"app": stripe_events.APP, "order": request.order_number, "attempt": request.attempt_id}
    params: SessionCreateParams = {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "submit_type": "pay",
        "locale": request.lang,
        "client_reference_id": request.attempt_id,
        "success_url": _with_session(request.return_url),
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "adaptive_pricing": {"enabled": False},
        "allowed_payment_method_types": ["card"],
        "wallet_options": {"link": {"display": "never"}},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": request.currency,
                    "unit_amount": request.amount_cents,
                    "tax_behavior": "inclusive",
                    "product_data": {"name": request.description},
                },
            }
        ],
        "payment_intent_data": {"description": request.description, "metadata": metadata},
        "metadata": metadata,
    }
    if request.save:
        params["payment_intent_data"] = {**params["payment_intent_data"], "setup_future_usage": "off_session"}
        params["payment_method_data"] = {"allow_redisplay": "always"}
    if request.save and request.customer_ref:
        params["customer"] = request.customer_ref
        return params
    params["customer_email"] = request.email
    if request.save:
        params["customer_creation"] = "always"
    return params


def _with_session(url: str) -> str:
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, "cs={CHECKOUT_SESSION_ID}")))
    return urlunsplit(parts._replace(query=query))


def _outcome(session: Mapping[str, Any]) -> payments.Outcome:
    intent = session.get("payment_intent") or {}
    error = intent.get("last_payment_error") or {}
    verdict = _verdict(session["status"], session["payment_status"], intent)
    return payments.Outcome(
        attempt_id=session.get("client_reference_id") or "",
        verdict=verdict,
        amount_cents=session.get("amount_total") or 0,
        currency=session.get("currency") or "",
        gateway_ref=session["id"],
        payment_ref=intent.get("id") or "",
        reason=_reason(verdict, session["status"], error),
        card=_card(intent, error),
    )


def _verdict(status: str, payment_status: str, intent: Mapping[str, Any]) -> payments.Verdict:
    """Only the words that we know end an attempt; with any other, Stripe is asked again later."""
    payment = intent.get("status")
    match status:
        case "complete" if payment_status == "paid":
            return payments.Verdict.SUCCEEDED
        case "complete" if payment in ("requires_payment_method", "canceled"):
            return payments.Verdict.DECLINED
        case "open" if payment not in ("processing", "succeeded"):
            return payments.Verdict.WAITING
        case "expired" if not intent:
            return payments.Verdict.EXPIRED
        case "expired" if payment not in ("processing", "succeeded"):
            return payments.Verdict.DECLINED if _was_tried(intent) else payments.Verdict.EXPIRED
        case _:
            return payments.Verdict.PROCESSING


def _was_tried(intent: Mapping[str, Any]) -> bool:
    """A payment that ended with a card and without an error was left at the bank's authentication."""
    return bool(intent.get("last_payment_error") or intent.get("payment_method"))


def _reason(verdict: payments.Verdict, status: str, error: Mapping[str, Any]) -> payments.Reason | None:
    if verdict not in (payments.Verdict.DECLINED, payments.Verdict.WAITING):
        return None
    if error:
        return stripe_codes.reason(error)
    if verdict is payments.Verdict.WAITING:
        return None
    return payments.Reason.AUTHENTICATION if status == "expired" else payments.Reason.DECLINED


def _card(intent: Mapping[str, Any], error: Mapping[str, Any]) -> payments.Card | None:
    """The card of the last try; its token is given only when Stripe keeps the card for a customer."""
    method = intent.get("payment_method") or error.get("payment_method") or {}
    charged = (intent.get("latest_charge") or {}).get("payment_method_details") or {}
    card = method.get("card") or charged.get("card")
    if not card:
        return None
    customer = method.get("customer") or ""
    return payments.Card(
        brand=card["brand"],
        last4=card["last4"],
        exp_month=card["exp_month"],
        exp_year=card["exp_year"],
        country=card.get("country") or "",
        fingerprint=card.get("fingerprint") or "",
        token=method["id"] if customer else "",
        customer=customer,
    )


def _refunded(refund: stripe.Refund) -> base.Refunded:
    return base.Refunded(refund_ref=refund.id, status=_REFUND_STATUSES.get(refund.status or "", "pending"))
