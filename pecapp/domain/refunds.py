"""The life of a refund: what the gateway says of it, and what becomes of ours."""

from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Where a refund stands. A gateway may say of one that looked done that it failed."""

    REQUESTED = "requested"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


ELSEWHERE = "gateway"
"""How the reason of a refund begins that somebody made at the gateway itself; the gateway's name for it follows."""
FOLLOWED = frozenset({Status.PENDING})
"""The gateway has taken it and has not said how it ended."""
GIVEN = frozenset({Status.REQUESTED, Status.PENDING, Status.SUCCEEDED})
"""What counts against what is left to give back."""

_RANK = MappingProxyType({Status.REQUESTED: 0, Status.PENDING: 1, Status.SUCCEEDED: 2, Status.FAILED: 3})


def move(status: Status, told: Status) -> Status:
    """The state after the gateway said `told`: it only moves on, and a failure is final, whatever is heard later."""
    return told if _RANK[told] > _RANK[status] else status


def claim(status: Status, tries: int) -> int:
    """The place of a refund where there is too little for all: what went, what may have gone, what was never sent."""
    if status is not Status.REQUESTED:
        return 0
    return 1 if tries else 2
