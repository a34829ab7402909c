"""How PayPal's API speaks: access tokens, JSON, Prefer, request ids, errors. What the calls mean is elsewhere."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from pecapp.simulator import faults, paypal_access
from pecapp.simulator.deliveries import Burst, Origin
from pecapp.simulator.faults import Behaviour
from pecapp.simulator.paypal_errors import IN_USE, PayPalError, missing, mocked
from pecapp.simulator.paypal_objects import Object, link
from pecapp.simulator.simulation import Parting, Simulation
from pecapp.simulator.store import Record
from pecapp.simulator.traffic import Traffic

HOUR = 3600
ORDER_KEYS, VAULT_KEYS, REFUND_KEYS = 6 * HOUR, 3 * HOUR, 45 * 24 * HOUR
REPLAYS = "paypal.replay"
MINIMAL = ("id", "status", "links")


@dataclass
class Call:
    """One API call: `ids` are the words of the address, `key` is its PayPal-Request-Id."""

    method: str
    path: str
    body: Object
    query: dict[str, str]
    debug_id: str
    key: str | None = None
    whole: bool = False
    """Whether `Prefer` asks for the whole object."""
    mock: str | None = None
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Done:
    """What a call came to: a record, which the route shows, or a body of its own, or nothing."""

    status: int
    record: Record | None = None
    body: Object | None = None


@dataclass(frozen=True)
class Route:
    """A call that exists: method, address with {} for ids, what it does, how its record is shown.

    `seconds`: how long its PayPal-Request-Id is kept. `keyed`: without one the call is refused.
    """

    method: str
    path: str
    handle: Callable[[Simulation, Call], Done]
    show: Callable[[Simulation, Record], Object]
    seconds: int = 0
    keyed: bool = False

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The ids in the address, None when the call is another one."""
        pattern = re.escape(self.path).replace(r"\{\}", "([^/]+)")
        found = re.fullmatch(pattern, path) if method == self.method else None
        return found.groups() if found else None


@dataclass
class Reply:
    """Status and body, and whether they come from an earlier call with the same request id."""

    status: int
    body: Object | None
    replayed: bool = False


class Api:
    """Answers every address under /v2/ and /v3/, and /v1/oauth2/token."""

    def __init__(self, simulation: Simulation, routes: list[Route]) -> None:
        self._simulation = simulation
        self._routes = routes
        self._in_use: set[str] = set()

    async def token(self, request: Request) -> Response:
        """An access token for the client's secret."""
        form = (await request.body()).decode(errors="replace")
        call = Call("POST", request.url.path, {"grant_type": "client_credentials"}, {}, _debug_id())

        async def execute(rule: faults.Rule | None) -> Reply:
            await _dawdle(rule)
            try:
                known = paypal_access.issue(self._simulation, request.headers.get("authorization", ""), form)
                return Reply(200, known)
            except PayPalError as problem:
                return Reply(problem.status, problem.body(call.debug_id))

        return await self._meet(call, execute)

    async def serve(self, request: Request) -> Response:
        """One call, from the token to the answer; its webhooks leave after the answer unless a rule says otherwise."""
        debug_id = _debug_id()
        try:
            paypal_access.check(self._simulation, request.headers.get("authorization", ""))
            call = await _read(request, debug_id)
            route = self._route(call)
        except PayPalError as problem:
            return _answer(Reply(problem.status, problem.body(debug_id)), debug_id)
        return await self._meet(call, lambda rule: self._keyed(route, call, rule))

    async def _meet(self, call: Call, execute: Callable[[faults.Rule | None], Awaitable[Reply]]) -> Response:
        """Let a rule for the call have its way, before, during and after its execution."""
        simulation = self._simulation
        traffic = simulation.traffic
        rule = simulation.faults.take(call.method, call.path)
        if rule and (early := await _before(rule, call.debug_id)):
            self._record(traffic, call, early.status_code, rule)
            early.headers["Paypal-Debug-Id"] = call.debug_id
            return early
        burst = Burst(Origin.API, request_id=call.debug_id, idempotency_key=call.key)
        with simulation.deliveries.collect(burst):
            reply = await execute(rule)
        await simulation.deliveries.deliver_early(burst)
        self._record(traffic, call, reply.status, rule, replayed=reply.replayed)
        answer = _answer(reply, call.debug_id)
        if rule:
            if rule.behaviour is Behaviour.EXECUTE_THEN_HANG:
                simulation.deliveries.launch(burst)
            answer = await _after(rule, answer, call.debug_id)
        return Parting(answer, simulation, burst)

    def _route(self, call: Call) -> Route:
        for route in self._routes:
            ids = route.match(call.method, call.path)
            if ids is not None:
                call.ids = ids
                return route
        raise PayPalError(404)

    async def _keyed(self, route: Route, call: Call, rule: faults.Rule | None) -> Reply:
        if not call.key or not route.seconds:
            await _dawdle(rule)
            return self._execute(route, call)
        key = f"{route.method} {route.path} {call.key}"
        if key in self._in_use:
            return Reply(409, PayPalError(409, IN_USE).body(call.debug_id))
        if earlier := self._earlier(route, call, key):
            return earlier
        self._in_use.add(key)
        try:
            await _dawdle(rule)
            return self._execute(route, call, key)
        finally:
            self._in_use.discard(key)

    def _earlier(self, route: Route, call: Call, key: str) -> Reply | None:
        """The present state of what an earlier call with this key made, whatever the two calls asked for."""
        kept = self._simulation.store.find(REPLAYS, key)
        if kept is None or kept.object["at"] + route.seconds < self._simulation.clock.now():
            return None
        record = self._simulation.store.find(kept.object["kind"], kept.object["made"])
        return Reply(200, self._shown(route, call, record), replayed=True) if record else None

    def _execute(self, route: Route, call: Call, key: str = "") -> Reply:
        try:
            if call.mock and call.path.startswith("/v2/"):
                raise self._mocked(call, call.mock)
            if route.keyed and not call.key:
                raise PayPalError(400, "PAYPAL_REQUEST_ID_REQUIRED", field="PayPal-Request-Id", location="header")
            done = route.handle(self._simulation, call)
        except PayPalError as problem:
            return Reply(problem.status, problem.body(call.debug_id))
        if done.record is None:
            return Reply(done.status, done.body)
        if key:
            made = {"id": key, "at": self._simulation.clock.now(), "kind": done.record.kind, "made": done.record.id}
            self._simulation.store.save(Record(REPLAYS, made))
        return Reply(done.status, self._shown(route, call, done.record))

    def _mocked(self, call: Call, code: str) -> PayPalError:
        if code == "INSTRUMENT_DECLINED" and call.ids:
            return mocked(code, link(self._simulation, f"/checkoutnow?token={call.ids[0]}", "redirect"))
        return mocked(code)

    def _shown(self, route: Route, call: Call, record: Record) -> Object:
        shown = route.show(self._simulation, record)
        if call.method == "POST" and call.path.startswith("/v2/") and not call.whole:
            return {name: shown[name] for name in MINIMAL}
        return shown

    def _record(
        self, traffic: Traffic, call: Call, status: int, rule: faults.Rule | None, *, replayed: bool = False
    ) -> None:
        traffic.record(
            {
                "gateway": "paypal",
                "at": self._simulation.clock.wall(),
                "method": call.method,
                "path": call.path,
                "params": call.body or call.query,
                "idempotency_key": call.key,
                "status": status,
                "request_id": call.debug_id,
                "fault": rule.behaviour.value if rule else None,
                "replayed": replayed,
            }
        )


