"""Whatever Stripe's codes say, the customer hears one of a few true words, and only a definite no counts as one."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pecapp.domain.payments import Reason
from pecapp.gateways import stripe_codes

words = st.none() | st.text() | st.integers()


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


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first run of a clone makes its table of characters
@given(st.dictionaries(st.sampled_from(["code", "decline_code", "advice_code", "type"]), words))
def test_no_code_is_too_strange_for_a_reason(error: dict[str, object]) -> None:
    assert stripe_codes.reason(error) in Reason


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
