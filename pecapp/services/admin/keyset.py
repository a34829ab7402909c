"""Lists of any length, a page at a time: a page begins where the last one ended, whatever came or went meanwhile.

No row is skipped or counted to find a page, so the last page costs what the first does. A filter that no index serves
is applied to at most `LOOK` rows; when they do not fill the page, it says so and goes on from there.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Date, Integer, Select, Table, func, literal, select, tuple_
from sqlmodel import Session

from pecapp import clock
from pecapp.tables import columns

SIZE = 25
LOOK = 2_000
"""Rows that a page may look at for a filter without an index."""
AFTER, BEFORE = "dopo", "prima"
_LONGEST = 400
_LARGEST = 2**62


@dataclass(frozen=True)
class Sort:
    """A way to sort that an index serves."""

    columns: tuple[str, ...]
    """Together unique, and never NULL in a row that is listed."""
    descending: bool = False
    leads: tuple[str, ...] = ()
    """Columns of filters that stand before `columns` in an index of their own."""
    floor: object = None
    """Rows whose first of `columns` is not above it are not listed this way; None: all are."""
    period: str = ""
    """The column that a period is about when rows are sorted this way; empty: the list's own."""


@dataclass(frozen=True)
class Listing:
    """What can be listed, and how."""

    table: Table
    sorts: Mapping[str, Sort]
    """The first is the usual one."""
    filters: Mapping[str, tuple[str, ...]]
    """What can be asked of a column; anything else is not asked."""
    period: str
    """The column that a period is about: an instant or a date."""
    only: Mapping[str, object] = field(default_factory=dict)
    """What is true of every row that is listed."""


@dataclass(frozen=True)
class Asked:
    """What a page is asked for, as the address of the page says it; what makes no sense is not asked."""

    sort: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    since: date | None = None
    until: date | None = None
    """The last day that counts."""
    at: str = ""
    """Where the page begins, as an earlier page told it; the first page when empty."""
    account_id: int | None = None
    """The one customer whose rows are asked for, in a list that has the column."""
    said: Mapping[str, str] = field(default_factory=dict)
    """What somebody typed, by the name of the field; what it means is `known`."""
    known: Mapping[str, Sequence[object]] = field(default_factory=dict)
    """What a column must be, one of these. Unless the sort has it among its `leads`, there are but few such rows."""


class Cut(NamedTuple):
    """The keys of a page's rows in their order, and where the neighbouring pages begin; empty where there is none."""

    keys: list[Any]
    before: str
    after: str
    partial: bool
    """Whether the page is short because enough was looked at, and not because there is no more."""


def cut(s: Session, listing: Listing, asked: Asked, size: int = SIZE) -> Cut:
    """One page. Its cost depends neither on how many rows there are nor on how far the page is from the first."""
    if not all(asked.known.values()):
        return Cut([], "", "", partial=False)
    backward, edge = _edge(listing, asked)
    plan = _plan(listing, asked, backward, edge)
    found = list(s.execute(plan.page.limit(size + 1)).all())
    more = len(found) > size
    found = found[:size]
    width = len(plan.sort.columns)
    start, end = (tuple(row[1 : 1 + width]) for row in (found[0], found[-1])) if found else (None, None)
    short = not more and _looked_enough(s, plan)
    if short:
        end, more = _last_looked(s, plan), True
    if backward and not more:
        return cut(s, listing, replace(asked, at=""), size)
    keys = [row[0] for row in (reversed(found) if backward else found)]
    if backward:
        return Cut(keys, _written(BEFORE, end), _written(AFTER, start or edge), short)
    return Cut(keys, _written(BEFORE, start or edge) if edge else "", _written(AFTER, end) if more else "", short)


class _Plan(NamedTuple):
    sort: Sort
    page: Select[Any]
    """Key and columns of the sort, in the direction in which the page is read."""
    looked: Any
    """The rows that are looked at, where that is bounded."""
    backward: bool


def _plan(listing: Listing, asked: Asked, backward: bool, edge: tuple[Any, ...] | None) -> _Plan:
    table, sort = listing.table, sort_of(listing, asked)
    down = sort.descending != backward
    sorted_by = [table.c[name] for name in sort.columns]
    filters = {name: value for name, value in asked.filters.items() if value in listing.filters.get(name, ())}
    served, rest = _tests(listing, asked, sort, filters)
    conditions = [test(table.c[name]) for name, test in served]
    conditions += [table.c[name].is_not(None) for name in sort.columns if table.c[name].nullable]
    conditions += [] if sort.floor is None else [sorted_by[0] > sort.floor]
    conditions += [_beyond(sorted_by, edge, down=down)] if edge else []
    shown = [next(iter(table.primary_key.columns)).label("key")]
    shown += [table.c[name].label(f"sort_{name}") for name in sort.columns]
    shown += [table.c[name].label(f"rest_{name}") for name, _ in rest]
    wanted = select(*shown).where(*conditions).order_by(*_order(sorted_by, down=down))
    if not rest:
        return _Plan(sort, wanted, None, backward)
    looked = wanted.limit(LOOK).subquery()
    again = _order([looked.c[f"sort_{name}"] for name in sort.columns], down=down)
    page = select(looked).where(*(test(looked.c[f"rest_{name}"]) for name, test in rest)).order_by(*again)
    return _Plan(sort, page, looked, backward)


