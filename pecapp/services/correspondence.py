"""The mails that have left, read again: by the customers themselves, and by developers and tests."""

from dataclasses import replace

from sqlmodel import col, select

from pecapp import db, errors, i18n, tables
from pecapp.services import access, mails, outbox, views


def mailbox(limit: int = 100, to_address: str = "") -> list[views.MailView]:
    """The newest mails, of everybody or to one address, as they left: for developers and tests, never for customers."""
    wanted = select(tables.OutboxMail).order_by(col(tables.OutboxMail.id).desc()).limit(limit)
    if to_address:
        wanted = wanted.where(tables.OutboxMail.to_address == to_address)
    with db.reading() as s:
        return [_view(mail) for mail in s.exec(wanted)]


def mail(mail_id: int) -> views.MailView:
    """One mail with its HTML and what was enclosed, for developers and tests. Raises NotFound."""
    with db.reading() as s:
        row = s.get(tables.OutboxMail, mail_id)
        if row is None:
            raise errors.NotFound
        enclosed = mails.compose(s, row).enclosed if row.status == "sent" else ()
        return replace(
            _view(row),
            html=row.body_html,
            enclosed=[views.DocumentView(one.id, one.version, one.title, one.url) for one in enclosed],
        )


def of_account(actor: access.Actor, limit: int = 100) -> list[views.MailView]:
    """«Comunicazioni»: what was sent to this customer, newest first, without links that open something by themselves.

    Raises Forbidden.
    """
    account_id = access.require(actor)
    wanted = (
        select(tables.OutboxMail)
        .where(tables.OutboxMail.account_id == account_id, tables.OutboxMail.status == "sent")
        .order_by(col(tables.OutboxMail.id).desc())
        .limit(limit)
    )
    with db.reading() as s:
        return [replace(_view(row), text=outbox.without_link(row.body_text, row.params)) for row in s.exec(wanted)]


def _view(row: tables.OutboxMail) -> views.MailView:
    return views.MailView(
        id=row.id or 0,
        to_address=row.to_address,
        template=row.template,
        subject=row.subject,
        sent=i18n.instant(row.sent_at, i18n.language(row.lang)) if row.sent_at else "",
        status=row.status,
        text=row.body_text,
    )
