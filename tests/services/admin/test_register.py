"""The register: every act of the staff is found by who did it, which it was, when, and what it was done to."""

from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, tables
from pecapp.services import access, audit
from pecapp.services.admin import lists, register
from tests.support import factories, people

pytestmark = pytest.mark.usefixtures("database", "frozen_clock")


@pytest.fixture
def owner(database: str, frozen_clock: object) -> access.Actor:
    factories.stock()
    return people.staff()


def did(by: access.Actor, act: str, subject: str, account_id: int | None = None) -> None:
    with db.transaction() as s:
        audit.record(s, by, act, subject, before={}, after={}, why="perché sì", account_id=account_id)


def found(owner: access.Actor, **query: str) -> list[str]:
    """What was done, in the order of the page that this address shows; without how people came in."""
    rows = lists.page(owner, "registro", lists.asked(query), "it").rows
    return [row.subject for row in rows if row.act != "App di autenticazione collegata"]


def test_acts_stand_newest_first_or_oldest_first(owner: access.Actor, frozen_clock: Any) -> None:
    for name in ("A", "B", "C"):
        did(owner, "refunded", f"order:{name}")
        did(owner, "refunded", f"order:{name}{name}")
        frozen_clock.advance(minutes=1)
    newest = [f"Ordine {name}" for name in ("CC", "C", "BB", "B", "AA", "A")]
    assert found(owner) == newest
    assert found(owner, ordina="oldest") == newest[::-1]


def test_an_act_is_found_by_who_did_it_and_which_it_was(owner: access.Actor) -> None:
    other = people.staff("finance")
    did(owner, "refunded", "order:1")
    did(other, "refunded", "order:2")
    did(other, "order_cancelled", "order:3")
    assert found(owner, chi="finance@esempio.test") == ["Ordine 3", "Ordine 2"]
    assert found(owner, chi="Finance@Esempio.test ", atto="refunded") == ["Ordine 2"]
    assert found(owner, atto="refunded") == ["Ordine 2", "Ordine 1"]
    assert found(owner, chi="nessuno@esempio.test") == []
    assert len(found(owner, atto="nonsense")) == 3, "what makes no sense is not asked"


def test_an_act_is_found_by_the_day_in_rome(owner: access.Actor, frozen_clock: Any) -> None:
    did(owner, "refunded", "order:1")
    day = clock.today()
    frozen_clock.advance(days=1)
    did(owner, "refunded", "order:2")
    assert found(owner, al=day.isoformat()) == ["Ordine 1"]
    assert found(owner, dal=(day + timedelta(days=1)).isoformat(), atto="refunded") == ["Ordine 2"]
    assert found(owner, su="1", dal=day.isoformat()) == []


def test_the_number_of_an_order_finds_what_was_done_to_it_its_payments_and_refunds(owner: access.Actor) -> None:
    attempt = factories.opened()
    order = factories.the(tables.Order, id=attempt.order_id)
    did(owner, "order_cancelled", f"order:{order.number}")
    did(owner, "ledger_asked", f"payment:{attempt.id}")
    did(owner, "order_cancelled", "order:9999")
    assert found(owner, su=f" {order.number} ") == [f"Pagamento dell'ordine {order.number}", f"Ordine {order.number}"]
    assert found(owner, su=order.number, atto="ledger_asked") == [f"Pagamento dell'ordine {order.number}"]


def test_the_address_of_a_customer_finds_what_was_done_to_all_that_is_theirs(owner: access.Actor) -> None:
    customer, other = factories.customer(), factories.customer()
    address = factories.the(tables.Account, id=customer.account_id).email
    did(owner, "refunded", "order:1", customer.account_id)
    did(owner, "refunded", "order:2", other.account_id)
    assert found(owner, su=address.upper()) == ["Ordine 1"]
    assert found(owner, cliente=str(other.account_id)) == ["Ordine 2"]


def test_the_address_of_a_member_finds_what_was_done_to_them_and_not_what_they_did(owner: access.Actor) -> None:
    member = people.staff("support")
    did(owner, "member_role_changed", f"account:{member.account_id}")
    did(member, "refunded", "order:1")
    assert found(owner, su="support@esempio.test") == ["Account support@esempio.test"]


def test_a_mailbox_finds_what_was_done_to_it(owner: access.Actor) -> None:
    order, today = factories.order(), clock.today()
    service = factories.add(
        tables.Service(
            account_id=order.account_id, order_id=order.id or 0, product_code="PEC-STD", label="studio@pec.test",
            status="active", activated_on=today, expires_on=today,
        )
    )  # fmt: skip
    did(owner, "renewal_switched_off", f"service:{service.id}", order.account_id)
    did(owner, "renewal_switched_off", "service:999")
    assert found(owner, su="Studio@pec.test") == ["Servizio studio@pec.test"]


@pytest.mark.parametrize("said", ["niente", "0", "%", "'; --", "x" * 5_000])
def test_what_nobody_knows_finds_nothing(owner: access.Actor, said: str) -> None:
    did(owner, "refunded", "order:1")
    assert found(owner, su=said) == []


@pytest.mark.parametrize("said", ["\x00", "a\nb", "   ", ""])
def test_what_no_address_and_no_number_can_be_is_not_asked(owner: access.Actor, said: str) -> None:
    did(owner, "refunded", "order:1")
    assert found(owner, su=said) == ["Ordine 1"]


@pytest.mark.parametrize("act", register.ACTS)
def test_every_act_can_be_asked_for(owner: access.Actor, act: str) -> None:
    did(owner, act, "order:1")
    rows = lists.page(owner, "registro", lists.asked({"atto": act}), "en").rows
    assert "Order 1" in [row.subject for row in rows]
