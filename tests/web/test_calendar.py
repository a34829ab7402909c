"""The calendar over HTTP: text/calendar to whoever has the address, a plain 404 for anything else, and no traces."""

import logging
import re
from datetime import date

import icalendar
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from pecapp import tables
from pecapp.services import calendar_feed
from pecapp.web import calendar, documents, routes
from tests.support import factories, renewing
from tests.support.visitor import Visitor, visiting

E = date(2027, 4, 30)
pytestmark = pytest.mark.usefixtures("sqlite_database", "frozen_clock")


@pytest.fixture
def visitor(monkeypatch: pytest.MonkeyPatch) -> Visitor:
    factories.stock()
    return visiting(monkeypatch, [*calendar.routes, *documents.routes])


@pytest.fixture
def path(visitor: Visitor) -> str:
    """The calendar's address of a customer with a coming debit."""
    customer = factories.customer()
    renewing.service(customer, renewing.card(customer), E)
    return calendar_feed.create(customer).removeprefix("http://localhost:8000")


def test_a_calendar_program_reads_it_without_signing_in(visitor: Visitor, path: str) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert answer.headers["cache-control"] == "private, max-age=3600"
    assert "noindex" in answer.headers["x-robots-tag"]
    assert "set-cookie" not in answer.headers
    (shown,) = icalendar.Calendar.from_ical(answer.content).events
    assert shown.start == date(2027, 4, 23)


def test_what_has_not_changed_is_not_sent_again(visitor: Visitor, path: str) -> None:
    first = visitor.get(path)
    tag = first.headers["etag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = visitor.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert (again.headers["etag"], again.headers["cache-control"]) == (tag, first.headers["cache-control"])
    for other in ("", '"other"', tag.strip('"')):
        assert visitor.get(path, headers={"if-none-match": other}).status_code == 200


def test_only_its_head_can_be_asked_for(visitor: Visitor, path: str) -> None:
    head = visitor._send("HEAD", path)
    full = visitor.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["etag"] == full.headers["etag"]
    assert visitor.post(path).status_code == 405


def test_a_changed_debit_is_sent(visitor: Visitor, path: str) -> None:
    tag = visitor.get(path).headers["etag"]
    customer = factories.customer()
    assert calendar_feed.create(customer)
    assert visitor.get(path, headers={"if-none-match": tag}).status_code == 304
    (service,) = factories.rows(tables.Service)
    renewing.choice(service, None)
    assert visitor.get(path, headers={"if-none-match": tag}).status_code == 200


def test_a_revoked_address_and_a_guess_are_missing_as_any_document(visitor: Visitor, path: str) -> None:
    owner = factories.the(tables.CalendarFeed).account_id
    calendar_feed.revoke(type(visitor.who)("s", owner, "customer"))
    answers = {
        (answer.status_code, answer.text, str(sorted(answer.headers.items())))
        for address in (
            path,
            "/calendario/x.ics",
            f"/calendario/{'x' * 2000}.ics",
            "/calendario/%27%20OR%201=1.ics",
            "/calendario/%00.ics",
            "/calendario/%ff.ics",
            "/calendario/..%5C..ics",
            "/documenti/privacy/1999-01",
        )
        for answer in [visitor.get(address)]
    }
    assert len(answers) == 1
    assert next(iter(answers))[0] == 404
    assert visitor.get("/calendario/x").status_code == 404
    assert visitor.get("/calendario/a/b.ics").status_code == 404


@pytest.mark.logs_errors("fault")
def test_the_address_is_in_no_log_whatever_goes_wrong(
    visitor: Visitor, path: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(token: str) -> bytes:
        raise RuntimeError("broken")

    secret = path.rsplit("/", 1)[1].removesuffix(".ics")
    api: Starlette = routes.api()
    with caplog.at_level(logging.DEBUG), TestClient(api, raise_server_exceptions=False) as client:
        assert client.get(path).status_code == 200
        monkeypatch.setattr(calendar_feed, "ics", fail)
        answer = client.get(path)
    assert answer.status_code == 500
    ours = [record for record in caplog.records if record.name.partition(".")[0] == "pecapp"]
    (line,) = [record.getMessage() for record in ours if record.getMessage().startswith("fault")]
    assert re.search(r"at GET /calendario/….ics$", line)
    assert [record for record in ours if secret in record.getMessage() or secret in str(record.args)] == []
    assert secret not in answer.text
