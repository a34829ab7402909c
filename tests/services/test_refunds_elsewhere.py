"""Money that somebody gave back at the gateway itself: it is in our books, everybody is told, and it counts once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, i18n, tables
from pecapp.gateways import base
from pecapp.services import access, inbox, letters, live, mails, orders, refunds, settlement
from pecapp.services.admin import acts, differences, timeline
from tests.support import factories, race
from tests.support import people as persons
from tests.support.factories import KEPT, again, the
from tests.support.gateway import SIGNED, FakeGateway, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("database", "frozen_clock")]
WHY = "lo ha chiesto al telefono"


@pytest.fixture
def customer(database: str, frozen_clock: Any) -> access.Actor:
    return factories.customer()


@pytest.fixture
def paid(gateway: FakeGateway, customer: access.Actor) -> tables.PaymentAttempt:
    """A payment of 12.08 that has succeeded."""
    attempt = factories.opened(customer)
    factories.settle(attempt, card=KEPT)
    return again(attempt)


@pytest.fixture
def told() -> Iterator[set[str]]:
    """The topics that were published."""
    heard: set[str] = set()

    def hear(topics: frozenset[str]) -> None:
        heard.update(topics)

    live.listen(hear)
    yield heard
    live.forget(hear)


def order_of(attempt: tables.PaymentAttempt) -> tables.Order:
    return the(tables.Order, id=attempt.order_id)


def ask(attempt: tables.PaymentAttempt, cents: int = 1208) -> tables.Refund:
    """A refund that was asked for here and is not sent yet."""
    with db.transaction() as s:
        row = refunds.request(s, settlement.hold(s, attempt.id), cents, "staff:1", clock.now())
    assert row is not None
    return row


def left(attempt: tables.PaymentAttempt) -> int:
    with db.reading() as s:
        return refunds.left(s, attempt)


async def hear(ref: str, event_id: str = "evt_r", **facts: Any) -> None:
    """The gateway tells of a refund."""
    await inbox.receive("stripe", event(event_id, refund=ref, type="refund.created", **facts), SIGNED)
    while await inbox.drain():
        pass


async def test_it_is_in_our_books_and_everybody_is_told_once(gateway, paid, told):
    ref = gateway.give_back_there(paid, amount_cents=1208, made_at=clock.now() - timedelta(hours=2))
    await hear(ref)
    row = the(tables.Refund)
    assert (row.attempt_id, row.order_id, row.amount_cents, row.currency) == (paid.id, paid.order_id, 1208, "eur")
    assert (row.gateway_ref, row.reason, row.status) == (ref, f"gateway:{ref}", "succeeded")
    assert (row.created_at, row.finished_at) == (clock.now() - timedelta(hours=2), clock.now())
    assert (order_of(paid).status, left(paid)) == ("refunded", 0)
    assert (factories.alerts(), factories.mails("m21")) == (["refund_elsewhere"], [f"m21:refund:{row.id}"])
    order = order_of(paid)
    assert {live.order(paid.order_id), live.account(order.account_id), live.ADMINS, live.WORK_MAIL} <= told
    assert the(tables.InboxEvent, event_id="evt_r").status == "done"
    for lang in i18n.LANGS:
        assert i18n.words(lang)["staff.alert.refund_elsewhere"]


async def test_it_is_asked_for_nothing_and_sent_nowhere(gateway, paid):
    await hear(gateway.give_back_there(paid))
    assert (await refunds.send_due(), await refunds.follow_due()) == (0, 0)
    assert gateway.refunds == {}


async def test_heard_again_by_another_way_and_later_it_changes_nothing(gateway, paid):
    ref = gateway.give_back_there(paid)
    await hear(ref)
    before = factories.dump()
    assert await refunds.check("stripe", ref)
    assert factories.dump() == before


async def test_webhook_reconciliation_and_two_processes_at_once_take_it_down_once(gateway, paid):
    ref = gateway.give_back_there(paid, amount_cents=1208)
    finance = persons.staff("finance")
    by_webhook, by_act = (
        lambda: asyncio.run(refunds.check("stripe", ref)),
        lambda: asyncio.run(differences.adopt(finance, "stripe", ref, WHY)),
    )
    answers = race.together(lambda act: act(), (by_webhook,), (by_act,), (by_webhook,), (by_act,))
    assert answers == [True] * 4
    row = the(tables.Refund)
    assert (factories.alerts(), factories.mails("m21")) == (["refund_elsewhere"], [f"m21:refund:{row.id}"])
    assert order_of(paid).status == "refunded"


async def test_the_latest_news_counts_though_somebody_with_older_news_was_first(gateway, paid, monkeypatch):
    adopt = refunds._adopt

    def second(name: str, told: base.Refunded) -> None:
        adopt(name, replace(told, status="pending"))
        adopt(name, told)

    monkeypatch.setattr(refunds, "_adopt", second)
    assert await refunds.check("stripe", gateway.give_back_there(paid))
    assert (the(tables.Refund).status, len(factories.mails("m21"))) == ("succeeded", 1)


async def test_a_part_leaves_the_order_paid_and_lowers_what_can_still_be_given_back(gateway, paid, customer):
    await hear(gateway.give_back_there(paid))
    assert (order_of(paid).status, left(paid)) == ("paid", 1000)
    finance = persons.staff("finance")
    assert acts.refund(finance, order_of(paid).number, "a" * 32, WHY) == 1000
    assert order_of(paid).status == "refunded"


async def test_parts_that_come_to_everything_make_the_order_refunded(gateway, paid):
    ask(paid, 1000)
    await hear(gateway.give_back_there(paid))
    assert (order_of(paid).status, left(paid)) == ("refunded", 0)


async def test_a_day_that_was_added_up_without_it_counts_it_too(gateway, paid):
    days = [clock.today() - timedelta(days=ago) for ago in (2, 1)]
    for day in days:
        factories.add(tables.DayFigure(day=day, paid=0, paid_cents=0, declined=0, refunded_cents=100))
    await hear(gateway.give_back_there(paid, made_at=clock.now() - timedelta(days=1)))
    assert [the(tables.DayFigure, day=day).refunded_cents for day in days] == [100, 308]


@pytest.mark.parametrize(("ends", "given"), [("succeeded", 208), ("failed", 0)])
async def test_one_that_takes_time_is_followed_to_its_end(gateway, paid, frozen_clock, ends: str, given: int):
    ref = gateway.give_back_there(paid, status="pending")
    await hear(ref)
    row = the(tables.Refund)
    assert (row.status, row.finished_at, left(paid)) == ("pending", None, 1000)
    gateway.refunds_now[ref] = ends
    frozen_clock.advance(hours=2)
    assert await refunds.follow_due() == 1
    assert (again(row).status, left(paid)) == (ends, 1208 - given)
    assert again(row).finished_at == clock.now()
    assert factories.mails("m21") == [f"m21:refund:{row.id}"]
    assert ("refund_failed" in factories.alerts()) is (ends == "failed")


async def test_one_that_failed_or_was_cancelled_there_is_not_in_our_books(gateway, paid):
    before = factories.dump()
    assert await refunds.check("stripe", gateway.give_back_there(paid, status="failed"))
    assert factories.dump() == before


@pytest.mark.parametrize("ref", ["pi_nobody", ""])
async def test_one_of_a_payment_that_is_not_ours_is_not_in_our_books(gateway, paid, ref: str):
    before = factories.dump()
    assert await refunds.check("stripe", gateway.give_back_there(paid, payment_ref=ref))
    assert factories.dump() == before


async def test_one_of_another_gateway_with_the_same_names_is_not_ours(gateway, paid):
    ref = gateway.give_back_there(paid)
    factories.change(paid, gateway="other")
    before = factories.dump()
    assert await refunds.check("stripe", ref)
    assert factories.dump() == before


@pytest.mark.parametrize("odd", [{"currency": "usd"}, {"amount_cents": 1209}, {"amount_cents": 0}])
async def test_one_that_does_not_fit_its_payment_reaches_the_staff_once(gateway, paid, odd: dict[str, Any]):
    ref = gateway.give_back_there(paid, **odd)
    for _ in range(2):
        assert await refunds.check("stripe", ref)
    assert (factories.rows(tables.Refund), order_of(paid).status) == ([], "paid")
    assert (factories.alerts(), the(tables.Alert).order_id) == (["refund_unclear"], paid.order_id)
    assert factories.mails("m21") == []
    for lang in i18n.LANGS:
        assert i18n.words(lang)["staff.alert.refund_unclear"]


async def test_the_news_of_our_own_refund_before_our_call_has_returned_is_no_second_one(gateway, paid):
    row = ask(paid)
    gateway.meanwhile("refund", lambda: refunds.check("stripe", f"re_{row.id}"))
    await refunds.send_due()
    assert (the(tables.Refund).id, again(row).status) == (row.id, "succeeded")
    assert (factories.alerts(), factories.mails("m21")) == ([], [f"m21:refund:{row.id}"])


async def test_one_with_the_name_of_our_refund_at_another_gateway_is_no_second_one(gateway, paid):
    other = factories.opened()
    factories.settle(other, card=KEPT)
    factories.change(other, gateway="other", payment_ref=f"other_{other.id}", status="succeeded")
    row = ask(again(other))
    before = factories.dump()
    assert await refunds.check("stripe", gateway.give_back_there(paid, refund_id=row.id))
    assert factories.dump() == before


async def test_a_name_that_is_none_of_our_refunds_does_not_keep_it_out_of_our_books(gateway, paid):
    """PayPal's own pages may hand down what we wrote on the payment."""
    await hear(gateway.give_back_there(paid, refund_id=paid.id))
    assert the(tables.Refund).reason == "gateway:re_x"


