"""What every answer carries and every question must keep to, and how the built pages are served at this address."""

import asyncio
import base64
import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.types import Message

from pecapp import settings
from pecapp.services import access, throttle
from pecapp.web import edge, routes, session
from tests.support import people, wrapped

BAKED = "http://localhost:8300"
INLINE = "window.here = 1"
ELSEWHERE = "https://pec.esempio.test"
PAGE = f'<html><script>{INLINE}</script><script type="module" src="/x.js"></script></html>'
ENV = f"var e={{PING:`{BAKED}/ping`,EVENT:`ws://localhost:8300/_event`}};"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """What a build of the frontend leaves behind, in small."""
    files = {
        "index.html": PAGE,
        "accedi/index.html": PAGE,
        "accedi.html": PAGE,
        "__spa-fallback.html": "<script>window.fallback = 1</script>",
        "404.html": "<script>window.missing = 1</script>",
        "assets/reflex-env-Abc.js": ENV,
        "assets/page-Xyz.js": "1",
        "ceralacca.css": "a{}",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


Make = Callable[..., TestClient]


@pytest.fixture
def site(build: Path, sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """The wrappers and routes around a product that has only static pages."""
    people.quick_passwords(monkeypatch)
    usual = settings.load()

    def make(**changed: Any) -> TestClient:
        now = usual.model_copy(update={"frontend_dir": str(build), **changed})
        monkeypatch.setattr(settings, "load", lambda: now)
        extra = [Route("/echo", _echo, methods=["POST"]), Route("/broken", _broken)]
        product = wrapped.around(StaticFiles(directory=build, html=True), extra)
        return TestClient(product, base_url=now.public_url, follow_redirects=False)

    yield make
    throttle.forget_all()


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def _broken(_: Request) -> PlainTextResponse:
    raise RuntimeError("the secret reason")


HTML = {"accept": "text/html"}
OURS = {"origin": "http://localhost:8000"}


def _hash(code: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()}'"


# --- the anonymous cookie ---------------------------------------------------------------------------------------------


def test_the_first_page_gives_the_browser_a_cookie_that_scripts_and_other_sites_do_not_get(site: Make) -> None:
    line = site().get("/", headers=HTML).headers["set-cookie"]
    name, _, rest = line.partition("=")
    assert name == "sid"
    assert access.genuine(rest.partition(";")[0])
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in line.split(";")}
    assert "Secure" not in line


def test_over_https_the_cookie_is_secure_and_bound_to_this_host(site: Make) -> None:
    answer = site(public_url=ELSEWHERE).get("/", headers=HTML)
    assert answer.headers["set-cookie"].startswith("__Host-sid=")
    assert "; Secure" in answer.headers["set-cookie"]
    assert "Domain" not in answer.headers["set-cookie"]
    assert answer.headers["strict-transport-security"].startswith("max-age=")


def test_a_browser_keeps_the_cookie_it_has_and_a_forged_one_is_replaced(site: Make) -> None:
    client = site()
    assert "set-cookie" in client.get("/", headers=HTML).headers
    assert "set-cookie" not in client.get("/accedi", headers=HTML).headers
    client.cookies.clear()
    assert "set-cookie" in client.get("/", headers={**HTML, "cookie": "sid=forged"}).headers


def test_what_is_no_page_gives_no_cookie(site: Make) -> None:
    client = site()
    for path in ("/ceralacca.css", "/assets/page-Xyz.js", "/healthz"):
        assert "set-cookie" not in client.get(path, headers=HTML).headers


# --- headers ----------------------------------------------------------------------------------------------------------


def test_a_page_may_run_its_own_scripts_and_no_others(site: Make) -> None:
    policy = site().get("/accedi", headers=HTML).headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts == f"script-src 'self' {_hash(INLINE)}"
    assert "frame-ancestors 'none'" in policy
    assert "object-src 'none'" in policy
    assert "ws://localhost:8000" in policy


def test_an_address_without_a_page_of_its_own_may_run_the_scripts_of_the_general_ones(site: Make) -> None:
    policy = site().get("/ordini/1234567890", headers=HTML).headers["content-security-policy"]
    assert _hash("window.fallback = 1") in policy
    assert _hash("window.missing = 1") in policy
    assert _hash(INLINE) not in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("path", ["/", "/ceralacca.css", "/healthz", "/nowhere"])
def test_every_answer_says_how_it_may_be_used(site: Make, path: str) -> None:
    headers = site().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-frame-options"] == "DENY"
    assert "camera=()" in headers["permissions-policy"]


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/assets/page-Xyz.js", "public, max-age=31536000, immutable"),
        ("/assets/reflex-env-Abc.js", "no-cache"),
        ("/assets/gone.js", "no-cache"),
        ("/", "no-cache"),
        ("/ceralacca.css", "no-cache"),
        ("/healthz", "no-store"),
    ],
)
def test_what_has_a_hash_in_its_name_is_kept_for_ever_and_nothing_else_is(site: Make, path: str, kept: str) -> None:
    assert site().get(path).headers["cache-control"] == kept


