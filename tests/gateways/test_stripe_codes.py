"""Whatever Stripe's codes say, the customer hears one of a few true words, and only a definite no counts as one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pecapp.domain.payments import Reason, Remedy
from pecapp.gateways import stripe_codes

words = st.none() | st.text() | st.integers()
CLASSES = {
    Remedy.CONFIRM: """authentication_required payment_intent_authentication_failure approve_with_id
        online_or_offline_pin_required""",
    Remedy.NEW_DATA: """expired_card incorrect_number invalid_number incorrect_cvc invalid_cvc invalid_expiry_month
        invalid_expiry_year invalid_account new_account_information_available card_not_supported
        currency_not_supported""",
    Remedy.SOFT: """insufficient_funds generic_decline do_not_honor call_issuer try_again_later issuer_not_available
        reenter_transaction processing_error card_velocity_exceeded withdrawal_count_limit_exceeded""",
    Remedy.NEVER: """lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist security_violation
        stop_payment_order revocation_of_authorization revocation_of_all_authorizations transaction_not_allowed
        service_not_allowed card_decline_rate_limit_exceeded""",
    Remedy.OURS: """amount_too_small payment_method_unexpected_state payment_intent_unexpected_state
        resource_missing""",
}
"""What the failure taxonomy of the gateways' notes says, section 1.3."""
NEUTRAL = {Reason.DECLINED, Reason.TECHNICAL}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"code": "card_declined", "decline_code": "insufficient_funds"}, Reason.INSUFFICIENT_FUNDS),
        ({"code": "card_declined", "decline_code": "generic_decline"}, Reason.DECLINED),
        ({"code": "card_declined", "decline_code": "stolen_card"}, Reason.DECLINED),
        ({"code": "card_declined", "decline_code": "fraudulent", "advice_code": "do_not_try_again"}, Reason.DECLINED),
        ({"code": "card_declined", "decline_code": "authentication_required"}, Reason.AUTHENTICATION),
        ({"code": "payment_intent_authentication_failure"}, Reason.AUTHENTICATION),
        ({"code": "expired_card", "advice_code": "confirm_card_data"}, Reason.EXPIRED_CARD),
        ({"code": "incorrect_cvc", "advice_code": "confirm_card_data"}, Reason.CARD_DATA),
        ({"code": "card_declined", "advice_code": "confirm_card_data"}, Reason.CARD_DATA),
        ({"code": "processing_error", "advice_code": "try_again_later"}, Reason.TECHNICAL),
        ({"code": "a_code_of_next_year"}, Reason.DECLINED),
        ({}, Reason.DECLINED),
    ],
)
def test_the_reason_that_a_customer_hears(error: dict[str, str], reason: Reason) -> None:
    assert stripe_codes.reason(error) is reason


@pytest.mark.parametrize("field", ["code", "decline_code"])
@pytest.mark.parametrize(("remedy", "code"), [(remedy, one) for remedy in CLASSES for one in CLASSES[remedy].split()])
def test_every_code_falls_in_its_class(remedy: Remedy, code: str, field: str) -> None:
    assert stripe_codes.remedy({"code": "card_declined"} | {field: code}) is remedy
    assert remedy is not Remedy.NEVER or stripe_codes.reason({field: code}) in NEUTRAL


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        ({}, Remedy.SOFT),
        ({"code": "card_declined"}, Remedy.SOFT),
        ({"code": "a_code_of_next_year"}, Remedy.SOFT),
        ({"decline_code": "a_code_of_next_year", "advice_code": "an_advice_of_next_year"}, Remedy.SOFT),
        ({"decline_code": "a_code_of_next_year", "advice_code": "do_not_try_again"}, Remedy.NEVER),
        ({"decline_code": "insufficient_funds", "advice_code": "do_not_try_again"}, Remedy.NEVER),
        ({"decline_code": "stolen_card", "advice_code": "confirm_card_data"}, Remedy.NEW_DATA),
        ({"decline_code": "stolen_card", "advice_code": "try_again_later"}, Remedy.NEVER),
        ({"code": "expired_card", "advice_code": "try_again_later"}, Remedy.NEW_DATA),
        ({"code": "expired_card", "decline_code": "do_not_honor"}, Remedy.SOFT),
        ({"code": "authentication_required", "decline_code": "authentication_required"}, Remedy.CONFIRM),
        ({"code": "authentication_required", "advice_code": "do_not_try_again"}, Remedy.CONFIRM),
        ({"code": "card_declined", "decline_code": "authentication_required"}, Remedy.CONFIRM),
    ],
)
def test_authentication_then_the_advice_then_the_bank_then_stripe(error: dict[str, str], remedy: Remedy) -> None:
    assert stripe_codes.remedy(error) is remedy


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first run of a clone makes its table of characters
@given(st.dictionaries(st.sampled_from(["code", "decline_code", "advice_code", "type"]), words))
def test_no_code_is_too_strange(error: dict[str, object]) -> None:
    assert stripe_codes.reason(error) in Reason
    assert stripe_codes.remedy(error) in Remedy


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (400, "invalid_request_error", "parameter_unknown"),
        (401, "invalid_request_error", None),
        (402, "card_error", "card_declined"),
        (403, "invalid_request_error", None),
        (404, "invalid_request_error", "resource_missing"),
    ],
)
def test_a_definite_no(status: int, kind: str, code: str | None) -> None:
    assert stripe_codes.is_definite(status, kind, code)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (None, None, None),
        (200, None, None),
        (302, None, None),
        (400, "idempotency_error", None),
        (400, "invalid_request_error", "lock_timeout"),
        (400, "invalid_request_error", "rate_limit"),
        (408, None, None),
        (409, "invalid_request_error", "idempotency_key_in_use"),
        (418, None, None),
        (429, "invalid_request_error", "rate_limit"),
        (500, "api_error", None),
        (502, None, None),
        (503, None, "resource_missing"),
    ],
)
def test_anything_else_is_no_answer(status: int | None, kind: str | None, code: str | None) -> None:
    assert not stripe_codes.is_definite(status, kind, code)