async def test_ours_that_was_not_sent_yet_finds_too_little_left_and_the_staff_is_told(gateway, paid):
    row = ask(paid)
    await hear(gateway.give_back_there(paid, amount_cents=1208))
    assert left(paid) == 0
    gateway.fail("refund", base.GatewayError("already refunded"))
    assert await refunds.send_due() == 1
    assert (again(row).status, left(paid)) == ("failed", 0)
    assert factories.alerts() == ["refund_elsewhere", "refund_failed"]
    assert len(factories.mails("m21")) == 1


async def test_while_two_claim_the_same_money_nothing_more_can_be_given_back_and_every_page_works(
    gateway, paid, customer
):
    ask(paid)
    await hear(gateway.give_back_there(paid, amount_cents=1208))
    support, number = persons.staff("support"), order_of(paid).number
    assert acts.refundable(support, number, "it") is None
    assert not timeline.order(support, number, "it").refundable
    shown = orders.page(customer, number, "it")
    assert "Rimborso: 12,08\xa0€." in shown.explanation
    assert "24,16" not in shown.explanation


async def test_a_refund_of_money_that_was_not_due_leaves_the_paid_order_as_it_is(gateway, paid, customer):
    order = order_of(paid)
    second = factories.attempt(order, status="expired")
    factories.change(order, status="paid")
    factories.settle(second, card=KEPT)
    await hear(gateway.give_back_there(again(second), amount_cents=1208))
    assert {row.reason for row in factories.rows(tables.Refund)} == {"surplus", "gateway:re_x"}
    assert order_of(paid).status == "paid"
    assert "secondo pagamento" in orders.page(customer, order.number, "it").explanation


