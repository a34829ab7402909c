"""Registration, links by mail, lost passwords, holder's data."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlmodel import col, select

from pecapp import db, errors, tables
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


def token_in_mail(template: str) -> str:
    with db.reading() as s:
        found = s.exec(
            select(tables.OutboxMail)
            .where(tables.OutboxMail.template == template)
            .order_by(col(tables.OutboxMail.id).desc())
        ).first()
    assert found is not None
    return found.params["path"].partition("token=")[2]


# --- registration -----------------------------------------------------------------------------------------------------


def test_registration_makes_login_mail_and_evidence_and_signs_in_once(database: str) -> None:
    visitor = people.browser()
    ticket = accounts.register(visitor, people.private_person(marketing="yes"))
    account = rows(tables.Account)[0]
    assert account.login == "1000001@login.ceralacca.test"
    assert account.role == "customer"
    assert account.email_confirmed_at is None
    assert people.PASSWORD not in account.password_hash
    mail = rows(tables.OutboxMail)[0]
    assert (mail.template, mail.to_address, mail.params["login"]) == ("m01", "mario@esempio.test", account.login)
    evidence = {row.kind: row for row in rows(tables.Acceptance)}
    assert evidence.keys() == {"privacy", "marketing"}
    assert len(evidence["privacy"].sha256) == 64
    assert (evidence["privacy"].ip, evidence["privacy"].lang) == (visitor.ip, "it")
    signed_in = access.actor(access.redeem(visitor, ticket))
    assert signed_in.account_id == account.id
    with pytest.raises(errors.NotFound):
        access.redeem(visitor, ticket)


def test_marketing_is_stored_only_when_ticked(database: str) -> None:
    people.customer()
    assert [row.kind for row in rows(tables.Acceptance)] == ["privacy"]
    assert rows(tables.Account)[0].holder["marketing"] is False


def test_a_ticket_works_only_in_the_browser_that_registered(database: str) -> None:
    visitor = people.browser()
    ticket = accounts.register(visitor, people.private_person())
    with pytest.raises(errors.NotFound):
        access.redeem(people.browser(), ticket)
    assert access.redeem(visitor, ticket)


@pytest.mark.parametrize("ticket", [None, "", "x", {"$gt": 1}, "\0", "é" * 50, "a" * 5000])
def test_a_ticket_that_we_did_not_give_opens_nothing(database: str, ticket: object) -> None:
    with pytest.raises(errors.NotFound):
        access.redeem(people.browser(), ticket)


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"password": "corta"}, "password", "PASSWORD_CORTA"),
        ({"password": "x" * 201}, "password", "PASSWORD_LUNGA"),
        ({"password": "password123"}, "password", "PASSWORD_COMUNE"),
        ({"password": "aaaaaaaaaaaa"}, "password", "PASSWORD_COMUNE"),
        ({"password": "mario@esempio.test"}, "password", "PASSWORD_UGUALE"),
        ({"password": "rssmra80a01h501u"}, "password", "PASSWORD_UGUALE"),
        ({"password": passwords.DEMO}, "password", "PASSWORD_COMUNE"),
        ({"password": {"$gt": 1}}, "password", "CAMPO_OBBLIGATORIO"),
        ({"password_again": "un altro cavallo"}, "password_again", "PASSWORD_DIVERSE"),
        ({"privacy_seen": ""}, "privacy_seen", "PRIVACY_MANCANTE"),
        ({"email": "non un indirizzo"}, "email", "EMAIL_ERRATA"),
        ({"tax_code": "RSSMRA80A01H501A"}, "tax_code", "CF_ERRATO"),
        ({"kind": "boss"}, "kind", "CAMPO_SCELTA"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_and_nothing_is_stored(
    database: str, change: dict[str, object], field: str, code: str
) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        accounts.register(people.browser(), people.private_person(**change))
    assert refusal.value.fields[field] == code
    assert rows(tables.Account) == rows(tables.OutboxMail) == rows(tables.Token) == []


def test_everything_that_is_wrong_is_said_at_once(database: str) -> None:
    with pytest.raises(errors.Invalid) as refusal:
        accounts.register(people.browser(), {"kind": "private", "country": "IT"})
    assert {"first_name", "last_name", "email", "phone", "password", "privacy_seen"} <= refusal.value.fields.keys()


def test_a_taken_address_is_refused_and_its_owner_gets_the_way_in(database: str) -> None:
    people.customer()
    with pytest.raises(errors.Invalid) as refusal:
        accounts.register(people.browser(), people.private_person(email="MARIO@esempio.test"))
    assert refusal.value.fields == {"email": "EMAIL_GIA_REGISTRATA"}
    assert len(rows(tables.Account)) == 1
    assert [mail.template for mail in rows(tables.OutboxMail)] == ["m01", "m00"]


def test_registering_needs_a_browser_that_keeps_our_cookie(database: str) -> None:
    with pytest.raises(errors.Forbidden) as refusal:
        accounts.register(access.actor(None), people.private_person())
    assert refusal.value.code == "COOKIE_NECESSARI"


def test_registrations_from_one_place_are_limited(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rule = throttle.limits.RateLimitItemPerHour(2, namespace="test-register")
    monkeypatch.setattr(throttle, "REGISTER_HERE", rule)
    for number in range(2):
        accounts.register(people.browser(), people.private_person(email=f"m{number}@esempio.test"))
    with pytest.raises(errors.TooMany):
        accounts.register(people.browser(), people.private_person(email="m3@esempio.test"))
    assert len(rows(tables.Account)) == 2


def test_logins_are_unique_and_pass_over_those_that_are_taken(database: str) -> None:
    with db.transaction() as s:
        accounts.add(s, email="demo@esempio.test", password="x", holder={}, role="customer", lang="it", login="1000001")
    people.customer()
    assert [row.login.partition("@")[0] for row in rows(tables.Account)] == ["1000001", "1000002"]


def test_the_demo_password_opens_nothing_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    stored = passwords.digest(passwords.DEMO)
    assert passwords.matches(stored, passwords.DEMO)
    production = passwords.settings.load().model_copy(update={"environment": "production"})
    monkeypatch.setattr(passwords.settings, "load", lambda: production)
    assert not passwords.matches(stored, passwords.DEMO)


def test_staff_is_made_with_a_good_password_only(database: str) -> None:
    with pytest.raises(errors.Invalid):
        accounts.create_admin("staff@esempio.test", "corta")
    with pytest.raises(errors.Invalid):
        accounts.create_admin("niente", people.PASSWORD)
    accounts.create_admin("staff@esempio.test", people.PASSWORD)
    with pytest.raises(errors.Invalid):
        accounts.create_admin("staff@esempio.test", people.PASSWORD)
    assert [row.role for row in rows(tables.Account)] == ["owner"]


# --- links ------------------------------------------------------------------------------------------------------------


def test_an_address_is_confirmed_by_link_however_often_it_is_opened(database: str, frozen_clock: Any) -> None:
    people.customer()
    token = token_in_mail("m01")
    accounts.confirm_email(token)
    confirmed = rows(tables.Account)[0].email_confirmed_at
    accounts.confirm_email(token)
    assert rows(tables.Account)[0].email_confirmed_at == confirmed is not None
    frozen_clock.advance(days=8)
    with pytest.raises(errors.NotFound):
        accounts.confirm_email(token)


def test_what_is_sent_is_not_what_is_stored(database: str) -> None:
    people.customer()
    token = token_in_mail("m01")
    assert token not in repr([row.model_dump() for row in rows(tables.Token)])


def test_a_lost_password_is_set_anew_and_ends_every_session(database: str) -> None:
    mario = people.customer()
    accounts.request_access(people.browser(), " Mario@Esempio.test ")
    token = token_in_mail("m00")
    accounts.check_link(people.browser(), token)
    accounts.set_password(people.browser(), token, "una nuova frase lunga", "una nuova frase lunga")
    assert mario.session_id not in {row.id for row in rows(tables.WebSession)}
    assert access.sign_in(people.browser(), "mario@esempio.test", "una nuova frase lunga")
    with pytest.raises(errors.Invalid):
        access.sign_in(people.browser(), "mario@esempio.test", people.PASSWORD)
    with pytest.raises(errors.NotFound):
        accounts.set_password(people.browser(), token, "ancora un'altra frase", "ancora un'altra frase")
    with pytest.raises(errors.NotFound):
        accounts.check_link(people.browser(), token)


def test_a_refused_password_leaves_the_link_good(database: str) -> None:
    people.customer()
    accounts.request_access(people.browser(), "mario@esempio.test")
    token = token_in_mail("m00")
    with pytest.raises(errors.Invalid):
        accounts.set_password(people.browser(), token, "corta", "corta")
    accounts.set_password(people.browser(), token, "una nuova frase lunga", "una nuova frase lunga")


def test_a_link_for_one_thing_does_not_open_another(database: str) -> None:
    people.customer()
    with pytest.raises(errors.NotFound):
        accounts.set_password(people.browser(), token_in_mail("m01"), people.PASSWORD, people.PASSWORD)


def test_a_link_for_a_new_password_lasts_an_hour(database: str, frozen_clock: Any) -> None:
    people.customer()
    accounts.request_access(people.browser(), "mario@esempio.test")
    token = token_in_mail("m00")
    frozen_clock.advance(hours=1)
    with pytest.raises(errors.NotFound):
        accounts.set_password(people.browser(), token, "una nuova frase lunga", "una nuova frase lunga")


def test_asking_for_access_tells_nothing_and_mails_nobody_unknown(database: str) -> None:
    people.customer()
    accounts.request_access(people.browser(), "nessuno@esempio.test")
    assert [mail.template for mail in rows(tables.OutboxMail)] == ["m01"]
    with pytest.raises(errors.Invalid):
        accounts.request_access(people.browser(), "non un indirizzo")


def test_nobody_is_flooded_with_links(sqlite_database: str) -> None:
    people.customer()
    for _ in range(6):
        accounts.request_access(people.browser(), "mario@esempio.test")
    assert [mail.template for mail in rows(tables.OutboxMail)].count("m00") == 3


# --- holder's data ----------------------------------------------------------------------------------------------------


def test_the_holder_is_shown_to_the_customer_alone(database: str) -> None:
    view = accounts.holder(people.customer())
    assert (view.display_name, view.email, view.consumer) == ("Mario Rossi", "mario@esempio.test", True)
    assert view.fields["tax_code"] == "RSSMRA80A01H501U"
    assert view.fields["marketing"] == ""
    with pytest.raises(errors.Forbidden):
        accounts.holder(people.browser())


def test_a_correction_keeps_what_it_does_not_name_and_refuses_what_is_wrong(database: str) -> None:
    mario = people.customer()
    accounts.update_holder(mario, {"city": "Milano", "province": "mi", "postal_code": "20100"})
    assert accounts.holder(mario).fields["city"] == "Milano"
    assert accounts.holder(mario).fields["first_name"] == "Mario"
    with pytest.raises(errors.Invalid) as refusal:
        accounts.update_holder(mario, {"postal_code": "x", "city": "Torino"})
    assert refusal.value.fields == {"postal_code": "CAP_ERRATO"}
    assert accounts.holder(mario).fields["city"] == "Milano"


def test_a_new_address_must_be_confirmed_and_must_be_free(database: str) -> None:
    people.customer("anna@esempio.test", tax_code="RSSMRA80A41H501Y")
    mario = people.customer()
    accounts.confirm_email(token_in_mail("m01"))
    accounts.update_holder(mario, {"email": "nuovo@esempio.test"})
    with db.reading() as s:
        account = s.get_one(tables.Account, mario.account_id)
    assert (account.email, account.email_confirmed_at) == ("nuovo@esempio.test", None)
    assert rows(tables.OutboxMail)[-1].to_address == "nuovo@esempio.test"
    with pytest.raises(errors.Invalid) as refusal:
        accounts.update_holder(mario, {"email": "ANNA@esempio.test"})
    assert refusal.value.fields == {"email": "EMAIL_GIA_REGISTRATA"}
