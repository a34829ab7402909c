"""Outgoing mail: posted as a row in the transaction of the fact that it tells, written and sent after the commit.

A mail is sent at least once and, but for one case, only once: a process that dies between the mail server's yes and our
record of it sends that one mail again. It then carries the same Message-ID, made from the fact's key, so that the
receiver's server can drop the copy. One mail that cannot be written or sent never holds up the others.
"""

import hashlib
import logging
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any

from sqlalchemy import bindparam, update
from sqlmodel import Session, col, select

from pecapp import clock, db, i18n, settings, tables
from pecapp.domain import identity
from pecapp.services import alerts, failpoint, letters, live, mails, post_office, terms

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=15)
"""How long claimed mails belong to whoever claimed them: far more than sending a handful can take."""
HANDFUL = 10
_DELAYS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60))
_GIVE_UP_AFTER = timedelta(days=3)

_MAIL = db.table(tables.OutboxMail)
_AGAIN = (
    update(_MAIL)
    .where(_MAIL.c.dedup_key == bindparam("fact"), _MAIL.c.status == "failed")
    .values(status="waiting", tries=0, ready_at=bindparam("now"))
)
_READY = (
    update(_MAIL)
    .where(
        _MAIL.c.dedup_key == bindparam("fact"),
        _MAIL.c.status == "waiting",
        _MAIL.c.tries == 0,  # once it was taken up, its time belongs to the sender
        _MAIL.c.ready_at > bindparam("now"),
    )
    .values(ready_at=bindparam("now"))
)


def post(  # noqa: PLR0913  (a mail is that many facts, each named by its caller)
    s: Session,
    *,
    template: str,
    dedup_key: str,
    account_id: int | None,
    order_id: int | None = None,
    to_address: str | None = None,
    lang: str | None = None,
    params: dict[str, Any] | None = None,
    ready_at: datetime | None = None,
) -> bool:
    """Put a mail in the outbox, in the caller's transaction; a second one with the same `dedup_key` is not taken.

    Tells whether it was taken. `params` is plain JSON data that no row knows. Without `to_address` or `lang` the
    account's are used, so that a mail of no account needs both. It leaves at `ready_at`, or at once after the commit.
    """
    if template not in mails.TEMPLATES:
        raise ValueError(f"there is no mail {template}")
    if to_address is None or lang is None:
        account = s.get_one(tables.Account, account_id)
        to_address, lang = to_address or account.email, lang or account.lang
    now = clock.now()
    posted = db.insert_once(
        s,
        tables.OutboxMail,
        {
            "dedup_key": dedup_key,
            "template": template,
            "account_id": account_id,
            "order_id": order_id,
            "to_address": to_address,
            "lang": lang,
            "params": params or {},
            "status": "waiting",
            "created_at": now,
            "ready_at": ready_at or now,
            "tries": 0,
            "message_id": "",
            "subject": "",
            "body_text": "",
            "body_html": "",
        },
    )
    if posted and (ready_at is None or ready_at <= now):
        live.publish(s, live.WORK_MAIL)
    return posted


def ready(s: Session, dedup_key: str) -> None:
    """What this mail was waiting for has come: let it leave now. Nothing for a mail that left, or is not there."""
    if db.core(s).execute(_READY, {"fact": dedup_key, "now": clock.now()}).rowcount:
        live.publish(s, live.WORK_MAIL)


def again(s: Session, dedup_key: str) -> None:
    """Try a mail that was given up once more. Nothing for one that left, or waits for its turn."""
    db.core(s).execute(_AGAIN, {"fact": dedup_key, "now": clock.now()})
    live.publish(s, live.WORK_MAIL)


def send_due(limit: int = 100) -> int:
    """Write and send what is due, at most `limit`; gives how many left. Safe to repeat and on several processes.

    No transaction is open while a mail is sent. One that fails is tried again after 1, 5, 15 and 60 minutes, then
    every hour; after three days of that, or when the address is refused for good, it is failed and the staff is told.
    """
    sent = claimed = 0
    while claimed < limit and (mail_ids := claim(tables.OutboxMail, min(HANDFUL, limit - claimed))):
        claimed += len(mail_ids)
        with post_office.open_counter() as counter:
            sent += sum(_send(mail_id, counter) for mail_id in mail_ids)
    return sent


