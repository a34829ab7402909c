"""A text message leaves once for each fact, to a mobile number, in one piece, whatever becomes of the carrier."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from pecapp import clock, db, i18n, settings, tables
from pecapp.services import sms
from tests.conftest import FrozenClock
from tests.support import factories, papers

pytestmark = pytest.mark.usefixtures("frozen_clock")

NUMBER = "+393331234567"
BOX = "mario@pec.example.test"
NOTICE = {"service": BOX, "amount_cents": 1208, "on": date(2028, 3, 3), "stop": date(2028, 3, 2)}
FAILED = {"service": BOX, "number": "1234567897", "by": date(2028, 3, 10)}


class Carrier:
    """A carrier that does as it is told."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.problems: list[Exception] = []

    def send(self, to_number: str, text: str, message_key: str) -> None:
        if self.problems:
            raise self.problems.pop(0)
        self.taken.append((to_number, text, message_key))


@pytest.fixture
def carrier() -> Iterator[Carrier]:
    made = Carrier()
    sms.use(made)
    yield made
    sms.use(None)


def post(
    dedup_key: str = "m13:1", lang: str = "it", phone: str | None = NUMBER, number: int = 1, **params: Any
) -> bool:
    """A message about a coming debit to a customer who may be new; whether it was taken."""
    with db.transaction() as s:
        login = f"{1000000 + number}@login.ceralacca.test"
        known = s.exec(select(tables.Account.id).where(tables.Account.login == login)).first()
        account_id = known or papers.account(s, number, lang=lang)
        account = s.get_one(tables.Account, account_id)
        account.holder = {name: value for name, value in papers.holder(phone=phone).items() if value is not None}
        s.add(account)
        s.flush()
        return sms.post(s, dedup_key=dedup_key, account_id=account_id, key="sms.m13", **NOTICE | params)


def rows() -> list[tables.OutboxSms]:
    with db.reading() as s:
        return list(s.exec(select(tables.OutboxSms).order_by(col(tables.OutboxSms.id))))


# --- posting ----------------------------------------------------------------------------------------------------------


def test_a_fact_is_told_once(database: str, carrier: Carrier) -> None:
    assert post()
    assert not post()
    assert sms.send_due() == 1
    assert sms.send_due() == 0
    assert [(number, key) for number, _, key in carrier.taken] == [(NUMBER, "m13:1")]
    assert [(row.status, row.sent_at, row.tries) for row in rows()] == [("sent", clock.now(), 1)]


@pytest.mark.parametrize("phone", ["", None, "06 12345678", "+390612345678", "no number", "333", "800 123456"])
def test_without_a_mobile_number_nothing_is_posted(sqlite_database: str, phone: str | None) -> None:
    assert not post(phone=phone)
    assert rows() == []


@pytest.mark.parametrize(
    ("phone", "to_number"),
    [("333 1234567", NUMBER), ("+39 333 123 4567", NUMBER), ("+33612345678", "+33612345678")],
)
def test_a_mobile_number_is_italian_unless_it_says_otherwise(sqlite_database: str, phone: str, to_number: str) -> None:
    assert post(phone=phone)
    assert [row.to_number for row in rows()] == [to_number]


def test_a_fact_that_is_rolled_back_is_not_told(sqlite_database: str) -> None:
    post("first")
    with pytest.raises(ZeroDivisionError):
        _post_and_fail()
    assert [row.dedup_key for row in rows()] == ["first"]


def _post_and_fail() -> None:
    with db.transaction() as s:
        sms.post(s, dedup_key="second", account_id=1, key="sms.m13", **NOTICE)
        raise ZeroDivisionError


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        (
            "it",
            f"Ceralacca: il 3 marzo 2028 addebitiamo 12,08 € per rinnovare {BOX}. "
            "Per disdire hai tempo fino al 2 marzo 2028, nella tua area.",
        ),
        (
            "en",
            f"Ceralacca: on 3 March 2028 we debit €12.08 to renew {BOX}. "
            "You can cancel until 2 March 2028, in your area.",
        ),
    ],
)
def test_the_words_are_in_the_accounts_language(sqlite_database: str, lang: str, words: str) -> None:
    post(lang=lang)
    assert [row.text for row in rows()] == [words]


@pytest.mark.parametrize("lang", i18n.LANGS)
def test_a_debit_that_failed_is_told_with_what_to_pay_and_by_when(lang: i18n.Lang) -> None:
    text = sms.words("sms.m08", lang, **FAILED)
    assert BOX in text
    assert "1234567897" in text
    assert ("10 marzo 2028" if lang == "it" else "10 March 2028") in text


LONGEST = {
    "service": "amministrazione.e.contabilita.generale@posta-certificata.studio-associato-rossi.test",
    "amount_cents": 123456789,
    "on": date(2028, 9, 23),
    "stop": date(2028, 9, 22),
    "number": "1234567897",
    "by": date(2028, 9, 30),
}


