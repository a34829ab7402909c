"""The rehearsal of a day's debits, as its page goes through it."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from pecapp import i18n
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
