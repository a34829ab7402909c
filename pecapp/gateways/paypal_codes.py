"""What PayPal's codes mean to us: closed tables, so that a new code falls into a safe default."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from types import MappingProxyType

from pecapp.domain import payments

_REASONS: Mapping[str, payments.Reason] = MappingProxyType(
    {
        code: reason
        for reason, codes in {
            payments.Reason.DECLINED: (
                "COMPLIANCE_VIOLATION",
                "INSTRUMENT_DECLINED",
                "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
                "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
                "PAYER_ACCOUNT_RESTRICTED",
                "PAYER_CANNOT_PAY",
                "PAYER_COUNTRY_NOT_SUPPORTED",
                "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
                "TRANSACTION_BLOCKED_BY_PAYEE",
                "TRANSACTION_LIMIT_EXCEEDED",
                "TRANSACTION_REFUSED",
            ),
            payments.Reason.AUTHENTICATION: ("PAYER_ACTION_REQUIRED",),
            payments.Reason.REVOKED: (
                "AGREEMENT_ALREADY_CANCELLED",
                "BILLING_AGREEMENT_NOT_FOUND",
                "TOKEN_ID_NOT_FOUND",
            ),
        }.items()
        for code in codes
    }
)
_REMEDIES: Mapping[str, payments.Remedy] = MappingProxyType(
    {
        code: remedy
        for remedy, codes in {
            payments.Remedy.CONFIRM: (
                "INSTRUMENT_DECLINED",
                "ORDER_NOT_APPROVED",
                "PAYER_ACTION_REQUIRED",
                "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
            ),
            payments.Remedy.SOFT: (
                "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
                "PAYER_CANNOT_PAY",
                "TRANSACTION_LIMIT_EXCEEDED",
                "TRANSACTION_REFUSED",
            ),
            payments.Remedy.NEVER: (
                "AGREEMENT_ALREADY_CANCELLED",
                "BILLING_AGREEMENT_NOT_FOUND",
                "COMPLIANCE_VIOLATION",
                "PAYER_ACCOUNT_LOCKED_OR_CLOSED",
                "PAYER_ACCOUNT_RESTRICTED",
                "PAYER_COUNTRY_NOT_SUPPORTED",
                "TOKEN_ID_NOT_FOUND",
                "TRANSACTION_BLOCKED_BY_PAYEE",
            ),
            payments.Remedy.OURS: ("CONSENT_NEEDED", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING", "PERMISSION_DENIED"),
        }.items()
        for code in codes
    }
)
_NO_VAULT = frozenset({"CONSENT_NEEDED", "NOT_AUTHORIZED", "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING", "PERMISSION_DENIED"})


def reason(issues: Iterable[str]) -> payments.Reason | None:
    """Why PayPal did not take the money, in what a customer may hear; None when the refusal is not about the customer.

    Whatever has to do with a locked account or a suspicion is DECLINED.
    """
    return next((_REASONS[issue] for issue in issues if issue in _REASONS), None)


def remedy(issues: Iterable[str]) -> payments.Remedy:
    """What can be done about the refusal of a charge; whatever is not known to be about its owner is OURS."""
    return next((_REMEDIES[issue] for issue in issues if issue in _REMEDIES), payments.Remedy.OURS)


def refuses_vault(status: int, issues: Iterable[str]) -> bool:
    """Whether PayPal refused because this merchant may not keep accounts, not because of the payment."""
    return status == HTTPStatus.FORBIDDEN and not _NO_VAULT.isdisjoint(issues)
