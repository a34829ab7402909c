"""What is PayPal's own: what is sent to it, approval and capture, accounts that are kept late or not at all."""

import asyncio
from dataclasses import replace

import pytest

from pecapp.domain.payments import Outcome, Reason, Remedy, Saving, Verdict, Wallet
from pecapp.gateways import base
from tests.gateways.bench import Buyer, again, definite_no, give_back, present, purchase, renewal, saving
from tests.gateways.bench_paypal import BRAND, BUYERS, PayPalBench

pytestmark = pytest.mark.anyio

PERMISSION = {
    "usage_type": "MERCHANT",
    "customer_type": "CONSUMER",
    "usage_pattern": "RECURRING_PREPAID",
    "description": "Ordine 1234567897",
    "store_in_vault": "ON_SUCCESS",
}


def wallet_of(outcome: Outcome) -> Wallet:
    assert outcome.wallet is not None
    return outcome.wallet


async def _paid_by(on_paypal: PayPalBench, local: str, **changes: object) -> tuple[base.Reference, Outcome]:
    """A purchase that the owner of this account has approved, and that was settled."""
    _, opened, _ = await on_paypal.open(**changes)
    await on_paypal.approve(opened, f"{local}@compratori.test")
    return opened, await on_paypal.settle(opened)


# What is sent


async def test_the_order_asks_for_one_gross_amount_for_us_without_shipping(on_paypal: PayPalBench) -> None:
    request, _, _ = await on_paypal.open(order_number="1234567897", attempt_number=2, lang="en")
    sent = (await on_paypal.requests())[-1]
    assert (sent["method"], sent["path"]) == ("POST", "/v2/checkout/orders")
    assert sent["idempotency_key"] == request.idempotency_key
    assert sent["params"] == {
        "intent": "CAPTURE",
        "purchase_units": [
            {
                "reference_id": "default",
                "custom_id": request.attempt_id,
                "invoice_id": "1234567897-2",
                "description": "Ordine 1234567897",
                "amount": {"currency_code": "EUR", "value": "60.39"},
            }
        ],
        "payment_source": {
            "paypal": {
                "experience_context": {
                    "brand_name": BRAND,
                    "locale": "en-GB",
                    "shipping_preference": "NO_SHIPPING",
                    "user_action": "PAY_NOW",
                    "landing_page": "LOGIN",
                    "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
                    "return_url": request.return_url,
                    "cancel_url": request.cancel_url,
                }
            }
        },
    }


async def test_a_charge_says_whether_its_owner_is_there(on_paypal: PayPalBench) -> None:
    async def sent(wish: base.Charge) -> dict:
        await on_paypal.gateway.charge(wish)
        call = (await on_paypal.requests())[-1]
        assert (call["path"], call["idempotency_key"]) == ("/v2/checkout/orders", wish.idempotency_key)
        return call["params"]["payment_source"]["paypal"]

    means = await on_paypal.kept()
    stored = {"payment_initiator": "MERCHANT", "usage": "SUBSEQUENT", "usage_pattern": "RECURRING_PREPAID"}
    assert await sent(renewal(means)) == {"vault_id": means.token, "stored_credential": stored}
    wish = present(means, lang="en")
    assert await sent(wish) == {
        "vault_id": means.token,
        "stored_credential": stored | {"payment_initiator": "CUSTOMER", "usage_pattern": "IMMEDIATE"},
        "experience_context": {
            "brand_name": BRAND,
            "locale": "en-GB",
            "shipping_preference": "NO_SHIPPING",
            "user_action": "PAY_NOW",
            "landing_page": "LOGIN",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "return_url": wish.return_url,
            "cancel_url": wish.cancel_url,
        },
    }


async def test_who_gives_up_a_confirmation_comes_back_to_us(on_paypal: PayPalBench) -> None:
    wish = present(await on_paypal.kept(Buyer.CAREFUL))
    outcome = await on_paypal.gateway.charge(wish)
    back = await on_paypal.confirm(outcome, agreed=False)
    assert back == f"{wish.cancel_url}?token={outcome.gateway_ref}"
    assert wallet_of(outcome).token == ""


async def test_the_act_of_saving_is_named(on_paypal: PayPalBench) -> None:
    wish = saving()
    started = await on_paypal.gateway.start_saving(wish)
    await on_paypal.agree_saving(started.gateway_ref)
    kept = await on_paypal.gateway.finish_saving(wish.saving_id, started.gateway_ref)
    assert kept.sca_ref == started.gateway_ref


