"""Accounts, their browsers, and the links that they are sent."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from pecapp.tables import columns


class Account(columns.Row, table=True):
    """A customer or member of staff. `login` is `<digits>@<login domain>`; customers may also sign in with `email`."""

    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True)
    email: str = Field(index=True)
    email_key: str = Field(unique=True)
    """`email` in lower case: one account per address."""
    email_confirmed_at: datetime | None = columns.instant(optional=True)
    role: str = "customer"
    password_hash: str
    lang: str = "it"
    holder: dict[str, Any] = columns.json()
    """The holder's data as validated by `domain.identity`."""
    created_at: datetime = columns.instant()


class WebSession(columns.Row, table=True):
    """A browser, signed in or not. The cookie's value is never stored, only its SHA-256."""

    id: str = Field(primary_key=True)
    account_id: int | None = Field(default=None, foreign_key="account.id", index=True)
    created_at: datetime = columns.instant()
    seen_at: datetime = columns.instant()
    expires_at: datetime = columns.instant(index=True)
    lang: str = "it"
    ip: str = ""
    user_agent: str = ""
    notice: dict[str, Any] = columns.json()
    """What the next page has to say or fill in again (a failed sign-in), shown once."""


class Token(columns.Row, table=True):
    """A link or ticket that works once: confirm an address, set a password, open a session after registration."""

    id: str = Field(primary_key=True)
    """SHA-256 of what was sent."""
    purpose: str
    account_id: int = Field(foreign_key="account.id", index=True)
    session_id: str | None = None
    """Only this browser may use it, when set."""
    order_id: int | None = Field(default=None, foreign_key="customer_order.id")
    """The order that it is about, if it is about one."""
    expires_at: datetime = columns.instant(index=True)
    used_at: datetime | None = columns.instant(optional=True)


class KnownDevice(columns.Row, table=True):
    """A browser in which an account was used: changes from one that is new are told to its owner (M23)."""

    account_id: int = Field(primary_key=True, foreign_key="account.id")
    device: str = Field(primary_key=True)
    """SHA-256 of what the browser calls itself."""
    first_seen_at: datetime = columns.instant()


class CalendarFeed(columns.Row, table=True):
    """The secret address of a customer's calendar of coming debits; only its SHA-256 is kept."""

    account_id: int = Field(primary_key=True, foreign_key="account.id")
    token: str = Field(unique=True)
    created_at: datetime = columns.instant()
