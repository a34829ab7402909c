"""The life of an order: where every signal leads from every state, and that nothing ever leads back from paid."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain.orders import PAID, PAYABLE, Signal, Status, allows, move

LEADS = {
    Status.AWAITING_PAYMENT: {
        Signal.ATTEMPT_OPENED: Status.VERIFYING,
        Signal.PAYMENT_REGISTERED: Status.PAID,
        Signal.CANCELLED: Status.CANCELLED,
        Signal.LAPSED: Status.EXPIRED,
    },
    Status.VERIFYING: {Signal.ATTEMPT_FAILED: Status.AWAITING_PAYMENT, Signal.PAYMENT_REGISTERED: Status.PAID},
    Status.PAID: {Signal.REFUNDED: Status.REFUNDED},
    Status.CANCELLED: {},
    Status.EXPIRED: {},
    Status.REFUNDED: {},
}
SIGNALS = st.lists(st.sampled_from(Signal), max_size=12)


@pytest.mark.parametrize("signal", Signal)
@pytest.mark.parametrize("status", Status)
def test_every_signal_in_every_state_leads_where_the_rules_say_or_nowhere(status, signal):
    assert move(status, signal) is LEADS[status].get(signal, status)
    assert allows(status, signal) == (signal in LEADS[status])


@given(SIGNALS)
def test_a_paid_order_is_never_unpaid_again_whatever_comes_late_or_twice(signals):
    status = Status.AWAITING_PAYMENT
    paid = False
    for signal in signals:
        status = move(status, signal)
        paid = paid or status is Status.PAID
        assert not paid or status in PAID


@given(st.sampled_from([Status.CANCELLED, Status.EXPIRED, Status.REFUNDED]), SIGNALS)
def test_a_closed_order_stays_closed(status, signals):
    for signal in signals:
        assert move(status, signal) is status


@given(st.sampled_from(Status), st.sampled_from([s for s in Signal if s is not Signal.ATTEMPT_FAILED]))
def test_the_same_news_twice_changes_nothing_more(status, signal):
    once = move(status, signal)
    assert move(once, signal) is once


def test_only_an_order_that_waits_for_payment_can_be_paid_or_cancelled():
    assert {status for status in Status if allows(status, Signal.ATTEMPT_OPENED)} == PAYABLE
    assert {status for status in Status if allows(status, Signal.CANCELLED)} == PAYABLE
