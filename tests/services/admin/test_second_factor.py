"""A password alone opens nothing of the staff's: codes of an app, once each, and codes for the day the app is lost."""

from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import select

from pecapp import clock, db, errors, settings, tables
from pecapp.services import access, accounts, second_factor
from tests.support import people

EMAIL = "nuova@esempio.test"


def half_way(role: str = "support") -> access.Actor:
    """A member of staff whose password was verified just now, who has no app yet."""
    with db.transaction() as s:
        accounts.add(s, email=EMAIL, password=people.PASSWORD, holder={}, role=role, lang="it")
    return again()


def again() -> access.Actor:
    visitor = people.browser()
    return access.actor(access.sign_in(visitor, EMAIL, people.PASSWORD), visitor.ip, visitor.user_agent)


def secret(actor: access.Actor) -> str:
    return second_factor.enrolment(actor).secret.replace(" ", "")


def test_a_password_alone_opens_nothing(database: str, frozen_clock: Any) -> None:
    actor = half_way("owner")
    assert (actor.signed_in, actor.role, actor.awaited_id) == (False, "stranger", 1)
    with pytest.raises(errors.Forbidden):
        access.staff(actor)
    with pytest.raises(errors.Forbidden):
        access.require(actor)


def test_the_first_code_sets_the_app_up_and_gives_ten_codes_to_keep(database: str, frozen_clock: Any) -> None:
    actor = half_way()
    offered = secret(actor)
    assert (len(offered), secret(actor)) == (32, offered)
    entered = second_factor.enter(actor, second_factor.code_of(secret(actor)))
    assert len(set(entered.recovery_codes)) == 10
    inside = access.actor(entered.cookie)
    assert (inside.role, access.staff(inside)) == ("support", 1)
    assert access.actor(None).signed_in is False
    assert second_factor.enrolment(again()) == second_factor.Enrolment()
    with db.reading() as s:
        kept = s.exec(select(tables.SecondFactor)).one()
        acts = [act.act for act in s.exec(select(tables.StaffAct))]
    assert offered not in kept.secret
    assert all(code.replace("-", "") not in str(kept.recovery) for code in entered.recovery_codes)
    assert acts == ["second_factor_set"]


def test_the_cookie_of_the_password_is_worth_nothing_after_the_code(database: str, frozen_clock: Any) -> None:
    with db.transaction() as s:
        accounts.add(s, email=EMAIL, password=people.PASSWORD, holder={}, role="support", lang="it")
    visitor = people.browser()
    cookie = access.sign_in(visitor, EMAIL, people.PASSWORD)
    actor = access.actor(cookie, visitor.ip, visitor.user_agent)
    second_factor.enter(actor, second_factor.code_of(secret(actor)))
    assert access.actor(cookie).awaited_id is None
    assert access.actor(cookie).signed_in is False


@pytest.mark.parametrize("wrong", ["", "000000", "12345", None, 123456, ["1"], "x" * 10_000])
def test_a_wrong_code_opens_nothing(database: str, frozen_clock: Any, wrong: object) -> None:
    people.staff("support", EMAIL)
    frozen_clock.advance(minutes=5)
    with pytest.raises(errors.Invalid) as refusal:
        second_factor.enter(again(), wrong)
    assert refusal.value.code == "CODICE_ERRATO"


def test_a_code_is_taken_once(database: str, frozen_clock: Any) -> None:
    people.staff("support", EMAIL)
    with pytest.raises(errors.Invalid):
        second_factor.enter(again(), second_factor.code_of(people.SECRET))
    frozen_clock.advance(seconds=30)
    assert second_factor.enter(again(), second_factor.code_of(people.SECRET)).cookie


def test_a_phone_may_be_half_a_minute_wrong_and_not_more(database: str, frozen_clock: Any) -> None:
    people.staff("support", EMAIL)
    frozen_clock.advance(minutes=5)
    early = second_factor.code_of(people.SECRET)
    frozen_clock.advance(seconds=90)
    with pytest.raises(errors.Invalid):
        second_factor.enter(again(), early)
    late = second_factor.code_of(people.SECRET)
    frozen_clock.advance(seconds=30)
    assert second_factor.enter(again(), late).cookie


def test_guessing_ends_after_five_codes(database: str, frozen_clock: Any) -> None:
    people.staff("support", EMAIL)
    frozen_clock.advance(minutes=5)
    actor = again()
    for _ in range(5):
        with pytest.raises(errors.Invalid):
            second_factor.enter(actor, "000000")
    with pytest.raises(errors.TooMany):
        second_factor.enter(actor, second_factor.code_of(people.SECRET))


def test_a_recovery_code_lets_in_once(database: str, frozen_clock: Any) -> None:
    actor = half_way()
    code = second_factor.enter(actor, second_factor.code_of(secret(actor))).recovery_codes[3]
    assert second_factor.enter(again(), f" {code.upper()} ").cookie
    with pytest.raises(errors.Invalid):
        second_factor.enter(again(), code)


def test_who_comes_from_nowhere_is_sent_to_the_password(database: str) -> None:
    for actor in (people.browser(), people.customer()):
        with pytest.raises(errors.Forbidden):
            second_factor.enrolment(actor)
        with pytest.raises(errors.Forbidden):
            second_factor.enter(actor, "000000")


def test_a_secret_of_another_key_can_be_set_up_anew_only_before_it_was_used(
    database: str, frozen_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    offered = secret(half_way())
    moved = settings.load().model_copy(update={"secret_key": "k" * 40})
    monkeypatch.setattr(second_factor.settings, "load", lambda: moved)
    assert secret(again()) != offered
    actor = again()
    codes = second_factor.enter(actor, second_factor.code_of(secret(actor))).recovery_codes
    monkeypatch.setattr(second_factor.settings, "load", lambda: moved.model_copy(update={"secret_key": "z" * 40}))
    frozen_clock.advance(minutes=5)
    with pytest.raises(errors.Invalid):
        second_factor.enter(again(), "000000")
    assert second_factor.enter(again(), codes[0]).cookie


def test_sessions_of_the_staff_are_short(database: str, frozen_clock: Any) -> None:
    cookie = people.staff_cookie("support")
    frozen_clock.advance(minutes=59)
    assert access.actor(cookie).signed_in
    frozen_clock.advance(minutes=61)
    assert not access.actor(cookie).signed_in


def test_no_use_keeps_a_session_of_the_staff_open_for_more_than_twelve_hours(database: str, frozen_clock: Any) -> None:
    cookie, start = people.staff_cookie("support"), clock.now()
    while clock.now() < start + access.STAFF_LONGEST - timedelta(minutes=30):
        frozen_clock.advance(minutes=30)
        assert access.actor(cookie).signed_in
    frozen_clock.advance(minutes=31)
    assert not access.actor(cookie).signed_in


def test_a_password_waits_ten_minutes_for_its_code(database: str, frozen_clock: Any) -> None:
    half_way()
    cookie = access.sign_in(people.browser(), EMAIL, people.PASSWORD)
    assert access.actor(cookie).awaited_id == 1
    frozen_clock.advance(minutes=10, seconds=1)
    assert access.actor(cookie).awaited_id is None


def test_from_the_terminal_a_lost_app_is_forgotten(database: str, frozen_clock: Any) -> None:
    cookie = people.staff_cookie("owner", EMAIL)
    second_factor.reset(EMAIL.upper())
    assert not access.actor(cookie).signed_in
    assert secret(again())
    for nobody in ("nessuno@esempio.test", people.customer().user_agent):
        with pytest.raises(errors.NotFound):
            second_factor.reset(nobody)
