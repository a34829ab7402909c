"""The official PayPal SDK with what it lacks: time-outs, one token for all threads, connections that are used again.

Nothing else in the product imports the SDK. Everything that leaves this module is a plain dict or an error of ours.
"""

import asyncio
import copy
import json
import logging
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
import requests.adapters
from paypalcheckoutsdk.core import AccessTokenRequest, PayPalEnvironment, PayPalHttpClient
from paypalhttp import HttpError

from pecapp.gateways import base

TIMEOUT = (5.0, 20.0)
"""Seconds to connect, and between two bytes of an answer."""
FETCH_TIMEOUT = (3.0, 5.0)
THREADS = 16
TOKEN_MARGIN = 60
"""Seconds before its end at which a token is not used any more."""
RETRIES = 2
PAUSE = 0.5
LONGEST_PAUSE = 5.0

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DEFINITE = frozenset({400, 401, 403, 404, 422})
_REPEATABLE = frozenset({429, 500, 502, 503, 504})
_BUSY = frozenset({"PREVIOUS_REQUEST_IN_PROGRESS", "RESOURCE_CONFLICT"})
"""Errors that say that another call with the same key is under way: it may well succeed."""

logging.getLogger("urllib3").setLevel(logging.WARNING)


@dataclass
class Call:
    """One request, in the shape that the SDK sends: it takes any object with these four names."""

    verb: str
    path: str
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


class Refused(base.GatewayError):
    """A definite no of PayPal: `issues` are its codes, the most specific first."""

    def __init__(self, text: str, status: int, issues: tuple[str, ...], links: dict[str, str]) -> None:
        super().__init__(text)
        self.status = status
        self.issues = issues
        self.links = links


def is_name(text: str) -> bool:
    """Whether PayPal has such names."""
    return bool(_ID.fullmatch(text))


def checked(name: str, what: str) -> str:
    """`name`, which may become part of an address. Raises GatewayError when PayPal has no such names."""
    if not is_name(name):
        raise base.GatewayError(f"{what}: not a name that PayPal gives")
    return name


class Client:
    """Calls from the event loop; the SDK blocks, so each call has one of a few threads."""

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        api_url: str,
        *,
        timeout: tuple[float, float] = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        environment = PayPalEnvironment(client_id, client_secret, api_url, "")
        self._http = _Http(environment, timeout)
        self._retries = retries
        self._threads = ThreadPoolExecutor(THREADS, "paypal")

    async def ask(self, what: str, call: Call) -> dict[str, Any]:
        """PayPal's answer, empty when it has none to give.

        Raises Refused on a definite no, OutcomeUnknown on whatever else goes wrong. Passing faults are tried again with
        the same content and key. A caller that goes away leaves the call running: its outcome is then unknown.
        """
        for turn in range(self._retries + 1):
            try:
                return await asyncio.get_running_loop().run_in_executor(self._threads, self._sent, what, call)
            except _Passing as fault:
                if turn == self._retries:
                    raise base.OutcomeUnknown(str(fault)) from fault
                await asyncio.sleep(min(max(fault.pause, PAUSE * 2**turn), LONGEST_PAUSE))
        raise AssertionError("the last turn returns or raises")

    async def fetch(self, url: str, limit: int) -> bytes:
        """A public document of at most `limit` bytes. Raises GatewayError, of which Refused says: not there."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._http.fetch, url, limit)

    def close(self) -> None:
        """Close the connections; a later call opens new ones."""
        self._http.close()

    def _sent(self, what: str, call: Call) -> dict[str, Any]:
        try:
            return self._http.answer(call)
        except HttpError as problem:
            raise _error(what, problem) from problem
        except requests.ReadTimeout as problem:
            raise base.OutcomeUnknown(f"{what}: no answer in time") from problem
        except (requests.RequestException, OSError, ValueError) as problem:
            raise _Passing(f"{what}: {type(problem).__name__}") from problem


class _Passing(Exception):
    """A fault that may be over in a moment. `pause` is how long PayPal asks to wait, in seconds."""

    def __init__(self, text: str, pause: float = 0.0) -> None:
        super().__init__(text)
        self.pause = pause


def _error(what: str, problem: HttpError) -> Exception:
    status = problem.status_code
    issues, links = _read_error(problem.message)
    text = f"{what}: {status} {' '.join(issues)} {problem.headers.get('Paypal-Debug-Id', '')}".strip()
    if status in _DEFINITE and not _BUSY.intersection(issues):
        return Refused(text, status, issues, links)
    if status in _REPEATABLE or _BUSY.intersection(issues):
        wait = str(problem.headers.get("Retry-After", ""))
        return _Passing(text, float(wait) if wait.isdigit() else 0.0)
    return base.OutcomeUnknown(text)


def _read_error(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """The codes and links of an error answer; nothing of one that is not PayPal's."""
    try:
        answer = json.loads(text)
    except ValueError:
        return (), {}
    if not isinstance(answer, dict):
        return (), {}
    codes = [one.get("issue") for one in _objects(answer, "details")] + [answer.get("name"), answer.get("error")]
    links = {str(one.get("rel")): str(one.get("href")) for one in _objects(answer, "links")}
    return tuple(code for code in codes if isinstance(code, str) and code), links