_Test = tuple[str, Callable[[Any], ColumnElement[bool]]]
"""A column, and what must be true of it."""


def _tests(listing: Listing, asked: Asked, sort: Sort, filters: Mapping[str, str]) -> tuple[list[_Test], list[_Test]]:
    """What an index of this sort answers, and what only a look at the rows does."""
    one = {"account_id": (asked.account_id,)} if asked.account_id and "account_id" in listing.table.c else {}
    wanted = {**one, **{name: (value,) for name, value in filters.items()}, **asked.known}
    few = {name for name in {**one, **asked.known} if name not in sort.leads}
    lead = set() if few else {next((name for name in sort.leads if name in wanted), "")}
    served: list[_Test] = [(name, partial(_is, value=value)) for name, value in listing.only.items()]
    rest: list[_Test] = []
    for name, values in wanted.items():
        (served if name in few | lead else rest).append((name, partial(_one_of, values=values)))
    period = sort.period or listing.period
    start, end = _period(listing.table.c[period], asked)
    if start is not None or end is not None:
        within = (period, partial(_within, start=start, end=end))
        (served if period == sort.columns[0] else rest).append(within)
    return served, rest


def _is(column: Any, value: object) -> ColumnElement[bool]:
    return column == value


def _one_of(column: Any, values: Sequence[object]) -> ColumnElement[bool]:
    return column == values[0] if len(values) == 1 else column.in_(values)


def sort_of(listing: Listing, asked: Asked) -> Sort:
    """The way to sort that is asked for, or the usual one."""
    return listing.sorts.get(asked.sort) or next(iter(listing.sorts.values()))


def _order(sorted_by: Sequence[Any], *, down: bool) -> list[Any]:
    return [one.desc() if down else one.asc() for one in sorted_by]


def _beyond(sorted_by: Sequence[Any], edge: tuple[Any, ...], *, down: bool) -> ColumnElement[bool]:
    values = [literal(value, one.type) for one, value in zip(sorted_by, edge, strict=True)]
    if len(values) == 1:
        return sorted_by[0] < values[0] if down else sorted_by[0] > values[0]
    return tuple_(*sorted_by) < tuple_(*values) if down else tuple_(*sorted_by) > tuple_(*values)


def _period(column: Any, asked: Asked) -> tuple[Any, Any]:
    """The first moment or day that counts and the first that does not any more, as the column holds it."""
    after = asked.until + timedelta(days=1) if asked.until and asked.until < date.max else None
    if isinstance(column.type, Date):
        return asked.since, after
    start, end = (datetime.combine(day, time(), clock.ROME) if day else None for day in (asked.since, after))
    return start, end


def _within(column: Any, start: Any, end: Any) -> ColumnElement[bool]:
    if start is None:
        return column < end
    return column >= start if end is None else (column >= start) & (column < end)


def _looked_enough(s: Session, plan: _Plan) -> bool:
    """Whether there may be more rows than those that were looked at; never more than `LOOK` are counted."""
    if plan.looked is None:
        return False
    return s.execute(select(func.count()).select_from(plan.looked)).scalar_one() >= LOOK


def _last_looked(s: Session, plan: _Plan) -> tuple[Any, ...] | None:
    sorted_by = [plan.looked.c[f"sort_{name}"] for name in plan.sort.columns]
    back = _order(sorted_by, down=plan.sort.descending == plan.backward)
    found = s.execute(select(*sorted_by).order_by(*back).limit(1)).first()
    return tuple(found) if found else None


# --- where a page begins, in its address ------------------------------------------------------------------------------


def _written(way: str, edge: tuple[Any, ...] | None) -> str:
    if edge is None:
        return ""
    return "~".join([way, *(value.isoformat() if isinstance(value, date) else str(value) for value in edge)])


def _edge(listing: Listing, asked: Asked) -> tuple[bool, tuple[Any, ...] | None]:
    """Whether the page is read backwards, and from where; the first page for what is no such place."""
    names = sort_of(listing, asked).columns
    way, _, rest = asked.at.partition("~")
    values = rest.rsplit("~", len(names) - 1)
    if way not in {AFTER, BEFORE} or len(values) != len(names) or not rest.isprintable() or len(rest) > _LONGEST:
        return False, None
    try:
        edge = tuple(_value(listing.table.c[name], said) for name, said in zip(names, values, strict=True))
    except (ValueError, OverflowError):
        return False, None
    return way == BEFORE, edge


def _value(column: Any, said: str) -> Any:
    kind = column.type
    if isinstance(kind, columns.Instant):
        return datetime.fromisoformat(said).astimezone(UTC)
    if isinstance(kind, Date):
        return date.fromisoformat(said)
    if isinstance(kind, Integer):
        number = int(said)
        if abs(number) > _LARGEST:
            raise ValueError(said)
        return number
    return said
