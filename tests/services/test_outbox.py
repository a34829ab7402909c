"""Mail leaves once for each fact, whatever happens to the mail server, the process, or another mail."""

import smtplib
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest
from sqlmodel import col, select

from pecapp import clock, db, errors, settings, tables
from pecapp.services import correspondence, outbox, post_office
from tests.conftest import FrozenClock
from tests.support import papers

RECEIVER = "mario.rossi@example.test"


def post(dedup_key: str = "m06:1", template: str = "m06", **changes: Any) -> int:
    """An account with an order, and a mail about it; gives the account."""
    with db.transaction() as s:
        account_id = papers.account(s, lang="it")
        order_id = papers.order(s, account_id)
        outbox.post(
            s,
            template=template,
            dedup_key=dedup_key,
            account_id=account_id,
            order_id=order_id,
            **{"to_address": RECEIVER, "lang": "it", **changes},
        )
        return account_id


def again(count: int, account_id: int = 1) -> None:
    with db.transaction() as s:
        for number in range(count):
            outbox.post(
                s, template="m06", dedup_key=f"again:{number}", account_id=account_id, order_id=1, to_address=RECEIVER
            )


def rows() -> list[tables.OutboxMail]:
    with db.reading() as s:
        return list(s.exec(select(tables.OutboxMail).order_by(col(tables.OutboxMail.id))))


def alerts() -> list[tables.Alert]:
    with db.reading() as s:
        return list(s.exec(select(tables.Alert)))


def parsed(raw: bytes) -> EmailMessage:
    return BytesParser(EmailMessage, policy=policy.default).parsebytes(raw)


