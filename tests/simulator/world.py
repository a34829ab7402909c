"""A running simulator as the tests use it: the real SDK, its control API, a buyer who walks through the pages."""

import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import anyio
import httpx
import stripe

ROOT = Path(__file__).resolve().parents[2]
KEY = "sk_test_of_the_tests"
SHOP = "http://shop.test"
GOOD, ASKS = "4000003800000008", "4000003800000446"
PATIENCE = 5.0


def browser(url: str) -> httpx.AsyncClient:
    """A browser that follows no redirect by itself; without the certificates that loopback does not need."""
    return httpx.AsyncClient(base_url=url, timeout=10, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


class Recorder(stripe.HTTPXClient):
    """Stripe's own HTTP client that keeps every JSON answer: (status, body, headers)."""

    def __init__(self) -> None:
        super().__init__(timeout=httpx.Timeout(5, connect=2), verify_ssl_certs=False)
        self.answers: list[tuple[int, dict[str, Any], Mapping[str, str]]] = []

    def _sleep_time_seconds(self, num_retries: int) -> float:
        """Retries at once: the SDK's own pauses are not what is tested here."""
        return 0.0

    async def request_async(self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None) -> Any:
        answer = await super().request_async(method, url, headers, post_data)
        if "json" in answer[2].get("content-type", ""):
            self.answers.append((answer[1], json.loads(answer[0]), answer[2]))
        return answer


def free_port() -> int:
    """A port that is free now."""
    with socket.socket() as plug:
        plug.bind(("127.0.0.1", 0))
        return plug.getsockname()[1]


def start(port: int, **environment: str) -> subprocess.Popen[bytes]:
    """`python -m pecapp.simulator` as a process of its own, answering when this returns."""
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "pecapp.simulator", "--port", str(port), "--public-url", url]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    while True:
        try:
            httpx.get(f"{url}/healthz").raise_for_status()
            return process
        except httpx.HTTPError:
            assert process.poll() is None, "the simulator has ended"
            assert time.monotonic() < deadline, "the simulator does not answer"
            time.sleep(0.02)


@dataclass
class World:
    """One simulator after a reset."""

    url: str
    browser: httpx.AsyncClient
    recorder: Recorder

    def __post_init__(self) -> None:
        client = stripe.StripeClient(
            KEY, base_addresses={"api": self.url}, max_network_retries=2, http_client=self.recorder
        )
        self.api = client.v1

    async def control(self, path: str, **wish: Any) -> dict[str, Any]:
        """POST to /_sim/."""
        answer = await self.browser.post(f"/_sim/{path}", json=wish)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def look(self, path: str) -> dict[str, Any]:
        """GET from /_sim/."""
        return (await self.browser.get(f"/_sim/{path}")).json()

    async def customer(self) -> str:
        """A new customer's id."""
        return (await self.api.customers.create_async({"email": "maria@example.com"})).id

    async def session(self, *, save: bool = False, setup: bool = False, **changes: Any) -> Any:
        """A session as the product opens it; a keyword of None leaves that parameter out."""
        form = setup_form() if setup else payment_form(save=save)
        form["customer"] = await self.customer() if "customer" not in changes else changes["customer"]
        form = {name: value for name, value in (form | changes).items() if value is not None}
        return await self.api.checkout.sessions.create_async(form)  # type: ignore[arg-type] # a plain dict

    async def paid(self, number: str = GOOD, *, save: bool = False, **changes: Any) -> dict[str, Any]:
        """A session opened and paid without a browser."""
        session = await self.session(save=save, **changes)
        return await self.control("sessions/pay", session=session.id, number=number)

    async def saved(self, number: str = GOOD, *, set_up: bool = True) -> tuple[str, str]:
        """A customer and its saved card."""
        customer = await self.customer()
        method = await self.control("payment_methods", customer=customer, number=number, set_up=set_up)
        return customer, method["id"]

    async def charge(self, customer: str, method: str, *, off_session: bool = True, **changes: Any) -> Any:
        """A confirmed PaymentIntent over 12.08 €."""
        form: dict[str, Any] = {
            "amount": 1208,
            "currency": "eur",
            "customer": customer,
            "payment_method": method,
            "confirm": True,
            "off_session": off_session,
            "allowed_payment_method_types": ["card"],
            "metadata": {"renewal_id": "7"},
        }
        if not off_session:
            form["return_url"] = f"{SHOP}/ritorno"
        return await self.api.payment_intents.create_async(form | changes)  # type: ignore[arg-type] # a plain dict

    async def events(self, *types: str) -> list[dict[str, Any]]:
        """All events so far, oldest first, of these types when given."""
        found = await self.api.events.list_async({"limit": 100})
        events = [event.to_dict() for event in reversed(found.data)]
        return [event for event in events if not types or event["type"] in types]

    async def told(self) -> list[str]:
        """The types of all events so far, oldest first."""
        return [event["type"] for event in await self.events()]

    async def until_told(self, kind: str) -> dict[str, Any]:
        """The first event of a type, as soon as there is one."""
        deadline = time.monotonic() + PATIENCE
        while not (found := await self.events(kind)):
            assert time.monotonic() < deadline, f"no {kind}; told: {await self.told()}"
            await anyio.sleep(0.01)
        return found[0]

    async def delivered(self) -> list[dict[str, Any]]:
        """The log of deliveries, as soon as nothing is under way."""
        deadline = time.monotonic() + PATIENCE
        while (seen := await self.look("deliveries"))["pending"]:
            assert time.monotonic() < deadline, f"still under way: {seen}"
            await anyio.sleep(0.01)
        return seen["deliveries"]

    async def ledger(self) -> dict[str, Any]:
        """The truth about money."""
        return await self.look("ledger")


