"""The life of a payment attempt: every verdict in every state, and that money taken is never forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain.payments import FAILED, OPEN, Card, Status, Verdict, move, next_check

ENDS = {
    Verdict.SUCCEEDED: Status.SUCCEEDED,
    Verdict.DECLINED: Status.DECLINED,
    Verdict.CANCELLED: Status.CANCELLED,
    Verdict.EXPIRED: Status.EXPIRED,
}
LEADS = {
    Status.CREATED: ENDS
    | {
        Verdict.WAITING: Status.REDIRECTED,
        Verdict.APPROVED: Status.REDIRECTED,
        Verdict.REFUSED: Status.REDIRECTED,
        Verdict.PROCESSING: Status.UNKNOWN,
    },
    Status.REDIRECTED: ENDS | {Verdict.PROCESSING: Status.UNKNOWN},
    Status.UNKNOWN: ENDS | {Verdict.REFUSED: Status.REDIRECTED},
    Status.SUCCEEDED: {},
    **{failed: {Verdict.SUCCEEDED: Status.SUCCEEDED} for failed in FAILED},
}
PROGRESS = {Status.CREATED: 0, Status.REDIRECTED: 1, Status.UNKNOWN: 2, **dict.fromkeys(FAILED, 3), Status.SUCCEEDED: 4}
VERDICTS = st.lists(st.sampled_from(Verdict), max_size=12)
ONWARD = st.lists(st.sampled_from([verdict for verdict in Verdict if verdict is not Verdict.REFUSED]), max_size=12)
"""A refused try is the one way back from an unknown outcome: the gateway itself says that it is over."""
AT = datetime(2027, 3, 10, 12, tzinfo=UTC)
DELAYS = (60, 300, 900, 1800)


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("status", Status)
def test_every_verdict_in_every_state_leads_where_the_rules_say_or_nowhere(status, verdict):
    assert move(status, verdict) is LEADS[status].get(verdict, status)


def test_every_state_is_open_failed_or_succeeded():
    assert {*OPEN, *FAILED, Status.SUCCEEDED} == {*Status}
    assert not OPEN & FAILED


@given(ONWARD)
def test_an_attempt_never_moves_backwards(verdicts):
    status = Status.CREATED
    for verdict in verdicts:
        following = move(status, verdict)
        assert PROGRESS[following] >= PROGRESS[status]
        assert following is status or PROGRESS[following] > PROGRESS[status]
        status = following


@given(VERDICTS)
def test_what_has_ended_is_only_ever_opened_by_money(verdicts):
    ended = Status.DECLINED
    for verdict in verdicts:
        ended = move(ended, verdict)
        assert ended in {Status.DECLINED, Status.SUCCEEDED}


@given(VERDICTS)
def test_money_taken_is_never_forgotten(verdicts):
    status = Status.CREATED
    for verdict in verdicts:
        status = move(status, verdict)
    assert (status is Status.SUCCEEDED) == (Verdict.SUCCEEDED in verdicts)


@given(st.permutations([Verdict.WAITING, Verdict.PROCESSING, Verdict.SUCCEEDED]))
def test_the_order_of_arrival_does_not_matter(verdicts):
    status = Status.CREATED
    for verdict in [*verdicts, *verdicts]:
        status = move(status, verdict)
    assert status is Status.SUCCEEDED


def test_the_outcome_is_asked_for_after_1_5_15_and_30_minutes_then_a_person_looks():
    asked = [next_check(checks, AT, DELAYS) for checks in range(5)]
    assert asked == [AT + timedelta(minutes=minutes) for minutes in (1, 5, 15, 30)] + [None]


def test_the_token_of_a_card_is_never_shown():
    assert "pm_secret" not in repr(Card("visa", "4242", 12, 2030, token="pm_secret"))
