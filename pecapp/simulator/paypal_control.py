"""PayPal's part of the control API: the buyer without a browser, decisions of PayPal, refusals on demand."""

from collections.abc import Collection
from typing import Any

from starlette.routing import Route

from pecapp.simulator import (
    paypal_access,
    paypal_buyers,
    paypal_captures,
    paypal_disputes,
    paypal_orders,
    paypal_refunds,
    paypal_reports,
    paypal_vault,
)
from pecapp.simulator.control import ControlError, action, times
from pecapp.simulator.paypal_objects import CAPTURE, REFUND, TOKEN
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record

Wish = dict[str, Any]


class PayPalControl:
    """Business events on demand. Every event that they cause leaves as one burst."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """All addresses of PayPal's part."""
        return [
            action("paypal/approve", self.approve),
            action("paypal/setup/approve", self.approve_setup),
            action("paypal/captures/resolve", self.resolve),
            action("paypal/captures/reverse", self.reverse),
            action("paypal/disputes", self.dispute),
            action("paypal/disputes/update", self.update_dispute),
            action("paypal/disputes/close", self.close_dispute),
            action("paypal/transactions", self.delay_transactions),
            action("paypal/refunds/next", self.next_refund),
            action("paypal/refunds/resolve", self.resolve_refund),
            action("paypal/tokens/revoke", self.revoke),
            action("paypal/tokens/deliver", self.deliver),
            action("paypal/access/revoke", self.revoke_access),
            action("paypal/vault", self.allow_vault),
            action("paypal/charges/next", self.refuse_next),
            action("paypal/tokens/ask", self.ask),
        ]

    def _find(self, kind: str, key: str) -> Record:
        record = self._simulation.store.find(kind, key)
        if record is None:
            raise ControlError(f"no {kind} {key}")
        return record

    async def approve(self, wish: Wish) -> Wish:
        """{order, buyer: e-mail, funding?}: approve an order without a browser. Returns {return_url, status}."""
        record = paypal_orders.find(self._simulation, wish["order"])
        if record is None:
            raise ControlError(f"no order {wish['order']}")
        buyer = paypal_buyers.find(wish["buyer"])
        with self._simulation.deliveries.job():
            paypal_orders.approve(self._simulation, record, buyer, wish.get("funding", ""))
        return {"return_url": paypal_orders.return_address(record), "status": record.object["status"]}

    async def approve_setup(self, wish: Wish) -> Wish:
        """{setup_token, buyer: e-mail}: agree to later charges without a browser. Returns {return_url, status}."""
        record = paypal_vault.find_setup(self._simulation, wish["setup_token"])
        if record is None:
            raise ControlError(f"no setup token {wish['setup_token']}")
        with self._simulation.deliveries.job():
            paypal_vault.approve_setup(self._simulation, record, paypal_buyers.find(wish["buyer"]))
        return {"return_url": paypal_vault.return_address(record), "status": record.object["status"]}

    async def resolve(self, wish: Wish) -> Wish:
        """{capture, outcome: completed | denied | declined}: decide a pending capture now."""
        record = self._find(CAPTURE, wish["capture"])
        _check(wish["outcome"], paypal_captures.OUTCOMES)
        if record.object["status"] != "PENDING":
            raise ControlError(f"the capture is {record.object['status']}")
        with self._simulation.deliveries.job():
            paypal_captures.resolve(self._simulation, record, wish["outcome"])
        return {"capture": record.id, "status": record.object["status"]}

    async def reverse(self, wish: Wish) -> Wish:
        """{capture}: PayPal takes the money back by itself."""
        record = self._paid(wish)
        with self._simulation.deliveries.job():
            return paypal_disputes.reverse(self._simulation, record)

    async def dispute(self, wish: Wish) -> Wish:
        """{capture, reason?: "UNAUTHORISED", inquiry?: false}: the buyer contests a payment."""
        record, inquiry = self._paid(wish), bool(wish.get("inquiry", False))
        with self._simulation.deliveries.job():
            reason = str(wish.get("reason", "UNAUTHORISED"))
            return paypal_disputes.open_dispute(self._simulation, record, reason, inquiry=inquiry).object

    async def update_dispute(self, wish: Wish) -> Wish:
        """{dispute, status: WAITING_FOR_SELLER_RESPONSE | WAITING_FOR_BUYER_RESPONSE | UNDER_REVIEW}."""
        record = self._open_dispute(wish)
        _check(wish["status"], paypal_disputes.STATUSES)
        with self._simulation.deliveries.job():
            paypal_disputes.update(self._simulation, record, wish["status"])
        return record.object

    async def close_dispute(self, wish: Wish) -> Wish:
        """{dispute, outcome: won | lost | cancelled}: it is decided."""
        record = self._open_dispute(wish)
        _check(wish["outcome"], paypal_disputes.OUTCOMES)
        with self._simulation.deliveries.job():
            paypal_disputes.close(self._simulation, record, wish["outcome"])
        return record.object

    async def delay_transactions(self, wish: Wish) -> Wish:
        """{delay_seconds}: from now on the search finds transactions so much later."""
        paypal_reports.lag(self._simulation, int(wish["delay_seconds"]))
        return {"delay_seconds": int(wish["delay_seconds"])}

    def _paid(self, wish: Wish) -> Record:
        record = self._find(CAPTURE, wish["capture"])
        if record.object["status"] in ("PENDING", *paypal_captures.LOST):
            raise ControlError(f"the capture is {record.object['status']}")
        return record

    def _open_dispute(self, wish: Wish) -> Record:
        record = self._find(paypal_disputes.DISPUTE, wish["dispute"])
        if record.object["status"] == "RESOLVED":
            raise ControlError("the dispute is resolved")
        return record

    async def next_refund(self, wish: Wish) -> Wish:
        """{capture, outcome: completed | failed}: the next refund of it is pending first, then that."""
        record = self._find(CAPTURE, wish["capture"])
        _check(wish["outcome"], paypal_refunds.OUTCOMES)
        record.hidden["next_refund"] = wish["outcome"]
        self._simulation.store.save(record)
        return {"capture": record.id, "next_refund": wish["outcome"]}

    async def resolve_refund(self, wish: Wish) -> Wish:
        """{refund, outcome: completed | failed}: decide a pending refund now."""
        record = self._find(REFUND, wish["refund"])
        _check(wish["outcome"], paypal_refunds.OUTCOMES)
        if record.object["status"] != "PENDING":
            raise ControlError(f"the refund is {record.object['status']}")
        with self._simulation.deliveries.job():
            paypal_refunds.resolve(self._simulation, record, wish["outcome"])
        return {"refund": record.id, "status": record.object["status"]}

    async def revoke(self, wish: Wish) -> Wish:
        """{token}: the buyer removes the shop at PayPal."""
        record = self._find(TOKEN, wish["token"])
        with self._simulation.deliveries.job():
            paypal_vault.end(self._simulation, record)
        return {"token": record.id, "revoked": True}

    async def deliver(self, wish: Wish) -> Wish:
        """{}: the tokens that come late come now. Returns {tokens}."""
        orders = paypal_vault.waiting(self._simulation)
        with self._simulation.deliveries.job():
            for order in orders:
                paypal_vault.deliver_late(self._simulation, order)
        return {"tokens": [order.hidden["token"] for order in orders]}

    async def revoke_access(self, wish: Wish) -> Wish:
        """{}: every access token is invalid from now on. Returns {revoked: how many}."""
        return {"revoked": paypal_access.revoke(self._simulation)}

    async def allow_vault(self, wish: Wish) -> Wish:
        """{allowed: bool}: whether PayPal lets this merchant keep accounts."""
        allowed = wish["allowed"]
        if not isinstance(allowed, bool):
            raise ControlError("allowed is true or false")
        paypal_vault.allow(self._simulation, allowed=allowed)
        return {"allowed": allowed}

    async def refuse_next(self, wish: Wish) -> Wish:
        """{token, issue, times?: 1}: refuse the next charges of the token with that issue and its usual status.

        `times` is how many charges are refused; null is all of them from now on, 0 none any more. Ours, not PayPal's:
        its mock header is for whoever makes the call.
        """
        record = self._find(TOKEN, wish["token"])
        record.hidden["refusals"] = {"issue": str(wish["issue"]), "times": times(wish)}
        self._simulation.store.save(record)
        return {"token": record.id, "paypal": False} | record.hidden["refusals"]

    async def ask(self, wish: Wish) -> Wish:
        """{token, asks?: true}: the buyer has to confirm every later charge of the token in person.

        A charge without the buyer is then refused with PAYER_ACTION_REQUIRED. Ours, not PayPal's.
        """
        record = self._find(TOKEN, wish["token"])
        record.hidden["asks"] = bool(wish.get("asks", True))
        self._simulation.store.save(record)
        return {"token": record.id, "asks": record.hidden["asks"], "paypal": False}


def _check(word: str, allowed: Collection[str]) -> None:
    if word not in allowed:
        raise ControlError(f"{word!r} is none of {', '.join(allowed)}")
