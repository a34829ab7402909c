"""Reconciliation: a day's books side by side, every kind of difference, and what can be done about it."""

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import access, refunds, settlement, throttle
from pecapp.services.admin import contests, differences, keyset, ledger
from tests.support import factories
from tests.support import people as persons
from tests.support.factories import KEPT, again, the
from tests.support.gateway import FakeGateway

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]
WHY = "ho controllato con la banca"
TODAY = date(2027, 3, 10)


@pytest.fixture
def finance(database: str, frozen_clock: Any) -> access.Actor:
    return persons.staff("finance")


def movement(attempt: Any, **facts: Any) -> base.Movement:
    """The gateway's side of a payment."""
    usual: dict[str, Any] = {
        "kind": "payment",
        "ref": f"pi_{attempt.id}",
        "amount_cents": attempt.amount_cents,
        "currency": "eur",
        "at": clock.now(),
        "attempt_id": attempt.id,
    }
    return base.Movement(**usual | facts)


def paid(gateway: FakeGateway, **facts: Any) -> Any:
    """A payment that is in both books."""
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    factories.settle(attempt, card=KEPT)
    gateway.books.append(movement(attempt, **facts))
    return again(attempt)


async def given_back(gateway: FakeGateway, attempt: Any, cents: int = 208) -> tables.Refund:
    """A refund that is in both books."""
    with db.transaction() as s:
        refund = refunds.request(s, settlement.hold(s, attempt.id), cents, "staff:1", clock.now())
    assert refund is not None
    await refunds.send_due()
    gateway.books.append(back(attempt, ref=f"re_{refund.id}", refund_id=refund.id, amount_cents=cents))
    return the(tables.Refund)


def back(attempt: Any, **facts: Any) -> base.Movement:
    """The gateway's side of a refund, made at the gateway itself unless it is said otherwise."""
    usual: dict[str, Any] = {
        "kind": "refund",
        "ref": "re_x",
        "amount_cents": 208,
        "currency": "eur",
        "at": clock.now(),
        "payment_ref": attempt.payment_ref,
    }
    return base.Movement(**usual | facts)


async def shown(actor: access.Actor, on: date = TODAY) -> tuple[ledger.Side, list[ledger.DifferenceView]]:
    """The card gateway's side of a day, and what differs."""
    view = await ledger.day(actor, on, "it")
    return view.sides[0], [one for one in view.differences if one.gateway == "stripe"]


async def test_equal_books_are_equal(gateway, finance):
    attempt = paid(gateway)
    paid(gateway)
    await given_back(gateway, attempt)
    side, differences = await shown(finance)
    assert differences == []
    assert (side.equal, side.count, side.away, side.complete_until) == (True, 3, False, "")
    assert (side.ours_in, side.theirs_in) == ("24,16\xa0€", "24,16\xa0€")
    assert (side.ours_back, side.theirs_back) == ("2,08\xa0€", "2,08\xa0€")


async def test_a_payment_that_only_we_have_is_shown(gateway, finance):
    attempt = paid(gateway)
    gateway.books.clear()
    side, (one,) = await shown(finance)
    assert (one.kind, one.what, one.own_id, one.can_ask) == ("payment", "only_here", attempt.id, True)
    assert (one.order, one.ours_cents, one.theirs_cents) == (the(tables.Order).number, 1208, 0)
    assert (one.ours, one.theirs, side.equal) == ("12,08\xa0€", "", False)


async def test_a_payment_that_we_have_not_registered_is_shown_and_settled_by_asking(gateway, finance):
    attempt = factories.opened()
    gateway.know(attempt, Verdict.SUCCEEDED, card=KEPT)
    gateway.books.append(movement(attempt))
    _, (one,) = await shown(finance)
    assert (one.what, one.own_id, one.order, one.can_ask) == ("only_there", attempt.id, the(tables.Order).number, True)
    assert await differences.ask_again(finance, "stripe", one.kind, one.own_id, WHY)
    assert the(tables.Order).status == "paid"
    assert (await shown(finance))[1] == []
    begun, act = factories.rows(tables.StaffAct, subject=f"payment:{attempt.id}")
    assert (begun.act, begun.before, begun.after) == ("ledger_ask_begun", *[{"status": "redirected"}] * 2)
    assert (act.act, act.before, act.after) == ("ledger_asked", {"status": "redirected"}, {"status": "succeeded"})


