"""The staff's lists, search and pages over a shop of a million orders, beside the same shop with ten thousand."""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench import contenders, crowd, report
from pecapp import clock, db, memory, migrations
from pecapp.services import access
from pecapp.services.admin import board, contests, customer, keyset, lists, search, timeline, webhooks
from tests.support import database

SIZES = (1_000, 100_000)
"""Customers; there are ten orders to each."""
BUDGET_MS = 20
"""For a list and for a search; a page is held against it too, and said to be one: it shows many lists at once."""
PAGE = "page of "
"""How the names of pages begin."""
TIMES = 60
WARM = 3
"""Before it is timed: the first time, statements are compiled and pages of the disk are read."""
STAFF = access.Actor("bench", 1, "owner")
Case = tuple[str, Callable[[int], object]]
"""A name, and what is done for the n-th time."""


def run(sizes: Sequence[int] = SIZES) -> None:
    """Print a table for each engine that answers."""
    for engine in ("sqlite", "postgresql"):
        if engine == "postgresql" and not database.postgres_answers():
            print("PostgreSQL does not answer: not measured.")
            continue
        rows = [
            [
                name,
                *(f"{report.percentile(times, part):.1f}" for times in taken for part in (50, 99)),
                f"{report.median(taken[-1]) / report.median(taken[0]):.2f}",
                _verdict(name, report.percentile(taken[-1], 99)),
            ]
            for name, taken in _measured(engine, sizes)
        ]
        head = ["what", *(f"{part} {10 * size:,}" for size in sizes for part in ("p50", "p99")), "ratio", "budget"]
        report.table(f"Staff, {engine}: ms by number of orders; at most {BUDGET_MS} ms, ratio at most 2", head, rows)


def _verdict(name: str, took_ms: float) -> str:
    verdict = "" if took_ms < BUDGET_MS else "OVER"
    return f"page {verdict}".rstrip() if name.startswith(PAGE) else verdict


def _measured(engine: str, sizes: Sequence[int]) -> Iterator[tuple[str, list[list[float]]]]:
    """What each case takes in each shop, one shop after the other, so that a busy minute is shared by all of them."""
    with ExitStack() as kept:
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory()))
        shops = [kept.enter_context(contenders.fresh_database(engine, folder, f"staff{size}")) for size in sizes]
        kept.callback(db.dispose)
        kept.callback(clock.use, None)
        clock.use(lambda: datetime.fromtimestamp(crowd.FIRST_DAY + crowd.YEARS, UTC))
        for url, size in zip(shops, sizes, strict=True):
            db.configure(url)
            migrations.upgrade()
            crowd.fill(size)
            board.close_days()
        memory.settle()  # as the product does when it starts
        for same in zip(*(cases(size) for size in sizes), strict=True):
            taken = []
            for url, (_, act) in zip(shops, same, strict=True):
                db.configure(url)
                taken.append(_timed(act))
            yield same[0][0], taken


def _timed(act: Callable[[int], object]) -> list[float]:
    for number in range(WARM):
        act(number)
    taken = []
    for number in range(1, TIMES + 1):
        since = time.perf_counter()
        act(number)
        taken.append(1000 * (time.perf_counter() - since))
    return taken


