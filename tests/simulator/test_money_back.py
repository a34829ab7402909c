"""Refunds, disputes and early fraud warnings."""

from typing import Any

import pytest
import stripe

from pecapp.simulator.stripe_cards import BY_KEY
from tests.simulator.world import World

pytestmark = pytest.mark.anyio


async def paid(world: World, key: str = "it") -> str:
    return (await world.paid(BY_KEY[key].number))["intent"]


async def test_a_refund_is_counted_and_told(world: World):
    intent = await paid(world)
    refund = await world.api.refunds.create_async(
        {"payment_intent": intent, "amount": 208, "reason": "requested_by_customer", "metadata": {"refund_id": "3"}}
    )
    assert (refund.status, refund.amount) == ("succeeded", 208)
    assert (await world.told())[-2:] == ["refund.created", "charge.refunded"]
    ledger = await world.ledger()
    assert (ledger["charges"][0]["refunded"], ledger["refunds"][0]["metadata"]) == (208, {"refund_id": "3"})
    rest = await world.api.refunds.create_async({"payment_intent": intent})
    assert rest.amount == 1000
    [_, event] = await world.events("charge.refunded")
    assert (event["data"]["object"]["refunded"], event["data"]["object"]["amount_refunded"]) == (True, 1208)
    assert len((await world.api.refunds.list_async({"payment_intent": intent})).data) == 2


async def test_no_more_than_what_was_paid_is_refunded(world: World):
    intent = await paid(world)
    await world.api.refunds.create_async({"payment_intent": intent, "amount": 1000})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        await world.api.refunds.create_async({"payment_intent": intent, "amount": 209})
    await world.api.refunds.create_async({"payment_intent": intent, "amount": 208})
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        await world.api.refunds.create_async({"payment_intent": intent, "amount": 1})
    assert refusal.value.code == "charge_already_refunded"
    with pytest.raises(stripe.InvalidRequestError):
        await world.api.refunds.create_async({"amount": 1})


async def test_a_refund_can_be_pending_first(world: World):
    await world.control("settings", refund_delay=0.05)
    refund = await world.api.refunds.create_async({"payment_intent": await paid(world, "refund_pending")})
    assert refund.status == "pending"
    told = await world.until_told("refund.updated")
    assert told["data"]["object"]["status"] == "succeeded"
    assert (await world.api.refunds.retrieve_async(refund.id)).status == "succeeded"


async def test_a_refund_that_looked_done_can_fail(world: World):
    await world.control("settings", refund_delay=0.05)
    refund = await world.api.refunds.create_async({"payment_intent": await paid(world, "refund_fails")})
    assert refund.status == "succeeded"
    told = await world.until_told("refund.failed")
    assert (told["data"]["object"]["status"], told["data"]["object"]["failure_reason"]) == ("failed", "unknown")
    ledger = await world.ledger()
    assert (ledger["charges"][0]["refunded"], ledger["refunds"][0]["status"]) == (0, "failed")


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
async def test_any_refund_can_be_made_pending_and_finished(world: World, outcome: str):
    intent = await paid(world)
    await world.control("refunds/next", payment_intent=intent, outcome=outcome)
    refund = await world.api.refunds.create_async({"payment_intent": intent})
    assert refund.status == "pending"
    assert (await world.control("refunds/resolve", refund=refund.id, outcome=outcome))["status"] == outcome
    assert f"refund.{'updated' if outcome == 'succeeded' else 'failed'}" in await world.told()


@pytest.mark.parametrize(
    ("key", "reason", "status"),
    [
        ("dispute_fraudulent", "fraudulent", "needs_response"),
        ("dispute_not_received", "product_not_received", "needs_response"),
        ("inquiry", "fraudulent", "warning_needs_response"),
    ],
)
async def test_a_disputed_card_opens_a_dispute(world: World, key: str, reason: str, status: str):
    intent = await paid(world, key)
    [dispute] = (await world.api.disputes.list_async({"payment_intent": intent})).data
    assert (dispute.reason, dispute.status, dispute.is_charge_refundable) == (reason, status, key == "inquiry")
    assert dispute.evidence_details.due_by
    assert ("charge.dispute.funds_withdrawn" in await world.told()) == (key != "inquiry")
    if key == "inquiry":
        await world.api.refunds.create_async({"payment_intent": intent})
    else:
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            await world.api.refunds.create_async({"payment_intent": intent})
        assert refusal.value.code == "charge_disputed"


@pytest.mark.parametrize(("text", "status"), [("winning_evidence", "won"), ("losing_evidence", "lost")])
async def test_evidence_decides(world: World, text: str, status: str):
    await paid(world, "dispute_fraudulent")
    [dispute] = (await world.api.disputes.list_async()).data
    decided = await world.api.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": text}})
    assert (decided.status, decided.evidence_details.has_evidence) == (status, True)
    told = await world.told()
    assert "charge.dispute.closed" in told
    assert ("charge.dispute.funds_reinstated" in told) == (status == "won")


async def test_an_inquiry_can_become_a_dispute(world: World):
    await paid(world, "inquiry")
    [dispute] = (await world.api.disputes.list_async()).data
    evidence: Any = {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}}
    assert (await world.api.disputes.update_async(dispute.id, evidence)).status == "needs_response"
    assert "charge.dispute.funds_withdrawn" in await world.told()
    assert (await world.api.disputes.close_async(dispute.id)).status == "lost"


async def test_evidence_that_is_not_submitted_waits(world: World):
    await paid(world, "dispute_fraudulent")
    [dispute] = (await world.api.disputes.list_async()).data
    kept = await world.api.disputes.update_async(
        dispute.id, {"evidence": {"product_description": "PEC"}, "submit": False, "metadata": {"task": "9"}}
    )
    assert (kept.status, kept.evidence.product_description, kept.metadata["task"]) == ("needs_response", "PEC", "9")


async def test_any_charge_can_be_disputed_and_decided(world: World):
    intent = await paid(world)
    dispute = await world.control("disputes", payment_intent=intent, reason="duplicate")
    assert dispute["reason"] == "duplicate"
    assert (await world.ledger())["charges"][0]["disputed"]
    assert (await world.control("disputes/close", dispute=dispute["id"], status="won"))["status"] == "won"
    await world.api.refunds.create_async({"payment_intent": intent})


async def test_a_bank_can_warn_before_it_disputes(world: World):
    intent = await paid(world, "early_warning")
    [event] = await world.events("radar.early_fraud_warning.created")
    assert event["data"]["object"]["payment_intent"] == intent
    other = await world.control("early_fraud_warnings", payment_intent=await paid(world))
    assert other["actionable"]
