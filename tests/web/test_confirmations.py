"""The page of a debit to confirm: what went wrong is told once, in the words that help."""

from datetime import date
from typing import Any

import pytest

from pecapp import db, errors, tables
from pecapp.services import access, confirmations, links
from pecapp.web import confirmations as pages
from tests.support import factories, renewing
from tests.support.visitor import Visitor, visiting

pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")

E = date(2027, 3, 17)
NOT_NOW = "Servizio di pagamento momentaneamente non disponibile"
OVER = "non può più essere confermato da qui"


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    return visiting(monkeypatch, pages.routes)


@pytest.fixture
def card() -> Any:
    return renewing.card(factories.customer())


@pytest.fixture
def page(card: Any) -> str:
    """The address in the mail that says that the bank wants a confirmation."""
    actor = access.Actor("somebody", card.account_id, "customer")
    service = renewing.service(actor, card, E)
    order = factories.order(actor, kind="renewal")
    factories.add(tables.Renewal(order_id=order.id or 0, service_id=service.id, expires_on=E))
    factories.attempt(order, channel="renewal", status="declined", method_id=card.id)
    with db.transaction() as s:
        token = links.issue(s, links.Purpose.DEBIT, card.account_id, order_id=order.id)
    return f"/conferma/{token}"


def test_a_confirmation_that_is_over_is_told_in_its_own_words_alone(visitor: Visitor, page: str, card: Any) -> None:
    factories.change(card, status="removed")
    answer = visitor.post(page)
    assert answer.status_code == 409
    assert OVER in answer.text
    assert "callout--problem" not in answer.text


def test_a_gateway_that_does_not_answer_is_a_problem_and_can_be_tried_again(
    visitor: Visitor, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(_: object) -> None:
        raise errors.Unavailable("PAG_NON_DISPONIBILE")

    monkeypatch.setattr(confirmations, "pay", away)
    answer = visitor.post(page)
    assert (answer.status_code, answer.text.count("callout--problem")) == (409, 1)
    assert NOT_NOW in answer.text
    assert "<button" in answer.text
    assert OVER not in answer.text
