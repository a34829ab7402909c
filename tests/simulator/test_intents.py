"""Saved cards: charging them with and without the buyer, changing and detaching them; customers."""

from typing import Any

import pytest
import stripe

from tests.simulator.world import ASKS, GOOD, SHOP, World

pytestmark = pytest.mark.anyio
ALWAYS = "4000002760003184"


async def test_a_renewal_charges_the_saved_card(world: World):
    customer, method = await world.saved()
    options = {"card": {"stored_credential_usage": "recurring"}}
    intent = await world.charge(customer, method, payment_method_options=options, expand=["latest_charge"])
    assert (intent.status, intent.amount_received) == ("succeeded", 1208)
    assert intent.latest_charge.payment_method_details.card.stored_credential_usage == "recurring"
    assert (await world.told())[-3:] == ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]


async def test_a_present_buyer_is_sent_to_the_bank(world: World):
    customer, method = await world.saved(ASKS)
    intent = await world.charge(customer, method, off_session=False)
    action = intent.next_action
    assert (intent.status, action.type) == ("requires_action", "redirect_to_url")
    assert action.redirect_to_url.url.startswith(f"{world.url}/3ds/{intent.id}/")
    assert action.redirect_to_url.return_url == f"{SHOP}/ritorno"


async def test_a_canceled_charge_cannot_be_confirmed_any_more(world: World):
    customer, method = await world.saved(ASKS)
    intent = await world.charge(customer, method, off_session=False)
    page = intent.next_action.redirect_to_url.url
    canceled = await world.api.payment_intents.cancel_async(intent.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.next_action) == ("canceled", None)
    assert (await world.browser.get(page)).status_code == 404
    assert (await world.browser.post(page, data={"esito": "autorizza"})).status_code == 404
    assert (await world.api.payment_intents.retrieve_async(intent.id)).status == "canceled"
    assert (await world.ledger())["charges"] == []


async def test_charges_are_listed_by_customer_the_newest_first(world: World):
    customer, method = await world.saved()
    first, second, third = [(await world.charge(customer, method)).id for _ in range(3)]
    await world.charge(*await world.saved())
    listed = await world.api.payment_intents.list_async({"customer": customer, "limit": 2})
    assert ([one.id for one in listed.data], listed.has_more) == ([third, second], True)
    rest = await world.api.payment_intents.list_async({"customer": customer, "starting_after": second})
    assert ([one.id for one in rest.data], rest.has_more) == ([first], False)


async def test_a_declined_renewal_is_retried_on_the_same_intent(world: World):
    customer, method = await world.saved()
    await world.control("payment_methods/decline_next", payment_method=method, decline_code="do_not_honor")
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    error: Any = refusal.value.error
    assert (error.decline_code, error.payment_intent.metadata["renewal_id"]) == ("do_not_honor", "7")
    assert refusal.value.request_id
    key = error.payment_intent.id
    again = await world.api.payment_intents.confirm_async(key, {"payment_method": method, "off_session": True})
    assert (again.id, again.status, again.last_payment_error) == (key, "succeeded", None)
    assert len((await world.ledger())["charges"]) == 1


async def test_refusals_can_be_ordered_for_some_charges_or_for_all(world: World):
    customer, method = await world.saved()
    order = {"payment_method": method, "code": "expired_card", "advice_code": "confirm_card_data"}
    said = await world.control("payment_methods/decline_next", **order, times=2)
    assert (said["stripe"], said["times"]) == (False, 2)
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refusal:
            await world.charge(customer, method)
        error: Any = refusal.value.error
        assert (error.code, error.to_dict().get("decline_code"), error.advice_code) == (
            "expired_card",
            None,
            "confirm_card_data",
        )
    assert (await world.charge(customer, method)).status == "succeeded"

    assert (await world.control("payment_methods/decline_next", payment_method=method, times=None))["times"] == -1
    for _ in range(3):
        with pytest.raises(stripe.CardError):
            await world.charge(customer, method)
    await world.control("payment_methods/decline_next", payment_method=method, times=0)
    assert (await world.charge(customer, method)).status == "succeeded"


