"""What PayPal's objects have in common: names, moments, money, links, and how an account is shown."""

import secrets
from datetime import UTC, datetime
from typing import Any

from pecapp.simulator.paypal_buyers import Buyer
from pecapp.simulator.simulation import Simulation

ORDER, CAPTURE, REFUND = "paypal.order", "paypal.capture", "paypal.refund"
SETUP, TOKEN, CUSTOMER = "paypal.setup_token", "paypal.payment_token", "paypal.customer"
CAPITALS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SMALL = "0123456789abcdefghijklmnopqrstuvwxyz"
MERCHANT_EMAIL = "negozio@simulatore.test"

Object = dict[str, Any]


def new_id(length: int = 17, letters: str = CAPITALS) -> str:
    """A fresh id in PayPal's style."""
    return "".join(secrets.choice(letters) for _ in range(length))


def moment(simulation: Simulation) -> str:
    """Simulated time as PayPal writes it."""
    return datetime.fromtimestamp(simulation.clock.stamp(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(written: str) -> int:
    """A written moment in seconds since the epoch."""
    return int(datetime.fromisoformat(written).timestamp())


def money(cents: int, currency: str) -> Object:
    """An amount."""
    return {"currency_code": currency, "value": f"{cents // 100}.{cents % 100:02d}"}


def cents(amount: Object) -> int:
    """An amount of ours in the smallest unit: its value always has two decimals."""
    return int(amount["value"].replace(".", ""))


def link(simulation: Simulation, path: str, rel: str, method: str = "GET") -> dict[str, str]:
    """A link to an address of the simulator."""
    return {"href": f"{simulation.settings.public_url}{path}", "rel": rel, "method": method}


def payee(simulation: Simulation) -> Object:
    """The merchant."""
    return {"email_address": MERCHANT_EMAIL, "merchant_id": simulation.settings.paypal_merchant_id}


def payer(buyer: Buyer) -> Object:
    """The buyer as an order's payer."""
    return {
        "name": buyer.name,
        "email_address": buyer.email,
        "payer_id": buyer.payer_id,
        "address": {"country_code": buyer.country},
    }


def wallet(buyer: Buyer) -> Object:
    """The buyer's account as an order's payment source."""
    return {
        "email_address": buyer.email,
        "account_id": buyer.payer_id,
        "account_status": "VERIFIED",
        "name": buyer.name,
        "address": {"country_code": buyer.country},
    }


def returning(url: str, **names: str) -> str:
    """A shop's address with what PayPal adds to it; empty when the shop has given none."""
    added = "&".join(f"{name}={value}" for name, value in names.items())
    return f"{url}{'&' if '?' in url else '?'}{added}" if url else ""
