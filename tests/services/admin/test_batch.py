"""The rehearsal of a day's debits and the brake: what is shown is what will be debited; what is held is not."""

from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.gateways import base
from pecapp.services import access, brake, debits, notices, outbox, reconcile
from pecapp.services.admin import batch
from tests.support import days, factories, renewing
from tests.support import people as persons

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("paypal")]

WHY = "il prezzo del listino sembra sbagliato"
E = date(2027, 3, 31)
E7 = date(2027, 3, 24)


@pytest.fixture
def card(actor: access.Actor) -> Any:
    return renewing.card(actor, customer_ref="cus_1")


@pytest.fixture
def due(actor: access.Actor, card: Any) -> list[Any]:
    """Two services that are debited on E - 7, whose owner has had the legal notice."""
    rows = [renewing.service(actor, card, E) for _ in range(2)]
    days.go_to(E - timedelta(days=35))
    notices.tell_due()
    outbox.send_due()
    days.go_to(E7)
    return rows


def owner() -> access.Actor:
    return persons.staff("owner")


async def round_() -> int:
    return sum([await debits.run(chunk) for chunk in debits.plan()])


def scope(row: Any) -> str:
    return brake.scope(row.id, row.expires_on)


async def test_what_is_shown_is_what_is_debited(bank: Any, due: list[Any]) -> None:
    before = factories.dump()
    shown = batch.rehearse(owner(), E7, "", "it")
    assert [debit.key for debit in shown.debits] == [scope(row) for row in due]
    assert (shown.cents, shown.lights, shown.after) == (2 * 1208, {"covered": 2}, "")
    assert "service" in before
    assert await round_() == 2
    assert sum(charge.amount_cents for charge in bank.charges.values()) == shown.cents
    assert batch.rehearse(persons.staff("support"), E7, "", "it").debits == []


async def test_looking_changes_nothing(due: list[Any]) -> None:
    actor = owner()
    before = factories.dump()
    batch.rehearse(actor, E7, "", "it")
    batch.stopped(actor, "it")
    assert factories.dump() == before


async def test_what_will_not_be_tried_says_why_and_is_not_in_the_total(due: list[Any], card: Any) -> None:
    factories.change(card, ceiling_cents=1000)
    shown = batch.rehearse(owner(), E7, "", "it")
    assert {(debit.light, debit.why) for debit in shown.debits} == {("uncovered", "Costa più di quanto autorizzato")}
    assert shown.cents == 0


async def test_what_costs_more_than_last_time_is_marked(bank: Any, due: list[Any]) -> None:
    await round_()
    factories.price("PEC-STD", date(2028, 1, 1), 1990)
    days.go_to(date(2028, 3, 24))
    shown = batch.rehearse(owner(), date(2028, 3, 24), "", "it")
    assert (shown.different, {debit.before for debit in shown.debits}) == (2, {"12,08\xa0€"})


async def test_a_long_day_comes_in_pieces(monkeypatch: pytest.MonkeyPatch, due: list[Any]) -> None:
    monkeypatch.setattr(batch, "PIECE", 1)
    actor = owner()
    first = batch.rehearse(actor, E7, "", "it")
    second = batch.rehearse(actor, E7, first.after, "it")
    assert [debit.key for debit in first.debits + second.debits] == [scope(row) for row in due]
    assert batch.rehearse(actor, E7, second.after, "it") == batch.Piece()


