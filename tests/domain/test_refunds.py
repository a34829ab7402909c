"""A refund only moves on, and a failure is final."""

import itertools

import pytest

from pecapp.domain import refunds
from pecapp.domain.refunds import Status

EXPECTED = {
    (Status.REQUESTED, Status.PENDING): Status.PENDING,
    (Status.REQUESTED, Status.SUCCEEDED): Status.SUCCEEDED,
    (Status.REQUESTED, Status.FAILED): Status.FAILED,
    (Status.PENDING, Status.SUCCEEDED): Status.SUCCEEDED,
    (Status.PENDING, Status.FAILED): Status.FAILED,
    (Status.SUCCEEDED, Status.FAILED): Status.FAILED,
}


@pytest.mark.parametrize(("status", "told"), [*itertools.product(Status, Status)])
def test_every_pair_leads_where_it_should(status: Status, told: Status) -> None:
    assert refunds.move(status, told) is EXPECTED.get((status, told), status)


def test_what_failed_counts_no_more_against_what_is_left() -> None:
    assert set(Status) - refunds.GIVEN == {Status.FAILED}


def test_where_there_is_too_little_what_went_comes_before_what_may_have_gone_and_that_before_what_did_not() -> None:
    known = [(Status.REQUESTED, 0), (Status.REQUESTED, 3), (Status.PENDING, 1), (Status.SUCCEEDED, 0)]
    assert [refunds.claim(status, tries) for status, tries in known] == [2, 1, 0, 0]
