"""`/dev/orologio`: nobody finds it in production, whoever develops moves time forward, and only forward."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pecapp import clock, errors, settings, tables, workflows
from pecapp.services import access, outbox, rehearsal
from pecapp.web import rehearsal as page
from tests.support import factories
from tests.support.visitor import Visitor, visiting
from tests.test_settings import SAFE

pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")

ADDRESS = page.PAGE
NOON = datetime(2027, 3, 10, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clock_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("PECAPP_CLOCK_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("PECAPP_WORKERS", "true")  # another suite of the same process may have switched them off
    settings.load.cache_clear()
    monkeypatch.setattr(rehearsal, "_lived", {})
    yield
    settings.load.cache_clear()


@pytest.fixture
def lived(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The days that were lived; the work of a day is tested elsewhere."""
    days = []

    async def live_through(day: date) -> None:
        await rehearsal.go_to(day)
        days.append(day.isoformat())

    monkeypatch.setattr(workflows, "live_through", live_through)
    return days


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch, lived: list[str]) -> Visitor:
    """A stranger."""
    return visiting(monkeypatch, page.routes)


def refuse(visitor: Visitor, lived: list[str]) -> None:
    for answer in (visitor.get(ADDRESS), visitor.post(ADDRESS, data={"giorni": "1"})):
        assert answer.status_code == 404
        assert "Questa pagina non c" in answer.text
    assert lived == []
    assert clock.now() == NOON


def test_without_a_file_for_the_clock_there_is_no_page(visitor, lived, monkeypatch):
    monkeypatch.setenv("PECAPP_CLOCK_FILE", "")
    settings.load.cache_clear()
    refuse(visitor, lived)


def test_a_process_that_leaves_the_work_to_others_has_no_page(visitor, lived, monkeypatch):
    monkeypatch.setenv("PECAPP_WORKERS", "false")
    settings.load.cache_clear()
    refuse(visitor, lived)


def test_in_production_there_is_no_page_and_the_setting_is_refused(visitor, lived, monkeypatch):
    for name, value in SAFE.items():
        monkeypatch.setenv(name, value)
    settings.load.cache_clear()
    with pytest.raises(settings.SettingsError, match="PECAPP_CLOCK_FILE"):
        settings.load()
    unchecked = settings.Settings()
    with monkeypatch.context() as patched:
        patched.setattr(settings, "load", lambda: unchecked)
        refuse(visitor, lived)


@pytest.mark.parametrize(
    ("lang", "words"),
    [("it", ("Orologio", "10 marzo 2027", "Avanti di 30 giorni", "Vai al", "Ancora nulla")),
     ("en", ("Clock", "10 March 2027", "30 days on", "Go to", "Nothing yet"))],
)  # fmt: skip
def test_a_stranger_reads_the_date_and_finds_the_buttons(visitor, lang, words):
    answer = visitor.get(f"{ADDRESS}?lang={lang}")
    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert "<script" not in answer.text
    for each in words:
        assert each in answer.text


def test_a_press_lives_every_day_and_comes_back_to_the_page(visitor, lived):
    answer = visitor.post(f"{ADDRESS}?lang=en", data={"giorni": "7"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{ADDRESS}?lang=en")
    assert lived == [f"2027-03-{day}" for day in range(11, 18)]
    assert clock.today() == date(2027, 3, 17)


def test_a_date_is_reached_and_can_be_lived_again_but_never_gone_back_to(visitor, lived):
    for _ in range(2):
        told = visitor.post(ADDRESS, data={"data": "2027-03-12", "formato": "json"})
        assert (told.status_code, told.json()) == (200, {"today": "2027-03-12", "days": []})
    assert lived == ["2027-03-11", "2027-03-12", "2027-03-12"]
    back = visitor.post(ADDRESS, data={"data": "2027-03-11", "formato": "json"})
    assert (back.status_code, back.json()["today"]) == (422, "2027-03-12")
    assert back.json()["error"] == "Questo giorno è passato: l'orologio va solo avanti."
    assert len(lived) == 3


def test_the_days_in_between_can_be_skipped_as_after_a_standstill(visitor, lived):
    assert visitor.post(ADDRESS, data={"data": "2027-06-01", "salta": "1"}).status_code == 303
    assert lived == ["2027-06-01"]


@pytest.mark.parametrize(
    "form",
    [
        {}, {"giorni": "0"}, {"giorni": "-1"}, {"giorni": "401"}, {"giorni": "1e9"}, {"giorni": "9" * 5000},
        {"giorni": "0" * 9 + "9" * 90},
        {"giorni": "²"}, {"data": ""}, {"data": "domani"}, {"data": "2027-02-30"}, {"data": "2027-03-11\0"},
        {"data": "0001-01-01"}, {"data": "9999-12-31"}, {"data": "2028-04-14"},
    ],
)  # fmt: skip
def test_what_is_no_day_to_go_to_is_answered_in_words(visitor, lived, form):
    answer = visitor.post(ADDRESS, data=form)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    assert visitor.post(ADDRESS, data=form | {"formato": "json"}).json()["error"]
    assert lived == []
    assert clock.now() == NOON


def test_a_second_press_during_the_first_is_refused(visitor, monkeypatch):
    pressed = []

    async def press_again(day: date) -> None:
        pressed.append(await asyncio.to_thread(visitor.post, ADDRESS, data={"giorni": "30"}))

    monkeypatch.setattr(workflows, "live_through", press_again)
    assert visitor.post(ADDRESS, data={"giorni": "1"}).status_code == 303
    assert [one.status_code for one in pressed] == [409]
    assert "sta già andando avanti" in pressed[0].text


def test_a_simulator_that_is_away_is_said(visitor, monkeypatch):
    async def away(day: date) -> None:
        raise errors.Unavailable("SIMULATORE_ASSENTE")

    monkeypatch.setattr(workflows, "live_through", away)
    answer = visitor.post(ADDRESS, data={"giorni": "1"})
    assert answer.status_code == 503
    assert "Il simulatore dei pagamenti non risponde" in answer.text


def test_the_journal_leads_to_each_mail_and_escapes_what_people_wrote(visitor):
    factories.stock()
    actor = factories.customer()
    number = factories.placed(actor)
    outbox.send_due()
    before = rehearsal.states()
    factories.add(
        tables.Service(
            account_id=actor.account_id or 0,
            order_id=factories.the(tables.Order, number=number).id,
            product_code="PEC-STD",
            label="<b>casella</b>",
            status="active",
            activated_on=date(2027, 3, 10),
            expires_on=date(2028, 3, 10),
            renewal="disabled",
        )
    )
    rehearsal.remember(date(2027, 3, 10), before)
    mail = factories.the(tables.OutboxMail)
    html = visitor.get(ADDRESS).text
    assert f'href="/dev/posta/{mail.id}">Conferma ordine</a>' in html
    assert "<b>casella</b>" not in html
    assert "nuovo → Attivo, scadenza 10 marzo 2028, rinnovo automatico DISATTIVATO" in html
    (day,) = visitor.get(f"{ADDRESS}?formato=json").json()["days"]
    assert day["day"] == "2027-03-10"
    assert [(one["id"], one["subject"], one["status"]) for one in day["mails"]] == [
        (mail.id, "Conferma ordine", "sent")
    ]


def test_who_is_signed_in_reads_it_in_their_language(visitor):
    visitor.who = access.Actor("browser", 1, "customer", lang="en")
    assert '<html lang="en">' in visitor.get(ADDRESS).text
    clock.move(timedelta(days=1))
    assert "11 March 2027" in visitor.get(ADDRESS).text
