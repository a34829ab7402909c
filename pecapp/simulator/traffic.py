"""The recorded API traffic, for tests that judge what the application sends."""

import re
from collections import deque
from typing import Any

LONGEST = 20_000
SECRET = re.compile(r"number|cvc|password|.*secret|.*token", re.IGNORECASE)


def scrub(value: Any, name: str = "") -> Any:
    """A copy without what must not be kept: values named number, cvc, password, …secret or …token."""
    if isinstance(value, dict):
        return {key: scrub(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item, name) for item in value]
    return "***" if SECRET.fullmatch(name) else value


class Traffic:
    """The last 20,000 calls, oldest first. Headers are never kept but for the idempotency key."""

    def __init__(self) -> None:
        self._calls: deque[dict[str, Any]] = deque(maxlen=LONGEST)

    def record(self, call: dict[str, Any]) -> None:
        """Keep {gateway, at, method, path, params, idempotency_key, status, request_id, fault, replayed}."""
        self._calls.append(call | {"params": scrub(call["params"])})

    def calls(self) -> list[dict[str, Any]]:
        """All recorded calls."""
        return list(self._calls)
