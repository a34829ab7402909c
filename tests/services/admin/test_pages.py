"""The pages of a customer and of an order: everything that happened, nothing that the staff must not see."""

from datetime import timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain import payments
from pecapp.services import access, audit, outbox
from pecapp.services.admin import customer, timeline
from tests.support import factories
from tests.support.factories import VISA


@pytest.fixture
def support(shop) -> access.Actor:
    return member("support")


def member(role: str) -> access.Actor:
    with db.transaction() as s:
        account = tables.Account(
            login=f"{role}@login.test", email=f"{role}@staff.test", email_key=f"{role}@staff.test", password_hash="!",
            role=role, created_at=clock.now(),
        )  # fmt: skip
        s.add(account)
        s.flush()
        return access.Actor("s", account.id, role)


def event_of(attempt: tables.PaymentAttempt, **values: Any) -> tables.InboxEvent:
    return factories.add(
        tables.InboxEvent(
            **{
                "gateway": "stripe",
                "event_id": f"evt_{attempt.id}",
                "type": "checkout.session.completed",
                "attempt_id": attempt.id,
                "body": "SECRET BODY",
                "status": "done",
                "received_at": clock.now(),
            }
            | values
        )
    )


def test_an_order_tells_its_whole_chain_in_order(support, frozen_clock):
    owner = factories.customer()
    number = factories.placed(owner)
    order = factories.the(tables.Order, number=number)
    frozen_clock.advance(minutes=1)
    first = factories.attempt(order)
    frozen_clock.advance(minutes=1)
    factories.settle(first, payments.Verdict.DECLINED, reason=payments.Reason.INSUFFICIENT_FUNDS)
    frozen_clock.advance(minutes=1)
    second = factories.attempt(order)
    frozen_clock.advance(minutes=1)
    event = event_of(second)
    odd = event_of(second, event_id="evt_odd", status="quarantined")
    frozen_clock.advance(seconds=1)
    factories.settle(second, card=VISA)
    frozen_clock.advance(minutes=1)
    with db.transaction() as s:
        audit.record(s, support, "refunded", f"order:{number}", before={"left": 1}, after={"left": 0}, why="doppio")
    contested: dict[str, Any] = {
        "gateway": "stripe",
        "attempt_id": second.id,
        "order_id": order.id,
        "amount_cents": 1208,
    }
    dates: dict[str, Any] = {
        "opened_at": clock.now(),
        "noted_at": clock.now(),
        "decided_at": clock.now() + timedelta(days=9),
    }
    factories.add(tables.Dispute(dispute_ref="dp_1", status="won", **contested, **dates))
    shown = timeline.order(support, number, "it")
    assert (shown.number, shown.status, shown.customer) == (number, "paid", "Anna Verdi")
    assert [one.iso for one in shown.timeline] == sorted(one.iso for one in shown.timeline)
    kinds = [one.kind for one in shown.timeline]
    for cause, effect in (("consent", "attempt"), ("order", "attempt"), ("event", "receipt"), ("receipt", "act")):
        assert kinds.index(cause) < kinds.index(effect), (cause, effect)
    assert [one.href for one in shown.timeline if one.kind == "event"] == [
        f"/admin/notifiche/{event.id}",
        f"/admin/notifiche/{odd.id}",
    ]
    opened, over = [one for one in shown.timeline if one.kind == "dispute"]
    assert (opened.tone, over.tone, over.title) == ("problem", "success", "Contestazione chiusa: Vinta")
    (act,) = [one for one in shown.timeline if one.kind == "act"]
    assert "doppio" in act.text
    assert [one.status for one in shown.attempts] == ["declined", "succeeded"]
    assert shown.receipt_href == f"/ricevute/{number}.pdf"
    assert shown.mails
    assert all(not one.href.startswith("/ordini") for one in shown.timeline)
    assert "SECRET BODY" not in repr(shown)


def test_a_customer_is_shown_whole_and_masked(support, frozen_clock):
    owner = factories.customer()
    method = factories.method(owner)
    frozen_clock.advance(minutes=1)
    attempt = factories.opened(owner)
    factories.settle(attempt, card=VISA)
    frozen_clock.advance(minutes=1)
    account_id = owner.account_id or 0
    with db.transaction() as s:
        s.add(tables.StaffNote(account_id=account_id, by_id=support.account_id, text="vip", created_at=clock.now()))
        outbox.post(s, template="m00", dedup_key="k", account_id=account_id, params={"path": "/password?token=SECRET"})
    shown = customer.page(support, account_id, "it")
    assert shown.name == "Anna Verdi"
    assert shown.tax_code == "VRD••••••••••••H"
    assert [one.title for one in shown.methods] == ["Visa •••• 4242"]
    assert len(shown.services) == 1
    assert [one.status for one in shown.orders] == ["paid"]
    assert shown.notes[0].text == "vip"
    assert [one.iso for one in shown.timeline] == sorted((one.iso for one in shown.timeline), reverse=True)
    assert {one.kind for one in shown.timeline} == {"order", "payment", "mail", "note"}
    secrets = (method.token, method.customer_ref, "SECRET", "VRDNNA80A41H501H")
    assert not [secret for secret in secrets if secret in repr(shown)]


@pytest.mark.parametrize("role", ["stranger", "customer", "former"])
def test_nobody_else_sees_a_page(support, frozen_clock, role):
    order = factories.order()
    nobody = access.Actor("s", None if role == "stranger" else order.account_id, role)
    for look in (
        lambda: timeline.order(nobody, order.number, "it"),
        lambda: timeline.topics(nobody, order.number),
        lambda: customer.page(nobody, order.account_id, "it"),
        lambda: customer.known(nobody, order.account_id),
    ):
        with pytest.raises(errors.Forbidden):
            look()


@pytest.mark.parametrize("role", ["support", "finance", "owner"])
def test_each_of_the_staff_sees_them(shop, role):
    order, actor = factories.order(), member(role)
    assert timeline.order(actor, order.number, "en").number == order.number
    assert timeline.topics(actor, order.number).account_id == order.account_id
    assert customer.page(actor, order.account_id, "en").id == order.account_id


def test_what_is_not_there_is_not_found(support, frozen_clock):
    for look in (
        lambda: timeline.order(support, "0000000000", "it"),
        lambda: timeline.topics(support, "x"),
        lambda: customer.page(support, 999_999, "it"),
        lambda: customer.page(support, support.account_id or 0, "it"),
    ):
        with pytest.raises(errors.NotFound):
            look()
