"""What the owner of an account is told when something happens in a browser that is new to it."""

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from pecapp import db, tables
from pecapp.services import access, accounts, devices, throttle
from tests.support import factories, people, race

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 "
    "Safari/537.36 Edg/131.0.0.0"
)
ADDRESS = "mario@esempio.test"


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, frozen_clock: Any) -> Iterator[None]:
    people.quick_passwords(monkeypatch)
    yield
    throttle.forget_all()


def visitor(user_agent: str = FIREFOX, ip: str = "203.0.113.7") -> access.Actor:
    return access.actor(access.new_cookie(), ip, user_agent)


def signed_in(user_agent: str = FIREFOX, ip: str = "203.0.113.7") -> access.Actor:
    one = visitor(user_agent, ip)
    return access.actor(access.sign_in(one, ADDRESS, people.PASSWORD), ip, user_agent)


@pytest.fixture
def mario(database: str, frozen_clock: Any) -> access.Actor:
    """A customer who registered in Firefox, two days ago."""
    one = visitor()
    ticket = accounts.register(one, people.private_person(email=ADDRESS))
    actor = access.actor(access.redeem(one, ticket), one.ip, one.user_agent)
    frozen_clock.advance(days=2)
    return actor


def told() -> list[tuple[str, str]]:
    """What was told about browsers: which kind of thing, and where."""
    return [(mail.params["what"], mail.params["device"]) for mail in factories.rows(tables.OutboxMail, template="m23")]


def change(actor: access.Actor, what: devices.What = "method") -> None:
    with db.transaction() as s:
        devices.changed(s, actor, what)


# --- signing in -------------------------------------------------------------------------------------------------------


def test_the_first_browser_is_learnt_in_silence_and_only_as_a_digest(mario: access.Actor) -> None:
    signed_in()
    assert told() == []
    known = factories.the(tables.KnownDevice)
    assert (known.account_id, len(known.device), "Firefox" in known.device) == (mario.account_id, 64, False)


def test_a_browser_is_the_same_one_after_its_update(mario: access.Actor) -> None:
    signed_in(FIREFOX.replace("133.0", "134.0.1"))
    assert told() == []


def test_a_second_browser_is_told_once_to_the_owner_and_is_known_from_then_on(mario: access.Actor) -> None:
    signed_in(SAFARI)
    signed_in(SAFARI, "198.51.100.20")
    signed_in()
    assert told() == [("access", "Safari, iPhone, 203.0.113.•••")]
    mail = factories.the(tables.OutboxMail, template="m23")
    assert (mail.to_address, mail.account_id) == (ADDRESS, mario.account_id)


def test_a_wrong_password_tells_and_learns_nothing(mario: access.Actor) -> None:
    with pytest.raises(Exception, match="CREDENZIALI_ERRATE"):
        access.sign_in(visitor(SAFARI), ADDRESS, "sbagliata")
    assert told() == []
    assert len(factories.rows(tables.KnownDevice)) == 1


def test_a_browser_is_known_to_one_account_only(mario: access.Actor, frozen_clock: Any) -> None:
    one = visitor(SAFARI)
    other = accounts.register(one, people.private_person(email="anna@esempio.test", tax_code="RSSMRA80A41H501Y"))
    access.redeem(one, other)
    assert told() == []
    signed_in(SAFARI)
    assert told() == [("access", "Safari, iPhone, 203.0.113.•••")]


def test_two_sign_ins_at_once_in_a_new_browser_are_told_once(mario: access.Actor) -> None:
    answers = race.repeated(signed_in, 4, SAFARI)
    assert {type(answer) for answer in answers} == {access.Actor}
    assert told() == [("access", "Safari, iPhone, 203.0.113.•••")]


def test_an_account_from_before_browsers_were_known_learns_its_next_one_in_silence(mario: access.Actor) -> None:
    with db.transaction() as s:
        s.delete(factories.the(tables.KnownDevice))
    assert access.require(mario) == mario.account_id
    signed_in(SAFARI)
    assert told() == []
    signed_in(FIREFOX)
    assert told() == [("access", "Firefox, Windows, 203.0.113.•••")]


def test_nothing_about_the_browser_gets_into_the_log(mario: access.Actor, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "pecapp"):
        change(signed_in(SAFARI))
    assert not [word for word in ("iPhone", "Safari", "203.0.113") if word in caplog.text]
    assert not [known for known in factories.rows(tables.KnownDevice) if known.device[:16] in caplog.text]


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_change_in_the_browser_that_has_always_been_used_is_not_told(mario: access.Actor) -> None:
    change(mario)
    assert told() == []


