"""The control API under /_sim/ that all gateways share: faults, webhooks, clock, truth about money."""

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from pecapp.simulator.faults import FOREVER
from pecapp.simulator.settings import Settings
from pecapp.simulator.simulation import Simulation

Action = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class ControlError(Exception):
    """A control call that cannot be done; its text is the answer."""


def action(path: str, act: Action) -> Route:
    """A POST with a JSON body. Answers 400 {error} to a wish that cannot be fulfilled."""

    async def serve(request: Request) -> Response:
        try:
            wish = await request.json() if await request.body() else {}
            return JSONResponse(await act(wish))
        except KeyError as problem:
            return JSONResponse({"error": f"missing or unknown: {problem.args[0]}"}, 400)
        except (ControlError, ValueError, TypeError, AttributeError) as problem:
            return JSONResponse({"error": str(problem)}, 400)

    return Route(f"/_sim/{path}", serve, methods=["POST"])


def view(path: str, look: Callable[[], dict[str, Any]]) -> Route:
    """A GET that shows something as JSON."""

    async def serve(request: Request) -> Response:
        return JSONResponse(look())

    return Route(f"/_sim/{path}", serve, methods=["GET"])


def times(wish: dict[str, Any]) -> int:
    """How often an order {times?: 1} is to be carried out; null, which is for ever, as -1."""
    ordered = wish.get("times", 1)
    return FOREVER if ordered is None else int(ordered)


class Control:
    """The shared part of the control API."""

    def __init__(self, simulation: Simulation, settings: Settings) -> None:
        self._simulation = simulation
        self._settings = settings

    def routes(self) -> list[Route]:
        """All shared addresses."""
        simulation = self._simulation
        return [
            view("ledger", self.ledger),
            view("deliveries", simulation.deliveries.overview),
            view("requests", lambda: {"requests": simulation.traffic.calls()}),
            view("faults", lambda: {"rules": [_shown(rule) for rule in simulation.faults.rules()]}),
            view("webhooks/faults", lambda: {"rules": [_shown(rule) for rule in simulation.hooks.rules()]}),
            action("reset", self.reset),
            action("settings", self.adjust),
            action("clock", self.clock),
            action("faults", self.add_faults),
            action("faults/clear", self.clear_faults),
            action("webhooks/faults", self.add_hooks),
            action("webhooks/faults/clear", self.clear_hooks),
            action("webhooks/hold", self.hold),
            action("webhooks/release", self.release),
        ]

    def ledger(self) -> dict[str, Any]:
        """The truth about money: {charges: succeeded ones, refunds}, of all gateways."""
        total: dict[str, Any] = {"charges": [], "refunds": []}
        for ledger in self._simulation.ledgers:
            for name, entries in ledger().items():
                total[name].extend(entries)
        return total

    async def reset(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{}: forget everything, go back to the settings of the start."""
        self._simulation.reset(self._settings)
        return {"reset": True}

    async def adjust(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{webhook_backoff?, webhook_tries?, webhook_timeout?, unknown_delay?, refund_delay?}: seconds."""
        settings = self._simulation.adjust(wish)
        return {
            name: getattr(settings, name) for name in vars(settings) if name.startswith(("webhook_t", "webhook_b"))
        } | {
            "unknown_delay": settings.unknown_delay,
            "refund_delay": settings.refund_delay,
        }

    async def clock(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{offset_seconds}: simulated time = wall clock + offset; what becomes due happens before the answer."""
        self._simulation.clock.offset = float(wish["offset_seconds"])
        self._simulation.advance()
        return {"now": self._simulation.clock.now(), "offset_seconds": self._simulation.clock.offset}

    async def add_faults(self, wish: dict[str, Any]) -> dict[str, Any]:
        """One rule, or {rules: [rule, ...]}."""
        return {"rules": [_shown(self._simulation.faults.add(rule)) for rule in wish.get("rules", [wish])]}

    async def clear_faults(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{}: forget all rules for the API."""
        self._simulation.faults.clear()
        return {"rules": []}

    async def add_hooks(self, wish: dict[str, Any]) -> dict[str, Any]:
        """One rule, or {rules: [rule, ...]}."""
        return {"rules": [_shown(self._simulation.hooks.add(rule)) for rule in wish.get("rules", [wish])]}

    async def clear_hooks(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{}: forget all rules for webhooks."""
        self._simulation.hooks.clear()
        return {"rules": []}

    async def hold(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{}: keep events back until release."""
        self._simulation.deliveries.hold()
        return {"held": True}

    async def release(self, wish: dict[str, Any]) -> dict[str, Any]:
        """{order?: "emission" | "reversed"}: send what was held."""
        order = wish.get("order", "emission")
        if order not in ("emission", "reversed"):
            raise ControlError("order is emission or reversed")
        return {"released": self._simulation.deliveries.release(backwards=order == "reversed")}


def _shown(rule: Any) -> dict[str, Any]:
    return dataclasses.asdict(rule)
