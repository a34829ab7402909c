"""A bank that takes 200 ms to say yes: the part of Stripe that charges kept cards, and nothing else of it."""

import asyncio
import secrets
from collections import Counter
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

SECONDS = 0.2
_CARD = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2039, "country": "IT", "fingerprint": "fp"}
_charged: Counter[str] = Counter()


async def charge(request: Request) -> JSONResponse:
    """Take the money, after a while."""
    form = dict(parse_qsl((await request.body()).decode()))
    await asyncio.sleep(SECONDS)
    _charged[form["metadata[order]"]] += 1
    return JSONResponse(
        {
            "id": f"pi_{secrets.token_hex(12)}",
            "object": "payment_intent",
            "status": "succeeded",
            "amount": int(form["amount"]),
            "currency": form["currency"],
            "metadata": {name: form[f"metadata[{name}]"] for name in ("app", "order", "attempt")},
            "payment_method": {"id": form["payment_method"], "object": "payment_method", "card": _CARD},
            "latest_charge": {"id": "ch", "object": "charge", "payment_method_details": {"card": _CARD}},
        }
    )


async def ledger(_request: Request) -> JSONResponse:
    """How many orders were charged, and how many of them more than once."""
    return JSONResponse({"orders": len(_charged), "twice": sum(count > 1 for count in _charged.values())})


async def healthz(_request: Request) -> JSONResponse:
    """Ready."""
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/v1/payment_intents", charge, methods=["POST"]),
        Route("/ledger", ledger),
        Route("/healthz", healthz),
    ],
)
