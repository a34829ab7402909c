"""Where mail leaves the house: a mail server by settings, or nowhere at all, so that it can be read in the outbox."""

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from typing import Protocol
from urllib.parse import SplitResult, unquote, urlsplit

from pecapp import settings

TIMEOUT = 20
"""Seconds for each answer of the mail server."""
_FOR_GOOD = 500


class Refused(Exception):
    """This mail will never be taken: its address or content was refused for good."""


class Closed(Exception):
    """The mail server does not take mail now; trying again later is right."""


class Counter(Protocol):
    """Somewhere to hand mail over."""

    def hand_over(self, message: EmailMessage) -> None:
        """Return once the message was taken. Raises Refused or Closed."""
        ...


@contextmanager
def open_counter() -> Iterator[Counter]:
    """A counter for a handful of mails, by `settings.smtp_url`; connects with the first one."""
    url = settings.load().smtp_url
    if url is None:
        yield _Shelf()
        return
    counter = _MailServer(urlsplit(url))
    try:
        yield counter
    finally:
        counter.leave()


class _Shelf:
    """The embedded mailbox: the outbox row itself is all that is needed."""

    def hand_over(self, message: EmailMessage) -> None:
        """Check that the message could be sent as it is."""
        message.as_bytes()


class _MailServer:
    """One connection for a handful of mails; a server that cannot be reached is not waited for again and again."""

    def __init__(self, url: SplitResult) -> None:
        self.url = url
        self.connection: smtplib.SMTP | None = None
        self.closed: Closed | None = None

    def hand_over(self, message: EmailMessage) -> None:
        connection = self._connected()
        try:
            connection.send_message(message)
        except smtplib.SMTPRecipientsRefused as problem:
            codes = {code for code, _ in problem.recipients.values()}
            raise (Refused if min(codes) >= _FOR_GOOD else Closed)(f"recipient refused: {sorted(codes)}") from problem
        except smtplib.SMTPDataError as problem:
            kind = Refused if problem.smtp_code >= _FOR_GOOD else Closed
            raise kind(f"content refused: {problem.smtp_code}") from problem
        except (smtplib.SMTPException, OSError) as problem:
            self.leave()
            raise Closed(type(problem).__name__) from problem

    def leave(self) -> None:
        """Say goodbye, if there is anybody to say it to."""
        if self.connection is not None:
            with suppress(smtplib.SMTPException, OSError):
                self.connection.quit()
            self.connection = None

    def _connected(self) -> smtplib.SMTP:
        if self.closed is not None:
            raise self.closed
        if self.connection is None:
            try:
                self.connection = self._connect()
            except (smtplib.SMTPException, OSError) as problem:
                self.closed = Closed(f"no connection: {type(problem).__name__}")
                raise self.closed from problem
        return self.connection

    def _connect(self) -> smtplib.SMTP:
        host, context = self.url.hostname or "localhost", ssl.create_default_context()
        if self.url.scheme == "smtps":
            connection: smtplib.SMTP = smtplib.SMTP_SSL(host, self.url.port or 465, timeout=TIMEOUT, context=context)
        else:
            connection = smtplib.SMTP(host, self.url.port or 587, timeout=TIMEOUT)
        try:
            self._greet(connection, host, context)
        except (smtplib.SMTPException, OSError):
            connection.close()
            raise
        return connection

    def _greet(self, connection: smtplib.SMTP, host: str, context: ssl.SSLContext) -> None:
        """Encrypt and sign in, as the address says. Nothing travels in the clear to another machine."""
        if self.url.scheme == "smtp":
            connection.ehlo()
            if connection.has_extn("starttls"):
                connection.starttls(context=context)
            elif not _is_here(host):
                raise smtplib.SMTPNotSupportedError("the mail server offers no encryption")
        if self.url.username:
            connection.login(unquote(self.url.username), unquote(self.url.password or ""))


def _is_here(host: str) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