async def test_every_try_on_the_same_intent_is_told(world: World):
    customer, method = await world.saved()
    await world.control("payment_methods/decline_next", payment_method=method, times=2)
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    error: Any = refusal.value.error
    key = error.payment_intent.id
    await world.api.payment_intents.update_async(key, {"metadata": {"renewal_id": "8"}})
    with pytest.raises(stripe.CardError):
        await world.api.payment_intents.confirm_async(key, {"payment_method": method, "off_session": True})
    await world.api.payment_intents.confirm_async(key, {"payment_method": method, "off_session": True})
    events = (await world.events())[-7:]
    told = [(event["type"], event["data"]["object"]["metadata"]["renewal_id"]) for event in events]
    assert told == [
        ("payment_intent.created", "7"),
        ("charge.failed", "7"),
        ("payment_intent.payment_failed", "7"),
        ("charge.failed", "8"),
        ("payment_intent.payment_failed", "8"),
        ("charge.succeeded", "8"),
        ("payment_intent.succeeded", "8"),
    ]
    [charge] = (await world.ledger())["charges"]
    assert charge["metadata"]["renewal_id"] == "8"


async def test_a_bank_can_come_to_ask_for_every_charge(world: World):
    customer, method = await world.saved()
    assert (await world.control("payment_methods/ask", payment_method=method))["stripe"] is False
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    assert refusal.value.code == "authentication_required"
    assert (await world.charge(customer, method, off_session=False)).status == "requires_action"
    await world.control("payment_methods/ask", payment_method=method, asks=False)
    assert (await world.charge(customer, method)).status == "succeeded"


async def test_the_buyer_can_be_brought_back_to_a_failed_renewal(world: World):
    customer, method = await world.saved(ALWAYS)
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    error: Any = refusal.value.error
    intent = await world.api.payment_intents.confirm_async(
        error.payment_intent.id, {"payment_method": method, "off_session": False, "return_url": f"{SHOP}/ritorno"}
    )
    assert intent.status == "requires_action"
    await world.control("payment_intents/authenticate", payment_intent=intent.id, passed=True)
    assert (await world.api.payment_intents.retrieve_async(intent.id)).status == "succeeded"


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"amount": 49}, "amount"),
        ({"amount": 100_000_000}, "amount"),
        ({"currency": "lire"}, "currency"),
        ({"currency": "xxx"}, "currency"),
        ({"payment_method": "pm_nothing"}, "payment_method"),
        ({"payment_method_types": ["card"]}, "payment_method_types"),
        ({"setup_future_usage": "off_session"}, "setup_future_usage"),
        ({"metadata": {"k" * 41: "v"}}, "metadata"),
    ],
)
async def test_what_stripe_refuses_is_refused(world: World, changes: dict[str, Any], param: str):
    customer, method = await world.saved()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.charge(customer, method, **changes)
    assert refusal.value.param == param
    assert "payment_intent.created" not in await world.told()