def _objects(answer: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = answer.get(name)
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


class _Http(PayPalHttpClient):
    """The SDK's client, which has no time-out, trusts a rejected token and connects anew for each call."""

    def __init__(self, environment: PayPalEnvironment, timeout: tuple[float, float]) -> None:
        super().__init__(environment)
        self._timeout = timeout
        self._renewal = threading.RLock()
        self._session = requests.Session()
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=THREADS)
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, adapter)
        self._session.trust_env = False
        self._token = ""
        self._expires = 0.0

    def answer(self, request: Any) -> dict[str, Any]:
        """Send with a valid token; a rejected one is renewed once, since a call that was refused had no effect."""
        token = self._valid_token()
        try:
            return self._send(request, token)
        except HttpError as problem:
            if problem.status_code != requests.codes.unauthorized:
                raise
            return self._send(request, self._valid_token(rejected=token))

    def _valid_token(self, rejected: str = "") -> str:
        with self._renewal:
            if self._token in ("", rejected) or time.monotonic() >= self._expires:
                got = self._send(AccessTokenRequest(self.environment), "")
                try:
                    token, seconds = f"{got['token_type']} {got['access_token']}", int(got["expires_in"])
                except (KeyError, TypeError, ValueError) as problem:
                    raise requests.exceptions.ContentDecodingError("an answer without an access token") from problem
                self._token, self._expires = token, time.monotonic() + seconds - TOKEN_MARGIN
            return self._token

    def _send(self, request: Any, token: str) -> dict[str, Any]:
        """What the SDK's `execute` does, on a kept connection, with a time-out, and believing JSON objects only."""
        sent = copy.copy(request)
        sent.headers = dict(request.headers)
        if token:
            sent.headers["Authorization"] = token
        self(sent)  # the SDK's own headers
        sent.headers = {"content-type": "application/json"} | self.format_headers(sent.headers)
        sent.headers["user-agent"] = self.get_user_agent()
        data = sent.body
        if data is not None and not isinstance(data, bytes):
            data = self.encoder.serialize_request(sent)
        response = self._session.request(
            sent.verb,
            self.environment.base_url + sent.path,
            headers=sent.headers,
            data=data,
            timeout=self._timeout,
            allow_redirects=False,
        )
        if response.status_code == requests.codes.no_content:
            return {}
        if not response.ok or response.is_redirect:
            raise HttpError(response.text, response.status_code, response.headers)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip()
        answer = response.json() if kind == "application/json" else None
        if not isinstance(answer, dict):
            raise requests.exceptions.ContentDecodingError("an answer that is not a JSON object")
        return answer

    def fetch(self, url: str, limit: int) -> bytes:
        """A public document: no token, no redirects, in a few seconds."""
        try:
            with self._session.get(url, timeout=FETCH_TIMEOUT, allow_redirects=False, stream=True) as response:
                body = response.raw.read(limit + 1, decode_content=True)
        except (requests.RequestException, OSError) as problem:
            raise base.GatewayError(f"fetch: {type(problem).__name__}") from problem
        if response.status_code == requests.codes.not_found:
            raise Refused("fetch: not found", response.status_code, (), {})
        if response.status_code != requests.codes.ok or len(body) > limit:
            raise base.GatewayError(f"fetch: status {response.status_code}, {len(body)} bytes")
        return body

    def close(self) -> None:
        """Close the kept connections."""
        self._session.close()
