"""Tables of medians and ratios."""

import statistics
from collections.abc import Iterable, Sequence


def median(values: Iterable[float]) -> float:
    """The middle one, which a noisy machine moves least."""
    return statistics.median(list(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` percent of `values` lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; numbers are right-aligned."""
    shown = [list(map(str, row)) for row in rows]
    widths = [max(len(line[i]) for line in [list(head), *shown]) for i in range(len(head))]
    print(f"\n{title}")
    for line in (list(head), ["-" * width for width in widths], *shown):
        first, *rest = line
        cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        print("  ".join([first.ljust(widths[0]), *cells]))
