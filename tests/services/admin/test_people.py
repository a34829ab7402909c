"""Members of the staff who lose their role while they are on their way in."""

from typing import Any

import pytest

from pecapp import db, errors, tables
from pecapp.services import access, accounts, second_factor
from pecapp.services.admin import people
from tests.support import factories, race
from tests.support import people as persons

WHY = "ha lasciato l'azienda"


@pytest.mark.postgres
def test_who_is_dismissed_while_entering_the_code_is_out_and_nobody_waits_for_the_other(
    postgres_database: str, frozen_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, email = persons.staff("owner"), "uscente@esempio.test"
    with db.transaction() as s:
        account = accounts.add(s, email=email, password=persons.PASSWORD, holder={}, role="support", lang="it")
        account_id = account.id or 0
        second_factor.preset(s, account_id, persons.SECRET)
    visitor = persons.browser()
    half = access.actor(access.sign_in(visitor, email, persons.PASSWORD), visitor.ip)
    stop = race.Stop(access.open_session)
    monkeypatch.setattr(access, "open_session", stop)
    entered, dismissed = stop.meets(
        lambda: second_factor.enter(half, second_factor.code_of(persons.SECRET)),
        lambda: people.set_role(owner, account_id, access.FORMER, WHY),
    )
    assert (type(entered), dismissed) == (second_factor.Entered, None)
    assert factories.rows(tables.WebSession, account_id=account_id) == []
    assert not access.actor(entered.cookie).signed_in


def link() -> str:
    """The token in the last invitation."""
    return str(factories.rows(tables.OutboxMail, template="s01")[-1].params["path"]).partition("token=")[2]


def test_who_was_invited_has_three_days_to_choose_a_password_and_comes_in(database: str, frozen_clock: Any) -> None:
    email = "nuova@esempio.test"
    people.invite(persons.staff(), email, "support", WHY)
    frozen_clock.advance(days=2, hours=23)
    accounts.set_password(persons.browser(), link(), persons.PASSWORD, persons.PASSWORD)
    visitor = persons.browser("192.0.2.9")
    half = access.actor(access.sign_in(visitor, email, persons.PASSWORD), visitor.ip)
    assert half.awaited_id == factories.the(tables.Account, email_key=email).id


def test_a_second_invitation_makes_the_first_worthless_and_is_not_for_who_has_come_in(
    database: str, frozen_clock: Any
) -> None:
    owner = persons.staff()
    people.invite(owner, "nuova@esempio.test", "support", WHY)
    made, first = factories.the(tables.Account, email_key="nuova@esempio.test"), link()
    frozen_clock.advance(days=4)
    with pytest.raises(errors.NotFound):
        accounts.check_link(owner, first)
    people.invite_again(owner, made.id, WHY)
    second = link()
    people.invite_again(owner, made.id, WHY)
    with pytest.raises(errors.NotFound):
        accounts.check_link(owner, second)
    accounts.check_link(owner, link())
    entered = persons.staff("support", "entrata@esempio.test").account_id or 0
    before = factories.dump()
    with pytest.raises(errors.Conflict):
        people.invite_again(owner, entered, WHY)
    assert factories.dump() == before