async def test_keeping_is_asked_for_only_with_consent(on_paypal: PayPalBench) -> None:
    async def asked(**changes: object) -> dict:
        await on_paypal.open(**changes)
        return (await on_paypal.requests())[-1]["params"]["payment_source"]["paypal"].get("attributes", {})

    assert await asked() == {}
    assert await asked(customer_ref="somebody") == {}
    assert await asked(save=True) == {"vault": PERMISSION}
    assert await asked(save=True, customer_ref="somebody") == {"vault": PERMISSION, "customer": {"id": "somebody"}}


async def test_a_renewal_says_that_the_merchant_charges(on_paypal: PayPalBench) -> None:
    means = await on_paypal.kept()
    await on_paypal.gateway.charge(renewal(means))
    source = (await on_paypal.requests())[-1]["params"]["payment_source"]["paypal"]
    assert source == {
        "vault_id": means.token,
        "stored_credential": {
            "payment_initiator": "MERCHANT",
            "usage": "SUBSEQUENT",
            "usage_pattern": "RECURRING_PREPAID",
        },
    }


# Approval and capture


async def test_an_approval_that_nobody_captures_moves_no_money(on_paypal: PayPalBench) -> None:
    _, opened, _ = await on_paypal.open()
    await on_paypal.agree(opened)
    for call in (on_paypal.gateway.look_up, on_paypal.gateway.close, on_paypal.gateway.close):
        outcome = await call(opened)
        assert (outcome.verdict, outcome.amount_cents, outcome.payment_ref) == (Verdict.APPROVED, 6039, "")
    assert await on_paypal.taken() == []
    await on_paypal.later(hours=3, minutes=1)
    assert (await on_paypal.gateway.close(opened)).verdict is Verdict.EXPIRED
    await definite_no(on_paypal.gateway.capture(opened, "capture:x:1"))
    assert await on_paypal.taken() == []


async def test_what_nobody_has_approved_cannot_be_captured(on_paypal: PayPalBench) -> None:
    _, opened, _ = await on_paypal.open()
    await definite_no(on_paypal.gateway.capture(opened, "capture:x:1"))
    assert await on_paypal.taken() == []


async def test_the_account_is_shown_masked_and_known_by_its_own_name(on_paypal: PayPalBench) -> None:
    _, opened, _ = await on_paypal.open()
    await on_paypal.agree(opened)
    approved = wallet_of(await on_paypal.gateway.look_up(opened))
    outcome = await on_paypal.settle(opened)
    assert wallet_of(outcome) == approved
    assert (approved.brand, approved.label, approved.country) == ("paypal", "o•••@c•••.test", "IT")
    assert approved.saving is Saving.NONE
    assert outcome.card is None


async def test_an_account_abroad_says_its_country(on_paypal: PayPalBench) -> None:
    _, outcome = await _paid_by(on_paypal, "foreign")
    assert (outcome.verdict, wallet_of(outcome).country) == (Verdict.SUCCEEDED, "CH")


async def test_a_capture_that_is_held_back_is_not_paid(on_paypal: PayPalBench) -> None:
    opened, captured = await _paid_by(on_paypal, "pending")
    assert (captured.verdict, captured.held) == (Verdict.PROCESSING, True)
    assert captured.payment_ref
    assert (await on_paypal.gateway.look_up(opened)) == captured
    await definite_no(on_paypal.gateway.refund(give_back(purchase(), captured.payment_ref, 100)))
    assert await on_paypal.taken() == []


async def test_a_refused_source_leads_back_to_the_page_of_the_same_order(on_paypal: PayPalBench) -> None:
    _, opened, url = await on_paypal.open()
    refused = await on_paypal.pay(opened, Buyer.POOR)
    assert refused.again_url == url
    assert refused.gateway_ref == opened.gateway_ref
    # Until the customer has chosen again, the order says that it is approved: whoever asks has to remember.
    assert (await on_paypal.gateway.look_up(opened)).verdict is Verdict.APPROVED


async def test_a_locked_account_is_declined_for_good(on_paypal: PayPalBench) -> None:
    _, outcome = await _paid_by(on_paypal, "locked")
    assert (outcome.verdict, outcome.reason, outcome.again_url) == (Verdict.DECLINED, Reason.DECLINED, "")
    assert await on_paypal.taken() == []


async def test_two_orders_with_one_invoice_number_are_paid_once(on_paypal: PayPalBench) -> None:
    _, first, _ = await on_paypal.open(order_number="1234567897")
    _, second, _ = await on_paypal.open(order_number="1234567897")
    _, third, _ = await on_paypal.open(order_number="1234567897", attempt_number=2)
    for opened in (first, second, third):
        await on_paypal.agree(opened)
    assert (await on_paypal.settle(first)).verdict is Verdict.SUCCEEDED
    await definite_no(on_paypal.settle(second))
    assert await on_paypal.taken() == [6039]
    assert (await on_paypal.settle(third)).verdict is Verdict.SUCCEEDED