class Counter:
    """A mail server that does as it is told."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.problem: Exception | None = None

    def hand_over(self, message: EmailMessage) -> None:
        if self.problem is not None:
            raise self.problem
        self.taken.append(parsed(message.as_bytes()))


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Counter:
    made = Counter()

    @contextmanager
    def opened() -> Iterator[Counter]:
        yield made

    monkeypatch.setattr(post_office, "open_counter", opened)
    return made


# --- posting ----------------------------------------------------------------------------------------------------------


def test_a_fact_is_told_once(database: str, frozen_clock: FrozenClock) -> None:
    account_id = post("m06:1")
    with db.transaction() as s:
        outbox.post(s, template="m06", dedup_key="m06:1", account_id=account_id, order_id=1)
    assert len(rows()) == 1
    assert outbox.send_due() == 1
    assert outbox.send_due() == 0


def test_a_fact_that_is_rolled_back_is_not_told(database: str) -> None:
    account_id = post("first")
    with pytest.raises(ZeroDivisionError):
        _post_and_fail(account_id)
    assert [mail.dedup_key for mail in rows()] == ["first"]


def _post_and_fail(account_id: int) -> None:
    with db.transaction() as s:
        outbox.post(s, template="m06", dedup_key="second", account_id=account_id)
        raise ZeroDivisionError


def test_without_address_and_language_the_accounts_are_used(database: str) -> None:
    with db.transaction() as s:
        account_id = papers.account(s, lang="en")
        outbox.post(s, template="m01", dedup_key="x", account_id=account_id, params={"path": "/x"})
    assert [(mail.to_address, mail.lang) for mail in rows()] == [("mario1@example.test", "en")]


def test_a_mail_that_does_not_exist_cannot_be_posted(database: str) -> None:
    with pytest.raises(ValueError, match="m99"):
        post(template="m99")
    assert rows() == []


def test_a_mail_waits_for_its_time_or_until_it_is_ready(database: str, frozen_clock: FrozenClock) -> None:
    post("m06:1", ready_at=clock.now() + timedelta(seconds=30))
    assert outbox.send_due() == 0
    with db.transaction() as s:
        outbox.ready(s, "m06:1")
    assert outbox.send_due() == 1
    with db.transaction() as s:
        outbox.ready(s, "m06:1")
    assert outbox.send_due() == 0


def test_what_becomes_ready_while_it_is_being_sent_is_not_sent_twice(
    database: str, frozen_clock: FrozenClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    post("m06:1")
    inner: list[int] = []

    def hand_over(message: EmailMessage) -> None:
        with db.transaction() as s:
            outbox.ready(s, "m06:1")
        inner.append(outbox.send_due())

    monkeypatch.setattr(counter, "hand_over", hand_over)
    assert outbox.send_due() == 1
    assert inner == [0]


# --- sending ----------------------------------------------------------------------------------------------------------


def test_a_mail_is_sent_with_all_its_headers_and_both_bodies(
    database: str, frozen_clock: FrozenClock, counter: Counter
) -> None:
    post("m02:order:1", template="m02")
    assert outbox.send_due() == 1
    (message,) = counter.taken
    assert message["To"] == RECEIVER
    assert message["From"] == "Ceralacca <ordini@ceralacca.test>"
    assert message["Reply-To"] == "assistenza@ceralacca.test"
    assert message["Subject"] == "Conferma ordine"
    assert message["Date"] == "Wed, 10 Mar 2027 12:00:00 +0000"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@ceralacca.test>")
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert kinds == ["text/plain", "text/html", "application/pdf", "application/pdf"]
    names = [part.get_filename() for part in message.iter_attachments()]
    assert names == ["condizioni-pec-e-fatturazione-2026-06.pdf", "recesso-2026-06.pdf"]
    assert all(part.get_content().startswith(b"%PDF") for part in message.iter_attachments())


def test_what_was_sent_can_be_read_again(database: str, frozen_clock: FrozenClock, counter: Counter) -> None:
    account_id = post()
    outbox.send_due()
    (row,) = rows()
    assert (row.status, row.sent_at, row.subject) == ("sent", clock.now(), "Pagamento non riuscito")
    assert row.message_id == counter.taken[0]["Message-ID"]
    assert "1234567897" in row.body_text
    assert row.body_html.startswith("<!doctype html>")
    (shown,) = correspondence.of_account(papers.actor(account_id))
    assert (shown.subject, shown.text) == (row.subject, row.body_text)


def test_customers_read_only_their_own_mail(database: str, frozen_clock: FrozenClock) -> None:
    post()
    outbox.send_due()
    with db.transaction() as s:
        other = papers.account(s, number=2)
    assert correspondence.of_account(papers.actor(other)) == []
    with pytest.raises(errors.Forbidden):
        correspondence.of_account(papers.actor(None))


def test_secret_links_are_not_shown_again_and_not_kept_once_a_mail_server_has_them(
    database: str, frozen_clock: FrozenClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as s:
        account_id = papers.account(s)
        for name in ("a", "b"):
            params = {"path": f"/password?token=secret-{name}"}
            outbox.post(s, template="m00", dedup_key=name, account_id=account_id, params=params)
    assert outbox.send_due(1) == 1
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(smtp_url="smtp://localhost:2525"))
    assert outbox.send_due(1) == 1
    assert [f"secret-{name}" in str(message) for name, message in zip("ab", counter.taken, strict=True)] == [True] * 2
    first, second = rows()
    assert "secret-a" in first.body_text
    assert "secret-b" not in f"{second.body_text} {second.body_html} {second.params}"
    assert not any("secret" in mail.text for mail in correspondence.of_account(papers.actor(account_id)))


@pytest.mark.parametrize("address", ["mario@example.test\r\nBcc: all@example.test", "not an address", "a@b", "-"])
def test_an_address_cannot_bring_headers_of_its_own(
    database: str, frozen_clock: FrozenClock, counter: Counter, address: str
) -> None:
    post(to_address=address)
    assert outbox.send_due() == 0
    assert counter.taken == []
    assert [row.status for row in rows()] == ["failed"]
    assert [alert.kind for alert in alerts()] == ["mail_failed"]


@pytest.mark.logs_errors("could not be written")
def test_a_mail_that_cannot_be_written_holds_up_no_other(
    database: str, frozen_clock: FrozenClock, counter: Counter
) -> None:
    account_id = post()
    with db.transaction() as s:
        outbox.post(s, template="m06", dedup_key="bad", account_id=account_id, order_id=None, to_address=RECEIVER)
    again(2)
    assert outbox.send_due() == 3
    assert [row.status for row in rows()] == ["sent", "waiting", "sent", "sent"]


# --- trying again -----------------------------------------------------------------------------------------------------


def test_a_closed_mail_server_is_tried_again_later_and_gets_one_copy(
    database: str, frozen_clock: FrozenClock, counter: Counter
) -> None:
    post()
    counter.problem = post_office.Closed("away")
    for minutes in (1, 5, 15, 60, 60, 60):
        assert outbox.send_due() == 0
        frozen_clock.advance(minutes=minutes, seconds=-1)
        tries = rows()[0].tries
        assert outbox.send_due() == 0
        assert rows()[0].tries == tries, "not before its time"
        frozen_clock.advance(seconds=1)
    counter.problem = None
    assert outbox.send_due() == 1
    assert len(counter.taken) == 1
    assert alerts() == []


def test_after_three_days_of_trying_the_staff_is_told(
    database: str, frozen_clock: FrozenClock, counter: Counter
) -> None:
    post()
    counter.problem = post_office.Closed("away")
    started = clock.now()
    while rows()[0].status == "waiting":
        outbox.send_due()
        frozen_clock.advance(hours=1)
        assert clock.now() - started < timedelta(days=4)
    assert clock.now() - started > timedelta(days=3)
    assert [row.status for row in rows()] == ["failed"]
    assert [(alert.kind, alert.order_id) for alert in alerts()] == [("mail_failed", 1)]
    counter.problem = None
    assert outbox.send_due() == 0


def test_a_mail_refused_for_good_is_not_tried_again(database: str, frozen_clock: FrozenClock, counter: Counter) -> None:
    post()
    counter.problem = post_office.Refused("550")
    assert outbox.send_due() == 0
    assert [row.status for row in rows()] == ["failed"]


def test_a_process_that_dies_after_sending_sends_the_same_mail_at_most_once_more(
    database: str, frozen_clock: FrozenClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    post()

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_record", die)
        with pytest.raises(KeyboardInterrupt):
            outbox.send_due()
    assert outbox.send_due() == 0, "still in the hands of the one that died"
    frozen_clock.advance(seconds=outbox.LEASE.total_seconds())
    assert outbox.send_due() == 1
    assert outbox.send_due() == 0
    first, second = counter.taken
    assert first["Message-ID"] == second["Message-ID"]


def test_two_senders_at_once_send_each_mail_once(database: str, frozen_clock: FrozenClock, counter: Counter) -> None:
    account_id = post()
    again(40, account_id)
    sent: list[int] = []
    threads = [threading.Thread(target=lambda: sent.append(outbox.send_due())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    outbox.send_due()
    assert sum(sent) <= 41
    assert len(counter.taken) == len({message["Message-ID"] for message in counter.taken}) == 41


# --- the mail server --------------------------------------------------------------------------------------------------


class _Server(socketserver.ThreadingTCPServer):
    """A mail server for one test: `refuse` is what it answers to RCPT, `taken` what it got."""

    daemon_threads = True
    refuse = ""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    """The few words of SMTP that a sender needs."""

    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.upper().split(":")[0].split(" ")[0]
            if verb == "DATA":
                self.say("354 go on")
                body = b""
                while not body.endswith(b"\r\n.\r\n"):
                    body += self.rfile.readline()
                self.server.taken.append(body)
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say((self.server.refuse if verb == "RCPT" else "") or "250 ok")

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@pytest.fixture
def smtp(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Server]:
    with _Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"smtp://127.0.0.1:{server.server_address[1]}"
        monkeypatch.setattr(settings, "load", lambda: settings.Settings(smtp_url=url))
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("sqlite_database", "frozen_clock")
def test_a_mail_server_takes_the_mail(smtp: _Server) -> None:
    post()
    assert outbox.send_due() == 1
    message = parsed(smtp.taken[0])
    assert message["Subject"] == "Pagamento non riuscito"
    body = message.get_body(("plain",))
    assert body is not None
    assert "1234567897" in body.get_content()


@pytest.mark.usefixtures("sqlite_database", "frozen_clock")
@pytest.mark.parametrize(("answer", "status"), [("550 nobody", "failed"), ("451 later", "waiting")])
def test_a_refusal_for_good_and_one_for_a_while_are_told_apart(smtp: _Server, answer: str, status: str) -> None:
    smtp.refuse = answer
    post()
    assert outbox.send_due() == 0
    assert [row.status for row in rows()] == [status]


@pytest.mark.usefixtures("sqlite_database", "frozen_clock")
def test_a_mail_server_that_is_away_is_asked_once_for_a_handful(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def connect(host: str, port: int, timeout: float) -> smtplib.SMTP:
        asked.append(host)
        raise ConnectionRefusedError

    monkeypatch.setattr(smtplib, "SMTP", connect)
    monkeypatch.setattr(settings, "load", lambda: settings.Settings(smtp_url="smtp://localhost:1"))
    account_id = post()
    again(4, account_id)
    assert outbox.send_due() == 0
    assert asked == ["localhost"]
    assert {row.status for row in rows()} == {"waiting"}


@pytest.mark.usefixtures("sqlite_database", "frozen_clock")
def test_nothing_is_sent_in_the_clear_to_another_machine(smtp: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_office, "_is_here", lambda host: False)
    post()
    assert outbox.send_due() == 0
    assert smtp.taken == []
    assert [row.status for row in rows()] == ["waiting"]
