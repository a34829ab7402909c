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

_REMEDIES: Mapping[str, payments.Remedy] = MappingProxyType(
    {
        code: remedy
        for remedy, codes in {
            payments.Remedy.CONFIRM: (
                "approve_with_id",
                "authentication_failure",
                "authentication_not_handled",
                "authentication_required",
                "online_or_offline_pin_required",
                "payment_intent_action_required",
                "payment_intent_authentication_failure",
                "payment_intent_payment_attempt_expired",
            ),
            payments.Remedy.NEW_DATA: (
                "card_not_supported",
                "currency_not_supported",
                "expired_card",
                "expired_payment_method",
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
            payments.Remedy.SOFT: (
                "call_issuer",
                "card_velocity_exceeded",
                "do_not_honor",
                "generic_decline",
                "insufficient_funds",
                "issuer_not_available",
                "processing_error",
                "reenter_transaction",
                "try_again_later",
                "withdrawal_count_limit_exceeded",
            ),
            payments.Remedy.NEVER: (
                "card_decline_rate_limit_exceeded",
                "fraudulent",
                "lost_card",
                "merchant_blacklist",
                "pickup_card",
                "restricted_card",
                "revocation_of_all_authorizations",
                "revocation_of_authorization",
                "security_violation",
                "service_not_allowed",
                "stolen_card",
                "stop_payment_order",
                "transaction_not_allowed",
            ),
            payments.Remedy.OURS: (
                "amount_too_large",
                "amount_too_small",
                "payment_intent_unexpected_state",
                "payment_method_unexpected_state",
                "resource_missing",
            ),
        }.items()
        for code in codes
    }
)
_ADVISED: Mapping[str, payments.Remedy] = MappingProxyType(
    {"confirm_card_data": payments.Remedy.NEW_DATA, "do_not_try_again": payments.Remedy.NEVER}
)
"""«Try again later» is missing: it must not lift what a code forbids, and goes without saying where none does."""


def reason(error: Mapping[str, Any]) -> payments.Reason:
    """What a customer may hear of Stripe's error object; whatever is unknown, or about theft or fraud, is DECLINED.

    The bank's own code comes first and the advice last, because the advice is vaguer: «check the data» also goes with
    a card that has expired.
    """
    named = (_REASONS.get(str(error.get(field))) for field in ("decline_code", "code"))
    advised = _ADVICE.get(str(error.get("advice_code")))
    return next((known for known in (*named, advised) if known), payments.Reason.DECLINED)


def remedy(error: Mapping[str, Any]) -> payments.Remedy:
    """What can be done about Stripe's error object of a charge; what is unknown and comes without advice is SOFT.

    The advice, which is the card network's ban or wish, comes before the bank's own code and that before Stripe's. Only
    a wish for authentication comes before all: it can be fulfilled.
    """
    named = [_REMEDIES.get(str(error.get(field))) for field in ("decline_code", "code")]
    if payments.Remedy.CONFIRM in named:
        return payments.Remedy.CONFIRM
    advised = _ADVISED.get(str(error.get("advice_code")))
    return next((known for known in (advised, *named) if known), payments.Remedy.SOFT)


def is_definite(status: int | None, kind: str | None, code: str | None) -> bool:
    """Whether an error answer (HTTP status, error type, error code) proves that the call had no effect.

    A key that was used before with other content proves the opposite: that earlier call had its effect.
    """
    return status in _DEFINITE_STATUSES and kind not in _INDEFINITE_TYPES and code not in _INDEFINITE_CODES