async def test_an_order_that_is_paid_to_somebody_else_is_refused(on_paypal: PayPalBench) -> None:
    foreign = on_paypal.other(merchant_id="SOMEBODYELSE1")
    paid, opened, _ = await on_paypal.open()
    for call in (foreign.look_up, foreign.close):
        await definite_no(call(opened))
    outcome = await on_paypal.pay(opened)
    await definite_no(foreign.look_up(opened))
    await definite_no(foreign.refund(give_back(paid, outcome.payment_ref, 100)))
    assert await on_paypal.given_back() == []


# Keeping accounts


async def test_a_merchant_who_may_not_keep_accounts_still_sells(on_paypal: PayPalBench) -> None:
    await on_paypal.tell("paypal/vault", allowed=False)
    request, opened, url = await on_paypal.open(save=True)
    assert await on_paypal.gateway.start(request) == base.Started(opened.gateway_ref, url)
    assert await on_paypal.has_opened(opened.gateway_ref)
    outcome = await on_paypal.pay(opened)
    assert (outcome.verdict, wallet_of(outcome).saving, wallet_of(outcome).token) == (
        Verdict.SUCCEEDED,
        Saving.NONE,
        "",
    )
    assert await on_paypal.taken() == [6039]
    await definite_no(on_paypal.gateway.start_saving(saving()))


async def test_an_account_that_paypal_does_not_keep_still_pays(on_paypal: PayPalBench) -> None:
    _, outcome = await _paid_by(on_paypal, "no-vault", save=True)
    assert (outcome.verdict, wallet_of(outcome).saving) == (Verdict.SUCCEEDED, Saving.NONE)


@pytest.mark.parametrize("named", [False, True], ids=["looked for", "named by a notification"])
async def test_a_token_that_comes_late_is_found(on_paypal: PayPalBench, named: bool) -> None:
    opened, outcome = await _paid_by(on_paypal, "vault-late", save=True)
    before = wallet_of(outcome)
    assert (outcome.verdict, before.saving, before.token) == (Verdict.SUCCEEDED, Saving.PENDING, "")
    assert wallet_of(await on_paypal.gateway.look_up(opened)) == before
    (token,) = (await on_paypal.tell("paypal/tokens/deliver"))["tokens"]
    after = await on_paypal.gateway.look_up(replace(opened, method_ref=token if named else ""))
    assert wallet_of(after) == replace(before, token=token, saving=Saving.SAVED)
    assert (await on_paypal.gateway.charge(renewal(wallet_of(after)))).verdict is Verdict.SUCCEEDED
    assert await on_paypal.taken() == [6039, 1208]


async def test_a_token_that_cannot_be_asked_for_does_not_hide_the_money(on_paypal: PayPalBench) -> None:
    opened, outcome = await _paid_by(on_paypal, "vault-late", save=True)
    await on_paypal.fail("kept", "error_before", times=None)
    assert await on_paypal.impatient().look_up(opened) == outcome
    assert outcome.verdict is Verdict.SUCCEEDED


async def test_a_notification_cannot_pass_off_the_token_of_another_account(on_paypal: PayPalBench) -> None:
    other = await on_paypal.kept(Buyer.OTHER)
    opened, _ = await _paid_by(on_paypal, "vault-late", save=True)
    for token in (other.token, "nobody01"):
        wallet = wallet_of(await on_paypal.gateway.look_up(replace(opened, method_ref=token)))
        assert (wallet.saving, wallet.token) == (Saving.PENDING, "")


async def test_an_account_that_its_owner_has_cut_off_cannot_be_charged(on_paypal: PayPalBench) -> None:
    means = await on_paypal.kept()
    await on_paypal.tell("paypal/tokens/revoke", token=means.token)
    assert await on_paypal.gateway.kept(means.token) is None
    outcome = await on_paypal.gateway.charge(renewal(means))
    assert (outcome.verdict, outcome.reason) == (Verdict.DECLINED, Reason.REVOKED)
    assert await on_paypal.taken() == [6039]


async def test_a_renewal_whose_key_is_forgotten_is_not_charged_twice(on_paypal: PayPalBench) -> None:
    means = await on_paypal.kept()
    wish = renewal(means)
    await on_paypal.gateway.charge(wish)
    await on_paypal.later(hours=7)
    await definite_no(on_paypal.gateway.charge(wish))
    assert await on_paypal.taken() == [6039, 1208]


