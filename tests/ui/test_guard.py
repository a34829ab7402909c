"""Who may call the handlers of a State, and what is said when one of them fails."""

from types import SimpleNamespace
from typing import Any

import pytest

from pecapp import errors
from pecapp.domain import staff
from pecapp.services import access
from pecapp.ui import guard
from pecapp.ui.states import session

STRANGER = access.Actor("s")
CUSTOMER = access.Actor("s", 1, "customer")
ADMIN = access.Actor("s", 2, "owner")
SUPPORT = access.Actor("s", 3, "support")
HERE = {"asPath": "/ordini/1234567890?a=b"}


class Silent:
    """A State that says nothing of who may call it."""


class Tab:
    """The State of a tab that was never the staff's."""

    async def get_state(self, _: type) -> Any:
        return SimpleNamespace(_of_staff=False)


def state(policy: str, right: staff.Right | None = None) -> type:
    return type("Spoken", (), {"_policy": policy, **({"_right": right} if right else {})})


@pytest.fixture(autouse=True)
def _somewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "EventContext", SimpleNamespace(get=lambda: SimpleNamespace(router_data=HERE)))


async def answer(monkeypatch: pytest.MonkeyPatch, owner: type, actor: access.Actor) -> str:
    """Where the guard sends `actor`; empty when the handler may run."""

    async def identify(_: Any) -> access.Actor:
        return actor

    monkeypatch.setattr(session, "identify", identify)
    event: Any = SimpleNamespace(state_cls=owner, name="state.act")
    nothing: Any = None
    tab: Any = Tab()
    update = await guard.Guard().preprocess(nothing, tab, event)
    return "" if update is None else update.events[0].payload["path"]


SIGN_IN = "/accedi?next=%2Fordini%2F1234567890%3Fa%3Db"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("owner", "actor", "sent_to"),
    [
        (Silent, STRANGER, SIGN_IN),
        (Silent, CUSTOMER, ""),
        (state("public"), STRANGER, ""),
        (state("customer"), STRANGER, SIGN_IN),
        (state("customer"), CUSTOMER, ""),
        (state("customer"), ADMIN, ""),
        (state("admin"), STRANGER, SIGN_IN),
        (state("admin"), CUSTOMER, "/"),
        (state("admin"), ADMIN, ""),
        (state("publik"), CUSTOMER, "/"),
        (state("publik"), ADMIN, "/admin"),
        (state("admin", staff.Right.STAFF), ADMIN, ""),
        (state("admin", staff.Right.STAFF), SUPPORT, "/admin"),
        (state("admin"), SUPPORT, ""),
    ],
)
async def test_a_handler_runs_only_for_whom_its_state_names(
    monkeypatch: pytest.MonkeyPatch, owner: type, actor: access.Actor, sent_to: str
) -> None:
    assert await answer(monkeypatch, owner, actor) == sent_to


def said(problem: Exception) -> Any:
    (event,) = guard.went_wrong(problem)
    return {str(name): str(value) for name, value in event.args}


def test_an_error_of_ours_is_said_with_its_figures() -> None:
    told = said(errors.TooMany(retry_after=7))
    assert told["code"] == '"TROPPI_TENTATIVI"'
    assert '"7"' in told["params"]


@pytest.mark.logs_errors("fault")
def test_any_other_error_is_said_neutrally_and_explained_in_the_log_under_an_id(
    caplog: pytest.LogCaptureFixture,
) -> None:
    told = said(RuntimeError("the secret reason"))
    (line,) = [record for record in caplog.records if record.getMessage().startswith("fault")]
    assert told["code"] == '"ERRORE_INATTESO"'
    assert line.getMessage().split()[1] in told["params"]
    assert "secret" not in str(told)
    assert line.exc_info is not None
    assert "the secret reason" in str(line.exc_info[1])


def test_who_should_sign_in_is_led_there_and_back() -> None:
    (event,) = guard.went_wrong(errors.Forbidden("ACCEDI"))
    assert "/accedi?next=%2Fordini" in str(event.args)


# --- hostile arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("  a\0b\r\nc\x1b[31m ", "abc[31m"),
        ("x" * 500, "x" * 400),
        ("x" * 100_000, ""),
        (12, "12"),
        (10**30, ""),
        (True, ""),
        (None, ""),
        (1.5, ""),
        ({"$gt": 1}, ""),
        ([], ""),
        ("àèì 12,08 €", "àèì 12,08 €"),
    ],
)
def test_a_text_is_one_clean_line_whatever_was_sent(value: object, plain: str) -> None:
    assert session.text(value) == plain


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        ("3", 3),
        (" 3 ", 3),
        (0, None),
        (11, None),
        ("٣", None),
        ("3.0", None),
        (3.0, None),
        ("", None),
        ("--3", None),
    ],
)
def test_a_number_is_a_whole_one_in_its_range_or_none(value: object, number: int | None) -> None:
    assert session.whole(value, 1, 10) == number


def test_a_form_is_texts_by_plain_names() -> None:
    sent = {"a": True, "b": "on", "c": False, "d": {"$gt": 1}, "é": "x", 5: "x", "f" * 61: "x", "g": " y "}
    assert session.form(sent) == {"a": "yes", "b": "yes", "c": "", "d": "", "g": "y"}
    assert session.form([("a", "b")]) == {}
    assert len(session.form({f"n{i}": "x" for i in range(500)})) == session.MOST_FIELDS
