"""Two books of the same money: what differs, whatever one side does not know of the other's names."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain.ledgers import Difference, Entry, What, compare

PAID = Entry("payment", "pi_1", "a1", 1208, "eur")


def test_equal_books_do_not_differ():
    assert compare([PAID], [PAID]) == []
    assert compare([], []) == []


@pytest.mark.parametrize("theirs", [replace(PAID, cents=1207), replace(PAID, cents=0), replace(PAID, currency="usd")])
def test_another_amount_differs(theirs):
    assert compare([PAID], [theirs]) == [Difference(What.AMOUNT, PAID, theirs)]


def test_what_one_side_alone_has_differs():
    assert compare([PAID], []) == [Difference(What.ONLY_HERE, PAID, None)]
    assert compare([], [PAID]) == [Difference(What.ONLY_THERE, None, PAID)]


def test_a_name_that_we_never_learnt_is_made_good_by_ours():
    nameless = replace(PAID, ref="")
    assert compare([nameless], [PAID]) == []


def test_a_second_charge_for_one_attempt_differs():
    second = replace(PAID, ref="pi_2")
    assert compare([PAID], [PAID, second]) == [Difference(What.ONLY_THERE, None, second)]
    assert compare([replace(PAID, ref="")], [PAID, second]) == [Difference(What.ONLY_THERE, None, second)]


def test_a_payment_and_a_refund_are_never_the_same():
    back = replace(PAID, kind="refund")
    assert [one.what for one in compare([PAID], [back])] == [What.ONLY_THERE, What.ONLY_HERE]


def test_two_payments_without_any_name_stay_apart():
    nameless = replace(PAID, ref="", own_id="")
    assert [one.what for one in compare([nameless], [replace(nameless, ref="x")])] == [What.ONLY_THERE, What.ONLY_HERE]


@given(
    st.lists(st.integers(1, 9), unique=True),
    st.lists(st.integers(1, 9), unique=True),
)
def test_every_difference_is_found_once(here: list[int], there: list[int]):
    def book(names: list[int]) -> list[Entry]:
        return [Entry("payment", f"pi_{name}", f"a{name}", name, "eur") for name in names]

    found = compare(book(here), book(there))
    assert {one.entry.cents for one in found} == set(here) ^ set(there)
    assert len(found) == len(set(here) ^ set(there))
