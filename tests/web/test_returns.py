"""Coming back from the gateway: to one's own order, or to the bare outcome; the address itself is never believed."""

import httpx
import pytest
from starlette.applications import Starlette

from pecapp import clock, db, errors, tables
from pecapp.domain.payments import Verdict
from pecapp.gateways import base
from pecapp.services import access
from pecapp.web import returns, routes, session
from tests.support import factories
from tests.support import gateway as support_gateway
from tests.support.factories import VISA, again, the

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("sqlite_database")]

APP = Starlette(routes=returns.routes, exception_handlers={errors.PecError: routes.refused})


@pytest.fixture
def gateway():
    with support_gateway.installed() as fake:
        yield fake


@pytest.fixture
def actor(sqlite_database):
    return factories.customer()


@pytest.fixture
def attempt(actor):
    return factories.opened(actor)


async def _go(path, actor=None, cookie=None):
    if actor is not None:
        cookie = access.new_cookie()
        with db.transaction() as s:
            now = clock.now()
            s.add(
                tables.WebSession(
                    id=access._digest(cookie),
                    account_id=actor.account_id,
                    created_at=now,
                    seen_at=now,
                    expires_at=now + access.IDLE,
                )
            )
    headers = {"cookie": f"{session.cookie_name()}={cookie}"} if cookie else {}
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.test") as client:
        return await client.get(path, headers=headers)


async def test_the_customer_lands_on_their_order_which_is_paid_when_the_gateway_says_so(gateway, actor, attempt):
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    answer = await _go(f"/ritorno/stripe?cs={attempt.gateway_ref}", actor)
    order = the(tables.Order, id=attempt.order_id)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/ordini/{order.number}")
    assert answer.headers["cache-control"] == "no-store"
    assert order.status == "paid"


async def test_coming_back_alone_pays_nothing(gateway, actor, attempt):
    gateway.know(attempt)
    await _go(f"/ritorno/stripe?cs={attempt.gateway_ref}&status=succeeded&amount=1208", actor)
    assert the(tables.Order, id=attempt.order_id).status == "verifying"


async def test_whoever_is_not_the_customer_sees_the_outcome_and_not_the_order(gateway, attempt):
    gateway.know(attempt)
    for visitor in (None, factories.customer()):
        answer = await _go(f"/ritorno/stripe?cs={attempt.gateway_ref}", visitor)
        assert answer.headers["location"] == f"/paga/esito?tentativo={attempt.id}"


async def test_a_gateway_that_does_not_answer_keeps_nobody_from_their_order(gateway, actor, attempt):
    gateway.fail("look_up", base.OutcomeUnknown())
    answer = await _go(f"/ritorno/stripe?cs={attempt.gateway_ref}", actor)
    assert answer.status_code == 303
    assert again(attempt).returned_at


@pytest.mark.parametrize(
    "path",
    [
        "/ritorno/stripe",
        "/ritorno/stripe?cs=",
        "/ritorno/stripe?cs=cs_unknown",
        "/ritorno/stripe?cs=" + "x" * 300,
        "/ritorno/stripe?cs=a%00b",
        "/ritorno/stripe?cs='%20or%201=1",
        "/ritorno/nobody?cs=cs_1",
        "/annullato/stripe/" + "f" * 32,
        "/annullato/stripe/x",
        "/annullato/stripe/%00",
    ],
)
async def test_made_up_addresses_lead_nowhere_and_change_nothing(gateway, attempt, path):
    before = factories.dump()
    assert (await _go(path)).status_code == 404
    assert factories.dump() == before
    assert gateway.calls == []


async def test_annulla_on_the_gateways_page_makes_the_order_payable_again(gateway, actor, attempt):
    gateway.know(attempt)
    order = the(tables.Order, id=attempt.order_id)
    for _ in range(2):
        answer = await _go(f"/annullato/stripe/{attempt.id}", actor)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/ordini/{order.number}")
    order = again(order)
    assert (order.status, again(attempt).status) == ("awaiting_payment", "cancelled")


async def test_annulla_after_having_paid_has_paid(gateway, actor, attempt):
    gateway.know(attempt, Verdict.SUCCEEDED, card=VISA)
    await _go(f"/annullato/stripe/{attempt.id}", actor)
    assert the(tables.Order, id=attempt.order_id).status == "paid"


async def test_annulla_while_the_gateway_is_down_still_leads_to_the_order(gateway, actor, attempt):
    gateway.fail("close", base.OutcomeUnknown())
    answer = await _go(f"/annullato/stripe/{attempt.id}", actor)
    assert answer.status_code == 303
    assert again(attempt).status == "redirected"
