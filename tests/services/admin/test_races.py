"""Members of the staff, and customers, who act at the same moment: one act, one row, and nobody is left out."""

from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.services import access, accounts, second_factor, subscriptions
from pecapp.services.admin import acts, batch, discount_codes, selling
from pecapp.services.admin import people as members
from tests.support import factories, race
from tests.support import people as persons

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("shop")]
WHY = "lo ha chiesto al telefono"
PEC = "PEC-STD"


@pytest.fixture
def shop(postgres_database: str, gateway: Any, frozen_clock: Any) -> Any:
    factories.stock()
    return gateway


@pytest.fixture
def owner() -> access.Actor:
    return persons.staff("owner")


def written(act: str) -> int:
    return len(factories.rows(tables.StaffAct, act=act))


def refused(answers: list[Any]) -> int:
    """How many were told why not; anything else that was raised fails."""
    wrong = [answer for answer in answers if isinstance(answer, Exception)]
    assert all(isinstance(answer, errors.PecError) for answer in wrong), wrong
    return len(wrong)


def test_a_method_is_removed_once(owner: access.Actor) -> None:
    method = factories.method(factories.customer())
    assert refused(race.repeated(acts.remove_method, 4, owner, method.id, WHY)) == 3
    assert (written("method_removed"), len(factories.mails("m11"))) == (1, 1)


def test_a_renewal_is_switched_off_once(owner: access.Actor) -> None:
    order = factories.order(auto_renew=True)
    service = factories.add(
        tables.Service(
            account_id=order.account_id,
            order_id=order.id or 0,
            product_code=PEC,
            status=subscriptions.ACTIVE,
            activated_on=clock.today(),
            renewal=subscriptions.RENEWAL_ACTIVE,
        )
    )
    assert refused(race.repeated(acts.switch_off, 4, owner, service.id, WHY)) == 3
    assert (written("renewal_switched_off"), len(factories.mails("m05"))) == (1, 1)


def test_two_owners_who_dismiss_each_other_leave_one(owner: access.Actor) -> None:
    other = persons.staff("owner", "altro@esempio.test")
    one, two = (owner, other.account_id), (other, owner.account_id)
    answers = race.together(members.set_role, (*one, access.FORMER, WHY), (*two, access.FORMER, WHY))
    assert refused(answers) == 1
    assert len(factories.rows(tables.Account, role="owner")) == 1


def test_two_promotions_of_the_same_days_are_one(owner: access.Actor) -> None:
    first = clock.today() + timedelta(days=10)
    given = [(owner, PEC, first, first + timedelta(days=5), cents, WHY) for cents in (100, 200)]
    assert refused(race.together(selling.add_promotion, *given)) == 1
    assert written("promotion_added") == 1


def test_a_promotion_is_ended_once(owner: access.Actor) -> None:
    first = clock.today() + timedelta(days=1)
    selling.add_promotion(owner, PEC, first, first, 100, WHY)
    promotion = factories.the(tables.Promotion, product_code=PEC, net_cents=100)
    assert refused(race.repeated(selling.end_promotion, 4, owner, promotion.id, WHY)) == 3
    assert written("promotion_ended") == 1


def test_a_code_of_one_name_is_added_once(owner: access.Actor) -> None:
    day = clock.today()
    code = discount_codes.NewCode("SALDI", "percent", 10, (), day, day)
    assert refused(race.repeated(discount_codes.add_code, 3, owner, code, WHY)) == 2


def test_a_hold_is_released_once(owner: access.Actor) -> None:
    batch.hold(owner, "all", WHY)
    assert refused(race.repeated(batch.release, 4, owner, "all", WHY)) == 0
    assert written("debits_released") == 1


def test_two_tabs_are_offered_the_same_secret() -> None:
    with db.transaction() as s:
        accounts.add(s, email="nuova@esempio.test", password=persons.PASSWORD, holder={}, role="support", lang="it")
    visitor = persons.browser()
    half = access.actor(access.sign_in(visitor, "nuova@esempio.test", persons.PASSWORD), visitor.ip)
    answers = race.repeated(second_factor.enrolment, 4, half)
    assert refused(answers) == 0
    assert len(set(answers)) == 1
