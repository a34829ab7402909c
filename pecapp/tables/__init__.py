"""Every table of the product: columns, unique keys, indexes and checks; data only.

The unique keys carry the invariants: one open attempt per order, one renewal per service and term, one row per gateway
event, one receipt number, one mail per fact. Amounts are integer cents, instants aware UTC, dates Europe/Rome.
"""

from sqlmodel import SQLModel

from pecapp.tables.catalog import CertifiedDomain, DiscountCode, Price, Product, Promotion
from pecapp.tables.inspection import Dispute, LedgerCheck
from pecapp.tables.outgoing import Alert, DayFigure, OutboxMail, OutboxSms
from pecapp.tables.payments import (
    Counter,
    DebitHold,
    InboxEvent,
    Mandate,
    MethodSaving,
    PaymentAttempt,
    PaymentMethod,
    Receipt,
    Refund,
    TokenRemoval,
)
from pecapp.tables.people import (
    Account,
    AccountWord,
    CalendarFeed,
    KnownDevice,
    SecondFactor,
    StaffAct,
    StaffNote,
    Token,
    WebSession,
)
from pecapp.tables.sales import (
    LASTING,
    Acceptance,
    CodeUse,
    Draft,
    MailboxName,
    Order,
    OrderLine,
    Renewal,
    RenewalChoice,
    Service,
    SignerContact,
    Withdrawal,
)

__all__ = [
    "LASTING",
    "Acceptance",
    "Account",
    "AccountWord",
    "Alert",
    "CalendarFeed",
    "CertifiedDomain",
    "CodeUse",
    "Counter",
    "DayFigure",
    "DebitHold",
    "DiscountCode",
    "Dispute",
    "Draft",
    "InboxEvent",
    "KnownDevice",
    "LedgerCheck",
    "MailboxName",
    "Mandate",
    "MethodSaving",
    "Order",
    "OrderLine",
    "OutboxMail",
    "OutboxSms",
    "PaymentAttempt",
    "PaymentMethod",
    "Price",
    "Product",
    "Promotion",
    "Receipt",
    "Refund",
    "Renewal",
    "RenewalChoice",
    "SQLModel",
    "SecondFactor",
    "Service",
    "SignerContact",
    "StaffAct",
    "StaffNote",
    "Token",
    "TokenRemoval",
    "WebSession",
    "Withdrawal",
]
