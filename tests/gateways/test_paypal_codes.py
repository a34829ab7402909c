"""Whatever PayPal's codes say, the customer hears one of a few true words, and the services what can be done."""

import pytest

from pecapp.domain.payments import Reason, Remedy
from pecapp.gateways import paypal_codes

CLASSES = {
    Remedy.CONFIRM: """INSTRUMENT_DECLINED PAYER_ACTION_REQUIRED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING
        ORDER_NOT_APPROVED""",
    Remedy.SOFT: """PAYER_CANNOT_PAY TRANSACTION_REFUSED TRANSACTION_LIMIT_EXCEEDED
        MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED""",
    Remedy.NEVER: """TOKEN_ID_NOT_FOUND AGREEMENT_ALREADY_CANCELLED BILLING_AGREEMENT_NOT_FOUND
        PAYER_ACCOUNT_LOCKED_OR_CLOSED PAYER_ACCOUNT_RESTRICTED COMPLIANCE_VIOLATION TRANSACTION_BLOCKED_BY_PAYEE""",
    Remedy.OURS: "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING PERMISSION_DENIED CONSENT_NEEDED",
}
"""What the gateways' notes say, section 2.2."""
DEAD_TOKENS = {"TOKEN_ID_NOT_FOUND", "AGREEMENT_ALREADY_CANCELLED", "BILLING_AGREEMENT_NOT_FOUND"}


@pytest.mark.parametrize(("remedy", "code"), [(remedy, one) for remedy in CLASSES for one in CLASSES[remedy].split()])
def test_every_code_falls_in_its_class(remedy: Remedy, code: str) -> None:
    assert paypal_codes.remedy((code, "UNPROCESSABLE_ENTITY")) is remedy
    if remedy is Remedy.NEVER:
        heard = Reason.REVOKED if code in DEAD_TOKENS else Reason.DECLINED
        assert paypal_codes.reason((code, "UNPROCESSABLE_ENTITY")) is heard


@pytest.mark.parametrize(
    "issues", [(), ("UNPROCESSABLE_ENTITY",), ("DUPLICATE_INVOICE_ID",), ("INVALID_REQUEST",), ("A_CODE_OF_TOMORROW",)]
)
def test_what_is_not_about_the_owner_is_ours(issues: tuple[str, ...]) -> None:
    assert paypal_codes.remedy(issues) is Remedy.OURS
    assert paypal_codes.reason(issues) is None
