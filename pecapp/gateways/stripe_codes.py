"""What Stripe's codes mean to us: closed tables, so that a new code falls into a safe default."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from pecapp.domain import payments

_DEFINITE_STATUSES = frozenset({400, 401, 402, 403, 404})
_INDEFINITE_CODES = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})
_INDEFINITE_TYPES = frozenset({"idempotency_error"})

_REASONS: Mapping[str, payments.Reason] = MappingProxyType(
    {
        code: reason
        for reason, codes in {
            payments.Reason.INSUFFICIENT_FUNDS: ("insufficient_funds",),
            payments.Reason.EXPIRED_CARD: ("expired_card", "expired_payment_method"),
            payments.Reason.AUTHENTICATION: (
                "authentication_failure",
                "authentication_not_handled",
                "authentication_required",
                "payment_intent_action_required",
                "payment_intent_authentication_failure",
                "payment_intent_payment_attempt_expired",
            ),
            payments.Reason.CARD_DATA: (
                "incorrect_address",
                "incorrect_cvc",
                "incorrect_number",
                "incorrect_zip",
                "invalid_account",
                "invalid_cvc",
                "invalid_expiry_month",
                "invalid_expiry_year",
                "invalid_number",
                "new_account_information_available",
            ),
            payments.Reason.TECHNICAL: (
                "issuer_not_available",
                "payment_method_provider_timeout",
                "processing_error",
                "reenter_transaction",
                "three_d_secure_authentication_upstream_error",
            ),
        }.items()
        for code in codes
    }
)
_ADVICE: Mapping[str, payments.Reason] = MappingProxyType({"confirm_card_data": payments.Reason.CARD_DATA})


def reason(error: Mapping[str, Any]) -> payments.Reason:
    """What a customer may hear of Stripe's error object; whatever is unknown, or about theft or fraud, is DECLINED.

    The bank's own code comes first and the advice last, because the advice is vaguer: «check the data» also goes with
    a card that has expired.
    """
    named = (_REASONS.get(str(error.get(field))) for field in ("decline_code", "code"))
    advised = _ADVICE.get(str(error.get("advice_code")))
    return next((known for known in (*named, advised) if known), payments.Reason.DECLINED)


def is_definite(status: int | None, kind: str | None, code: str | None) -> bool:
    """Whether an error answer (HTTP status, error type, error code) proves that the call had no effect.

    A key that was used before with other content proves the opposite: that earlier call had its effect.
    """
    return status in _DEFINITE_STATUSES and kind not in _INDEFINITE_TYPES and code not in _INDEFINITE_CODES