async def test_a_payment_of_nobody_is_shown_and_cannot_be_asked_for(gateway, finance):
    gateway.books.append(movement(factories.opened(), attempt_id="f" * 32, ref="pi_f"))
    _, (one,) = await shown(finance)
    assert (one.what, one.own_id, one.order, one.can_ask) == ("only_there", "", "", False)


async def test_a_second_charge_for_one_attempt_is_shown(gateway, finance):
    attempt = paid(gateway)
    gateway.books.append(movement(attempt, ref="pi_second"))
    _, (one,) = await shown(finance)
    assert (one.what, one.ref, one.order) == ("only_there", "pi_second", the(tables.Order).number)


async def test_another_amount_is_shown(gateway, finance):
    paid(gateway, amount_cents=1207)
    _, (one,) = await shown(finance)
    assert (one.what, one.ours_cents, one.theirs_cents) == ("amount", 1208, 1207)


async def test_a_refund_made_at_the_gateway_is_shown_with_its_order(gateway, finance):
    attempt = paid(gateway)
    gateway.books.append(back(attempt))
    _, (one,) = await shown(finance)
    assert (one.kind, one.what, one.order, one.can_ask) == ("refund", "only_there", the(tables.Order).number, False)
    assert one.can_adopt


async def test_a_refund_of_a_payment_of_nobody_is_shown_and_cannot_be_taken_into_our_books(gateway, finance):
    gateway.books.append(back(paid(gateway), payment_ref="pi_nobody"))
    _, (one,) = await shown(finance)
    assert (one.kind, one.what, one.order, one.can_ask, one.can_adopt) == ("refund", "only_there", "", False, False)


async def test_a_refund_made_at_the_gateway_yesterday_is_taken_into_our_books(gateway, finance, frozen_clock):
    attempt = paid(gateway)
    gateway.books.append(back(attempt))
    gateway.give_back_there(attempt)
    frozen_clock.advance(days=1)
    for _ in range(2):
        assert await differences.adopt(finance, "stripe", "re_x", WHY)
    assert (the(tables.Refund).gateway_ref, the(tables.Refund).amount_cents) == ("re_x", 208)
    for on in (TODAY, TODAY + timedelta(days=1)):
        assert (await shown(finance, on))[1] == []
    begun, act, *_ = factories.rows(tables.StaffAct, subject="refund:re_x")
    assert (begun.act, begun.before, begun.after, begun.why) == ("refund_adopt_begun", {}, {}, WHY)
    assert (act.act, act.before) == ("refund_adopted", {})
    assert act.after == {"status": "succeeded", "refunded_cents": 208}


async def test_a_refund_of_ours_whose_answer_never_came_is_recorded_by_the_gateways_name(gateway, finance):
    attempt = paid(gateway)
    gateway.fail("refund", base.OutcomeUnknown(), executed=True)
    refund = await given_back(gateway, attempt)
    _, (one,) = await shown(finance)
    assert (one.what, one.own_id, one.can_ask, one.can_adopt) == ("only_there", refund.id, False, True)
    assert await differences.adopt(finance, "stripe", one.ref, WHY)
    assert (the(tables.Refund).status, the(tables.Refund).reason) == ("succeeded", "staff:1")
    assert (await shown(finance))[1] == []


async def test_taking_a_refund_over_in_vain_changes_nothing_but_is_written_down(gateway, finance):
    paid(gateway)
    gateway.fail("look_up_refund", base.OutcomeUnknown())
    assert not await differences.adopt(finance, "stripe", "re_x", WHY)
    assert factories.rows(tables.Refund) == []
    acts = [act.act for act in factories.rows(tables.StaffAct, subject="refund:re_x")]
    assert acts == ["refund_adopt_begun", "refund_adopted"]


