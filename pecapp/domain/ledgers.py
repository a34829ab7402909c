"""Two books of the same money, side by side: what is in one alone, and what is another amount in the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class What(StrEnum):
    """How two books differ."""

    ONLY_HERE = "only_here"
    ONLY_THERE = "only_there"
    AMOUNT = "amount"


@dataclass(frozen=True)
class Entry:
    """Money that moved, as one of the books has it: `payment` or `refund`."""

    kind: str
    ref: str
    """The gateway's name for it; empty where we never learnt it."""
    own_id: str
    """Our name for it; empty for what was not made here."""
    cents: int
    currency: str


@dataclass(frozen=True)
class Difference:
    """An entry of one book that the other does not have, or has with another amount."""

    what: What
    ours: Entry | None
    theirs: Entry | None

    @property
    def entry(self) -> Entry:
        """The entry by which it is known: the gateway's, where there is one."""
        entry = self.theirs or self.ours
        if entry is None:
            raise ValueError("a difference of nothing")
        return entry


def compare(ours: Iterable[Entry], theirs: Iterable[Entry]) -> list[Difference]:
    """What the two books differ in: theirs first, in their order, then what only we have.

    Entries are the same when the gateway's name is, or ours where one side does not know the gateway's.
    """
    known = list(ours)
    by_ref = {(entry.kind, entry.ref): place for place, entry in enumerate(known) if entry.ref}
    by_id = {(entry.kind, entry.own_id): place for place, entry in enumerate(known) if entry.own_id and not entry.ref}
    left, found = set(range(len(known))), []
    for entry in theirs:
        place = by_ref.get((entry.kind, entry.ref), by_id.get((entry.kind, entry.own_id)))
        if place not in left:
            found.append(Difference(What.ONLY_THERE, None, entry))
            continue
        left.remove(place)
        same = known[place]
        if (same.cents, same.currency) != (entry.cents, entry.currency):
            found.append(Difference(What.AMOUNT, same, entry))
    return found + [Difference(What.ONLY_HERE, known[place], None) for place in sorted(left)]
