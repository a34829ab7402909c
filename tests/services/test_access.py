"""Who is asking: sessions, sign-in, sign-out, and what a stranger can learn or break."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, func, select

from pecapp import clock, db, errors, tables
from pecapp.domain import staff as roles
from pecapp.services import access, accounts, passwords, throttle
from tests.support import people


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    people.quick_passwords(monkeypatch)
    yield
    throttle.forget_all()


def rows(model: Any) -> list[Any]:
    with db.reading() as s:
        return list(s.exec(select(model)))


def put_draft(actor: access.Actor, data: dict[str, Any]) -> None:
    with db.transaction() as s:
        s.add(
            tables.Draft(
                session_id=actor.session_id, data=data, idempotency_key=actor.session_id, updated_at=clock.now()
            )
        )


def draft_of(actor: access.Actor) -> dict[str, Any] | None:
    with db.reading() as s:
        row = s.exec(select(tables.Draft).where(tables.Draft.session_id == actor.session_id)).one_or_none()
    return row.data if row else None


# --- cookies ----------------------------------------------------------------------------------------------------------


def test_looking_at_pages_stores_nothing(database: str) -> None:
    visitor = people.browser()
    assert visitor.session_id
    assert not visitor.signed_in
    assert rows(tables.WebSession) == []


FORGED = pytest.param(access.new_cookie()[:-1] + "!", id="forged")


@pytest.mark.parametrize("cookie", [None, "", "x", "a" * 66, "é" * 66, FORGED, "\0" * 66])
def test_a_cookie_that_we_did_not_make_is_no_cookie(database: str, cookie: str | None) -> None:
    visitor = access.actor(cookie)
    assert visitor.session_id == ""
    with pytest.raises(errors.Forbidden):
        access.browser(visitor)


def test_the_database_never_holds_the_cookie(database: str) -> None:
    visitor = people.browser()
    ticket = accounts.register(visitor, people.private_person())
    cookie = access.redeem(visitor, ticket)
    stored = repr([row.model_dump() for row in rows(tables.WebSession)])
    assert cookie not in stored
    assert cookie.partition(".")[0] not in stored


def test_a_badge_stands_for_the_cookie_inside_and_opens_nothing_outside(database: str) -> None:
    visitor = people.browser()
    cookie = access.redeem(visitor, accounts.register(visitor, people.private_person()))
    badge = access.badge(cookie)
    assert access.wearer(badge).account_id == access.actor(cookie).account_id
    assert not access.genuine(badge)
    assert access.wearer(f"{access.actor(cookie).session_id}.{'A' * 22}").session_id == ""
    assert access.wearer("").session_id == access.wearer("é").session_id == ""


def test_the_same_tab_token_means_another_tab_in_another_browser() -> None:
    mine, other = access.new_cookie(), access.new_cookie()
    assert access.bound(mine, "tab") == access.bound(mine, "tab")
    assert len({access.bound(mine, "tab"), access.bound(other, "tab"), access.bound(mine, "tab2")}) == 3


# --- sign-in ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["login", "email", "number", "loud"])
def test_a_customer_signs_in_with_login_number_or_address(database: str, name: str) -> None:
    people.customer("mario@esempio.test")
    login = rows(tables.Account)[0].login
    username = {
        "login": login,
        "email": "mario@esempio.test",
        "number": login.partition("@")[0],
        "loud": "  MARIO@Esempio.test ",
    }[name]
    cookie = access.sign_in(people.browser(), username, people.PASSWORD)
    assert access.actor(cookie).signed_in


@pytest.mark.parametrize(
    ("username", "password"),
    [("mario@esempio.test", "sbagliata sbagliata"), ("nessuno@esempio.test", people.PASSWORD), ("", ""), ("%", "%")],
)
def test_a_wrong_password_and_nobody_get_the_same_answer(database: str, username: str, password: str) -> None:
    people.customer()
    before = len(rows(tables.WebSession))
    with pytest.raises(errors.Invalid) as refusal:
        access.sign_in(people.browser(), username, password)
    assert (refusal.value.code, refusal.value.fields) == ("CREDENZIALI_ERRATE", {"password": "CREDENZIALI_ERRATE"})
    assert len(rows(tables.WebSession)) == before


def test_nobody_costs_as_much_work_as_somebody(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    people.customer()
    verified: list[str] = []

    class Counting:
        hash = staticmethod(people.CHEAP.hash)
        check_needs_rehash = staticmethod(people.CHEAP.check_needs_rehash)

        @staticmethod
        def verify(stored: str, password: str) -> bool:
            verified.append(stored)
            return people.CHEAP.verify(stored, password)

    monkeypatch.setattr(passwords, "hasher", Counting)
    for username in ("mario@esempio.test", "nessuno@esempio.test"):
        with pytest.raises(errors.Invalid):
            access.sign_in(people.browser(), username, "sbagliata sbagliata")
    assert len(verified) == 2


def test_signing_in_gives_a_new_session_and_ends_the_old_one(database: str) -> None:
    people.customer()
    known_before = access.new_cookie()
    visitor = access.actor(known_before, "192.0.2.1")
    access.leave_notice(visitor, {"a": "b"})
    cookie = access.sign_in(visitor, "mario@esempio.test", people.PASSWORD)
    assert cookie != known_before
    assert not access.actor(known_before).signed_in
    assert visitor.session_id not in {row.id for row in rows(tables.WebSession)}


def test_a_basket_survives_sign_in(database: str) -> None:
    people.customer()
    visitor = people.browser()
    put_draft(visitor, {"product": "pec"})
    signed_in = access.actor(access.sign_in(visitor, "mario@esempio.test", people.PASSWORD))
    assert draft_of(signed_in) == {"product": "pec"}
    assert draft_of(visitor) is None


def test_what_one_customer_typed_does_not_pass_to_another_who_signs_in_after_them(database: str) -> None:
    people.customer("anna@esempio.test", tax_code="RSSMRA80A41H501Y")
    mario = people.customer("mario@esempio.test")
    put_draft(mario, {"signer_tax_code": "RSSMRA80A01H501U"})
    anna = access.actor(access.sign_in(mario, "anna@esempio.test", people.PASSWORD))
    assert draft_of(anna) is None
    assert rows(tables.Draft) == []


def test_a_password_kept_with_weak_parameters_is_renewed_at_sign_in(database: str) -> None:
    people.customer()
    weak = passwords.argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1, hash_len=16).hash(people.PASSWORD)
    with db.transaction() as s:
        s.exec(select(tables.Account)).one().password_hash = weak
    access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    renewed = rows(tables.Account)[0].password_hash
    assert renewed != weak
    assert passwords.matches(renewed, people.PASSWORD)


def test_guessing_a_password_is_stopped(sqlite_database: str) -> None:
    people.customer()
    for _ in range(10):
        with pytest.raises(errors.Invalid):
            access.sign_in(people.browser("192.0.2.9"), "mario@esempio.test", "sbagliata sbagliata")
    with pytest.raises(errors.TooMany) as stop:
        access.sign_in(people.browser("192.0.2.9"), "mario@esempio.test", people.PASSWORD)
    assert 0 < stop.value.retry_after <= 601
    assert access.sign_in(people.browser("192.0.2.10"), "mario@esempio.test", people.PASSWORD)


def test_trying_one_password_on_many_names_is_stopped(sqlite_database: str) -> None:
    for number in range(60):
        with pytest.raises(errors.Invalid):
            access.sign_in(people.browser(), f"{number}@esempio.test", "sbagliata sbagliata")
    with pytest.raises(errors.TooMany):
        access.sign_in(people.browser(), "altro@esempio.test", "sbagliata sbagliata")


def test_who_signs_in_rightly_is_never_counted_out(sqlite_database: str) -> None:
    people.customer()
    for _ in range(60):
        assert access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)


@pytest.mark.redis
def test_tries_are_counted_by_all_processes_together(
    sqlite_database: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = throttle.settings.load().model_copy(update={"redis_url": redis_url})
    monkeypatch.setattr(throttle.settings, "load", lambda: wanted)
    rule = throttle.limits.RateLimitItemPerMinute(2, namespace=f"test-{clock.now().timestamp()}")
    throttle.forget_all()
    throttle.spend(rule, "somebody")
    throttle.forget_all()  # as another process would start
    throttle.spend(rule, "somebody")
    with pytest.raises(errors.TooMany):
        throttle.spend(rule, "somebody")
    throttle.forget_all()


def test_limits_hold_when_the_shared_count_is_away(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = throttle.settings.load().model_copy(update={"redis_url": "redis://127.0.0.1:1/0"})
    monkeypatch.setattr(throttle.settings, "load", lambda: wanted)
    throttle.forget_all()
    rule = throttle.limits.RateLimitItemPerMinute(1, namespace="test-away")
    throttle.spend(rule, "somebody")
    with pytest.raises(errors.TooMany):
        throttle.spend(rule, "somebody")


def test_what_is_forgiven_is_not_taken_from_under_the_housekeeping_of_counts() -> None:
    throttle.forget_all()
    rule = throttle.limits.RateLimitItemPerMinute(1, namespace="test-forgiven")
    throttle.spend(rule, "somebody")
    counts: Any = throttle._own().storage
    forgiving = threading.Thread(target=throttle.forgive, args=(rule, "somebody"))
    with counts.locks[rule.key_for("somebody")]:
        forgiving.start()
        forgiving.join(0.2)
        assert forgiving.is_alive()
    forgiving.join()
    throttle.spend(rule, "somebody")


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
    ],
)
def test_one_subscriber_is_one_place(ip: str, place: str) -> None:
    assert throttle.place(ip) == place


# --- how long a session lasts -----------------------------------------------------------------------------------------


def test_a_session_ends_after_a_day_without_use(database: str, frozen_clock: Any) -> None:
    people.customer()
    cookie = access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    frozen_clock.advance(hours=23)
    assert access.actor(cookie).signed_in
    frozen_clock.advance(hours=23)
    assert access.actor(cookie).signed_in
    frozen_clock.advance(hours=24)
    late = access.actor(cookie)
    assert not late.signed_in
    assert late.session_id, "the basket of that browser is still to be found"


def test_a_session_ends_after_thirty_days_whatever_happens(database: str, frozen_clock: Any) -> None:
    people.customer()
    cookie = access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    for _ in range(65):
        frozen_clock.advance(hours=11)
        access.actor(cookie)
    assert access.actor(cookie).signed_in
    frozen_clock.advance(hours=6)
    assert not access.actor(cookie).signed_in


def test_use_is_noted_at_most_once_a_minute(database: str, frozen_clock: Any) -> None:
    people.customer()
    cookie = access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    session_id = access.actor(cookie).session_id

    def seen() -> Any:
        return next(row.seen_at for row in rows(tables.WebSession) if row.id == session_id)

    start = seen()
    frozen_clock.advance(seconds=59)
    access.actor(cookie)
    assert seen() == start
    frozen_clock.advance(seconds=1)
    access.actor(cookie)
    assert seen() == start + timedelta(minutes=1)


def test_sign_out_ends_the_session_on_the_server_and_forgets_the_basket(database: str) -> None:
    people.customer()
    cookie = access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    actor = access.actor(cookie)
    put_draft(actor, {"product": "pec"})
    access.sign_out(actor)
    access.sign_out(actor)
    assert not access.actor(cookie).signed_in
    assert rows(tables.Draft) == []


def test_sign_out_everywhere_ends_the_other_devices_and_nobody_elses(database: str) -> None:
    anna = people.customer("anna@esempio.test", tax_code="RSSMRA80A41H501Y")
    people.customer()
    phone, desk = (access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD) for _ in range(2))
    access.sign_out_everywhere(access.actor(phone))
    assert not access.actor(phone).signed_in
    assert not access.actor(desk).signed_in
    assert anna.session_id in {row.id for row in rows(tables.WebSession)}
    with pytest.raises(errors.Forbidden):
        access.sign_out_everywhere(people.browser())


def test_what_is_over_is_swept_away(database: str, frozen_clock: Any) -> None:
    mario = people.customer()
    put_draft(mario, {})
    access.leave_notice(people.browser(), {"a": "b"})
    frozen_clock.advance(days=9)
    assert access.sweep() >= 4
    with db.reading() as s:
        left = [
            s.exec(select(func.count()).select_from(m)).one() for m in (tables.WebSession, tables.Token, tables.Draft)
        ]
    assert left == [0, 0, 0]
    assert access.sweep() == 0


# --- roles, notices, language -----------------------------------------------------------------------------------------


def test_only_who_signed_in_is_let_in_and_only_staff_among_staff(database: str) -> None:
    mario, staff = people.customer(), people.staff("support")
    assert access.require(mario) == mario.account_id
    assert access.staff(staff) == staff.account_id
    with pytest.raises(errors.Forbidden) as refusal:
        access.require(people.browser())
    assert refusal.value.code == "ACCEDI"
    with pytest.raises(errors.Forbidden):
        access.staff(mario)
    with pytest.raises(errors.Forbidden):
        access.staff(staff, roles.Right.REFUND)


def test_a_notice_is_read_once_and_only_by_its_browser(database: str) -> None:
    visitor, other = people.browser(), people.browser()
    access.leave_notice(visitor, {"username": "x" * 900})
    assert access.take_notice(other) == {}
    assert len(access.take_notice(visitor)["username"]) == 500
    assert access.take_notice(visitor) == {}


def test_a_browser_without_our_cookie_leaves_nothing_behind(database: str) -> None:
    access.leave_notice(access.actor(None), {"username": "x"})
    access.set_lang(access.actor("forged"), "en")
    assert rows(tables.WebSession) == []


def test_the_language_stays_with_the_browser_and_with_the_customers_mails(database: str) -> None:
    cookie = access.new_cookie()
    assert access.set_lang(access.actor(cookie), "en") == "en"
    assert access.actor(cookie).lang == "en"
    assert access.set_lang(access.actor(cookie), {"$gt": 1}) == "it"
    mario = people.customer()
    access.set_lang(mario, "en")
    with db.reading() as s:
        assert s.exec(select(tables.Account.lang).where(col(tables.Account.id) == mario.account_id)).one() == "en"


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("/ordine?passo=form", "/ordine?passo=form"),
        ("//evil.example", "/area-clienti"),
        ("https://evil.example", "/area-clienti"),
        ("/\\evil.example", "/area-clienti"),
        ("/a\nb", "/area-clienti"),
        ("javascript:alert(1)", "/area-clienti"),
        ("", "/area-clienti"),
        (None, "/area-clienti"),
        ({"$gt": 1}, "/area-clienti"),
        ("/" + "a" * 600, "/area-clienti"),
    ],
)
def test_nobody_is_sent_to_another_site(path: object, taken: str) -> None:
    assert access.local(path) == taken
