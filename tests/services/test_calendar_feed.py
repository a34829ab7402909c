"""The calendar of coming debits: a secret address that shows what the page shows, until its owner revokes it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import icalendar
import pytest

from pecapp import db, errors, settings, tables
from pecapp.services import calendar_feed, forecast
from tests.support import factories, race, renewing

E = date(2027, 4, 30)
DEBIT = date(2027, 4, 23)
pytestmark = pytest.mark.usefixtures("shop")


@pytest.fixture
def visa(actor) -> tables.PaymentMethod:
    return renewing.card(actor, last4="4242", ceiling_cents=1208)


def token_of(address: str) -> str:
    start = f"{settings.load().public_url}/calendario/"
    assert address.startswith(start)
    assert address.endswith(".ics")
    return address.removeprefix(start).removesuffix(".ics")


def feed(actor) -> str:
    return token_of(calendar_feed.create(actor))


def read(token: str) -> Any:
    return icalendar.Calendar.from_ical(calendar_feed.ics(token))


def events(token: str) -> list[Any]:
    return read(token).events


# --- what it shows ----------------------------------------------------------------------------------------------------


def test_a_debit_is_a_day_of_the_calendar(actor, visa):
    mailbox = renewing.service(actor, visa, E)
    calendar = read(feed(actor))
    (shown,) = calendar.events
    assert calendar.calendar_name == "Ceralacca, prossimi addebiti"
    assert str(calendar["x-wr-calname"]) == "Ceralacca, prossimi addebiti"
    assert calendar["refresh-interval"].dt == timedelta(hours=12)
    assert (shown.start, shown.end, str(shown["status"])) == (DEBIT, DEBIT + timedelta(days=1), "CONFIRMED")
    assert str(shown["summary"]) == f"Addebito 12,08\xa0€: {mailbox.label}"
    assert str(shown["uid"]) == f"rinnovo-{mailbox.id}-2027-04-30@localhost"
    assert str(shown["description"]).splitlines() == [
        "Metodo: Visa •••• 4242",
        "Coperto: Il metodo è valido e l'importo rientra in quello autorizzato.",
        "Per saltarlo o per disattivare il rinnovo automatico senza addebito hai tempo fino al 22 aprile 2027:",
        f"http://localhost:8000/area-clienti/servizi/{mailbox.id}",
    ]
    (alarm,) = shown.walk("VALARM")
    assert (str(alarm["action"]), alarm["trigger"].dt) == ("DISPLAY", timedelta(days=-1))


def test_it_speaks_its_owners_language(visa):
    english = factories.customer(lang="en")
    renewing.service(english, renewing.card(english, last4="1881"), E)
    (shown,) = events(feed(english))
    assert str(shown["summary"]).startswith("Debit of €12.08: ")
    assert "until 22 April 2027:" in str(shown["description"])


@pytest.mark.parametrize(
    ("values", "status", "word"),
    [
        ({}, "CONFIRMED", "Coperto"),
        ({"exp_month": 3, "exp_year": 2027}, "TENTATIVE", "A rischio"),
        ({"ceiling_cents": 1}, "TENTATIVE", "Non coperto"),
    ],
)
def test_the_light_is_told_in_words_and_as_a_status(actor, values, status, word):
    renewing.service(actor, renewing.card(actor, **values), E)
    (shown,) = events(feed(actor))
    assert (str(shown["status"]), f"\n{word}: " in str(shown["description"])) == (status, True)


def test_a_skipped_debit_stays_where_it_was_but_is_cancelled_and_rings_no_bell(actor, visa):
    mailbox, token = renewing.service(actor, visa, E), feed(actor)
    (before,) = events(token)
    forecast.skip(actor, mailbox.id)
    (after,) = events(token)
    assert (after["uid"], after.start, str(after["status"])) == (before["uid"], DEBIT, "CANCELLED")
    assert str(after["summary"]) == f"Saltato, nessun addebito: {mailbox.label} (12,08\xa0€)"
    assert after.walk("VALARM") == []


def test_the_calendar_shows_the_same_days_and_amounts_as_the_page(actor, visa, frozen_clock):
    frozen_clock.set(datetime(2028, 2, 25, 12, tzinfo=UTC))
    for number, expires_on in enumerate(
        [date(2028, 2, 29), date(2028, 2, 26), date(2028, 8, 31), date(2028, 3, 31), date(2029, 3, 2), E]
    ):
        renewing.service(actor, visa, expires_on, years=1 + number % 2, label=f"casella {number}")
    shown = events(feed(actor))
    page = forecast.upcoming(actor, "it").charges
    assert [(one.start.isoformat(), str(one["summary"])) for one in shown] == [
        (charge.iso, f"Addebito {charge.amount}: {charge.service}") for charge in page
    ]
    assert len(shown) == len({str(one["uid"]) for one in shown}) == 6


ODD = [
    "a,b;c\\d:e",
    "BEGIN:VEVENT",
    "riga\nSUMMARY:finta",
    "riga\r\nEND:VCALENDAR\r\nX:1",
    "ritorno\rcarrello",
    "nul\0 esc\x1b tab\t",
    "è l’ufficio «€» 🖋",
    '"quoted" <b>&amp;</b>',
    "x" * 300,
    " sep\u2028arate",
]


@pytest.mark.parametrize("label", ODD)
def test_a_strange_name_stays_one_line_of_one_event(actor, visa, label):
    if "\0" in label and not db.is_sqlite():
        label = label.replace("\0", "")  # PostgreSQL itself refuses it
    renewing.service(actor, visa, E, label=label)
    content = calendar_feed.ics(feed(actor))
    (shown,) = icalendar.Calendar.from_ical(content).events
    plain = "".join(c if c.isprintable() else " " for c in label)
    assert str(shown["summary"]) == f"Addebito 12,08\xa0€: {plain}"
    assert content.count(b"\nBEGIN:VEVENT") == 1
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_the_same_debits_on_the_same_day_are_the_same_bytes(actor, visa, frozen_clock):
    for _ in range(3):
        renewing.service(actor, visa, E)
    token = feed(actor)
    first = calendar_feed.ics(token)
    frozen_clock.advance(hours=10)
    assert calendar_feed.ics(token) == first
    frozen_clock.advance(hours=2)  # tomorrow in Rome
    assert calendar_feed.ics(token) != first
    assert len(events(token)) == 3


def test_it_holds_no_secret_and_nothing_of_the_customer_but_the_debits(actor, visa):
    renewing.service(actor, visa, E)
    token = feed(actor)
    content = calendar_feed.ics(token).decode().replace("\r\n ", "")
    account = factories.the(tables.Account, id=actor.account_id)
    for secret in (token, account.login, account.email, visa.token, visa.fingerprint, "Verdi", account.holder["city"]):
        assert secret not in content


def test_a_customer_without_renewals_has_an_empty_calendar(actor):
    assert events(feed(actor)) == []


# --- who may read it --------------------------------------------------------------------------------------------------


def test_the_address_is_shown_once_and_not_stored(actor):
    token = feed(actor)
    assert token not in str(factories.dump())
    assert len(token) >= 43
    view = forecast.upcoming(actor, "it")
    assert (view.feed, view.feed_since) == (True, "10 marzo 2027, 13:00")
    assert forecast.upcoming(factories.customer(), "it").feed is False


def test_a_new_address_replaces_the_old_one(actor, visa):
    renewing.service(actor, visa, E)
    old = feed(actor)
    new = feed(actor)
    assert old != new
    assert len(events(new)) == 1
    with pytest.raises(errors.NotFound):
        calendar_feed.ics(old)


def test_two_tabs_at_once_leave_one_address_that_works(actor):
    tokens = [token_of(address) for address in race.repeated(calendar_feed.create, 5, actor)]
    assert len(factories.rows(tables.CalendarFeed)) == 1
    assert [_opens(token) for token in tokens].count(True) == 1


def _opens(token: str) -> bool:
    try:
        calendar_feed.ics(token)
    except errors.NotFound:
        return False
    return True


def test_a_revoked_address_opens_nothing(actor):
    token, others = feed(actor), feed(factories.customer())
    calendar_feed.revoke(actor)
    calendar_feed.revoke(actor)
    assert (_opens(token), _opens(others)) == (False, True)
    assert forecast.upcoming(actor, "it").feed is False


@pytest.mark.parametrize("act", [calendar_feed.create, calendar_feed.revoke])
def test_a_stranger_makes_and_revokes_nothing(actor, act):
    feed(actor)
    before = factories.dump()
    with pytest.raises(errors.Forbidden):
        act(type(actor)())
    assert factories.dump() == before


@pytest.mark.parametrize("token", ["", "x", "x" * 100_000, "../..", "%00", "\0", "\udcff", "' OR 1=1 --", "è", "*"])
def test_a_guess_is_as_missing_as_a_revoked_address(actor, token):
    revoked = feed(actor)
    stored = factories.the(tables.CalendarFeed).token
    calendar_feed.revoke(actor)
    said = set()
    for guess in (token, revoked, stored):
        with pytest.raises(errors.NotFound) as missing:
            calendar_feed.ics(guess)
        said.add((missing.value.code, str(missing.value.params)))
    assert len(said) == 1


def test_what_is_stored_does_not_open_it(actor):
    feed(actor)
    assert not _opens(factories.the(tables.CalendarFeed).token)
