"""How often something may be tried, by somebody or from somewhere."""

import ipaddress
import logging
import time
from functools import cache

import limits
import redis
from limits import errors as limits_errors
from limits import storage, strategies

from pecapp import errors, settings

SIGN_IN_NAME_HERE = limits.RateLimitItemPerMinute(10, 10, namespace="sign-in-name-here")
SIGN_IN_NAME = limits.RateLimitItemPerHour(50, namespace="sign-in-name")
SIGN_IN_FAILED_HERE = limits.RateLimitItemPerMinute(60, 10, namespace="sign-in-failed-here")
REGISTER_HERE = limits.RateLimitItemPerHour(100, namespace="register-here")
REGISTER_EMAIL = limits.RateLimitItemPerHour(10, namespace="register-email")
RECOVER_HERE = limits.RateLimitItemPerHour(30, namespace="recover-here")
RECOVER_EMAIL = limits.RateLimitItemPerHour(3, namespace="recover-email")
QUICK_PAY = limits.RateLimitItemPerMinute(5, 10, namespace="quick-pay")
WITHDRAW_HERE = limits.RateLimitItemPerMinute(5, 10, namespace="withdraw-here")
WITHDRAW_EMAIL = limits.RateLimitItemPerHour(5, namespace="withdraw-email")
SECOND_FACTOR = limits.RateLimitItemPerMinute(5, 15, namespace="second-factor")
SECOND_FACTOR_DAY = limits.RateLimitItemPerDay(30, namespace="second-factor-day")
GATEWAY_ASKED = limits.RateLimitItemPerMinute(30, namespace="gateway-asked")
"""By one member of the staff: the gateways count what they are asked, and customers' payments need it more."""
TOKEN_HERE = limits.RateLimitItemPerHour(60, namespace="token-here")

log = logging.getLogger(__name__)


def spend(rule: limits.RateLimitItem, *who: str) -> None:
    """Count one try. Raises TooMany when `who` has none left under `rule`."""
    if not _ask("hit", rule, who):
        _refuse(rule, who)


def check(rule: limits.RateLimitItem, *who: str) -> None:
    """Raise TooMany when `who` has no try left under `rule`, counting none."""
    if not _ask("test", rule, who):
        _refuse(rule, who)


def forgive(rule: limits.RateLimitItem, *who: str) -> None:
    """Forget the tries of `who`."""
    _ask("clear", rule, who)


def place(ip: str) -> str:
    """Where a request comes from, for counting: an IPv4 address, or the /64 that one IPv6 subscriber has."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return ip


def forget_all() -> None:
    """Start counting anew, for a test or after a change of settings."""
    _shared.cache_clear()
    _own.cache_clear()


class _Memory(storage.MemoryStorage):
    """Counts of this process alone."""

    def clear(self, key: str) -> None:
        """Forget a key, under its lock: the library's thread that drops what is old cannot bear to lose one."""
        with self.locks[key]:
            super().clear(key)


@cache
def _own() -> strategies.RateLimiter:
    return strategies.MovingWindowRateLimiter(_Memory())


@cache
def _shared() -> strategies.RateLimiter:
    url = settings.load().redis_url
    return strategies.MovingWindowRateLimiter(storage.storage_from_string(url)) if url else _own()


def _ask(question: str, rule: limits.RateLimitItem, who: tuple[str, ...]) -> bool:
    try:
        return getattr(_shared(), question)(rule, *who)
    except (redis.RedisError, limits_errors.StorageError):
        log.warning("rate limits are counted by each process alone: the shared count does not answer")
        return getattr(_own(), question)(rule, *who)


def _refuse(rule: limits.RateLimitItem, who: tuple[str, ...]) -> None:
    try:
        frees_at = _shared().get_window_stats(rule, *who).reset_time
    except (redis.RedisError, limits_errors.StorageError):
        frees_at = _own().get_window_stats(rule, *who).reset_time
    raise errors.TooMany(retry_after=max(1, int(frees_at - time.time()) + 1))
