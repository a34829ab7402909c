"""Who is asking: sessions, sign-in and sign-out.

A browser has a random cookie that we signed. Nothing is stored for it until something must be; its SHA-256 is the
session's id, by which a basket is found again, and at sign-in the cookie is exchanged for a new one, so that whoever
knew the old one holds nothing.
"""

import base64
import contextlib
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlmodel import Session, col, delete, select, update

from pecapp import clock, db, errors, i18n, settings, tables
from pecapp.domain import staff as roles
from pecapp.services import devices, links, live, passwords, throttle

IDLE = timedelta(hours=24)
"""Longer than the 20 hours from which no warning is due before a session ends (WCAG 2.2.1)."""
LONGEST = timedelta(days=30)
STAFF_IDLE = timedelta(hours=1)
STAFF_LONGEST = timedelta(hours=12)
STAFF_WARNED = timedelta(minutes=6)
"""How long before its end a session of the staff is said to end: at least five minutes, by a round each minute."""
HALF_WAY = timedelta(minutes=10)
"""How long a password that was verified waits for the second factor."""
FORMER = "former"
"""The role of who has left the staff: nothing is open to them, not even the sign-in."""
VISIT = timedelta(hours=24)
"""How long a visitor who is not signed in, and any basket, is remembered without use."""
TOUCH = timedelta(minutes=1)
_COOKIE_LENGTH = 66
_NOTICE_LENGTH = 500
_NAME_LENGTH = 254
_ADDRESS_LENGTH = 500


@dataclass(frozen=True)
class Actor:
    """Whoever sent a request or an event, as the cookie and the database say; never as the browser claims."""

    session_id: str = ""
    """Key of what this browser keeps with us; empty without a cookie that we made."""
    account_id: int | None = None
    role: str = "stranger"
    """`stranger`, `customer`, or a `staff.Role`."""
    lang: i18n.Lang = i18n.DEFAULT
    ip: str = ""
    user_agent: str = ""
    expires_at: datetime | None = None
    """When a signed-in session ends without further use."""
    awaited_id: int | None = None
    """The member of staff whose password was verified in this browser, and whose second factor is still awaited."""

    @property
    def signed_in(self) -> bool:
        """Whether this is somebody whose password was verified in a session that is still open."""
        return self.account_id is not None


def local(path: object, otherwise: str = "/area-clienti") -> str:
    """`path` if it is an address of this site, else `otherwise`: nobody is sent elsewhere by what a browser says."""
    if not isinstance(path, str) or not path.startswith("/") or len(path) > _ADDRESS_LENGTH or not path.isprintable():
        return otherwise
    if path.startswith("//") or "\\" in path:
        return otherwise
    parts = urlsplit(path)
    return otherwise if parts.scheme or parts.netloc else path


def new_cookie() -> str:
    """A cookie for a browser that has none: random, signed, and stored nowhere."""
    value = secrets.token_urlsafe(32)
    return f"{value}.{_signature(value)}"


def genuine(cookie: str | None) -> bool:
    """Whether we made this cookie. Needs no database."""
    if not cookie or len(cookie) != _COOKIE_LENGTH or not cookie.isascii():
        return False
    value, _, signature = cookie.partition(".")
    return hmac.compare_digest(signature, _signature(value))


def badge(cookie: str) -> str:
    """What stands for a genuine cookie inside the server, where states are kept: it opens nothing from outside."""
    session_id = _digest(cookie)
    return f"{session_id}.{_signature(session_id, 'badge')}"


def bound(cookie: str, tab: str) -> uuid.UUID:
    """The server's name for a tab of this browser: `tab`, which the browser chose, alone leads nowhere."""
    key = settings.load().secret_key.encode()
    made = hmac.new(key, f"tab|{cookie}|{tab}".encode(), hashlib.sha256).digest()
    return uuid.UUID(bytes=made[:16], version=4)


