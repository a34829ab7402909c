"""How Stripe is asked: what its SDK raises becomes the contract's errors."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stripe

from pecapp.gateways import base, stripe_codes

PAGE_LENGTH = 100
PAGES = 10
"""How many pages of the newest objects are searched for one whose name was never learnt."""

Answer = TypeVar("Answer")
Named = TypeVar("Named", stripe.checkout.Session, stripe.PaymentIntent)


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


async def search(
    page: Callable[[str], Awaitable[stripe.ListObject[Named]]], is_wanted: Callable[[Named], bool]
) -> Named | None:
    """The newest object that is wanted, None when there is none. `page` gives those that are older than a name.

    Raises OutcomeUnknown when there are too many newer ones to tell.
    """
    last = ""
    for _ in range(PAGES):
        found = await ask("search", page(last))
        for one in found.data:
            if is_wanted(one):
                return one
        if not found.has_more:
            return None
        last = found.data[-1].id
    raise base.OutcomeUnknown("search: too many newer ones")


def is_repeated(problem: BaseException | None) -> bool:
    """Whether Stripe gave a stored answer again."""
    return isinstance(problem, stripe.StripeError) and (problem.headers or {}).get("idempotent-replayed") == "true"


def has_code(problem: BaseException | None, code: str) -> bool:
    """Whether Stripe refused with this error code."""
    return isinstance(problem, stripe.StripeError) and problem.code == code
