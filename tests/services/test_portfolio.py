"""What the area says of a service that is over: expired as of its day, and what its owner can still do (rule 6.9)."""

from datetime import date, timedelta

import pytest

from pecapp import db, tables
from pecapp.services import catalog, numbering, portfolio
from tests.support import factories, renewing

TODAY = date(2027, 3, 10)
pytestmark = pytest.mark.usefixtures("counter")


@pytest.fixture
def actor(counter):
    return factories.customer()


def ended(actor, **values):
    """A service that is over, as the list of the area and its own page show it: the same."""
    row = renewing.service(actor, None, values.pop("expires_on", TODAY - timedelta(days=1)), renewal=None, **values)
    (listed,) = portfolio.listing(actor, "it")
    shown = portfolio.page(actor, row.id, "it")
    assert (listed.status, listed.end) == (shown.status, shown.end)
    return listed


def test_past_its_last_day_it_is_expired_whoever_has_noted_it(actor):
    renewing.service(actor, None, TODAY)
    (listed,) = portfolio.listing(actor, "it")
    assert (listed.status, listed.end.text) == ("active", "")
    factories.change(factories.the(tables.Service), expires_on=TODAY - timedelta(days=1))
    (listed,) = portfolio.listing(actor, "it")
    assert (listed.status, listed.warning) == ("expired", "")


def test_an_expired_one_says_until_when_it_can_be_reactivated(actor):
    end = ended(actor, status="expired").end
    assert (end.text, end.can_reactivate, end.buy_url) == ("Puoi riattivarlo fino al 7 giugno 2027.", True, "")


def test_on_its_last_day_it_can_be_reactivated_and_a_day_later_not(actor):
    assert ended(actor, status="expired", expires_on=TODAY - timedelta(days=90)).end.can_reactivate
    factories.change(factories.the(tables.Service), expires_on=TODAY - timedelta(days=91))
    (listed,) = portfolio.listing(actor, "it")
    assert (listed.end.can_reactivate, listed.end.buy_url) == (False, "/ordine?prodotto=PEC-STD")


def test_an_identity_cannot_be_reactivated(actor):
    end = ended(actor, status="expired", product_code="SPID-PRO").end
    assert (end.can_reactivate, end.buy_url) == (False, "/ordine?prodotto=SPID-PRO")
    assert "non si può riattivare" in end.text


def test_a_cancelled_one_can_only_be_bought_again(actor):
    end = ended(actor, status="cancelled").end
    assert (end.can_reactivate, end.buy_url) == (False, "/ordine?prodotto=PEC-STD")
    assert "è cancellato" in end.text


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_what_is_not_sold_any_more_does_not_come_back(actor, status):
    with db.transaction() as s:
        s.get_one(tables.Product, "PEC-STD").sellable = False
        numbering.take(s, catalog.VERSION)
    end = ended(actor, status=status).end
    assert (end.can_reactivate, end.buy_url) == (False, "")
    assert end.text