async def test_the_customer_and_the_staff_read_where_it_was_made(gateway, paid, customer):
    await hear(gateway.give_back_there(paid))
    number = order_of(paid).number
    page = orders.page(customer, number, "it")
    assert page.headline == i18n.text("outcome.paid.headline", "it")
    assert "secondo pagamento" not in page.explanation
    assert "Rimborso: 2,08\xa0€." in page.explanation
    chain = timeline.order(persons.staff("support"), number, "it").timeline
    (made,) = (one for one in chain if one.title == "Rimborso di 2,08\xa0€ disposto")
    assert made.text == "Disposto direttamente presso il gestore dei pagamenti. Torna sullo stesso metodo."


@pytest.mark.parametrize(
    ("lang", "summary", "says"),
    [
        ("it", "Ti rimborsiamo 2,08\xa0€ per l'ordine {}.", "abbiamo disposto un rimborso per l'ordine {}."),
        ("en", "We are refunding €2.08 for order {}.", "we have ordered a refund for order {}."),
    ],
)
async def test_the_customers_mail_tells_how_much_goes_back(gateway, paid, lang: i18n.Lang, summary: str, says: str):
    order = order_of(paid)
    factories.change(order, lang=lang)
    await hear(gateway.give_back_there(paid))
    with db.reading() as s:
        letter = mails.compose(s, the(tables.OutboxMail, template="m21")).letter
    assert letter.summary == summary.format(order.number)
    assert letters.Paragraph(says.format(order.number)) in letter.blocks
