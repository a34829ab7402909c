"""On PostgreSQL nobody meets a settlement half-way: each would wait for what the other holds."""

import asyncio
from datetime import date, timedelta
from typing import Any

import pytest

from pecapp import clock, db, errors, tables
from pecapp.domain import payments as rules
from pecapp.gateways import registry
from pecapp.services import endings, failed_renewals, lifecycle, payments, settlement, throttle, withdrawals
from tests.support import days, factories, race, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows, the

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("shop")]

E = date(2027, 3, 31)
FORM = {"name": "Anna Verdi", "email": "anna.verdi@example.test"}


@pytest.fixture
def shop(postgres_database, frozen_clock):
    throttle.forget_all()
    factories.stock()
    registry.use({"stripe": support_gateway.FakeGateway()})
    yield
    registry.use(None)


@pytest.fixture
def actor(shop):
    return factories.customer()


@pytest.fixture
def card(actor):
    return renewing.card(actor)


@pytest.fixture
def service(actor, card):
    return renewing.service(actor, card, E)


@pytest.fixture
def renewal(actor, service):
    """The order that renews the service, not paid."""
    order = factories.order(
        actor, kind="renewal", configuration={"product": "PEC-STD", "labels": ["x"], "service": service.id}
    )
    factories.add(tables.Renewal(order_id=order.id or 0, service_id=service.id, expires_on=E, debits=1))
    return order


def met_by(monkeypatch: pytest.MonkeyPatch, paid: tables.PaymentAttempt, other: Any) -> Any:
    """What comes of `other` when it begins as a settlement has just taken its attempt and its order.

    The payment itself always goes through.
    """
    stop = race.Stop(settlement._agrees)
    monkeypatch.setattr(settlement, "_agrees", stop)
    settled, result = stop.meets(lambda: asyncio.run(settlement.apply(factories.outcome(paid))), other)
    assert (settled, again(paid).status) == (None, "succeeded")
    return result


def refusal(of: Any) -> str:
    return of.code if isinstance(of, errors.PecError) else str(of)


def test_asking_for_renewal_while_the_order_is_paid_on_the_same_method(monkeypatch, actor, card):
    order = factories.order(actor)
    attempt = factories.attempt(order, method_id=card.id)
    asked = met_by(monkeypatch, attempt, lambda: lifecycle.ask_for_renewal(actor, order.number, card.id, "it"))
    assert refusal(asked) == "RIN_NON_ATTIVABILE"
    assert again(order).status == "paid"


def test_cancelling_order_and_renewal_while_the_order_is_paid(monkeypatch, actor, card, service, renewal):
    attempt = factories.attempt(renewal, method_id=card.id)
    asked = met_by(monkeypatch, attempt, lambda: failed_renewals.cancel_and_disable(actor, renewal.number))
    assert refusal(asked) == "ORD_NON_ANNULLABILE"
    assert (again(service).expires_on, again(service).renewal) == (date(2028, 3, 31), "active")


def test_withdrawing_from_a_contract_while_its_renewal_is_paid(monkeypatch, actor, card, service, renewal):
    bought = the(tables.Order, id=service.order_id)
    factories.change(bought, withdrawal_until_on=clock.today() + timedelta(days=1))
    attempt = factories.attempt(renewal, method_id=card.id)
    typed = FORM | {"number": bought.number}
    done = met_by(monkeypatch, attempt, lambda: withdrawals.declare(actor, "key", typed, "it"))
    assert done.number == bought.number
    assert (again(service).status, again(renewal).status) == ("cancelled", "refunded")


def test_a_declaration_that_takes_effect_while_the_renewal_is_paid(monkeypatch, actor, card, service, renewal):
    bought = the(tables.Order, id=service.order_id)
    factories.change(bought, withdrawal_until_on=clock.today() + timedelta(days=1))
    attempt = factories.attempt(renewal, method_id=card.id)
    stranger = factories.access.Actor("somebody", ip="203.0.113.99", user_agent="Browser/2.0")
    withdrawals.declare(stranger, "key", FORM | {"number": bought.number}, "it")
    assert met_by(monkeypatch, attempt, lambda: withdrawals._handle("key")) is True
    assert (again(service).status, again(renewal).status) == ("cancelled", "refunded")


def test_a_service_that_ends_while_money_for_it_arrives_late(monkeypatch, actor, service, renewal):
    factories.change(service, status="expired")
    attempt = factories.attempt(renewal, status=rules.Status.DECLINED.value)
    days.go_to(E + timedelta(days=91))
    assert met_by(monkeypatch, attempt, endings.cancel_due) == 0
    assert (again(service).status, again(service).expires_on) == ("active", date(2028, 3, 31))


def test_paying_with_a_method_while_renewal_on_it_is_asked_for(monkeypatch, actor, card):
    order = factories.order(actor)
    stop = race.Stop(lifecycle.lock)
    monkeypatch.setattr(lifecycle, "lock", stop)
    asked, paid = stop.meets(
        lambda: lifecycle.ask_for_renewal(actor, order.number, card.id, "it"),
        lambda: asyncio.run(payments.pay(actor, order.number, f"m{card.id}")),
    )
    assert (asked, paid) == (None, "")
    assert (again(order).status, again(order).auto_renew, len(rows(tables.Service))) == ("paid", True, 1)


def test_cancelling_an_order_waits_for_who_settles(actor):
    order = factories.order(actor)
    stop = race.Stop(lambda: None)

    def settling() -> None:
        with db.transaction() as s:
            db.settling(s)
            stop()
            assert s.get_one(tables.Order, order.id).status == "awaiting_payment"

    assert stop.meets(settling, lambda: lifecycle.cancel(actor, order.number)) == [None, None]
    assert again(order).status == "cancelled"
