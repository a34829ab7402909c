"""The way in for the staff over HTTP: password, then the code of their app; nothing in between opens anything."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pecapp import db, settings
from pecapp.services import access, accounts, second_factor, throttle
from pecapp.web import session
from tests.support import people, wrapped

ORIGIN = "http://localhost:8000"
EMAIL = "staff@esempio.test"
ENTER = "/admin/entra"


@pytest.fixture
def client(sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, frozen_clock: Any) -> Iterator[Any]:
    people.quick_passwords(monkeypatch)
    now = settings.load().model_copy(update={"frontend_dir": str(tmp_path)})
    monkeypatch.setattr(settings, "load", lambda: now)
    with db.transaction() as s:
        accounts.add(s, email=EMAIL, password=people.PASSWORD, holder={}, role="support", lang="it")
    cookie = {session.cookie_name(): access.new_cookie()}
    product = wrapped.around(Starlette(), [])
    yield TestClient(product, base_url=ORIGIN, headers={"origin": ORIGIN}, cookies=cookie, follow_redirects=False)
    throttle.forget_all()


def keep(client: TestClient, answer: Any) -> str:
    """Let the browser have the cookie that it was given, in place of the old one."""
    cookie = answer.headers["set-cookie"].partition("=")[2].partition(";")[0]
    client.cookies.clear()
    client.cookies.set(session.cookie_name(), cookie)
    return cookie


def with_password(client: TestClient, wanted: str = "") -> Any:
    answer = client.post("/auth/accedi", data={"username": EMAIL, "password": people.PASSWORD, "next": wanted})
    keep(client, answer)
    return answer


def shown_secret(client: TestClient) -> str:
    found = re.search(r"<code>([A-Z2-7 ]+)</code>", client.get(ENTER).text)
    assert found
    return found[1].replace(" ", "")


def test_the_password_leads_to_the_code_and_the_code_to_where_they_wanted_to_go(client: TestClient) -> None:
    answer = with_password(client, "/admin/ordini")
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ENTER}?next=%2Fadmin%2Fordini")
    code = second_factor.code_of(shown_secret(client))
    entered = client.post(ENTER, data={"code": code, "next": "/admin/ordini"})
    assert access.actor(keep(client, entered)).role == "support"
    assert (entered.status_code, entered.text.count("<li><code>")) == (200, 10)
    assert 'href="/admin/ordini"' in entered.text
    assert entered.headers["cache-control"] == "no-store"


def test_the_second_time_there_is_no_secret_to_see(client: TestClient, frozen_clock: Any) -> None:
    with_password(client)
    secret = shown_secret(client)
    keep(client, client.post(ENTER, data={"code": second_factor.code_of(secret)}))
    client.post("/auth/esci")
    frozen_clock.advance(minutes=1)
    with_password(client)
    page = client.get(ENTER).text
    assert ("<code>" in page, '<img class="seal"' in page, page.count("data:image")) == (False, True, 0)
    entered = client.post(ENTER, data={"code": second_factor.code_of(secret)})
    assert (entered.status_code, entered.headers["location"]) == (303, "/admin")


def test_a_wrong_code_is_said_in_words_and_changes_no_cookie(client: TestClient) -> None:
    with_password(client)
    shown_secret(client)
    answer = client.post(ENTER, data={"code": "000000"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (422, False)
    assert "Il codice non è giusto" in answer.text


def test_guessing_is_stopped(client: TestClient) -> None:
    with_password(client)
    assert [client.post(ENTER, data={"code": "000000"}).status_code for _ in range(6)] == [422] * 5 + [429]


@pytest.mark.parametrize(
    "body", [{}, {"code": "1" * 50_000}, {"other": "x"}, {"code": "000000", "next": "//evil.example"}]
)
def test_odd_forms_open_nothing(client: TestClient, body: dict[str, str]) -> None:
    with_password(client)
    answer = client.post(ENTER, data=body)
    assert answer.status_code in {413, 422}
    assert "evil.example" not in answer.text


@pytest.mark.parametrize("wanted", ["//[", "/\\evil.example", "//evil.example", "///evil.example"])
def test_an_address_that_is_none_leads_to_the_board(client: TestClient, wanted: str) -> None:
    with_password(client)
    answer = client.post(ENTER, data={"code": second_factor.code_of(shown_secret(client)), "next": wanted})
    assert (answer.status_code, 'href="/admin"' in answer.text) == (200, True)


def test_without_the_password_there_is_nothing_to_enter(client: TestClient) -> None:
    for answer in (client.get(ENTER), client.post(ENTER, data={"code": "000000"})):
        assert (answer.status_code, answer.headers["location"]) == (303, "/accedi?next=/admin")


def test_a_customer_has_no_second_step(client: TestClient) -> None:
    people.customer()
    answer = client.post("/auth/accedi", data={"username": "mario@esempio.test", "password": people.PASSWORD})
    assert answer.headers["location"] == "/area-clienti"
    keep(client, answer)
    assert client.get(ENTER).headers["location"] == "/admin"


def test_half_way_in_one_can_speak_another_language_and_leave(client: TestClient) -> None:
    with_password(client)
    page = client.get(f"{ENTER}?lang=en")
    assert "Two-step verification" in page.text
    gone = client.post("/auth/esci")
    keep(client, gone)
    assert client.get(ENTER).headers["location"] == "/accedi?next=/admin"


def test_the_code_of_the_demonstration_is_not_shown_in_production(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert re.fullmatch(r"\d{6}", client.get("/dev/codice").text)
    live = settings.Settings(environment="production")
    monkeypatch.setattr(settings, "load", lambda: live)
    product = wrapped.around(Starlette(), [])
    assert TestClient(product, base_url=ORIGIN).get("/dev/codice").status_code == 404