def _debug_id() -> str:
    return secrets.token_hex(7)[:13]


def _answer(reply: Reply, debug_id: str) -> Response:
    headers = {"Paypal-Debug-Id": debug_id}
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    return JSONResponse(reply.body, reply.status, headers)


async def _read(request: Request, debug_id: str) -> Call:
    headers = request.headers
    key = headers.get("paypal-request-id") if request.method == "POST" else None
    return Call(
        request.method,
        request.url.path,
        await _body(request),
        dict(request.query_params),
        debug_id,
        key,
        whole="return=representation" in headers.get("prefer", ""),
        mock=_mock(headers.get("paypal-mock-response", "")),
    )


async def _body(request: Request) -> Object:
    """The JSON object that was sent; PayPal wants the content type even of an empty body."""
    if request.method != "POST":
        return {}
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise PayPalError(415)
    text = await request.body()
    try:
        content = json.loads(text) if text.strip() else {}
    except ValueError as problem:
        raise PayPalError(400, "MALFORMED_REQUEST_JSON", field="/") from problem
    if not isinstance(content, dict):
        raise PayPalError(400, "INVALID_PARAMETER_SYNTAX", field="/")
    return content


def _mock(header: str) -> str | None:
    if not header:
        return None
    try:
        code = json.loads(header)["mock_application_codes"]
    except (ValueError, KeyError, TypeError) as problem:
        raise PayPalError(400, "INVALID_PARAMETER_SYNTAX", field="PayPal-Mock-Response", location="header") from problem
    return str(code)


async def _dawdle(rule: faults.Rule | None) -> None:
    if rule and rule.behaviour is Behaviour.SLOW:
        await asyncio.sleep(rule.ms / 1000)


async def _before(rule: faults.Rule, debug_id: str) -> Response | None:
    """The answer of a rule that keeps the call from being executed, in PayPal's words."""
    status = {
        Behaviour.ERROR_BEFORE: 500,
        Behaviour.CONFLICT_409: 409,
        Behaviour.RATE_LIMIT_429: 429,
    }.get(rule.behaviour)
    if status is None:
        return await faults.before(rule)
    problem = PayPalError(status, IN_USE if status == 409 else "")
    answer = _answer(Reply(status, problem.body(debug_id)), debug_id)
    if status == 429:
        answer.headers["Retry-After"] = "1"
    return answer


async def _after(rule: faults.Rule, answer: Response, debug_id: str) -> Response:
    """What the caller gets of an executed call. A repetition with the same key always sees what was made: PayPal keeps
    the object and not the answer, so `stored` makes no difference."""
    if rule.behaviour is Behaviour.ERROR_AFTER:
        return _answer(Reply(500, PayPalError(500).body(debug_id)), debug_id)
    return await faults.after(rule, answer)


def fetch(simulation: Simulation, kind: str, key: str) -> Record:
    """The record in the address. Raises PayPalError 404."""
    record = simulation.store.find(kind, key)
    if record is None:
        raise missing()
    return record


def plain(simulation: Simulation, record: Record) -> Object:
    """Shows a record as it is."""
    return record.object