async def test_a_renewal_that_is_held_back_is_not_paid(on_paypal: PayPalBench) -> None:
    outcome = await on_paypal.gateway.charge(renewal(await on_paypal.saved(Buyer.LATER_YES)))
    assert (outcome.verdict, outcome.held) == (Verdict.PROCESSING, True)
    assert await on_paypal.taken() == []
    await on_paypal.decide(outcome.payment_ref, taken=True)
    reference = base.Reference(outcome.attempt_id, outcome.gateway_ref)
    assert (await on_paypal.gateway.look_up(reference)).verdict is Verdict.SUCCEEDED


async def test_a_locked_account_cannot_be_kept(on_paypal: PayPalBench) -> None:
    for local in ("locked", "no-vault"):
        wish = saving()
        started = await on_paypal.gateway.start_saving(wish)
        await on_paypal.tell("paypal/setup/approve", setup_token=started.gateway_ref, buyer=f"{local}@compratori.test")
        await definite_no(on_paypal.gateway.finish_saving(wish.saving_id, started.gateway_ref))


# The access token


async def test_sixteen_who_come_at_once_fetch_one_access_token(on_paypal: PayPalBench) -> None:
    await asyncio.gather(*(on_paypal.open() for _ in range(16)))
    assert sum(one["path"] == "/v1/oauth2/token" for one in await on_paypal.requests()) == 1
    assert await on_paypal.made("start") == 16


async def test_a_revoked_access_token_heals_itself(on_paypal: PayPalBench) -> None:
    paid, opened, _ = await on_paypal.open()
    await on_paypal.agree(opened)
    await on_paypal.tell("paypal/access/revoke")
    outcome = await on_paypal.settle(opened)
    await on_paypal.tell("paypal/access/revoke")
    await asyncio.gather(*(on_paypal.gateway.look_up(opened) for _ in range(16)))
    await on_paypal.tell("paypal/access/revoke")
    await on_paypal.gateway.refund(give_back(paid, outcome.payment_ref, 1000))
    assert (await on_paypal.taken(), await on_paypal.given_back()) == ([6039], [1000])
    assert sum(one["path"] == "/v1/oauth2/token" for one in await on_paypal.requests()) == 4


async def test_an_access_token_that_has_grown_old_heals_itself(on_paypal: PayPalBench) -> None:
    _, opened, _ = await on_paypal.open()
    await on_paypal.later(hours=10)
    assert (await on_paypal.gateway.look_up(opened)).verdict is Verdict.WAITING


async def test_trouble_with_the_access_token_is_trouble_on_the_way(on_paypal: PayPalBench, short_pauses: None) -> None:
    for behaviour in ("error_before", "error_after", "drop_after", "html_502", "rate_limit_429"):
        gateway = on_paypal.other(retries=2)
        await on_paypal.fail("POST /v1/oauth2/token", behaviour)
        await gateway.start(purchase())
    await on_paypal.fail("POST /v1/oauth2/token", "error_before")
    with pytest.raises(base.OutcomeUnknown):
        await on_paypal.impatient().start(purchase())


# What PayPal's pages and people see


async def test_the_buyers_of_the_bench_are_the_simulators(on_paypal: PayPalBench) -> None:
    for email in BUYERS.values():
        _, opened, _ = await on_paypal.open()
        await on_paypal.approve(opened, email)
        assert (await on_paypal.gateway.look_up(opened)).verdict is Verdict.APPROVED


@pytest.mark.parametrize("issue", ["PERMISSION_DENIED", "CONSENT_NEEDED", "DUPLICATE_INVOICE_ID", "A_CODE_OF_TOMORROW"])
async def test_our_own_mistake_is_no_refusal(on_paypal: PayPalBench, issue: str) -> None:
    means = await on_paypal.saved()
    await on_paypal.refuse_next(means.token, issue)
    assert issue in str(await definite_no(on_paypal.gateway.charge(renewal(means))))


async def test_every_attempt_is_an_order_with_a_number_of_its_own(on_paypal: PayPalBench) -> None:
    means = await on_paypal.saved()
    wish = renewal(means)
    for number in (2, 3):
        await on_paypal.refuse_next(means.token, "INSTRUMENT_DECLINED")
        refused = await on_paypal.gateway.charge(
            again(wish, Outcome("x", Verdict.DECLINED, 0, "", "5O190127TN"), number)
        )
        assert (refused.remedy, refused.gateway_ref) == (Remedy.CONFIRM, "")
    assert (await on_paypal.gateway.charge(again(wish, refused, 4))).verdict is Verdict.SUCCEEDED
    asked = [one["params"] for one in await on_paypal.requests() if one["path"] == "/v2/checkout/orders"]
    numbers = [one["purchase_units"][0]["invoice_id"] for one in asked]
    assert numbers == [f"{wish.order_number}-{number}" for number in (2, 3, 4)]
