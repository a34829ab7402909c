"""Accounts, their browsers, and the links that they are sent."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlmodel import Field

from pecapp.tables import columns


class Account(columns.Row, table=True):
    """A customer or member of staff. `login` is `<digits>@<login domain>`; customers may also sign in with `email`."""

    __table_args__ = (
        Index("ix_account_role_created", "role", "created_at", "id"),
        Index("ix_account_role_email", "role", "email_key"),
    )
    id: int | None = Field(default=None, primary_key=True)
    login: str = Field(unique=True)
    email: str = Field(index=True)
    email_key: str = Field(unique=True)
    """`email` in lower case: one account per address."""
    email_confirmed_at: datetime | None = columns.instant(optional=True)
    role: str = "customer"
    """`customer`, a `staff.Role`, or `former` for who has left the staff."""
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
    second_factor_at: datetime | None = columns.instant(optional=True)
    """When a member of staff gave the second factor; until then their session opens nothing."""


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


class SecondFactor(columns.Row, table=True):
    """The authenticator app of a member of staff, and the codes for the day it is lost."""

    account_id: int = Field(primary_key=True, foreign_key="account.id")
    secret: str
    """Encrypted with a key made of the secret of the settings."""
    confirmed_at: datetime | None = columns.instant(optional=True)
    """When a code of it was first right; until then it is only offered."""
    last_step: int = 0
    """The half minute of the last code that was taken: no code is taken twice."""
    recovery: list[str] = columns.json(list)
    """SHA-256 of each recovery code that was not used yet."""


class StaffAct(columns.Row, table=True):
    """What a member of staff did, why, and what it changed. Rows are added, never changed."""

    __table_args__ = (
        Index("ix_staff_act_at", "at", "id"),
        Index("ix_staff_act_by", "by_id", "at", "id"),
        Index("ix_staff_act_act", "act", "at", "id"),
        Index("ix_staff_act_account", "account_id", "id"),
        Index("ix_staff_act_subject", "subject", "id"),
    )
    id: int | None = Field(default=None, primary_key=True)
    at: datetime = columns.instant()
    by_id: int = Field(foreign_key="account.id")
    role: str
    """The one they had when they did it."""
    act: str
    subject: str
    """What was acted on: `order:<number>`, `method:<id>`, `service:<id>`, `event:<id>`, `account:<id>`."""
    account_id: int | None = Field(default=None, foreign_key="account.id")
    """Whose it is, if a customer's."""
    before: dict[str, Any] = columns.json()
    after: dict[str, Any] = columns.json()
    why: str = columns.words()
    ip: str = ""


class StaffNote(columns.Row, table=True):
    """What the staff should remember of a customer. Rows are added, never changed."""

    id: int | None = Field(default=None, primary_key=True)
    account_id: int = Field(foreign_key="account.id", index=True)
    by_id: int = Field(foreign_key="account.id")
    text: str = columns.words()
    created_at: datetime = columns.instant()


class AccountWord(columns.Row, table=True):
    """A word by which the staff find a customer, as `domain.words` makes it; kept with the account's data."""

    __table_args__ = (Index("ix_account_word", "word", "account_id", postgresql_ops={"word": "text_pattern_ops"}),)
    account_id: int = Field(primary_key=True, foreign_key="account.id")
    word: str = Field(primary_key=True)
