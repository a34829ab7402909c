"""IVA and rounding, with the published figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecapp.domain import money

CENTS = st.integers(min_value=0, max_value=10**9)


@pytest.mark.parametrize(
    ("net", "vat", "gross"),
    [(990, 218, 1208), (5 * 990, 1089, 6039), (490, 108, 598), (5200, 1144, 6344), (2990, 658, 3648), (0, 0, 0)],
)
def test_published_figures(net, vat, gross):
    assert money.totals(net) == money.Totals(net_cents=net, vat_rate=22, vat_cents=vat, gross_cents=gross)


def test_iva_is_computed_on_the_document_not_on_each_line():
    assert money.totals(5 * 990).vat_cents == 1089
    assert money.totals(990).times(5).vat_cents == 1090


def test_without_iva_gross_is_net():
    assert money.totals(990, 0) == money.Totals(net_cents=990, vat_rate=0, vat_cents=0, gross_cents=990)


def test_half_a_cent_goes_up():
    assert money.percentage(25, 10) == 3
    assert money.percentage(24, 10) == 2
    assert money.percentage(75, 22) == 17
    assert money.proportion(5, 1, 2) == 3


def test_a_negative_document_is_refused():
    with pytest.raises(ValueError, match="never negative"):
        money.totals(-1)


@given(net=CENTS, rate=st.integers(0, 100))
def test_net_and_iva_make_gross_and_rounding_is_within_half_a_cent(net, rate):
    totals = money.totals(net, rate)
    assert totals.net_cents + totals.vat_cents == totals.gross_cents
    assert -50 < totals.vat_cents * 100 - net * rate <= 50


@given(one=CENTS, other=CENTS)
def test_a_dearer_document_never_has_less_iva(one, other):
    low, high = sorted((one, other))
    assert money.totals(low).vat_cents <= money.totals(high).vat_cents


@given(lines=st.lists(CENTS, max_size=20))
def test_the_order_of_lines_does_not_matter_and_lines_apart_differ_by_less_than_a_cent_each(lines):
    document = money.totals(sum(lines))
    assert document == money.totals(sum(reversed(lines)))
    assert abs(document.vat_cents - sum(money.totals(line).vat_cents for line in lines)) <= (len(lines) + 1) / 2


@given(cents=CENTS, part=st.integers(0, 4000), whole=st.integers(1, 4000))
def test_a_share_and_the_rest_make_the_whole(cents, part, whole):
    part = min(part, whole)
    assert 0 <= money.proportion(cents, part, whole) <= cents