def claim(kind: type[tables.OutboxMail | tables.OutboxSms], limit: int) -> list[int]:
    """Take up what is due of mails or of text messages, for `LEASE`, at most `limit`; gives the ids."""
    now = clock.now()
    due = (
        select(kind.id)
        .where(kind.status == "waiting", col(kind.ready_at) <= now)
        .order_by(col(kind.ready_at), col(kind.id))
        .limit(limit)
    )
    with db.reading() as s:  # looking costs nobody a turn at writing, and mostly there is nothing
        if s.exec(due.limit(1)).first() is None:
            return []
    with db.transaction() as s:
        found = list(s.exec(db.unclaimed(due)))
        s.execute(update(kind).where(col(kind.id).in_(found)).values(ready_at=now + LEASE, tries=col(kind.tries) + 1))
    return found


def _send(mail_id: int, counter: post_office.Counter) -> bool:
    try:
        with db.reading() as s:
            mail = s.get_one(tables.OutboxMail, mail_id)
            composed = mails.compose(s, mail)
        written = letters.write(composed.letter, i18n.language(mail.lang))
        message = _message(mail, written, composed.enclosed)
        failpoint.reach("mail_claimed")
        counter.hand_over(message)
        failpoint.reach("mail_handed_over")
    except post_office.Refused as problem:
        log.warning("mail %s was refused for good: %s", mail_id, problem)
        _fail(mail_id, for_good=True)
    except post_office.Closed as problem:
        log.warning("mail %s could not be handed over: %s", mail_id, problem)
        _fail(mail_id)
    except Exception:  # whatever is wrong with this mail, the next one must leave
        log.exception("mail %s could not be written", mail_id)
        _fail(mail_id)
    else:
        _record(mail_id, message["Message-ID"], written)
        return True
    return False


def _record(mail_id: int, message_id: str, written: letters.Written) -> None:
    """Keep what was sent, without the secret link in it where a mail server has taken the mail away."""
    with db.transaction() as s:
        mail = s.get_one(tables.OutboxMail, mail_id)
        mail.status, mail.sent_at, mail.message_id = "sent", clock.now(), message_id
        mail.subject, mail.body_text, mail.body_html = written.subject, written.text, written.html
        if settings.load().smtp_url:
            mail.body_text = without_link(written.text, mail.params)
            mail.body_html = without_link(written.html, mail.params)
            mail.params = {name: value for name, value in mail.params.items() if name != "path"}
        s.add(mail)


def without_link(written: str, params: dict[str, Any]) -> str:
    """A mail's words without the link that opens something by itself (`params["path"]`)."""
    path = params.get("path")
    return written.replace(path, "/…") if path else written


def _fail(mail_id: int, *, for_good: bool = False) -> None:
    with db.transaction() as s:
        mail = s.get_one(tables.OutboxMail, mail_id)
        if not put_off(s, mail, for_good=for_good):
            alerts.tell_staff(s, "mail_failed", str(mail_id), order_id=mail.order_id, template=mail.template)


def put_off(s: Session, message: tables.OutboxMail | tables.OutboxSms, *, for_good: bool) -> bool:
    """After a try that came to nothing: let a message wait for its next one. False when there is none: it failed."""
    wait = None if for_good else _next_delay(message.tries)
    if wait is None:
        message.status = "failed"
    else:
        message.ready_at = clock.now() + wait
    s.add(message)
    return wait is not None


def _next_delay(tries: int) -> timedelta | None:
    """How long to wait after the try number `tries`; None when three days of trying are over."""
    before = sum(_DELAYS[: tries - 1], timedelta()) + _DELAYS[-1] * max(tries - 1 - len(_DELAYS), 0)
    return None if before >= _GIVE_UP_AFTER else _DELAYS[min(tries, len(_DELAYS)) - 1]


def _message_id(dedup_key: str) -> str:
    domain = parseaddr(settings.load().mail_from)[1].rpartition("@")[2]
    return f"<{hashlib.sha256(dedup_key.encode()).hexdigest()[:40]}@{domain}>"


def _message(mail: tables.OutboxMail, written: letters.Written, enclosed: tuple[terms.Document, ...]) -> EmailMessage:
    """The mail with its headers; an address that is not one is refused, so none can bring headers of its own."""
    to_address, wrong = identity.check_email(mail.to_address)
    if wrong:
        raise post_office.Refused(wrong)
    current = settings.load()
    message = EmailMessage()
    message["From"] = current.mail_from
    message["To"] = to_address
    message["Reply-To"] = current.seller_email
    message["Subject"] = written.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = _message_id(mail.dedup_key)
    message["Auto-Submitted"] = "auto-generated"
    message["Content-Language"] = mail.lang
    message.set_content(written.text)
    message.add_alternative(written.html, subtype="html")
    for document in enclosed:
        message.add_attachment(
            terms.pdf(document), maintype="application", subtype="pdf", filename=terms.filename(document)
        )
    return message