def cases(customers: int) -> Iterator[Case]:
    """Every list with each sort and filter, first page and one in the middle; every kind of search; the pages."""
    for name, listing in _listings().items():
        for sort in listing.sorts:
            yield f"{name}: {sort}", _listed(name, keyset.Asked(sort))
            yield f"{name}: {sort}, middle", _listed(name, keyset.Asked(sort, at=_middle(name, sort, customers)))
        for column, values in listing.filters.items():
            for value in values:
                yield f"{name}: {column} {value}", _listed(name, keyset.Asked(filters={column: value}))
        day = datetime.fromtimestamp(crowd.FIRST_DAY + crowd.YEARS // 2, UTC).date()
        period = (day, day + timedelta(days=7)) if listing.period != "expires_on" else (date(2026, 11, 20), None)
        yield f"{name}: period", _listed(name, keyset.Asked(since=period[0], until=period[1]))
    rare = {"status": "refunded", "gateway": "paypal", "kind": "renewal"}
    yield "ordini: three filters", _listed("ordini", keyset.Asked(filters=rare))
    for name in ("ordini", "servizi", "metodi"):
        yield f"{name}: of one customer", _listed(name, keyset.Asked(filters=rare, account_id=7))
    yield from _searches(customers)
    yield from _pages(customers)


def _pages(customers: int) -> Iterator[Case]:
    yield f"{PAGE}all figures", lambda _: board.figures(STAFF, "it")
    yield f"{PAGE}a customer", lambda number: customer.page(STAFF, _place(number, customers), "it")
    yield f"{PAGE}an order", lambda number: timeline.order(STAFF, _number(_place(number, customers * 10)), "it")


_OTHERS = {"notifiche": webhooks, "contestazioni": contests}
"""The lists that are modules of their own."""


def _listings() -> dict[str, keyset.Listing]:
    """What can be asked of each list, by its name."""
    known = {name: one.listing for name, one in lists.LISTS.items()}
    return known | {name: one.listing() for name, one in _OTHERS.items()}


def _listed(name: str, asked: keyset.Asked) -> Callable[[int], object]:
    if name in _OTHERS:
        return lambda _: _OTHERS[name].page(STAFF, asked, "it")
    return lambda _: lists.page(STAFF, name, asked, "it")


def _middle(name: str, sort: str, customers: int) -> str:
    """Where the page in the middle of a list begins."""
    moment = datetime.fromtimestamp(crowd.FIRST_DAY + crowd.YEARS // 2, UTC).isoformat()
    edges = {
        "amount": "3720~1",
        "email": f"cliente{customers // 2}@example.test",
        "expiry": "2027-05-01~1",
        "ends": f"2028~6~{customers // 2}",
    }
    by_key = {"servizi": customers, "notifiche": customers * 5, "contestazioni": customers // 50}
    edge = edges.get(sort, str(by_key[name]) if name in by_key else f"{moment}~1")
    return f"{keyset.AFTER}~{edge}"


def _searches(customers: int) -> Iterator[Case]:
    made: dict[str, Callable[[int], str]] = {
        "order number": _number,
        "e-mail": lambda place: f"cliente{1 + place % customers}@example.test",
        "beginning of an e-mail": lambda place: f"cliente{place % 10}",
        "login": lambda place: str(1_000_000 + 1 + place % customers),
        "telephone": lambda place: f"347 {1_000_001 + place % customers}",
        "surname": lambda place: crowd.LAST_NAMES[place % len(crowd.LAST_NAMES)],
        "beginning of a name": lambda place: crowd.FIRST_NAMES[place % len(crowd.FIRST_NAMES)][:2],
        "name and surname": lambda place: f"{crowd.LAST_NAMES[place % 11]} {crowd.FIRST_NAMES[place % 12]}",
        "words of nobody": lambda _: "maria zzz",
        "mailbox": lambda place: f"casella{1 + place % customers}@pec",
        "last four digits": lambda place: f"{place % 10_000:04d}",
        "payment at Stripe": lambda place: f"pi_test_{place}_2",
        "method at Stripe": lambda place: f"pm_test_{1 + place % customers}",
        "customer at Stripe": lambda place: f"cus_test_{1 + place % customers}",
        "receipt": lambda place: f"2027/{place:06d}",
        "nothing": lambda place: f"zz_{place}_nothing",
    }
    for name, said in made.items():
        yield f"search: {name}", _looked(said, customers)


def _looked(said: Callable[[int], str], customers: int) -> Callable[[int], object]:
    return lambda number: search.find(STAFF, said(_place(number, customers * 10)), "it")


def _place(number: int, count: int) -> int:
    """One of `1..count`, another for each number."""
    return 1 + (number * 7_654_321) % count


def _number(place: int) -> str:
    return str(crowd.NUMBER + place)