@pytest.mark.parametrize(("gateway_name", "ref"), [("nope", "re_x"), ("stripe", ""), ("stripe", "x" * 256)])
async def test_what_cannot_be_a_refund_of_a_gateway_is_not_asked_for(gateway, finance, gateway_name: str, ref: str):
    paid(gateway)
    before, asked = factories.dump(), list(gateway.calls)
    with pytest.raises(errors.NotFound):
        await differences.adopt(finance, gateway_name, ref, WHY)
    assert factories.dump() == before
    assert gateway.calls == asked


async def test_settling_differences_asks_the_gateways_so_often_and_no_more(gateway, finance):
    attempt = paid(gateway)
    for _ in range(throttle.GATEWAY_ASKED.amount):
        await differences.ask_again(finance, "stripe", "payment", attempt.id, WHY)
    before, asked = factories.dump(), list(gateway.calls)
    with pytest.raises(errors.TooMany):
        await differences.ask_again(finance, "stripe", "payment", attempt.id, WHY)
    with pytest.raises(errors.TooMany):
        await differences.adopt(finance, "stripe", "re_x", WHY)
    assert factories.dump() == before
    assert gateway.calls == asked
    differences.verify(finance, "stripe", "payment", "pi_1", (1208, 0), TODAY, WHY)
    assert await differences.ask_again(persons.staff("owner"), "stripe", "payment", attempt.id, WHY)


async def test_a_refund_that_the_gateway_does_not_have_is_shown_and_asked_for(gateway, finance):
    refund = await given_back(gateway, paid(gateway))
    gateway.books.pop()
    _, (one,) = await shown(finance)
    assert (one.kind, one.what, one.own_id, one.can_ask) == ("refund", "only_here", refund.id, True)
    gateway.refunds_now[f"re_{refund.id}"] = "failed"
    assert await differences.ask_again(finance, "stripe", "refund", refund.id, WHY)
    assert the(tables.Refund).status == "failed"
    assert (await shown(finance))[1] == []


async def test_what_the_gateway_moved_before_midnight_belongs_to_that_day(gateway, finance, frozen_clock):
    frozen_clock.set(datetime(2027, 3, 9, 22, 59, 59, tzinfo=UTC))  # a second before midnight in Rome
    attempt = factories.opened()
    gateway.books.append(movement(attempt))
    frozen_clock.advance(seconds=2)
    gateway.know(attempt, Verdict.SUCCEEDED)
    factories.settle(attempt)
    first, differences = await shown(finance, TODAY - timedelta(days=1))
    assert (first.count, first.equal, differences) == (1, True, [])
    second, differences = await shown(finance)
    assert (second.count, second.equal, differences) == (0, True, [])


async def test_a_payment_that_we_heard_of_days_later_is_no_difference(gateway, finance, frozen_clock):
    attempt = factories.opened()
    gateway.books.append(movement(attempt))
    frozen_clock.advance(days=6)
    factories.settle(attempt)
    for on in (TODAY, TODAY + timedelta(days=6)):
        assert (await shown(finance, on))[1] == []


async def test_the_days_of_the_clock_changes_are_whole(gateway, finance, frozen_clock):
    for day, moments in {
        date(2027, 3, 28): ["2027-03-27T23:00:00+00:00", "2027-03-28T21:59:59+00:00"],
        date(2027, 10, 31): ["2027-10-30T22:00:00+00:00", "2027-10-31T22:59:59+00:00"],
    }.items():
        gateway.books.clear()
        for moment in moments:
            frozen_clock.set(datetime.fromisoformat(moment))
            paid(gateway)
        frozen_clock.advance(days=2)
        side, differences = await shown(finance, day)
        assert (side.count, differences) == (2, [])


async def test_what_the_gateways_books_do_not_have_yet_is_no_difference(gateway, finance):
    paid(gateway)
    gateway.books.clear()
    gateway.complete_until = clock.now() - timedelta(hours=2)
    side, differences = await shown(finance)
    assert differences == []
    assert side.complete_until


async def test_a_gateway_that_does_not_answer_is_named_and_keeps_nobody_waiting(gateway, finance):
    paid(gateway)
    gateway.fail("ledger", base.OutcomeUnknown())
    view = await ledger.day(finance, TODAY, "it")
    assert [(side.gateway, side.away) for side in view.sides] == [("stripe", True), ("other", False)]
    assert view.differences == []


