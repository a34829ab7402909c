"""Members of the staff who lose their role while they are on their way in."""

from typing import Any

import pytest

from pecapp import db, tables
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
