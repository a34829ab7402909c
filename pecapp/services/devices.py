"""The browsers in which an account was used, and what its owner is told when something happens in a new one (M23).

A browser is known by what it calls itself, and only its SHA-256 is kept. That is no proof of anything, so nothing is
ever refused because of it: it only decides whether a mail is worth its reader's time.
"""

import hashlib
import ipaddress
import re
from datetime import timedelta
from types import MappingProxyType
from typing import Literal, Protocol

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from pecapp import clock, db, tables
from pecapp.services import outbox

NEW_FOR = timedelta(hours=24)
"""How long changes made in a browser are told after it was first seen."""
What = Literal["access", "method", "email", "password"]

_BROWSERS = MappingProxyType(
    {
        "Edg": "Edge",
        "OPR/": "Opera",
        "SamsungBrowser/": "Samsung Internet",
        "Firefox/": "Firefox",
        "FxiOS/": "Firefox",
        "CriOS/": "Chrome",
        "Chrome/": "Chrome",
        "Safari/": "Safari",
    }
)
"""Marks in what browsers call themselves. Most claim to be others too: the first mark that is found counts."""
_SYSTEMS = MappingProxyType(
    {
        "iPhone": "iPhone",
        "iPad": "iPad",
        "Android": "Android",
        "Windows": "Windows",
        "Macintosh": "macOS",
        "CrOS": "ChromeOS",
        "Linux": "Linux",
    }
)


_VERSIONS = re.compile(r"[\d._]+")


class Browser(Protocol):
    """Whoever acts, as far as it matters here: an `access.Actor`, or what was kept of one."""

    @property
    def account_id(self) -> int | None:
        """The account that has signed in."""
        ...

    @property
    def ip(self) -> str:
        """Where the request came from."""
        ...

    @property
    def user_agent(self) -> str:
        """What the browser calls itself."""
        ...


def arrived(s: Session, account_id: int, user_agent: str, ip: str) -> None:
    """Somebody has signed in: a browser that is new to the account is learnt, and its owner told (M23).

    The very first one is learnt in silence. Several sign-ins at once learn, and tell, once.
    """
    device = _device(user_agent)
    if _learn(s, account_id, device) and _others(s, account_id, device):
        _tell(s, account_id, "access", user_agent, ip, f"{account_id}:{device}:{clock.today()}")


def changed(s: Session, actor: Browser, what: What, to_address: str | None = None) -> None:
    """Something that protects the account was changed: its owner is told (M23) if the browser is new to it.

    New is one first seen less than 24 hours ago while others were known before; a session that is older than our
    knowledge of browsers has its own learnt now. One mail for each kind of change, browser and day, to the account's
    address or to `to_address`, where that is about to change. Raises ValueError for an actor who has not signed in.
    """
    account_id = actor.account_id
    if account_id is None:
        raise ValueError("a change is made by somebody who has signed in")
    device = _device(actor.user_agent)
    _learn(s, account_id, device)
    since = s.get_one(tables.KnownDevice, (account_id, device)).first_seen_at
    earlier = col(tables.KnownDevice.first_seen_at) <= since
    if clock.now() - since < NEW_FOR and _others(s, account_id, device, earlier):
        fact = f"{account_id}:{device}:{clock.today()}"
        _tell(s, account_id, what, actor.user_agent, actor.ip, fact, to_address)


def password_reset(s: Session, account_id: int, actor: Browser) -> None:
    """A password was set by a mailed link: the owner is told in any case (M23), whoever used the link and wherever."""
    fact = f"{account_id}:link:{clock.now().isoformat()}"
    _tell(s, account_id, "password", actor.user_agent, actor.ip, fact)


def _device(user_agent: str) -> str:
    """A browser after its next update is the same one: the numbers of versions do not count."""
    return hashlib.sha256(_VERSIONS.sub("", user_agent).encode()).hexdigest()


def _learn(s: Session, account_id: int, device: str) -> bool:
    """Know this browser from here on; tells whether it was not known before."""
    values = {"account_id": account_id, "device": device, "first_seen_at": clock.now()}
    return db.insert_once(s, tables.KnownDevice, values)


def _others(s: Session, account_id: int, device: str, *which: ColumnElement[bool]) -> bool:
    known = tables.KnownDevice
    found = select(known.device).where(known.account_id == account_id, known.device != device, *which)
    return s.exec(found.limit(1)).first() is not None


def _tell(
    s: Session, account_id: int, what: What, user_agent: str, ip: str, fact: str, to_address: str | None = None
) -> None:
    outbox.post(
        s,
        template="m23",
        dedup_key=f"m23:{what}:{fact}",
        account_id=account_id,
        to_address=to_address,
        params={"what": what, "at": clock.now().isoformat(), "device": description(user_agent, ip)},
    )


def description(user_agent: str, ip: str) -> str:
    """A browser in a few words that its owner recognises: «Firefox, Windows, 203.0.113.•••».

    Only names of our own list: nothing that a stranger calls their browser gets into a mail. An address shows its
    network alone, one of the sixth version nothing.
    """
    browser = next((name for mark, name in _BROWSERS.items() if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in user_agent), "")
    return ", ".join(part for part in (browser, system, _network(ip)) if part)


def _network(ip: str) -> str:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return ""
        address = address.ipv4_mapped
    return f"{str(address).rpartition('.')[0]}.•••"
