"""The simulator's control API: what the bank does next, and the truth about money."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

T = TypeVar("T")
PATIENCE = 15.0
FOREVER = -1
KEY = "sk_test_simulator"

GOOD = "4242 4242 4242 4242"
ITALIAN_ASKS = "4000 0038 0000 0446"
DECLINED = "4000 0000 0000 0002"
NO_FUNDS = "4000 0000 0000 9995"
FOREIGN_LATER_YES = "4000 0075 6000 1007"
FOREIGN_LATER_NO = "4000 0075 6000 2005"


def eventually(look: Callable[[], T], what: str, seconds: float = PATIENCE) -> T:
    """What `look` gives once it is true. Fails, naming `what`, when it stays false."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"not after {seconds:g} s: {what}"
        time.sleep(0.02)
    return found


class Bank:
    """One running simulator."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=PATIENCE)

    def close(self) -> None:
        self._http.close()

    def do(self, what: str, **wish: Any) -> dict[str, Any]:
        """POST to the control API. Fails when the simulator cannot fulfil the wish."""
        answer = self._http.post(f"/_sim/{what}", json=wish)
        assert answer.status_code == httpx.codes.OK, answer.text
        return answer.json()

    def look(self, at: str) -> dict[str, Any]:
        """GET from the control API."""
        return self._http.get(f"/_sim/{at}").raise_for_status().json()

    def calm(self) -> None:
        """No faults, nothing held back, no webhook on its way, the usual pace."""
        self.do("settings", unknown_delay=2)
        self.do("faults/clear")
        self.do("webhooks/faults/clear")
        self.do("webhooks/release")
        eventually(lambda: not self.look("deliveries")["pending"], "all webhooks are delivered")

    def spoil_webhooks(self, behaviour: str, event: str = "*", times: int = FOREVER, **options: Any) -> None:
        """Let the deliveries of `event` suffer `behaviour` until `calm`."""
        self.do("webhooks/faults", behaviour=behaviour, event=event, times=times, **options)

    def charges(self, order: str) -> list[dict[str, Any]]:
        """The succeeded charges for an order."""
        return [one for one in self.look("ledger")["charges"] if one["metadata"].get("order") == order]

    def _asked(self, path: str) -> dict[str, Any]:
        """What the gateway's own API answers."""
        answer = self._http.get(f"/v1/{path}", headers={"Authorization": f"Bearer {KEY}"})
        return answer.raise_for_status().json()

    def intent(self, session: str) -> str:
        """The payment behind a hosted page."""
        return self._asked(f"checkout/sessions/{session}")["payment_intent"]

    def session(self, attempt: str) -> str:
        """The hosted page that was opened for an attempt."""
        (found,) = (
            one["id"]
            for one in self._asked("checkout/sessions?limit=100")["data"]
            if one["client_reference_id"] == attempt
        )
        return found

    def openings(self, order: str) -> list[dict[str, Any]]:
        """The calls that opened a hosted page for an order and were not mere repetitions."""
        calls = (one for one in self.look("requests")["requests"] if one["method"] == "POST")
        pages = (one for one in calls if one["path"] == "/v1/checkout/sessions" and not one["replayed"])
        return [one for one in pages if one["params"].get("metadata", {}).get("order") == order]

    def deliveries(self, *types: str) -> list[dict[str, Any]]:
        """The deliveries that were tried, of these types of event."""
        return [one for one in self.look("deliveries")["deliveries"] if not types or one["type"] in types]
