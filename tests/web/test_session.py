"""Signing in and out over HTTP, and the state of the process."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from pecapp import db, errors, settings, tables
from pecapp.services import access, accounts, throttle, vitals
from pecapp.web import session
from tests.support import people, wrapped

ORIGIN = "http://localhost:8000"
RAISED: dict[str, errors.PecError] = {
    "invalid": errors.Invalid({"email": "EMAIL_ERRATA"}),
    "missing": errors.NotFound(),
    "forbidden": errors.Forbidden(),
    "conflict": errors.Conflict("PAG_IN_CORSO"),
    "often": errors.TooMany(retry_after=7),
    "away": errors.Unavailable(),
}


@pytest.fixture
def client(sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    people.quick_passwords(monkeypatch)
    now = settings.load().model_copy(update={"frontend_dir": str(tmp_path)})
    monkeypatch.setattr(settings, "load", lambda: now)
    product = wrapped.around(Starlette(), [Route("/raise/{what}", _raise)])
    cookie = {session.cookie_name(): access.new_cookie()}
    yield TestClient(product, base_url=ORIGIN, headers={"origin": ORIGIN}, cookies=cookie, follow_redirects=False)
    throttle.forget_all()


async def _raise(request: Request) -> JSONResponse:
    raise RAISED[request.path_params["what"]]


def given_cookie(answer: Any) -> str:
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0]


def keep(client: TestClient, answer: Any) -> str:
    """Let the browser have the cookie that it was given, in place of the old one."""
    client.cookies.clear()
    client.cookies.set(session.cookie_name(), cookie := given_cookie(answer))
    return cookie


def cookie_of(client: TestClient) -> str:
    return next(cookie.value or "" for cookie in client.cookies.jar)


def sign_in(client: TestClient, password: str = people.PASSWORD, **more: str) -> Any:
    return client.post("/auth/accedi", data={"username": "mario@esempio.test", "password": password, **more})


# --- signing in -------------------------------------------------------------------------------------------------------


def test_the_form_signs_in_and_leads_where_the_visitor_wanted_to_go(client: TestClient) -> None:
    people.customer()
    before = cookie_of(client)
    answer = sign_in(client, next="/ordine?passo=configure")
    assert (answer.status_code, answer.headers["location"]) == (303, "/ordine?passo=configure")
    assert given_cookie(answer) != before
    assert access.actor(given_cookie(answer)).signed_in
    assert not access.actor(before).signed_in


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", ""])
def test_the_form_leads_to_no_other_site(client: TestClient, wanted: str) -> None:
    people.customer()
    assert sign_in(client, next=wanted).headers["location"] == "/area-clienti"


def test_a_wrong_password_leads_back_with_what_was_typed_but_the_password(client: TestClient) -> None:
    people.customer()
    answer = sign_in(client, "sbagliata sbagliata", next="/ordini")
    assert (answer.status_code, answer.headers["location"]) == (303, "/accedi?errore=1")
    notice = access.take_notice(access.actor(cookie_of(client)))
    assert notice == {"username": "mario@esempio.test", "next": "/ordini", "code": "CREDENZIALI_ERRATE"}


def test_too_many_tries_say_so(client: TestClient) -> None:
    for _ in range(10):
        sign_in(client, "sbagliata sbagliata")
    assert sign_in(client).headers["location"] == "/accedi?errore=1"
    notice = access.take_notice(access.actor(cookie_of(client)))
    assert notice["code"] == "TROPPI_TENTATIVI"
    assert int(notice["retry_after"]) > 0


@pytest.mark.parametrize(
    "body",
    [b"", b"username=%00&password=%00", b"username=a&username=b", b"\xff\xfe", b"&".join([b"a=b"] * 50), b"password=x"],
)
def test_a_form_that_is_none_signs_nobody_in(client: TestClient, body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.post("/auth/accedi", content=body, headers=headers)
    assert answer.status_code in {303, 400}
    assert "set-cookie" not in answer.headers


def test_a_file_in_the_form_is_refused(client: TestClient) -> None:
    assert client.post("/auth/accedi", files={"username": b"x"}).status_code == 400


def test_signing_in_is_a_post(client: TestClient) -> None:
    for path in ("/auth/accedi", "/auth/esci"):
        assert client.get(path).status_code in {404, 405}


def test_the_form_of_another_site_signs_nobody_in_or_out(client: TestClient) -> None:
    people.customer()
    cookie = keep(client, sign_in(client))
    for path in ("/auth/accedi", "/auth/esci"):
        assert client.post(path, headers={"origin": "https://evil.example"}).status_code == 403
    assert access.actor(cookie).signed_in


# --- signing out ------------------------------------------------------------------------------------------------------


def test_signing_out_ends_the_session_and_changes_the_cookie(client: TestClient) -> None:
    people.customer()
    cookie = keep(client, sign_in(client))
    answer = client.post("/auth/esci")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert access.genuine(given_cookie(answer))
    assert given_cookie(answer) != cookie
    assert not access.actor(cookie).signed_in


# --- after registration and by mail -----------------------------------------------------------------------------------


def test_registration_ends_signed_in_in_the_same_browser_only(client: TestClient) -> None:
    visitor = access.actor(cookie_of(client), "testclient")
    ticket = accounts.register(visitor, people.private_person())
    thief = TestClient(client.app, base_url=ORIGIN, follow_redirects=False)
    assert thief.get(f"/auth/entra?ticket={ticket}").headers["location"] == "/accedi"
    answer = client.get(f"/auth/entra?ticket={ticket}&next=/ordine")
    assert answer.headers["location"] == "/ordine"
    assert access.actor(keep(client, answer)).signed_in
    assert client.get(f"/auth/entra?ticket={ticket}").headers["location"] == "/area-clienti"


def test_the_link_of_the_mail_confirms_the_address(client: TestClient) -> None:
    people.customer()
    with db.reading() as s:
        mail = s.exec(select(tables.OutboxMail).order_by(col(tables.OutboxMail.id))).one()
    for _ in range(2):
        assert client.get(mail.params["path"]).headers["location"] == "/accedi?confermata=1"
    assert client.get("/conferma-email?token=x").headers["location"] == "/recupera?link=scaduto"
    with db.reading() as s:
        assert s.exec(select(tables.Account.email_confirmed_at)).one() is not None


# --- errors and health ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "status"),
    [("invalid", 422), ("missing", 404), ("forbidden", 403), ("conflict", 409), ("often", 429), ("away", 503)],
)
def test_what_a_route_cannot_do_is_said_in_words(client: TestClient, what: str, status: int) -> None:
    answer = client.get(f"/raise/{what}")
    assert answer.status_code == status
    assert answer.json()["error"] == RAISED[what].code
    read = client.get(f"/raise/{what}", headers={"accept": "text/html", "accept-language": "en"})
    assert read.status_code == status
    assert read.headers["content-type"].startswith("text/plain")
    assert ("retry-after" in answer.headers) == (what in {"often", "away"})


def test_the_process_is_well_while_its_database_answers(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (client.get("/healthz").status_code, client.get("/healthz").json()) == (200, {"status": "ok"})

    def away() -> None:
        raise errors.Unavailable

    monkeypatch.setattr(vitals, "ask_database", away)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unavailable"})


def test_a_database_that_hangs_does_not_hang_the_answer(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(vitals, "ask_database", lambda: release.wait(10))
    try:
        assert client.get("/healthz").status_code == 503
    finally:
        release.set()
