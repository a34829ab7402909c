"""Stripe's part of the control API: business events, payments without a browser, forged deliveries."""

import asyncio
from typing import Any

from starlette.routing import Route

from pecapp.simulator import (
    hooks,
    stripe_cards,
    stripe_checkout,
    stripe_customers,
    stripe_disputes,
    stripe_events,
    stripe_objects,
    stripe_payments,
    stripe_refunds,
)
from pecapp.simulator.control import ControlError, action, times
from pecapp.simulator.deliveries import Parcel
from pecapp.simulator.simulation import Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_checkout import Entry
from pecapp.simulator.stripe_payments import CHARGE, INTENT, METHOD, SESSION

Wish = dict[str, Any]
OUTCOMES = ("succeeded", "failed")


class StripeControl:
    """Business events on demand. Every event that they cause leaves as one burst."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def routes(self) -> list[Route]:
        """All addresses of Stripe's part."""
        return [
            action("sessions/pay", self.pay),
            action("sessions/expire", self.expire),
            action("payment_intents/resolve", self.resolve),
            action("payment_intents/authenticate", self.authenticate),
            action("payment_methods", self.mint),
            action("payment_methods/update", self.update_method),
            action("payment_methods/decline_next", self.decline_next),
            action("payment_methods/ask", self.ask),
            action("disputes", self.dispute),
            action("disputes/close", self.close_dispute),
            action("early_fraud_warnings", self.warn),
            action("refunds/next", self.next_refund),
            action("refunds/resolve", self.resolve_refund),
            action("webhooks/redeliver", self.redeliver),
            action("webhooks/emit", self.emit),
        ]

    def _find(self, kind: str, key: str) -> Record:
        record = self._simulation.store.find(kind, key)
        if record is None:
            raise ControlError(f"no {kind} {key}")
        return record

    def _card(self, number: str) -> stripe_cards.Card:
        card = stripe_cards.BY_NUMBER.get(number.replace(" ", ""))
        if card is None:
            raise ControlError("not one of the test cards")
        return card

    async def pay(self, wish: Wish) -> Wish:
        """{session, number, authenticate?: true, exp?: [month, year], name?, email?}: pay without a browser.

        With `authenticate` false the buyer refuses at 3-D Secure; null leaves the challenge open.
        """
        session = self._find(SESSION, wish["session"])
        if session.object["status"] != "open":
            raise ControlError(f"session is {session.object['status']}")
        exp = wish.get("exp", [12, 2034])
        name, email = wish.get("name", "Maria Rossi"), wish.get("email", "maria.rossi@example.com")
        entry = Entry(self._card(wish["number"]), (exp[0], exp[1]), name, email)
        with self._simulation.deliveries.job():
            intent = stripe_checkout.submit(self._simulation, session, entry)
            answer = wish.get("authenticate", True)
            if intent.object["status"] == "requires_action" and answer is not None:
                stripe_payments.authenticate(self._simulation, intent, passed=bool(answer))
                stripe_checkout.settle(self._simulation, session, intent)
        problem = intent.object.get("last_payment_error") or intent.object.get("last_setup_error") or {}
        return {
            "session": session.id,
            "status": session.object["status"],
            "payment_status": session.object["payment_status"],
            "intent": intent.id,
            "intent_status": intent.object["status"],
            "code": problem.get("code"),
            "decline_code": problem.get("decline_code"),
            "return_url": stripe_checkout.shop_url(session) if session.object["status"] == "complete" else None,
        }

    async def expire(self, wish: Wish) -> Wish:
        """{session}: expire an open session now."""
        session = self._find(SESSION, wish["session"])
        with self._simulation.deliveries.job():
            stripe_checkout.expire(self._simulation, session)
        return {"session": session.id, "status": session.object["status"]}

    async def resolve(self, wish: Wish) -> Wish:
        """{payment_intent, outcome: succeeded | failed}: make an unknown outcome known now."""
        intent = self._find(INTENT, wish["payment_intent"])
        self._check(wish["outcome"], OUTCOMES)
        if intent.object["status"] != "processing":
            raise ControlError(f"the outcome is known: {intent.object['status']}")
        with self._simulation.deliveries.job():
            stripe_payments.resolve(self._simulation, intent, succeeded=wish["outcome"] == "succeeded")
        return {"payment_intent": intent.id, "status": intent.object["status"]}

    async def authenticate(self, wish: Wish) -> Wish:
        """{payment_intent, passed}: the buyer's answer to an open 3-D Secure challenge, without a browser."""
        intent = self._find(INTENT, wish["payment_intent"])
        session = self._simulation.store.find(SESSION, intent.hidden.get("session"))
        with self._simulation.deliveries.job():
            stripe_payments.authenticate(self._simulation, intent, passed=bool(wish["passed"]))
            if session:
                stripe_checkout.settle(self._simulation, session, intent)
        return {"payment_intent": intent.id, "status": intent.object["status"]}

    async def mint(self, wish: Wish) -> Wish:
        """{customer, number, set_up?: true, exp?: [month, year]}: a saved card as if the buyer had saved it."""
        exp = wish.get("exp", [12, 2034])
        with self._simulation.deliveries.job():
            method = stripe_customers.mint(self._simulation, self._card(wish["number"]), (exp[0], exp[1]))
            method.hidden["set_up"] = bool(wish.get("set_up", True))
            method.object["customer"] = self._find("customer", wish["customer"]).id
            self._simulation.store.save(method)
            stripe_events.emit(self._simulation, "payment_method.attached", method.object)
        return method.object

    async def update_method(self, wish: Wish) -> Wish:
        """{payment_method, exp_month?, exp_year?, number?}: the card network renews a card by itself.

        `number` makes it another card with the same id.
        """
        method = self._find(METHOD, wish["payment_method"])
        card = {name: int(wish[name]) for name in ("exp_month", "exp_year") if name in wish}
        if number := wish.get("number"):
            other = self._card(number)
            method.hidden["card"] = other.key
            card |= {"last4": other.last4, "brand": other.brand, "display_brand": other.brand}
            card |= {"country": other.country, "fingerprint": stripe_objects.fingerprint(self._simulation, other)}
        with self._simulation.deliveries.job():
            stripe_customers.change(self._simulation, method, {"card": card}, by_network=True)
        return method.object

    async def decline_next(self, wish: Wish) -> Wish:
        """{payment_method, code?: "card_declined", decline_code?, advice_code?, message?, times?: 1}: refuse charges.

        `times` is how many charges are refused; null is all of them from now on, 0 none any more. Ours, not Stripe's:
        its test cards that decline cannot be saved.
        """
        method = self._find(METHOD, wish["payment_method"])
        scripted = {
            "code": wish.get("code", "card_declined"),
            "decline_code": wish.get("decline_code"),
            "advice_code": wish.get("advice_code"),
            "message": wish.get("message", "Your card was declined."),
        }
        method.hidden["declines"] = {"why": scripted, "times": times(wish)}
        self._simulation.store.save(method)
        return {"payment_method": method.id, "next_decline": scripted, "times": times(wish), "stripe": False}

    async def ask(self, wish: Wish) -> Wish:
        """{payment_method, asks?: true}: its bank wants the buyer to authenticate for every later charge.

        A charge without the buyer is then refused with authentication_required. Ours, not Stripe's: there, cards do so
        by their number.
        """
        method = self._find(METHOD, wish["payment_method"])
        method.hidden["asks"] = bool(wish.get("asks", True))
        self._simulation.store.save(method)
        return {"payment_method": method.id, "asks": method.hidden["asks"], "stripe": False}

    async def dispute(self, wish: Wish) -> Wish:
        """{charge | payment_intent, reason?: "fraudulent", inquiry?: false}: the buyer disputes a charge."""
        charge = self._charge(wish)
        with self._simulation.deliveries.job():
            reason, inquiry = wish.get("reason", "fraudulent"), bool(wish.get("inquiry", False))
            return stripe_disputes.open_dispute(self._simulation, charge, reason, inquiry=inquiry).object

    def _charge(self, wish: Wish) -> Record:
        key = wish.get("charge") or self._find(INTENT, wish["payment_intent"]).object["latest_charge"]
        charge = self._find(CHARGE, key)
        if charge.object["status"] != "succeeded":
            raise ControlError("the charge has not succeeded")
        return charge

    async def close_dispute(self, wish: Wish) -> Wish:
        """{dispute, status: won | lost | warning_closed}: the bank decides."""
        dispute = self._find("dispute", wish["dispute"])
        self._check(wish["status"], ("won", "lost", "warning_closed"))
        with self._simulation.deliveries.job():
            stripe_disputes.close(self._simulation, dispute, wish["status"])
        return dispute.object

    async def warn(self, wish: Wish) -> Wish:
        """{charge | payment_intent}: an early fraud warning."""
        charge = self._charge(wish)
        with self._simulation.deliveries.job():
            return stripe_disputes.warn(self._simulation, charge).object

    async def next_refund(self, wish: Wish) -> Wish:
        """{charge | payment_intent, outcome: succeeded | failed}: the next refund is pending first, then that."""
        charge = self._charge(wish)
        self._check(wish["outcome"], OUTCOMES)
        charge.hidden["next_refund"] = wish["outcome"]
        self._simulation.store.save(charge)
        return {"charge": charge.id, "next_refund": wish["outcome"]}

    async def resolve_refund(self, wish: Wish) -> Wish:
        """{refund, outcome: succeeded | failed}: finish a refund now; a succeeded one can still fail."""
        refund = self._find("refund", wish["refund"])
        self._check(wish["outcome"], OUTCOMES)
        with self._simulation.deliveries.job():
            stripe_refunds.finish(self._simulation, refund, wish["outcome"])
        return refund.object

    def _check(self, word: str, allowed: tuple[str, ...]) -> None:
        if word not in allowed:
            raise ControlError(f"{word!r} is none of {', '.join(allowed)}")

    async def redeliver(self, wish: Wish) -> Wish:
        """{event, copies?: 1}: send a stored event again, now. Returns the answers' statuses."""
        record = self._find(stripe_events.EVENT, wish["event"])
        receivers = [
            endpoint
            for endpoint in self._simulation.store.all(stripe_events.ENDPOINT)
            if stripe_events.wants(endpoint, record.object["type"])
        ]
        parcels = [stripe_events.parcel(self._simulation, record, endpoint) for endpoint in receivers]
        return {"event": record.id, "statuses": await self._send(parcels * int(wish.get("copies", 1)))}

    async def emit(self, wish: Wish) -> Wish:
        """{type, object: {...} | object_id, copies?: 1, changes?: {dot path: value}, id?, secret?, offset_seconds?: 0,
        headers?: {name: value, null removes}, body?: raw text, url?, bytes?}: a delivery as forged as you like, now.

        Copies go out together. Not written into the list of events. Returns {event, statuses}.
        """
        content = wish.get("object") or self._any(wish["object_id"])
        event = stripe_events.build(self._simulation, wish["type"], content)
        event |= {"id": wish["id"]} if "id" in wish else {}
        hooks.change(event, wish.get("changes", {}))
        if "bytes" in wish:
            event["padding"] = "x" * int(wish["bytes"])
        receivers = self._simulation.store.all(stripe_events.ENDPOINT)
        targets = [(one.object["url"], one.hidden["secret"]) for one in receivers]
        if "url" in wish:
            targets = [(wish["url"], wish.get("secret", self._simulation.settings.webhook_secret))]
        parcels = [self._forged(event, wish, url, wish.get("secret", secret)) for url, secret in targets]
        return {"event": event["id"], "statuses": await self._send(parcels * int(wish.get("copies", 1)))}

    def _any(self, key: str) -> Wish:
        for kind in (INTENT, SESSION, CHARGE, METHOD, "setup_intent", "refund", "dispute", "customer"):
            if record := self._simulation.store.find(kind, key):
                return record.object
        raise ControlError(f"no object {key}")

    def _forged(self, event: Wish, wish: Wish, url: str, secret: str) -> Parcel:
        def compose(rules: list[hooks.HookRule]) -> tuple[bytes, dict[str, str]]:
            offset = int(wish.get("offset_seconds", 0))
            body, headers = stripe_events.compose(self._simulation, event, secret, rules, offset)
            if "body" in wish:
                body = str(wish["body"]).encode()
                moment = int(self._simulation.clock.wall()) + offset
                headers = stripe_events.headers(stripe_events.signature(secret, moment, body))
            changed = headers | wish.get("headers", {})
            return body, {name: value for name, value in changed.items() if value is not None}

        return Parcel(event["id"], event["type"], url, compose)

    async def _send(self, parcels: list[Parcel]) -> list[int | None]:
        return list(await asyncio.gather(*(self._simulation.deliveries.send(parcel) for parcel in parcels)))
