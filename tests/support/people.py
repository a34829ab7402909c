"""People of the tests: what they type, and accounts already made."""

import argon2
import pytest

from pecapp import db
from pecapp.services import access, accounts, passwords, second_factor, throttle

PASSWORD = "un cavallo a dondolo"
CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def quick_passwords(patch: pytest.MonkeyPatch) -> None:
    """Passwords that cost next to nothing, and every count of tries at zero."""
    patch.setattr(passwords, "hasher", CHEAP)
    throttle.forget_all()


def private_person(**changes: object) -> dict[str, object]:
    """What Mario Rossi types to register."""
    typed = {
        "kind": "private",
        "first_name": "Mario",
        "last_name": "Rossi",
        "tax_code": "RSSMRA80A01H501U",
        "country": "IT",
        "address": "Via dell'Esempio 1",
        "postal_code": "00100",
        "city": "Roma",
        "province": "RM",
        "phone": "3331234567",
        "email": "mario@esempio.test",
        "notice_channel": "email",
        "password": PASSWORD,
        "password_again": PASSWORD,
        "privacy_seen": "yes",
    }
    return {**typed, **changes}


def browser(ip: str = "192.0.2.1") -> access.Actor:
    """A visitor who has just opened the first page."""
    return access.actor(access.new_cookie(), ip, "a browser")


def customer(email: str = "mario@esempio.test", **changes: object) -> access.Actor:
    """A registered customer, signed in."""
    visitor = browser()
    ticket = accounts.register(visitor, private_person(email=email, **changes))
    return access.actor(access.redeem(visitor, ticket), visitor.ip, visitor.user_agent)


SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def staff(role: str = "owner", email: str = "") -> access.Actor:
    """A member of staff, signed in with both factors."""
    return access.actor(staff_cookie(role, email), "192.0.2.1", "a browser")


def staff_cookie(role: str = "owner", email: str = "") -> str:
    """The cookie of a browser in which a member of staff has signed in with both factors."""
    email = email or f"{role}@esempio.test"
    with db.transaction() as s:
        made = accounts.add(s, email=email, password=PASSWORD, holder={}, role=role, lang="it")
        second_factor.preset(s, made.id or 0, SECRET)
    visitor = browser()
    half = access.actor(access.sign_in(visitor, email, PASSWORD), visitor.ip, visitor.user_agent)
    return second_factor.enter(half, second_factor.code_of(SECRET)).cookie


def somebody(role: str) -> access.Actor:
    """Somebody of that role, as far in as they can come: `stranger`, `customer`, or one of the staff's."""
    if role == "stranger":
        return browser()
    return customer("altra@esempio.test") if role == "customer" else staff(role)
