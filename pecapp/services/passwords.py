"""Passwords: how they are kept, compared, and which are refused."""

import threading
from functools import cache

import argon2

from pecapp import errors, settings

SHORTEST = 10
LONGEST = 200
DEMO = "ceralacca-demo"
"""The password of the demo people; it opens nothing in production."""

hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_TOGETHER = threading.BoundedSemaphore(4)  # each computation takes 19 MB and most of a core
_PATIENCE_SECONDS = 5
_COMMON = frozenset(
    {
        "1234567890", "12345678910", "123456789a", "0123456789", "9876543210", "1q2w3e4r5t", "1q2w3e4r5t6y",
        "1qaz2wsx3edc", "qwertyuiop", "qwerty12345", "qwerty123456", "qwerty1234", "asdfghjkl1", "zxcvbnm123",
        "password12", "password123", "password1234", "password12345", "passw0rd123", "passwordpassword", "password01",
        "letmein123", "welcome123", "welcome1234", "changeme123", "admin12345", "admin123456", "administrator",
        "amministratore", "iloveyou12", "iloveyou123", "superman123", "football123", "baseball123", "princess123",
        "sunshine123", "trustno1234", "juventus10", "juventus1897", "forzajuve10", "forzanapoli", "forzamilan",
        "forzainter", "ciaociao12", "ciaociao123", "francesco1", "alessandro", "alessandro1", "alessandra",
        "alessandra1", "federica123", "giuseppe123", "benvenuto1", "benvenuto123", "amoremio123", "tiamotanto",
        "buongiorno", "buongiorno1", "postacertificata", "lamiapassword", "passwordpec", "mypassword", "mypassword1",
        "abcdefghij", "abcd123456", "abc1234567", "ceralacca-demo",
    }
)  # fmt: skip
"""The commonest of those that are long enough."""
_FEWEST_DIFFERENT = 5


def digest(password: str) -> str:
    """What is stored of a password (argon2id): some 30 ms of a core. Raises Unavailable when too many are waiting."""
    with _Turn():
        return hasher.hash(password)


@cache
def _nobody() -> str:
    return hasher.hash("nobody has this password")


def matches(stored: str | None, password: str) -> bool:
    """Whether `password` is the one of `stored`; None, nobody's, takes the same time and is never right.

    Raises Unavailable when too many are waiting.
    """
    with _Turn():
        try:
            same = hasher.verify(stored or _nobody(), password[:LONGEST])
        except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
            same = False
    refused = stored is None or len(password) > LONGEST or (password == DEMO and settings.load().production)
    return same and not refused


def outdated(stored: str) -> bool:
    """Whether `stored` was made with weaker parameters than today's, so that the next sign-in should renew it."""
    return hasher.check_needs_rehash(stored)


def complaint(password: str, *known: str) -> str | None:
    """Why a new password is refused, as an error code, or None. `known` is what everybody may know of its owner."""
    lower = password.lower()
    if len(password) < SHORTEST:
        return "PASSWORD_CORTA"
    if len(password) > LONGEST:
        return "PASSWORD_LUNGA"
    if any(lower == word.lower() or lower == word.lower().partition("@")[0] for word in known if word):
        return "PASSWORD_UGUALE"
    if lower in _COMMON or len(set(lower)) < _FEWEST_DIFFERENT:
        return "PASSWORD_COMUNE"
    return None


class _Turn:
    """So many at once and no more: sign-ins must not take all the memory, nor all the threads."""

    def __enter__(self) -> None:
        if not _TOGETHER.acquire(timeout=_PATIENCE_SECONDS):
            raise errors.Unavailable

    def __exit__(self, *_: object) -> None:
        _TOGETHER.release()
