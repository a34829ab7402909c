"""Integer cents, IVA and half-up rounding (domain rules 2.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

STANDARD_VAT_RATE = 22
"""The Italian ordinary rate, in percent."""


@dataclass(frozen=True)
class Totals:
    """What a document comes to: net, rate in percent, IVA and gross. Always `net + vat = gross`."""

    net_cents: int
    vat_rate: int
    vat_cents: int
    gross_cents: int

    def times(self, documents: int) -> "Totals":
        """The sum of `documents` equal documents: five of 12.08 are 60.40, while one document of five is 60.39."""
        return Totals(
            net_cents=self.net_cents * documents,
            vat_rate=self.vat_rate,
            vat_cents=self.vat_cents * documents,
            gross_cents=self.gross_cents * documents,
        )


def totals(net_cents: int, vat_rate: int = STANDARD_VAT_RATE) -> Totals:
    """IVA at `vat_rate` percent, computed once on the document's whole net amount, half up."""
    if net_cents < 0:
        raise ValueError("a document's net amount is never negative")
    vat_cents = percentage(net_cents, vat_rate)
    return Totals(net_cents=net_cents, vat_rate=vat_rate, vat_cents=vat_cents, gross_cents=net_cents + vat_cents)


def percentage(cents: int, percent: int) -> int:
    """`percent` percent of `cents`, in whole cents, half up."""
    return proportion(cents, percent, 100)


def proportion(cents: int, part: int, whole: int) -> int:
    """`cents * part / whole`, in whole cents, half up: the share of a price for part of its time."""
    return int((Decimal(cents) * part / whole).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def shares(total_cents: int, weights: Sequence[int]) -> list[int]:
    """`total_cents` divided in proportion to `weights`, in whole cents whose sum is the total.

    Each share is rounded down, and the cents that are left go to the largest remainders, the earlier first. Without any
    weight, all of it is the first's.
    """
    whole = sum(weights)
    if not whole:
        return [total_cents, *(0 for _ in weights[1:])] if weights else []
    parts = [divmod(total_cents * weight, whole) for weight in weights]
    found = [share for share, _ in parts]
    by_remainder = sorted(range(len(parts)), key=lambda index: -parts[index][1])
    for index in by_remainder[: total_cents - sum(found)]:
        found[index] += 1
    return found
