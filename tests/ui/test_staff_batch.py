"""The rehearsal of a day's debits, as its page goes through it."""

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import clock, i18n
from pecapp.services import brake
from pecapp.services.admin import batch
from tests.support import people
from tests.ui import conftest as site

BATCH = f"{site.STATE}.pecapp___ui___states___admin___batch____batch"
CHECKING = '"checking_rx_state_":'


def test_a_day_is_gone_through_piece_by_piece(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def piece(_actor: Any, _day: Any, after: str, _lang: str) -> batch.Piece:
        asked.append(after)
        return batch.Piece(cents=100, lights={"covered": 1}, after="1:2027-03-31" if len(asked) % 2 else "")

    with site.Browser(client, people.staff_cookie("owner")).connect() as socket:
        tab = site.arrive(socket, "/admin")
        monkeypatch.setattr(batch, "rehearse", piece)
        tab.emit(f"{BATCH}.load")
        tab.until(f"{CHECKING}true")
        assert '"covered_rx_state_":2' in tab.until('"total_rx_state_":"2,00')
        tab.until(f"{CHECKING}false")
    assert asked == ["", "1:2027-03-31"]


@pytest.mark.logs_errors("fault")
def test_a_look_that_breaks_off_does_not_say_for_ever_that_it_goes_on(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> batch.Piece:
        raise ZeroDivisionError

    with site.Browser(client, people.staff_cookie("owner")).connect() as socket:
        tab = site.arrive(socket, "/admin")
        monkeypatch.setattr(batch, "rehearse", broken)
        tab.emit(f"{BATCH}.load")
        tab.until(i18n.text("ERRORE_INATTESO", "it", reference="").partition(".")[0])
    last = "".join(tab.frames).rpartition(CHECKING)[2]
    assert last.startswith("false")


@pytest.mark.parametrize("ahead", [0, 3, 8, -1])
def test_the_day_of_the_address_is_the_one_that_is_shown(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    asked = []
    monkeypatch.setattr(batch, "rehearse", lambda _actor, day, *_: asked.append(day) or batch.Piece())
    wanted = clock.today() + timedelta(days=ahead)
    with site.Browser(client, people.staff_cookie("owner")).connect() as socket:
        tab = site.arrive(socket, "/admin/addebiti", {"giorno": wanted.isoformat()})
        tab.emit(f"{BATCH}.load")
        tab.until(f"{CHECKING}true")
        tab.until(f"{CHECKING}false")
    assert set(asked) == {wanted if 0 <= ahead < batch.DAYS else clock.today()}


@pytest.mark.parametrize("said", ["", "x", None, 3, "2027-02-30", "9999-12-31", {"$gt": ""}])
def test_a_day_that_cannot_be_chosen_leads_nowhere(client: TestClient, said: Any) -> None:
    near = (clock.today() + timedelta(days=2)).isoformat()
    with site.Browser(client, people.staff_cookie("owner")).connect() as socket:
        tab = site.arrive(socket, "/admin/addebiti")
        tab.emit(f"{BATCH}.load")
        tab.settle()
        tab.emit(f"{BATCH}.choose", {"day": said})
        tab.settle()
        assert "/admin/addebiti?giorno" not in tab.seen
        tab.emit(f"{BATCH}.choose", {"day": near})
        tab.settle()
    assert f"/admin/addebiti?giorno={near}" in tab.seen


def test_an_open_board_shows_the_brake_by_itself(client: TestClient) -> None:
    owner = people.staff("owner")
    with site.Browser(client, people.staff_cookie("support")).connect() as socket:
        tab = site.arrive(socket, "/admin")
        tab.settle()
        assert "il listino sembra sbagliato" not in tab.seen
        batch.hold(owner, brake.ALL, "il listino sembra sbagliato")
        tab.until("il listino sembra sbagliato")
        batch.release(owner, brake.ALL, "era giusto")
        tab.until('"brake":{"by":""')
