"""The life of an order: states, signals and the only table that says which leads where (domain rules 3.3)."""

from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where an order stands; the label that people read is in the locales under `order.status.<value>`."""

    AWAITING_PAYMENT = "awaiting_payment"
    VERIFYING = "verifying"
    PAID = "paid"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"


class Kind(StrEnum):
    """Whether the order buys something new or prolongs a service."""

    PURCHASE = "purchase"
    RENEWAL = "renewal"


class Signal(StrEnum):
    """What can happen to an order."""

    ATTEMPT_OPENED = "attempt_opened"
    ATTEMPT_FAILED = "attempt_failed"
    PAYMENT_REGISTERED = "payment_registered"
    CANCELLED = "cancelled"
    LAPSED = "lapsed"
    REFUNDED = "refunded"


PAYABLE = frozenset({Status.AWAITING_PAYMENT})
PAID = frozenset({Status.PAID, Status.REFUNDED})
PAYABLE_DAYS = 30
"""Days after registration for which an unpaid purchase order can be paid."""

TRANSITIONS = MappingProxyType(
    {
        (Status.AWAITING_PAYMENT, Signal.ATTEMPT_OPENED): Status.VERIFYING,
        (Status.AWAITING_PAYMENT, Signal.PAYMENT_REGISTERED): Status.PAID,
        (Status.AWAITING_PAYMENT, Signal.CANCELLED): Status.CANCELLED,
        (Status.AWAITING_PAYMENT, Signal.LAPSED): Status.EXPIRED,
        (Status.VERIFYING, Signal.ATTEMPT_FAILED): Status.AWAITING_PAYMENT,
        (Status.VERIFYING, Signal.PAYMENT_REGISTERED): Status.PAID,
        (Status.PAID, Signal.REFUNDED): Status.REFUNDED,
    }
)


def move(status: Status, signal: Signal) -> Status:
    """The state after `signal`; a signal that is stale or impossible leaves the state as it is."""
    return TRANSITIONS.get((status, signal), status)


def allows(status: Status, signal: Signal) -> bool:
    """Whether `signal` would change an order in `status`."""
    return (status, signal) in TRANSITIONS
