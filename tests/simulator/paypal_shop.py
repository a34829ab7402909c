"""A shop that speaks PayPal's API to the simulator as PayPal's documents have it, and keeps every answer."""

from dataclasses import dataclass, field
from typing import Any

import httpx

from pecapp.simulator.paypal_buyers import CARD, find
from tests.simulator.world import SHOP, World

CLIENT = ("simulator-client", "simulator-secret")
ORDERS, CAPTURES, REFUNDS = "/v2/checkout/orders", "/v2/payments/captures", "/v2/payments/refunds"
SETUPS, TOKENS = "/v3/vault/setup-tokens", "/v3/vault/payment-tokens"
HOUR, DAY = 3600, 24 * 3600
TERMS = {
    "usage_type": "MERCHANT",
    "customer_type": "CONSUMER",
    "usage_pattern": "RECURRING_PREPAID",
    "description": "Rinnovi della casella PEC",
}
CUSTOMER = {"payment_initiator": "CUSTOMER", "usage": "SUBSEQUENT", "usage_pattern": "IMMEDIATE"}
MERCHANT = {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT", "usage_pattern": "RECURRING_PREPAID"}


def eur(value: str = "12.08") -> dict[str, str]:
    return {"currency_code": "EUR", "value": value}


def unit(**changes: Any) -> dict[str, Any]:
    plain = {
        "reference_id": "default",
        "custom_id": "att-1",
        "invoice_id": "1234567897-1",
        "description": "Casella PEC, un anno",
        "amount": eur(),
    }
    return plain | changes


def order_form(*, save: bool = False, customer: str = "", **changes: Any) -> dict[str, Any]:
    """An order over 12.08 € that the buyer has to approve; keywords change its purchase unit."""
    wallet: dict[str, Any] = {
        "experience_context": {
            "brand_name": "Negozio",
            "locale": "it-IT",
            "shipping_preference": "NO_SHIPPING",
            "user_action": "PAY_NOW",
            "landing_page": "LOGIN",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "return_url": f"{SHOP}/ritorno",
            "cancel_url": f"{SHOP}/annullato",
        }
    }
    if save:
        wallet["attributes"] = {"vault": TERMS | {"store_in_vault": "ON_SUCCESS"}}
        if customer:
            wallet["attributes"]["customer"] = {"id": customer}
    return {"intent": "CAPTURE", "purchase_units": [unit(**changes)], "payment_source": {"paypal": wallet}}


def charge_form(token: str, *, present: bool = False, **changes: Any) -> dict[str, Any]:
    """An order that charges a kept account at once, its owner being there or away."""
    wallet: dict[str, Any] = {"vault_id": token, "stored_credential": CUSTOMER if present else MERCHANT}
    if present:
        wallet["experience_context"] = order_form()["payment_source"]["paypal"]["experience_context"]
    return {"intent": "CAPTURE", "purchase_units": [unit(**changes)], "payment_source": {"paypal": wallet}}


def setup_form(customer: str = "") -> dict[str, Any]:
    context = {"return_url": f"{SHOP}/conto?da=paypal", "cancel_url": f"{SHOP}/annullato", "brand_name": "Negozio"}
    form: dict[str, Any] = {"payment_source": {"paypal": TERMS | {"experience_context": context}}}
    return form | ({"customer": {"id": customer}} if customer else {})


def issue(answer: httpx.Response) -> tuple[int, str]:
    """Status and issue of a refusal."""
    body = answer.json()
    return answer.status_code, body["details"][0]["issue"] if "details" in body else body["name"]


def links(shown: dict[str, Any]) -> dict[str, str]:
    return {one["rel"]: one["href"] for one in shown["links"]}


def taken(order: dict[str, Any]) -> dict[str, Any]:
    """The capture of an order."""
    return order["purchase_units"][0]["payments"]["captures"][0]


def vault(order: dict[str, Any]) -> dict[str, Any] | None:
    """What an order says about the account that was to be kept."""
    return order["payment_source"]["paypal"].get("attributes", {}).get("vault")


@dataclass
class Shop:
    """`calls` are all requests with their answers, for those who judge them."""

    world: World
    access: str = ""
    calls: list[tuple[httpx.Request, httpx.Response]] = field(default_factory=list)
    numbers: int = 0

    def key(self) -> str:
        """A PayPal-Request-Id that nobody has used."""
        self.numbers += 1
        return f"key-{self.numbers}"

    async def log_in(self) -> str:
        """A new access token."""
        form = {"grant_type": "client_credentials"}
        answer = await self.world.browser.post("/v1/oauth2/token", data=form, auth=CLIENT)
        assert answer.status_code == 200, answer.text
        self.access = answer.json()["access_token"]
        return self.access

    async def send(self, method: str, path: str, *, headers: dict[str, str], **content: Any) -> httpx.Response:
        """One call, with the token."""
        access = self.access or await self.log_in()
        headers = {"Authorization": f"Bearer {access}"} | headers
        answer = await self.world.browser.request(method, path, headers=headers, **content)
        self.calls.append((answer.request, answer))
        return answer

    async def post(
        self, path: str, body: dict[str, Any] | None = None, key: str = "", *, whole: bool = True, mock: str = ""
    ) -> httpx.Response:
        """POST a JSON body; a key of "-" means none. `mock` is what PayPal-Mock-Response says."""
        more = {"PayPal-Mock-Response": mock} if mock else {}
        more |= {"Prefer": "return=representation"} if whole else {}
        more |= {"PayPal-Request-Id": key or self.key()} if key != "-" else {}
        return await self.send("POST", path, json=body or {}, headers=more)

    async def get(self, path: str) -> httpx.Response:
        return await self.send("GET", path, headers={})

    async def read(self, path: str) -> dict[str, Any]:
        """GET what is there."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def made(self, path: str, body: dict[str, Any] | None = None, key: str = "") -> dict[str, Any]:
        """POST what is accepted."""
        answer = await self.post(path, body, key)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def approve(self, order: str, buyer: str = "ok", funding: str = "") -> str:
        """The buyer's part; returns where they are sent back to."""
        wish = {"order": order, "buyer": f"{buyer}@compratori.test"} | ({"funding": funding} if funding else {})
        return (await self.world.control("paypal/approve", **wish))["return_url"]

    async def approved(self, buyer: str = "ok", *, save: bool = False, funding: str = "", **changes: Any) -> str:
        """The id of an order that a buyer has approved."""
        order = await self.made(ORDERS, order_form(save=save, **changes))
        await self.approve(order["id"], buyer, funding)
        return order["id"]

    async def capture(self, order: str, key: str = "", *, mock: str = "") -> httpx.Response:
        return await self.post(f"{ORDERS}/{order}/capture", {}, key, mock=mock)

    async def paid(self, buyer: str = "ok", *, save: bool = False, funding: str = "", **changes: Any) -> dict[str, Any]:
        """An order that has been captured."""
        answer = await self.capture(await self.approved(buyer, save=save, funding=funding, **changes))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def refund(self, capture: str, key: str = "", **body: Any) -> httpx.Response:
        return await self.post(f"{CAPTURES}/{capture}/refund", body, key)

    async def set_up(self, buyer: str = "ok", customer: str = "") -> str:
        """The id of a setup token that a buyer has approved."""
        setup = await self.made(SETUPS, setup_form(customer))
        await self.world.control("paypal/setup/approve", setup_token=setup["id"], buyer=f"{buyer}@compratori.test")
        return setup["id"]

    async def keep(self, setup: str, key: str = "") -> httpx.Response:
        """Turn a setup token into a payment token."""
        return await self.post(TOKENS, {"payment_source": {"token": {"id": setup, "type": "SETUP_TOKEN"}}}, key)

    async def kept(self, buyer: str = "ok", customer: str = "") -> dict[str, Any]:
        """A payment token without a purchase."""
        answer = await self.keep(await self.set_up(buyer, customer))
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def charge(self, token: str, key: str = "", *, present: bool = False, **changes: Any) -> httpx.Response:
        form = charge_form(token, present=present, **{"invoice_id": f"r{self.numbers}-1"} | changes)
        return await self.post(ORDERS, form, key)

    async def events(self, kind: str = "") -> list[dict[str, Any]]:
        """All events so far, of one type when given."""
        seen = await self.read("/v1/notifications/webhooks-events?page_size=100")
        self.calls.pop()
        return [event for event in seen["events"] if kind in ("", event["event_type"])]

    async def told(self) -> list[str]:
        """The types of all events so far, in the order of the alphabet."""
        return sorted(event["event_type"] for event in await self.events())

    async def move(self, seconds: float) -> None:
        """The simulated clock, so far ahead of the wall's."""
        await self.world.control("clock", offset_seconds=seconds)
        self.access = ""


async def no_balance(shop: Shop) -> dict[str, Any]:
    """An order that was declined first and paid from the other source afterwards."""
    order = await shop.approved("no-balance", save=True, invoice_id="two-sources-1")
    assert issue(await shop.capture(order)) == (422, "INSTRUMENT_DECLINED")
    await shop.approve(order, "no-balance", CARD)
    return (await shop.capture(order)).json()


def account(local: str) -> str:
    """The payer id of a buyer."""
    return find(f"{local}@compratori.test").payer_id
