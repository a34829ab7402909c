"""Rules that spoil the delivery of webhooks: which they are, and what they do to an event before it is signed."""

import copy
import fnmatch
import itertools
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

FOREVER = -1
STALE_SECONDS = 301
OVERSIZED_BYTES = 2 * 1024 * 1024


class Trouble(StrEnum):
    """What a rule does to a delivery. The first group is decided at emission, the second at each attempt.

    A certificate from elsewhere and a body changed after its signature are PayPal's only; livemode is Stripe's only.
    """

    DELAY = "delay"
    DUPLICATE = "duplicate"
    REVERSED = "reversed"
    BEFORE_API_ANSWER = "before_api_answer"
    BEFORE_REDIRECT = "before_redirect"
    AFTER_REDIRECT = "after_redirect"

    DROP = "drop"
    WRONG_SECRET = "wrong_secret"
    STALE = "stale"
    FUTURE = "future"
    MUTATE = "mutate"
    OTHER_ACCOUNT = "other_account"
    LIVEMODE = "livemode"
    UNKNOWN_ORDER = "unknown_order"
    OVERSIZED = "oversized"
    FOREIGN_CERT = "foreign_cert"
    TAMPERED = "tampered"


AT_EMISSION = frozenset(
    {
        Trouble.DELAY,
        Trouble.DUPLICATE,
        Trouble.REVERSED,
        Trouble.BEFORE_API_ANSWER,
        Trouble.BEFORE_REDIRECT,
        Trouble.AFTER_REDIRECT,
    }
)
_numbers = itertools.count(1)


@dataclass
class HookRule:
    """Meets events whose type matches the pattern `event` (`*` allowed); `times` = -1 is for ever.

    `ms`: length of a delay, or gap between duplicates. `copies`: how often a duplicated event is delivered altogether.
    `changes`: dot path in the event -> value, for mutate and tampered. `bytes`: size of an oversized body.
    """

    behaviour: Trouble
    event: str = "*"
    times: int = 1
    ms: int = 0
    copies: int = 2
    changes: dict[str, Any] = field(default_factory=dict)
    bytes: int = OVERSIZED_BYTES
    number: int = field(default_factory=lambda: next(_numbers))


class HookTable:
    """The rules in force."""

    def __init__(self) -> None:
        self._rules: list[HookRule] = []

    def add(self, wish: dict[str, Any]) -> HookRule:
        """Add {behaviour, event?, times?, ms?, copies?, changes?, bytes?}. Raises ValueError, KeyError or TypeError."""
        known = {name: wish[name] for name in ("event", "ms", "copies", "changes", "bytes") if name in wish}
        times = wish.get("times", 1)
        rule = HookRule(behaviour=Trouble(wish["behaviour"]), times=FOREVER if times is None else int(times), **known)
        self._rules.append(rule)
        return rule

    def take(self, event_type: str, among: frozenset[Trouble]) -> list[HookRule]:
        """All rules of these kinds that meet the event, each used up by one."""
        met = [rule for rule in self._rules if rule.behaviour in among and fnmatch.fnmatch(event_type, rule.event)]
        for rule in met:
            rule.times -= rule.times > 0
            if rule.times == 0:
                self._rules.remove(rule)
        return met

    def rules(self) -> list[HookRule]:
        """The rules still in force."""
        return list(self._rules)

    def clear(self) -> None:
        """Forget all rules."""
        self._rules.clear()


def change(event: dict[str, Any], changes: dict[str, Any]) -> None:
    """Set values by dot path, in place; a number steps into a list, missing objects are made."""
    for path, value in changes.items():
        *way, last = path.split(".")
        place: Any = event
        for step in way:
            place = place[int(step)] if isinstance(place, list) else place.setdefault(step, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value


def spoil(event: dict[str, Any], rule: HookRule) -> dict[str, Any]:
    """A copy of a Stripe-shaped event (`data.object`) as the rule wants it."""
    spoiled = copy.deepcopy(event)
    content = spoiled.get("data", {}).get("object", {})
    match rule.behaviour:
        case Trouble.MUTATE:
            change(spoiled, rule.changes)
        case Trouble.OTHER_ACCOUNT:
            spoiled["account"] = "acct_1SomebodyElse000"
        case Trouble.LIVEMODE:
            spoiled["livemode"] = content["livemode"] = True
        case Trouble.UNKNOWN_ORDER:
            content["metadata"] = {}
            if "client_reference_id" in content:
                content["client_reference_id"] = None
        case Trouble.OVERSIZED:
            spoiled["padding"] = "x" * rule.bytes
        case _:
            return event
    return spoiled
