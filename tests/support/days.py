"""The background work of a day, done at six in the morning of Rome, without the engine that drives it."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

from pecapp import clock
from pecapp.domain import calendar
from pecapp.services import debits, endings, foresight, lifecycle, notices, outbox, reconcile, sms


def at(day: date, hour: int = 6, minute: int = 0) -> datetime:
    """An instant of a day in Rome."""
    return datetime.combine(day, time(hour, minute), calendar.ROME).astimezone(UTC)


def go_to(day: date, hour: int = 6) -> None:
    """Let it be this day."""
    clock.use(lambda: at(day, hour))


async def live(day: date) -> None:
    """Everything that the product does by itself on one day."""
    go_to(day)
    await asyncio.to_thread(_all_pages, foresight.warn_due)
    await asyncio.to_thread(endings.expire_due)
    for chunk in debits.plan():
        await debits.run(chunk)
    await reconcile.sweep()
    await asyncio.to_thread(endings.cancel_due)
    await asyncio.to_thread(lifecycle.expire_due)
    await asyncio.to_thread(_all_pages, notices.tell_due)
    await asyncio.to_thread(notices.remind_unpaid)
    await asyncio.to_thread(outbox.send_due)
    await asyncio.to_thread(sms.send_due)


def _all_pages(work) -> None:
    last = work()
    while last is not None:
        last = work(last)


async def through(first: date, last: date, times: int = 1) -> None:
    """Live from the first day to the last, each of them `times` times."""
    for number in range((last - first).days + 1):
        for _ in range(times):
            await live(first + timedelta(days=number))
