"""The second factor of the staff: codes of an authenticator app (RFC 6238), and recovery codes for the day it is lost.

A password alone opens nothing of the staff's. Each code is taken once, wrong ones are few, and the secret is stored
encrypted: who reads the database cannot make codes.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from functools import cache

import segno
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyotp import random_base32, totp
from sqlmodel import Session, select

from pecapp import clock, db, errors, settings, tables
from pecapp.domain import staff
from pecapp.services import access, audit, throttle

STEP_SECONDS = 30
_DRIFT_STEPS = 1
"""How far the clock of a phone may be off, in steps."""
_RECOVERY_CODES = 10
_RECOVERY_BYTES = 10


@dataclass(frozen=True)
class Enrolment:
    """What an authenticator app needs to know, for who has none yet; empty for who has one."""

    picture: str = ""
    """As a picture for the phone's camera (a data address)."""
    secret: str = ""
    """The same to type, in groups of four."""


@dataclass(frozen=True)
class Entered:
    """A session that is open."""

    cookie: str
    recovery_codes: tuple[str, ...] = ()
    """To be kept on paper; shown once, when the app was set up."""


def enrolment(actor: access.Actor) -> Enrolment:
    """What the page that asks for the code has to show. Safe to repeat: the secret that is offered stays the same.

    Raises Forbidden (`ACCEDI`) unless the password of a member of staff has just been verified in this browser.
    """
    account_id = _awaited(actor)
    with db.transaction() as s:
        factor = _held(s, account_id)
        if factor.confirmed_at is not None:
            return Enrolment()
        secret = _cipher().decrypt(factor.secret.encode()).decode()
        account = s.get_one(tables.Account, account_id)
    address = totp.TOTP(secret).provisioning_uri(name=account.email, issuer_name=settings.load().brand_name)
    picture = segno.make(address, error="m").svg_data_uri(scale=5, border=2, dark="#1b1d23", light="#ffffff")
    return Enrolment(picture, " ".join(secret[start : start + 4] for start in range(0, len(secret), 4)))


def enter(actor: access.Actor, code: object) -> Entered:
    """Open the session with a code of the app, or with a recovery code; the first code also sets the app up.

    Raises Forbidden (`ACCEDI`), Invalid (`CODICE_ERRATO`: wrong, used before, or of another time), TooMany.
    """
    account_id = _awaited(actor)
    throttle.spend(throttle.SECOND_FACTOR, str(account_id))
    throttle.spend(throttle.SECOND_FACTOR_DAY, str(account_id))
    typed = "".join(code.split()).replace("-", "").lower()[:40] if isinstance(code, str) else ""
    with db.transaction() as s:
        factor = _held(s, account_id)
        account = s.get_one(tables.Account, account_id)
        first = factor.confirmed_at is None
        recovered = not first and _spend_recovery(factor, typed)
        if not recovered:
            _spend_code(factor, typed)
        codes: tuple[str, ...] = ()
        if first:
            factor.confirmed_at = clock.now()
            codes = tuple(secrets.token_hex(_RECOVERY_BYTES) for _ in range(_RECOVERY_CODES))
            factor.recovery = [_digest(one) for one in codes]
        s.add(factor)
        cookie = access.open_session(s, actor, account, second_factor=True)
        if first or recovered:
            who = access.Actor(actor.session_id, account_id, account.role, ip=actor.ip)
            act = "second_factor_set" if first else "recovery_code_used"
            audit.record(s, who, act, f"account:{account_id}", before={}, after={"left": len(factor.recovery)}, why="")
    throttle.forgive(throttle.SECOND_FACTOR, str(account_id))
    throttle.forgive(throttle.SECOND_FACTOR_DAY, str(account_id))
    return Entered(cookie, tuple("-".join(one[i : i + 5] for i in range(0, len(one), 5)) for one in codes))


def forget(s: Session, account_id: int) -> None:
    """Let somebody who has lost the app and the recovery codes set up another at the next sign-in; sessions end."""
    factor = s.get(tables.SecondFactor, account_id)
    if factor is not None:
        s.delete(factor)
    access.end_sessions(s, account_id)


def reset(email: str) -> None:
    """As `forget`, from the terminal, by address. Raises NotFound for who is no member of the staff."""
    account = tables.Account
    with db.transaction() as s:
        found = s.exec(select(account).where(account.email_key == email.strip().lower())).one_or_none()
        if found is None or not staff.is_staff(found.role):
            raise errors.NotFound
        forget(s, found.id or 0)


def preset(s: Session, account_id: int, secret: str) -> None:
    """Give an account of the demonstration an app whose secret everybody knows."""
    encrypted = _cipher().encrypt(secret.encode()).decode()
    s.add(tables.SecondFactor(account_id=account_id, secret=encrypted, confirmed_at=clock.now()))


def code_of(secret: str) -> str:
    """The code that an app with this secret shows now."""
    return totp.TOTP(secret, interval=STEP_SECONDS).generate_otp(int(clock.machine().timestamp()) // STEP_SECONDS)


def _awaited(actor: access.Actor) -> int:
    if actor.awaited_id is None:
        raise errors.Forbidden("ACCEDI")
    return actor.awaited_id


def _held(s: Session, account_id: int) -> tables.SecondFactor:
    """The second factor of an account, held for this transaction; a new one is offered to who has none."""
    wanted = db.locked(select(tables.SecondFactor).where(tables.SecondFactor.account_id == account_id))
    factor = s.exec(wanted).one_or_none()
    if factor is None:  # two tabs may come here at once
        new = {"account_id": account_id, "secret": _new_secret(), "last_step": 0, "recovery": []}
        db.insert_once(s, tables.SecondFactor, new)
        factor = s.exec(wanted).one()
    if factor.confirmed_at is None and not _readable(factor):
        factor.secret = _new_secret()
        s.add(factor)
    return factor


def _new_secret() -> str:
    return _cipher().encrypt(random_base32().encode()).decode()


def _readable(factor: tables.SecondFactor) -> bool:
    try:
        _cipher().decrypt(factor.secret.encode())
    except InvalidToken:
        return False
    return True


def _spend_code(factor: tables.SecondFactor, typed: str) -> None:
    try:
        secret = _cipher().decrypt(factor.secret.encode()).decode()
    except InvalidToken:  # the secret of the settings has changed since: only a recovery code is left
        raise errors.Invalid({"code": "CODICE_ERRATO"}, "CODICE_ERRATO") from None
    app, now = totp.TOTP(secret, interval=STEP_SECONDS), int(clock.machine().timestamp()) // STEP_SECONDS
    for step in range(now - _DRIFT_STEPS, now + _DRIFT_STEPS + 1):
        if step > factor.last_step and hmac.compare_digest(app.generate_otp(step).encode(), typed.encode()):
            factor.last_step = step
            return
    raise errors.Invalid({"code": "CODICE_ERRATO"}, "CODICE_ERRATO")


def _spend_recovery(factor: tables.SecondFactor, typed: str) -> bool:
    digest = _digest(typed)
    if digest not in factor.recovery:
        return False
    factor.recovery = [one for one in factor.recovery if one != digest]
    return True


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _cipher() -> Fernet:
    return _made_of(settings.load().secret_key)


@cache
def _made_of(secret_key: str) -> Fernet:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"second factor").derive(secret_key.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
