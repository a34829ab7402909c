"""Text messages, the second channel beside a mail: posted with the fact that they tell, handed over after the commit.

Without a mobile carrier they are written to a file. As with mails, one is handed over at least once, always under the
same key, so that a carrier can drop the copy; and one that cannot be sent never holds up the others.
"""

import json
import logging
import os
import unicodedata
from datetime import date
from pathlib import Path
from typing import Protocol

from sqlmodel import Session

from pecapp import clock, db, i18n, settings, tables
from pecapp.domain import identity
from pecapp.services import alerts, live, outbox

log = logging.getLogger(__name__)

LENGTH = 160
"""Characters of the GSM alphabet in one message."""
_ALPHABET = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_TWOFOLD = frozenset("€^{}[]~\\|")
"""Characters that count as two."""
_CUT = "..."


class Refused(Exception):
    """This message will never be taken: its number was refused for good."""


class Closed(Exception):
    """The carrier does not take messages now; trying again later is right."""


class Carrier(Protocol):
    """Somewhere to hand text messages over."""

    def send(self, to_number: str, text: str, message_key: str) -> None:
        """Return once the message was taken; one with the same key is the same. Raises Refused or Closed."""
        ...


class FileCarrier:
    """Writes messages to a file, one JSON object a line, instead of sending them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, to_number: str, text: str, message_key: str) -> None:
        """Return once the line is on the disk, in one piece whoever else writes. Raises Closed."""
        line = {"at": clock.now().isoformat(), "to": to_number, "text": text, "key": message_key}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                os.fsync(file.fileno())
        except OSError as problem:
            raise Closed(type(problem).__name__) from problem


_carrier: Carrier | None = None


def use(carrier: Carrier | None) -> None:
    """Hand messages to `carrier` from now on; None goes back to the file of the settings."""
    global _carrier  # noqa: PLW0603  (one process has one carrier)
    _carrier = carrier


def post(s: Session, *, dedup_key: str, account_id: int, key: str, **params: object) -> bool:
    """Put a text message in the outbox, in the caller's transaction; a second one with this `dedup_key` is not taken.

    The words are those under `key` in the account's language: a date among `params` is written out, and `amount_cents`
    becomes `{amount}`. Tells whether it was taken: not for an account without a mobile number.
    """
    account = s.get_one(tables.Account, account_id)
    to_number, wrong = identity.check_mobile(str(account.holder.get("phone") or ""))
    if wrong:
        return False
    now = clock.now()
    posted = db.insert_once(
        s,
        tables.OutboxSms,
        {
            "dedup_key": dedup_key,
            "account_id": account_id,
            "to_number": to_number,
            "text": words(key, i18n.language(account.lang), **params),
            "status": "waiting",
            "created_at": now,
            "ready_at": now,
            "tries": 0,
        },
    )
    if posted:
        live.publish(s, live.WORK_MAIL)
    return posted


def words(key: str, lang: i18n.Lang, **params: object) -> str:
    """The text of a message; a service's name that is too long for what is left of one message is cut."""
    written = {name.removesuffix("_cents"): _written(name, value, lang) for name, value in params.items()}
    written["brand"] = settings.load().brand_name
    text = _plain(i18n.text(key, lang, **written))
    if (excess := length(text) - LENGTH) > 0:
        service = _plain(written["service"])
        shorter = service[: max(len(service) - excess - len(_CUT), 0)] + _CUT
        text = _plain(i18n.text(key, lang, **written | {"service": shorter}))
    return text


def _written(name: str, value: object, lang: i18n.Lang) -> str:
    if isinstance(value, date):
        return i18n.date(value, lang)
    if name.endswith("_cents") and isinstance(value, int):
        return i18n.money(value, lang)
    return str(value)


def length(text: str) -> int:
    """How many characters of the GSM alphabet a plain text takes."""
    return len(text) + sum(character in _TWOFOLD for character in text)


def _plain(text: str) -> str:
    """The text in the GSM alphabet: one letter outside it would make every character count double."""
    return "".join(_nearest(character) for character in text)


def _nearest(character: str) -> str:
    if character in _ALPHABET or character in _TWOFOLD:
        return character
    simple = "".join(one for one in unicodedata.normalize("NFKD", character) if one in _ALPHABET)
    return simple or "?"


def send_due(limit: int = 100) -> int:
    """Hand over what is due, at most `limit`; gives how many were taken. Safe to repeat and on several processes.

    No transaction is open meanwhile. One that fails is tried again with the delays of the mails; after three days, or
    when its number is refused for good, it is failed and the staff is told.
    """
    sent = claimed = 0
    while claimed < limit and (found := outbox.claim(tables.OutboxSms, min(outbox.HANDFUL, limit - claimed))):
        claimed += len(found)
        sent += sum(_send(sms_id) for sms_id in found)
    return sent


def _send(sms_id: int) -> bool:
    carrier = _carrier or FileCarrier(settings.load().sms_file)
    with db.reading() as s:
        sms = s.get_one(tables.OutboxSms, sms_id)
    try:
        carrier.send(sms.to_number, sms.text, sms.dedup_key)
    except Refused as problem:
        log.warning("text message %s was refused for good: %s", sms_id, problem)
        _fail(sms_id, for_good=True)
    except Closed as problem:
        log.warning("text message %s could not be handed over: %s", sms_id, problem)
        _fail(sms_id)
    except Exception:  # whatever is wrong with this message, the next one must leave
        log.exception("text message %s could not be handed over", sms_id)
        _fail(sms_id)
    else:
        with db.transaction() as s:
            row = s.get_one(tables.OutboxSms, sms_id)
            row.status, row.sent_at = "sent", clock.now()
            s.add(row)
        return True
    return False


def _fail(sms_id: int, *, for_good: bool = False) -> None:
    with db.transaction() as s:
        sms = s.get_one(tables.OutboxSms, sms_id)
        if not outbox.put_off(s, sms, for_good=for_good):
            alerts.tell_staff(s, "sms_failed", str(sms_id), message=sms.dedup_key)