@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("key", ["sms.m13", "sms.m08"])
def test_a_message_fits_in_one_whatever_it_is_about(key: str, lang: i18n.Lang) -> None:
    text = sms.words(key, lang, **LONGEST)
    assert sms.length(text) <= sms.LENGTH
    assert "amministrazione" in text
    assert "..." in text
    assert all(i18n.date(day, lang) in text for day in ([LONGEST["on"], LONGEST["stop"]] if key == "sms.m13" else []))


@pytest.mark.parametrize("lang", i18n.LANGS)
@pytest.mark.parametrize("key", ["sms.m13", "sms.m08"])
def test_an_ordinary_message_is_not_cut(key: str, lang: i18n.Lang) -> None:
    text = sms.words(key, lang, **LONGEST | {"service": BOX, "amount_cents": 1208})
    assert BOX in text
    assert sms.length(text) <= sms.LENGTH


def test_letters_that_no_simple_phone_knows_are_written_as_the_nearest() -> None:
    text = sms.words("sms.m08", "it", **FAILED | {"service": "Çınar «Ştefan» 東"})
    assert "Cinar" not in text
    assert "Ç?nar ?Stefan? ?" in text
    assert "\xa0" not in sms.words("sms.m13", "it", **NOTICE)


# --- sending ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("problem", [sms.Closed("away"), sms.Closed("still")])
def test_a_message_is_tried_again_after_growing_delays(
    database: str, frozen_clock: FrozenClock, carrier: Carrier, problem: Exception
) -> None:
    post()
    carrier.problems = [problem, problem]
    assert sms.send_due() == 0
    frozen_clock.advance(seconds=59)
    assert sms.send_due() == 0
    frozen_clock.advance(seconds=1)
    assert sms.send_due() == 0
    frozen_clock.advance(minutes=5)
    assert sms.send_due() == 1
    assert len(carrier.taken) == 1
    assert factories.alerts() == []


def test_after_three_days_the_staff_is_told(sqlite_database: str, frozen_clock: FrozenClock, carrier: Carrier) -> None:
    post()
    for _ in range(100):
        carrier.problems = [sms.Closed("away")]
        sms.send_due()
        frozen_clock.advance(hours=1)
    assert [row.status for row in rows()] == ["failed"]
    assert factories.alerts() == ["sms_failed"]
    assert timedelta(days=3) <= timedelta(hours=rows()[0].tries) <= timedelta(days=3, hours=6)


def test_a_number_that_is_refused_is_not_tried_again(sqlite_database: str, carrier: Carrier) -> None:
    post()
    carrier.problems = [sms.Refused("no such number")]
    assert sms.send_due() == 0
    assert [row.status for row in rows()] == ["failed"]
    assert factories.alerts() == ["sms_failed"]


@pytest.mark.logs_errors("could not be handed over")
def test_one_message_that_breaks_the_carrier_does_not_hold_up_the_others(database: str, carrier: Carrier) -> None:
    post("m13:1")
    post("m13:2", number=2)
    carrier.problems = [RuntimeError("broken")]
    assert sms.send_due() == 1
    assert [key for _, _, key in carrier.taken] == ["m13:2"]
    assert [row.status for row in rows()] == ["waiting", "sent"]


def test_no_more_are_taken_up_than_asked_for(sqlite_database: str, carrier: Carrier) -> None:
    for number in range(3):
        post(f"m13:{number}")
    assert sms.send_due(limit=2) == 2
    assert sms.send_due() == 1


def test_what_a_sender_is_busy_with_is_not_taken_by_another(
    database: str, frozen_clock: FrozenClock, monkeypatch: pytest.MonkeyPatch, carrier: Carrier
) -> None:
    post()
    inner: list[int] = []

    def send(to_number: str, text: str, message_key: str) -> None:
        inner.append(sms.send_due())

    monkeypatch.setattr(carrier, "send", send)
    assert sms.send_due() == 1
    assert inner == [0]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_without_a_carrier_messages_are_written_to_the_file_of_the_settings(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "data" / "sms.jsonl"
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(sms_file=path))
    post("m13:1")
    post("m13:2")
    assert sms.send_due() == 2
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [(line["to"], line["key"]) for line in lines] == [(NUMBER, "m13:1"), (NUMBER, "m13:2")]
    assert "12,08 €" in lines[0]["text"]
    assert lines[0]["at"] == clock.now().isoformat()
    assert path.stat().st_mode & 0o077 == 0


def test_a_file_that_cannot_be_written_is_tried_again(sqlite_database: str, tmp_path: Path) -> None:
    post()
    sms.use(sms.FileCarrier(tmp_path))
    assert sms.send_due() == 0
    sms.use(None)
    assert [(row.status, row.tries) for row in rows()] == [("waiting", 1)]