def payment_form(*, save: bool = False) -> dict[str, Any]:
    """The parameters of a hosted payment of 12.08 €."""
    names = {"order_id": "1234567897", "attempt_id": "att_1"}
    form: dict[str, Any] = {
        "mode": "payment",
        "ui_mode": "hosted_page",
        "client_reference_id": "att_1",
        "locale": "it",
        "success_url": f"{SHOP}/ritorno?cs={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{SHOP}/annullato",
        "expires_at": int(time.time()) + 40 * 60,
        "submit_type": "pay",
        "adaptive_pricing": {"enabled": False},
        "allowed_payment_method_types": ["card"],
        "wallet_options": {"link": {"display": "never"}},
        "line_items": [
            {
                "quantity": 1,
                "price_data": {
                    "currency": "eur",
                    "unit_amount": 1208,
                    "tax_behavior": "inclusive",
                    "product_data": {"name": "Casella PEC, un anno"},
                },
            }
        ],
        "payment_intent_data": {"description": "Ordine 1234567897", "metadata": names},
        "metadata": names,
    }
    if save:
        form["payment_intent_data"]["setup_future_usage"] = "off_session"
        form["payment_method_data"] = {"allow_redisplay": "always"}
    return form


def setup_form() -> dict[str, Any]:
    """The parameters of saving a card without a payment."""
    return {
        "mode": "setup",
        "currency": "eur",
        "allowed_payment_method_types": ["card"],
        "locale": "it",
        "success_url": f"{SHOP}/carta?cs={{CHECKOUT_SESSION_ID}}",
        "cancel_url": f"{SHOP}/annullato",
        "client_reference_id": "account_1",
        "metadata": {"account_id": "1"},
        "setup_intent_data": {"description": "Carta per i rinnovi", "metadata": {"account_id": "1"}},
    }


class Page(HTMLParser):
    """What a buyer finds on a page: labels and their fields, buttons, links, texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.labels: dict[str, str] = {}
        self.inputs: dict[str, dict[str, str]] = {}
        self.links: dict[str, str] = {}
        self.buttons: dict[str, dict[str, str]] = {}
        self.roles: set[str] = set()
        self.texts: list[str] = []
        self.scripts = 0
        self._open: list[tuple[str, dict[str, str]]] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "role" in given:
            self.roles.add(given["role"])
        self.scripts += tag == "script"
        if tag == "input":
            self.inputs[given["id"]] = given
        elif tag in ("label", "a", "button", "style", "title"):
            self._open.append((tag, given))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1][0] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self._open and (words := data.strip()):
            tag, given = self._open[-1]
            if tag == "label":
                self.labels[words] = given["for"]
            elif tag == "a":
                self.links[words] = given["href"]
            elif tag == "button":
                self.buttons[words] = given


def typed(number: str = GOOD, **changes: str) -> dict[str, str]:
    """The five fields of the card form, well filled."""
    form = {
        "intestatario": "Maria Rossi",
        "numero": number,
        "scadenza": "12/34",
        "codice": "1234" if number.startswith("37") else "123",
        "email": "maria@example.com",
    }
    return form | changes