async def test_what_is_debited_while_somebody_looks_hides_nothing_from_them(
    bank: Any, actor: access.Actor, card: Any, due: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    later = renewing.service(actor, card, E - timedelta(days=1))
    monkeypatch.setattr(batch, "PIECE", 2)
    who = owner()
    first = batch.rehearse(who, E7, "", "it")
    assert [debit.key for debit in first.debits] == [scope(later), scope(due[0])]
    assert await debits.run([due[0].id]) == 1
    assert [debit.key for debit in batch.rehearse(who, E7, first.after, "it").debits] == [scope(due[1])]


NO_EDGE = (
    *("1", ":", "1:", "x:2027-03-31", "-1:2027-03-31", "01:2027-03-31", "1:2027-03-23", f"{'9' * 40}:2027-03-31"),
    *("1:2027-13-31", "1:20270331", "²:2027-03-31", "1:2027-03-31 ", 0, 200, None, True, [], {"$gt": ""}),
)


@pytest.mark.parametrize("after", NO_EDGE)
async def test_what_no_piece_ended_with_is_refused(due: list[Any], after: Any) -> None:
    actor = owner()
    with pytest.raises(errors.Invalid):
        batch.rehearse(actor, E7, after, "it")


async def test_beyond_the_last_there_is_nothing(due: list[Any]) -> None:
    assert batch.rehearse(owner(), E7, "1:9999-12-31", "it") == batch.Piece()


@pytest.mark.parametrize("ahead", [-1, 8, 400])
async def test_only_the_coming_week_can_be_rehearsed(due: list[Any], ahead: int) -> None:
    actor = owner()
    with pytest.raises(errors.Invalid):
        batch.rehearse(actor, E7 + timedelta(days=ahead), "", "it")


async def test_what_is_held_is_neither_expected_nor_covered(due: list[Any]) -> None:
    actor = owner()
    batch.hold(actor, scope(due[0]), WHY)
    shown = batch.rehearse(actor, E7, "", "it")
    assert (shown.cents, shown.lights, shown.held, shown.held_cents) == (1208, {"covered": 1}, 1, 1208)
    assert [(debit.held, debit.stopped) for debit in shown.debits] == [(True, True), (False, False)]
    batch.hold(actor, brake.ALL, WHY)
    shown = batch.rehearse(actor, E7, "", "it")
    assert (shown.cents, shown.lights, shown.held, shown.held_cents) == (0, {}, 2, 2 * 1208)
    assert [(debit.held, debit.stopped) for debit in shown.debits] == [(True, True), (False, True)]


@pytest.mark.parametrize(
    ("trouble", "light", "why"),
    [
        ("insufficient_funds", "at_risk", "Già rifiutato: disponibilità insufficiente"),
        ("ceiling", "covered", ""),
        ("", "covered", ""),
    ],
)
async def test_what_was_refused_and_is_tried_again_is_not_simply_covered(
    actor: access.Actor, due: list[Any], trouble: str, light: str, why: str
) -> None:
    order = factories.order(actor, kind="renewal", configuration={"product": "PEC-STD", "service": due[0].id})
    factories.add(
        tables.Renewal(
            order_id=order.id or 0, service_id=due[0].id, expires_on=E, automatic=True, debits=1, next_debit_on=E7,
            trouble=trouble,
        )
    )  # fmt: skip
    first, other = batch.rehearse(owner(), E7, "", "it").debits
    assert (first.light, first.why) == (light, why)
    assert (other.light, other.why) == ("covered", "")


# --- the brake --------------------------------------------------------------------------------------------------------


async def test_one_debit_is_held_and_let_go(bank: Any, due: list[Any]) -> None:
    actor = owner()
    batch.hold(actor, scope(due[0]), WHY)
    assert [debit.held for debit in batch.rehearse(actor, E7, "", "it").debits] == [True, False]
    assert await round_() == 1
    batch.release(actor, scope(due[0]), WHY)
    assert await round_() == 1
    assert len(bank.charges) == 2


async def test_the_brake_stops_everything_until_it_is_released(bank: Any, due: list[Any]) -> None:
    actor = owner()
    batch.hold(actor, brake.ALL, WHY)
    told = batch.stopped(actor, "it")
    assert (told.by, told.why) == ("owner@esempio.test", WHY)
    assert debits.plan() == []
    assert await debits.run([row.id for row in due]) == 0
    assert (bank.charges, factories.rows(tables.Order, kind="renewal")) == ({}, [])
    batch.release(actor, brake.ALL, WHY)
    assert batch.stopped(actor, "it") == batch.Brake()
    assert await round_() == 2


async def test_the_brake_holds_in_the_middle_of_a_batch(bank: Any, due: list[Any]) -> None:
    actor = owner()
    (chunk,) = debits.plan()
    batch.hold(actor, brake.ALL, WHY)
    assert await debits.run(chunk) == 0
    assert bank.charges == {}


async def test_the_brake_holds_what_waits_for_its_turn_at_the_gateway(bank: Any, actor: Any, due: list[Any]) -> None:
    who = owner()
    bank.meanwhile("charge", lambda: batch.hold(who, brake.ALL, WHY))
    await debits.run([row.id for row in due], debits.Pace(concurrency=50, per_second=5))
    assert len(bank.charges) == 1


async def test_a_charge_that_never_arrived_is_not_asked_for_again_while_it_is_held(bank: Any, due: list[Any]) -> None:
    bank.fail("charge", base.OutcomeUnknown("time-out"), times=2)
    await round_()
    batch.hold(owner(), brake.ALL, WHY)
    at = clock.now()
    clock.use(lambda: at + timedelta(minutes=30))
    for _ in range(3):
        await reconcile.sweep()
    assert bank.charges == {}


async def test_a_held_debit_is_not_taken_after_the_expiry(bank: Any, due: list[Any]) -> None:
    actor = owner()
    batch.hold(actor, brake.ALL, WHY)
    days.go_to(E + timedelta(days=1))
    batch.release(actor, brake.ALL, WHY)
    assert await round_() == 0
    assert bank.charges == {}


async def test_the_staff_is_told_once_a_day_what_the_brake_is_about_to_cost(due: list[Any]) -> None:
    batch.hold(owner(), brake.ALL, WHY)
    assert brake.warn_due() is False
    days.go_to(E - timedelta(days=2))
    assert [brake.warn_due() for _ in range(2)] == [True, True]
    assert factories.alerts() == ["brake_costs"]


async def test_without_the_brake_nobody_is_warned(due: list[Any]) -> None:
    days.go_to(E)
    assert brake.warn_due() is False


async def test_holding_twice_is_holding_once(due: list[Any]) -> None:
    actor = owner()
    for act in (batch.hold, batch.hold, batch.release, batch.release):
        act(actor, scope(due[0]), WHY)
    acts = [row.act for row in factories.rows(tables.StaffAct)]
    assert acts == ["debits_held", "debits_released"]


@pytest.mark.parametrize(
    ("role", "held", "released"),
    [
        ("stranger", False, False),
        ("customer", False, False),
        ("support", True, False),
        ("finance", True, True),
        ("owner", True, True),
    ],
)
async def test_all_of_the_staff_may_hold_and_not_all_let_go(
    due: list[Any], role: str, held: bool, released: bool
) -> None:
    actor = persons.somebody(role)
    for act, may in ((batch.hold, held), (batch.release, released)):
        before = factories.dump()
        if may:
            act(actor, brake.ALL, WHY)
        else:
            with pytest.raises(errors.Forbidden):
                act(actor, brake.ALL, WHY)
        assert (factories.dump() != before) is may


@pytest.mark.parametrize(
    "wrong", ["", "1", "1:2027-03-30", "9999:2027-03-31", "x:2027-03-31", "-1:2027-03-31", "1" * 99]
)
async def test_what_is_no_debit_is_not_held(due: list[Any], wrong: str) -> None:
    actor = owner()
    before = factories.dump()
    for act in (batch.hold, batch.release):
        with pytest.raises(errors.NotFound):
            act(actor, wrong, WHY)
    with pytest.raises(errors.Invalid):
        batch.hold(actor, brake.ALL, " ")
    assert factories.dump() == before
    with db.reading() as s:
        assert not brake.is_on(s)
