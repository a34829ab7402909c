"""Time is moved day by day: the work of each day is done, nobody is signed out, and what happened can be read."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pecapp import clock, db, errors, i18n, settings, tables, workflows
from pecapp.domain.payments import Reason, Remedy, Verdict
from pecapp.services import access, inbox, rehearsal
from tests.conftest import FrozenClock
from tests.support import factories, renewing
from tests.support import gateway as support_gateway
from tests.support.factories import again, rows
from tests.support.gateway import SIGNED, event

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("sqlite_database", "frozen_clock")]

NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)
TODAY = date(2027, 3, 10)
EXPIRES = date(2027, 3, 31)
DEBIT = date(2027, 3, 24)
TOLD = datetime(2027, 2, 24, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def clock_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setenv("PECAPP_CLOCK_FILE", str(tmp_path / "kept" / "clock"))
    monkeypatch.setenv("PECAPP_WORKERS", "true")  # another suite of the same process may have switched them off
    monkeypatch.setenv("PECAPP_BACKGROUND_DATABASE_URL", f"sqlite:///{tmp_path}/background.db")
    monkeypatch.setenv("PECAPP_SWEEP_SECONDS", "59")
    settings.load.cache_clear()
    monkeypatch.setattr(rehearsal, "_lived", {})
    yield tmp_path / "kept" / "clock"
    settings.load.cache_clear()


@pytest.fixture
def gateway() -> Iterator[support_gateway.FakeGateway]:
    factories.stock()
    with support_gateway.installed() as fake:
        yield fake


@pytest.fixture
def unanswering(monkeypatch: pytest.MonkeyPatch) -> None:
    """A simulator is expected where nobody listens."""
    monkeypatch.setenv("STRIPE_API_BASE", "http://127.0.0.1:1")
    settings.load.cache_clear()


# --- moving -----------------------------------------------------------------------------------------------------------


async def test_it_becomes_six_in_the_morning_of_a_day_in_rome():
    await rehearsal.go_to(date(2027, 3, 11))
    assert clock.now() == datetime(2027, 3, 11, 5, tzinfo=UTC)
    await rehearsal.go_to(date(2027, 3, 28))
    assert clock.now() == datetime(2027, 3, 28, 4, tzinfo=UTC)


async def test_it_never_goes_back_and_today_is_today():
    await rehearsal.go_to(TODAY)
    assert clock.now() == NOON
    with pytest.raises(errors.Invalid) as refusal:
        await rehearsal.go_to(TODAY - timedelta(days=1))
    assert refusal.value.code == "GIORNO_PASSATO"
    assert clock.now() == NOON


async def test_a_new_process_goes_on_where_the_last_one_was(clock_file: Path):
    rehearsal.restore()
    assert clock.offset() == timedelta()
    await rehearsal.go_to(date(2027, 6, 1))
    moved = clock.now()
    clock.move(timedelta())
    rehearsal.restore()
    assert clock.now() == moved
    assert [found.name for found in await asyncio.to_thread(lambda: [*clock_file.parent.iterdir()])] == ["clock"]


@pytest.mark.parametrize("text", ["", "tomorrow", "nan", "1e99"])
def test_a_file_that_holds_no_time_is_refused_in_words(clock_file: Path, text: str):
    clock_file.parent.mkdir()
    clock_file.write_text(text)
    with pytest.raises(settings.SettingsError, match="PECAPP_CLOCK_FILE"):
        rehearsal.restore()
    assert clock.offset() == timedelta()


async def test_without_a_file_nothing_is_restored(monkeypatch: pytest.MonkeyPatch):
    await rehearsal.go_to(date(2027, 6, 1))
    clock.move(timedelta())
    monkeypatch.setenv("PECAPP_CLOCK_FILE", "")
    settings.load.cache_clear()
    rehearsal.restore()
    assert clock.offset() == timedelta()


@pytest.mark.parametrize("hour", [3, 12])
def test_the_days_to_be_lived_are_all_up_to_the_one_asked_for(frozen_clock: FrozenClock, hour: int):
    frozen_clock.set(NOON.replace(hour=hour))
    still_to_come = [TODAY] if hour == 3 else []
    assert rehearsal.ahead(TODAY) == [TODAY]
    assert rehearsal.ahead(TODAY + timedelta(days=2)) == [
        *still_to_come, TODAY + timedelta(days=1), TODAY + timedelta(days=2),
    ]  # fmt: skip
    assert rehearsal.ahead(TODAY + timedelta(days=rehearsal.LONGEST))[-1] == TODAY + timedelta(days=rehearsal.LONGEST)


@pytest.mark.parametrize(("days", "code"), [(-1, "GIORNO_PASSATO"), (rehearsal.LONGEST + 1, "GIORNO_LONTANO")])
def test_the_past_and_what_is_too_far_cannot_be_lived(days: int, code: str):
    with pytest.raises(errors.Invalid) as refusal:
        rehearsal.ahead(TODAY + timedelta(days=days))
    assert refusal.value.code == code


@pytest.mark.usefixtures("unanswering")
async def test_where_the_simulator_is_away_nothing_moves():
    with pytest.raises(errors.Unavailable):
        await rehearsal.go_to(date(2027, 3, 11))
    assert clock.now() == NOON
    rehearsal.restore()
    assert clock.offset() == timedelta()


@pytest.mark.usefixtures("unanswering")
async def test_a_start_without_the_simulator_is_a_start_all_the_same():
    await rehearsal.resume()
    clock.move(timedelta(days=3))
    await rehearsal.resume()


# --- what must not notice ---------------------------------------------------------------------------------------------


async def test_who_is_signed_in_stays_so_and_who_is_not_stays_out():
    actor, gone = factories.customer(), factories.customer()
    ended = rows(tables.WebSession, account_id=gone.account_id)[0]
    factories.change(ended, expires_at=NOON - timedelta(hours=1))
    before = rows(tables.WebSession, account_id=actor.account_id)[0]
    await rehearsal.go_to(date(2027, 12, 31))
    by = clock.now() - NOON
    after = again(before)
    assert (after.created_at, after.seen_at, after.expires_at) == (
        before.created_at + by, before.seen_at + by, before.expires_at + by,
    )  # fmt: skip
    assert again(ended).expires_at == NOON - timedelta(hours=1)
    assert access._known(access.Actor(), actor.session_id).signed_in
    assert not access._known(access.Actor(), gone.session_id).signed_in


async def test_a_notification_is_as_fresh_as_the_machines_say(
    gateway: support_gateway.FakeGateway, monkeypatch: pytest.MonkeyPatch
):
    judged_at = []
    real = gateway.read_event

    async def noting(raw: bytes, headers: dict[str, str], now: datetime):
        judged_at.append(now)
        return await real(raw, headers, now)

    monkeypatch.setattr(gateway, "read_event", noting)
    clock.move(timedelta(days=200))
    await inbox.receive("stripe", event("evt_1"), SIGNED)
    assert judged_at == [NOON]
    assert factories.the(tables.InboxEvent).received_at == NOON + timedelta(days=200)


# --- a day ------------------------------------------------------------------------------------------------------------


def told(day: date, lang: i18n.Lang = "it") -> rehearsal.DayView:
    return next(view for view in rehearsal.journal(lang) if view.day == day.isoformat())


@pytest.fixture
def mailbox(gateway: support_gateway.FakeGateway) -> tables.Service:
    """A mailbox that renews by itself, whose owner has been told of it in time."""
    actor = factories.customer()
    made = renewing.service(actor, renewing.card(actor), EXPIRES)
    with db.transaction() as s:
        s.add(
            tables.OutboxMail(
                dedup_key=f"m13:{made.id}:{EXPIRES}",
                template="m13",
                account_id=actor.account_id,
                to_address="anna@example.test",
                lang="it",
                status="sent",
                created_at=TOLD,
                ready_at=TOLD,
                sent_at=TOLD,
            )
        )
    return made


@pytest.mark.parametrize("times", [1, 2])
async def test_a_day_is_lived_with_all_its_work_and_told(
    mailbox: tables.Service, gateway: support_gateway.FakeGateway, times: int
):
    async with workflows.running():
        for _ in range(times):
            await workflows.live_through(DEBIT)
    assert again(mailbox).expires_on == date(2028, 3, 31)
    assert len(gateway.charges) == 1
    day = told(DEBIT)
    assert [(one.service, one.amount, one.outcome, one.reason) for one in day.debits] == [
        (mailbox.label, "12,08\xa0€", "Autorizzato", "")
    ]
    assert [(one.subject, one.status) for one in day.mails] == [("Rinnovo effettuato", "sent")]
    assert [(one.before, one.after) for one in day.changes] == [
        (
            "Attivo, scadenza 31 marzo 2027, rinnovo automatico ATTIVO",
            "Attivo, scadenza 31 marzo 2028, rinnovo automatico ATTIVO",
        )
    ]


async def test_what_was_refused_is_told_with_its_reason_and_what_ended_with_its_state(
    mailbox: tables.Service, gateway: support_gateway.FakeGateway
):
    gateway.always = lambda request: replace(
        support_gateway.told(request, Verdict.DECLINED), reason=Reason.INSUFFICIENT_FUNDS, remedy=Remedy.SOFT
    )
    async with workflows.running():
        for day in (DEBIT, EXPIRES + timedelta(days=1)):
            await workflows.live_through(day)
    (debit,) = told(DEBIT, "en").debits
    assert (debit.outcome, bool(debit.reason)) == ("Not authorised", True)
    (change,) = told(EXPIRES + timedelta(days=1), "en").changes
    assert change.after == "Expired, expires on 31 March 2027, automatic renewal ON"
    newest = [view.day for view in rehearsal.journal("en")]
    assert newest == sorted(newest, reverse=True)


async def test_a_new_service_is_a_change_too(mailbox: tables.Service):
    before = rehearsal.states()
    actor = factories.customer()
    made = renewing.service(actor, None, EXPIRES, renewal="inactive")
    rehearsal.remember(TODAY, before)
    (change,) = told(TODAY).changes
    assert (change.service, change.before) == (made.label, "")