async def test_a_day_that_has_not_come_is_refused(gateway, finance):
    for on in (TODAY + timedelta(days=1), date.max, date.min, date(1999, 12, 31)):
        with pytest.raises(errors.Invalid):
            await ledger.day(finance, on, "it")
    today = await ledger.day(finance, TODAY, "it")
    assert (today.previous, today.following) == ("2027-03-09", "")
    assert (await ledger.day(finance, date(2026, 12, 31), "en")).following == "2027-01-01"


async def test_a_difference_that_was_looked_into_goes_to_the_end_until_it_changes(gateway, finance):
    attempt = paid(gateway, amount_cents=1207)
    paid(gateway, amount_cents=1)
    _, (first, _) = await shown(finance)
    assert first.ref == attempt.payment_ref
    amounts = (first.ours_cents, first.theirs_cents)
    for _ in range(2):
        differences.verify(finance, "stripe", first.kind, first.ref, amounts, TODAY, WHY)
    _, (other, checked) = await shown(finance)
    assert (other.checked, checked.ref, checked.checked) == ("", first.ref, WHY)
    row = the(tables.LedgerCheck)
    assert (row.by_id, row.why, row.moved_on) == (finance.account_id, WHY, TODAY)
    assert [act.act for act in factories.rows(tables.StaffAct)].count("difference_checked") == 1
    gateway.books[0] = movement(attempt, amount_cents=1206)
    assert {one.checked for one in (await shown(finance))[1]} == {""}


@pytest.mark.parametrize(
    "wrong",
    [
        {"gateway": "nope"},
        {"kind": "gift"},
        {"name": ""},
        {"name": "x" * 256},
        {"amounts": (-1, 5)},
        {"amounts": (0, 0)},
    ],
)
async def test_what_cannot_be_a_difference_is_not_found_and_changes_nothing(gateway, finance, wrong: dict[str, Any]):
    before = factories.dump()
    usual = {"gateway": "stripe", "kind": "payment", "name": "pi_1", "amounts": (1208, 0)}
    with pytest.raises(errors.NotFound):
        differences.verify(finance, **usual | wrong, on=TODAY, why=WHY)
    assert factories.dump() == before


@pytest.mark.parametrize(
    ("gateway_name", "kind", "own_id"),
    [("stripe", "payment", "f" * 32), ("stripe", "refund", "x"), ("stripe", "gift", "x"), ("other", "payment", "")],
)
async def test_what_was_not_made_here_cannot_be_asked_for(gateway, finance, gateway_name: str, kind: str, own_id: str):
    attempt = paid(gateway)
    before = factories.dump()
    with pytest.raises(errors.NotFound):
        await differences.ask_again(finance, gateway_name, kind, own_id or attempt.id, WHY)
    assert factories.dump() == before


async def test_asking_in_vain_changes_nothing_but_is_written_down(gateway, finance):
    attempt = factories.opened()
    gateway.fail("look_up", base.OutcomeUnknown())
    assert not await differences.ask_again(finance, "stripe", "payment", attempt.id, WHY)
    assert again(attempt).status == "redirected"
    assert [act.act for act in factories.rows(tables.StaffAct)].count("ledger_asked") == 1


async def test_a_difference_is_known_again_in_a_later_look(gateway, finance):
    paid(gateway, amount_cents=1207)
    paid(gateway, amount_cents=1)
    gateway.books.append(movement(factories.opened(), attempt_id="f" * 32, ref="pi_f"))
    first = await ledger.day(finance, TODAY, "it")
    gateway.books[1] = replace(gateway.books[1], amount_cents=2)
    gateway.books.pop()
    later = await ledger.day(finance, TODAY, "it")
    left = [ledger.same(later, one) for one in first.differences]
    assert [one and one.theirs_cents for one in left] == [1207, 2, None]


@pytest.mark.parametrize("problem", [RuntimeError("broken"), asyncio.CancelledError()])
async def test_asking_that_breaks_off_is_written_down_all_the_same(gateway, finance, problem: Exception):
    attempt = factories.opened()
    gateway.fail("look_up", problem)
    with pytest.raises(type(problem)):
        await differences.ask_again(finance, "stripe", "payment", attempt.id, WHY)
    act = the(tables.StaffAct, subject=f"payment:{attempt.id}")
    assert (act.act, act.by_id, act.why) == ("ledger_ask_begun", finance.account_id, WHY)