@pytest.mark.parametrize(("later", "times"), [(timedelta(0), 1), (timedelta(hours=23), 1), (timedelta(hours=24), 0)])
def test_a_change_is_told_for_a_day_after_a_browser_was_first_seen(
    mario: access.Actor, frozen_clock: Any, later: timedelta, times: int
) -> None:
    phone = signed_in(SAFARI)
    frozen_clock.advance(hours=later.total_seconds() / 3600)
    change(phone)
    assert told()[1:] == [("method", "Safari, iPhone, 203.0.113.•••")] * times


def test_the_very_first_browser_is_not_new_even_on_its_first_day(database: str, frozen_clock: Any) -> None:
    one = visitor()
    ticket = accounts.register(one, people.private_person(email=ADDRESS))
    actor = access.actor(access.redeem(one, ticket), one.ip, one.user_agent)
    frozen_clock.advance(minutes=5)
    signed_in(SAFARI)
    change(actor)
    assert [what for what, _ in told()] == ["access"]


def test_changes_of_one_kind_on_one_day_are_told_once_and_each_kind_by_itself(
    mario: access.Actor, frozen_clock: Any
) -> None:
    phone = signed_in(SAFARI)
    change(phone)
    change(phone)
    change(phone, "email")
    frozen_clock.advance(hours=20)
    change(phone)
    assert [what for what, _ in told()] == ["access", "method", "email", "method"]


def test_a_session_older_than_our_knowledge_of_browsers_is_learnt_at_its_first_change(mario: access.Actor) -> None:
    with db.transaction() as s:
        s.delete(factories.the(tables.KnownDevice))
    change(mario)
    assert told() == []
    change(access.Actor("old", mario.account_id, "customer", ip="203.0.113.7", user_agent=SAFARI))
    assert told() == [("method", "Safari, iPhone, 203.0.113.•••")]
    assert len(factories.rows(tables.KnownDevice)) == 2


def test_a_change_that_is_rolled_back_is_not_told(mario: access.Actor) -> None:
    phone = signed_in(SAFARI)
    with suppress(ZeroDivisionError), db.transaction() as s:
        devices.changed(s, phone, "method")
        raise ZeroDivisionError
    assert [what for what, _ in told()] == ["access"]


def test_a_stranger_changes_nothing(mario: access.Actor) -> None:
    with pytest.raises(ValueError, match="signed in"):
        change(visitor())


def test_a_new_address_given_in_a_new_browser_is_told_to_the_old_one(mario: access.Actor) -> None:
    accounts.update_holder(signed_in(SAFARI), {"email": "ladro@esempio.test"})
    mail = factories.rows(tables.OutboxMail, template="m23")[-1]
    assert (mail.params["what"], mail.to_address) == ("email", ADDRESS)


def test_a_new_address_given_in_the_usual_browser_is_not_told_and_neither_is_any_other_correction(
    mario: access.Actor,
) -> None:
    phone = signed_in(SAFARI)
    accounts.update_holder(phone, {"city": "Milano", "province": "MI", "postal_code": "20100"})
    accounts.update_holder(mario, {"email": "nuovo@esempio.test"})
    assert [what for what, _ in told()] == ["access"]


def test_a_password_set_by_a_mailed_link_is_always_told(mario: access.Actor, frozen_clock: Any) -> None:
    for number in range(2):
        accounts.request_access(visitor(), ADDRESS)
        path = factories.rows(tables.OutboxMail, template="m00")[-1].params["path"]
        password = f"una nuova frase lunga {number}"
        accounts.set_password(visitor(), path.partition("token=")[2], password, password)
        frozen_clock.advance(minutes=1)
    assert told() == [("password", "Firefox, Windows, 203.0.113.•••")] * 2


# --- how a browser is described ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user_agent", "ip", "shown"),
    [
        (FIREFOX, "203.0.113.7", "Firefox, Windows, 203.0.113.•••"),
        (SAFARI, "2001:db8::1", "Safari, iPhone"),
        (EDGE, "::ffff:203.0.113.7", "Edge, Windows, 203.0.113.•••"),
        (SAFARI.replace("Version/18.1", "CriOS/131.0"), "", "Chrome, iPhone"),
        (EDGE.replace(" Edg/131.0.0.0", ""), "not an address", "Chrome, Windows"),
        ("curl/8.5.0", "198.51.100.200", "198.51.100.•••"),
        ("", "", ""),
        ("Chiama subito il numero 800 123 456 http://ladro.test <b>Linux", "203.0.113.7", "Linux, 203.0.113.•••"),
    ],
)
def test_a_browser_is_described_in_our_words_and_never_with_a_full_address(
    user_agent: str, ip: str, shown: str
) -> None:
    assert devices.description(user_agent, ip) == shown
