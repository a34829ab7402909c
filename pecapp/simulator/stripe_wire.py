"""How Stripe's API speaks: keys, forms, idempotency, expansion, errors. What the calls mean is in stripe_api."""

import asyncio
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pecapp.simulator import faults
from pecapp.simulator.deliveries import Burst, Origin
from pecapp.simulator.faults import Behaviour
from pecapp.simulator.simulation import Parting, Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.stripe_errors import StripeError, invalid
from pecapp.simulator.stripe_expand import expand, verify
from pecapp.simulator.stripe_objects import API_VERSION, Object
from pecapp.simulator.stripe_params import Tree, check, decode, listed
from pecapp.simulator.traffic import Traffic

KEY_SECONDS = 24 * 3600
REPLAYS = "stripe.replay"
IN_USE = (
    "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice,"
    " and the other request is still going through). Please try again later."
)


@dataclass
class Call:
    """One API call: `ids` are the words of the address, `form` the typed parameters."""

    method: str
    path: str
    raw: dict[str, Any]
    request_id: str
    idempotency_key: str | None
    ids: tuple[str, ...] = ()
    form: Object = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """A call that exists: method, address with {} for ids, known parameters, the kind of object that it shows
    ("list payment_intent" for a list), and what it does."""

    method: str
    path: str
    form: Tree
    shows: str
    handle: Callable[[Simulation, Call], Object]

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids in the address, None when the call is another one."""
        pattern = re.escape(self.path).replace(r"\{\}", "([^/]+)")
        found = re.fullmatch(pattern, path) if method == self.method else None
        return found.groups() if found else None


@dataclass
class Reply:
    """Status and body, and whether they come from an earlier call with the same idempotency key."""

    status: int
    body: str
    replayed: bool = False


class Api:
    """Answers every address under /v1/."""

    def __init__(self, simulation: Simulation, routes: list[Route]) -> None:
        self._simulation = simulation
        self._routes = routes
        self._in_use: set[str] = set()

    async def serve(self, request: Request) -> Response:
        """One call, from the key to the answer; its webhooks leave after the answer unless a rule says otherwise."""
        simulation = self._simulation
        request_id = simulation.new_id("req_", 14)
        try:
            call = await self._read(request, request_id)
        except StripeError as problem:
            return self._answer(Reply(problem.status, json.dumps(problem.body(request_id))), request_id, None)
        traffic = simulation.traffic
        rule = simulation.faults.take(call.method, call.path)
        if rule and (early := await faults.before(rule)):
            self._record(traffic, call, early.status_code, rule)
            early.headers["Request-Id"] = request_id
            return early
        burst = Burst(Origin.API, request_id=request_id, idempotency_key=call.idempotency_key)
        with simulation.deliveries.collect(burst):
            reply = await self._idempotent(call, rule)
        await simulation.deliveries.deliver_early(burst)
        self._record(traffic, call, reply.status, rule, replayed=reply.replayed)
        answer = self._answer(reply, request_id, call.idempotency_key)
        if rule:
            if rule.behaviour is Behaviour.EXECUTE_THEN_HANG:
                simulation.deliveries.launch(burst)
            answer = await faults.after(rule, answer)
        return Parting(answer, simulation, burst)

    async def _read(self, request: Request, request_id: str) -> Call:
        key = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if not key.startswith("sk_test_") or len(key) < len("sk_test_") + 4:
            if not key:
                raise StripeError(401, "You did not provide an API key. Provide it in the Authorization header.")
            raise StripeError(401, f"Invalid API Key provided: {key[:8]}****. The simulator takes sk_test_ keys only.")
        in_address = request.method in ("GET", "DELETE")
        text = request.url.query if in_address else (await request.body()).decode(errors="replace")
        used = request.headers.get("idempotency-key") if request.method == "POST" else None
        if used and len(used) > 255:
            raise invalid("Idempotency keys must be at most 255 characters.", code="idempotency_key_too_long")
        return Call(request.method, request.url.path, decode(text), request_id, used)

    async def _idempotent(self, call: Call, rule: faults.Rule | None) -> Reply:
        key = call.idempotency_key
        if key is None:
            await self._dawdle(rule)
            return self._execute(call)[0]
        if key in self._in_use:
            problem = StripeError(409, IN_USE, code="idempotency_key_in_use")
            return Reply(409, json.dumps(problem.body(call.request_id)))
        if earlier := self._earlier(call, key):
            return earlier
        self._in_use.add(key)
        try:
            await self._dawdle(rule)
            reply, stored = self._execute(call)
            kept = reply
            if rule and rule.behaviour is Behaviour.ERROR_AFTER and rule.stored:
                kept = Reply(500, bytes(faults.server_error().body).decode())
            if stored:
                self._keep(call, key, kept)
            return reply
        finally:
            self._in_use.discard(key)

    async def _dawdle(self, rule: faults.Rule | None) -> None:
        if rule and rule.behaviour is Behaviour.SLOW:
            await asyncio.sleep(rule.ms / 1000)

    def _earlier(self, call: Call, key: str) -> Reply | None:
        record = self._simulation.store.find(REPLAYS, key)
        if record is None or record.object["at"] + KEY_SECONDS < self._simulation.clock.now():
            return None
        kept = record.object
        if (kept["method"], kept["path"]) != (call.method, call.path):
            problem = (
                "Keys for idempotent requests can only be used for the same endpoint they were first used for"
                f" ('{call.path}' vs '{kept['path']}'). Try using a key other than '{key}'"
                " if you meant to execute a different request."
            )
        elif kept["params"] != call.raw:
            problem = (
                "Keys for idempotent requests can only be used with the same parameters they were first used with."
                f" Try using a key other than '{key}' if you meant to execute a different request."
            )
        else:
            return Reply(kept["status"], kept["body"], replayed=True)
        failure = StripeError(400, problem, type="idempotency_error")
        return Reply(400, json.dumps(failure.body(call.request_id)))

    def _keep(self, call: Call, key: str, reply: Reply) -> None:
        shown = {
            "id": key,
            "at": self._simulation.clock.now(),
            "method": call.method,
            "path": call.path,
            "params": call.raw,
            "status": reply.status,
            "body": reply.body,
        }
        self._simulation.store.save(Record(REPLAYS, shown))

    def _execute(self, call: Call) -> tuple[Reply, bool]:
        try:
            route = self._route(call)
            call.form = check(route.form, call.raw)
            paths = call.form.pop("expand", None) or []
            verify(route.shows, paths)
            shown = expand(self._simulation, route.handle(self._simulation, call), paths)
            return Reply(200, json.dumps(shown)), True
        except StripeError as problem:
            return Reply(problem.status, json.dumps(problem.body(call.request_id))), problem.stored

    def _route(self, call: Call) -> Route:
        for route in self._routes:
            ids = route.match(call.method, call.path)
            if ids is not None:
                call.ids = ids
                return route
        message = f"Unrecognized request URL ({call.method}: {call.path}). The simulator does not have this call."
        raise StripeError(404, message, stored=False)

    def _answer(self, reply: Reply, request_id: str, key: str | None) -> Response:
        headers = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
        if key:
            headers["Idempotency-Key"] = key
        if reply.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(reply.body, reply.status, headers, "application/json")

    def _record(
        self, traffic: Traffic, call: Call, status: int, rule: faults.Rule | None, *, replayed: bool = False
    ) -> None:
        traffic.record(
            {
                "gateway": "stripe",
                "at": self._simulation.clock.wall(),
                "method": call.method,
                "path": call.path,
                "params": listed(call.raw),
                "idempotency_key": call.idempotency_key,
                "status": status,
                "request_id": call.request_id,
                "fault": rule.behaviour.value if rule else None,
                "replayed": replayed,
            }
        )