def _signature(value: str, use: str = "cookie") -> str:
    key = settings.load().secret_key.encode()
    made = hmac.new(key, f"{use}|{value}".encode(), hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def actor(cookie: str | None, ip: str = "", user_agent: str = "", lang: i18n.Lang = i18n.DEFAULT) -> Actor:
    """Who sends this cookie, by the database and now; `lang` is for those of whom no language is known.

    A cookie that is missing, forged, expired or signed out is a stranger's. Use keeps a session open.
    """
    stranger = Actor(ip=ip[:64], user_agent=user_agent[:300], lang=lang)
    return _known(stranger, _digest(cookie)) if cookie and genuine(cookie) else stranger


def wearer(
    badge: str, ip: str = "", user_agent: str = "", lang: i18n.Lang = i18n.DEFAULT, *, uses: bool = True
) -> Actor:
    """As `actor`, by the badge that stands for the cookie. News that reach an open page are no use of its session."""
    stranger = Actor(ip=ip[:64], user_agent=user_agent[:300], lang=lang)
    session_id, _, signature = badge.partition(".")
    true = badge.isascii() and hmac.compare_digest(signature, _signature(session_id, "badge"))
    return _known(stranger, session_id, uses=uses) if true else stranger


def _known(stranger: Actor, session_id: str, *, uses: bool = True) -> Actor:
    stranger, now = replace(stranger, session_id=session_id), clock.now()
    with db.reading() as s:
        found = s.exec(
            select(tables.WebSession, tables.Account.role)
            .join(tables.Account, isouter=True)
            .where(tables.WebSession.id == session_id)
        ).one_or_none()
    if found is None or found[0].expires_at <= now:
        return stranger
    row, role = found
    expires_at = row.expires_at
    if uses and now - row.seen_at >= TOUCH:
        expires_at = _expiry(row, role, now)
        with contextlib.suppress(errors.Unavailable):  # a busy database must not sign anybody out
            _touch(session_id, now, expires_at, warned=roles.is_staff(role) and row.expires_at - now <= STAFF_WARNED)
    stranger = replace(stranger, lang=i18n.language(row.lang))
    if row.account_id is None or role == FORMER:
        return stranger
    if roles.is_staff(role) and row.second_factor_at is None:
        return replace(stranger, awaited_id=row.account_id)
    return replace(stranger, account_id=row.account_id, role=role, expires_at=expires_at)


def _expiry(row: tables.WebSession, role: str, now: datetime) -> datetime:
    """When a session ends unless it is used again."""
    if row.account_id is None:
        return now + VISIT
    if not roles.is_staff(role):
        return min(now + IDLE, row.created_at + LONGEST)
    if row.second_factor_at is None:
        return row.created_at + HALF_WAY
    return min(now + STAFF_IDLE, row.created_at + STAFF_LONGEST)


def _touch(session_id: str, now: datetime, expires_at: datetime, *, warned: bool) -> None:
    with db.transaction() as s:
        s.execute(
            update(tables.WebSession)
            .where(col(tables.WebSession.id) == session_id)
            .values(seen_at=now, expires_at=expires_at)
        )
        if warned:
            live.publish(s, live.session(session_id))


def require(actor: Actor) -> int:
    """The account of an actor who has signed in. Raises Forbidden (`ACCEDI`)."""
    if actor.account_id is None:
        raise errors.Forbidden("ACCEDI")
    return actor.account_id


def staff(actor: Actor, right: roles.Right = roles.Right.READ) -> int:
    """The account of a member of staff who may do this. Raises Forbidden; `ACCEDI` to those who should sign in."""
    account_id = require(actor)
    if not roles.may(actor.role, right):
        raise errors.Forbidden
    return account_id


def still_staff(s: Session, actor: Actor, right: roles.Right = roles.Right.READ) -> None:
    """As `staff`, by the role that the account has now: for work that lasts. Raises Forbidden."""
    role = s.exec(select(tables.Account.role).where(tables.Account.id == require(actor))).one_or_none()
    staff(replace(actor, role=role or FORMER), right)


def browser(actor: Actor) -> str:
    """The key of what this browser keeps with us. Raises Forbidden when the browser keeps no cookies."""
    if not actor.session_id:
        raise errors.Forbidden("COOKIE_NECESSARI")
    return actor.session_id


def sign_in(actor: Actor, username: str, password: str) -> str:
    """Verify a password and open a session; gives the browser's new cookie. `username` is a login or an e-mail address.

    The session of a member of staff opens nothing yet: the second factor is asked for next.
    Raises Invalid (`CREDENZIALI_ERRATE`: the answer and its time are equal for a wrong password and for nobody),
    TooMany, Unavailable. The old session is gone, its basket belongs to the new one.
    """
    name, where = _name(username), throttle.place(actor.ip)
    throttle.check(throttle.SIGN_IN_FAILED_HERE, where)
    throttle.spend(throttle.SIGN_IN_NAME, name)
    throttle.spend(throttle.SIGN_IN_NAME_HERE, name, where)
    with db.reading() as s:
        account = _find(s, name)
    right = passwords.matches(account.password_hash if account else None, password)
    if not right or account is None or account.role == FORMER:
        throttle.spend(throttle.SIGN_IN_FAILED_HERE, where)
        raise errors.Invalid({"password": "CREDENZIALI_ERRATE"}, "CREDENZIALI_ERRATE")
    throttle.forgive(throttle.SIGN_IN_NAME_HERE, name, where)
    throttle.forgive(throttle.SIGN_IN_NAME, name)
    renewed = passwords.digest(password) if passwords.outdated(account.password_hash) else None
    with db.transaction() as s:
        if renewed:
            s.execute(update(tables.Account).where(col(tables.Account.id) == account.id).values(password_hash=renewed))
        return open_session(s, actor, account)


def _name(username: str) -> str:
    name = username.strip().lower()[:_NAME_LENGTH]
    return f"{name}@{settings.load().login_domain}" if name.isdecimal() else name


def _find(s: Session, name: str) -> tables.Account | None:
    column = tables.Account.login if name.endswith(f"@{settings.load().login_domain}") else tables.Account.email_key
    return s.exec(select(tables.Account).where(column == name)).one_or_none()


def redeem(actor: Actor, ticket: object) -> str:
    """Sign in with the ticket of a registration, once, in the browser that registered; gives the new cookie.

    Raises NotFound (`LINK_NON_VALIDO`).
    """
    with db.transaction() as s:
        account_id = links.use(s, ticket, links.Purpose.ENTRY, session_id=actor.session_id)
        account = s.get_one(tables.Account, account_id)
        return open_session(s, actor, account)


def open_session(s: Session, actor: Actor, account: tables.Account, *, second_factor: bool = False) -> str:
    """A new session of an account whose owner has proved who they are, in place of the browser's old one; its cookie.

    A session of the staff opens nothing before its `second_factor` was given.
    """
    cookie, now, account_id = new_cookie(), clock.now(), account.id or 0
    session_id = _digest(cookie)
    row = tables.WebSession(
        id=session_id,
        account_id=account_id,
        created_at=now,
        seen_at=now,
        expires_at=now,
        lang=account.lang,
        ip=actor.ip,
        user_agent=actor.user_agent,
        second_factor_at=now if second_factor else None,
    )
    row.expires_at = _expiry(row, account.role, now)
    s.add(row)
    devices.arrived(s, account_id, actor.user_agent, actor.ip)
    if actor.session_id:
        before = s.get(tables.WebSession, actor.session_id)
        if before is None or before.account_id in {None, account_id}:
            s.execute(
                update(tables.Draft)
                .where(col(tables.Draft.session_id) == actor.session_id)
                .values(session_id=session_id)
            )
        _close(s, [actor.session_id])  # what another person typed in this browser goes with their session
    return cookie


def _close(s: Session, session_ids: list[str]) -> None:
    s.execute(delete(tables.Draft).where(col(tables.Draft.session_id).in_(session_ids)))
    s.execute(delete(tables.WebSession).where(col(tables.WebSession.id).in_(session_ids)))


def sign_out(actor: Actor) -> None:
    """End this session and forget its basket. Safe to repeat."""
    if actor.session_id:
        with db.transaction() as s:
            _close(s, [actor.session_id])


def sign_out_everywhere(actor: Actor) -> None:
    """End every session of this customer, this one included. Raises Forbidden."""
    account_id = require(actor)
    with db.transaction() as s:
        end_sessions(s, account_id)


def end_sessions(s: Session, account_id: int) -> None:
    """End every session of an account: its password has changed, or may be known to others."""
    wanted = select(tables.WebSession.id).where(tables.WebSession.account_id == account_id)
    _close(s, list(s.exec(wanted)))


def set_lang(actor: Actor, lang: object) -> i18n.Lang:
    """Remember the language of a browser, and of its customer for the mails; gives the one taken."""
    chosen = i18n.language(lang)
    if actor.session_id and (actor.lang != chosen or not actor.signed_in):
        with db.transaction() as s:
            _keep(s, actor, {"lang": chosen})
            if actor.account_id is not None:
                s.execute(update(tables.Account).where(col(tables.Account.id) == actor.account_id).values(lang=chosen))
    return chosen


def leave_notice(actor: Actor, notice: Mapping[str, str]) -> None:
    """Leave a few short words for the next page of this browser; nothing without a cookie that we made."""
    if actor.session_id:
        with db.transaction() as s:
            _keep(s, actor, {"notice": {key: value[:_NOTICE_LENGTH] for key, value in notice.items()}})


def take_notice(actor: Actor) -> dict[str, str]:
    """What was left for this page, once."""
    if not actor.session_id:
        return {}
    with db.reading() as s:
        row = s.get(tables.WebSession, actor.session_id)
    if row is None or not row.notice:
        return {}
    with db.transaction() as s:
        _keep(s, actor, {"notice": {}})
    return dict(row.notice)


def _keep(s: Session, actor: Actor, values: dict[str, Any]) -> None:
    now = clock.now()
    fresh = {
        "id": actor.session_id,
        "account_id": None,
        "created_at": now,
        "seen_at": now,
        "expires_at": now + VISIT,
        "lang": actor.lang,
        "ip": actor.ip,
        "user_agent": actor.user_agent,
        "notice": {},
    }
    if not db.insert_once(s, tables.WebSession, fresh | values):
        if not actor.signed_in and actor.awaited_id is None:  # an ended session is only a visit from here on
            values = values | {"account_id": None, "expires_at": now + VISIT}
        s.execute(update(tables.WebSession).where(col(tables.WebSession.id) == actor.session_id).values(**values))


def carry(by: timedelta) -> None:
    """The clock is about to jump by so much: sessions that are open stay open for as long as they would have been."""
    session = tables.WebSession
    with db.transaction() as s:
        for row in s.exec(select(session).where(col(session.expires_at) > clock.now())).all():
            row.created_at += by
            row.seen_at += by
            row.expires_at += by
            s.add(row)


def sweep(limit: int = 500) -> int:
    """Forget sessions, links and baskets whose time is over, at most `limit` of each. Safe to repeat."""
    now = clock.now()
    old = [
        (tables.WebSession, tables.WebSession.id, col(tables.WebSession.expires_at) < now - VISIT),
        (tables.Token, tables.Token.id, col(tables.Token.expires_at) < now),
        (tables.Draft, tables.Draft.id, col(tables.Draft.updated_at) < now - VISIT),
    ]
    gone = 0
    with db.transaction() as s:
        for model, key, over in old:
            keys = list(s.exec(select(key).where(over).limit(limit)))
            s.execute(delete(model).where(col(key).in_(keys)))
            gone += len(keys)
    return gone