def test_one_build_serves_any_address(site: Make) -> None:
    assert site().get("/assets/reflex-env-Abc.js").text == ENV.replace(":8300", ":8000")
    moved = site(public_url=ELSEWHERE).get("/assets/reflex-env-Abc.js").text
    assert f"PING:`{ELSEWHERE}/ping`" in moved
    assert "EVENT:`wss://pec.esempio.test/_event`" in moved


def test_a_page_is_served_at_its_own_address_without_a_detour(site: Make) -> None:
    answer = site().get("/accedi?next=/ordine", headers=HTML)
    assert (answer.status_code, answer.text) == (200, PAGE)


# --- what is sent to us -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://localhost:8000.evil.example"])
def test_a_form_of_another_site_is_refused(site: Make, origin: str | None) -> None:
    headers = {} if origin is None else {"origin": origin}
    assert site().post("/echo", content=b"x", headers=headers).status_code == 403


def test_a_webhook_needs_no_origin(site: Make) -> None:
    assert site().post("/webhooks/nobody", content=b"{}").status_code != 403


def test_a_large_body_is_refused_whether_it_says_so_or_not(site: Make) -> None:
    client = site()
    at_most, too_much = b"x" * edge.BODY_LIMIT, b"x" * (edge.BODY_LIMIT + 1)
    assert client.post("/echo", content=at_most, headers=OURS).text == str(edge.BODY_LIMIT)
    assert client.post("/echo", content=too_much, headers=OURS).status_code == 413
    assert client.post("/echo", content=iter([too_much]), headers=OURS).status_code == 413
    assert client.post("/echo", content=b"", headers={**OURS, "content-length": "-5"}).status_code == 413


@pytest.mark.anyio
async def test_a_body_that_never_ends_is_given_up() -> None:
    sent: list[Message] = []

    async def never() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/webhooks/x", "headers": [], "query_string": b""}
    guarded = partial(edge.Posts, origin="x", seconds=0.01)(PlainTextResponse("reached"))
    await asyncio.wait_for(guarded(scope, never, send), 5)
    assert sent[0]["status"] == 408


@pytest.mark.logs_errors("fault")
def test_what_nobody_expected_gets_an_id_and_no_reason(site: Make, caplog: pytest.LogCaptureFixture) -> None:
    answer = site().get("/broken")
    assert answer.status_code == 500
    assert "secret reason" not in answer.text
    (line,) = [record for record in caplog.records if record.getMessage().startswith("fault")]
    assert line.getMessage().split()[1] in answer.text


# --- behind a proxy ---------------------------------------------------------------------------------------------------


def test_only_a_trusted_proxy_says_where_a_request_comes_from(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = settings.load().model_copy(update={"frontend_dir": str(build), "trusted_proxies": "192.0.2.1"})
    monkeypatch.setattr(settings, "load", lambda: now)
    seen: list[str] = []

    async def note(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"][0])
        await PlainTextResponse("")(scope, receive, send)

    proxied = routes.wrap(dict)[-1]
    assert not isinstance(proxied, Starlette)
    for address in ("192.0.2.1", "192.0.2.2"):
        client = TestClient(wrapped.plainly_async(proxied(note)), client=(address, 1))
        client.get("/", headers={"x-forwarded-for": "203.0.113.5"})
    assert seen == ["203.0.113.5", "192.0.2.2"]


def test_the_first_of_several_cookies_with_our_name_counts_and_none_is_believed_unsigned() -> None:
    good, other = access.new_cookie(), access.new_cookie()
    assert session.cookie([(b"cookie", f"a=b; sid={good}; sid={other}".encode())]) == good
    assert session.cookie([(b"cookie", b"a=b"), (b"cookie", f"sid={good}".encode())]) == good
    assert session.cookie([(b"cookie", f"xsid={good}".encode())]) is None
    assert session.cookie([(b"cookie", b"sid=\xff\xfe")]) is None
    assert session.cookie([]) is None
