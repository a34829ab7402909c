"""Faults of the gateway's API: rules that meet the next matching calls."""

import asyncio
import itertools
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

PROMISED_BYTES = 2048
FOREVER = -1


class Behaviour(StrEnum):
    """What a rule does to a call."""

    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    SLOW = "slow"
    HANG = "hang"
    EXECUTE_THEN_HANG = "execute_then_hang"
    CONFLICT_409 = "conflict_409"
    RATE_LIMIT_429 = "rate_limit_429"
    HTML_502 = "html_502"


_numbers = itertools.count(1)


@dataclass
class Rule:
    """Meets calls of `method` ("*": any) whose path starts with `prefix`; `times` = -1 is for ever.

    `ms` is the length of slow and hang in milliseconds; `stored` makes an error_after part of the idempotent result, as
    a gateway does that failed while executing.
    """

    method: str
    prefix: str
    behaviour: Behaviour
    times: int = 1
    ms: int = 1000
    stored: bool = False
    number: int = field(default_factory=lambda: next(_numbers))


class FaultTable:
    """The rules in force, first come first served: one rule per call."""

    def __init__(self) -> None:
        self._rules: list[Rule] = []

    def add(self, wish: dict[str, Any]) -> Rule:
        """Add a rule {match: "POST /v1/x", behaviour, times?, ms?, stored?}. Raises ValueError or KeyError."""
        method, _, prefix = str(wish["match"]).partition(" ")
        times = wish.get("times", 1)
        rule = Rule(
            method=method.upper(),
            prefix=prefix.strip(),
            behaviour=Behaviour(wish["behaviour"]),
            times=FOREVER if times is None else int(times),
            ms=int(wish.get("ms", 1000)),
            stored=bool(wish.get("stored", False)),
        )
        self._rules.append(rule)
        return rule

    def take(self, method: str, path: str) -> Rule | None:
        """The rule that meets this call, used up by one."""
        for rule in self._rules:
            if rule.method in ("*", method) and path.startswith(rule.prefix):
                rule.times -= rule.times > 0
                if rule.times == 0:
                    self._rules.remove(rule)
                return rule
        return None

    def rules(self) -> list[Rule]:
        """The rules still in force."""
        return list(self._rules)

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()


class DroppedConnection(Response):
    """A connection that breaks in the middle of the answer: fewer bytes than promised, then the end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of an answer only."""
        headers = [(b"content-type", b"application/json"), (b"content-length", str(PROMISED_BYTES).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


def _error(status: int, kind: str, message: str, code: str | None = None) -> JSONResponse:
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return JSONResponse({"error": error}, status, {"Retry-After": "1"} if status == 429 else None)


def server_error() -> JSONResponse:
    """The 500 of a gateway in trouble."""
    return _error(500, "api_error", "An unknown error occurred (simulated fault).")


async def before(rule: Rule) -> Response | None:
    """The answer of a rule that keeps the call from being executed, or None."""
    match rule.behaviour:
        case Behaviour.ERROR_BEFORE:
            return server_error()
        case Behaviour.DROP_BEFORE:
            return DroppedConnection()
        case Behaviour.HANG:
            await asyncio.sleep(rule.ms / 1000)
            return DroppedConnection()
        case Behaviour.CONFLICT_409:
            message = "There is currently another in-progress request using this Idempotent Key (simulated fault)."
            return _error(409, "invalid_request_error", message, "idempotency_key_in_use")
        case Behaviour.RATE_LIMIT_429:
            return _error(429, "invalid_request_error", "Too many requests (simulated fault).", "rate_limit")
        case Behaviour.HTML_502:
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", 502)
        case _:
            return None


async def after(rule: Rule, answer: Response) -> Response:
    """What the caller gets of an executed call."""
    match rule.behaviour:
        case Behaviour.ERROR_AFTER:
            return server_error()
        case Behaviour.DROP_AFTER:
            return DroppedConnection()
        case Behaviour.EXECUTE_THEN_HANG:
            await asyncio.sleep(rule.ms / 1000)
            return answer
        case _:
            return answer
