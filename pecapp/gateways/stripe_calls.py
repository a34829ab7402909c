"""How Stripe is asked: what its SDK raises becomes the contract's errors."""

from collections.abc import Awaitable
from typing import TypeVar

import stripe

from pecapp.gateways import base, stripe_codes

Answer = TypeVar("Answer")


async def ask(what: str, call: Awaitable[Answer]) -> Answer:
    """The answer of Stripe. Raises GatewayError on a definite no, OutcomeUnknown on anything else that went wrong."""
    try:
        return await call
    except stripe.StripeError as problem:
        kind = getattr(problem.error, "type", None)
        text = f"{what}: {type(problem).__name__} {problem.http_status} {problem.code} {problem.request_id}"
        if stripe_codes.is_definite(problem.http_status, kind, problem.code):
            raise base.GatewayError(text) from problem
        raise base.OutcomeUnknown(text) from problem


def is_repeated(problem: BaseException | None) -> bool:
    """Whether Stripe gave a stored answer again."""
    return isinstance(problem, stripe.StripeError) and (problem.headers or {}).get("idempotent-replayed") == "true"


def has_code(problem: BaseException | None, code: str) -> bool:
    """Whether Stripe refused with this error code."""
    return isinstance(problem, stripe.StripeError) and problem.code == code