ACTS = {
    "day": lambda actor: ledger.day(actor, TODAY, "it"),
    "disputes": lambda actor: contests.page(actor, keyset.Asked(), "it"),
    "ask": lambda actor: differences.ask_again(actor, "stripe", "payment", the(tables.PaymentAttempt).id, WHY),
    "adopt": lambda actor: differences.adopt(actor, "stripe", "re_x", WHY),
    "verify": lambda actor: differences.verify(actor, "stripe", "payment", "pi_1", (1208, 0), TODAY, WHY),
}
MAY = {"support": {"day", "disputes"}, "finance": set(ACTS), "owner": set(ACTS)}


@pytest.mark.parametrize("role", ["stranger", "customer", "support", "finance", "owner"])
@pytest.mark.parametrize("act", ACTS)
async def test_each_role_may_do_what_it_is_for_and_a_refusal_changes_nothing(gateway, role: str, act: str):
    gateway.give_back_there(paid(gateway))
    actor = persons.somebody(role)
    before, asked = factories.dump(), list(gateway.calls)

    async def do() -> None:
        done = ACTS[act](actor)
        if asyncio.iscoroutine(done):
            await done

    if act in MAY.get(role, set()):
        await do()
        return
    with pytest.raises(errors.Forbidden):
        await do()
    assert factories.dump() == before
    assert gateway.calls == asked


@pytest.mark.parametrize("why", ["", None, 3, "x" * 501])
async def test_an_act_without_a_reason_is_refused_and_changes_nothing(gateway, finance, why: Any):
    attempt = paid(gateway)
    before, asked = factories.dump(), list(gateway.calls)
    with pytest.raises(errors.Invalid):
        differences.verify(finance, "stripe", "payment", "pi_1", (1208, 0), TODAY, why)
    with pytest.raises(errors.Invalid):
        await differences.ask_again(finance, "stripe", "payment", attempt.id, why)
    with pytest.raises(errors.Invalid):
        await differences.adopt(finance, "stripe", "re_x", why)
    assert factories.dump() == before
    assert gateway.calls == asked


# --- contested payments


def contested(gateway: FakeGateway, number: int, status: str = "to_answer", **values: Any) -> tables.Dispute:
    attempt = paid(gateway)
    row = tables.Dispute(
        gateway="stripe",
        dispute_ref=f"du_{number}",
        attempt_id=attempt.id,
        order_id=attempt.order_id,
        amount_cents=1208,
        reason="fraudulent",
        status=status,
        opened_at=clock.now(),
        noted_at=clock.now(),
    )
    for name, value in values.items():
        setattr(row, name, value)
    return factories.add(row)


async def test_disputes_are_listed_newest_first_with_their_deadline(gateway, finance, frozen_clock):
    contested(gateway, 1, respond_by_at=clock.now() + timedelta(days=1))
    contested(gateway, 2, status="won", decided_at=clock.now(), respond_by_at=clock.now())
    rows = contests.page(finance, keyset.Asked(), "it").rows
    assert [row.ref for row in rows] == ["du_2", "du_1"]
    assert (rows[0].decided != "", rows[0].respond_by, rows[0].late) == (True, "", False)
    assert rows[1].reason == "Il titolare non riconosce l'addebito"
    assert (rows[1].respond_by, rows[1].late, rows[1].amount) == ("11 marzo 2027, 13:00", False, "12,08\xa0€")
    assert [row.ref for row in contests.page(finance, keyset.Asked(filters={"status": "won"}), "it").rows] == ["du_2"]
    frozen_clock.advance(days=2)
    assert contests.page(finance, keyset.Asked(), "en").rows[1].late


@pytest.mark.parametrize(
    ("said", "shown"),
    [("UNAUTHORISED", "The holder did not authorise it"), ("a_word_of_tomorrow", "a_word_of_tomorrow")],
)
async def test_a_gateways_word_is_said_in_plain_words_where_there_are_any(gateway, finance, said: str, shown: str):
    contested(gateway, 1, reason=said)
    assert contests.page(finance, keyset.Asked(), "en").rows[0].reason == shown