async def test_a_method_that_redirects_needs_a_way_back(world: World):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.api.payment_intents.create_async(
            {"amount": 1208, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
        )
    assert refusal.value.param == "return_url"


async def test_the_gone_parameter_has_its_own_code(world: World):
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.session(payment_method_types=["card"])
    assert refusal.value.code == "payment_method_types_no_longer_supported"


async def test_somebody_elses_card_cannot_be_charged(world: World):
    _, method = await world.saved()
    with pytest.raises(stripe.InvalidRequestError, match="belongs to a different Customer"):
        await world.charge(await world.customer(), method)


async def test_an_ended_intent_can_be_neither_confirmed_nor_canceled(world: World):
    intent = await world.charge(*await world.saved())
    for act in (world.api.payment_intents.confirm_async, world.api.payment_intents.cancel_async):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await act(intent.id)
        assert refusal.value.code == "payment_intent_unexpected_state"


async def test_a_change_makes_the_last_refusal_forgotten(world: World):
    customer, method = await world.saved(ALWAYS)
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    error: Any = refusal.value.error
    key = error.payment_intent.id
    before = await world.api.payment_intents.retrieve_async(key)
    assert before.last_payment_error
    after = await world.api.payment_intents.update_async(key, {"metadata": {"a": "b"}})
    assert (after.last_payment_error, after.latest_charge) == (None, before.latest_charge)


async def test_an_open_intent_can_be_changed_and_canceled(world: World):
    created = await world.api.payment_intents.create_async({"amount": 1208, "currency": "EUR"})
    assert (created.status, created.currency) == ("requires_payment_method", "eur")
    changed = await world.api.payment_intents.update_async(created.id, {"amount": 999, "metadata": {"a": "b"}})
    assert (changed.amount, changed.metadata["a"]) == (999, "b")
    canceled = await world.api.payment_intents.cancel_async(created.id, {"cancellation_reason": "abandoned"})
    assert (canceled.status, canceled.cancellation_reason) == ("canceled", "abandoned")
    assert (await world.told())[-1] == "payment_intent.canceled"


async def test_a_card_used_without_being_saved_is_spent(world: World):
    paid = await world.paid()
    intent: Any = await world.api.payment_intents.retrieve_async(paid["intent"])
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.api.payment_methods.attach_async(intent.payment_method, {"customer": await world.customer()})
    assert refusal.value.code == "payment_method_unexpected_state"


async def test_a_detached_card_never_comes_back(world: World):
    customer, method = await world.saved()
    await world.api.customers.update_async(customer, {"invoice_settings": {"default_payment_method": method}})
    detached = await world.api.payment_methods.detach_async(method)
    assert detached.customer is None
    assert (await world.api.customers.retrieve_async(customer)).invoice_settings.default_payment_method is None  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError):
        await world.api.payment_methods.attach_async(method, {"customer": customer})
    with pytest.raises(stripe.InvalidRequestError):
        await world.charge(customer, method)
    [event] = await world.events("payment_method.detached")
    assert event["data"]["previous_attributes"] == {"customer": customer}


async def test_the_default_card_must_be_the_customers(world: World):
    customer, method = await world.saved()
    expanded: Any = await world.api.customers.update_async(
        customer,
        {
            "invoice_settings": {"default_payment_method": method},
            "expand": ["invoice_settings.default_payment_method"],
        },
    )
    assert expanded.invoice_settings.default_payment_method.card.last4 == GOOD[-4:]
    _, foreign = await world.saved()
    with pytest.raises(stripe.InvalidRequestError, match="must be attached"):
        await world.api.customers.update_async(customer, {"invoice_settings": {"default_payment_method": foreign}})


async def test_our_changes_and_the_networks_are_told_apart(world: World):
    _, method = await world.saved()
    changed = await world.api.payment_methods.update_async(method, {"card": {"exp_month": 3, "exp_year": 2040}})
    assert changed.card
    assert (changed.card.exp_month, changed.card.exp_year) == (3, 2040)
    renewed = await world.control("payment_methods/update", payment_method=method, exp_year=2041, number=ALWAYS)
    assert (renewed["id"], renewed["card"]["last4"], renewed["card"]["exp_year"]) == (method, ALWAYS[-4:], 2041)
    assert renewed["card"]["fingerprint"] != changed.card.fingerprint
    [ours] = await world.events("payment_method.updated")
    [networks] = await world.events("payment_method.automatically_updated")
    assert ours["data"]["previous_attributes"]["card"] == {"exp_month": 12, "exp_year": 2034}
    assert networks["data"]["previous_attributes"]["card"]["last4"] == GOOD[-4:]


async def test_a_saved_card_that_has_expired_is_refused(world: World):
    customer, method = await world.saved()
    await world.control("payment_methods/update", payment_method=method, exp_month=1, exp_year=2020)
    with pytest.raises(stripe.CardError) as refusal:
        await world.charge(customer, method)
    assert refusal.value.code == "expired_card"


async def test_customers_are_found_by_address(world: World):
    customer = await world.customer()
    await world.api.customers.create_async({"email": "other@example.com"})
    found = await world.api.customers.list_async({"email": "maria@example.com"})
    assert [one.id for one in found.data] == [customer]
