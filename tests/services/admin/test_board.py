"""The board: each number leads to the very rows that it counts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pecapp import clock, tables
from pecapp.domain import payments
from pecapp.services import access, brake
from pecapp.services.admin import batch, board, keyset, lists, webhooks
from tests.support import factories, renewing
from tests.support import people as persons
from tests.support.factories import VISA

DAY = timedelta(days=1)


@pytest.fixture
def support(shop, frozen_clock) -> access.Actor:
    frozen_clock.set(datetime(2027, 3, 9, 23, 30, tzinfo=UTC))  # the 10th in Rome
    return persons.staff("support")


def rows_behind(actor: access.Actor, url: str) -> list[Any]:
    """What the page at this address lists."""
    place, query = urlsplit(url), dict(parse_qsl(urlsplit(url).query))
    name = place.path.removeprefix("/admin/")
    asked = lists.asked(query)
    if name == "notifiche":
        status = {"status": query["stato"]} if "stato" in query else {}
        page = webhooks.page(actor, keyset.Asked(filters=status, since=asked.since), "it")
    else:
        page = lists.page(actor, name, asked, "it")
    assert not page.after, "so few rows are on one page"
    return page.rows


def figure(actor: access.Actor, key: str) -> board.Figure:
    shown = board.figures(actor, "it")
    return next(one for one in (*shown.now, *shown.due, *shown.events, *shown.mails) if one.key == key)


def declined(reason: payments.Reason) -> None:
    factories.settle(factories.opened(), payments.Verdict.DECLINED, reason=reason)


def paid() -> None:
    factories.settle(factories.opened(), card=VISA)


def notified(event_id: str, status: str) -> None:
    factories.add(
        tables.InboxEvent(
            gateway="stripe", event_id=event_id, type="charge.succeeded", body="{}", status=status,
            received_at=clock.now(),
        )
    )  # fmt: skip


def written(key: str, status: str, **values: Any) -> None:
    factories.add(
        tables.OutboxMail(
            dedup_key=key, template="m03", to_address="anna@example.test", lang="it", status=status,
            **{"created_at": clock.now(), "ready_at": clock.now(), **values},
        )
    )  # fmt: skip


def test_the_last_tries_to_pay_stand_there_as_they_are_now(support, frozen_clock):
    opened = []
    for _ in range(board.LATEST + 1):
        frozen_clock.advance(minutes=1)
        opened.append(factories.opened())
    factories.settle(opened[-1], card=VISA)
    shown = board.figures(support, "it").latest
    numbers = [factories.the(tables.Order, id=one.order_id).number for one in opened]
    assert [one.order_number for one in shown] == numbers[:0:-1]
    assert [one.status for one in shown] == ["succeeded", *["redirected"] * (board.LATEST - 1)]


def test_what_was_paid_today_whenever_it_was_begun(support, frozen_clock):
    paid()
    late = factories.opened()
    frozen_clock.advance(days=1)
    factories.settle(late, card=VISA)
    paid()
    shown = figure(support, "paid_today")
    assert (shown.value, shown.note) == ("2", "24,16\u00a0€")
    assert len(rows_behind(support, shown.url)) == 2


def test_payments_that_run_and_that_nobody_knows_of(support):
    factories.opened()
    factories.attempt(factories.order(), status="unknown")
    factories.attempt(factories.order(), status="unknown")
    paid()
    for key, status, count in (("redirected", "redirected", 1), ("unknown", "unknown", 2)):
        shown = figure(support, key)
        assert shown.value == str(count)
        assert [row.status for row in rows_behind(support, shown.url)] == [status] * count
    assert figure(support, "unknown").tone == "warning"


def test_refusals_since_yesterday_by_reason(support, frozen_clock):
    declined(payments.Reason.EXPIRED_CARD)
    frozen_clock.advance(days=1)
    declined(payments.Reason.EXPIRED_CARD)
    declined(payments.Reason.INSUFFICIENT_FUNDS)
    frozen_clock.advance(days=1)
    declined(payments.Reason.INSUFFICIENT_FUNDS)
    paid()
    failures = board.figures(support, "it").failures
    assert [(one.reason, one.count) for one in failures] == [("insufficient_funds", "2"), ("expired_card", "1")]
    for one in failures:
        assert len(rows_behind(support, one.url)) == int(one.count)


def test_notifications_of_today_and_by_what_became_of_them(support, frozen_clock):
    notified("evt_old", "unmatched")
    frozen_clock.advance(days=1)
    for number, status in enumerate(("done", "waiting", "unmatched", "quarantined")):
        notified(f"evt_{number}", status)
    for key, count in {"received": 4, "waiting": 1, "unmatched": 2, "quarantined": 1}.items():
        shown = figure(support, key)
        assert shown.value == str(count)
        assert len(rows_behind(support, shown.url)) == count, key


def test_mails_that_wait_and_that_could_not_be_delivered(support):
    written("a", "waiting")
    written("b", "waiting", ready_at=clock.now() + DAY)
    written("c", "failed", tries=9)
    written("d", "sent", sent_at=clock.now(), subject="Ricevuta")
    for key, count in {"mails_waiting": 2, "mails_failed": 1}.items():
        shown = figure(support, key)
        assert shown.value == str(count)
        assert len(rows_behind(support, shown.url)) == count, key
    assert figure(support, "mails_failed").tone == "problem"
    (failed,) = rows_behind(support, "/admin/posta?stato=failed")
    assert (failed.tries, failed.to_address, failed.account_id) == (9, "anna@example.test", 0)
    (sent,) = rows_behind(support, "/admin/posta?stato=sent")
    assert sent.subject == "Ricevuta"


def test_a_mail_leads_to_its_order_and_customer(support):
    owner = factories.customer()
    order = factories.order(owner)
    written("a", "waiting", account_id=owner.account_id, order_id=order.id)
    (row,) = rows_behind(support, "/admin/posta")
    assert (row.order, row.account_id, row.subject) == (order.number, owner.account_id, "Conferma pagamento")


def test_renewals_of_the_week(support):
    owner = factories.customer()
    card = factories.method(owner)
    bought, today = factories.order(owner), clock.today()
    for days in (7, 8, 14, 15):
        factories.add(
            tables.Service(
                account_id=owner.account_id or 0, order_id=bought.id or 0, product_code="PEC-STD",
                label=f"casella{days}@pec", status="active", activated_on=today, renewal="active",
                method_id=card.id, expires_on=today + days * DAY,
            )
        )  # fmt: skip
    shown = figure(support, "due_week")
    assert [row.label for row in rows_behind(support, shown.url)] == ["casella8@pec", "casella14@pec"]
    assert shown.value == "2"


def test_a_day_of_the_chart_is_what_its_rows_say(support, frozen_clock):
    paid()
    paid()
    declined(payments.Reason.TECHNICAL)
    frozen_clock.advance(days=1)
    board.close_days()
    day = board.figures(support, "it").days[-2]
    assert (day.iso, day.paid, day.taken, day.declined) == ("2027-03-10", "2", "24,16\u00a0€", "1")
    for status, count in (("succeeded", day.paid), ("declined", day.declined)):
        url = f"/admin/pagamenti?stato={status}&ordina=ended&dal={day.iso}&al={day.iso}"
        assert len(rows_behind(support, url)) == int(count)


def test_the_chart_says_what_its_bars_are_measured_by(support, frozen_clock):
    assert board.figures(support, "it").takings == board.Scale("9 febbraio 2027", "10 marzo 2027", "", "0,00\u00a0€")
    paid()
    frozen_clock.advance(days=1)
    board.close_days()
    scale = board.figures(support, "en").takings
    assert scale == board.Scale("10 February 2027", "11 March 2027", "10 March 2027", "€12.08")


def test_the_bars_of_the_refusals_are_measured_by_the_worst_day(support, frozen_clock):
    declined(payments.Reason.TECHNICAL)
    frozen_clock.advance(days=1)
    declined(payments.Reason.TECHNICAL)
    declined(payments.Reason.TECHNICAL)
    board.close_days()
    shown = board.figures(support, "it")
    assert [day.declined_height for day in shown.days[-3:]] == ["0%", "50%", "100%"]
    assert (shown.refusals.best, shown.refusals.most) == ("11 marzo 2027", "2")


def test_the_brake_is_on_the_board_for_as_long_as_it_is_on(support):
    finance = persons.staff("finance")
    batch.hold(support, brake.ALL, "il listino sembra sbagliato")
    told = board.figures(support, "it").brake
    assert (told.by, told.why, bool(told.at)) == ("support@esempio.test", "il listino sembra sbagliato", True)
    batch.release(finance, brake.ALL, "era giusto")
    assert board.figures(support, "it").brake == batch.Brake()


def test_debits_that_are_held_though_their_day_has_come_are_on_the_board(support):
    owner = factories.customer()
    card, today = renewing.card(owner), clock.today()
    rows = [renewing.service(owner, card, today + days * DAY) for days in (0, 3, 7, 8)]
    off = renewing.service(owner, card, today + 7 * DAY)
    assert board.figures(support, "it").held == ""
    for row in (*rows, off):
        batch.hold(support, brake.scope(row.id, row.expires_on), "da controllare")
    factories.change(off, renewal="inactive")
    assert board.figures(support, "it").held == "3"
    factories.change(rows[1], expires_on=today + 400 * DAY)
    assert board.figures(support, "it").held == "2"
